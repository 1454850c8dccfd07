/* SPDX-License-Identifier: MIT */
/* audit_rewards.c - what shop orders mean for their buyers' points and total_spent. */
#include "ext/sql.h"
#include "shop/audit/audit_sql.h"
#include "shop/loyalty/points.h"
#include "shop/loyalty/reward.h"
#include "shop/money/refund.h"
#include "shop/trade/order.h"

#define PAID_SET ORDER_PAID, ORDER_SHIPPED, ORDER_COMPLETED
/* What succeeded of the refunds of order o. */
#define REFUNDED_OF_ORDER                                                                             \
	"(SELECT CAST(COALESCE(SUM(r.amount), 0) AS SIGNED) FROM refunds r FORCE INDEX (by_payable) " \
	"STRAIGHT_JOIN payment_attempts a FORCE INDEX (PRIMARY) ON a.attempt_id = r.attempt_id "      \
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") WHERE r.payable_kind = " SQL(                  \
		PAYABLE_ORDER) " AND r.payable_id = o.id AND r.state = " SQL(REFUND_SUCCESS) " AND r.automatic = FALSE)"
/* The sum of the ledger's rows of a type about order o. */
#define POINTS_OF_ORDER(type)                                                                      \
	SUM_OF("e.points", "point_entries e", "source",                                            \
		"e.reference_type = '" REWARD_SOURCE                                               \
		"' AND e.reference_id = o.order_no "                                               \
		"AND e.type = " SQL(type))

static const char SQL_HOLD[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('status ', o.status, ' with points_used ', o.points_used, ', of which ', "
	"COALESCE(h.points, 0), ' are in hold state ', COALESCE(h.state, 0)) AS problem "
	"FROM orders o LEFT JOIN point_holds h FORCE INDEX (reference) "
	"ON h.reference_type = '" REWARD_SOURCE "' AND h.reference_id = o.order_no "
	"AND h.live = TRUE WHERE COALESCE(h.state, 0) <> "
	"CASE WHEN o.points_used = 0 OR o.status = " SQL(ORDER_CANCELLED) " THEN 0 "
	"WHEN o.status = " SQL(ORDER_PENDING) " THEN " SQL(HOLD_HELD) " ELSE " SQL(HOLD_POSTED) " END "
	"OR COALESCE(h.points, o.points_used) <> o.points_used LIMIT ?";
static const char SQL_HOLD_ORDER[] =
	"SELECT CONCAT('hold ', h.hold_id) AS subject, "
	"CONCAT('for ', h.reference_id, ', which is no order of its member') AS problem "
	"FROM point_holds h LEFT JOIN orders o FORCE INDEX (order_no) "
	"ON o.order_no = h.reference_id LEFT JOIN members m FORCE INDEX (PRIMARY) "
	"ON m.member_id = h.member_id AND m.user_id = o.user_id "
	"WHERE h.reference_type = '" REWARD_SOURCE "' AND m.member_id IS NULL LIMIT ?";
/* how much it earned depends on the settings of that time */
static const char SQL_EARNED[] =
	"SELECT CONCAT('point_entry ', e.entry_id) AS subject, "
	"CONCAT('earned for ', e.reference_id, ', which its member has not paid in cash') AS problem "
	"FROM point_entries e LEFT JOIN orders o FORCE INDEX (order_no) "
	"ON o.order_no = e.reference_id AND o.rewarded = TRUE AND o.total_amount > 0 "
	"LEFT JOIN members m FORCE INDEX (PRIMARY) "
	"ON m.member_id = e.member_id AND m.user_id = o.user_id "
	"WHERE e.type = " SQL(POINTS_EARN) " AND e.reference_type = '" REWARD_SOURCE
					   "' "
					   "AND m.member_id IS NULL LIMIT ?";
#define SHARE(points)                                                                              \
	"IF(o.status = " SQL(ORDER_REFUNDED) ", " points                                           \
					     ", IF(o.total_amount = 0, 0, "                        \
					     "CAST(" points                                        \
					     " AS DECIMAL(40)) * o.gone DIV o.total_amount))"
static const char SQL_BACK[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('with ', o.gone, ' of ', o.total_amount, ' fen refunded, ', -o.taken, ' of ', "
	"o.earned, ' points earned were taken back and ', o.returned, ' of ', o.points_used, "
	"' used returned') AS problem FROM (SELECT o.order_no, o.status, o.total_amount, "
	"o.points_used, " REFUNDED_OF_ORDER " AS gone, " POINTS_OF_ORDER(POINTS_EARN) " AS earned, "
	POINTS_OF_ORDER(POINTS_TAKE_BACK) " AS taken, " POINTS_OF_ORDER(POINTS_RETURN) " AS returned "
	"FROM orders o WHERE o.rewarded = TRUE) o WHERE -o.taken <> " SHARE("o.earned") " "
	"OR o.returned <> " SHARE("o.points_used") " LIMIT ?";
static const char SQL_REWARDED[] =
	"SELECT CONCAT('order ', order_no) AS subject, "
	"CONCAT('status ', status, ' with rewarded ', rewarded, ', points_used ', points_used) "
	"AS problem FROM orders WHERE (rewarded = TRUE "
	"AND status IN (" SQL(ORDER_PENDING, ORDER_CANCELLED) ")) OR (rewarded = FALSE "
	"AND points_used > 0 AND status NOT IN (" SQL(ORDER_PENDING, ORDER_CANCELLED) ")) LIMIT ?";
static const char SQL_SPENT[] =
	"SELECT CONCAT('member ', m.member_id) AS subject, "
	"CONCAT('total_spent is ', m.total_spent, ' fen, its orders add up to ', m.total) AS problem "
	"FROM (SELECT m.member_id, m.total_spent, " SUM_OF("o.total_amount - " REFUNDED_OF_ORDER,
		"orders o", "by_user_status",
		"o.user_id = m.user_id AND o.status IN (" SQL(
			PAID_SET) ") AND o.rewarded = TRUE") " AS total FROM members m) m WHERE m.total_spent <> m.total LIMIT ?";

const struct audit_rule audit_reward_rules[] = {
	{ "an order's points are held or used as its status says", SQL_HOLD, false, NULL },
	{ "points are held for an order of their member", SQL_HOLD_ORDER, false, NULL },
	{ "an order earns points for its buyer", SQL_EARNED, false, NULL },
	{ "a refund takes back and returns its share of the points", SQL_BACK, false, NULL },
	{ "a paid order is counted", SQL_REWARDED, false, NULL },
	{ "total_spent is the sum of the orders", SQL_SPENT, false, NULL },
	{ NULL, NULL, false, NULL },
};

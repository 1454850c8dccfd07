/* SPDX-License-Identifier: MIT */
/* audit_vip.c - rules about membership orders, their payments and their segments. */
#include <stdio.h>

#include "shop/audit/audit_sql.h"
#include "shop/membership/entitlement_rows.h"
#include "shop/membership/membership.h"
#include "shop/money/refund.h"

/* ---- orders ---- */

static const char SQL_PENDING[] =
	"SELECT CONCAT('membership order ', order_no) AS subject, "
	"CONCAT('status ', status, ' with pending_user_id ', COALESCE(pending_user_id, 'NULL')) "
	"AS problem FROM membership_orders "
	"WHERE (status = " SQL(MEMBERSHIP_PENDING) ") <> (pending_user_id IS NOT NULL) "
	"OR pending_user_id <> user_id LIMIT ?";
static const char SQL_PAID_BY[] =
	"SELECT CONCAT('membership order ', order_no) AS subject, "
	"CONCAT('status ', status, ' with paid_by ', paid_by, ', amount ', amount) AS problem "
	"FROM membership_orders "
	"WHERE (status IN (" SQL(MEMBERSHIP_PAID_SET) ")) "
	"<> (paid_by <> " SQL(PAID_BY_NONE) ") "
	"OR (status IN (" SQL(MEMBERSHIP_PAID_SET) ")) <> (paid_at IS NOT NULL) "
	"OR (paid_by IN (" SQL(PAID_NOTHING_DUE, PAID_GIFT) ") AND amount <> 0) "
	"OR (paid_by IN (" SQL(PAID_BY_PROVIDER, PAID_OFFLINE) ") AND amount = 0 "
	"AND (kind <> " SQL(SEGMENT_UPGRADE) " OR discount <> price)) "
	"OR (paid_by = " SQL(PAID_GIFT) ") <> (plan_id IS NULL) LIMIT ?";
/*
 * After a change of the quote the amount is less than the price without discount. Only an upgrade whose
 * credit exceeds its price grants more days than its plan (BEHAVIOUR 27).
 */
static const char SQL_PRICE[] =
	"SELECT CONCAT('membership order ', order_no) AS subject, "
	"CONCAT('price ', price, ', discount ', discount, ', amount ', amount, ', value ', "
	"value, ' and ', days, ' of ', plan_days, ' days') AS problem FROM membership_orders "
	"WHERE price <> discount + amount OR value < price OR days < plan_days "
	"OR (NOT (kind = " SQL(SEGMENT_UPGRADE) " AND amount = 0) AND (value <> price "
	"OR days <> plan_days)) OR (kind <> " SQL(SEGMENT_UPGRADE) " AND discount <> 0 "
	"AND paid_by = " SQL(PAID_BY_NONE) ") LIMIT ?";

/* ---- payments ---- */

static const char SQL_ORDER_PAYMENT[] =
	"SELECT CONCAT('membership order ', o.order_no) AS subject, "
	"CONCAT('paid by a provider, with ', COUNT(a.attempt_id), ' granted payments of its "
	"transaction') AS problem FROM membership_orders o "
	"LEFT JOIN payment_attempts a FORCE INDEX (by_payable) "
	"ON a.payable_kind = " SQL(PAYABLE_MEMBERSHIP) " AND a.payable_id = o.id "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") AND a.transaction_id = o.payment_id "
	"WHERE o.paid_by = " SQL(PAID_BY_PROVIDER) " GROUP BY o.id, o.order_no "
	"HAVING COUNT(a.attempt_id) <> 1 LIMIT ?";
static const char SQL_PAYMENT_ORDER[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"'granted, but its membership order is "
	"not paid by it' AS problem FROM payment_attempts a "
	"LEFT JOIN membership_orders o FORCE INDEX (PRIMARY) ON o.id = a.payable_id "
	"WHERE a.payable_kind = " SQL(PAYABLE_MEMBERSHIP) " "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") AND (o.id IS NULL "
	"OR o.paid_by <> " SQL(PAID_BY_PROVIDER) " OR o.payment_id <> a.transaction_id) "
	"LIMIT ?";
/*
 * The amount paid is the order's amount plus the automatic refund, however often that was tried;
 * what had been refunded elsewhere is not refunded again.
 */
static const char SQL_CHARGED[] =
	"SELECT CONCAT('membership order ', x.order_no) AS subject, "
	"CONCAT('costs ', x.cost, ' fen, paid were ', x.amount, ', of which ', "
	"x.total, ' were due for automatic refund') AS problem "
	"FROM (SELECT o.order_no, o.amount AS cost, a.amount, COALESCE((SELECT MAX(IF(r.automatic = TRUE, r.amount, 0)) "
	"FROM refunds r FORCE INDEX (by_attempt) WHERE r.attempt_id = a.attempt_id), 0) AS total, "
	SUM_OF("r.amount", "refunds r", "by_attempt",
		"r.attempt_id = a.attempt_id AND r.origin = " SQL(REFUND_MADE_ELSEWHERE) " "
		"AND r.state <> " SQL(REFUND_CLOSED))
	" AS elsewhere FROM membership_orders o STRAIGHT_JOIN payment_attempts a FORCE INDEX (by_payable) "
	"ON a.payable_kind = " SQL(PAYABLE_MEMBERSHIP) " AND a.payable_id = o.id "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ")) x "
	"WHERE x.amount < x.cost + x.total OR x.amount > x.cost + x.total + x.elsewhere LIMIT ?";
/* a difference not refunded automatically is refunded with the rest, if that is requested later */
static const char SQL_REFUND[] =
	"SELECT CONCAT('membership order ', o.order_no) AS subject, "
	"CONCAT('status ', o.status, ' with ', COALESCE(o.done, 0), ' fen refunded and ', "
	"COALESCE(o.under_way, 0), ' under way of ', o.amount) AS problem "
	"FROM (SELECT o.order_no, o.status, o.paid_by, o.amount, CAST(SUM(IF(f.automatic = FALSE "
	"AND f.origin = " SQL(REFUND_OURS) ", 1, 0)) AS SIGNED) AS asked, "
	"CAST(SUM(IF(f.automatic = FALSE AND f.state = " SQL(REFUND_SUCCESS) " "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) "), f.amount, 0)) AS SIGNED) AS done, "
	"CAST(SUM(IF(f.automatic = FALSE AND f.origin = " SQL(REFUND_OURS) " "
	"AND f.state IN (" SQL(REFUND_IN_PROGRESS_SET) "), f.amount, 0)) AS SIGNED) AS under_way, "
	"MAX(IF(f.automatic = TRUE "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) "), f.amount, 0)) AS lost, "
	"MAX(IF(a.state IN (" SQL(ATTEMPT_GRANTED_SET) "), a.amount, 0)) AS paid "
	"FROM membership_orders o "
	"LEFT JOIN refunds f FORCE INDEX (by_payable) "
	"ON f.payable_kind = " SQL(PAYABLE_MEMBERSHIP) " AND f.payable_id = o.id "
	"LEFT JOIN payment_attempts a FORCE INDEX (PRIMARY) ON a.attempt_id = f.attempt_id "
	"GROUP BY o.id, o.order_no, o.status, o.paid_by, o.amount) o "
	"WHERE (o.paid_by = " SQL(PAID_BY_PROVIDER) " AND o.amount > 0 "
	"AND ((o.status = " SQL(MEMBERSHIP_REFUNDED) ") <> COALESCE(o.done > 0 "
	"AND o.done IN (o.paid - o.lost, o.paid), 0) "
	"OR (o.status = " SQL(MEMBERSHIP_REFUNDING) ") <> COALESCE(o.under_way > 0 "
	"AND o.done + o.under_way IN (o.paid - o.lost, o.paid), 0))) "
	"OR (o.paid_by <> " SQL(PAID_BY_PROVIDER) " AND (COALESCE(o.asked, 0) <> 0 "
	"OR o.status = " SQL(MEMBERSHIP_REFUNDING) ")) LIMIT ?";

/* ---- segments ---- */

static const char SQL_SEGMENT[] =
	"SELECT CONCAT('membership order ', o.order_no) AS subject, "
	"CONCAT('status ', o.status, ' with a segment of state ', COALESCE(s.state, 'none')) AS problem "
	"FROM membership_orders o LEFT JOIN entitlement_segments s FORCE INDEX (PRIMARY) "
	"ON s.order_id = o.id "
	"WHERE (o.status IN (" SQL(MEMBERSHIP_PAID_SET) ")) <> (s.order_id IS NOT NULL) "
	"OR (o.status = " SQL(MEMBERSHIP_PAID) " AND s.state = " SQL(SEGMENT_REFUNDED) ") "
	"OR (o.status IN (" SQL(MEMBERSHIP_RETURNED_SET) ") "
	"AND s.state <> " SQL(SEGMENT_REFUNDED) ") LIMIT ?";
static const char SQL_SEGMENT_ORDER[] =
	"SELECT CONCAT('segment ', s.order_id) AS subject, "
	"'does not match its order' AS problem FROM entitlement_segments s "
	"LEFT JOIN membership_orders o FORCE INDEX (PRIMARY) ON o.id = s.order_id WHERE o.id IS NULL "
	"OR o.user_id <> s.user_id OR o.kind <> s.kind OR o.level <> s.level OR o.days <> s.days "
	"OR o.value <> s.value OR o.amount <> s.cash LIMIT ?";
static const char SQL_VERSION[] =
	"SELECT CONCAT('user ', s.user_id) AS subject, "
	"CONCAT('segments changed ', s.latest, ' times, the count says ', COALESCE(e.version, 'none')) "
	"AS problem FROM (SELECT user_id, MAX(GREATEST(granted_version, refunded_version)) AS latest "
	"FROM entitlement_segments GROUP BY user_id) s LEFT JOIN entitlements e "
	"FORCE INDEX (PRIMARY) ON e.user_id = s.user_id WHERE e.user_id IS NULL OR e.version < s.latest LIMIT ?";

/* ---- needs attention ---- */

static const char SQL_DIFFERENCE[] =
	"SELECT CONCAT('refund ', r.refund_no) AS subject, "
	"CONCAT('closed: ', r.amount, ' fen of ', a.out_trade_no, ' were overpaid') AS problem "
	"FROM refunds r STRAIGHT_JOIN payment_attempts a FORCE INDEX (PRIMARY) "
	"ON a.attempt_id = r.attempt_id WHERE r.automatic = TRUE "
	"AND r.state = " SQL(REFUND_CLOSED) " AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") "
	"AND a.amount >= r.amount + (SELECT COALESCE(SUM(b.amount), 0) "
	"FROM refunds b FORCE INDEX (by_attempt) WHERE b.attempt_id = r.attempt_id "
	"AND b.state <> " SQL(REFUND_CLOSED) ") AND NOT EXISTS (SELECT 1 "
	"FROM refunds b FORCE INDEX (by_attempt) WHERE b.attempt_id = r.attempt_id "
	"AND b.automatic = TRUE AND (b.state <> " SQL(REFUND_CLOSED) " "
	"OR b.refund_id > r.refund_id)) ORDER BY r.refund_id LIMIT ?";

enum { FINDING_TEXT_MAX = 128 };

/* Recompute every entitlement from the times of grants and refunds (BEHAVIOUR 25 to 29). */
static enum err find_drift(struct ctx *c, struct list *out, bool *more)
{
	struct finding *found = arena_array(&c->arena, FINDINGS_MAX, sizeof(*found));
	char(*texts)[2][FINDING_TEXT_MAX] =
		arena_array(&c->arena, FINDINGS_MAX, sizeof(*texts)); /* outlive the steps */
	int64_t user_id = 0;

	*out = (struct list){ found, 0 };
	*more = false;
	do {
		const struct arena_mark mark = arena_mark(&c->arena);
		const struct entitlement_finding *f;
		struct list step;

		TRY(entitlement_audit(c, &user_id, &step));
		f = step.rows;
		for (int64_t i = 0; i < step.n; i++) {
			if (out->n == FINDINGS_MAX) {
				*more = true;
				return OK;
			}
			snprintf(texts[out->n][0], FINDING_TEXT_MAX, "user %lld, segment %lld",
				(long long)f[i].user_id, (long long)f[i].order_id);
			snprintf(texts[out->n][1], FINDING_TEXT_MAX,
				"%s is not what grants and refunds make it", f[i].problem);
			found[out->n] = (struct finding){ texts[out->n][0], texts[out->n][1] };
			out->n++;
		}
		arena_rewind(
			&c->arena, mark); /* a large shop has more users than fit into an arena */
	} while (user_id != 0);
	return OK;
}

const struct audit_rule audit_vip_rules[] = {
	{ "a pending membership order is its user's only one", SQL_PENDING, false, NULL },
	{ "status and payer of a membership order agree", SQL_PAID_BY, false, NULL },
	{ "a membership order's terms add up", SQL_PRICE, false, NULL },
	{ "a membership order paid by a provider has its payment", SQL_ORDER_PAYMENT, false, NULL },
	{ "a membership's granted payment has its order", SQL_PAYMENT_ORDER, false, NULL },
	{ "a membership's charge equals its price", SQL_CHARGED, false, NULL },
	{ "a membership order is refunded when its cash is refunded", SQL_REFUND, false, NULL },
	{ "a paid membership order has its segment", SQL_SEGMENT, false, NULL },
	{ "a segment matches its order", SQL_SEGMENT_ORDER, false, NULL },
	{ "changes of segments are counted", SQL_VERSION, false, NULL },
	{ "every entitlement follows from its orders", NULL, false, find_drift },
	{ "a difference not refunded", SQL_DIFFERENCE, true, NULL },
	{ NULL, NULL, false, NULL },
};

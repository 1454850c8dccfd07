/* SPDX-License-Identifier: MIT */
#include "shop/audit/audit_sql.h"

#include "ext/db.h"
#include "shop/books/outbox.h"
#include "shop/books/webhook_delivery.h"
#include "shop/catalogue/product.h"
#include "shop/money/card.h"
#include "shop/money/payment_event.h"
#include "shop/money/refund.h"
#include "shop/trade/order.h"

static const struct field finding_fields[] = {
	FIELD(struct finding, subject),
	FIELD(struct finding, problem),
	FIELD_END,
};

/* ---- stock ---- */

static const char SQL_STOCK[] =
	"SELECT CONCAT('product ', p.product_id) AS subject, "
	"CONCAT('stock is ', p.stock, ', its moves add up to ', p.total) AS problem "
	"FROM (SELECT p.product_id, p.stock, " SUM_OF("m.delta", "stock_moves m", "by_product",
		"m.product_id = p.product_id") " AS total FROM products p) p WHERE p.stock <> p.total LIMIT ?";
/* an order that holds its stock has taken each line once more than it returned it */
static const char SQL_LINE_STOCK[] =
	"SELECT CONCAT('order ', i.no, ' product ', i.product_id) AS subject, "
	"CONCAT('holds ', i.held, ', its moves took ', -i.total) AS problem "
	"FROM (SELECT o.order_no AS no, i.product_id, i.quantity * o.stock_held AS held, "
	SUM_OF("m.delta", "stock_moves m", "by_order",
		"m.order_id = i.order_id AND m.product_id = i.product_id")
	" AS total FROM order_items i STRAIGHT_JOIN orders o FORCE INDEX (PRIMARY) "
	"ON o.id = i.order_id) i WHERE i.total <> -i.held LIMIT ?";
static const char SQL_STRAY_MOVE[] =
	"SELECT CONCAT('stock_move ', m.move_id) AS subject, "
	"'belongs to no line of an order' AS problem FROM stock_moves m "
	"LEFT JOIN order_items i FORCE INDEX (by_order) ON i.order_id = m.order_id AND i.product_id = m.product_id "
	"WHERE m.order_id IS NOT NULL AND i.order_item_id IS NULL LIMIT ?";
/* an order takes and returns whole lines; only an administrator makes other moves */
static const char SQL_MOVE[] =
	"SELECT CONCAT('stock_move ', m.move_id) AS subject, "
	"CONCAT('reason ', m.reason, ' with ', m.delta, ' of product ', m.product_id) AS problem "
	"FROM stock_moves m LEFT JOIN products p FORCE INDEX (PRIMARY) "
	"ON p.product_id = m.product_id LEFT JOIN order_items i FORCE INDEX (by_order) "
	"ON i.order_id = m.order_id AND i.product_id = m.product_id WHERE p.product_id IS NULL "
	"OR (m.reason = " SQL(MOVE_SET) ") <> (m.order_id IS NULL) OR (m.order_id IS NOT NULL "
	"AND m.delta <> CASE m.reason WHEN " SQL(MOVE_TAKEN) " THEN -i.quantity "
	"WHEN " SQL(MOVE_RETURNED) " THEN i.quantity ELSE 0 END) LIMIT ?";
static const char SQL_HELD[] =
	"SELECT CONCAT('order ', order_no) AS subject, "
	"CONCAT('status ', status, ' with stock_held ', stock_held) AS problem FROM orders "
	"WHERE (status IN (" SQL(ORDER_PENDING, ORDER_PAID, ORDER_SHIPPED, ORDER_COMPLETED) ") "
	"AND stock_held = FALSE) OR (status = " SQL(ORDER_CANCELLED) " AND stock_held = TRUE) "
	"LIMIT ?";

/* ---- orders ---- */

static const char SQL_TOTAL[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('total_amount is ', o.total_amount, ' fen, its lines add up to ', o.total, "
	"IF(o.less = 0, '', CONCAT(', less ', o.less))) AS problem "
	"FROM (SELECT o.id, o.order_no, o.total_amount, o.discount_amount + o.points_amount AS less, "
	SUM_OF("i.total_price", "order_items i", "by_order", "i.order_id = o.id") " AS total FROM orders o) o "
	"WHERE o.total_amount <> o.total - o.less OR NOT EXISTS (SELECT 1 FROM order_items i "
	"FORCE INDEX (by_order) WHERE i.order_id = o.id) LIMIT ?";
static const char SQL_DISCOUNT[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('discount_amount is ', o.discount_amount, ' fen, of its lines ', o.total) AS problem "
	"FROM (SELECT o.order_no, o.discount_amount, " SUM_OF("i.discount_amount", "order_items i",
		"by_order",
		"i.order_id = o.id") " AS total FROM orders o) o WHERE o.discount_amount <> o.total LIMIT ?";
static const char SQL_PAID_BY[] =
	"SELECT CONCAT('order ', order_no) AS subject, "
	"CONCAT('status ', status, ' with paid_by ', paid_by, ', total ', total_amount) AS problem "
	"FROM orders "
	"WHERE (status IN (" SQL(ORDER_PAID, ORDER_SHIPPED, ORDER_COMPLETED, ORDER_REFUNDED) ") "
	"AND (paid_by = " SQL(PAID_BY_NONE) " OR paid_at IS NULL)) "
	"OR (status IN (" SQL(ORDER_PENDING, ORDER_CANCELLED) ") "
	"AND (paid_by <> " SQL(PAID_BY_NONE) " OR paid_at IS NOT NULL)) "
	"OR (paid_by = " SQL(PAID_NOTHING_DUE) ") <> (total_amount = 0) LIMIT ?";

static const char SQL_LINE[] =
	"SELECT CONCAT('order_item ', i.order_item_id) AS subject, 'belongs to no order' AS problem "
	"FROM order_items i LEFT JOIN orders o FORCE INDEX (PRIMARY) ON o.id = i.order_id WHERE o.id IS NULL LIMIT ?";
static const char SQL_DELETED[] =
	"SELECT CONCAT('order ', order_no) AS subject, "
	"CONCAT('deleted with status ', status) AS problem FROM orders "
	"WHERE deleted_at IS NOT NULL "
	"AND status IN (" SQL(ORDER_PENDING, ORDER_PAID, ORDER_SHIPPED) ") LIMIT ?";
/* otherwise only an administrator's offline payment, which is journalled, pays an order */
static const char SQL_OFFLINE[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('paid_by ', o.paid_by, ', ', IF(j.entry_id IS NULL, 'without', 'but with a'), "
	"' journal entry of an administrator') AS problem FROM orders o "
	"LEFT JOIN journal j FORCE INDEX (by_subject) ON j.subject = o.order_no "
	"AND j.action = 'offline-payment' "
	"WHERE (o.paid_by = " SQL(PAID_OFFLINE) ") <> (j.entry_id IS NOT NULL) "
	"OR (o.paid_by = " SQL(PAID_OFFLINE) " AND (o.payment_id IS NULL "
	"OR o.payment_method IS NULL)) LIMIT ?";

/* ---- payments ---- */

static const char SQL_ORDER_PAYMENT[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('paid by a provider, with ', COUNT(a.attempt_id), ' granted payments of its "
	"amount, moment and transaction') AS problem FROM orders o "
	"LEFT JOIN payment_attempts a FORCE INDEX (by_payable) "
	"ON a.payable_kind = " SQL(PAYABLE_ORDER) " AND a.payable_id = o.id "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") AND a.amount = o.total_amount "
	"AND a.transaction_id = o.payment_id AND a.paid_at = o.paid_at "
	"WHERE o.paid_by = " SQL(PAID_BY_PROVIDER) " GROUP BY o.id, o.order_no "
	"HAVING COUNT(a.attempt_id) <> 1 LIMIT ?";
static const char SQL_PAYMENT_ORDER[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"'granted, but its order is not paid by "
	"it' AS problem FROM payment_attempts a LEFT JOIN orders o FORCE INDEX (PRIMARY) "
	"ON o.id = a.payable_id WHERE a.payable_kind = " SQL(PAYABLE_ORDER) " "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") AND (o.id IS NULL "
	"OR o.paid_by <> " SQL(PAID_BY_PROVIDER) " OR o.payment_id <> a.transaction_id) LIMIT ?";
/* granted or not, an attempt has its order's total, which never changes */
static const char SQL_PAYMENT_OWNER[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"CONCAT('of user ', a.user_id, ' and ', a.amount, ' fen, which its order is not') AS problem "
	"FROM payment_attempts a LEFT JOIN orders o FORCE INDEX (PRIMARY) "
	"ON o.id = a.payable_id WHERE a.payable_kind = " SQL(PAYABLE_ORDER) " AND (o.id IS NULL "
	"OR o.user_id <> a.user_id OR o.total_amount <> a.amount) LIMIT ?";
/* stored with it, so that an attempt is shown without reading the payable */
static const char SQL_PAYMENT_NUMBER[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"CONCAT('says it is for ', a.payable_no, ', which it is not') AS problem "
	"FROM payment_attempts a LEFT JOIN orders o FORCE INDEX (PRIMARY) "
	"ON a.payable_kind = " SQL(PAYABLE_ORDER) " AND o.id = a.payable_id "
	"LEFT JOIN membership_orders m FORCE INDEX (PRIMARY) "
	"ON a.payable_kind = " SQL(PAYABLE_MEMBERSHIP) " AND m.id = a.payable_id "
	"WHERE a.payable_no <> COALESCE(o.order_no, m.order_no, '') LIMIT ?";
static const char SQL_PAYMENT_SHAPE[] =
	"SELECT CONCAT('payment ', out_trade_no) AS subject, "
	"CONCAT('state ', state, ' does not match its transaction or open flag') AS problem "
	"FROM payment_attempts "
	"WHERE (state = " SQL(ATTEMPT_OPEN) ") <> (open_payable_id IS NOT NULL) "
	"OR (open_payable_id IS NOT NULL AND open_payable_id <> payable_id) "
	"OR (state IN (" SQL(ATTEMPT_SETTLED_SET) ")) <> (transaction_id IS NOT NULL) "
	"OR (state IN (" SQL(ATTEMPT_SETTLED_SET) ")) <> (paid_at IS NOT NULL) LIMIT ?";
static const char SQL_FOLLOWED[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"'open, but not followed' AS problem "
	"FROM payment_attempts a LEFT JOIN outbox b FORCE INDEX (ref) "
	"ON b.kind = " SQL(OUTBOX_FOLLOW_ATTEMPT) " AND b.ref_id = a.attempt_id "
	"WHERE b.outbox_id IS NULL AND (a.state = " SQL(ATTEMPT_OPEN) " "
	"OR (a.state = " SQL(ATTEMPT_CLOSED) " AND EXISTS (SELECT 1 "
	"FROM refunds r FORCE INDEX (by_attempt) WHERE r.attempt_id = a.attempt_id))) LIMIT ?";
/* a provider's order number may be any text; ours are ASCII, and compared as such to use the index */
#define EVENT_NO "CONVERT(e.out_trade_no USING ascii) COLLATE ascii_bin"
static const char SQL_EVENT_PAYMENT[] =
	"SELECT CONCAT('event ', e.event_id) AS subject, "
	"CONCAT('settled ', e.out_trade_no, ', which is not settled so by its transaction') AS problem "
	"FROM payment_events e LEFT JOIN payment_attempts a FORCE INDEX (out_trade_no) "
	"ON a.out_trade_no = " EVENT_NO " AND a.transaction_id = e.transaction_id "
	"AND a.amount = e.amount AND ((e.verdict = " SQL(EVENT_GRANTED) " "
	"AND a.state = " SQL(ATTEMPT_GRANTED) ") OR (e.verdict = " SQL(EVENT_GRANTED_LATE) " "
	"AND a.state = " SQL(ATTEMPT_GRANTED_LATE) ") OR (e.verdict = " SQL(EVENT_REFUND_DUE) " "
	"AND a.state IN (" SQL(ATTEMPT_RETURNED_SET) ")) OR (e.verdict = " SQL(EVENT_REPEAT) " "
	"AND a.state IN (" SQL(ATTEMPT_SETTLED_SET) "))) "
	"WHERE e.verdict IN (" SQL(EVENT_SETTLEMENT_SET, EVENT_REPEAT) ") "
	"AND a.attempt_id IS NULL LIMIT ?";
static const char SQL_PAYMENT_EVENT[] =
	"SELECT CONCAT('payment ', x.no) AS subject, "
	"'settled, but without an event' AS problem "
	"FROM (SELECT y.no, MAX(y.settled) AS settled, MAX(y.heard) AS heard "
	"FROM (SELECT out_trade_no AS no, 1 AS settled, 0 AS heard FROM payment_attempts "
	"WHERE channel <> " SQL(CHANNEL_CARD) " "
	"AND state IN (" SQL(ATTEMPT_SETTLED_SET) ") UNION ALL "
	"SELECT " EVENT_NO ", 0, 1 FROM payment_events e WHERE e.channel <> " SQL(CHANNEL_CARD) " "
	"AND e.verdict IN (" SQL(EVENT_SETTLEMENT_SET) ")) y GROUP BY y.no) x "
	"WHERE x.settled = 1 AND x.heard = 0 LIMIT ?";

/* ---- refunds ---- */

static const char SQL_REFUND_SUM[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"CONCAT('refunds of ', a.total, ' fen for ', a.amount, ' fen paid') AS problem "
	"FROM (SELECT a.out_trade_no, a.amount, a.state, a.held_at, " SUM_OF(
		"IF(r.state <> " SQL(REFUND_CLOSED) ", r.amount, 0)", "refunds r", "by_attempt",
		"r.attempt_id = a.attempt_id") " AS total, (SELECT MIN(r.origin) FROM refunds r "
	"FORCE INDEX (by_attempt) WHERE r.attempt_id = a.attempt_id) AS origin FROM payment_attempts a) a "
	"WHERE a.total > a.amount OR (a.state IN (" SQL(ATTEMPT_UNSETTLED_SET) ") "
	"AND a.origin IS NOT NULL AND (a.origin = " SQL(REFUND_OURS) " OR a.held_at IS NULL)) LIMIT ?";
/*
 * Requested refunds are of granted payments, automatic ones of payments that were not granted;
 * of a membership's also of an overpaid amount.
 */
static const char SQL_REFUND_PAYMENT[] =
	"SELECT CONCAT('refund ', r.refund_no) AS subject, "
	"'is of another payment, or of none' AS problem "
	"FROM refunds r LEFT JOIN payment_attempts a FORCE INDEX (PRIMARY) "
	"ON a.attempt_id = r.attempt_id AND a.payable_kind = r.payable_kind "
	"AND a.payable_id = r.payable_id AND ((r.automatic = FALSE "
	"AND (a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") "
	"OR r.origin = " SQL(REFUND_MADE_ELSEWHERE) ")) OR (r.origin = " SQL(REFUND_OURS) " "
	"AND r.automatic = TRUE AND (a.state IN (" SQL(ATTEMPT_RETURNED_SET) ") "
	"OR (a.payable_kind = " SQL(PAYABLE_MEMBERSHIP) " "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) "))))) WHERE a.attempt_id IS NULL LIMIT ?";
/* stored with it, so that a refund is shown without reading the payable */
static const char SQL_REFUND_NUMBER[] =
	"SELECT CONCAT('refund ', r.refund_no) AS subject, "
	"CONCAT('says it is of ', r.payable_no, ', which was not paid') AS problem FROM refunds r "
	"LEFT JOIN orders o FORCE INDEX (PRIMARY) "
	"ON r.payable_kind = " SQL(PAYABLE_ORDER) " AND o.id = r.payable_id "
	"LEFT JOIN membership_orders m FORCE INDEX (PRIMARY) "
	"ON r.payable_kind = " SQL(PAYABLE_MEMBERSHIP) " AND m.id = r.payable_id "
	"WHERE r.payable_no <> COALESCE(o.order_no, m.order_no, '') LIMIT ?";
static const char SQL_REFUND_EVENT[] =
	"SELECT CONCAT('event ', e.event_id) AS subject, "
	"CONCAT('about a refund of ', e.amount, ' fen of ', e.out_trade_no, ', which is not "
	"there') AS problem FROM payment_events e WHERE e.verdict = " SQL(EVENT_REFUND) " "
	"AND NOT EXISTS (SELECT 1 FROM payment_attempts a FORCE INDEX (out_trade_no) "
	"STRAIGHT_JOIN refunds r FORCE INDEX (by_attempt) ON r.attempt_id = a.attempt_id "
	"AND r.amount = e.amount WHERE a.out_trade_no = " EVENT_NO ") LIMIT ?";
/* an order paid by a provider or card is refunded exactly when all of it was refunded */
static const char SQL_REFUND_ORDER[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('status ', o.status, ' with ', o.total, ' of ', o.total_amount, ' fen refunded') "
	"AS problem FROM (SELECT o.order_no, o.status, o.total_amount, "
	"(SELECT CAST(COALESCE(SUM(r.amount), 0) AS SIGNED) "
	"FROM refunds r FORCE INDEX (by_payable) "
	"STRAIGHT_JOIN payment_attempts a FORCE INDEX (PRIMARY) ON a.attempt_id = r.attempt_id "
	"AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ") "
	"WHERE r.payable_kind = " SQL(PAYABLE_ORDER) " AND r.payable_id = o.id "
	"AND r.state = " SQL(REFUND_SUCCESS) " AND r.automatic = FALSE) AS total FROM orders o "
	"WHERE o.paid_by = " SQL(PAID_BY_PROVIDER) ") o "
	"WHERE (o.status = " SQL(ORDER_REFUNDED) ") <> (o.total = o.total_amount) LIMIT ?";
/* what is not granted is refunded, by us or elsewhere */
static const char SQL_REFUND_AUTOMATIC[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, CONCAT('of state ', a.state, ', with ', "
	"a.total, ' of ', a.amount, ' fen refunded') AS problem "
	"FROM (SELECT a.out_trade_no, a.state, a.amount, " SUM_OF("r.amount", "refunds r", "by_attempt",
		"r.attempt_id = a.attempt_id AND r.state = " SQL(REFUND_SUCCESS))
	" AS total FROM payment_attempts a WHERE a.state IN (" SQL(ATTEMPT_RETURNED_SET) ")) a "
	"WHERE (a.state = " SQL(ATTEMPT_REFUNDED) ") <> (a.total = a.amount) LIMIT ?";
static const char SQL_REFUND_FOLLOWED[] =
	"SELECT CONCAT('refund ', r.refund_no) AS subject, "
	"'in progress, but not followed' AS problem "
	"FROM refunds r LEFT JOIN outbox b FORCE INDEX (ref) "
	"ON b.kind = " SQL(OUTBOX_FOLLOW_REFUND) " AND b.ref_id = r.refund_id "
	"WHERE r.state IN (" SQL(REFUND_IN_PROGRESS_SET) ") AND b.outbox_id IS NULL LIMIT ?";
static const char SQL_OUTBOX[] =
	"SELECT CONCAT('outbox ', b.outbox_id) AS subject, CONCAT('follows ', CASE b.kind "
	"WHEN " SQL(OUTBOX_FOLLOW_ATTEMPT) " THEN 'payment ' "
	"WHEN " SQL(OUTBOX_FOLLOW_REFUND) " THEN 'refund ' "
	"ELSE 'user ' END, b.ref_id, ', which is closed or missing') AS problem FROM outbox b "
	"LEFT JOIN payment_attempts a FORCE INDEX (PRIMARY) "
	"ON b.kind = " SQL(OUTBOX_FOLLOW_ATTEMPT) " AND a.attempt_id = b.ref_id "
	"LEFT JOIN refunds r FORCE INDEX (PRIMARY) ON b.kind = " SQL(OUTBOX_FOLLOW_REFUND) " "
	"AND r.refund_id = b.ref_id AND r.state IN (" SQL(REFUND_IN_PROGRESS_SET) ") "
	"LEFT JOIN users u FORCE INDEX (PRIMARY) ON b.kind = " SQL(OUTBOX_ERASE_USER) " "
	"AND u.user_id = b.ref_id AND u.deleted_at IS NOT NULL WHERE a.attempt_id IS NULL "
	"AND r.refund_id IS NULL AND u.user_id IS NULL "
	"AND b.kind NOT IN (" SQL(OUTBOX_FOUND_SET) ") LIMIT ?";
static const char SQL_CARD_PAYMENT[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"CONCAT('card ledger of ', a.total, ' fen for ', a.amount, ' fen paid and ', a.back, "
	"' fen refunded') AS problem FROM (SELECT a.out_trade_no, a.amount, " SUM_OF("t.amount",
		"card_transactions t", "by_attempt",
		"t.attempt_id = a.attempt_id") " AS total, " SUM_OF("r.amount", "refunds r",
		"by_attempt",
		"r.attempt_id = a.attempt_id AND r.state = " SQL(REFUND_SUCCESS))
	" AS back FROM payment_attempts a WHERE a.channel = " SQL(CHANNEL_CARD) ") a "
	"WHERE a.total <> a.back - a.amount LIMIT ?";

/* ---- cards ---- */

static const char SQL_CARD[] =
	"SELECT CONCAT('card ', k.card_id) AS subject, "
	"CONCAT('balance is ', k.balance, ' fen, its ledger adds up to ', k.total) AS problem "
	"FROM (SELECT k.card_id, k.balance, " SUM_OF("t.amount", "card_transactions t", "by_card",
		"t.card_id = k.card_id") " AS total FROM cards k) k WHERE k.balance <> k.total LIMIT ?";
static const char SQL_CARD_SEQUENCE[] =
	"SELECT CONCAT('card_transaction ', x.transaction_id) AS subject, "
	"CONCAT('balance_after is ', x.balance_after, ' fen, the rows up to it add up to ', "
	"x.total) AS problem FROM (SELECT transaction_id, balance_after, CAST(SUM(amount) OVER "
	"(PARTITION BY card_id ORDER BY transaction_id) AS SIGNED) AS total "
	"FROM card_transactions) x WHERE x.balance_after <> x.total LIMIT ?";
static const char SQL_CARD_SIGN[] =
	"SELECT CONCAT('card_transaction ', transaction_id) AS subject, "
	"CONCAT('type ', type, ' with amount ', amount) AS problem FROM card_transactions "
	"WHERE (type IN (" SQL(CARD_TOP_UP, CARD_REFUND) ") AND amount < 0) "
	"OR (type = " SQL(CARD_SPEND) " AND amount > 0) LIMIT ?";
static const char SQL_CARD_LIVE[] =
	"SELECT CONCAT('card ', card_id) AS subject, "
	"'its two live flags differ' AS problem FROM cards "
	"WHERE (deleted_at IS NULL) <> (live_user_id IS NOT NULL) "
	"OR live_user_id <> user_id OR (deleted_at IS NOT NULL AND balance <> 0) LIMIT ?";

static const char SQL_CARD_ENTRY[] =
	"SELECT CONCAT('card_transaction ', t.transaction_id) AS subject, "
	"CONCAT('of card ', t.card_id, ', which does not exist') AS problem FROM card_transactions t "
	"LEFT JOIN cards k FORCE INDEX (PRIMARY) ON k.card_id = t.card_id WHERE k.card_id IS NULL LIMIT ?";
/* users pay with their own card, and are refunded to it */
static const char SQL_CARD_OWNER[] =
	"SELECT CONCAT('card_transaction ', t.transaction_id) AS subject, "
	"CONCAT('type ', t.type, ' of no card payment of its owner') AS problem "
	"FROM card_transactions t STRAIGHT_JOIN cards k FORCE INDEX (PRIMARY) "
	"ON k.card_id = t.card_id LEFT JOIN payment_attempts a FORCE INDEX (PRIMARY) "
	"ON a.attempt_id = t.attempt_id AND a.channel = " SQL(CHANNEL_CARD) " "
	"AND a.user_id = k.user_id WHERE t.attempt_id IS NOT NULL AND (a.attempt_id IS NULL "
	"OR t.type NOT IN (" SQL(CARD_SPEND, CARD_REFUND) ")) LIMIT ?";
static const char SQL_CARD_ADJUSTED[] =
	"SELECT CONCAT('card ', k.card_id) AS subject, "
	"CONCAT(k.n, ' adjustments, the journal has ', k.noted) AS problem "
	"FROM (SELECT k.card_id, (SELECT COUNT(*) FROM card_transactions t FORCE INDEX (by_card) "
	"WHERE t.card_id = k.card_id AND t.type = " SQL(CARD_ADJUSTMENT) ") AS n, "
	"(SELECT COUNT(*) FROM journal j FORCE INDEX (by_subject) "
	"WHERE j.subject = CONVERT(CONCAT('card ', k.card_id) USING ascii) COLLATE ascii_bin "
	"AND j.action = 'card-balance') AS noted FROM cards k) k WHERE k.n <> k.noted LIMIT ?";

/* ---- users ---- */

static const char SQL_MEMBER[] =
	"SELECT CONCAT('user ', u.user_id) AS subject, 'has no member' AS problem FROM users u "
	"LEFT JOIN members m FORCE INDEX (user_id) ON m.user_id = u.user_id WHERE m.member_id IS NULL LIMIT ?";

static const char SQL_OWNER[] =
	"SELECT x.subject, CONCAT('of user ', x.user_id, ', who does not exist') AS problem "
	"FROM (SELECT CONCAT('order ', order_no) AS subject, user_id FROM orders UNION ALL "
	"SELECT CONCAT('card ', card_id), user_id FROM cards UNION ALL "
	"SELECT CONCAT('member ', member_id), user_id FROM members) x "
	"LEFT JOIN users u FORCE INDEX (PRIMARY) ON u.user_id = x.user_id WHERE u.user_id IS NULL LIMIT ?";

/* deleted users have nothing pending, and remaining personal data is queued for removal */
static const char SQL_DELETED_USER[] =
	"SELECT CONCAT('order ', o.order_no) AS subject, "
	"CONCAT('status ', o.status, IF(o.consignee_name IS NULL, ', of', "
	"', with an address, of'), ' a deleted user') AS problem FROM orders o FORCE INDEX (PRIMARY) "
	"STRAIGHT_JOIN users u FORCE INDEX (PRIMARY) ON u.user_id = o.user_id "
	"LEFT JOIN outbox b FORCE INDEX (ref) ON b.kind = " SQL(OUTBOX_ERASE_USER) " "
	"AND b.ref_id = u.user_id WHERE u.deleted_at IS NOT NULL "
	"AND (o.status IN (" SQL(ORDER_IN_PROGRESS_SET) ") OR (b.outbox_id IS NULL "
	"AND (o.status = " SQL(ORDER_PENDING) " OR o.consignee_name IS NOT NULL))) LIMIT ?";

/* the limit of pending orders relies on it; only pending orders are read, which are few of all orders and users */
static const char SQL_PENDING_MOST[] =
	"SELECT CONCAT('user ', u.user_id) AS subject, "
	"CONCAT(COUNT(*), ' pending orders, pending_most is ', u.pending_most) AS problem "
	"FROM orders o FORCE INDEX (by_status) STRAIGHT_JOIN users u FORCE INDEX (PRIMARY) ON u.user_id = o.user_id "
	"WHERE o.status = " SQL(ORDER_PENDING) " GROUP BY u.user_id, u.pending_most "
	"HAVING COUNT(*) > u.pending_most LIMIT ?";

/* ---- outgoing notifications ---- */

static const char SQL_DELIVERY[] =
	"SELECT CONCAT('delivery ', d.delivery_id) AS subject, "
	"CONCAT('of webhook ', d.webhook_id, IF(w.webhook_id IS NULL AND d.url IS NULL, ', which is not there', "
	"', whose status does not match its last attempt')) AS problem FROM webhook_deliveries d "
	"LEFT JOIN webhooks w FORCE INDEX (PRIMARY) ON w.webhook_id = d.webhook_id "
	"WHERE (w.webhook_id IS NULL AND d.url IS NULL) OR (d.status = " SQL(DELIVERY_DELIVERED) " "
	"AND (d.error IS NOT NULL OR COALESCE(d.answer_status, 0) NOT BETWEEN 200 AND 299)) "
	"OR (d.status = " SQL(DELIVERY_FAILED) " AND d.error IS NULL) LIMIT ?";

static const struct audit_rule shop_rules[] = {
	{ "stock is the sum of its moves", SQL_STOCK, false, NULL },
	{ "an order's lines hold their stock", SQL_LINE_STOCK, false, NULL },
	{ "every move of an order has its line", SQL_STRAY_MOVE, false, NULL },
	{ "a move takes or returns what its reason says", SQL_MOVE, false, NULL },
	{ "status and held stock agree", SQL_HELD, false, NULL },
	{ "an order's total is the sum of its lines, less discount and points", SQL_TOTAL, false,
		NULL },
	{ "an order's discount is the sum of its lines' discounts", SQL_DISCOUNT, false, NULL },
	{ "every line has its order", SQL_LINE, false, NULL },
	{ "status and payer agree", SQL_PAID_BY, false, NULL },
	{ "a deleted order has a final status", SQL_DELETED, false, NULL },
	{ "an offline payment is in the journal", SQL_OFFLINE, false, NULL },
	{ "an order paid by a provider has its payment", SQL_ORDER_PAYMENT, false, NULL },
	{ "a granted payment has its order", SQL_PAYMENT_ORDER, false, NULL },
	{ "a payment is of its order's buyer and total", SQL_PAYMENT_OWNER, false, NULL },
	{ "a payment has its payable's number", SQL_PAYMENT_NUMBER, false, NULL },
	{ "a payment's state matches its data", SQL_PAYMENT_SHAPE, false, NULL },
	{ "an open payment is followed", SQL_FOLLOWED, false, NULL },
	{ "a payment was settled by its transaction", SQL_EVENT_PAYMENT, false, NULL },
	{ "a settled payment has its event", SQL_PAYMENT_EVENT, false, NULL },
	{ "a card's balance is the sum of its ledger", SQL_CARD, false, NULL },
	{ "each balance_after is correct in sequence", SQL_CARD_SEQUENCE, false, NULL },
	{ "the ledger's signs match its types", SQL_CARD_SIGN, false, NULL },
	{ "a live card is its user's only one", SQL_CARD_LIVE, false, NULL },
	{ "every entry has its card", SQL_CARD_ENTRY, false, NULL },
	{ "a card pays for its owner", SQL_CARD_OWNER, false, NULL },
	{ "an adjustment is in the journal", SQL_CARD_ADJUSTED, false, NULL },
	{ "no more is refunded than was paid", SQL_REFUND_SUM, false, NULL },
	{ "a refund is of its payment", SQL_REFUND_PAYMENT, false, NULL },
	{ "a refund has its payable's number", SQL_REFUND_NUMBER, false, NULL },
	{ "a reported refund is recorded", SQL_REFUND_EVENT, false, NULL },
	{ "an order is refunded when all that was paid is refunded", SQL_REFUND_ORDER, false,
		NULL },
	{ "an automatic refund settles its payment", SQL_REFUND_AUTOMATIC, false, NULL },
	{ "a refund in progress is followed", SQL_REFUND_FOLLOWED, false, NULL },
	{ "what is followed is in progress", SQL_OUTBOX, false, NULL },
	{ "a card's payments and refunds are in its ledger", SQL_CARD_PAYMENT, false, NULL },
	{ "every user is a member", SQL_MEMBER, false, NULL },
	{ "everything owned has its owner", SQL_OWNER, false, NULL },
	{ "a deleted user has no pending order", SQL_DELETED_USER, false, NULL },
	{ "no user has more pending orders than are known", SQL_PENDING_MOST, false, NULL },
	{ "a notification is delivered when it was accepted", SQL_DELIVERY, false, NULL },
	{ NULL, NULL, false, NULL },
};

const struct audit_rule *const audit_books[] = { shop_rules, audit_bill_rules, audit_vip_rules,
	audit_member_rules, audit_points_rules, audit_reward_rules, audit_open_rules, NULL };

enum err audit_check(struct ctx *c, const struct audit_rule *rule, struct list *out, bool *more)
{
	struct db_rows rows;

	if (rule->find != NULL)
		return rule->find(c, out, more);
	TRY(db_all(c, rule->sql, ARGS(I64(FINDINGS_MAX + 1)), finding_fields,
		sizeof(struct finding), FINDINGS_MAX, &rows));
	*out = rows.list;
	*more = rows.more;
	return OK;
}

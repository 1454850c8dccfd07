#include "shop/audit_sql.h"

#include "ext/db.h"

static const struct field finding_fields[] = {
	FIELD(struct finding, subject),
	FIELD(struct finding, problem),
	FIELD_END,
};

/* ---- stock ---- */

static const char SQL_STOCK[] =
	"SELECT CONCAT('product ', p.product_id) AS subject, "
	"CONCAT('stock is ', p.stock, ', its moves add up to ', COALESCE(m.total, 0)) AS problem "
	"FROM products p LEFT JOIN (SELECT product_id, CAST(SUM(delta) AS SIGNED) AS total "
	"FROM stock_moves GROUP BY product_id) m ON m.product_id = p.product_id "
	"WHERE p.stock <> COALESCE(m.total, 0) LIMIT ?";
/* an order that holds its stock has taken each line once more than it gave it back */
static const char SQL_LINE_STOCK[] =
	"SELECT CONCAT('order ', o.order_id, ' product ', i.product_id) AS subject, "
	"CONCAT('holds ', i.quantity * o.stock_held, ', its moves took ', -COALESCE(m.total, 0)) "
	"AS problem FROM order_items i JOIN orders o ON o.id = i.order_id LEFT JOIN "
	"(SELECT order_id, product_id, CAST(SUM(delta) AS SIGNED) AS total FROM stock_moves "
	"WHERE order_id IS NOT NULL GROUP BY order_id, product_id) m "
	"ON m.order_id = i.order_id AND m.product_id = i.product_id "
	"WHERE COALESCE(m.total, 0) <> -i.quantity * o.stock_held LIMIT ?";
static const char SQL_STRAY_MOVE[] =
	"SELECT CONCAT('stock_move ', m.move_id) AS subject, "
	"'belongs to no line of an order' AS problem FROM stock_moves m "
	"LEFT JOIN order_items i ON i.order_id = m.order_id AND i.product_id = m.product_id "
	"WHERE m.order_id IS NOT NULL AND i.order_item_id IS NULL LIMIT ?";
/* an order takes and gives back whole lines; only an administrator does otherwise */
static const char SQL_MOVE[] =
	"SELECT CONCAT('stock_move ', m.move_id) AS subject, "
	"CONCAT('reason ', m.reason, ' with ', m.delta, ' of product ', m.product_id) AS problem "
	"FROM stock_moves m LEFT JOIN products p ON p.product_id = m.product_id LEFT JOIN order_items i "
	"ON i.order_id = m.order_id AND i.product_id = m.product_id "
	"WHERE p.product_id IS NULL OR (m.reason = 1) <> (m.order_id IS NULL) OR (m.order_id IS NOT NULL "
	"AND m.delta <> CASE m.reason WHEN 2 THEN -i.quantity WHEN 3 THEN i.quantity ELSE 0 END) LIMIT ?";
static const char SQL_HELD[] =
	"SELECT CONCAT('order ', order_id) AS subject, "
	"CONCAT('status ', status, ' with stock_held ', stock_held) AS problem FROM orders "
	"WHERE (status IN (0, 1, 2, 3) AND stock_held <> 1) OR (status = 4 AND stock_held <> 0) "
	"LIMIT ?";

/* ---- orders ---- */

static const char SQL_TOTAL[] =
	"SELECT CONCAT('order ', o.order_id) AS subject, "
	"CONCAT('total_amount is ', o.total_amount, ' fen, its lines add up to ', "
	"COALESCE(i.total, 0)) AS problem FROM orders o LEFT JOIN "
	"(SELECT order_id, CAST(SUM(total_price) AS SIGNED) AS total FROM order_items "
	"GROUP BY order_id) i ON i.order_id = o.id "
	"WHERE o.total_amount <> COALESCE(i.total, 0) OR i.total IS NULL LIMIT ?";
static const char SQL_PAID_BY[] =
	"SELECT CONCAT('order ', order_id) AS subject, "
	"CONCAT('status ', status, ' with paid_by ', paid_by, ', total ', total_amount) AS problem "
	"FROM orders WHERE (status IN (1, 2, 3, 5) AND (paid_by = 0 OR paid_at IS NULL)) "
	"OR (status IN (0, 4) AND (paid_by <> 0 OR paid_at IS NOT NULL)) "
	"OR (paid_by = 3) <> (total_amount = 0) LIMIT ?";

static const char SQL_LINE[] =
	"SELECT CONCAT('order_item ', i.order_item_id) AS subject, 'belongs to no order' AS problem "
	"FROM order_items i LEFT JOIN orders o ON o.id = i.order_id WHERE o.id IS NULL LIMIT ?";
static const char SQL_DELETED[] =
	"SELECT CONCAT('order ', order_id) AS subject, CONCAT('deleted with status ', status) "
	"AS problem FROM orders WHERE deleted_at IS NOT NULL AND status IN (0, 1, 2) LIMIT ?";
/* an administrator's word is the only other thing that pays an order, and it is noted */
static const char SQL_OFFLINE[] =
	"SELECT CONCAT('order ', o.order_id) AS subject, CONCAT('paid_by ', o.paid_by, ', ', "
	"IF(j.entry_id IS NULL, 'and no', 'but a'), ' word of an administrator') AS problem "
	"FROM orders o LEFT JOIN journal j ON j.subject = o.order_id AND j.action = 'offline-payment' "
	"WHERE (o.paid_by = 2) <> (j.entry_id IS NOT NULL) "
	"OR (o.paid_by = 2 AND (o.payment_id IS NULL OR o.payment_method IS NULL)) LIMIT ?";

/* ---- payments ---- */

static const char SQL_ORDER_PAYMENT[] =
	"SELECT CONCAT('order ', o.order_id) AS subject, "
	"CONCAT('paid by a provider, with ', COUNT(a.attempt_id), ' granted payments of its amount, "
	"moment and transaction') AS problem FROM orders o LEFT JOIN payment_attempts a "
	"ON a.payable_kind = 1 AND a.payable_id = o.id AND a.state IN (2, 3) "
	"AND a.amount = o.total_amount AND a.transaction_id = o.payment_id AND a.paid_at = o.paid_at "
	"WHERE o.paid_by = 1 GROUP BY o.id, o.order_id HAVING COUNT(a.attempt_id) <> 1 LIMIT ?";
static const char SQL_PAYMENT_ORDER[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"'granted, but its order is not paid by it' AS problem FROM payment_attempts a "
	"LEFT JOIN orders o ON o.id = a.payable_id WHERE a.payable_kind = 1 AND a.state IN (2, 3) "
	"AND (o.id IS NULL OR o.paid_by <> 1 OR o.payment_id <> a.transaction_id) LIMIT ?";
/* granted or not, it was prepared for its order: the total never changes */
static const char SQL_PAYMENT_OWNER[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, CONCAT('of user ', a.user_id, ' and ', "
	"a.amount, ' fen, which its order is not') AS problem FROM payment_attempts a LEFT JOIN orders o "
	"ON o.id = a.payable_id WHERE a.payable_kind = 1 AND (o.id IS NULL OR o.user_id <> a.user_id "
	"OR o.total_amount <> a.amount) LIMIT ?";
static const char SQL_PAYMENT_SHAPE[] =
	"SELECT CONCAT('payment ', out_trade_no) AS subject, "
	"CONCAT('state ', state, ' does not fit its transaction or its openness') AS problem "
	"FROM payment_attempts WHERE (state = 0) <> (open_payable_id IS NOT NULL) "
	"OR (open_payable_id IS NOT NULL AND open_payable_id <> payable_id) "
	"OR (state IN (2, 3, 4, 5)) <> (transaction_id IS NOT NULL) "
	"OR (state IN (2, 3, 4, 5)) <> (paid_at IS NOT NULL) LIMIT ?";
static const char SQL_FOLLOWED[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, 'open, but nobody follows it' "
	"AS problem FROM payment_attempts a LEFT JOIN outbox b ON b.kind = 1 "
	"AND b.ref_id = a.attempt_id WHERE b.outbox_id IS NULL AND (a.state = 0 OR (a.state = 1 "
	"AND EXISTS (SELECT 1 FROM refunds r WHERE r.attempt_id = a.attempt_id))) LIMIT ?";
/* what a provider calls an order may be any text; ours are ASCII, and found by their index so */
#define EVENT_NO "CONVERT(e.out_trade_no USING ascii) COLLATE ascii_bin"
static const char SQL_EVENT_PAYMENT[] =
	"SELECT CONCAT('event ', e.event_id) AS subject, CONCAT('settled ', e.out_trade_no, "
	"', which is not settled so by its transaction') AS problem "
	"FROM payment_events e LEFT JOIN payment_attempts a "
	"ON a.out_trade_no = " EVENT_NO
	" AND a.transaction_id = e.transaction_id "
	"AND a.amount = e.amount AND ((e.verdict = 1 AND a.state = 2) OR (e.verdict = 2 AND a.state = 3) "
	"OR (e.verdict = 3 AND a.state IN (4, 5)) OR (e.verdict = 4 AND a.state IN (2, 3, 4, 5))) "
	"WHERE e.verdict BETWEEN 1 AND 4 AND a.attempt_id IS NULL LIMIT ?";
static const char SQL_PAYMENT_EVENT[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, 'settled, but no provider said so' "
	"AS problem FROM payment_attempts a LEFT JOIN (SELECT DISTINCT e.channel, " EVENT_NO
	" AS no FROM payment_events e WHERE e.verdict BETWEEN 1 AND 3) x "
	"ON x.no = a.out_trade_no AND x.channel = a.channel "
	"WHERE a.channel = 1 AND a.state IN (2, 3, 4, 5) AND x.no IS NULL LIMIT ?";

/* ---- refunds ---- */

static const char SQL_REFUND_SUM[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"CONCAT('refunds of ', r.total, ' fen for ', a.amount, ' fen paid') AS problem "
	"FROM payment_attempts a JOIN (SELECT attempt_id, "
	"CAST(SUM(IF(state <> 3, amount, 0)) AS SIGNED) AS total, MIN(origin) AS origin "
	"FROM refunds GROUP BY attempt_id) r ON r.attempt_id = a.attempt_id "
	"WHERE r.total > a.amount OR (a.state IN (0, 1) AND (r.origin = 0 OR a.held_at IS NULL)) LIMIT ?";
/*
 * Of an order's payment when somebody asked for it, of one that was not granted when nobody did;
 * of a membership's, what was paid too much goes back by itself as well.
 */
static const char SQL_REFUND_PAYMENT[] =
	"SELECT CONCAT('refund ', r.refund_no) AS subject, 'is of another payment, or of none' "
	"AS problem FROM refunds r LEFT JOIN payment_attempts a ON a.attempt_id = r.attempt_id "
	"AND a.payable_kind = r.payable_kind AND a.payable_id = r.payable_id "
	"AND ((r.automatic = 0 AND (a.state IN (2, 3) OR r.origin = 1)) OR (r.origin = 0 AND r.automatic = 1 AND (a.state IN (4, 5) "
	"OR (a.payable_kind = 2 AND a.state IN (2, 3))))) "
	"WHERE a.attempt_id IS NULL LIMIT ?";
static const char SQL_REFUND_EVENT[] =
	"SELECT CONCAT('event ', e.event_id) AS subject, CONCAT('about a refund of ', e.amount, "
	"' fen of ', e.out_trade_no, ', which is not there') AS problem FROM payment_events e "
	"WHERE e.verdict = 7 AND NOT EXISTS (SELECT 1 FROM payment_attempts a JOIN refunds r "
	"ON r.attempt_id = a.attempt_id AND r.amount = e.amount WHERE a.out_trade_no = " EVENT_NO
	") "
	"LIMIT ?";
/* an order that a provider or a card paid is refunded exactly when all of it went back */
static const char SQL_REFUND_ORDER[] =
	"SELECT CONCAT('order ', o.order_id) AS subject, "
	"CONCAT('status ', o.status, ' with ', COALESCE(r.total, 0), ' of ', o.total_amount, "
	"' fen refunded') AS problem FROM orders o LEFT JOIN (SELECT f.payable_id, "
	"CAST(SUM(f.amount) AS SIGNED) AS total FROM refunds f JOIN payment_attempts a "
	"ON a.attempt_id = f.attempt_id AND a.state IN (2, 3) WHERE f.payable_kind = 1 "
	"AND f.state = 2 AND f.automatic = 0 GROUP BY f.payable_id) r ON r.payable_id = o.id "
	"WHERE o.paid_by = 1 AND (o.status = 5) <> (COALESCE(r.total, 0) = o.total_amount) LIMIT ?";
/* what is not granted goes back, by us or without us */
static const char SQL_REFUND_AUTOMATIC[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, CONCAT('of state ', a.state, ', with ', "
	"COALESCE(r.total, 0), ' of ', a.amount, ' fen given back') AS problem "
	"FROM payment_attempts a LEFT JOIN (SELECT attempt_id, CAST(SUM(amount) AS SIGNED) AS total "
	"FROM refunds WHERE state = 2 GROUP BY attempt_id) r ON r.attempt_id = a.attempt_id "
	"WHERE a.state IN (4, 5) AND (a.state = 5) <> (COALESCE(r.total, 0) = a.amount) LIMIT ?";
static const char SQL_REFUND_FOLLOWED[] =
	"SELECT CONCAT('refund ', r.refund_no) AS subject, 'under way, but nobody follows it' "
	"AS problem FROM refunds r LEFT JOIN outbox b ON b.kind = 2 AND b.ref_id = r.refund_id "
	"WHERE r.state IN (1, 4) AND b.outbox_id IS NULL LIMIT ?";
static const char SQL_OUTBOX[] =
	"SELECT CONCAT('outbox ', b.outbox_id) AS subject, CONCAT('follows ', "
	"ELT(b.kind, 'payment ', 'refund ', 'user '), b.ref_id, ', which is over or gone') "
	"AS problem FROM outbox b "
	"LEFT JOIN payment_attempts a ON b.kind = 1 AND a.attempt_id = b.ref_id "
	"LEFT JOIN refunds r ON b.kind = 2 AND r.refund_id = b.ref_id AND r.state IN (1, 4) "
	"LEFT JOIN users u ON b.kind = 3 AND u.user_id = b.ref_id AND u.deleted_at IS NOT NULL "
	"WHERE a.attempt_id IS NULL AND r.refund_id IS NULL AND u.user_id IS NULL LIMIT ?";
static const char SQL_CARD_PAYMENT[] =
	"SELECT CONCAT('payment ', a.out_trade_no) AS subject, "
	"CONCAT('card ledger of ', COALESCE(t.total, 0), ' fen for ', a.amount, ' fen paid and ', "
	"COALESCE(r.total, 0), ' fen refunded') AS problem FROM payment_attempts a LEFT JOIN "
	"(SELECT attempt_id, CAST(SUM(amount) AS SIGNED) AS total FROM card_transactions "
	"WHERE attempt_id IS NOT NULL GROUP BY attempt_id) t ON t.attempt_id = a.attempt_id LEFT JOIN "
	"(SELECT attempt_id, CAST(SUM(amount) AS SIGNED) AS total FROM refunds WHERE state = 2 "
	"GROUP BY attempt_id) r ON r.attempt_id = a.attempt_id WHERE a.channel = 2 "
	"AND COALESCE(t.total, 0) <> COALESCE(r.total, 0) - a.amount LIMIT ?";

/* ---- cards ---- */

static const char SQL_CARD[] =
	"SELECT CONCAT('card ', k.card_id) AS subject, "
	"CONCAT('balance is ', k.balance, ' fen, its ledger adds up to ', COALESCE(t.total, 0)) "
	"AS problem FROM cards k LEFT JOIN (SELECT card_id, CAST(SUM(amount) AS SIGNED) AS total "
	"FROM card_transactions GROUP BY card_id) t ON t.card_id = k.card_id "
	"WHERE k.balance <> COALESCE(t.total, 0) LIMIT ?";
static const char SQL_CARD_SEQUENCE[] =
	"SELECT CONCAT('card_transaction ', x.transaction_id) AS subject, "
	"CONCAT('balance_after is ', x.balance_after, ' fen, the rows up to it add up to ', "
	"x.total) AS problem FROM (SELECT transaction_id, balance_after, CAST(SUM(amount) OVER "
	"(PARTITION BY card_id ORDER BY transaction_id) AS SIGNED) AS total "
	"FROM card_transactions) x WHERE x.balance_after <> x.total LIMIT ?";
static const char SQL_CARD_SIGN[] =
	"SELECT CONCAT('card_transaction ', transaction_id) AS subject, "
	"CONCAT('type ', type, ' with amount ', amount) AS problem FROM card_transactions "
	"WHERE (type IN (1, 3) AND amount < 0) OR (type = 2 AND amount > 0) LIMIT ?";
static const char SQL_CARD_LIVE[] =
	"SELECT CONCAT('card ', card_id) AS subject, "
	"'whether it is live is said twice, differently' AS problem FROM cards "
	"WHERE (deleted_at IS NULL) <> (live_user_id IS NOT NULL) "
	"OR live_user_id <> user_id OR (deleted_at IS NOT NULL AND balance <> 0) LIMIT ?";

static const char SQL_CARD_ENTRY[] =
	"SELECT CONCAT('card_transaction ', t.transaction_id) AS subject, "
	"CONCAT('of card ', t.card_id, ', which is not there') AS problem FROM card_transactions t "
	"LEFT JOIN cards k ON k.card_id = t.card_id WHERE k.card_id IS NULL LIMIT ?";
/* one pays with one's own card, and is given back to it */
static const char SQL_CARD_OWNER[] =
	"SELECT CONCAT('card_transaction ', t.transaction_id) AS subject, CONCAT('type ', t.type, "
	"' of no card payment of its owner') AS problem FROM card_transactions t "
	"JOIN cards k ON k.card_id = t.card_id LEFT JOIN payment_attempts a "
	"ON a.attempt_id = t.attempt_id AND a.channel = 2 AND a.user_id = k.user_id "
	"WHERE t.attempt_id IS NOT NULL AND (a.attempt_id IS NULL OR t.type NOT IN (2, 3)) LIMIT ?";
static const char SQL_CARD_ADJUSTED[] =
	"SELECT CONCAT('card ', k.card_id) AS subject, CONCAT(COALESCE(t.n, 0), "
	"' adjustments, the journal has ', COALESCE(j.n, 0)) AS problem FROM cards k LEFT JOIN "
	"(SELECT card_id, COUNT(*) AS n FROM card_transactions WHERE type = 4 GROUP BY card_id) t "
	"ON t.card_id = k.card_id LEFT JOIN (SELECT subject, COUNT(*) AS n FROM journal "
	"WHERE action = 'card-balance' GROUP BY subject) j ON j.subject = CONCAT('card ', k.card_id) "
	"WHERE COALESCE(t.n, 0) <> COALESCE(j.n, 0) LIMIT ?";

/* ---- people ---- */

static const char SQL_MEMBER[] =
	"SELECT CONCAT('user ', u.user_id) AS subject, 'has no member' AS problem FROM users u "
	"LEFT JOIN members m ON m.user_id = u.user_id WHERE m.member_id IS NULL LIMIT ?";

static const char SQL_OWNER[] =
	"SELECT x.subject, CONCAT('of user ', x.user_id, ', who is not there') AS problem FROM "
	"(SELECT CONCAT('order ', order_id) AS subject, user_id FROM orders UNION ALL "
	"SELECT CONCAT('card ', card_id), user_id FROM cards UNION ALL "
	"SELECT CONCAT('member ', member_id), user_id FROM members) x "
	"LEFT JOIN users u ON u.user_id = x.user_id WHERE u.user_id IS NULL LIMIT ?";

/* who has left has nothing to come, and what is left to be forgotten is known */
static const char SQL_LEFT[] =
	"SELECT CONCAT('order ', o.order_id) AS subject, CONCAT('status ', o.status, "
	"IF(o.consignee_name IS NULL, ', of', ', with an address, of'), ' a deleted user') AS problem "
	"FROM orders o FORCE INDEX (PRIMARY) STRAIGHT_JOIN users u FORCE INDEX (PRIMARY) "
	"ON u.user_id = o.user_id LEFT JOIN outbox b FORCE INDEX (ref) ON b.kind = 3 "
	"AND b.ref_id = u.user_id WHERE u.deleted_at IS NOT NULL AND (o.status IN (1, 2) "
	"OR (b.outbox_id IS NULL AND (o.status = 0 OR o.consignee_name IS NOT NULL))) LIMIT ?";

/* ---- work that waits ---- */

static const char SQL_REFUND_DUE[] =
	"SELECT CONCAT('payment ', out_trade_no) AS subject, "
	"CONCAT('refund due: ', amount, ' fen, ', COALESCE(reason, '')) AS problem "
	"FROM payment_attempts WHERE state = 4 ORDER BY attempt_id LIMIT ?";
static const char SQL_HELD_PAYMENT[] =
	"SELECT CONCAT('payment ', out_trade_no) AS subject, CONCAT('held: of ', amount, "
	"' fen something went back elsewhere, see the merchant console') AS problem "
	"FROM payment_attempts WHERE state IN (0, 1) AND held_at IS NOT NULL "
	"ORDER BY attempt_id LIMIT ?";
static const char SQL_ABNORMAL[] =
	"SELECT CONCAT('refund ', refund_no) AS subject, "
	"CONCAT('abnormal: ', amount, ' fen, mend it in the merchant console') AS problem "
	"FROM refunds WHERE state = 4 ORDER BY refund_id LIMIT ?";
static const char SQL_ORPHAN[] =
	"SELECT CONCAT('event ', event_id) AS subject, "
	"CONCAT('orphan: ', COALESCE(reason, ''), ', ', COALESCE(out_trade_no, 'no order'), ', ', "
	"COALESCE(amount, '?'), ' fen') AS problem FROM payment_events WHERE verdict = 6 "
	"ORDER BY event_no LIMIT ?";

static const struct audit_rule shop_rules[] = {
	{ "stock is the sum of its moves", SQL_STOCK, false, NULL },
	{ "an order's lines hold their stock", SQL_LINE_STOCK, false, NULL },
	{ "every move of an order has its line", SQL_STRAY_MOVE, false, NULL },
	{ "a move takes or gives back what its reason says", SQL_MOVE, false, NULL },
	{ "status and held stock agree", SQL_HELD, false, NULL },
	{ "an order's total is the sum of its lines", SQL_TOTAL, false, NULL },
	{ "every line has its order", SQL_LINE, false, NULL },
	{ "status and payer agree", SQL_PAID_BY, false, NULL },
	{ "an order is over before it is deleted", SQL_DELETED, false, NULL },
	{ "an offline payment is in the journal", SQL_OFFLINE, false, NULL },
	{ "an order paid by a provider has its payment", SQL_ORDER_PAYMENT, false, NULL },
	{ "a granted payment has its order", SQL_PAYMENT_ORDER, false, NULL },
	{ "a payment is of its order's buyer and total", SQL_PAYMENT_OWNER, false, NULL },
	{ "a payment's state fits what it holds", SQL_PAYMENT_SHAPE, false, NULL },
	{ "an open payment is followed", SQL_FOLLOWED, false, NULL },
	{ "what settled a payment is its transaction", SQL_EVENT_PAYMENT, false, NULL },
	{ "a settled payment was heard of", SQL_PAYMENT_EVENT, false, NULL },
	{ "a card's balance is the sum of its ledger", SQL_CARD, false, NULL },
	{ "each balance_after is right in sequence", SQL_CARD_SEQUENCE, false, NULL },
	{ "the ledger's signs fit its types", SQL_CARD_SIGN, false, NULL },
	{ "a live card is its user's only one", SQL_CARD_LIVE, false, NULL },
	{ "every entry has its card", SQL_CARD_ENTRY, false, NULL },
	{ "a card pays for its owner", SQL_CARD_OWNER, false, NULL },
	{ "an adjustment is in the journal", SQL_CARD_ADJUSTED, false, NULL },
	{ "no more is refunded than was paid", SQL_REFUND_SUM, false, NULL },
	{ "a refund is of its payment", SQL_REFUND_PAYMENT, false, NULL },
	{ "a refund that was heard of is there", SQL_REFUND_EVENT, false, NULL },
	{ "an order is refunded when all of it went back", SQL_REFUND_ORDER, false, NULL },
	{ "an automatic refund ends its payment", SQL_REFUND_AUTOMATIC, false, NULL },
	{ "a refund under way is followed", SQL_REFUND_FOLLOWED, false, NULL },
	{ "what is followed is under way", SQL_OUTBOX, false, NULL },
	{ "a card's payments and refunds are in its ledger", SQL_CARD_PAYMENT, false, NULL },
	{ "every user is a member", SQL_MEMBER, false, NULL },
	{ "whatever is owned has its owner", SQL_OWNER, false, NULL },
	{ "who has left has no order to come", SQL_LEFT, false, NULL },
	{ "refund due", SQL_REFUND_DUE, true, NULL },
	{ "held payment", SQL_HELD_PAYMENT, true, NULL },
	{ "abnormal refund", SQL_ABNORMAL, true, NULL },
	{ "orphan payment", SQL_ORPHAN, true, NULL },
	{ NULL, NULL, false, NULL },
};

const struct audit_rule *const audit_books[] = { shop_rules, audit_vip_rules, NULL };

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

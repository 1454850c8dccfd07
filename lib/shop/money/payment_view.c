/* SPDX-License-Identifier: MIT */
#include "shop/money/payment_view.h"

#include "ext/db.h"
#include "shop/money/payment_event.h"
#include "shop/money/reason.h"
#include "shop/money/refund.h"

enum { NO_MAX = 64, ATTENTION_TEXT_MAX = 600 };

/* What is read for a whole page: of its at-th attempt. */
struct of_page {
	int64_t at;
	money refunded_amount, refunding_amount;
	int64_t refund_attention; /* the greatest, enum refund_attention */
	int64_t orphans;          /* messages that nobody has looked into */
};

/* from ATTEMPT_OPEN on */
static const char *const status_names[] = { "OPEN", "CLOSED", "GRANTED", "GRANTED_LATE",
	"REFUND_DUE", "REFUNDED", NULL };
static const char *const status_texts[] = { "待支付", "已关闭", "已入账", "关闭后付款，已入账",
	"待退款", "已退款" };
static const char *const only_true[] = { "true", NULL };

const struct field attempt_view_fields[] = {
	FIELD_WITH(struct attempt_view, attempt_id, .flags = F_HIDDEN),
	FIELD_WITH(struct attempt_view, order_id, .column = "payable_no"),
	FIELD(struct attempt_view, user_id),
	FIELD_WITH(struct attempt_view, channel, .flags = F_HIDDEN),
	FIELD_WITH(struct attempt_view, provider, .flags = F_NO_COLUMN),
	FIELD_WITH(struct attempt_view, trade_type, .flags = F_NO_COLUMN | F_NULL),
	FIELD(struct attempt_view, out_trade_no),
	FIELD_WITH(struct attempt_view, transaction_id, .flags = F_NULL),
	FIELD_WITH(struct attempt_view, amount, .flags = F_TEXT),
	FIELD_WITH(struct attempt_view, refunded_amount, .flags = F_TEXT | F_NO_COLUMN),
	FIELD_WITH(struct attempt_view, refunding_amount, .flags = F_TEXT | F_NO_COLUMN),
	FIELD_WITH(struct attempt_view, state, .flags = F_HIDDEN),
	FIELD_WITH(struct attempt_view, status, .flags = F_NO_COLUMN, .words = status_names),
	FIELD_WITH(struct attempt_view, status_text, .flags = F_NO_COLUMN),
	FIELD_WITH(struct attempt_view, reason, .flags = F_NULL),
	FIELD_WITH(struct attempt_view, reason_text, .flags = F_NO_COLUMN | F_NULL),
	FIELD_WITH(struct attempt_view, attention, .flags = F_NO_COLUMN),
	FIELD_WITH(struct attempt_view, attention_text, .flags = F_NO_COLUMN | F_NULL),
	FIELD(struct attempt_view, expires_at),
	FIELD_WITH(struct attempt_view, paid_at, .flags = F_NULL),
	FIELD_WITH(struct attempt_view, held_at, .flags = F_NULL),
	FIELD(struct attempt_view, created_at),
	FIELD_END,
};
static const struct field of_page_fields[] = {
	FIELD(struct of_page, at),
	FIELD(struct of_page, refunded_amount),
	FIELD(struct of_page, refunding_amount),
	FIELD(struct of_page, refund_attention),
	FIELD(struct of_page, orphans),
	FIELD_END,
};

const struct field attempt_query_fields[] = {
	INPUT(struct attempt_query, status, 1, 20, 0, .words = status_names),
	INPUT(struct attempt_query, provider, 1, 20, 0),
	INPUT(struct attempt_query, order_id, 1, 64, 0),
	INPUT(struct attempt_query, out_trade_no, 1, 64, 0),
	INPUT(struct attempt_query, transaction_id, 1, 64, 0),
	INPUT(struct attempt_query, attention, 1, 5, 0, .words = only_true),
	INPUT(struct attempt_query, created_from, 0, 0, F_DAY_OR_TIME),
	INPUT(struct attempt_query, created_to, 0, 0, F_DAY_OR_TIME | F_DAY_END),
	FIELD_END,
};

/* a provider's order number may be any text, and ours are ASCII: converted so that the index is used */
#define TRADE_NO "CONVERT(a.out_trade_no USING utf8mb4) COLLATE utf8mb4_unicode_ci"
#define OUR_NO   "CONVERT(e.out_trade_no USING ascii) COLLATE ascii_bin"
#define COLUMNS                                                                                    \
	"a.attempt_id, a.payable_no, a.user_id, a.channel, a.out_trade_no, a.transaction_id, "     \
	"a.amount, a.state, a.reason, a.expires_at, a.paid_at, a.held_at, a.created_at"
/* Of all attempts of a page at once: their refunds, and the messages about them; `at` is the attempt's index. */
#define OF_PAGE        "FROM JSON_TABLE(?, '$[*]' COLUMNS (at FOR ORDINALITY, id BIGINT PATH '$')) l "
#define SUM_IF(states) "CAST(COALESCE(SUM(IF(r.state IN (" states "), r.amount, 0)), 0) AS SIGNED)"
static const char SQL_REFUNDS[] =
	"SELECT l.at, " SUM_IF(SQL(REFUND_SUCCESS)) " AS refunded_amount, "
	SUM_IF(SQL(REFUND_IN_PROGRESS_SET)) " AS refunding_amount, "
	"MAX(r.attention) AS refund_attention " OF_PAGE
	"STRAIGHT_JOIN refunds r FORCE INDEX (by_attempt) ON r.attempt_id = l.id "
	"GROUP BY l.at LIMIT ?";
static const char SQL_ORPHANS[] =
	"SELECT l.at, COUNT(*) AS orphans " OF_PAGE
	"STRAIGHT_JOIN payment_attempts a FORCE INDEX (PRIMARY) ON a.attempt_id = l.id "
	"STRAIGHT_JOIN payment_events e FORCE INDEX (by_trade) ON e.out_trade_no = " TRADE_NO
	" "
	"AND e.verdict = " SQL(EVENT_ORPHAN) " AND e.resolved = FALSE GROUP BY l.at LIMIT ?";

/*
 * The key is (created_at, attempt_id). The redundant `created_at <= ?` gives an index its range. Each
 * combination of status and provider has its own index; the other filters find a few rows.
 */
#define LIST_BY(from, where)                                                                       \
	"SELECT " COLUMNS " FROM " from " WHERE " where                                            \
	" a.created_at <= ? AND a.created_at >= ? AND (a.created_at < ? OR a.attempt_id < ?) "
#define NEWEST      "ORDER BY a.created_at DESC, a.attempt_id DESC LIMIT ?"
#define INDEX(name) "payment_attempts a FORCE INDEX (" name ")"
static const char SQL_LIST[] = LIST_BY(INDEX("by_time"), "") NEWEST;
static const char SQL_LIST_STATE[] = LIST_BY(INDEX("by_state"), "a.state = ? AND") NEWEST;
static const char SQL_LIST_PROVIDER[] = LIST_BY(INDEX("by_provider"), "a.provider = ? AND") NEWEST;
static const char SQL_LIST_PROVIDER_STATE[] =
	LIST_BY(INDEX("by_provider_state"), "a.provider = ? AND a.state = ? AND") NEWEST;
#define FEW(from, where)                                                                           \
	LIST_BY(from, where)                                                                       \
	"AND (? IS NULL OR a.state = ?) AND (? IS NULL OR a.provider = ?) "                        \
	"AND (? IS NULL OR a.payable_no = ?) AND (? IS NULL OR a.out_trade_no = ?) "               \
	"AND (? IS NULL OR a.transaction_id = ?) " NEWEST
static const char SQL_LIST_TRADE[] = FEW(INDEX("out_trade_no"), "a.out_trade_no = ? AND");
static const char SQL_LIST_TRANSACTION[] =
	FEW("JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) l STRAIGHT_JOIN " INDEX(
		    "transaction_id"),
		"a.provider = l.id AND a.transaction_id = ? AND");
static const char SQL_LIST_PAYABLE[] = FEW(INDEX("by_number"), "a.payable_no = ? AND");
static const char SQL_LIST_ATTENTION[] = FEW(
	"(SELECT attempt_id FROM payment_attempts FORCE INDEX (by_hold) "
	"WHERE held_at > 0 AND state IN (" SQL(ATTEMPT_UNSETTLED_SET) ") UNION "
	"SELECT attempt_id FROM refunds FORCE INDEX (by_attention) "
	"WHERE attention > " SQL(REFUND_NEEDS_NOBODY) " UNION "
	"SELECT b.attempt_id FROM payment_events e FORCE INDEX (by_resolution) "
	"STRAIGHT_JOIN payment_attempts b FORCE INDEX (out_trade_no) ON b.out_trade_no = " OUR_NO " "
	"WHERE e.verdict = " SQL(EVENT_ORPHAN) " AND e.resolved = FALSE) w STRAIGHT_JOIN " INDEX("PRIMARY"),
	"a.attempt_id = w.attempt_id AND");

/* ---- in words ---- */

static void add_words(struct str *s, const char *text)
{
	if (s->len > 0)
		str_adds(s, "；");
	str_adds(s, text);
}

static const char *attention_text(
	struct ctx *c, const struct attempt_view *a, const struct of_page *more)
{
	const bool settled = a->state != ATTEMPT_OPEN && a->state != ATTEMPT_CLOSED;
	struct str s = str_new(&c->arena, ATTENTION_TEXT_MAX);

	if (!settled && a->held_at.ms != 0)
		add_words(&s, "支付平台报告已退过款，金额未知，暂不入账：请核对商户后台");
	if (more->refund_attention != REFUND_NEEDS_NOBODY)
		add_words(&s, refund_attention_text(more->refund_attention));
	if (more->orphans > 0)
		add_words(&s, arena_printf(&c->arena, "有 %lld 条与本店记录不符的支付通知未处理",
				      (long long)more->orphans));
	return s.len > 0 ? str_text(&s) : NULL;
}

static void complete(struct ctx *c, struct attempt_view *a, const struct of_page *more)
{
	a->refunded_amount = more->refunded_amount;
	a->refunding_amount = more->refunding_amount;
	a->status = status_names[a->state];
	a->status_text = status_texts[a->state];
	a->reason_text = reason_text(a->reason);
	a->attention_text = attention_text(c, a, more);
	a->attention = a->attention_text != NULL;
}

/* ---- the list ---- */

/* A number of ours, or of a provider; comparing other text with it would be a collation error. */
static bool is_possible(const char *no)
{
	return no == NULL || str_is_id(no, NO_MAX);
}

static enum err find(struct ctx *c, const struct attempt_query *q, struct db_rows *found)
{
	const int64_t n = q->page.limit, newest = field_has(attempt_query_fields, q, "created_to")
							  ? q->created_to.ms - 1
							  : INT64_MAX;
	const bool by_state = field_has(attempt_query_fields, q, "status");
	const opt_i64 wanted = { by_state ? str_index(q->status, status_names) : 0, by_state };
	const struct db_arg to = I64(newest < q->page.after[0] ? newest : q->page.after[0]),
			    from = I64(q->created_from.ms), at = I64(q->page.after[0]),
			    id = I64(q->page.after[1]), limit = I64(n + 1), state = OPT(wanted),
			    provider = OPT(q->of_provider), no = TEXT(q->order_id),
			    trade = TEXT(q->out_trade_no), paid = TEXT(q->transaction_id);
	const struct field *fields = attempt_view_fields;
	const size_t size = sizeof(struct attempt_view);

#define FEW_ARGS                                                                                   \
	to, from, at, id, state, state, provider, provider, no, no, trade, trade, paid, paid, limit
	if (q->out_trade_no != NULL)
		return db_all(c, SQL_LIST_TRADE, ARGS(trade, FEW_ARGS), fields, size, n, found);
	if (q->transaction_id != NULL)
		return db_all(c, SQL_LIST_TRANSACTION,
			ARGS(TEXT(db_id_list(c, q->providers, q->providers_n)), paid, FEW_ARGS),
			fields, size, n, found);
	if (q->order_id != NULL)
		return db_all(c, SQL_LIST_PAYABLE, ARGS(no, FEW_ARGS), fields, size, n, found);
	if (q->attention != NULL)
		return db_all(c, SQL_LIST_ATTENTION, ARGS(FEW_ARGS), fields, size, n, found);
	if (by_state && q->of_provider.set)
		return db_all(c, SQL_LIST_PROVIDER_STATE,
			ARGS(provider, state, to, from, at, id, limit), fields, size, n, found);
	if (by_state)
		return db_all(c, SQL_LIST_STATE, ARGS(state, to, from, at, id, limit), fields, size,
			n, found);
	if (q->of_provider.set)
		return db_all(c, SQL_LIST_PROVIDER, ARGS(provider, to, from, at, id, limit), fields,
			size, n, found);
	return db_all(c, SQL_LIST, ARGS(to, from, at, id, limit), fields, size, n, found);
}

/* Read what belongs to the rows, and complete them. */
static enum err complete_all(struct ctx *c, struct attempt_view *rows, int64_t n)
{
	int64_t *ids = arena_array(&c->arena, (size_t)n + 1, sizeof(*ids));
	struct of_page *more = arena_array(&c->arena, (size_t)n + 1, sizeof(*more));
	struct db_rows found;
	const struct of_page *x;
	const char *list;

	for (int64_t i = 0; i < n; i++)
		ids[i] = rows[i].attempt_id;
	list = db_id_list(c, ids, (size_t)n);
	TRY(db_all(c, SQL_REFUNDS, ARGS(TEXT(list), I64(n)), of_page_fields, sizeof(*more), n,
		&found));
	x = found.list.rows;
	for (int64_t i = 0; i < found.list.n; i++)
		more[x[i].at - 1] = x[i];
	TRY(db_all(c, SQL_ORPHANS, ARGS(TEXT(list), I64(n)), of_page_fields, sizeof(*more), n,
		&found));
	x = found.list.rows;
	for (int64_t i = 0; i < found.list.n; i++)
		more[x[i].at - 1].orphans = x[i].orphans;
	for (int64_t i = 0; i < n; i++)
		complete(c, &rows[i], &more[i]);
	return OK;
}

enum err payment_list(struct ctx *c, const struct attempt_query *q, struct page_rows *out)
{
	struct db_rows found = { 0 };

	*out = (struct page_rows){ 0 };
	if (!is_possible(q->order_id) || !is_possible(q->out_trade_no) ||
		!is_possible(q->transaction_id))
		return OK;
	TRY(find(c, q, &found));
	if (found.list.n > 0)
		TRY(complete_all(c, found.list.rows, found.list.n));
	*out = (struct page_rows){ found.list, found.more,
		{ offsetof(struct attempt_view, created_at.ms),
			offsetof(struct attempt_view, attempt_id) },
		2 };
	return OK;
}

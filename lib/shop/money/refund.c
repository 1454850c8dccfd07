/* SPDX-License-Identifier: MIT */
#include "shop/money/refund.h"

#include <assert.h>

#include "base/log.h"
#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/books/outbox.h"
#include "shop/books/webhook_delivery.h"
#include "shop/money/payment.h"

enum { NO_MAX = 64, PAUSE_HOURS_MAX = 24 };

/* from REFUND_PROCESSING on */
static const char *const status_names[] = { "PROCESSING", "SUCCESS", "CLOSED", "ABNORMAL", NULL };

/* from REFUND_NEEDS_NOBODY on */
static const struct {
	const char *name, *text;
} attentions[] = {
	{ NULL, NULL },
	{ "ABNORMAL", "顾客的账户收不了款：请在支付平台的商户后台处理" },
	{ "MANUAL", "该支付渠道不能由商店退款：请在其后台退款后登记" },
	{ "IN_DOUBT", "退款超过一天没有结果：请在支付平台的商户后台核对" },
	{ "REFUSED", "支付平台没有退款，请核对原因后重新退款" },
};
static const char *const attention_names[] = { "ABNORMAL", "MANUAL", "IN_DOUBT", "REFUSED", NULL };
static const char *const only_true[] = { "true", NULL };

const struct field refund_fields[] = {
	FIELD_WITH(struct refund, refund_id, .flags = F_HIDDEN),
	FIELD(struct refund, refund_no),
	FIELD_WITH(struct refund, order_id, .column = "payable_no"),
	FIELD_WITH(struct refund, attempt_id, .flags = F_HIDDEN),
	FIELD_WITH(struct refund, payable_kind, .flags = F_HIDDEN),
	FIELD_WITH(struct refund, payable_id, .flags = F_HIDDEN),
	FIELD_WITH(struct refund, amount, .flags = F_TEXT),
	FIELD_WITH(struct refund, state, .flags = F_HIDDEN),
	FIELD_WITH(struct refund, status, .words = status_names),
	FIELD_WITH(struct refund, waits, .column = "attention", .flags = F_HIDDEN),
	FIELD_WITH(
		struct refund, attention, .flags = F_NO_COLUMN | F_OMIT, .words = attention_names),
	FIELD_WITH(struct refund, attention_text, .flags = F_NO_COLUMN | F_OMIT),
	FIELD(struct refund, reason),
	FIELD(struct refund, automatic),
	FIELD_WITH(struct refund, origin, .flags = F_HIDDEN),
	FIELD_WITH(struct refund, provider_refund_id, .flags = F_HIDDEN),
	FIELD(struct refund, created_at),
	FIELD(struct refund, updated_at),
	FIELD_END,
};

const struct field refund_new_fields[] = {
	INPUT(struct refund, order_id, 1, 64, F_REQUIRED),
	INPUT(struct refund, amount, 1, MONEY_MAX_FEN, 0),
	INPUT(struct refund, reason, 1, 80, F_REQUIRED),
	FIELD_END,
};

const struct field refund_query_fields[] = {
	INPUT(struct refund_query, order_id, 1, 64, 0),
	INPUT(struct refund_query, status, 1, 20, 0, .words = status_names),
	INPUT(struct refund_query, attention, 1, 5, 0, .words = only_true),
	FIELD_END,
};

static const struct field notification_fields[] = {
	FIELD(struct refund, refund_no),
	FIELD(struct refund, order_id),
	FIELD_WITH(struct refund, amount, .flags = F_TEXT),
	FIELD(struct refund, automatic),
	FIELD(struct refund, created_at),
	FIELD_END,
};

static const struct field sums_fields[] = {
	FIELD(struct refund_sums, done),
	FIELD(struct refund_sums, under_way),
	FIELD(struct refund_sums, elsewhere),
	FIELD(struct refund_sums, known),
	FIELD_END,
};

static const struct field totals_fields[] = {
	FIELD(struct refund_totals, paid),
	FIELD(struct refund_totals, done),
	FIELD(struct refund_totals, under_way),
	FIELD_END,
};

static const struct field missing_fields[] = {
	FIELD(struct refund_missing, tries),
	FIELD(struct refund_missing, amount),
	FIELD_END,
};

/* clang-format off */
#define REFUND_ROW(X)                                                                          \
	X(refund_no) X(attempt_id) X(payable_kind) X(payable_id) X(payable_no, order_id)       \
	X(amount) X(reason) X(automatic) X(origin) X(state) X(attention, waits)                \
	X(provider_refund_id) X(created_at)
/* clang-format on */
#define COLUMNS                                                                                    \
	REFUND_ROW(SQL_NAME)                                                                       \
	"refund_id, updated_at, CASE state WHEN " SQL(REFUND_PROCESSING) " THEN 'PROCESSING' "     \
	"WHEN " SQL(REFUND_SUCCESS) " THEN 'SUCCESS' WHEN " SQL(REFUND_CLOSED) " THEN 'CLOSED' "   \
	"ELSE 'ABNORMAL' END AS status"
static const char SQL_INSERT[] =
	"INSERT INTO refunds (" REFUND_ROW(SQL_NAME) "updated_at) "
	"VALUES (" REFUND_ROW(SQL_MARK) "?)";
static const char SQL_FIND[] = "SELECT " COLUMNS " FROM refunds WHERE refund_no = ?";
static const char SQL_READ[] = "SELECT " COLUMNS " FROM refunds WHERE refund_id = ?";
static const char SQL_LOCK[] = "SELECT " COLUMNS " FROM refunds WHERE refund_id = ? FOR UPDATE";
#define LIST_BY(index, where)                                                                      \
	"SELECT " COLUMNS " FROM refunds FORCE INDEX (" index ") WHERE " where                     \
	" refund_id < ? AND (? IS NULL OR state = ?) "                                             \
	"AND (? IS NULL OR attention > " SQL(REFUND_NEEDS_NOBODY) ") "                             \
	"ORDER BY refund_id DESC LIMIT ?"
static const char SQL_LIST[] = LIST_BY("PRIMARY", "");
static const char SQL_LIST_STATE[] = LIST_BY("by_state", "state = ? AND");
static const char SQL_LIST_PAYABLE[] = LIST_BY("by_number", "payable_no = ? AND");
/* those that need a person are few */
static const char SQL_LIST_ATTENTION[] =
	LIST_BY("by_attention", "attention > " SQL(REFUND_NEEDS_NOBODY) " AND");
static const char SQL_COUNT_WAITING[] =
	"SELECT COUNT(*) FROM (SELECT refund_id FROM refunds FORCE INDEX (by_attention) "
	"WHERE attention > " SQL(REFUND_NEEDS_NOBODY) " LIMIT ?) w";
static const char SQL_OLDEST_WAITING[] =
	"SELECT COALESCE(MIN(created_at), 0) FROM (SELECT created_at FROM refunds "
	"FORCE INDEX (by_attention) WHERE attention > " SQL(REFUND_NEEDS_NOBODY) " LIMIT ?) w";
#define SUM_IF(condition, amount)                                                                  \
	"CAST(COALESCE(SUM(IF(" condition ", " amount ", 0)), 0) AS SIGNED)"
static const char SQL_SUM[] =
	"SELECT " SUM_IF("state = " SQL(REFUND_SUCCESS), "amount") " AS done, "
	SUM_IF("state IN (" SQL(REFUND_IN_PROGRESS_SET) ")", "amount") " AS under_way, "
	SUM_IF("origin = " SQL(REFUND_MADE_ELSEWHERE) " AND state IN (" SQL(REFUND_IN_PROGRESS_SET) ")",
		"amount") " AS elsewhere, "
	"COUNT(*) AS known FROM refunds WHERE attempt_id = ?";
static const char SQL_TOTAL[] =
	"SELECT COALESCE(MAX(a.amount) - MAX(IF(r.automatic = TRUE, r.amount, 0)), 0) AS paid, "
	SUM_IF("r.automatic = FALSE AND r.state = " SQL(REFUND_SUCCESS), "r.amount") " AS done, "
	SUM_IF("r.automatic = FALSE AND r.state IN (" SQL(REFUND_IN_PROGRESS_SET) ")", "r.amount")
	" AS under_way FROM refunds r JOIN payment_attempts a ON a.attempt_id = r.attempt_id "
	"WHERE r.payable_kind = ? AND r.payable_id = ? AND a.state IN (" SQL(ATTEMPT_GRANTED_SET) ")";
static const char SQL_SET[] =
	"UPDATE refunds "
	"SET state = ?, attention = ?, provider_refund_id = COALESCE(?, provider_refund_id), "
	"updated_at = ? WHERE refund_id = ? AND state IN (" SQL(REFUND_IN_PROGRESS_SET) ")";
static const char SQL_ASKED_AGAIN[] =
	"UPDATE refunds SET attention = " SQL(REFUND_NEEDS_NOBODY) " "
	"WHERE attempt_id = ? AND attention = " SQL(REFUND_REFUSED);
static const char SQL_DISMISS[] =
	"UPDATE refunds SET attention = " SQL(REFUND_NEEDS_NOBODY) " "
	"WHERE refund_id = ? AND attention = " SQL(REFUND_REFUSED);
static const char SQL_DOUBT[] =
	"UPDATE refunds SET attention = " SQL(REFUND_IN_DOUBT) " "
	"WHERE refund_id = ? AND attention = " SQL(REFUND_NEEDS_NOBODY) " "
	"AND state = " SQL(REFUND_PROCESSING);
/*
 * Of a payment that was not granted, the rest: possibly even after a successful refund, if one made
 * elsewhere failed after it. Of a granted one, the overpaid amount. Each try waits an hour longer
 * than the previous, at most a day.
 */
#define ASKED "COALESCE(SUM(IF(r.state <> " SQL(REFUND_CLOSED) ", r.amount, 0)), 0)"
#define MISSING_AMOUNT                                                                             \
	"IF(a.state = " SQL(ATTEMPT_REFUND_DUE) ", "                                               \
	"a.amount - " ASKED ", MAX(IF(r.automatic = TRUE, r.amount, 0)))"
#define IS_MISSING                                                                                 \
	"GROUP BY a.attempt_id, a.amount, a.state "                                                \
	"HAVING COALESCE(SUM(r.automatic = TRUE AND (r.state IN (" SQL(REFUND_IN_PROGRESS_SET) ") "  \
	"OR (r.state = " SQL(REFUND_SUCCESS) " AND a.state <> " SQL(ATTEMPT_REFUND_DUE) "))), 0) " \
	"= 0 AND " MISSING_AMOUNT " > 0 AND " ASKED " + " MISSING_AMOUNT " <= a.amount "           \
	"AND COALESCE(MAX(IF(r.automatic = TRUE, r.updated_at, NULL)), 0) < "                      \
	"? - LEAST(COALESCE(SUM(r.automatic), 0), ?) * ? "
#define IS_MISSING_ARGS(c) I64((c)->now_ms), I64(PAUSE_HOURS_MAX), I64(HOUR_MS)
static const char SQL_MISSING[] =
	"SELECT a.attempt_id AS ref_id FROM ("
	"SELECT attempt_id FROM payment_attempts WHERE state = " SQL(ATTEMPT_REFUND_DUE) " UNION "
	"SELECT attempt_id FROM refunds "
	"WHERE automatic = TRUE AND state = " SQL(REFUND_CLOSED) ") due "
	"JOIN payment_attempts a ON a.attempt_id = due.attempt_id "
	"LEFT JOIN refunds r ON r.attempt_id = a.attempt_id "
	"LEFT JOIN outbox b ON b.kind = " SQL(OUTBOX_MISSING_REFUND) " "
	"AND b.ref_id = a.attempt_id "
	"WHERE b.outbox_id IS NULL " IS_MISSING "ORDER BY a.attempt_id LIMIT ?";
static const char SQL_MISSING_OF[] =
	"SELECT CAST(COALESCE(SUM(r.automatic), 0) AS SIGNED) AS tries, "
	"CAST(" MISSING_AMOUNT
	" AS SIGNED) AS amount FROM payment_attempts a "
	"LEFT JOIN refunds r ON r.attempt_id = a.attempt_id WHERE a.attempt_id = ? " IS_MISSING;

const char *refund_new_no(struct ctx *c)
{
	return arena_printf(&c->arena, "RF%s", crypto_random_text(&c->arena, BASE32, 26));
}

const char *refund_automatic_no(struct ctx *c, const char *out_trade_no, int64_t tries)
{
	if (tries == 0)
		return arena_printf(&c->arena, "R%sL", out_trade_no);
	return arena_printf(&c->arena, "R%sL%lld", out_trade_no, (long long)tries + 1);
}

bool refund_is_final(int64_t state)
{
	return state == REFUND_SUCCESS || state == REFUND_CLOSED;
}

/* Notify webhooks, and the payment's client, of a refund in its new state. */
static enum err notify_tx(struct ctx *c, const struct refund *r, enum refund_state state)
{
	struct attempt a = { 0 };

	if (state != REFUND_SUCCESS)
		return OK;
	TRY(payment_read(c, r->attempt_id, &a));
	TRY(payment_notify_tx(c, &a, PAYMENT_REFUNDED, r->amount));
	return webhook_notify_tx(c, WEBHOOK_REFUND_SUCCEEDED, notification_fields, r);
}

const char *refund_attention_text(int64_t waits)
{
	assert(waits >= 0 && waits < (int64_t)ARRAY_LEN(attentions));
	return attentions[waits].text;
}

static void put_into_words(struct refund *r)
{
	r->attention = attentions[r->waits].name;
	r->attention_text = attentions[r->waits].text;
}

/* Whom a refund needs in its new state. */
static enum refund_attention waits_for(const struct refund *r, enum refund_state state)
{
	switch (state) {
	case REFUND_ABNORMAL:
		return REFUND_UNPAYABLE;
	case REFUND_CLOSED:
		return r->origin == REFUND_OURS ? REFUND_REFUSED : REFUND_NEEDS_NOBODY;
	case REFUND_UNKNOWN:
	case REFUND_PROCESSING:
	case REFUND_SUCCESS:
		break;
	}
	return REFUND_NEEDS_NOBODY;
}

static enum err insert_tx(struct ctx *c, struct refund *row)
{
	assert(db_in_tx(c->db));
	/* the row that guards the sum is written, not only locked: on Galera a lock alone protects nothing */
	TRY(payment_touch_tx(c, row->attempt_id));
	row->status = status_names[row->state - REFUND_PROCESSING];
	row->created_at.ms = row->updated_at.ms = c->now_ms;
	put_into_words(row);
	TRY(db_exec(c, SQL_ASKED_AGAIN, ARGS(I64(row->attempt_id)), NULL));
	return db_insert(
		c, SQL_INSERT, ARGS(REFUND_ROW(ROW_MEMBER) AT(row->updated_at)), &row->refund_id);
}

enum err refund_create_tx(struct ctx *c, struct refund *r, int64_t due_ms)
{
	r->state = REFUND_PROCESSING;
	TRY(insert_tx(c, r));
	return outbox_put_tx(c, OUTBOX_FOLLOW_REFUND, r->refund_id, due_ms);
}

enum err refund_record_tx(struct ctx *c, struct refund *r)
{
	r->origin = REFUND_MADE_ELSEWHERE;
	r->waits = waits_for(r, (enum refund_state)r->state);
	TRY(insert_tx(c, r));
	TRY(notify_tx(c, r, (enum refund_state)r->state));
	return refund_is_final(r->state) ? OK
					 : outbox_put_tx(c, OUTBOX_FOLLOW_REFUND, r->refund_id,
						   c->now_ms + MINUTE_MS);
}

enum err refund_find(struct ctx *c, const char *refund_no, struct refund *out)
{
	/* numbers are ASCII; comparing other text would be a collation error */
	if (!str_is_id(refund_no, NO_MAX))
		return ERR_NOT_FOUND;
	TRY(db_one(c, SQL_FIND, ARGS(TEXT(refund_no)), refund_fields, out));
	put_into_words(out);
	return OK;
}

enum err refund_read(struct ctx *c, int64_t refund_id, struct refund *out)
{
	TRY(db_one(c, SQL_READ, ARGS(I64(refund_id)), refund_fields, out));
	put_into_words(out);
	return OK;
}

static const struct db_listed listed = DB_LISTED(refund_fields, struct refund, refund_id);

static enum err list(struct ctx *c, const struct refund_query *q, struct page_rows *out)
{
	const int64_t limit = q->page.limit;
	const bool by_state = field_has(refund_query_fields, q, "status");
	const opt_i64 state = {
		by_state ? REFUND_PROCESSING + str_index(q->status, status_names) : 0, by_state
	};
	const struct db_arg after = I64(q->page.after[0]), n = I64(limit + 1), s = OPT(state),
			    waits = TEXT(q->attention);

	if (q->order_id != NULL)
		return db_page(c, SQL_LIST_PAYABLE, ARGS(TEXT(q->order_id), after, s, s, waits, n),
			&listed, limit, out);
	if (q->attention != NULL)
		return db_page(
			c, SQL_LIST_ATTENTION, ARGS(after, s, s, waits, n), &listed, limit, out);
	if (by_state)
		return db_page(
			c, SQL_LIST_STATE, ARGS(s, after, s, s, waits, n), &listed, limit, out);
	return db_page(c, SQL_LIST, ARGS(after, s, s, waits, n), &listed, limit, out);
}

enum err refund_list(struct ctx *c, const struct refund_query *q, struct page_rows *out)
{
	struct refund *rows;

	*out = (struct page_rows){ 0 };
	if (q->order_id != NULL && !str_is_id(q->order_id, NO_MAX))
		return OK;
	TRY(list(c, q, out));
	rows = out->list.rows;
	for (int64_t i = 0; i < out->list.n; i++)
		put_into_words(&rows[i]);
	return OK;
}

enum err refund_count_waiting(struct ctx *c, int64_t limit, int64_t *n)
{
	return db_int64(c, SQL_COUNT_WAITING, ARGS(I64(limit)), n);
}

enum err refund_oldest_waiting(struct ctx *c, int64_t limit, int64_t *ms)
{
	return db_int64(c, SQL_OLDEST_WAITING, ARGS(I64(limit)), ms);
}

enum err refund_lock_tx(struct ctx *c, int64_t refund_id, struct refund *out)
{
	return db_one(c, SQL_LOCK, ARGS(I64(refund_id)), refund_fields, out);
}

enum err refund_sum(struct ctx *c, int64_t attempt_id, struct refund_sums *out)
{
	return db_one(c, SQL_SUM, ARGS(I64(attempt_id)), sums_fields, out);
}

enum err refund_dismiss_tx(struct ctx *c, int64_t refund_id)
{
	return db_exec_one(c, SQL_DISMISS, ARGS(I64(refund_id)));
}

enum err refund_doubt(struct ctx *c, const struct refund *r)
{
	int64_t matched;

	if (r->state != REFUND_PROCESSING || r->waits != REFUND_NEEDS_NOBODY ||
		c->now_ms - r->created_at.ms < REFUND_DOUBT_MS)
		return OK;
	TRY(db_exec(c, SQL_DOUBT, ARGS(I64(r->refund_id)), &matched));
	if (matched == 1)
		log_line(LOG_ALARM, "refund", "%s: no result for a day, see the merchant console",
			r->refund_no);
	return OK;
}

enum err refund_set_tx(struct ctx *c, const struct refund *r, enum refund_state state,
	const char *provider_refund_id)
{
	TRY(db_exec_one(c, SQL_SET,
		ARGS(I64(state), I64(waits_for(r, state)), TEXT(provider_refund_id), I64(c->now_ms),
			I64(r->refund_id))));
	TRY(notify_tx(c, r, state));
	return refund_is_final(state) ? outbox_done(c, OUTBOX_FOLLOW_REFUND, r->refund_id) : OK;
}

enum err refund_total(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, struct refund_totals *out)
{
	return db_one(c, SQL_TOTAL, ARGS(I64(kind), I64(payable_id)), totals_fields, out);
}

enum err refund_list_missing(struct ctx *c, int64_t limit, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_MISSING, ARGS(IS_MISSING_ARGS(c), I64(limit)), outbox_found_fields,
		sizeof(struct outbox), limit, &rows));
	*out = rows.list;
	return OK;
}

enum err refund_missing(
	struct ctx *c, int64_t attempt_id, struct refund_missing *out, bool *missing)
{
	return db_find(c, SQL_MISSING_OF, ARGS(I64(attempt_id), IS_MISSING_ARGS(c)), missing_fields,
		out, missing);
}

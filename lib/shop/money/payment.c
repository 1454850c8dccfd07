/* SPDX-License-Identifier: MIT */
#include "shop/money/payment.h"

#include <assert.h>

#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/books/outbox.h"

/* Without a notification, the provider is first queried after this, or at the deadline. */
#define FIRST_QUERY_MS MINUTE_MS

/* clang-format off */
/* What an attempt is inserted with, and what is set later (sql.h). */
#define ATTEMPT_NEW(X)                                                                         \
	X(payable_kind) X(payable_id) X(payable_no) X(user_id) X(channel) X(provider) X(out_trade_no)        \
	X(amount) X(request) X(state) X(transaction_id) X(expires_at) X(paid_at) X(created_at) \
	X(notify_url)
#define ATTEMPT_LATER(X) X(handle) X(handle_expires_at) X(reason) X(queried_at) X(held_at)

#define ATTEMPT_FIELD(m) FIELD(struct attempt, m),
static const struct field attempt_fields[] = {
	FIELD(struct attempt, attempt_id),
	ATTEMPT_NEW(ATTEMPT_FIELD)
	ATTEMPT_LATER(ATTEMPT_FIELD)
	FIELD_END,
};
/* clang-format on */

#define COLUMNS ATTEMPT_NEW(SQL_NAME) ATTEMPT_LATER(SQL_NAME) "attempt_id"
static const char SQL_INSERT[] =
	"INSERT INTO payment_attempts (" ATTEMPT_NEW(SQL_NAME) "open_payable_id, updated_at) "
	"VALUES (" ATTEMPT_NEW(SQL_MARK) "?, ?)";
static const char SQL_SET_HANDLE[] =
	"UPDATE payment_attempts SET handle = ?, handle_expires_at = ?, updated_at = ? "
	"WHERE attempt_id = ? AND state = " SQL(ATTEMPT_OPEN);
static const char SQL_SET_NOTIFY_URL[] =
	"UPDATE payment_attempts SET notify_url = ?, updated_at = ? WHERE attempt_id = ?";
static const char SQL_UNANSWERED[] =
	"UPDATE payment_attempts SET handle_expires_at = ?, updated_at = ? "
	"WHERE attempt_id = ? AND handle IS NULL AND state = " SQL(ATTEMPT_OPEN);
static const char SQL_CLOSE[] =
	"UPDATE payment_attempts "
	"SET state = " SQL(ATTEMPT_CLOSED) ", open_payable_id = NULL, updated_at = ? "
	"WHERE attempt_id = ? AND state = " SQL(ATTEMPT_OPEN);
static const char SQL_HOLD[] =
	"UPDATE payment_attempts SET held_at = COALESCE(held_at, ?), updated_at = ? "
	"WHERE attempt_id = ? AND state IN (" SQL(ATTEMPT_UNSETTLED_SET) ")";
static const char SQL_SETTLE[] =
	"UPDATE payment_attempts "
	"SET state = ?, open_payable_id = NULL, transaction_id = ?, reason = ?, paid_at = ?, "
	"updated_at = ? WHERE attempt_id = ? AND state IN (" SQL(ATTEMPT_UNSETTLED_SET) ")";
static const char SQL_REFUNDED[] =
	"UPDATE payment_attempts SET state = " SQL(ATTEMPT_REFUNDED) ", updated_at = ? "
	"WHERE attempt_id = ? AND state = " SQL(ATTEMPT_REFUND_DUE);
static const char SQL_GRANTED[] =
	"SELECT " COLUMNS
	" FROM payment_attempts WHERE payable_kind = ? AND payable_id = ? "
	"AND state IN (" SQL(ATTEMPT_GRANTED_SET) ")";
static const char SQL_FIND[] = "SELECT " COLUMNS " FROM payment_attempts WHERE out_trade_no = ?";
static const char SQL_OPEN[] =
	"SELECT " COLUMNS " FROM payment_attempts WHERE payable_kind = ? AND open_payable_id = ?";
static const char SQL_NEWEST[] = "SELECT " COLUMNS
				 " FROM payment_attempts WHERE payable_kind = ? AND payable_id = ? "
				 "ORDER BY attempt_id DESC LIMIT 1";
static const char SQL_READ[] = "SELECT " COLUMNS " FROM payment_attempts WHERE attempt_id = ?";
static const char SQL_LOCK[] =
	"SELECT " COLUMNS " FROM payment_attempts WHERE attempt_id = ? FOR UPDATE";
static const char SQL_OF_USER[] =
	"SELECT attempt_id FROM payment_attempts FORCE INDEX (by_user) "
	"WHERE user_id = ? AND attempt_id > ? ORDER BY attempt_id LIMIT ?";
static const char SQL_ERASE[] =
	"UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) l STRAIGHT_JOIN "
	"payment_attempts a FORCE INDEX (PRIMARY) ON a.attempt_id = l.id SET a.request = '', "
	"a.notify_url = NULL";
/* to a new value, even twice in one millisecond: an unchanged row is not replicated */
static const char SQL_TOUCH[] =
	"UPDATE payment_attempts "
	"SET updated_at = GREATEST(?, updated_at + 1) WHERE attempt_id = ?";
static const char SQL_CLAIM_QUERY[] =
	"UPDATE payment_attempts SET queried_at = ? WHERE attempt_id = ? AND queried_at <= ?";

const char *payment_new_out_trade_no(struct ctx *c, const char *prefix)
{
	if (prefix != NULL)
		return arena_printf(
			&c->arena, "%s%s", prefix, crypto_random_text(&c->arena, BASE32, 24));
	return arena_printf(&c->arena, "PAY_%lld_%s", (long long)ctx_now_s(c),
		crypto_random_text(&c->arena, ALPHANUMERIC, 12));
}

static enum err insert_tx(struct ctx *c, struct attempt *row)
{
	const opt_i64 open = { row->payable_id, row->state == ATTEMPT_OPEN };

	assert(db_in_tx(c->db));
	row->created_at.ms = c->now_ms;
	return db_insert(c, SQL_INSERT, ARGS(ATTEMPT_NEW(ROW_VALUE) OPT(open), I64(c->now_ms)),
		&row->attempt_id);
}

enum err payment_create_tx(struct ctx *c, struct attempt *a)
{
	const int64_t first_query_ms = c->now_ms + FIRST_QUERY_MS;

	a->state = ATTEMPT_OPEN;
	TRY(insert_tx(c, a));
	return outbox_put_tx(c, OUTBOX_FOLLOW_ATTEMPT, a->attempt_id,
		first_query_ms < a->expires_at.ms ? first_query_ms : a->expires_at.ms);
}

enum err payment_create_granted_tx(struct ctx *c, struct attempt *a)
{
	a->state = ATTEMPT_GRANTED;
	a->request = "";
	a->transaction_id = a->out_trade_no;
	a->paid_at.ms = c->now_ms;
	return insert_tx(c, a);
}

enum err payment_set_handle_tx(struct ctx *c, const struct attempt *a)
{
	return db_exec_one(c, SQL_SET_HANDLE,
		ARGS(TEXT(a->handle), AT(a->handle_expires_at), I64(c->now_ms),
			I64(a->attempt_id)));
}

enum err payment_set_notify_url_tx(struct ctx *c, const struct attempt *a)
{
	return db_exec_one(c, SQL_SET_NOTIFY_URL,
		ARGS(TEXT(a->notify_url), I64(c->now_ms), I64(a->attempt_id)));
}

enum err payment_set_unanswered(struct ctx *c, int64_t attempt_id)
{
	return db_exec(
		c, SQL_UNANSWERED, ARGS(I64(c->now_ms), I64(c->now_ms), I64(attempt_id)), NULL);
}

enum err payment_notify_tx(
	struct ctx *c, const struct attempt *a, enum payment_end what, money amount)
{
	if (a->notify_url == NULL)
		return OK;
	return payment_notice_tx(
		c, &(struct payment_notice){ a->notify_url, a->out_trade_no, what, amount });
}

struct closing {
	int64_t attempt_id, closed; /* 1: it was open */
};

static enum err close_tx(struct ctx *c, void *arg)
{
	struct closing *x = arg;
	struct attempt a = { 0 };

	TRY(db_exec(c, SQL_CLOSE, ARGS(I64(c->now_ms), I64(x->attempt_id)), &x->closed));
	if (x->closed == 1) {
		TRY(payment_read(c, x->attempt_id, &a));
		TRY(payment_notify_tx(c, &a, PAYMENT_CLOSED, a.amount));
	}
	return outbox_done(c, OUTBOX_FOLLOW_ATTEMPT, x->attempt_id);
}

static enum err run_closing(struct ctx *c, db_tx_fn *fn, int64_t attempt_id, bool *closed)
{
	struct closing x = { .attempt_id = attempt_id };

	TRY(db_tx(c, fn, &x));
	*closed = x.closed == 1;
	return OK;
}

enum err payment_close(struct ctx *c, int64_t attempt_id, bool *closed)
{
	return run_closing(c, close_tx, attempt_id, closed);
}

static enum err abandon_tx(struct ctx *c, void *arg)
{
	struct closing *x = arg;

	TRY(db_exec(c, SQL_CLOSE, ARGS(I64(c->now_ms), I64(x->attempt_id)), &x->closed));
	return x->closed == 1 ? outbox_put_tx(c, OUTBOX_FOLLOW_ATTEMPT, x->attempt_id,
					c->now_ms + FIRST_QUERY_MS)
			      : OK;
}

enum err payment_abandon(struct ctx *c, int64_t attempt_id, bool *closed)
{
	return run_closing(c, abandon_tx, attempt_id, closed);
}

bool payment_is_settled(const struct attempt *a)
{
	return a->state != ATTEMPT_OPEN && a->state != ATTEMPT_CLOSED;
}

bool payment_is_followed(const struct attempt *a)
{
	return !payment_is_settled(a) && (a->state == ATTEMPT_OPEN || a->held_at.ms != 0);
}

enum err payment_hold_tx(struct ctx *c, const struct attempt *a, int64_t due_ms)
{
	TRY(db_exec_one(c, SQL_HOLD, ARGS(I64(c->now_ms), I64(c->now_ms), I64(a->attempt_id))));
	return outbox_put_tx(c, OUTBOX_FOLLOW_ATTEMPT, a->attempt_id, due_ms);
}

enum err payment_settle_tx(struct ctx *c, const struct attempt *a, enum attempt_state state,
	const char *transaction_id, const char *reason, int64_t paid_ms)
{
	TRY(db_exec_one(c, SQL_SETTLE,
		ARGS(I64(state), TEXT(transaction_id), TEXT(reason), I64(paid_ms), I64(c->now_ms),
			I64(a->attempt_id))));
	if (state == ATTEMPT_GRANTED || state == ATTEMPT_GRANTED_LATE)
		TRY(payment_notify_tx(c, a, PAYMENT_SUCCESS, a->amount));
	return outbox_done(c, OUTBOX_FOLLOW_ATTEMPT, a->attempt_id);
}

enum err payment_refunded_tx(struct ctx *c, int64_t attempt_id)
{
	return db_exec_one(c, SQL_REFUNDED, ARGS(I64(c->now_ms), I64(attempt_id)));
}

enum err payment_granted(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, struct attempt *out, bool *found)
{
	return db_find(
		c, SQL_GRANTED, ARGS(I64(kind), I64(payable_id)), attempt_fields, out, found);
}

static enum err find_open(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, struct attempt *out, bool *found)
{
	return db_find(c, SQL_OPEN, ARGS(I64(kind), I64(payable_id)), attempt_fields, out, found);
}

enum err payment_release_tx(struct ctx *c, enum payable_kind kind, int64_t payable_id)
{
	struct attempt a = { 0 };
	bool found;

	TRY(find_open(c, kind, payable_id, &a, &found));
	return found ? outbox_put_tx(c, OUTBOX_FOLLOW_ATTEMPT, a.attempt_id, c->now_ms) : OK;
}

enum err payment_has_open(struct ctx *c, enum payable_kind kind, int64_t payable_id, bool *open)
{
	struct attempt a = { 0 };

	return find_open(c, kind, payable_id, &a, open);
}

enum err payment_find(struct ctx *c, const char *out_trade_no, struct attempt *out, bool *found)
{
	return db_find(c, SQL_FIND, ARGS(TEXT(out_trade_no)), attempt_fields, out, found);
}

enum err payment_current(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, struct attempt *out, bool *found)
{
	TRY(find_open(c, kind, payable_id, out, found));
	if (*found)
		return OK;
	return db_find(c, SQL_NEWEST, ARGS(I64(kind), I64(payable_id)), attempt_fields, out, found);
}

enum err payment_read(struct ctx *c, int64_t attempt_id, struct attempt *out)
{
	return db_one(c, SQL_READ, ARGS(I64(attempt_id)), attempt_fields, out);
}

enum err payment_lock_tx(struct ctx *c, int64_t attempt_id, struct attempt *out)
{
	return db_one(c, SQL_LOCK, ARGS(I64(attempt_id)), attempt_fields, out);
}

enum err payment_erase_some(struct ctx *c, int64_t user_id, int64_t *after, bool *more)
{
	const int64_t *ids;
	struct db_rows rows;

	TRY(db_int64_all(c, SQL_OF_USER,
		ARGS(I64(user_id), I64(*after), I64(PAYMENT_ERASE_STEP + 1)), PAYMENT_ERASE_STEP,
		&rows));
	ids = rows.list.rows;
	*more = rows.more;
	if (rows.list.n == 0)
		return OK;
	*after = ids[rows.list.n - 1];
	return db_exec(c, SQL_ERASE, ARGS(TEXT(db_id_list(c, ids, (size_t)rows.list.n))), NULL);
}

enum err payment_touch_tx(struct ctx *c, int64_t attempt_id)
{
	return db_exec_one(c, SQL_TOUCH, ARGS(I64(c->now_ms), I64(attempt_id)));
}

enum err payment_claim_query(struct ctx *c, int64_t attempt_id, int64_t gap_ms, bool *mine)
{
	int64_t matched;

	TRY(db_exec(c, SQL_CLAIM_QUERY,
		ARGS(I64(c->now_ms), I64(attempt_id), I64(c->now_ms - gap_ms)), &matched));
	*mine = matched == 1;
	return OK;
}

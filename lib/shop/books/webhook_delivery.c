/* SPDX-License-Identifier: MIT */
#include "shop/books/webhook_delivery.h"

#include <assert.h>

#include "base/json_out.h"
#include "ext/crypto.h"
#include "ext/db.h"
#include "ext/json.h"
#include "shop/books/journal.h"

enum { BODY_MAX_BYTES = 20000, GIVE_UP_STEP = 500 };
#define LEASE_MS (2 * MINUTE_MS)

static const char *const status_names[] = { "PENDING", "DELIVERED", "FAILED", NULL };

/* clang-format off */
#define FIELDS                                                                                 \
	FIELD(struct delivery, delivery_id),                                                   \
	FIELD(struct delivery, webhook_id),                                                    \
	FIELD_WITH(struct delivery, url, .flags = F_NULL | F_OMIT),                            \
	FIELD(struct delivery, message_id),                                                    \
	FIELD(struct delivery, type),                                                          \
	FIELD_WITH(struct delivery, state, .flags = F_HIDDEN),                                 \
	FIELD_WITH(struct delivery, status, .words = status_names),                            \
	FIELD(struct delivery, tries),                                                         \
	FIELD_WITH(struct delivery, answer_status, .flags = F_NULL),                           \
	FIELD_WITH(struct delivery, error, .flags = F_NULL),                                   \
	FIELD_WITH(struct delivery, due_at, .flags = F_NULL),                                  \
	FIELD_WITH(struct delivery, tried_at, .flags = F_NULL),                                \
	FIELD(struct delivery, created_at)
/* clang-format on */

const struct field delivery_fields[] = { FIELDS, FIELD_END };
const struct field delivery_full_fields[] = { FIELDS, FIELD(struct delivery, body), FIELD_END };
const struct field delivery_query_fields[] = {
	INPUT(struct delivery_query, status, 1, 20, 0, .words = status_names),
	FIELD_END,
};

#define COLUMNS                                                                                    \
	"delivery_id, webhook_id, url, message_id, type, status AS state, CASE status "            \
	"WHEN " SQL(DELIVERY_PENDING) " THEN 'PENDING' "                                           \
	"WHEN " SQL(DELIVERY_DELIVERED) " THEN 'DELIVERED' ELSE 'FAILED' END AS status, tries, "   \
	"answer_status, error, due_at, tried_at, created_at"

/* in READ COMMITTED the webhooks are read without a lock */
static const char SQL_NOTIFY[] =
	"INSERT INTO webhook_deliveries (webhook_id, message_id, type, body, status, tries, due_at, "
	"created_at) SELECT w.webhook_id, ?, ?, ?, ?, 0, ?, ? FROM webhooks w "
	"FORCE INDEX (by_status) WHERE w.status = " SQL(WEBHOOK_ENABLED) " "
	"AND (w.types IS NULL OR FIND_IN_SET(?, w.types) > 0)";
static const char SQL_TO_CLIENT[] =
	"INSERT INTO webhook_deliveries (webhook_id, url, message_id, type, body, status, tries, "
	"due_at, created_at) VALUES (" SQL(DELIVERY_TO_CLIENT) ", ?, ?, ?, ?, " SQL(
		DELIVERY_PENDING) ", 0, ?, ?)";
static const char SQL_LIST[] =
	"SELECT " COLUMNS
	" FROM webhook_deliveries FORCE INDEX (by_webhook) "
	"WHERE webhook_id = ? AND delivery_id < ? ORDER BY delivery_id DESC LIMIT ?";
static const char SQL_LIST_STATUS[] = "SELECT " COLUMNS
				      " FROM webhook_deliveries FORCE INDEX (by_status) "
				      "WHERE webhook_id = ? AND status = ? AND delivery_id < ? "
				      "ORDER BY delivery_id DESC LIMIT ?";
static const char SQL_GET[] =
	"SELECT " COLUMNS ", body FROM webhook_deliveries WHERE delivery_id = ?";
static const char SQL_REPLAY[] =
	"UPDATE webhook_deliveries SET status = " SQL(DELIVERY_PENDING) ", tries = 0, due_at = ? "
	"WHERE delivery_id = ?";
static const char SQL_NEXT[] =
	"SELECT " COLUMNS ", body FROM webhook_deliveries FORCE INDEX (by_due) "
	"WHERE webhook_id = ? AND status = " SQL(DELIVERY_PENDING) " AND due_at <= ? "
	"ORDER BY due_at, delivery_id LIMIT 1";
static const char SQL_CLAIM[] =
	"UPDATE webhook_deliveries SET due_at = ?, tries = tries + 1 WHERE delivery_id = ? "
	"AND status = " SQL(DELIVERY_PENDING) " AND due_at = ?";
/* unless it was replayed meanwhile */
static const char SQL_END[] =
	"UPDATE webhook_deliveries SET status = ?, due_at = ?, tried_at = ?, answer_status = ?, "
	"error = ? WHERE delivery_id = ? AND due_at = ?";
static const char SQL_GIVE_UP[] =
	"UPDATE webhook_deliveries SET status = " SQL(DELIVERY_FAILED) ", due_at = NULL, "
	"error = 'DISABLED' WHERE webhook_id = ? AND status = " SQL(DELIVERY_PENDING) " "
	"ORDER BY delivery_id LIMIT ?";
static const char SQL_PURGE[] =
	"DELETE FROM webhook_deliveries WHERE created_at < ? "
	"AND status <> " SQL(DELIVERY_PENDING) " ORDER BY created_at LIMIT ?";

/* ---- telling ---- */

static const char *new_body(
	struct ctx *c, const char *type, const struct field *fields, const void *data)
{
	struct str s = str_new(&c->arena, BODY_MAX_BYTES);
	char at[CLOCK_TEXT_MAX];

	clock_iso(c->now_ms, true, at);
	json_put_object(&s, NULL);
	json_put_text(&s, "type", type);
	json_put_text(&s, "timestamp", at);
	json_put_name(&s, "data");
	json_write(&s, fields, data);
	json_end_object(&s);
	assert(!s.overflow || c->arena.exhausted); /* rows of limited fields */
	return str_text(&s);
}

static const char *new_id(struct ctx *c)
{
	return arena_printf(&c->arena, "msg_%s", crypto_random_text(&c->arena, BASE32_SMALL, 26));
}

enum err delivery_to_client_tx(struct ctx *c, const char *url, const char *type,
	const struct field *fields, const void *data)
{
	struct str body = str_new(&c->arena, BODY_MAX_BYTES);

	assert(db_in_tx(c->db));
	json_write(&body, fields, data);
	return db_exec(c, SQL_TO_CLIENT,
		ARGS(TEXT(url), TEXT(new_id(c)), TEXT(type), TEXT(str_text(&body)), I64(c->now_ms),
			I64(c->now_ms)),
		NULL);
}

enum err webhook_notify_tx(
	struct ctx *c, enum webhook_type type, const struct field *fields, const void *data)
{
	const char *name = webhook_type_names[type];

	assert(db_in_tx(c->db));
	return db_exec(c, SQL_NOTIFY,
		ARGS(TEXT(new_id(c)), TEXT(name), TEXT(new_body(c, name, fields, data)),
			I64(DELIVERY_PENDING), I64(c->now_ms), I64(c->now_ms), TEXT(name)),
		NULL);
}

/* ---- administrators ---- */

static const struct db_listed listed = DB_LISTED(delivery_fields, struct delivery, delivery_id);

enum err delivery_list(
	struct ctx *c, int64_t webhook_id, const struct delivery_query *q, struct page_rows *out)
{
	const struct db_arg of = I64(webhook_id), after = I64(q->page.after[0]),
			    n = I64(q->page.limit + 1);
	struct webhook webhook = { 0 };

	if (webhook_id != DELIVERY_TO_CLIENT)
		TRY(webhook_get(c, webhook_id, &webhook));
	if (!field_has(delivery_query_fields, q, "status"))
		return db_page(c, SQL_LIST, ARGS(of, after, n), &listed, q->page.limit, out);
	return db_page(c, SQL_LIST_STATUS,
		ARGS(of, I64(str_index(q->status, status_names)), after, n), &listed, q->page.limit,
		out);
}

enum err delivery_get(struct ctx *c, int64_t id, struct delivery *out)
{
	return db_one(c, SQL_GET, ARGS(I64(id)), delivery_full_fields, out);
}

struct replaying {
	int64_t id;
	struct delivery *out;
};

static enum err check_enabled(struct ctx *c, int64_t webhook_id)
{
	struct webhook webhook = { 0 };
	enum err e;

	if (webhook_id == DELIVERY_TO_CLIENT)
		return OK;
	e = webhook_get(c, webhook_id, &webhook);
	if (e == ERR_NOT_FOUND || (e == OK && webhook.state != WEBHOOK_ENABLED))
		return fail(c, ERR_WEBHOOK_DISABLED, NULL);
	return e;
}

static enum err replay_tx(struct ctx *c, void *arg)
{
	const struct replaying *x = arg;

	TRY(delivery_get(c, x->id, x->out));
	TRY(check_enabled(c, x->out->webhook_id));
	TRY(db_exec_one(c, SQL_REPLAY, ARGS(I64(c->now_ms), I64(x->id))));
	TRY(journal_add_tx(c, "webhook-replay",
		arena_printf(&c->arena, "webhook %lld", (long long)x->out->webhook_id),
		x->out->message_id));
	return delivery_get(c, x->id, x->out);
}

enum err delivery_replay(struct ctx *c, int64_t id, struct delivery *out)
{
	return db_tx(c, replay_tx, &(struct replaying){ id, out });
}

/* ---- jobs ---- */

int64_t delivery_gap_ms(int64_t tries)
{
	static const int64_t gaps[] = { 5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS,
		5 * HOUR_MS, 10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS };

	assert(tries >= 1);
	return tries <= (int64_t)ARRAY_LEN(gaps) ? gaps[tries - 1] : 0;
}

enum err delivery_claim(struct ctx *c, int64_t webhook_id, struct delivery *out, bool *found)
{
	const int64_t lease = c->now_ms + LEASE_MS;
	int64_t matched;

	*out = (struct delivery){ 0 };
	TRY(db_find(c, SQL_NEXT, ARGS(I64(webhook_id), I64(c->now_ms)), delivery_full_fields, out,
		found));
	if (!*found)
		return OK;
	TRY(db_exec(
		c, SQL_CLAIM, ARGS(I64(lease), I64(out->delivery_id), AT(out->due_at)), &matched));
	*found = matched == 1;
	out->tries++;
	out->due_at.ms = lease;
	return OK;
}

enum err delivery_end(struct ctx *c, const struct delivery *d, int64_t due_ms)
{
	const opt_i64 due = { due_ms, d->state == DELIVERY_PENDING };

	return db_exec(c, SQL_END,
		ARGS(I64(d->state), OPT(due), I64(c->now_ms), OPT(d->answer_status), TEXT(d->error),
			I64(d->delivery_id), AT(d->due_at)),
		NULL);
}

enum err delivery_give_up(struct ctx *c, int64_t webhook_id, int64_t *n)
{
	return db_exec(c, SQL_GIVE_UP, ARGS(I64(webhook_id), I64(GIVE_UP_STEP)), n);
}

enum err delivery_purge(struct ctx *c, int64_t limit, int64_t *n)
{
	return db_exec(c, SQL_PURGE, ARGS(I64(c->now_ms - DELIVERY_DAYS * DAY_MS), I64(limit)), n);
}

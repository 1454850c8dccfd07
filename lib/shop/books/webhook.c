/* SPDX-License-Identifier: MIT */
#include "shop/books/webhook.h"

#include "base/str.h"
#include "base/url.h"
#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/guard.h"
#include "shop/books/journal.h"
#include "shop/books/webhook_delivery.h"
#include "shop/books/webhook_sign.h"

#define WEBHOOK_NAME(type, name) [type] = name,
const char *const webhook_type_names[] = { WEBHOOK_TYPES(WEBHOOK_NAME) NULL };

/* by state; only the first two are an administrator's to set */
static const char *const status_names[] = { "DISABLED", "ENABLED", "OFF", NULL };
static const char *const settable[] = { "DISABLED", "ENABLED", NULL };

/* Known names between commas. */
static bool are_types(const char *text)
{
	char name[64];

	for (;;) {
		const size_t len = strcspn(text, ",");

		if (len >= sizeof(name))
			return false;
		memcpy(name, text, len);
		name[len] = '\0';
		if (str_index(name, webhook_type_names) < 0)
			return false;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

/* clang-format off */
#define FIELDS                                                                                 \
	FIELD(struct webhook, webhook_id),                                                     \
	FIELD(struct webhook, url),                                                            \
	FIELD_WITH(struct webhook, types, .flags = F_NULL),                                    \
	FIELD_WITH(struct webhook, state, .flags = F_HIDDEN),                                  \
	FIELD_WITH(struct webhook, status, .words = status_names),                             \
	FIELD_WITH(struct webhook, reason, .flags = F_NULL),                                   \
	FIELD_WITH(struct webhook, old_secret, .flags = F_HIDDEN | F_NULL),                    \
	FIELD_WITH(struct webhook, old_secret_until, .flags = F_NULL),                         \
	FIELD_WITH(struct webhook, failing_since, .flags = F_NULL),                            \
	FIELD(struct webhook, created_at),                                                     \
	FIELD(struct webhook, updated_at)
/* clang-format on */

const struct field webhook_fields[] = {
	FIELDS,
	FIELD_WITH(struct webhook, secret, .flags = F_HIDDEN),
	FIELD_END,
};
const struct field webhook_secret_fields[] = {
	FIELDS,
	FIELD(struct webhook, secret),
	FIELD_END,
};
#define URL_MAX 500
const struct field webhook_new_fields[] = {
	INPUT(struct webhook, url, 1, URL_MAX, F_REQUIRED, .format = "uri"),
	INPUT(struct webhook, types, 1, 500, F_NULL, .valid = are_types),
	FIELD_END,
};
const struct field webhook_change_fields[] = {
	INPUT(struct webhook, url, 1, URL_MAX, 0, .format = "uri"),
	INPUT(struct webhook, types, 1, 500, F_NULL, .valid = are_types),
	INPUT(struct webhook, status, 1, 20, 0, .words = settable),
	FIELD_END,
};
const struct field webhook_query_fields[] = { FIELD_END };

/* clang-format off */
#define WEBHOOK_STATE(X) X(url) X(types) X(status, state) X(reason) X(failing_since)
#define WEBHOOK_SECRETS(X) X(secret) X(old_secret) X(old_secret_until)
#define WEBHOOK_ROW(X) WEBHOOK_STATE(X) WEBHOOK_SECRETS(X) X(created_at)
/* clang-format on */
#define COLUMNS                                                                                    \
	"w.webhook_id, w.url, w.types, w.status AS state, CASE w.status "                          \
	"WHEN " SQL(WEBHOOK_DISABLED) " THEN 'DISABLED' "                                          \
	"WHEN " SQL(WEBHOOK_ENABLED) " THEN 'ENABLED' ELSE 'OFF' END AS status, w.reason, "        \
	"w.failing_since, w.secret, w.old_secret, w.old_secret_until, w.created_at, w.updated_at"

static const char SQL_LIST[] =
	"SELECT " COLUMNS
	" FROM webhooks w FORCE INDEX (PRIMARY) "
	"WHERE w.deleted_at IS NULL AND w.webhook_id < ? ORDER BY w.webhook_id DESC LIMIT ?";
static const char SQL_GET[] =
	"SELECT " COLUMNS " FROM webhooks w WHERE w.webhook_id = ? AND w.deleted_at IS NULL";
static const char SQL_LOCK[] =
	"SELECT " COLUMNS
	" FROM webhooks w WHERE w.webhook_id = ? AND w.deleted_at IS NULL FOR UPDATE";
static const char SQL_COUNT[] =
	"SELECT COUNT(*) FROM (SELECT 1 FROM webhooks WHERE deleted_at IS NULL LIMIT ?) w";
static const char SQL_INSERT[] =
	"INSERT INTO webhooks (" WEBHOOK_ROW(SQL_NAME) "updated_at) "
	"VALUES (" WEBHOOK_ROW(SQL_MARK) "?)";
static const char SQL_UPDATE[] =
	"UPDATE webhooks SET " WEBHOOK_STATE(SQL_SET) "held_until = ?, updated_at = ? "
	"WHERE webhook_id = ? AND deleted_at IS NULL";
static const char SQL_ROTATE[] =
	"UPDATE webhooks SET " WEBHOOK_SECRETS(SQL_SET) "updated_at = ? "
	"WHERE webhook_id = ? AND deleted_at IS NULL";
static const char SQL_DELETE[] =
	"UPDATE webhooks SET status = " SQL(WEBHOOK_DISABLED) ", reason = NULL, deleted_at = ? "
	"WHERE webhook_id = ? AND deleted_at IS NULL";
/* each look at the deliveries is one at an index */
static const char SQL_DUE[] =
	"SELECT " COLUMNS " FROM webhooks w WHERE (w.status = " SQL(WEBHOOK_ENABLED) " "
	"AND w.held_until <= ? AND EXISTS (SELECT 1 FROM webhook_deliveries d FORCE INDEX (by_due) "
	"WHERE d.webhook_id = w.webhook_id AND d.status = " SQL(DELIVERY_PENDING) " "
	"AND d.due_at <= ?)) OR (w.status <> " SQL(WEBHOOK_ENABLED) " AND EXISTS (SELECT 1 "
	"FROM webhook_deliveries d FORCE INDEX (by_due) "
	"WHERE d.webhook_id = w.webhook_id AND d.status = " SQL(DELIVERY_PENDING) ")) "
	"ORDER BY w.failing_since IS NOT NULL, w.failing_since DESC, w.webhook_id LIMIT ?";
static const char SQL_SUCCESS[] =
	"UPDATE webhooks SET failing_since = NULL, held_until = 0 WHERE webhook_id = ?";
static const char SQL_FAILURE[] =
	"UPDATE webhooks SET failing_since = COALESCE(failing_since, ?), held_until = ? "
	"WHERE webhook_id = ?";
static const char SQL_OFF[] =
	"UPDATE webhooks SET status = " SQL(WEBHOOK_OFF) ", reason = ?, updated_at = ? "
	"WHERE webhook_id = ? AND status = " SQL(WEBHOOK_ENABLED) " AND failing_since <= ?";

bool webhook_may_call(const struct ctx *c, const char *url)
{
	return url_is_outside(url, c->conf->webhook_ports) ||
	       (c->conf->payment_simulation && url_is_loopback(url));
}

bool webhook_may_call_client(const struct ctx *c, const char *url)
{
	return url_is_https_on(url, c->conf->client_url_hosts) ||
	       (c->conf->payment_simulation && url_is_loopback(url));
}

static const struct db_listed listed = DB_LISTED(webhook_fields, struct webhook, webhook_id);

enum err webhook_list(struct ctx *c, const struct webhook_query *q, struct page_rows *out)
{
	return db_page(c, SQL_LIST, ARGS(I64(q->page.after[0]), I64(q->page.limit + 1)), &listed,
		q->page.limit, out);
}

enum err webhook_get(struct ctx *c, int64_t id, struct webhook *out)
{
	return db_one(c, SQL_GET, ARGS(I64(id)), webhook_fields, out);
}

static enum err note_tx(struct ctx *c, const char *action, const struct webhook *row)
{
	return journal_add_tx(c, action,
		arena_printf(&c->arena, "webhook %lld", (long long)row->webhook_id), row->url);
}

struct change {
	int64_t id;
	const struct webhook *in;
	struct webhook *out;
};

static enum err create_tx(struct ctx *c, void *arg)
{
	const struct change *x = arg;
	struct webhook *row = x->out;
	int64_t n;

	TRY(guard_tx(c, GUARD_WEBHOOKS));
	TRY(db_int64(c, SQL_COUNT, ARGS(I64(WEBHOOKS_MAX)), &n));
	if (n >= WEBHOOKS_MAX)
		return fail(c, ERR_WEBHOOKS_LIMIT, NULL);
	*row = (struct webhook){
		.url = x->in->url,
		.types = x->in->types,
		.state = WEBHOOK_ENABLED,
		.status = status_names[WEBHOOK_ENABLED],
		.secret = webhook_new_secret(&c->arena),
		.created_at.ms = c->now_ms,
		.updated_at.ms = c->now_ms,
	};
	TRY(db_insert(c, SQL_INSERT, ARGS(WEBHOOK_ROW(ROW_MEMBER) AT(row->updated_at)),
		&row->webhook_id));
	return note_tx(c, "webhook-create", row);
}

enum err webhook_create(struct ctx *c, const struct webhook *in, struct webhook *out)
{
	if (!webhook_may_call(c, in->url))
		return fail(c, ERR_INVALID, "url");
	return db_tx(c, create_tx, &(struct change){ .in = in, .out = out });
}

static enum err update_tx(struct ctx *c, void *arg)
{
	const struct change *x = arg;
	struct webhook *row = x->out;

	TRY(db_one(c, SQL_LOCK, ARGS(I64(x->id)), webhook_fields, row));
	TRY(entity_unchanged(c, webhook_fields, row));
	field_merge(webhook_change_fields, row, x->in);
	if (field_has(webhook_change_fields, x->in, "status")) {
		row->state = str_index(row->status, status_names);
		row->reason = NULL;
		row->failing_since.ms = 0;
	}
	row->updated_at.ms = c->now_ms;
	TRY(db_exec_one(c, SQL_UPDATE,
		ARGS(WEBHOOK_STATE(ROW_MEMBER) I64(0), AT(row->updated_at), I64(x->id))));
	return note_tx(c, "webhook-change", row);
}

enum err webhook_update(struct ctx *c, int64_t id, const struct webhook *in, struct webhook *out)
{
	if (field_has(webhook_change_fields, in, "url") && !webhook_may_call(c, in->url))
		return fail(c, ERR_INVALID, "url");
	return db_tx(c, update_tx, &(struct change){ id, in, out });
}

static enum err rotate_tx(struct ctx *c, void *arg)
{
	const struct change *x = arg;
	struct webhook *row = x->out;

	TRY(db_one(c, SQL_LOCK, ARGS(I64(x->id)), webhook_fields, row));
	row->old_secret = row->secret;
	row->old_secret_until.ms = c->now_ms + WEBHOOK_OLD_SECRET_HOURS * HOUR_MS;
	row->secret = webhook_new_secret(&c->arena);
	row->updated_at.ms = c->now_ms;
	TRY(db_exec_one(
		c, SQL_ROTATE, ARGS(WEBHOOK_SECRETS(ROW_MEMBER) AT(row->updated_at), I64(x->id))));
	return note_tx(c, "webhook-secret", row);
}

enum err webhook_rotate(struct ctx *c, int64_t id, struct webhook *out)
{
	return db_tx(c, rotate_tx, &(struct change){ .id = id, .out = out });
}

static enum err delete_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;
	struct webhook row = { 0 };

	TRY(db_one(c, SQL_LOCK, ARGS(I64(id)), webhook_fields, &row));
	TRY(db_exec_one(c, SQL_DELETE, ARGS(I64(c->now_ms), I64(id))));
	return note_tx(c, "webhook-delete", &row);
}

enum err webhook_delete(struct ctx *c, int64_t id)
{
	return db_tx(c, delete_tx, &id);
}

/* ---- jobs ---- */

/* Deleted ones count as long as something of them is pending. */
enum { DUE_MAX = 100 };

enum err webhook_list_due(struct ctx *c, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_DUE, ARGS(I64(c->now_ms), I64(c->now_ms), I64(DUE_MAX)), webhook_fields,
		sizeof(struct webhook), DUE_MAX, &rows));
	*out = rows.list;
	return OK;
}

enum err webhook_note_success(struct ctx *c, int64_t id)
{
	return db_exec(c, SQL_SUCCESS, ARGS(I64(id)), NULL);
}

enum err webhook_note_failure(struct ctx *c, int64_t id, int64_t held_until)
{
	return db_exec(c, SQL_FAILURE, ARGS(I64(c->now_ms), I64(held_until), I64(id)), NULL);
}

enum err webhook_switch_off(struct ctx *c, int64_t id, const char *reason, int64_t since_ms)
{
	return db_exec(
		c, SQL_OFF, ARGS(TEXT(reason), I64(c->now_ms), I64(id), I64(since_ms)), NULL);
}

/* SPDX-License-Identifier: MIT */
#include "shop/membership/entitlement_rows.h"

#include <assert.h>

#include "ext/db.h"
#include "shop/books/webhook_delivery.h"
#include "shop/membership/vip_cache.h"
#include "shop/people/user.h"

/* clang-format off */
/* The columns of a segment besides its order, the key: as granted, and changing ones. */
#define SEGMENT_GRANT(X) X(kind) X(level) X(chain) X(days) X(value) X(cash) X(granted_s) X(granted_version)
#define SEGMENT_STATE(X) X(state) X(start_s) X(folded_by) X(cut_s) X(taken_s) X(refunded_s)
#define SEGMENT_ROW(X)   SEGMENT_GRANT(X) SEGMENT_STATE(X) X(refunded_version)

#define SEGMENT_FIELD(m) FIELD(struct segment, m),
static const struct field segment_fields[] = {
	FIELD(struct segment, order_id),
	SEGMENT_ROW(SEGMENT_FIELD)
	FIELD_END,
};
/* clang-format on */

static const char SQL_VERSION[] = "SELECT version FROM entitlements WHERE user_id = ?";
static const char SQL_SEGMENTS[] =
	"SELECT " SEGMENT_ROW(SQL_NAME) "order_id "
	"FROM entitlement_segments WHERE user_id = ? ORDER BY granted_version LIMIT ?";
static const char SQL_PUT[] =
	"INSERT INTO entitlement_segments (" SEGMENT_ROW(SQL_NAME) "order_id, user_id) "
	"VALUES (" SEGMENT_ROW(SQL_MARK) "?, ?) ON DUPLICATE KEY UPDATE " SEGMENT_STATE(SQL_REPLACE)
	"refunded_version = VALUES(refunded_version)";
/* the contended row is written, not only locked: on Galera a lock alone protects nothing */
static const char SQL_SET_VERSION[] =
	"INSERT INTO entitlements (user_id, version, ends_at) VALUES (?, ?, ?) "
	"ON DUPLICATE KEY UPDATE version = VALUES(version), "
	/* an end that has passed is brought forward, but there is no second notification of it */
	"ends_at = IF(VALUES(ends_at) > ?, VALUES(ends_at), LEAST(ends_at, VALUES(ends_at)))";
static const char SQL_ENDED[] =
	"SELECT e.user_id AS ref_id FROM entitlements e FORCE INDEX (by_end) LEFT JOIN outbox b "
	"ON b.kind = " SQL(OUTBOX_NOTIFY_END) " AND b.ref_id = e.user_id "
	"WHERE e.ends_at <= ? AND b.outbox_id IS NULL ORDER BY e.ends_at LIMIT ?";
static const char SQL_ENDS_AT[] =
	"SELECT ends_at FROM entitlements WHERE user_id = ? AND ends_at <= ?";
static const char SQL_NOTIFIED[] =
	"UPDATE entitlements SET ends_at = NULL WHERE user_id = ? AND ends_at = ?";
static const char SQL_USERS[] =
	"SELECT user_id FROM entitlements WHERE user_id > ? ORDER BY user_id LIMIT ?";

enum { USERS_PER_STEP = 200 };

static struct entitlement copy_of(struct ctx *c, const struct entitlement *e)
{
	struct segment *rows = arena_array(&c->arena, (size_t)e->n + 1, sizeof(*rows));

	if (e->n > 0)
		memcpy(rows, e->rows, (size_t)e->n * sizeof(*rows));
	return (struct entitlement){ rows, e->n };
}

/* As stored, possible or not. */
static enum err read_rows(struct ctx *c, int64_t user_id, struct entitlement_rows *out)
{
	struct db_rows rows;

	*out = (struct entitlement_rows){ .user_id = user_id };
	TRY(db_int64(c, SQL_VERSION, ARGS(I64(user_id)), &out->version));
	TRY(db_all(c, SQL_SEGMENTS, ARGS(I64(user_id), I64(ENTITLEMENT_SEGMENTS_MAX + 1)),
		segment_fields, sizeof(struct segment), ENTITLEMENT_SEGMENTS_MAX, &rows));
	if (rows.more)
		return invariant_violated(c, "a user has more segments than can be");
	out->was = (struct entitlement){ rows.list.rows, rows.list.n };
	out->now = copy_of(c, &out->was);
	return OK;
}

enum err entitlement_read(struct ctx *c, int64_t user_id, struct entitlement_rows *out)
{
	TRY(read_rows(c, user_id, out));
	return entitlement_possible(&out->was)
		       ? OK
		       : invariant_violated(
				 c, arena_printf(&c->arena, "a segment of user %lld can't be",
					    (long long)user_id));
}

enum err entitlement_lock_tx(struct ctx *c, int64_t user_id, struct entitlement_rows *out)
{
	bool live;

	assert(db_in_tx(c->db));
	TRY(user_lock_tx(c, user_id, &live));
	c->now_ms = clock_now_ms(); /* others may have been granted while waiting */
	TRY(entitlement_read(c, user_id, out));
	out->live = live;
	return OK;
}

static enum err put(struct ctx *c, int64_t user_id, const struct segment *row)
{
	return db_exec(
		c, SQL_PUT, ARGS(SEGMENT_ROW(ROW_VALUE) I64(row->order_id), I64(user_id)), NULL);
}

/* When the membership ends; now, if there is none. */
static int64_t end_ms(const struct ctx *c, const struct entitlement_rows *v)
{
	const int64_t end = entitlement_expire_s(&v->now) * SECOND_MS;

	return end > c->now_ms ? end : c->now_ms;
}

enum err entitlement_save_tx(struct ctx *c, struct entitlement_rows *v)
{
	assert(db_in_tx(c->db));
	v->version++;
	for (int64_t i = 0; i < v->now.n; i++)
		if (i >= v->was.n ||
			memcmp(&v->now.rows[i], &v->was.rows[i], sizeof(struct segment)) != 0)
			TRY(put(c, v->user_id, &v->now.rows[i]));
	TRY(db_exec(c, SQL_SET_VERSION,
		ARGS(I64(v->user_id), I64(v->version), I64(end_ms(c, v)), I64(c->now_ms)), NULL));
	v->was = copy_of(c, &v->now);
	return vip_cache_change_tx(c, v->user_id);
}

enum err entitlement_list_ended(struct ctx *c, int64_t limit, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_ENDED, ARGS(I64(c->now_ms), I64(limit)), outbox_found_fields,
		sizeof(struct outbox), limit, &rows));
	*out = rows.list;
	return OK;
}

struct ending {
	int64_t user_id;
	timestamp ended_at;
};
static const struct field ending_fields[] = {
	FIELD(struct ending, user_id),
	FIELD(struct ending, ended_at),
	FIELD_END,
};

static enum err notify_end_tx(struct ctx *c, void *arg)
{
	struct ending x = { .user_id = *(const int64_t *)arg };
	int64_t matched;

	TRY(db_int64(c, SQL_ENDS_AT, ARGS(I64(x.user_id), I64(c->now_ms)), &x.ended_at.ms));
	if (x.ended_at.ms == 0)
		return OK;
	TRY(db_exec(c, SQL_NOTIFIED, ARGS(I64(x.user_id), AT(x.ended_at)), &matched));
	/* none: another process has notified of it, or it was renewed or refunded meanwhile */
	return matched == 1 ? webhook_notify_tx(c, WEBHOOK_MEMBERSHIP_ENDED, ending_fields, &x)
			    : OK;
}

enum err entitlement_notify_end(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	TRY(db_tx(c, notify_end_tx, &row->ref_id));
	report->done++;
	return OK;
}

enum err entitlement_audit(struct ctx *c, int64_t *user_id, struct list *findings)
{
	struct entitlement_finding *found = arena_array(&c->arena, USERS_PER_STEP, sizeof(*found));
	const int64_t *users;
	struct db_rows rows;

	TRY(db_int64_all(
		c, SQL_USERS, ARGS(I64(*user_id), I64(USERS_PER_STEP)), USERS_PER_STEP, &rows));
	users = rows.list.rows;
	*findings = (struct list){ found, 0 };
	for (int64_t i = 0; i < rows.list.n; i++) {
		struct entitlement_finding *f = &found[findings->n];
		struct entitlement_rows v;

		TRY(read_rows(c, users[i], &v));
		f->user_id = users[i];
		f->problem = entitlement_replay(&v.was, v.now.rows, &f->order_id);
		findings->n += f->problem != NULL;
	}
	*user_id = rows.list.n == USERS_PER_STEP ? users[rows.list.n - 1] : 0;
	return OK;
}

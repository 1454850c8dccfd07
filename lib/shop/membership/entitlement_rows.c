/* SPDX-License-Identifier: MIT */
#include "shop/membership/entitlement_rows.h"

#include <assert.h>

#include "ext/db.h"
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
	"INSERT INTO entitlements (user_id, version) VALUES (?, ?) "
	"ON DUPLICATE KEY UPDATE version = VALUES(version)";
static const char SQL_USERS[] =
	"SELECT user_id FROM entitlements WHERE user_id > ? ORDER BY user_id LIMIT ?";

enum { USERS_A_STEP = 200 };

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

enum err entitlement_save_tx(struct ctx *c, struct entitlement_rows *v)
{
	assert(db_in_tx(c->db));
	v->version++;
	for (int64_t i = 0; i < v->now.n; i++)
		if (i >= v->was.n ||
			memcmp(&v->now.rows[i], &v->was.rows[i], sizeof(struct segment)) != 0)
			TRY(put(c, v->user_id, &v->now.rows[i]));
	TRY(db_exec(c, SQL_SET_VERSION, ARGS(I64(v->user_id), I64(v->version)), NULL));
	v->was = copy_of(c, &v->now);
	vip_cache_change(c, v->user_id);
	return OK;
}

enum err entitlement_audit(struct ctx *c, int64_t *user_id, struct list *findings)
{
	struct entitlement_finding *found = arena_array(&c->arena, USERS_A_STEP, sizeof(*found));
	const int64_t *users;
	struct db_rows rows;

	TRY(db_int64_all(
		c, SQL_USERS, ARGS(I64(*user_id), I64(USERS_A_STEP)), USERS_A_STEP, &rows));
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
	*user_id = rows.list.n == USERS_A_STEP ? users[rows.list.n - 1] : 0;
	return OK;
}

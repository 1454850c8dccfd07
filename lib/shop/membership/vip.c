/* SPDX-License-Identifier: MIT */
/* vip.c - stores segments. vip_status.c has the VIP status. */
#include "shop/membership/vip.h"

#include <assert.h>

#include "ext/db.h"
#include "shop/membership/vip_cache.h"
#include "shop/people/user.h"

static const struct field segment_fields[] = {
	FIELD(struct segment, order_id),
	FIELD(struct segment, kind),
	FIELD(struct segment, level),
	FIELD(struct segment, state),
	FIELD(struct segment, chain),
	FIELD(struct segment, start_s),
	FIELD(struct segment, days),
	FIELD(struct segment, value),
	FIELD(struct segment, cash),
	FIELD(struct segment, folded_by),
	FIELD(struct segment, cut_s),
	FIELD(struct segment, taken_s),
	FIELD(struct segment, granted_s),
	FIELD(struct segment, granted_version),
	FIELD(struct segment, refunded_s),
	FIELD(struct segment, refunded_version),
	FIELD_END,
};

struct user_row {
	int64_t user_id;
};
static const struct field user_row_fields[] = { FIELD(struct user_row, user_id), FIELD_END };

static const char SQL_VERSION[] = "SELECT version FROM entitlements WHERE user_id = ?";
static const char SQL_SEGMENTS[] =
	"SELECT order_id, kind, level, state, chain, start_s, days, value, cash, folded_by, cut_s, "
	"taken_s, granted_s, granted_version, refunded_s, refunded_version "
	"FROM entitlement_segments WHERE user_id = ? ORDER BY granted_version LIMIT ?";
static const char SQL_PUT[] =
	"INSERT INTO entitlement_segments (order_id, user_id, kind, level, state, chain, start_s, "
	"days, value, cash, folded_by, cut_s, taken_s, granted_s, granted_version, refunded_s, "
	"refunded_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE state = VALUES(state), start_s = VALUES(start_s), "
	"folded_by = VALUES(folded_by), cut_s = VALUES(cut_s), taken_s = VALUES(taken_s), "
	"refunded_s = VALUES(refunded_s), refunded_version = VALUES(refunded_version)";
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
static enum err read_rows(struct ctx *c, int64_t user_id, struct vip *out)
{
	struct db_rows rows;

	*out = (struct vip){ .user_id = user_id };
	TRY(db_int64(c, SQL_VERSION, ARGS(I64(user_id)), &out->version));
	TRY(db_all(c, SQL_SEGMENTS, ARGS(I64(user_id), I64(ENTITLEMENT_SEGMENTS_MAX + 1)),
		segment_fields, sizeof(struct segment), ENTITLEMENT_SEGMENTS_MAX, &rows));
	if (rows.more)
		return violated(c, "a user has more segments than can be");
	out->was = (struct entitlement){ rows.list.rows, rows.list.n };
	out->now = copy_of(c, &out->was);
	return OK;
}

enum err vip_read(struct ctx *c, int64_t user_id, struct vip *out)
{
	TRY(read_rows(c, user_id, out));
	return entitlement_possible(&out->was)
		       ? OK
		       : violated(c, arena_printf(&c->arena, "a segment of user %lld can't be",
					     (long long)user_id));
}

enum err vip_lock_tx(struct ctx *c, int64_t user_id, struct vip *out)
{
	bool live;

	assert(db_in_tx(c->db));
	TRY(user_lock_tx(c, user_id, &live));
	c->now_ms = clock_now_ms(); /* others may have been granted while waiting */
	TRY(vip_read(c, user_id, out));
	out->live = live;
	return OK;
}

static enum err put(struct ctx *c, int64_t user_id, const struct segment *s)
{
	return db_exec(c, SQL_PUT,
		ARGS(I64(s->order_id), I64(user_id), I64(s->kind), I64(s->level), I64(s->state),
			I64(s->chain), I64(s->start_s), I64(s->days), FEN(s->value), FEN(s->cash),
			I64(s->folded_by), I64(s->cut_s), I64(s->taken_s), I64(s->granted_s),
			I64(s->granted_version), I64(s->refunded_s), I64(s->refunded_version)),
		NULL);
}

enum err vip_save_tx(struct ctx *c, struct vip *v)
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

enum err vip_is_live(struct ctx *c, int64_t user_id, bool *live)
{
	struct vip v;

	TRY(vip_read(c, user_id, &v));
	*live = entitlement_expire_s(&v.now) > ctx_now_s(c);
	return OK;
}

enum err vip_audit(struct ctx *c, int64_t *user_id, struct list *findings)
{
	struct vip_finding *found = arena_array(&c->arena, USERS_A_STEP, sizeof(*found));
	const struct user_row *users;
	struct db_rows rows;

	TRY(db_all(c, SQL_USERS, ARGS(I64(*user_id), I64(USERS_A_STEP)), user_row_fields,
		sizeof(struct user_row), USERS_A_STEP, &rows));
	users = rows.list.rows;
	*findings = (struct list){ found, 0 };
	for (int64_t i = 0; i < rows.list.n; i++) {
		struct vip_finding *f = &found[findings->n];
		struct vip v;

		TRY(read_rows(c, users[i].user_id, &v));
		f->user_id = users[i].user_id;
		f->problem = entitlement_replay(&v.was, v.now.rows, &f->order_id);
		findings->n += f->problem != NULL;
	}
	*user_id = rows.list.n == USERS_A_STEP ? users[rows.list.n - 1].user_id : 0;
	return OK;
}

/* SPDX-License-Identifier: MIT */
#include "shop/books/idempotency.h"

#include <assert.h>

#include "ext/crypto.h"
#include "ext/db.h"

#define KEPT_MS DAY_MS

struct key_row {
	int64_t resource_id;
	bool same_body;
};
static const struct field key_row_fields[] = {
	FIELD(struct key_row, resource_id),
	FIELD(struct key_row, same_body),
	FIELD_END,
};

static const char SQL_INSERT[] =
	"INSERT INTO idempotency_keys (caller, route, idempotency_key, body_sha256, resource_id, "
	"status, created_at) VALUES (?, ?, ?, ?, 0, 0, ?)";
static const char SQL_READ[] =
	"SELECT resource_id, body_sha256 = ? AS same_body FROM idempotency_keys "
	"WHERE caller = ? AND route = ? AND idempotency_key = ? AND created_at >= ?";
/* a key older than a day is treated as absent */
static const char SQL_DROP_OLD[] =
	"DELETE FROM idempotency_keys "
	"WHERE caller = ? AND route = ? AND idempotency_key = ? AND created_at < ?";
static const char SQL_END[] =
	"UPDATE idempotency_keys SET resource_id = ?, status = ? "
	"WHERE caller = ? AND route = ? AND idempotency_key = ?";
static const char SQL_PURGE[] =
	"DELETE FROM idempotency_keys WHERE created_at < ? ORDER BY created_at LIMIT ?";

static const char *caller(struct ctx *c)
{
	if (c->actor.kind == ACTOR_SYSTEM)
		return arena_printf(&c->arena, "system %lld", (long long)c->actor.token_id);
	return arena_printf(&c->arena, "user %lld", (long long)c->actor.user_id);
}

/* The name of a step, or of the request itself. */
static const char *route_of(struct ctx *c, const char *step)
{
	return step != NULL ? arena_printf(&c->arena, "%s %s", c->idem.route, step) : c->idem.route;
}

static enum err find(struct ctx *c, const char *step, int64_t *resource_id)
{
	struct key_row row = { 0 };
	bool found;

	*resource_id = 0;
	if (c->idem.key == NULL)
		return OK;
	TRY(db_find(c, SQL_READ,
		ARGS(BYTES(c->idem.body_sha256, SHA256_LEN), TEXT(caller(c)),
			TEXT(route_of(c, step)), TEXT(c->idem.key), I64(c->now_ms - KEPT_MS)),
		key_row_fields, &row, &found));
	if (!found)
		return OK;
	if (!row.same_body)
		return fail(c, ERR_IDEMPOTENCY_MISMATCH, NULL);
	*resource_id = row.resource_id;
	c->idem.replayed = true;
	return OK;
}

enum err idempotency_find(struct ctx *c, int64_t *resource_id)
{
	return find(c, NULL, resource_id);
}

enum err idempotency_begin_step_tx(struct ctx *c, const char *step, int64_t *resource_id)
{
	const struct db_arg body = BYTES(c->idem.body_sha256, SHA256_LEN);
	const char *who, *route;
	enum err e;

	assert(db_in_tx(c->db));
	*resource_id = 0;
	c->idem.replayed = false;
	if (c->idem.key == NULL)
		return OK;
	who = caller(c);
	route = route_of(c, step);
	TRY(db_exec(c, SQL_DROP_OLD,
		ARGS(TEXT(who), TEXT(route), TEXT(c->idem.key), I64(c->now_ms - KEPT_MS)), NULL));
	/* waits here for a concurrent duplicate */
	e = db_exec(c, SQL_INSERT,
		ARGS(TEXT(who), TEXT(route), TEXT(c->idem.key), body, I64(c->now_ms)), NULL);
	if (e != ERR_DUPLICATE)
		return e;
	TRY(find(c, step, resource_id));
	return *resource_id != 0 ? OK : db_retry(c); /* purged in between */
}

enum err idempotency_begin_tx(struct ctx *c, int64_t *resource_id)
{
	return idempotency_begin_step_tx(c, NULL, resource_id);
}

enum err idempotency_begin_change_tx(struct ctx *c, int64_t resource_id, bool *done)
{
	int64_t known;

	*done = false;
	TRY(idempotency_begin_tx(c, &known));
	if (known != 0 && known != resource_id) {
		c->idem.replayed = false;
		return fail(c, ERR_IDEMPOTENCY_MISMATCH, NULL);
	}
	*done = known != 0;
	return OK;
}

enum err idempotency_end_step_tx(struct ctx *c, const char *step, int64_t resource_id, int status)
{
	if (c->idem.key == NULL)
		return OK;
	return db_exec_one(c, SQL_END,
		ARGS(I64(resource_id), I64(status), TEXT(caller(c)), TEXT(route_of(c, step)),
			TEXT(c->idem.key)));
}

enum err idempotency_end_tx(struct ctx *c, int64_t resource_id, int status)
{
	return idempotency_end_step_tx(c, NULL, resource_id, status);
}

enum err idempotency_purge(struct ctx *c, int64_t limit, int64_t *purged)
{
	return db_exec(c, SQL_PURGE, ARGS(I64(c->now_ms - KEPT_MS), I64(limit)), purged);
}

/* SPDX-License-Identifier: MIT */
#include "shop/books/backoff.h"

#include "ext/db.h"

const struct field due_fields[] = { FIELD(struct due, id), FIELD_END };

static const char SQL_TRIES[] = "SELECT tries FROM backoffs WHERE kind = ? AND ref_id = ?";
static const char SQL_PUT[] =
	"INSERT INTO backoffs (kind, ref_id, tries, due_at) VALUES (?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE tries = VALUES(tries), due_at = VALUES(due_at)";
static const char SQL_PURGE[] = "DELETE FROM backoffs WHERE due_at < ? ORDER BY due_at LIMIT ?";

enum err backoff_put(struct ctx *c, enum backoff_kind kind, int64_t ref_id, enum err e)
{
	int64_t tries;

	TRY(db_int64(c, SQL_TRIES, ARGS(I64(kind), I64(ref_id)), &tries));
	return db_exec(c, SQL_PUT,
		ARGS(I64(kind), I64(ref_id), I64(tries + 1), I64(share_retry_ms(c, e, tries))),
		NULL);
}

enum err backoff_purge(struct ctx *c, int64_t limit)
{
	return db_exec(c, SQL_PURGE, ARGS(I64(c->now_ms - DAY_MS), I64(limit)), NULL);
}

void backoff_each(struct ctx *c, struct share *s, enum backoff_kind kind, const struct list *rows,
	size_t size, due_fn *fn, void *arg)
{
	for (int64_t i = 0; i < rows->n && share_next(c, s); i++) {
		const char *row = (const char *)rows->rows + (size_t)i * size;
		const struct arena_mark mark = arena_mark(&c->arena);
		enum err e = fn(c, row, arg);
		int64_t id;
		bool put_off;

		memcpy(&id, row, sizeof(id));
		put_off = share_failed(c, s, id, &e);
		arena_rewind(&c->arena, mark);
		if (put_off) {
			share_stuck(c, s, id, backoff_put(c, kind, id, e));
			arena_rewind(&c->arena, mark);
		}
	}
}

/* SPDX-License-Identifier: MIT */
#include "shop/books/outbox.h"

#include <assert.h>

#include "ext/db.h"

#define LEASE_MS (2 * MINUTE_MS)

static const struct field outbox_fields[] = {
	FIELD(struct outbox, outbox_id),
	FIELD(struct outbox, ref_id),
	FIELD(struct outbox, tries),
	FIELD(struct outbox, due_at),
	FIELD(struct outbox, created_at),
	FIELD_END,
};

static const char SQL_PUT[] =
	"INSERT INTO outbox (kind, ref_id, due_at, created_at) VALUES (?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE due_at = LEAST(due_at, VALUES(due_at))";
static const char SQL_DUE[] =
	"SELECT outbox_id, ref_id, tries, due_at, created_at FROM outbox FORCE INDEX (by_due) "
	"WHERE due_at <= ? AND kind = ? ORDER BY due_at, outbox_id LIMIT ?";
static const char SQL_CLAIM[] =
	"UPDATE outbox SET due_at = ?, tries = tries + 1 WHERE outbox_id = ? AND due_at = ?";
static const char SQL_AGAIN[] = "UPDATE outbox SET due_at = ? WHERE outbox_id = ? AND due_at = ?";
static const char SQL_DONE[] = "DELETE FROM outbox WHERE kind = ? AND ref_id = ?";

enum err outbox_put_tx(struct ctx *c, enum outbox_kind kind, int64_t ref_id, int64_t due_ms)
{
	assert(db_in_tx(c->db));
	return db_exec(c, SQL_PUT, ARGS(I64(kind), I64(ref_id), I64(due_ms), I64(c->now_ms)), NULL);
}

static enum err find_due(struct ctx *c, enum outbox_kind kind, int64_t limit, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_DUE, ARGS(I64(c->now_ms), I64(kind), I64(limit)), outbox_fields,
		sizeof(struct outbox), limit, &rows));
	*out = rows.list;
	return OK;
}

/* Claim a row; *mine false: another process was first. Commits at once. */
static enum err claim(struct ctx *c, struct outbox *row, bool *mine)
{
	const int64_t lease = c->now_ms + LEASE_MS;
	int64_t matched;

	TRY(db_exec(
		c, SQL_CLAIM, ARGS(I64(lease), I64(row->outbox_id), AT(row->due_at)), &matched));
	*mine = matched == 1;
	if (*mine) {
		row->due_at.ms = lease;
		row->tries++;
	}
	return OK;
}

/* Claim a row and work on it; what fails is due again later. */
static enum err work(struct ctx *c, struct share *s, struct outbox *row, outbox_fn *fn, void *arg)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	enum err e;
	bool mine, put_off;

	TRY(claim(c, row, &mine));
	if (!mine)
		return OK;
	e = fn(c, row, arg);
	put_off = share_failed(c, s, row->ref_id, &e);
	arena_rewind(&c->arena, mark);
	if (put_off)
		return outbox_again(c, row, share_retry_ms(c, e, row->tries));
	if (e == OK)
		share_note_answer(s, !row->unanswered);
	return OK;
}

enum err outbox_work(
	struct ctx *c, struct share *s, enum outbox_kind kind, outbox_fn *fn, void *arg)
{
	struct outbox *rows;
	struct list due;

	TRY(find_due(c, kind, OUTBOX_A_PASS, &due));
	rows = due.rows;
	for (int64_t i = 0; i < due.n && share_next(c, s); i++)
		share_stuck(c, s, rows[i].ref_id, work(c, s, &rows[i], fn, arg));
	return OK;
}

enum err outbox_again(struct ctx *c, const struct outbox *row, int64_t due_ms)
{
	return db_exec(c, SQL_AGAIN, ARGS(I64(due_ms), I64(row->outbox_id), AT(row->due_at)), NULL);
}

enum err outbox_done(struct ctx *c, enum outbox_kind kind, int64_t ref_id)
{
	return db_exec(c, SQL_DONE, ARGS(I64(kind), I64(ref_id)), NULL);
}

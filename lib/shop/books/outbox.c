/* SPDX-License-Identifier: MIT */
#include "shop/books/outbox.h"

#include <assert.h>

#include "ext/db.h"

#define LEASE_MS (2 * MINUTE_MS)

const struct field outbox_found_fields[] = { FIELD(struct outbox, ref_id), FIELD_END };

static const struct field outbox_fields[] = {
	FIELD(struct outbox, outbox_id),
	FIELD(struct outbox, ref_id),
	FIELD(struct outbox, tries),
	FIELD(struct outbox, due_at),
	FIELD_END,
};

static const char SQL_PUT[] =
	"INSERT INTO outbox (kind, ref_id, due_at, created_at) VALUES (?, ?, ?, ?) "
	"ON DUPLICATE KEY UPDATE due_at = LEAST(due_at, VALUES(due_at))";
static const char SQL_DUE[] =
	"SELECT outbox_id, ref_id, tries, due_at FROM outbox FORCE INDEX (by_due) "
	"WHERE due_at <= ? AND kind = ? ORDER BY due_at, outbox_id LIMIT ?";
static const char SQL_COUNT_DUE[] =
	"SELECT COUNT(*) FROM (SELECT due_at FROM outbox FORCE INDEX (by_due) WHERE kind IN (" SQL(
		OUTBOX_SET) ") AND due_at <= ? LIMIT ?) w";
static const char SQL_FIRST[] =
	"SELECT COALESCE(MIN(due_at), 0) FROM outbox FORCE INDEX (by_due) WHERE kind = ?";
static const char SQL_CLAIM[] =
	"UPDATE outbox SET due_at = ?, tries = tries + 1 WHERE outbox_id = ? AND due_at = ?";
/* unless it was moved forward meanwhile */
static const char SQL_AGAIN[] = "UPDATE outbox SET due_at = ? WHERE outbox_id = ? AND due_at = ?";
/* found work that failed, possibly in two concurrent passes */
static const char SQL_POSTPONE[] =
	"INSERT INTO outbox (kind, ref_id, due_at, tries, created_at) VALUES (?, ?, ?, 1, ?) "
	"ON DUPLICATE KEY UPDATE due_at = VALUES(due_at)";
static const char SQL_DONE[] = "DELETE FROM outbox WHERE kind = ? AND ref_id = ?";

enum err outbox_put_tx(struct ctx *c, enum outbox_kind kind, int64_t ref_id, int64_t due_ms)
{
	assert(db_in_tx(c->db));
	return db_exec(c, SQL_PUT, ARGS(I64(kind), I64(ref_id), I64(due_ms), I64(c->now_ms)), NULL);
}

enum err outbox_done(struct ctx *c, enum outbox_kind kind, int64_t ref_id)
{
	return db_exec(c, SQL_DONE, ARGS(I64(kind), I64(ref_id)), NULL);
}

/* Claim a row; *mine false: another process has it. Found work has no row to claim. Commits at once. */
static enum err claim(struct ctx *c, struct outbox *row, bool *mine)
{
	const int64_t lease = c->now_ms + LEASE_MS;
	int64_t matched;

	*mine = true;
	row->tries++;
	if (row->outbox_id == 0)
		return OK;
	TRY(db_exec(
		c, SQL_CLAIM, ARGS(I64(lease), I64(row->outbox_id), AT(row->due_at)), &matched));
	*mine = matched == 1;
	row->due_at.ms = lease;
	return OK;
}

/* Commits at once. */
static enum err end(struct ctx *c, enum outbox_kind kind, const struct outbox *row)
{
	const bool found = row->outbox_id == 0;

	if (row->again_ms == 0)
		return found ? OK : outbox_done(c, kind, row->ref_id);
	if (found)
		return db_exec(c, SQL_POSTPONE,
			ARGS(I64(kind), I64(row->ref_id), I64(row->again_ms), I64(c->now_ms)),
			NULL);
	return db_exec(
		c, SQL_AGAIN, ARGS(I64(row->again_ms), I64(row->outbox_id), AT(row->due_at)), NULL);
}

static enum err work_on(struct ctx *c, struct share *s, const struct outbox_work *work,
	struct outbox *row, struct outbox_report *report)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	bool mine, failed;
	enum err e;

	TRY(claim(c, row, &mine));
	if (!mine)
		return OK;
	e = work->run(c, row, report);
	report->tried++;
	report->unanswered += row->unanswered;
	failed = share_failed(c, s, row->ref_id, &e);
	arena_rewind(&c->arena, mark);
	if (failed)
		row->again_ms = share_retry_ms(c, e, row->tries - 1);
	else
		share_note_answer(s, !row->unanswered);
	return end(c, work->kind, row);
}

static void work_on_all(struct ctx *c, struct share *s, const struct outbox_work *work,
	const struct list *list, struct outbox_report *report)
{
	struct outbox *rows = list->rows;

	for (int64_t i = 0; i < list->n && share_next(c, s); i++)
		share_claim_failed(c, s, rows[i].ref_id, work_on(c, s, work, &rows[i], report));
}

enum err outbox_pass(struct ctx *c, struct share *s, const struct outbox_work *work,
	struct outbox_report *report)
{
	struct list found = { 0 };
	struct db_rows due;

	if (work->find != NULL) {
		TRY(work->find(c, OUTBOX_PASS_MAX, &found));
		work_on_all(c, s, work, &found, report);
	}
	TRY(db_all(c, SQL_DUE,
		ARGS(I64(c->now_ms), I64(work->kind), I64(OUTBOX_PASS_MAX - found.n)),
		outbox_fields, sizeof(struct outbox), OUTBOX_PASS_MAX - found.n, &due));
	work_on_all(c, s, work, &due.list, report);
	return OK;
}

enum err outbox_overdue(struct ctx *c, int64_t limit, int64_t *n, int64_t *since_ms)
{
	static const enum outbox_kind kinds[] = { OUTBOX_SET };

	TRY(db_int64(c, SQL_COUNT_DUE, ARGS(I64(c->now_ms), I64(limit)), n));
	*since_ms = 0;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int64_t ms;

		TRY(db_int64(c, SQL_FIRST, ARGS(I64(kinds[i])), &ms));
		if (ms > 0 && ms <= c->now_ms && (*since_ms == 0 || ms < *since_ms))
			*since_ms = ms;
	}
	return OK;
}

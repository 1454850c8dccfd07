/* SPDX-License-Identifier: MIT */
#include "shop/books/share.h"

#include "base/log.h"

/* how long a row may retry or wait for a provider: this, and at most a quarter of a share */
#define ROW_MAX_MS   (20 * SECOND_MS)
#define PROBE_MS     SECOND_MS
#define GAP_MAX_MS   HOUR_MS
#define TRIES_FACTOR 6 /* 2^6 minutes are more than GAP_MAX_MS */

/* How many consecutive unanswered rows shorten the waits, and how many end a share. */
enum { UNANSWERED_ROWS = 3, SILENT_MAX = 40 };

struct share share_begin(const char *name, int64_t ms)
{
	return (struct share){ .name = name,
		.until_ms = clock_mono_ms() + ms,
		.row_ms = ms / 4 < ROW_MAX_MS ? ms / 4 : ROW_MAX_MS };
}

bool share_next(struct ctx *c, struct share *s)
{
	const int64_t mono_ms = clock_mono_ms();

	s->over = s->over || mono_ms >= s->until_ms || s->unanswered >= SILENT_MAX;
	c->now_ms = clock_now_ms();
	c->deadline_ms = mono_ms + (s->unanswered >= UNANSWERED_ROWS ? PROBE_MS : s->row_ms);
	return !s->over;
}

void share_note_answer(struct share *s, bool answered)
{
	s->unanswered = answered ? 0 : s->unanswered + 1;
}

bool share_failed(const struct ctx *c, struct share *s, int64_t ref_id, enum err *e)
{
	const bool full = c->arena.exhausted;

	if (full)
		*e = ERR_INTERNAL;
	if (*e == OK)
		return false;
	log_line(full ? LOG_ALARM : LOG_ERROR, "jobs", "%s: %lld failed, and is put off: %s",
		s->name, (long long)ref_id, full ? "out of memory" : err_info(*e)->code);
	s->failed++;
	if (*e == ERR_BUSY) /* the holder of that lock may also block the next rows */
		share_note_answer(s, false);
	if (s->error == OK)
		s->error = *e;
	return true;
}

void share_claim_failed(const struct ctx *c, struct share *s, int64_t ref_id, enum err e)
{
	if (share_failed(c, s, ref_id, &e) && e == ERR_DB_LOST)
		s->over = true;
}

int64_t share_retry_ms(const struct ctx *c, enum err e, int64_t tries)
{
	const int64_t shift = tries < TRIES_FACTOR ? tries : TRIES_FACTOR;
	const int64_t gap_ms = err_info(e)->status == 503 ? MINUTE_MS : MINUTE_MS << shift;

	return c->now_ms + (gap_ms < GAP_MAX_MS ? gap_ms : GAP_MAX_MS);
}

/* SPDX-License-Identifier: MIT */
/*
 * share.h - a job's share of a pass of `minimall jobs`. A job works row by row, longest overdue
 * first, until its time is over. A failed row is logged, due again later, and never blocks the
 * next; an unresponsive provider affects only the share of its job.
 */
#ifndef SHOP_BOOKS_SHARE_H
#define SHOP_BOOKS_SHARE_H

#include "base/ctx.h"

struct share {
	const char *name; /* for the log */
	int64_t until_ms; /* clock_mono_ms() after which no row is started */
	int64_t row_ms;   /* how long one may take */
	int64_t failed;   /* number of failed rows */
	enum err error;   /* the first failure, or what ended the share; OK: none */
	int64_t unanswered; /* consecutive unanswered rows: no answer from the provider, or no lock in time */
	bool over; /* no further row is started */
};

/* Start a share of so many milliseconds. */
struct share share_begin(const char *name, int64_t ms);
/*
 * Is there time for another row? If so, sets c->now_ms (a pass may take minutes) and the row's
 * c->deadline_ms, which is short while the provider is unresponsive or locks are held, so that the
 * rows after a few unanswered ones are still processed.
 */
bool share_next(struct ctx *c, struct share *s);
/* The provider was asked about a row, and answered or not. */
void share_note_answer(struct share *s, bool answered);
/*
 * Record the result of the work about ref_id: a failure, including an exhausted arena, is logged
 * and counted, and *e set to it. True: postpone it, after rewinding the arena.
 */
bool share_failed(const struct ctx *c, struct share *s, int64_t ref_id, enum err *e) MUST;
/*
 * Record the result of claiming or postponing a row. The same, but a lost database connection
 * ends the share, while work that loses its connection may itself be the cause.
 */
void share_claim_failed(const struct ctx *c, struct share *s, int64_t ref_id, enum err e);
/* When to retry a failed row: after BUSY in a minute, otherwise with growing gaps. */
int64_t share_retry_ms(const struct ctx *c, enum err e, int64_t tries);

#endif

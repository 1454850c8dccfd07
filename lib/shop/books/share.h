/* SPDX-License-Identifier: MIT */
/*
 * share.h - a kind of due work and its share of a pass of `minimall jobs`. A kind works row by
 * row, those due longest first, until its time is over. A row that fails is logged, due again
 * later, and never stops the next; a provider that is silent costs a kind its own share only.
 */
#ifndef SHOP_BOOKS_SHARE_H
#define SHOP_BOOKS_SHARE_H

#include "base/ctx.h"

struct share {
	const char *name; /* for the log */
	int64_t until_ms; /* clock_mono_ms() from which on no row is begun */
	int64_t row_ms;   /* how long one may take */
	int64_t failed;   /* rows that ended in an error ... */
	enum err trouble; /* ... the first of these, or what ended the share; OK: all is well */
	int64_t silent;   /* rows in a row that got no answer: of the provider, or a lock in time */
	bool over;        /* no row is begun any more */
};

/* Begin a share of so many milliseconds. */
struct share share_begin(const char *name, int64_t ms);
/*
 * Is there time for another row? It begins with the time read anew (a pass may take minutes)
 * and its own c->deadline_ms; that is near while the provider is silent, or locks are held, so that
 * those behind a few unanswered rows have their turn.
 */
bool share_next(struct ctx *c, struct share *s);
/* A row was asked about, and the provider answered or not. */
void share_note_answer(struct share *s, bool answered);
/*
 * How did the work about ref_id end? A failure is logged and counted, memory that is used up is
 * one, and *e says what it was. True: it is to be put off, after the arena was rewound.
 */
bool share_failed(const struct ctx *c, struct share *s, int64_t ref_id, enum err *e) MUST;
/*
 * How did claiming a row, or putting it off, end? The same; but without a database the share is
 * over, while work that lost its connection, perhaps by its own doing, leaves the next ones theirs.
 */
void share_stuck(const struct ctx *c, struct share *s, int64_t ref_id, enum err e);
/* When to try a failed row again: what was busy in a minute, others later from time to time. */
int64_t share_retry_ms(const struct ctx *c, enum err e, int64_t tries);

#endif

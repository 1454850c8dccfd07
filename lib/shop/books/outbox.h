/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - work that follows from a committed change and is done later, by `minimall
 * jobs`: written in the change's own transaction, so that it is neither lost nor invented.
 * Owns tables: outbox.
 */
#ifndef SHOP_BOOKS_OUTBOX_H
#define SHOP_BOOKS_OUTBOX_H

#include "base/ctx.h"
#include "base/field.h"
#include "ext/sql.h"
#include "shop/books/share.h"

#define OUTBOX_FOLLOW_ATTEMPT 1
#define OUTBOX_FOLLOW_REFUND  2
#define OUTBOX_FORGET_USER    3 /* cancel and forget what a deleted user has left */
enum outbox_kind {
	STORED(OUTBOX_FOLLOW_ATTEMPT),
	STORED(OUTBOX_FOLLOW_REFUND),
	STORED(OUTBOX_FORGET_USER),
};

struct outbox {
	int64_t outbox_id, ref_id, tries;
	timestamp due_at; /* the lease, once claimed */
	timestamp created_at;
	bool unanswered; /* set by the work: the provider said nothing about it */
};

/* Make (or hasten) the work of this kind about ref, due at a moment. */
enum err outbox_put_tx(struct ctx *c, enum outbox_kind kind, int64_t ref_id, int64_t due_ms) MUST;
typedef enum err outbox_fn(struct ctx *c, struct outbox *row, void *arg);
/*
 * Do what is due of a kind, due longest first, at most OUTBOX_A_PASS rows and until the share
 * is over: each is claimed (so that another process leaves it alone for two minutes), then
 * given to fn. Where fn fails it is due again later (share.h). Fails: nothing could be found.
 */
enum { OUTBOX_A_PASS = 200 };
enum err outbox_work(
	struct ctx *c, struct share *s, enum outbox_kind kind, outbox_fn *fn, void *arg) MUST;
/* Due again later, unless somebody hastened it meanwhile. */
enum err outbox_again(struct ctx *c, const struct outbox *row, int64_t due_ms) MUST;
/* The work about ref is done. */
enum err outbox_done(struct ctx *c, enum outbox_kind kind, int64_t ref_id) MUST;

#endif

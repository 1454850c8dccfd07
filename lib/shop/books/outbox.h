/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - work that is done later, by `minimall jobs`. Most follows from a committed change and
 * is a row written in the change's own transaction, so that it is neither lost nor invented. Other
 * work is due by the state of another row (an order past its deadline); it is found there, and has
 * a row in the outbox only from its first failure until it is done.
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
#define OUTBOX_FORGET_USER    3 /* cancel a deleted user's orders and remove personal data */
/* due by the state of another row; found there while they have no row in the outbox */
#define OUTBOX_CLOSE_ORDER      4
#define OUTBOX_CLOSE_MEMBERSHIP 5
#define OUTBOX_MISSING_REFUND   6 /* of an attempt */
#define OUTBOX_FOUND_SET        OUTBOX_CLOSE_ORDER, OUTBOX_CLOSE_MEMBERSHIP, OUTBOX_MISSING_REFUND
enum outbox_kind {
	STORED(OUTBOX_FOLLOW_ATTEMPT),
	STORED(OUTBOX_FOLLOW_REFUND),
	STORED(OUTBOX_FORGET_USER),
	STORED(OUTBOX_CLOSE_ORDER),
	STORED(OUTBOX_CLOSE_MEMBERSHIP),
	STORED(OUTBOX_MISSING_REFUND),
};

struct outbox {
	int64_t outbox_id; /* 0: it was found, and has no row */
	int64_t ref_id;
	int64_t tries;    /* with this one */
	timestamp due_at; /* the lease, once claimed */
	/* what the work says of itself */
	int64_t again_ms; /* when it is due again; 0: it is done */
	bool unanswered;  /* the provider said nothing about it */
};
/* For who finds work: of its statement's columns ref_id is the only one. */
extern const struct field outbox_found_fields[];

/* What a pass has done of a kind. */
struct outbox_report {
	int64_t tried, unanswered;                /* counted for every kind ... */
	int64_t done, timed_out, settled, closed; /* ... by the work itself */
};

/* Work on a row, outside of transactions; what fails is due again later. */
typedef enum err outbox_fn(struct ctx *c, struct outbox *row, struct outbox_report *report);
/*
 * What is due by itself and is not in the outbox, due longest first, as a list of struct outbox
 * (outbox_found_fields): LEFT JOIN outbox b ON b.kind = … AND b.ref_id = … WHERE b.outbox_id IS NULL;
 * of a NOT EXISTS MariaDB would make a list of all that is put off.
 */
typedef enum err outbox_find_fn(struct ctx *c, int64_t limit, struct list *found);

struct outbox_work {
	enum outbox_kind kind;
	outbox_fn *run;
	outbox_find_fn *find; /* NULL: all of it is in the outbox */
};

/* Add work of this kind about ref, due at a time; moves existing work forward. */
enum err outbox_put_tx(struct ctx *c, enum outbox_kind kind, int64_t ref_id, int64_t due_ms) MUST;
/*
 * Do what is due of a kind until its share is over: at most OUTBOX_A_PASS rows, those that are found
 * and then those of the outbox, each claimed (so that another process leaves it alone for two
 * minutes). Where the work fails it is due again later (share.h). Adds to the report. Fails: nothing
 * could be found.
 */
enum { OUTBOX_A_PASS = 500 };
enum err outbox_pass(struct ctx *c, struct share *s, const struct outbox_work *work,
	struct outbox_report *report) MUST;
/* The work about ref is done, by whomever. */
enum err outbox_done(struct ctx *c, enum outbox_kind kind, int64_t ref_id) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * outbox.h - work done later by `minimall jobs`. Most follows from a committed change and is a row
 * written in the change's own transaction, so that it exists exactly if that commits. Other work
 * is due by the state of another row (an order past its deadline); it is found by a query, and has
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
#define OUTBOX_ERASE_USER     3 /* cancel a deleted user's orders and remove personal data */
/* due by the state of another row; found by a query while not in the outbox */
#define OUTBOX_CLOSE_ORDER      4
#define OUTBOX_CLOSE_MEMBERSHIP 5
#define OUTBOX_MISSING_REFUND   6 /* of an attempt */
#define OUTBOX_NOTIFY_END       7 /* of a user's membership */
#define OUTBOX_EXPIRE_POINTS    8 /* of a member */
#define OUTBOX_FOUND_SET                                                                           \
	OUTBOX_CLOSE_ORDER, OUTBOX_CLOSE_MEMBERSHIP, OUTBOX_MISSING_REFUND, OUTBOX_NOTIFY_END,     \
		OUTBOX_EXPIRE_POINTS
#define OUTBOX_SET OUTBOX_FOLLOW_ATTEMPT, OUTBOX_FOLLOW_REFUND, OUTBOX_ERASE_USER, OUTBOX_FOUND_SET
enum outbox_kind {
	STORED(OUTBOX_FOLLOW_ATTEMPT),
	STORED(OUTBOX_FOLLOW_REFUND),
	STORED(OUTBOX_ERASE_USER),
	STORED(OUTBOX_CLOSE_ORDER),
	STORED(OUTBOX_CLOSE_MEMBERSHIP),
	STORED(OUTBOX_MISSING_REFUND),
	STORED(OUTBOX_NOTIFY_END),
	STORED(OUTBOX_EXPIRE_POINTS),
};

struct outbox {
	int64_t outbox_id; /* 0: found, without a row */
	int64_t ref_id;
	int64_t tries;    /* including this one */
	timestamp due_at; /* the lease, once claimed */
	/* the result, set by the work */
	int64_t again_ms; /* when it is due again; 0: done */
	bool unanswered;  /* no answer from the provider */
};
/* For queries that find work: ref_id is their only column. */
extern const struct field outbox_found_fields[];

/* The results of a job's pass. */
struct outbox_report {
	int64_t tried, unanswered;                /* counted for every kind */
	int64_t done, timed_out, settled, closed; /* counted by the work */
};

/* Process a row, outside transactions; a failure is due again later. */
typedef enum err outbox_fn(struct ctx *c, struct outbox *row, struct outbox_report *report);
/*
 * Work that is due and not in the outbox, longest overdue first, as a list of struct outbox
 * (outbox_found_fields): LEFT JOIN outbox b ON b.kind = … AND b.ref_id = … WHERE b.outbox_id IS NULL;
 * for a NOT EXISTS MariaDB would materialise all postponed work.
 */
typedef enum err outbox_find_fn(struct ctx *c, int64_t limit, struct list *found);

struct outbox_work {
	enum outbox_kind kind;
	outbox_fn *run;
	outbox_find_fn *find; /* NULL: all work is in the outbox */
};

/* Add work of this kind about ref, due at a time; moves existing work forward. */
enum err outbox_put_tx(struct ctx *c, enum outbox_kind kind, int64_t ref_id, int64_t due_ms) MUST;
/*
 * Process what is due of a kind until its share is over: at most OUTBOX_PASS_MAX rows, first those
 * found, then those of the outbox, each claimed (other processes skip it for two minutes). If the
 * work fails it is due again later (share.h). Adds to the report. Fails: the due rows could not
 * be read.
 */
enum { OUTBOX_PASS_MAX = 500 };
enum err outbox_pass(struct ctx *c, struct share *s, const struct outbox_work *work,
	struct outbox_report *report) MUST;
/* The number of rows that are due, counted up to limit, and since when the first is; 0: none. */
enum err outbox_overdue(struct ctx *c, int64_t limit, int64_t *n, int64_t *since_ms) MUST;
/* The work about ref is done, here or elsewhere. */
enum err outbox_done(struct ctx *c, enum outbox_kind kind, int64_t ref_id) MUST;

#endif

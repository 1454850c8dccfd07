/* SPDX-License-Identifier: MIT */
/*
 * points.h - a member's points: lots that expire, a ledger, and holds for orders not yet paid
 * (BEHAVIOUR 45 to 48, 58, 59). The arithmetic is lots.h.
 * Owns tables: point_accounts, point_lots, point_entries, point_entry_lots, point_holds,
 * point_hold_lots.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY, INTERNAL.
 *
 * Every change locks and writes the member's row first (member_lock_tx), so that changes of one member
 * follow each other on any node; what has expired until then is expired before anything else. A
 * transaction that changes points and locks an order or a product calls member_lock_tx before those
 * (lock order, HACKING.md); the functions here lock the member again, which costs a statement.
 */
#ifndef SHOP_LOYALTY_POINTS_H
#define SHOP_LOYALTY_POINTS_H

#include "base/ctx.h"
#include "base/page.h"
#include "ext/sql.h"
#include "shop/books/outbox.h"
#include "shop/loyalty/lots.h"

/* The most points that one request may earn or use. */
#define POINTS_MAX 999999

#define POINTS_EARN      1
#define POINTS_USE       2
#define POINTS_EXPIRE    3
#define POINTS_RETURN    4 /* of a use */
#define POINTS_TAKE_BACK 5 /* of what was earned */
#define POINTS_COVER     6 /* released points cover a debt: 0 points */
enum points_type {
	STORED(POINTS_EARN),
	STORED(POINTS_USE),
	STORED(POINTS_EXPIRE),
	STORED(POINTS_RETURN),
	STORED(POINTS_TAKE_BACK),
	STORED(POINTS_COVER),
};

#define HOLD_HELD     1
#define HOLD_POSTED   2
#define HOLD_RELEASED 3
enum hold_state { STORED(HOLD_HELD), STORED(HOLD_POSTED), STORED(HOLD_RELEASED) };

/*
 * What points are earned for or used on, such as "shop_order" and its number: visible ASCII without blanks,
 * at most 50 and 100 characters. Earning is once per source, whoever the member is.
 */
struct points_source {
	const char *type, *id;
};
/* Types of the shop's own sources begin with this, and are shown without it; those of requests don't. */
#define POINTS_OWN "shop_"

/* A row of the ledger, as the answer to the request that made it. */
struct points_receipt {
	int64_t entry_id;
	const char *transaction_id; /* can't be guessed or counted */
	int64_t member_id;
	int64_t points;  /* positive: earned or used */
	int64_t balance; /* after it, as it was then */
	timestamp at;
};

/* ---- for orders: in the caller's transaction, about its own references ---- */

/*
 * Earn points for a source, once: a repeat gives the first row, and is logged if its member or points
 * differ. 0 points: nothing, entry_id is 0. The level follows. The member's status doesn't matter:
 * the caller decides. Fails: MEMBER_NOT_FOUND.
 */
enum err points_earn_tx(struct ctx *c, int64_t member_id, const struct points_source *source,
	int64_t points, const char *description, struct points_receipt *out) MUST;
/* The same with another expiry than in POINTS_VALID_DAYS: expires_ms, in the future. */
enum err points_earn_until_tx(struct ctx *c, int64_t member_id, const struct points_source *source,
	int64_t points, int64_t expires_ms, const char *description,
	struct points_receipt *out) MUST;
/* What a source has earned; entry_id 0: nothing. */
enum err points_earned(
	struct ctx *c, const struct points_source *source, struct points_receipt *out) MUST;

/*
 * Hold points for a source that has no live hold (held or posted). Fails: MEMBER_NOT_FOUND, MEMBER_STATUS,
 * INSUFFICIENT_POINTS, POINTS_EXPIRED (expired ones would have been enough), DUPLICATE (a live hold).
 */
enum err points_hold_tx(
	struct ctx *c, int64_t member_id, const struct points_source *source, int64_t points) MUST;
/*
 * The order is paid, or won't be: the hold is posted as a use or released, once, whichever comes first;
 * after that these do nothing. *state: the latest hold's afterwards; 0: there was none. A late payment of
 * an order whose hold was released holds anew first.
 */
enum err points_post_tx(struct ctx *c, const struct points_source *source, const char *description,
	int64_t *state) MUST;
enum err points_release_tx(struct ctx *c, const struct points_source *source, int64_t *state) MUST;

/*
 * A refund: return what was posted for the source and take back what it earned, each up to its share of
 * `r`, which is cumulative over all refunds of the source (BEHAVIOUR 47). Repeats and refunds in any
 * order end alike. The level follows. Nothing for a source without points.
 */
enum err points_refund_tx(
	struct ctx *c, const struct points_source *source, const struct lot_refund *r) MUST;

/* ---- requests ---- */

/* The bodies of earn and use. */
struct points_request {
	uint64_t has;
	int64_t user_id, points;
	const char *source_type, *source_id;   /* of earning */
	const char *usage_type, *reference_id; /* of using */
	const char *description;
};
extern const struct field points_earn_fields[], points_use_fields[];
extern const struct field points_earned_fields[], points_used_fields[]; /* struct points_receipt */

/*
 * Earn for a user (administrators and other systems). A known source gives its first answer. Honours
 * c->idem. Fails: MEMBER_NOT_FOUND, MEMBER_STATUS.
 */
enum err points_earn(
	struct ctx *c, const struct points_request *in, struct points_receipt *out) MUST;
/*
 * Use points: of the user named by a system (mandatory) or an administrator (optional), else the actor's
 * own. Honours c->idem. Fails: MEMBER_NOT_FOUND, MEMBER_STATUS, INSUFFICIENT_POINTS, POINTS_EXPIRED.
 */
enum err points_use(
	struct ctx *c, const struct points_request *in, struct points_receipt *out) MUST;

/* ---- figures ---- */

/* All 0 for a member who never had points. */
struct points_totals {
	int64_t current; /* the balance: with what is held, without what has expired; below 0 with a debt */
	int64_t frozen;    /* held */
	int64_t available; /* current - frozen, what may be used; may be below 0 */
	int64_t total_earned, total_used;
};
extern const struct field points_totals_fields[]; /* current, total_earned and total_used */
enum err points_totals(struct ctx *c, int64_t member_id, struct points_totals *out) MUST;

/* What expires at the end of a day of the shop's zone. */
struct points_expiry {
	int64_t points;
	const char *expire_date; /* "2025-12-31" */
	timestamp expires_at;
};
struct points_balance {
	struct points_totals totals;
	struct list
		pending_expiry; /* of struct points_expiry, the earliest first; without what is held */
};
enum { POINTS_EXPIRIES_MAX = 500 };
extern const struct field points_balance_fields[];
enum err points_balance(struct ctx *c, int64_t member_id, struct points_balance *out) MUST;

struct points_query {
	uint64_t has;
	const char *type;
	timestamp start_date, end_date; /* days of the shop's zone, inclusive, or times */
	struct page_number page;
};
extern const struct field points_query_fields[];
struct points_page {
	struct list transactions;
	struct points_pagination {
		int64_t page, limit, total, total_pages;
	} pagination;
};
extern const struct field points_page_fields[];
/* The actor's ledger, newest first. */
enum err points_list(struct ctx *c, const struct points_query *q, struct points_page *out) MUST;

/* ---- recalculation ---- */

struct points_recalculation {
	uint64_t has;
	bool recalculate_points, recalculate_level; /* absent: yes */
	const char *reason;
};
extern const struct field points_recalculate_fields[];
struct points_drift {
	const char *figure;
	int64_t stored, actual;
};
enum { POINTS_DRIFTS_MAX = 100 };
struct points_recalculated {
	int64_t member_id;
	bool changed;
	struct list drift; /* of struct points_drift: what was corrected */
	struct points_totals points;
	int64_t level_id;
};
extern const struct field points_recalculated_fields[];
/*
 * Make the kept figures of a member anew from the ledger and the holds, and its level from what it
 * earned; logged with the reason. Fails: MEMBER_NOT_FOUND.
 */
enum err points_recalculate(struct ctx *c, int64_t member_id, const struct points_recalculation *in,
	struct points_recalculated *out) MUST;

/* ---- jobs ---- */

/* Members of whom something has expired: OUTBOX_EXPIRE_POINTS. */
enum err points_list_due(struct ctx *c, int64_t limit, struct list *out) MUST;
enum err points_expire(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

#endif

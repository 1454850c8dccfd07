/* SPDX-License-Identifier: MIT */
/*
 * plan.h - membership plans: price, duration and level of a VIP membership
 * (contract membership-orders, 2.1).
 * Owns tables: plans.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MEMBERSHIP_PLAN_H
#define SHOP_MEMBERSHIP_PLAN_H

#include "base/ctx.h"
#include "base/page.h"

enum { PLAN_DAYS_MAX = 3660, PLAN_LEVEL_MAX = 999 };
#define PLAN_PRICE_MAX_FEN INT64_C(100000000) /* 1,000,000.00 */

struct plan {
	uint64_t has;
	int64_t id;
	const char *name;
	money price;
	money original_price; /* the struck-through price; 0: none */
	int64_t duration_days, level;
	bool is_active;
	const char *description;
	timestamp created_at, updated_at;
};
extern const struct field plan_fields[];
extern const struct field plan_change_fields[]; /* with the id, if it isn't in the query */

/* The plan of a request; or, for a list, the page. */
struct plan_query {
	uint64_t has;
	int64_t id;
	struct page_number page;
};
extern const struct field plan_query_fields[];

/*
 * All for administrators, otherwise the active ones; newest last, as they are shown. By id a list
 * of one or none.
 */
enum err plan_list(struct ctx *c, const struct plan_query *q, struct page_counted *out) MUST;
enum err plan_create(struct ctx *c, const struct plan *in, struct plan *out) MUST;
/* Change the present members of `in`; orders keep their quotes. Fails: NOT_FOUND, PRECONDITION. */
enum err plan_update(struct ctx *c, int64_t id, const struct plan *in, struct plan *out) MUST;
/* Remove it; one with orders is only deactivated: *kept (BEHAVIOUR 31). Fails: NOT_FOUND. */
enum err plan_delete(struct ctx *c, int64_t id, bool *kept) MUST;

/* A plan for sale. Fails: NOT_FOUND, also for an inactive one. */
enum err plan_offered(struct ctx *c, int64_t id, struct plan *out) MUST;
/* The same in a transaction; it can't change until its end, since it is locked and written. */
enum err plan_offered_tx(struct ctx *c, int64_t id, struct plan *out) MUST;

#endif

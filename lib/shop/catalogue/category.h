/* SPDX-License-Identifier: MIT */
/*
 * category.h - the tree of product categories.
 * Owns tables: categories.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_CATALOGUE_CATEGORY_H
#define SHOP_CATALOGUE_CATEGORY_H

#include "base/ctx.h"
#include "base/page.h"

struct category {
	uint64_t has;
	int64_t category_id;
	const char *name, *description;
	opt_i64 parent_id;
	timestamp created_at, updated_at;
};
extern const struct field category_fields[];

/* A product's category, as shown with it. */
struct category_brief {
	int64_t category_id;
	const char *name, *description;
};
extern const struct field category_brief_fields[];

struct category_query {
	uint64_t has;
	int64_t parent_id; /* 0: those without a parent */
	const char *q;     /* part of the name */
	struct page page;
};
extern const struct field category_query_fields[];

enum err category_list(struct ctx *c, const struct category_query *q, struct page_rows *out) MUST;
/* Fails: NOT_FOUND. */
enum err category_get(struct ctx *c, int64_t id, struct category *out) MUST;
/* Fails: INVALID naming parent_id. */
enum err category_create(struct ctx *c, const struct category *in, struct category *out) MUST;
/* Change what `in` names. Fails: NOT_FOUND, PRECONDITION, INVALID naming parent_id, CATEGORY_CYCLE
 * (BEHAVIOUR 19). */
enum err category_update(
	struct ctx *c, int64_t id, const struct category *in, struct category *out) MUST;
/* Soft delete. Fails: NOT_FOUND, CATEGORY_IN_USE while it has live products or children. */
enum err category_delete(struct ctx *c, int64_t id) MUST;

/* The ids of a category and all its descendants: a list of int64_t, empty if there is no such category. */
enum err category_branch(struct ctx *c, int64_t id, struct list *out) MUST;

/* In a transaction: keep the category from being deleted until its end. Fails: INVALID naming `field`. */
enum err category_hold_tx(struct ctx *c, int64_t id, const char *field) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * product.h - products and their stock.
 * Owns tables: products, stock_moves.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_CATALOGUE_PRODUCT_H
#define SHOP_CATALOGUE_PRODUCT_H

#include "ext/sql.h"
#include "shop/catalogue/category.h"

#define PRODUCT_OFF     0
#define PRODUCT_ON      1
#define PRODUCT_DELETED 2
enum product_status { STORED(PRODUCT_OFF), STORED(PRODUCT_ON), STORED(PRODUCT_DELETED) };
#define PRODUCT_LIVE_SET PRODUCT_OFF, PRODUCT_ON

/* The reason of a stock move. */
#define MOVE_SET      1 /* by an administrator */
#define MOVE_TAKEN    2 /* by an order */
#define MOVE_RETURNED 3
enum move_reason { STORED(MOVE_SET), STORED(MOVE_TAKEN), STORED(MOVE_RETURNED) };

struct product {
	uint64_t has;
	int64_t product_id;
	opt_i64 category_id;
	const char *name, *description;
	money price;
	int64_t stock, stock_delta; /* stock_delta: input only, a relative change */
	const char *image_url;
	int64_t status;
	timestamp created_at, updated_at;
	struct category_brief category;
};
extern const struct field product_fields[];
extern const struct field product_full_fields[];   /* with its category */
extern const struct field product_change_fields[]; /* what may be changed */

struct product_query {
	uint64_t has;
	int64_t category_id, status;
	const char *q; /* part of the name */
	struct page page;
};
extern const struct field product_query_fields[];

/* Administrators see all but deleted ones; everyone else those on sale. */
enum err product_list(struct ctx *c, const struct product_query *q, struct page_rows *out) MUST;
/* Fails: NOT_FOUND. */
enum err product_get(struct ctx *c, int64_t id, struct product *out) MUST;
/* Fails: INVALID naming category_id. */
enum err product_create(struct ctx *c, const struct product *in, struct product *out) MUST;
/*
 * Change the present members of `in` (of product_change_fields). The stock is set, or changed by
 * stock_delta relative to its current value. Honours c->idem. Fails: NOT_FOUND, PRECONDITION, INVALID naming
 * category_id or stock_delta, INSUFFICIENT_STOCK (it would be below zero), IDEMPOTENCY_MISMATCH.
 */
enum err product_update(
	struct ctx *c, int64_t id, const struct product *in, struct product *out) MUST;
/* Soft delete; orders still show it. Fails: NOT_FOUND. */
enum err product_delete(struct ctx *c, int64_t id) MUST;

/* ---- stock, in an order's transaction; lines are locked in product order ---- */

struct stock_line {
	int64_t product_id, quantity;
	/* set by stock_lock_tx */
	const char *name;
	money price;
	int64_t stock, status;
};

/*
 * Lock the products of n lines (distinct, sorted by product_id) and fill in the rest.
 * A product that doesn't exist comes back with status PRODUCT_DELETED.
 */
enum err stock_lock_tx(struct ctx *c, struct stock_line *lines, size_t n) MUST;
/* Take the lines' quantities. Fails: INSUFFICIENT_STOCK; then roll back. */
enum err stock_take_tx(struct ctx *c, const struct stock_line *lines, size_t n, int64_t order) MUST;
/* Return them. */
enum err stock_return_tx(
	struct ctx *c, const struct stock_line *lines, size_t n, int64_t order) MUST;

#endif

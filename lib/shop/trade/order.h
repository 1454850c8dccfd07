/* SPDX-License-Identifier: MIT */
/*
 * order.h - shop orders: placing, reading, listing, and changes of status.
 * Owns tables: orders, order_items.
 * Memory: texts and lists in out structs are in c->arena.
 * Fails everywhere: DB, DB_LOST, BUSY.
 *
 * Every change of status is a row in one table of transitions (BEHAVIOUR 18), which
 * also has its effect on the stock.
 */
#ifndef SHOP_TRADE_ORDER_H
#define SHOP_TRADE_ORDER_H

#include "base/ctx.h"
#include "base/page.h"
#include "ext/sql.h"
#include "shop/money/payment.h"

#define ORDER_PENDING   0
#define ORDER_PAID      1
#define ORDER_SHIPPED   2
#define ORDER_COMPLETED 3
#define ORDER_CANCELLED 4
#define ORDER_REFUNDED  5
enum order_status {
	STORED(ORDER_PENDING),
	STORED(ORDER_PAID),
	STORED(ORDER_SHIPPED),
	STORED(ORDER_COMPLETED),
	STORED(ORDER_CANCELLED),
	STORED(ORDER_REFUNDED),
};
#define ORDER_IN_PROGRESS_SET ORDER_PAID, ORDER_SHIPPED
#define ORDER_FINAL_SET       ORDER_COMPLETED, ORDER_CANCELLED, ORDER_REFUNDED

enum { ORDER_LINES_MAX = 100, ORDER_QUANTITY_MAX = 9999 };

/* The delivery address, given when it was placed. */
struct consignee {
	uint64_t has;
	const char *name, *phone, *address;
};
/* The shipment, given with status 2. */
struct shipment {
	uint64_t has;
	const char *carrier, *tracking_no;
};

struct order {
	int64_t id;           /* of the row; never on the wire */
	const char *order_id; /* on the wire; the order_no of the row */
	int64_t user_id;
	money total_amount; /* what is paid in cash: the lines, less the next two amounts */
	money discount_amount;
	int64_t points_used; /* of its buyer */
	money points_amount; /* what they paid of it */
	int64_t status;
	struct payment payment;
	const char *
		paid_by_name; /* on the wire, of a single order: PROVIDER (or card), OFFLINE, NOTHING_DUE */
	bool stock_held;
	bool rewarded; /* paid, and counted for its buyer (loyalty/reward.h) */
	struct consignee consignee;
	const char *remark;
	struct shipment shipment;
	timestamp expires_at, created_at, updated_at, deleted_at;
	struct order_user {
		int64_t user_id;
		const char *nickname, *email;
	} user;
	struct list items; /* of struct order_item */
	bool ownerless;    /* locked for a grant, and its owner is deleted */
};
extern const struct field consignee_fields[], shipment_fields[];
extern const struct field order_fields[];      /* the response to creation and PUT */
extern const struct field order_full_fields[]; /* with user and orderItems */

struct order_item {
	int64_t order_item_id;
	const char *order_id;
	int64_t product_id, quantity;
	money unit_price, total_price;
	money discount_amount; /* its share of the order's */
	struct order_product { /* as it was when ordered */
		int64_t product_id;
		const char *name;
		money price;
	} product;
	int64_t at; /* index of its order in the page, from 1 */
};

/* A new order. */
struct order_new {
	uint64_t has;
	struct list items; /* of struct order_line_new */
	const char *payment_method;
	struct consignee consignee;
	const char *remark;
	int64_t points; /* that pay part of it */
};
struct order_line_new {
	uint64_t has;
	int64_t product_id, quantity;
};
extern const struct field order_new_fields[];

/* An administrator's PUT. */
struct order_change {
	uint64_t has;
	int64_t status;
	const char *payment_method, *payment_id;
	struct shipment shipment; /* only where the order is, or becomes, shipped */
};
extern const struct field order_change_fields[];

struct order_query {
	uint64_t has;
	int64_t status, user_id;
	timestamp created_from, created_to; /* days, both included; or times, excluding `to` */
	struct page page;
};
extern const struct field order_query_fields[];

/*
 * Place an order for the actor: merge and price its lines, take the stock, write it; one
 * transaction. Honours c->idem. A total of 0.00 is paid at once.
 * Fails: PRODUCT_NOT_FOUND, INSUFFICIENT_STOCK, INVALID (total too large), naming the line;
 * PENDING_ORDERS (the limit of orders waiting for payment, conf PENDING_ORDERS_MAX).
 */
enum err order_place(struct ctx *c, const struct order_new *in, struct order *out) MUST;
/* Newest first; the user's own, for administrators all. */
enum err order_list(struct ctx *c, const struct order_query *q, struct page_rows *out) MUST;
/* With its lines. Fails: NOT_FOUND, FORBIDDEN (another user's). */
enum err order_get(struct ctx *c, const char *order_id, struct order *out) MUST;
/* An administrator's change. Fails: NOT_FOUND, PRECONDITION, ORDER_TRANSITION, PAYMENT_FIXED, INVALID. */
enum err order_update(
	struct ctx *c, const char *order_id, const struct order_change *in, struct order *out) MUST;
/* By its owner or an administrator, while pending. Fails: NOT_FOUND, FORBIDDEN, ORDER_TRANSITION. */
enum err order_cancel(struct ctx *c, const char *order_id, struct order *out) MUST;
/* The goods were received. Fails: NOT_FOUND, FORBIDDEN, ORDER_TRANSITION. */
enum err order_complete(struct ctx *c, const char *order_id, struct order *out) MUST;
/* Soft delete; a pending one is cancelled first. Fails: NOT_FOUND, ORDER_TRANSITION (1 and 2). */
enum err order_delete(struct ctx *c, const char *order_id) MUST;

/* ---- deletion of a user (flow/user_close.h) ---- */

/* May a locked user be deleted? Fails: USER_IN_USE (orders paid or shipped). */
enum err order_check_user_deletion_tx(struct ctx *c, int64_t user_id) MUST;
/* Cancel an order of a deleted user, if pending, in its own transaction. */
enum err order_cancel_abandoned(struct ctx *c, int64_t id) MUST;

/* A position in a user's orders, newest first; it starts as { .before_ms = INT64_MAX }. */
struct order_walk {
	int64_t before_ms, before_id;
	int64_t left; /* how many could not be cancelled */
	bool more;
};
enum { ORDER_WALK_STEP = 100 };
/*
 * The next ORDER_WALK_STEP orders of a deleted user: cancel pending ones, so that they can't be
 * paid any more, and remove addresses; each in its own transaction. The orders remain.
 * Stops early at until_ms of clock_mono_ms().
 */
enum err order_erase_some(
	struct ctx *c, int64_t user_id, int64_t until_ms, struct order_walk *at) MUST;

/* ---- for settlement and jobs ---- */

/* By its wire number or row id, even if deleted, without a lock. Fails: NOT_FOUND. */
enum err order_find(struct ctx *c, const char *order_id, struct order *out) MUST;
enum err order_read(struct ctx *c, int64_t id, struct order *out) MUST;
/*
 * Pending orders past their deadline without an open attempt that are not postponed, longest
 * overdue first (outbox_find_fn).
 */
enum err order_list_overdue(struct ctx *c, int64_t limit, struct list *out) MUST;
/* Cancel an overdue order without an open attempt. *done false: it was no longer pending. */
enum err order_time_out(struct ctx *c, int64_t id, bool *done) MUST;

/* Lock an order with all that a refund may change: its buyer's member, its products. */
enum err order_lock_to_refund_tx(struct ctx *c, int64_t id, struct order *out) MUST;
/*
 * The same for a payment received: with its owner, its member, and with its products if the order was
 * cancelled, so that its stock can be taken again.
 */
enum err order_lock_for_grant_tx(struct ctx *c, int64_t id, struct order *out) MUST;

/* Write a locked order for a change outside its row (BEHAVIOUR 61). */
enum err order_touch_tx(struct ctx *c, const struct order *locked) MUST;
/* `amount` of an order locked so was refunded, by a refund or in person: REFUNDED, if nothing is left. */
enum err order_refunded_tx(struct ctx *c, struct order *o, money amount) MUST;

/*
 * A provider's payment for a locked order: set it paid, or paid late if its stock can be
 * taken again (BEHAVIOUR 37, 38).
 */
enum err order_grant_tx(
	struct ctx *c, const struct order *o, const struct payment *p, struct granting *out) MUST;

#endif

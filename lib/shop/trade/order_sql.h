/* SPDX-License-Identifier: MIT */
/*
 * order_sql.h - what is kept of an order (sql.h), and what order*.c share.
 */
#ifndef SHOP_TRADE_ORDER_SQL_H
#define SHOP_TRADE_ORDER_SQL_H

#include "ext/sql.h"
#include "shop/trade/order.h"

/* clang-format off */
/* as it was placed */
#define ORDER_TERMS(X)                                                                         \
	X(order_no, order_id) X(user_id) X(total_amount) X(discount_amount) X(points_used)      \
	X(points_amount) X(expires_at) X(created_at) X(remark)
#define ORDER_CONSIGNEE(X)                                                                     \
	X(consignee_name, consignee.name) X(consignee_phone, consignee.phone)                  \
	X(consignee_address, consignee.address)
/* what its transitions change */
#define ORDER_STATE(X)                                                                         \
	X(status) X(stock_held) X(rewarded) X(paid_by, payment.by) X(payment_method, payment.method)       \
	X(payment_id, payment.id) X(paid_at, payment.at)
#define ORDER_SHIPMENT(X) X(carrier, shipment.carrier) X(tracking_no, shipment.tracking_no)

#define ORDER_NEW(X)     ORDER_TERMS(X) ORDER_CONSIGNEE(X) ORDER_STATE(X)
#define ORDER_CHANGES(X) ORDER_STATE(X) ORDER_SHIPMENT(X)
/* clang-format on */

/* A row of `orders o`. */
#define ORDER_O(...)               ORDER_O_NAME(__VA_ARGS__, )
#define ORDER_O_NAME(column, ...)  "o." #column ", "
#define ORDER_O_AS(column, member) "o." #column " AS `" #member "`, "
#define ORDER_COLUMNS                                                                              \
	"o.id, " ORDER_TERMS(ORDER_O) ORDER_STATE(ORDER_O) ORDER_CONSIGNEE(ORDER_O_AS)             \
		ORDER_SHIPMENT(ORDER_O_AS) "o.updated_at, o.deleted_at"

enum mover { BY_ADMIN = 1, BY_OWNER = 2, BY_SETTLEMENT = 4, BY_TIMEOUT = 8, BY_REFUND = 16 };

/* An order's lines (of struct stock_line), which never change: read without a lock. */
enum err order_lines(struct ctx *c, int64_t id, struct list *out) MUST;
/* The same, with their products locked. */
enum err order_lock_products_tx(struct ctx *c, int64_t id, struct list *lines) MUST;
/* May it move so (BEHAVIOUR 18)? */
bool order_can_move(const struct order *o, enum order_status to, enum mover by);
/* Move a locked order (with its products, if stock moves) and write it. Fails: ORDER_TRANSITION. */
enum err order_move_tx(struct ctx *c, struct order *o, enum order_status to, enum mover by) MUST;
/*
 * Hold the points that pay part of it: of a new one, or again of one that was cancelled. Its member is locked.
 * Fails: MEMBER_STATUS, INSUFFICIENT_POINTS, POINTS_EXPIRED.
 */
enum err order_hold_points_tx(struct ctx *c, const struct order *o) MUST;
/* What follows when a locked order, with its buyer's member, was set paid. */
enum err order_paid_tx(struct ctx *c, const struct order *o) MUST;
/*
 * Lock an order of which `before` was read without a lock, and before it its buyer's member and its products: where
 * it was paid with points, the member always.
 */
enum { WITH_MEMBER = 1, WITH_PRODUCTS = 2 };
enum err order_lock_tx(
	struct ctx *c, const struct order *before, unsigned with, struct order *out) MUST;
/* Lock it with all that cancelling may change. */
enum err order_lock_to_cancel_tx(struct ctx *c, int64_t id, struct order *out) MUST;
/* Write a locked order that had the status `from`. */
enum err order_write_tx(struct ctx *c, const struct order *row, int64_t from) MUST;

/* Notify webhooks of an order's new status. */
enum err order_notify_tx(struct ctx *c, const struct order *o) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * membership.h - orders of a VIP membership: quoted, paid, granted, refunded (contract
 * membership-orders; BEHAVIOUR 23, 24, 27 to 32, 37, 38).
 * Owns tables: membership_orders.
 * Memory: texts and lists in out structs are in c->arena.
 * Fails everywhere: DB, DB_LOST, BUSY.
 *
 * The user's row is locked before the order, and everything that pricing or granting uses is
 * read after that lock.
 */
#ifndef SHOP_MEMBERSHIP_MEMBERSHIP_H
#define SHOP_MEMBERSHIP_MEMBERSHIP_H

#include "base/page.h"
#include "ext/sql.h"
#include "shop/membership/entitlement_rows.h"
#include "shop/money/payment.h"

#define MEMBERSHIP_PENDING   0
#define MEMBERSHIP_PAID      1
#define MEMBERSHIP_CANCELLED 2
#define MEMBERSHIP_EXPIRED   3
#define MEMBERSHIP_REFUNDING 4
#define MEMBERSHIP_REFUNDED  5
enum membership_status {
	STORED(MEMBERSHIP_PENDING),
	STORED(MEMBERSHIP_PAID),
	STORED(MEMBERSHIP_CANCELLED),
	STORED(MEMBERSHIP_EXPIRED),
	STORED(MEMBERSHIP_REFUNDING),
	STORED(MEMBERSHIP_REFUNDED),
};
#define MEMBERSHIP_RETURNED_SET MEMBERSHIP_REFUNDING, MEMBERSHIP_REFUNDED
#define MEMBERSHIP_PAID_SET     MEMBERSHIP_PAID, MEMBERSHIP_RETURNED_SET

struct membership_order {
	int64_t id; /* of the row; never on the wire */
	const char *order_no;
	int64_t user_id;
	opt_i64 plan_id; /* none: a gift */
	const char *plan_name;
	int64_t kind, level; /* kind of entitlement.h; as granted, once it is */
	money price, discount, amount, value;
	int64_t plan_days, days; /* the plan's; what is granted */
	int64_t quote_version, status;
	struct payment payment;
	timestamp expires_at, created_at, updated_at;
	/* for output, at c->now_ms */
	const char *status_name, *order_type;
	int64_t remaining_seconds;
};
extern const struct field membership_order_fields[];

/* GET …/orders/quote/: what creation would charge. */
struct membership_quote {
	int64_t plan_id;
	const char *plan_name, *order_type;
	int64_t level, days;
	money price, discount, amount;
};
extern const struct field membership_quote_fields[];

/* Bodies and queries of the contract. */
struct membership_request {
	uint64_t has;
	int64_t plan_id;
	const char *order_no, *payment_method, *action;
};
extern const struct field membership_create_fields[], membership_pay_fields[],
	membership_action_fields[], membership_detail_query_fields[];

struct membership_query {
	uint64_t has;
	const char *scope, *status;
	int64_t user_id;
	struct page_number page;
};
extern const struct field membership_query_fields[];

/* ---- users and administrators ---- */

/* Fails: NOT_FOUND (no such plan on offer), PLAN_LEVEL_LOWER, ENTITLEMENT_TOO_LONG, REFUND_UNDER_WAY. */
enum err membership_quote(struct ctx *c, int64_t plan_id, struct membership_quote *out) MUST;
/* Order a plan for the actor; with nothing to pay it is granted at once. Honours c->idem. Also fails: PENDING_EXISTS. */
enum err membership_create(struct ctx *c, int64_t plan_id, struct membership_order *out) MUST;
/*
 * The same, unless the actor has a pending order of this plan that can be paid: then that one. In
 * c->idem it is the request's step "order" (idempotency.h), before its payment.
 */
enum err membership_create_or_reuse(
	struct ctx *c, int64_t plan_id, struct membership_order *out) MUST;
/* Fails: NOT_FOUND, FORBIDDEN. */
enum err membership_get(struct ctx *c, const char *order_no, struct membership_order *out) MUST;
/* Newest first. Fails: FORBIDDEN (scope=all or user_id, if not an administrator), INVALID. */
enum err membership_list(
	struct ctx *c, const struct membership_query *q, struct page_counted *out) MUST;
/* Its owner, or an administrator. Honours c->idem. Fails: NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING. */
enum err membership_cancel(struct ctx *c, const char *order_no, struct membership_order *out) MUST;
/*
 * The simulated payment of the user's own order (BEHAVIOUR 32); if it became cheaper meanwhile, its
 * amount is reduced (BEHAVIOUR 28). Honours c->idem. Fails:
 * SIMULATION_OFF, PAYMENT_METHOD, NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING, ORDER_EXPIRED,
 * ORDER_PAID, REFUND_UNDER_WAY, QUOTE_CHANGED (the order is cancelled: it could never be
 * granted again).
 */
enum err membership_pay_simulated(struct ctx *c, const char *order_no, const char *payment_method,
	struct membership_order *out) MUST;
/* `minimall grant-vip`. Fails: NOT_FOUND (user), PLAN_LEVEL_OTHER, ENTITLEMENT_TOO_LONG, REFUND_UNDER_WAY. */
enum err membership_gift(struct ctx *c, int64_t user_id, int64_t level, int64_t days,
	struct membership_order *out) MUST;

/* Before a user is deleted: cancel the pending order. Fails: USER_IN_USE (a live membership, or a refund in progress). */
enum err membership_user_close_tx(struct ctx *c, int64_t user_id) MUST;

/* ---- for flow and jobs ---- */

/* An order with its user's segments, locked. */
struct membership {
	struct membership_order order;
	struct entitlement_rows entitlement;
	bool refunding; /* some order of this user is being refunded */
};

/* By its wire number or row id, without a lock. Fails: NOT_FOUND. */
enum err membership_find(struct ctx *c, const char *order_no, struct membership_order *out) MUST;
enum err membership_read(struct ctx *c, int64_t id, struct membership_order *out) MUST;
enum err membership_lock_tx(struct ctx *c, int64_t id, struct membership *out) MUST;
/* Can it be paid now, for exactly its amount? OK, or the error why not. */
enum err membership_pay_error(const struct ctx *c, const struct membership_order *o) MUST;
enum err membership_pay_error_locked(const struct ctx *c, const struct membership *m) MUST;

/* The amount of a locked order has been paid (BEHAVIOUR 28, 37, 38). */
enum err membership_grant_tx(
	struct ctx *c, struct membership *m, const struct payment *p, struct granting *out) MUST;

/* Revoke a locked, paid order: REFUNDING. Fails: REFUND_UNDER_WAY, ORDER_TRANSITION, SEGMENT_FOLDED, GRANTED_LATER. */
enum err membership_begin_refund_tx(struct ctx *c, struct membership *m) MUST;
/* A locked order was refunded, or nothing had been paid: REFUNDED, if nothing is left. Fails: as above. */
enum err membership_refunded_tx(struct ctx *c, struct membership *m) MUST;
/* The provider finally refused: paid and granted again, exactly as before. */
enum err membership_undo_refund_tx(struct ctx *c, struct membership *m) MUST;

/*
 * What is pending past its deadline and not postponed, longest overdue first
 * (outbox_find_fn).
 */
enum err membership_list_overdue(struct ctx *c, int64_t limit, struct list *out) MUST;
/* Mark one of these as expired. *done false: it was no longer pending. */
enum err membership_expire(struct ctx *c, int64_t id, bool *done) MUST;

#endif

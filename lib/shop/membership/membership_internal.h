/* SPDX-License-Identifier: MIT */
/*
 * membership_internal.h - the columns of a membership order, and what membership.c, _create,
 * _pay, _close and _view share.
 */
#ifndef SHOP_MEMBERSHIP_MEMBERSHIP_INTERNAL_H
#define SHOP_MEMBERSHIP_MEMBERSHIP_INTERNAL_H

#include "ext/sql.h"
#include "shop/books/webhook.h"
#include "shop/membership/membership.h"

/* What is kept of a membership order (sql.h): as ordered, and what granting and its end change. */
/* clang-format off */
#define MEMBERSHIP_TERMS(X)                                                                    \
	X(order_no) X(user_id) X(plan_id) X(plan_name) X(level) X(price) X(plan_days)          \
	X(quote_version) X(expires_at) X(created_at)
#define MEMBERSHIP_STATE(X)                                                                    \
	X(kind) X(discount) X(amount) X(days) X(value) X(status) X(paid_by, payment.by)        \
	X(payment_method, payment.method) X(payment_id, payment.id) X(paid_at, payment.at)
#define MEMBERSHIP_ROW(X) MEMBERSHIP_TERMS(X) MEMBERSHIP_STATE(X)
/* clang-format on */
#define MEMBERSHIP_COLUMNS "o.id, " MEMBERSHIP_ROW(SQL_NAME) "updated_at"

/* "NEW", "RENEWAL", "UPGRADE" */
const char *membership_kind_name(int64_t kind);
/* Is an order of this user being refunded? Then none of the user's orders may change (BEHAVIOUR 30). */
enum err membership_is_refunding(struct ctx *c, int64_t user_id, bool *refunding) MUST;
/* The user's pending order, locked. */
enum err membership_pending_tx(
	struct ctx *c, int64_t user_id, struct membership_order *out, bool *found) MUST;
/* Write a locked order with a new status. */
enum err membership_move_tx(
	struct ctx *c, struct membership_order *row, enum membership_status to) MUST;
/* Cancel a locked pending order; its open attempt is closed at the provider. */
enum err membership_cancel_pending_tx(struct ctx *c, struct membership_order *o) MUST;
/* Notify webhooks of an order. */
enum err membership_notify_tx(
	struct ctx *c, enum webhook_type type, const struct membership_order *o) MUST;
/* Fill in the output members at c->now_ms. */
void membership_show(const struct ctx *c, struct membership_order *o);

#endif

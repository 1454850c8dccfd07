/* SPDX-License-Identifier: MIT */
/*
 * membership_internal.h - the columns of a membership order, and what membership.c, _create,
 * _pay, _close and _view share.
 */
#ifndef SHOP_MEMBERSHIP_MEMBERSHIP_INTERNAL_H
#define SHOP_MEMBERSHIP_MEMBERSHIP_INTERNAL_H

#include "shop/membership/membership.h"

#define MEMBERSHIP_COLUMNS                                                                         \
	"o.id, o.order_no, o.user_id, o.plan_id, o.plan_name, o.kind, o.level, o.price, "          \
	"o.discount, o.amount, o.value, o.plan_days, o.days, o.quote_version, o.status, "          \
	"o.paid_by, o.payment_method, o.payment_id, o.expires_at, o.paid_at, o.created_at, "       \
	"o.updated_at"

/* "NEW", "RENEWAL", "UPGRADE" */
const char *membership_kind_name(int64_t kind);
/* Is an order of this user being refunded? Then none of the user's orders may change (BEHAVIOUR 30). */
enum err membership_is_refunding(struct ctx *c, int64_t user_id, bool *refunding) MUST;
/* The user's pending order, locked. */
enum err membership_pending_tx(
	struct ctx *c, int64_t user_id, struct membership_order *out, bool *found) MUST;
/* Write a locked order with a new status. */
enum err membership_move_tx(
	struct ctx *c, struct membership_order *o, enum membership_status to) MUST;
/* Cancel a locked pending order; its open attempt is closed at the provider. */
enum err membership_drop_tx(struct ctx *c, struct membership_order *o) MUST;
/* Fill in the output members at c->now_ms. */
void membership_show(const struct ctx *c, struct membership_order *o);

#endif

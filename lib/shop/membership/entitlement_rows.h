/* SPDX-License-Identifier: MIT */
/*
 * entitlement_rows.h - a user's entitlement (entitlement.h) as it is stored.
 * Owns tables: entitlements, entitlement_segments.
 * Memory: rows live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MEMBERSHIP_ENTITLEMENT_ROWS_H
#define SHOP_MEMBERSHIP_ENTITLEMENT_ROWS_H

#include "base/ctx.h"
#include "base/field.h"
#include "shop/books/outbox.h"
#include "shop/membership/entitlement.h"

/* A user's segments, with room for one more. */
struct entitlement_rows {
	int64_t user_id, version; /* version: of the last change; 0: none */
	bool live;                /* the user is not deleted; only entitlement_lock_tx says so */
	struct entitlement now;   /* changed by entitlement.h's functions */
	struct entitlement was;   /* as read */
};

/* Without a lock, for showing. */
enum err entitlement_read(struct ctx *c, int64_t user_id, struct entitlement_rows *out) MUST;
/*
 * Lock the user's row, set c->now_ms to the time after that, and read: all pricing and
 * granting uses this (BEHAVIOUR 25). Fails: NOT_FOUND.
 */
enum err entitlement_lock_tx(struct ctx *c, int64_t user_id, struct entitlement_rows *out) MUST;
/* Write the changes, with version v->version + 1, and invalidate the cached status. */
enum err entitlement_save_tx(struct ctx *c, struct entitlement_rows *v) MUST;

/* Users whose membership has ended, which nobody was notified of yet (outbox_find_fn). */
enum err entitlement_list_ended(struct ctx *c, int64_t limit, struct list *out) MUST;
/* Notify webhooks of such an end, once (outbox_fn). */
enum err entitlement_notify_end(
	struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

/* A user whose segments don't follow from the orders. */
struct entitlement_finding {
	int64_t user_id, order_id;
	const char *problem; /* a member of struct segment */
};
/*
 * Recompute the segments of users after *user_id, a few hundred at a time; *user_id becomes the
 * last of them, 0 at the end. Findings are struct entitlement_finding.
 */
enum err entitlement_audit(struct ctx *c, int64_t *user_id, struct list *findings) MUST;

#endif

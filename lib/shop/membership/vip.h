/* SPDX-License-Identifier: MIT */
/*
 * vip.h - VIP memberships: a user's stored segments (entitlement.h), and the status.
 * Owns tables: entitlements, entitlement_segments.
 * Memory: rows live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MEMBERSHIP_VIP_H
#define SHOP_MEMBERSHIP_VIP_H

#include "base/ctx.h"
#include "base/field.h"
#include "shop/membership/entitlement.h"

/* A user's segments, with room for one more. */
struct vip {
	int64_t user_id, version; /* version: of the last change; 0: none */
	bool live;                /* the user is not deleted; only vip_lock_tx says so */
	struct entitlement now;   /* changed by entitlement.h's functions */
	struct entitlement was;   /* as read */
};

/* Without a lock, for showing. */
enum err vip_read(struct ctx *c, int64_t user_id, struct vip *out) MUST;
/*
 * Lock the user's row, set c->now_ms to the time after that, and read: all pricing and
 * granting uses this (BEHAVIOUR 25). Fails: NOT_FOUND.
 */
enum err vip_lock_tx(struct ctx *c, int64_t user_id, struct vip *out) MUST;
/* Write the changes, with version v->version + 1, and invalidate the cached status. */
enum err vip_save_tx(struct ctx *c, struct vip *v) MUST;
/* Does the user have a live membership? */
enum err vip_is_live(struct ctx *c, int64_t user_id, bool *live) MUST;

/* GET /membership/status (contract membership-status, 1). */
struct vip_status {
	int64_t member_id;
	bool is_vip;
	timestamp vip_expire_at;
	opt_i64 days_remaining;
};
extern const struct field vip_status_fields[];

struct vip_query {
	uint64_t has;
	int64_t member_id;
};
extern const struct field vip_query_fields[];

/*
 * The user's own, or for administrators any. The end is cached for five minutes, whether it
 * has passed is not. Fails: NOT_FOUND, FORBIDDEN.
 */
enum err vip_status_of(struct ctx *c, int64_t member_id, struct vip_status *out) MUST;
/* Invalidate a member's cached status, or with 0 all. Fails: NOT_FOUND, FORBIDDEN, BUSY. */
enum err vip_forget(struct ctx *c, int64_t member_id) MUST;

/* A user whose segments don't follow from the orders. */
struct vip_finding {
	int64_t user_id, order_id;
	const char *problem; /* a member of struct segment */
};
/*
 * Recompute the segments of users after *user_id, a few hundred at a time; *user_id becomes the
 * last of them, 0 at the end. Findings are struct vip_finding.
 */
enum err vip_audit(struct ctx *c, int64_t *user_id, struct list *findings) MUST;

#endif

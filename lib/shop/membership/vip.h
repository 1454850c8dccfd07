/* SPDX-License-Identifier: MIT */
/*
 * vip.h - whose VIP membership lasts how long: a user's segments (entitlement.h) as they are
 * kept, and the status that everybody asks for.
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
	struct entitlement now;   /* to be changed by entitlement.h's functions */
	struct entitlement was;   /* as read */
};

/* Without a lock, for showing. */
enum err vip_read(struct ctx *c, int64_t user_id, struct vip *out) MUST;
/*
 * Lock the user's row, set c->now_ms to the time after that, and read: whatever is priced
 * or granted uses this (BEHAVIOUR 25). Fails: NOT_FOUND.
 */
enum err vip_lock_tx(struct ctx *c, int64_t user_id, struct vip *out) MUST;
/* Write what was changed, with version v->version + 1; the cached status is forgotten. */
enum err vip_save_tx(struct ctx *c, struct vip *v) MUST;
/* Has the user a membership that lasts? */
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
 * One's own, or for administrators anybody's. What lasts until when is cached for five
 * minutes; whether that is now, is not. Fails: NOT_FOUND, FORBIDDEN.
 */
enum err vip_status_of(struct ctx *c, int64_t member_id, struct vip_status *out) MUST;
/* Forget a member's cached status, or with 0 all of them. Fails: NOT_FOUND, FORBIDDEN, BUSY. */
enum err vip_forget(struct ctx *c, int64_t member_id) MUST;

/* A user whose segments are not what the orders make of them. */
struct vip_finding {
	int64_t user_id, order_id;
	const char *problem; /* the member of struct segment */
};
/*
 * Derive the segments of users after *user_id anew, a few hundred at a time; *user_id is the
 * last of them, 0 at the end. Findings of struct vip_finding.
 */
enum err vip_audit(struct ctx *c, int64_t *user_id, struct list *findings) MUST;

#endif

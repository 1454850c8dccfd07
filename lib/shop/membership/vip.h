/* SPDX-License-Identifier: MIT */
/*
 * vip.h - who is a VIP, and until when.
 * Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MEMBERSHIP_VIP_H
#define SHOP_MEMBERSHIP_VIP_H

#include "base/ctx.h"
#include "base/field.h"

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
enum err vip_invalidate(struct ctx *c, int64_t member_id) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * vip_cache.h - the ends of memberships, cached in the shared state: for vip.c and
 * vip_status.c only. Nothing that passes by itself is cached.
 */
#ifndef SHOP_MEMBERSHIP_VIP_CACHE_H
#define SHOP_MEMBERSHIP_VIP_CACHE_H

#include "ext/state.h"

/* Seconds, 0 for none. */
struct vip_ends {
	int64_t expire_s, shown_s;
};

/* False: not cached; the ticket, taken before the database is asked, is for vip_cache_keep. */
bool vip_cache_find(
	struct ctx *c, int64_t user_id, struct state_ticket *ticket, struct vip_ends *out) MUST;
/* For five minutes (contract membership-status, note 1), unless they changed since the ticket. */
void vip_cache_keep(struct ctx *c, const struct state_ticket *ticket, const struct vip_ends *ends);
/* Of one user, or with 0 of all. False: they may be cached still. */
bool vip_cache_forget(struct ctx *c, int64_t user_id) MUST;
/*
 * In a transaction that changes a user's segments: what is cached is forgotten, and nothing
 * is cached anew until the transaction is certainly over, however it ends (BEHAVIOUR 50).
 */
void vip_cache_change(struct ctx *c, int64_t user_id);

#endif

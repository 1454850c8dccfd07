/* SPDX-License-Identifier: MIT */
/*
 * vip_cache.h - the ends of memberships, cached in the shared state: for vip.c and
 * entitlement_rows.c only. Nothing that changes with time alone is cached.
 */
#ifndef SHOP_MEMBERSHIP_VIP_CACHE_H
#define SHOP_MEMBERSHIP_VIP_CACHE_H

#include "ext/state.h"

/* Seconds, 0 for none. */
struct vip_ends {
	int64_t expire_s, shown_s;
};

/* False: not cached; pass the ticket, taken before the database is read, to vip_cache_store. */
bool vip_cache_find(
	struct ctx *c, int64_t user_id, struct state_ticket *ticket, struct vip_ends *out) MUST;
/* For five minutes (contract membership-status, note 1), unless they changed since the ticket. */
void vip_cache_store(struct ctx *c, const struct state_ticket *ticket, const struct vip_ends *ends);
/* Invalidate one user's, or with 0 all. False: they may still be cached. */
bool vip_cache_invalidate(struct ctx *c, int64_t user_id) MUST;
/*
 * In a transaction that changes a user's segments: invalidate the cached value, and let nothing
 * be cached until the transaction is certainly over, however it ends (BEHAVIOUR 50). Fails: BUSY, DB, DB_LOST.
 */
enum err vip_cache_change_tx(struct ctx *c, int64_t user_id) MUST;

#endif

/*
 * vip_cache.h - the cached ends of memberships, for vip.c: vip_status.c keeps them.
 */
#ifndef SHOP_VIP_CACHE_H
#define SHOP_VIP_CACHE_H

#include "base/ctx.h"

/*
 * In a transaction that changes a user's segments: what is cached is forgotten, and nothing
 * is cached anew until the transaction is certainly over, however it ends (BEHAVIOUR 50).
 */
void vip_cache_change(struct ctx *c, int64_t user_id);

#endif

/* SPDX-License-Identifier: MIT */
#include "shop/membership/vip_cache.h"

#include <assert.h>

#include "base/log.h"
#include "ext/db.h"

#define KEPT_MS (5 * MINUTE_MS)

static const char FAMILY[] = "vip";

static struct state_key key_of(struct ctx *c, int64_t user_id)
{
	return state_key_of(c, FAMILY, user_id);
}

bool vip_cache_find(
	struct ctx *c, int64_t user_id, struct state_ticket *ticket, struct vip_ends *out)
{
	struct slice cached;

	if (!state_get(c, key_of(c, user_id), ticket, &cached) || cached.len != sizeof(*out))
		return false;
	memcpy(out, cached.p, sizeof(*out));
	return true;
}

void vip_cache_store(struct ctx *c, const struct state_ticket *ticket, const struct vip_ends *ends)
{
	state_set(c, ticket, (struct slice){ (const char *)ends, sizeof(*ends) }, KEPT_MS);
}

bool vip_cache_invalidate(struct ctx *c, int64_t user_id)
{
	return user_id == 0 ? state_clear(c, FAMILY) : state_delete(c, key_of(c, user_id));
}

enum err vip_cache_change_tx(struct ctx *c, int64_t user_id)
{
	enum err e;

	assert(db_in_tx(c->db));
	e = state_hold(c, key_of(c, user_id), STATE_HOLD_MAX_MS);
	if (e == ERR_BUSY)
		log_line(LOG_ALARM, "vip", "a cached status could not be invalidated");
	return e;
}

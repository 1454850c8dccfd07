/* SPDX-License-Identifier: MIT */
/* vip.c - the VIP status, read often: the end is cached, shared by all processes. */
#include "shop/membership/vip.h"

#include "shop/membership/entitlement_rows.h"
#include "shop/membership/vip_cache.h"
#include "shop/people/member.h"

const struct field vip_query_fields[] = {
	INPUT(struct vip_query, member_id, 1, INT64_MAX - 1, F_REQUIRED),
	FIELD_END,
};

const struct field vip_status_fields[] = {
	FIELD(struct vip_status, member_id),
	FIELD(struct vip_status, is_vip),
	FIELD_WITH(struct vip_status, vip_expire_at, .flags = F_SECONDS | F_NULL),
	FIELD(struct vip_status, days_remaining),
	FIELD_END,
};

static enum err read_ends(struct ctx *c, int64_t user_id, struct vip_ends *out)
{
	struct state_ticket ticket;
	struct entitlement_rows v;

	if (vip_cache_find(c, user_id, &ticket, out))
		return OK;
	TRY(entitlement_read(c, user_id, &v));
	*out = (struct vip_ends){ entitlement_expire_s(&v.now), entitlement_shown_until_s(&v.now) };
	vip_cache_store(c, &ticket, out);
	return OK;
}

/* The user of a member, if the actor may see the status. */
static enum err find_user(struct ctx *c, int64_t member_id, int64_t *user_id)
{
	*user_id = c->actor.user_id;
	if (member_id == c->actor.member_id)
		return OK;
	return c->actor.administrator ? member_user(c, member_id, user_id) : ERR_FORBIDDEN;
}

enum err vip_status_of(struct ctx *c, int64_t member_id, struct vip_status *out)
{
	const int64_t now_s = ctx_now_s(c);
	struct vip_ends ends;
	int64_t user_id;

	TRY(find_user(c, member_id, &user_id));
	TRY(read_ends(c, user_id, &ends));
	*out = (struct vip_status){
		.member_id = member_id,
		.is_vip = ends.expire_s > now_s,
		.vip_expire_at.ms = ends.shown_s * SECOND_MS,
	};
	if (out->is_vip)
		out->days_remaining = (opt_i64){
			(ends.expire_s - now_s + ENTITLEMENT_DAY_S - 1) / ENTITLEMENT_DAY_S, true
		};
	return OK;
}

enum err vip_is_live(struct ctx *c, int64_t user_id, bool *live)
{
	struct entitlement_rows v;

	TRY(entitlement_read(c, user_id, &v));
	*live = entitlement_expire_s(&v.now) > ctx_now_s(c);
	return OK;
}

enum err vip_invalidate(struct ctx *c, int64_t member_id)
{
	int64_t user_id = 0;

	if (member_id != 0)
		TRY(find_user(c, member_id, &user_id));
	else if (!c->actor.administrator)
		return ERR_FORBIDDEN;
	return vip_cache_invalidate(c, user_id) ? OK : ERR_BUSY;
}

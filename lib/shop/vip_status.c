/* vip_status.c - who is a VIP, asked often: what lasts until when is cached, in no process alone. */
#include "base/log.h"
#include "ext/state.h"
#include "shop/member.h"
#include "shop/vip.h"
#include "shop/vip_cache.h"

#define KEPT_MS (5 * MINUTE_MS) /* contract membership-status, note 1 */
/* Longer than any transaction takes to end. */
#define HELD_MS (30 * SECOND_MS)

static const char FAMILY[] = "vip";

const struct field vip_query_fields[] = {
	INPUT(struct vip_query, member_id, 1, INT64_MAX - 1, 0),
	FIELD_END,
};

const struct field vip_status_fields[] = {
	FIELD(struct vip_status, member_id),
	FIELD(struct vip_status, is_vip),
	FIELD_WITH(struct vip_status, vip_expire_at, .flags = F_SECONDS),
	FIELD(struct vip_status, days_remaining),
	FIELD_END,
};

/* What is cached: nothing that passes by itself. Seconds, 0 for none. */
struct ends {
	int64_t expire_s, shown_s;
};

static struct state_key key_of(struct ctx *c, int64_t user_id)
{
	return (struct state_key){ FAMILY,
		slice_of(arena_printf(&c->arena, "%lld", (long long)user_id)) };
}

static enum err read_ends(struct ctx *c, int64_t user_id, struct ends *out)
{
	struct state_ticket ticket;
	struct slice cached;
	struct vip v;

	if (state_get(c, key_of(c, user_id), &ticket, &cached) && cached.len == sizeof(*out)) {
		memcpy(out, cached.p, sizeof(*out));
		return OK;
	}
	TRY(vip_read(c, user_id, &v));
	*out = (struct ends){ entitlement_expire_s(&v.now), entitlement_shown_until_s(&v.now) };
	state_set(c, &ticket, (struct slice){ (const char *)out, sizeof(*out) }, KEPT_MS);
	return OK;
}

void vip_cache_change(struct ctx *c, int64_t user_id)
{
	if (!state_hold(c, key_of(c, user_id), HELD_MS))
		log_line(LOG_ALARM, "vip", "a cached status could not be forgotten");
}

/* Whose status a member's is, for whoever may ask. */
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
	struct ends ends;
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

enum err vip_forget(struct ctx *c, int64_t member_id)
{
	int64_t user_id;
	bool gone;

	if (member_id == 0) {
		if (!c->actor.administrator)
			return ERR_FORBIDDEN;
		gone = state_clear(c, FAMILY);
	} else {
		TRY(find_user(c, member_id, &user_id));
		gone = state_delete(c, key_of(c, user_id));
	}
	return gone ? OK : ERR_BUSY;
}

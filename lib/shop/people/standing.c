/* SPDX-License-Identifier: MIT */
#include "shop/people/standing.h"

#include "shop/people/member.h"

#define KEPT_MS MINUTE_MS

static struct state_key key_of(struct ctx *c, int64_t user_id)
{
	return state_key_of(c, "standing", user_id);
}

static bool is_valid(const struct ctx *c, const struct standing_cached *kept, int64_t session_id)
{
	for (size_t i = 0; i < STANDING_SESSIONS; i++)
		if (kept->sessions[i].session_id == session_id)
			return kept->sessions[i].until_ms > c->now_ms;
	return false;
}

bool standing_find(struct ctx *c, const struct credential *cred, struct standing_ticket *ticket,
	struct standing *out)
{
	struct standing_cached *kept = &ticket->kept;
	struct slice value;

	*kept = (struct standing_cached){ 0 };
	if (!state_get(c, key_of(c, cred->user_id), &ticket->ticket, &value) ||
		value.len != sizeof(*kept))
		return false;
	memcpy(kept, value.p, sizeof(*kept));
	*out = (struct standing){ cred->user_id, kept->permission_level, kept->member_id,
		kept->last_active_at, kept->active_day };
	return is_valid(c, kept, cred->session_id) &&
	       !member_touch_due(c, out->last_active_at, out->active_day);
}

/* Where the session is, or is put: instead of the one that ends first. */
static size_t place_of(const struct standing_cached *kept, int64_t session_id)
{
	size_t place = 0;

	for (size_t i = 0; i < STANDING_SESSIONS; i++) {
		if (kept->sessions[i].session_id == session_id)
			return i;
		if (kept->sessions[i].until_ms < kept->sessions[place].until_ms)
			place = i;
	}
	return place;
}

void standing_store(struct ctx *c, const struct credential *cred, struct standing_ticket *ticket,
	const struct standing *row)
{
	struct standing_cached *kept = &ticket->kept;
	const size_t place = place_of(kept, cred->session_id);

	kept->permission_level = row->permission_level;
	kept->member_id = row->member_id;
	kept->last_active_at = row->last_active_at;
	kept->active_day = row->active_day;
	kept->sessions[place].session_id = cred->session_id;
	kept->sessions[place].until_ms = c->now_ms + KEPT_MS;
	state_set(c, &ticket->ticket, (struct slice){ (const char *)kept, sizeof(*kept) }, KEPT_MS);
}

enum err standing_revoke_tx(struct ctx *c, int64_t user_id)
{
	const struct state_key key = key_of(c, user_id);

	/* again after the commit: by then the shared state may have been replaced, and the hold with it */
	state_note_tx(c, key);
	return state_hold(c, key, STATE_HOLD_MAX_MS);
}

/* SPDX-License-Identifier: MIT */
/* members.c - /api/v1/member-system: members, their levels and points. */
#include "shop/books/epoch.h"
#include "shop/books/health.h"
#include "shop/loyalty/level.h"
#include "shop/loyalty/points.h"
#include "shop/loyalty/profile.h"
#include "shop/loyalty/stats.h"
#include "shop/people/member_log.h"
#include "shop/people/session.h"
#include "web/app.h"

/* ---- health ---- */

struct health {
	const char *status;
	timestamp timestamp;
	const char *database, *cache;
};

static const char *const status_words[] = { "healthy", "unhealthy", NULL };
static const char *const database_words[] = { "connected", "unreachable", "not migrated", NULL };
static const char *const cache_words[] = { "connected", "degraded", NULL };

static const struct field health_fields[] = {
	FIELD_WITH(struct health, status, .words = status_words),
	FIELD_WITH(struct health, timestamp, .flags = F_SECONDS),
	FIELD_WITH(struct health, database, .words = database_words),
	FIELD_WITH(struct health, cache, .words = cache_words),
	FIELD_END,
};

/* Without its cache the shop only takes longer. */
static enum err read_member_health(struct ctx *c, struct call *k)
{
	const enum health_database database = health_database(c);

	*(struct health *)k->answer = (struct health){
		.status = status_words[database != DATABASE_OK],
		.timestamp = { c->now_ms },
		.database = database_words[database],
		.cache = cache_words[health_state(c) == STATE_DEGRADED],
	};
	if (database != DATABASE_OK)
		k->status = 503;
	return OK;
}

/* ---- members ---- */

static enum err show(struct ctx *c, struct call *k, int64_t member_id)
{
	TRY(profile_get(c, member_id, k->answer));
	call_about(c, k, profile_tag_fields, k->answer);
	return OK;
}

static enum err read_profile(struct ctx *c, struct call *k)
{
	return show(c, k, c->actor.member_id);
}

static enum err update_profile(struct ctx *c, struct call *k)
{
	return profile_update_self(c, k->body, k->answer);
}

static enum err list_members(struct ctx *c, struct call *k)
{
	return member_list(c, k->query, k->answer);
}

static enum err read_member(struct ctx *c, struct call *k)
{
	return show(c, k, k->id);
}

static enum err update_member(struct ctx *c, struct call *k)
{
	return profile_update(c, k->id, k->body, k->answer);
}

static enum err list_member_log(struct ctx *c, struct call *k)
{
	return member_log_list(c, k->id, k->query, k->answer);
}

static enum err read_member_stats(struct ctx *c, struct call *k)
{
	return member_stats(c, k->answer);
}

/* ---- levels ---- */

static enum err list_levels(struct ctx *c, struct call *k)
{
	return level_list(c, k->answer);
}

/* ---- points ---- */

static enum err read_points(struct ctx *c, struct call *k)
{
	return points_balance(c, c->actor.member_id, k->answer);
}

static enum err earn_points(struct ctx *c, struct call *k)
{
	return points_earn(c, k->body, k->answer);
}

static enum err use_points(struct ctx *c, struct call *k)
{
	return points_use(c, k->body, k->answer);
}

static enum err list_points(struct ctx *c, struct call *k)
{
	return points_list(c, k->query, k->answer);
}

static enum err recalculate_member(struct ctx *c, struct call *k)
{
	return points_recalculate(c, k->id, k->body, k->answer);
}

static enum err upgrade_member(struct ctx *c, struct call *k)
{
	return level_upgrade(c, k->id, k->body, k->answer);
}

/* clang-format off */
#define MEMBER_SYSTEM "/api/v1/member-system"
static const struct route routes[] = {
	{ GET, MEMBER_SYSTEM "/health", ROLE_PUBLIC, RATE_NONE, DO(read_member_health),
		ROUTE_VOLATILE | ROUTE_ANONYMOUS,
		.answer = ONE(struct health, health_fields), .other_status = 503,
		.summary = "Whether the member system works" },
	{ GET, MEMBER_SYSTEM "/levels", ROLE_PUBLIC, RATE_READ, DO(list_levels),
		.answer = DATA_LIST(struct level, level_fields),
		.summary = "List the levels of members, the lowest first" },
	{ GET, MEMBER_SYSTEM "/points/balance", ROLE_USER, RATE_READ, DO(read_points),
		.answer = DATA(struct points_balance, points_balance_fields),
		.summary = "Read the user's points, and when they expire" },
	{ POST, MEMBER_SYSTEM "/points/earn", ROLE_ADMIN | ROLE_SYSTEM, RATE_WRITE, DO(earn_points), ROUTE_IDEMPOTENT,
		.body = NEW(struct points_request, points_earn_fields),
		.answer = DATA(struct points_receipt, points_earned_fields), .status = 201,
		.summary = "Give a user points, once per source" },
	{ POST, MEMBER_SYSTEM "/points/use", ROLE_USER | ROLE_SYSTEM, RATE_WRITE, DO(use_points), ROUTE_IDEMPOTENT,
		.body = NEW(struct points_request, points_use_fields),
		.answer = DATA(struct points_receipt, points_used_fields), .status = 201,
		.summary = "Use points" },
	{ GET, MEMBER_SYSTEM "/points/transactions", ROLE_USER, RATE_READ, DO(list_points),
		.query = LISTED_BY(struct points_query, points_query_fields, 20),
		.answer = DATA(struct points_page, points_page_fields),
		.summary = "List the changes of the user's points, the newest first" },
	{ POST, MEMBER_SYSTEM "/admin/recalculate/:id", ROLE_ADMIN, RATE_WRITE, DO(recalculate_member),
		.body = NEW(struct points_recalculation, points_recalculate_fields),
		.answer = DATA(struct points_recalculated, points_recalculated_fields),
		.summary = "Correct a member's kept points and level" },
	{ POST, MEMBER_SYSTEM "/levels/:id/upgrade", ROLE_ADMIN, RATE_WRITE, DO(upgrade_member),
		.body = NEW(struct upgrade_request, upgrade_request_fields),
		.answer = DATA(struct upgrade, upgrade_fields),
		.summary = "Give a member a higher level" },
	{ GET, MEMBER_SYSTEM "/profile", ROLE_USER, RATE_READ, DO(read_profile),
		.answer = DATA(struct profile, profile_fields),
		.summary = "Read the user's member" },
	{ PUT, MEMBER_SYSTEM "/profile", ROLE_USER, RATE_WRITE, DO(update_profile),
		.body = CHANGE(struct profile_change, profile_change_fields),
		.answer = DATA(struct profile, profile_fields),
		.summary = "Change the user's birthday and preferences" },
	{ GET, MEMBER_SYSTEM "/members", ROLE_ADMIN, RATE_READ, DO(list_members),
		.query = LISTED(struct member_query, member_query_fields),
		.answer = DATA_PAGE(struct member_row, member_row_fields),
		.summary = "List members" },
	{ GET, MEMBER_SYSTEM "/members/:id", ROLE_ADMIN, RATE_READ, DO(read_member),
		.answer = DATA(struct profile, profile_fields),
		.summary = "Read a member" },
	{ PUT, MEMBER_SYSTEM "/members/:id", ROLE_ADMIN, RATE_WRITE, DO(update_member),
		.body = CHANGE(struct profile_change, profile_admin_change_fields),
		.answer = DATA(struct profile, profile_fields),
		.summary = "Change a member; status 0 freezes it, 1 thaws it" },
	{ GET, MEMBER_SYSTEM "/members/:id/log", ROLE_ADMIN, RATE_READ, DO(list_member_log),
		.query = LISTED(struct member_entry_query, member_entry_query_fields),
		.answer = DATA_PAGE(struct member_entry, member_entry_fields),
		.summary = "List what was changed of a member by staff" },
	{ GET, MEMBER_SYSTEM "/stats/summary", ROLE_ADMIN, RATE_READ, DO(read_member_stats),
		.answer = DATA(struct member_stats, member_stats_fields),
		.summary = "Figures about all members" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "members",
		.routes = routes,
		.identify = session_identify,
		.epoch = &epoch_hooks };

	return app_main(argc, argv, &app);
}

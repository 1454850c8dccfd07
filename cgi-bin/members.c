/* SPDX-License-Identifier: MIT */
/* members.c - /api/v1/member-system: members, their levels and points. */
#include "shop/books/health.h"
#include "shop/loyalty/level.h"
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
		.cache = cache_words[!health_state(c)],
	};
	if (database != DATABASE_OK)
		k->status = 503;
	return OK;
}

/* ---- levels ---- */

static enum err list_levels(struct ctx *c, struct call *k)
{
	return level_list(c, k->answer);
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
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = {
		.name = "members", .routes = routes, .identify = session_identify
	};

	return app_main(argc, argv, &app);
}

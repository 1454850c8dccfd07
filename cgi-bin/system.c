/* SPDX-License-Identifier: MIT */
/*
 * system.c - liveness, readiness, and every path that no other executable owns: 404 in the
 * error shape of its family.
 */
#include "base/version.h"
#include "flow/provider_keys.h"
#include "shop/books/health.h"
#include "web/app.h"

struct health {
	const char *status, *version, *database, *provider_keys, *state;
};

static const struct field alive_fields[] = {
	FIELD(struct health, status),
	FIELD(struct health, version),
	FIELD_END,
};
static const struct field ready_fields[] = {
	FIELD(struct health, status),
	FIELD(struct health, database),
	FIELD(struct health, provider_keys),
	FIELD(struct health, state),
	FIELD_END,
};

/* Liveness: checks nothing else, so that a database failure restarts no process. */
static enum err read_health(struct ctx *c, struct call *k)
{
	(void)c;
	*(struct health *)k->answer =
		(struct health){ .status = "ok", .version = minimall_version };
	return OK;
}

/* Readiness. */
static enum err read_readiness(struct ctx *c, struct call *k)
{
	static const char *const words[] = {
		[DATABASE_OK] = "ok",
		[DATABASE_UNREACHABLE] = "unreachable",
		[DATABASE_NOT_MIGRATED] = "not migrated",
	};
	const enum health_database database = health_database(c);
	const bool keys = keys_usable(c), good = database == DATABASE_OK && keys;

	*(struct health *)k->answer = (struct health){
		.status = good ? "ready" : "not ready",
		.database = words[database],
		.provider_keys = keys ? "ok" : "missing",
		.state = !health_state(c)        ? "degraded"
			 : c->conf->shared_hosts ? "per host"
						 : "ok",
	};
	if (!good)
		k->status = 503;
	return OK;
}

/* clang-format off */
static const struct route routes[] = {
	{ GET, "/healthz", ROLE_PUBLIC, RATE_NONE, DO(read_health), ROUTE_VOLATILE,
		.answer = ONE(struct health, alive_fields),
		.summary = "Liveness" },
	{ GET, "/readyz", ROLE_PUBLIC, RATE_NONE, DO(read_readiness), ROUTE_VOLATILE,
		.answer = ONE(struct health, ready_fields), .other_status = 503,
		.summary = "Readiness" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "system", .routes = routes, .start = keys_start };

	return app_main(argc, argv, &app);
}

/* SPDX-License-Identifier: MIT */
/*
 * app.h - the main function of every executable: start-up, the request loop, and the
 * fixed order of checks before a request reaches its handler.
 */
#ifndef WEB_APP_H
#define WEB_APP_H

#include "web/auth.h"
#include "web/call.h"

struct db_limits;
struct state_epoch;

struct app {
	const char *name;
	const struct route *routes;
	identify_fn *identify;           /* NULL: no route authenticates */
	const struct state_epoch *epoch; /* of cached values (ext/state.h) */
	bool (*start)(struct ctx *c);    /* creates process-owned objects, e.g. keys; NULL: none */
	const struct db_limits *db_limits; /* NULL: the default */
	int64_t budget_ms;                 /* no retry starts after this; 0: the default of 5 s */
};

/*
 * Serve until told to stop. `--routes` prints the table, `--openapi` its OpenAPI document
 * (openapi.h), `--version` the version, `--check-config` checks the configuration; each exits.
 */
int app_main(int argc, char **argv, const struct app *app);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * app.h - the main of every executable: start-up, the request loop, and the fixed
 * order in which a request is checked before its handler sees it.
 */
#ifndef WEB_APP_H
#define WEB_APP_H

#include "web/auth.h"
#include "web/call.h"

struct db_limits;

struct app {
	const char *name;
	const struct route *routes;
	identify_fn *identify;             /* NULL: no route asks who it is */
	bool (*start)(struct ctx *c);      /* process-owned parts, e.g. keys; NULL: none */
	const struct db_limits *db_limits; /* NULL: the usual ones */
	int64_t budget_ms;                 /* no retry begins later than this; 0: the usual 5 s */
};

/*
 * Serve until told to end. `--routes` prints the table, `--openapi` what it says of each route
 * (openapi.h), `--version` which minimall it is, `--check-config` checks the configuration; each exits.
 */
int app_main(int argc, char **argv, const struct app *app);

#endif

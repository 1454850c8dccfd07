/* SPDX-License-Identifier: MIT */
#include "shop/books/health.h"

#include "ext/db.h"
#include "ext/state.h"

/* The files of schema/ at build time (Makefile): their number, and the name of the last. */
static const int64_t schema_files = SCHEMA_FILES;
static const char schema_last[] = SCHEMA_LAST;

/* a table that doesn't exist before the first migration */
static const char SQL_APPLIED[] =
	"SELECT COUNT(*) FROM schema_migrations WHERE name <= ? AND applied_at IS NOT NULL";

enum health_database health_database(struct ctx *c)
{
	int64_t applied;

	if (db_int64(c, SQL_APPLIED, ARGS(TEXT(schema_last)), &applied) != OK)
		return DATABASE_UNREACHABLE;
	return applied >= schema_files ? DATABASE_OK : DATABASE_NOT_MIGRATED;
}

enum health_state health_state(struct ctx *c)
{
	if (state_error(c) != NULL)
		return STATE_DEGRADED;
	return c->conf->shared_hosts && !state_is_shared(c) ? STATE_PER_HOST : STATE_OK;
}

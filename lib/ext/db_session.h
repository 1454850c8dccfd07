/* SPDX-License-Identifier: MIT */
/*
 * db_session.h - the settings of every connection, in one table, applied before its first use.
 * Where servers differ, the server is asked which settings it has; its version string is
 * unreliable (--version=, a proxy in between). Pure: texts in, texts out.
 */
#ifndef EXT_DB_SESSION_H
#define EXT_DB_SESSION_H

#include "base/arena.h"

struct db_limits;

/* Not set unless other hosts serve the same shop (SHARED_HOSTS). */
#define DB_SESSION_OF_HOSTS "wsrep_sync_wait"

/*
 * Three statements, in this order: set what every server has (including the row limit, which
 * could truncate the second's result); query which of the others exist, as rows of name and
 * value; set those. NULL, and *missing, when the server lacks a mandatory one.
 */
const char *db_session_first(struct arena *a, const struct db_limits *limits) MUST;
const char *db_session_ask(struct arena *a) MUST;
const char *db_session_then(
	struct arena *a, const struct db_limits *limits, uint64_t known, const char **missing) MUST;

/* A setting's bit in `known`, by its name; 0 for any other. */
uint64_t db_session_known(const char *name);

#endif

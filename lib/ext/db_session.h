/* SPDX-License-Identifier: MIT */
/*
 * db_session.h - the settings that every connection is given before it is used: one table.
 * Where servers differ, the server is asked what it has; what it calls itself counts for
 * nothing (--version=, a proxy in between). Pure: texts in, texts out.
 */
#ifndef EXT_DB_SESSION_H
#define EXT_DB_SESSION_H

#include "base/arena.h"

struct db_limits;

/* Left as the server has it unless other hosts serve the same shop (SHARED_HOSTS). */
#define DB_SESSION_OF_HOSTS "wsrep_sync_wait"

/*
 * Three statements, in this order: set what every server has (a limit of rows among it, which
 * would cut the second's answer); ask which of the others are there, as rows of name and value;
 * set those. NULL, and *missing, when the server lacks what it must not.
 */
const char *db_session_first(struct arena *a, const struct db_limits *limits) MUST;
const char *db_session_ask(struct arena *a) MUST;
const char *db_session_then(
	struct arena *a, const struct db_limits *limits, uint64_t known, const char **missing) MUST;

/* The bit in `known` of a setting by its name; 0 for any other. */
uint64_t db_session_known(const char *name);

#endif

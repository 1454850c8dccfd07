/* SPDX-License-Identifier: MIT */
/*
 * dialect.h - the error shapes of the five contracts (DESIGN.md 1, Error shapes).
 * Which one a path speaks is its longest prefix in one table; handlers never know.
 */
#ifndef WEB_DIALECT_H
#define WEB_DIALECT_H

#include "web/resp.h"

/* What an error is on the wire. */
struct wire_error {
	int status;
	const char *code; /* as the dialect names it */
	const char *
		cause; /* of err.def; told as well where the dialect names a whole class by one code */
	const char *text; /* names the fault, if there is one */
};

/* Replace the answer by error e for this path. */
struct wire_error dialect_error(
	struct ctx *c, const char *path, enum err e, const char *request_id, struct resp *w);

#endif

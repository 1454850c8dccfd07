/* SPDX-License-Identifier: MIT */
/*
 * dialect.h - the error shapes of the five contracts (DESIGN.md 1, Error shapes).
 * A path's longest prefix in one table selects it; handlers don't know.
 */
#ifndef WEB_DIALECT_H
#define WEB_DIALECT_H

#include "web/resp.h"

/* An error on the wire. */
struct wire_error {
	int status;
	bool success;        /* false, in the shapes that say so */
	const char *verdict; /* "FAIL", to WeChat */
	const char *code;    /* the dialect's code */
	const char *cause; /* of err.def, where the dialect names a whole class by one code; NULL */
	const char *text;  /* names the field, if there is one */
	const char *field, *request_id;
	timestamp retry_at; /* until when it is certain to last; 0: unknown */
	opt_i64 max;        /* the most that the field may be, where an error says so */
};

struct dialect {
	const char *name;           /* "Shop", as docs/openapi.json calls its errors */
	const struct field *fields; /* of struct wire_error; NULL: not JSON */
	bool tokenless;             /* a provider's: a token is not what it lacks */
};

const struct dialect *dialect_of(const char *path);
/* An error in general: without field and request. */
struct wire_error dialect_wire(const struct dialect *d, enum err e);

/* Replace the response by error e in this path's dialect. */
struct wire_error dialect_error(
	struct ctx *c, const char *path, enum err e, const char *request_id, struct resp *w);

#endif

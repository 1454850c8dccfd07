/* SPDX-License-Identifier: MIT */
/*
 * schema.h - JSON Schema (2020-12) of field tables, for docs/openapi.json: of what ext/json.c and
 * req.c take by them, and of what ext/json.c writes.
 */
#ifndef WEB_SCHEMA_H
#define WEB_SCHEMA_H

#include "base/field.h"
#include "base/str.h"

enum schema_use {
	SCHEMA_OUT,    /* what is answered: nothing else is in it */
	SCHEMA_NEW,    /* what is taken, F_REQUIRED members first of all */
	SCHEMA_CHANGE, /* what is taken where each member may be missing */
};

/* Of one member; and without the braces. */
void schema_field(struct str *s, const char *name, const struct field *f, enum schema_use use);
void schema_keywords(struct str *s, const struct field *f, enum schema_use use);
/* Of an object. */
void schema_object(
	struct str *s, const char *name, const struct field *fields, enum schema_use use);

/* "$ref": "#/components/KIND/TO" */
void schema_ref(struct str *s, const char *name, const char *kind, const char *to);

#endif

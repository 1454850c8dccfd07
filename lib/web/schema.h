/* SPDX-License-Identifier: MIT */
/*
 * schema.h - JSON Schema (2020-12) of field tables, for docs/openapi.json: of what ext/json.c and
 * req.c accept by them, and of what ext/json.c writes.
 */
#ifndef WEB_SCHEMA_H
#define WEB_SCHEMA_H

#include "base/field.h"
#include "base/str.h"

enum schema_use {
	SCHEMA_OUT,    /* output: no additional members */
	SCHEMA_NEW,    /* input, with F_REQUIRED members mandatory */
	SCHEMA_CHANGE, /* input with all members optional */
};

/* The schema of one member; and without the braces. */
void schema_field(struct str *s, const char *name, const struct field *f, enum schema_use use);
void schema_keywords(struct str *s, const struct field *f, enum schema_use use);
/* The schema of an object. */
void schema_object(
	struct str *s, const char *name, const struct field *fields, enum schema_use use);

/* "$ref": "#/components/KIND/TO" */
void schema_ref(struct str *s, const char *name, const char *kind, const char *to);

#endif

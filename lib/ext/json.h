/* SPDX-License-Identifier: MIT */
/*
 * json.h - JSON by field tables (base/field.h): request and response bodies.
 * Parsing is json-c's, behind base/json_scan.h; writing is ours, straight into a str.
 */
#ifndef EXT_JSON_H
#define EXT_JSON_H

#include "base/ctx.h"
#include "base/field.h"
#include "base/str.h"

enum json_mode {
	JSON_MAKE,   /* F_REQUIRED members must be present */
	JSON_CHANGE, /* every member is optional */
};

/* Is this exactly one JSON text? Fails: MALFORMED naming the place, if known. */
enum err json_check(struct ctx *c, struct slice text) MUST;

/*
 * Read an object into *out, a struct that begins with `uint64_t has`. Members
 * without F_IN and unknown ones are ignored. Memory: the arena.
 * Fails: MALFORMED (not strict JSON, not an object), INVALID naming the field.
 */
enum err json_read(struct ctx *c, struct slice text, const struct field *fields,
	enum json_mode mode, void *out) MUST;
/* The same for a text that json_check() accepted, or an empty one. */
enum err json_read_checked(struct ctx *c, struct slice text, const struct field *fields,
	enum json_mode mode, void *out) MUST;

/* Write one object, or an array of n rows of `size` bytes. */
void json_write(struct str *w, const struct field *fields, const void *row);
void json_write_rows(
	struct str *w, const struct field *fields, const void *rows, size_t size, int64_t n);

/* Read one value from text, as in a query parameter: same limits, same errors. */
enum err field_from_text(struct ctx *c, const struct field *f, const char *text, void *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * vectors.h - the known-answer files of tests/unit/data (or TEST_DATA), and small
 * helpers shared by several test programs.
 */
#ifndef UNIT_VECTORS_H
#define UNIT_VECTORS_H

#include <assert.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

static inline FILE *data_open(const char *name)
{
	const char *dir = getenv("TEST_DATA");
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : "tests/unit/data", name);
	file = fopen(path, "re");
	if (file == NULL) {
		fprintf(stderr, "%s can't be opened\n", path);
		abort();
	}
	return file;
}

static inline struct slice data_text(struct arena *a, const char *name)
{
	const size_t max = 64 << 10;
	FILE *file = data_open(name);
	char *text = arena_alloc(a, max);
	size_t len = fread(text, 1, max, file);

	fclose(file);
	assert(len > 0 && len < max);
	return (struct slice){ text, len };
}

/* A JSON file of vectors; release it with json_object_put. */
static inline struct json_object *data_json(const char *name)
{
	struct arena a = { 0 };
	struct json_object *o = json_tokener_parse(data_text(&a, name).p);

	arena_done(&a);
	assert(o != NULL);
	return o;
}

/* The text at a JSON pointer, borrowed from the file. */
static inline const char *text_at(struct json_object *o, const char *pointer)
{
	struct json_object *v = NULL;

	if (json_pointer_get(o, pointer, &v) != 0) {
		fprintf(stderr, "no %s in the vectors\n", pointer);
		abort();
	}
	return json_object_get_string(v);
}

static inline struct slice slice_at(struct json_object *o, const char *pointer)
{
	return slice_of(text_at(o, pointer));
}

/* The bytes of hexadecimal digits. */
static inline struct slice unhex(struct arena *a, const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *out = arena_alloc(a, n + 1);

	for (size_t i = 0; i < n; i++) {
		unsigned byte;

		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			abort();
		out[i] = (char)(unsigned char)byte;
	}
	return (struct slice){ out, n };
}

#endif

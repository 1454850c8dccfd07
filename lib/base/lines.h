/* SPDX-License-Identifier: MIT */
/* lines.h - the lines of a text that arrives in pieces. */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include "base/str.h"

/* A line without its LF or CRLF, NUL-terminated; it may be changed, and lasts until the return. */
typedef enum err line_fn(void *arg, char *line, size_t len);

struct lines {
	char *buf; /* of max + 1 bytes */
	size_t len, max;
	bool overflow; /* a line was longer than max */
	line_fn *each;
	void *arg;
};

struct lines lines_new(struct arena *a, size_t max, line_fn *each, void *arg);
/* What `each` returned, or INTERNAL for a line that is too long: then nothing more may be added. */
enum err lines_add(struct lines *l, const char *bytes, size_t n) MUST;
/* The rest after the last LF, if there is any. */
enum err lines_end(struct lines *l) MUST;

#endif

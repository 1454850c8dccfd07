/* SPDX-License-Identifier: MIT */
/*
 * spool.h - a temporary file for what is too large for the memory: without a name, so that nobody else
 * opens it and nothing is left of it, and bounded in size.
 */
#ifndef BASE_SPOOL_H
#define BASE_SPOOL_H

#include "base/base.h"

struct spool {
	int fd; /* -1: not open */
	int64_t size, max;
	bool overflow; /* an addition would have exceeded max */
};

/* In TMPDIR, by default /var/tmp, which unlike /tmp is not in memory. False, after a line in the log: not possible. */
bool spool_open(struct spool *s, int64_t max) MUST;
/* False: beyond its maximum, or, after a line in the log, it can't be written. */
bool spool_add(struct spool *s, const void *bytes, size_t n) MUST;
/* Up to n bytes from `at`: how many; 0 at the end, -1 (logged) when it can't be read. */
int64_t spool_read(const struct spool *s, int64_t at, void *bytes, size_t n) MUST;
void spool_close(struct spool *s);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that lives as long as one request.
 *
 * Nothing is freed singly: a request's allocations end together. The arena
 * grows in blocks up to ARENA_MAX. Whatever would pass it leaves `exhausted`
 * set, and this one request fails: no statement, COMMIT or call is made any
 * more, and the frame answers 500 with an alarm (BEHAVIOUR 63).
 *   - A size that comes from rows, files or input is asked for with arena_try,
 *     which refuses, as str.h and the database's rows do.
 *   - arena_alloc is for what the code itself bounds: it never refuses, so that
 *     nobody checks for NULL, and takes a reserve once ARENA_MAX is reached.
 *     To use that up as well takes a loop without end: abort().
 * Under AddressSanitizer each allocation is a malloc of its own, so that
 * overruns and use after reset are seen.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/base.h"

#define ARENA_MAX     ((size_t)64 << 20)
#define ARENA_RESERVE ((size_t)16 << 20)

struct arena_block;

struct arena {
	struct arena_block *top;
	size_t used;    /* bytes handed out since the last reset */
	bool exhausted; /* something would have passed ARENA_MAX since the last reset */
};

struct arena_mark {
	struct arena_block *top;
	size_t block_used, used;
	bool exhausted;
};

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size) MUST __attribute__((returns_nonnull));
/* n elements of size, both bounded by the code; aborts when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size) MUST __attribute__((returns_nonnull));
/* n elements of size, whoever chose them. NULL, and a->exhausted, when they have no room. */
void *arena_try(struct arena *a, size_t n, size_t size) MUST;
char *arena_dup(struct arena *a, const char *s, size_t len) MUST __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) MUST PRINTF_LIKE(2, 3);

/* What was allocated after the mark is gone after the rewind, and so is its failing. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);
/* Forget everything; one block is kept for the next request. */
void arena_reset(struct arena *a);
/* Give everything back to the system. */
void arena_done(struct arena *a);

#endif

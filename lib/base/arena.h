/* SPDX-License-Identifier: MIT */
/*
 * arena.h - memory that lives as long as one request.
 *
 * Nothing is freed individually: all of a request's allocations end together.
 * The arena grows in blocks up to ARENA_MAX. An allocation beyond that sets
 * `exhausted`, and the request fails: no further statement, COMMIT or call is
 * made, and the frame answers 500 with an alarm (BEHAVIOUR 63).
 *   - Sizes that come from rows, files or input are allocated with arena_try,
 *     which may return NULL, as str.h and the database's rows do.
 *   - arena_alloc is for sizes that the code itself bounds: it never fails, so
 *     callers don't check for NULL, and uses a reserve once ARENA_MAX is
 *     reached. Only an endless loop can exhaust that too: abort().
 * Under AddressSanitizer each allocation is a separate malloc, so that
 * overruns and use after reset are detected.
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
	size_t used;    /* bytes allocated since the last reset */
	bool exhausted; /* an allocation since the last reset would have exceeded ARENA_MAX */
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
/* n elements of size, unbounded by the code. NULL, and a->exhausted, when there is no room. */
void *arena_try(struct arena *a, size_t n, size_t size) MUST;
char *arena_dup(struct arena *a, const char *s, size_t len) MUST __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) MUST PRINTF_LIKE(2, 3);

/* A rewind frees what was allocated after the mark and restores `exhausted`. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);
/* Free everything but one block, which is kept for the next request. */
void arena_reset(struct arena *a);
/* Return everything to the system. */
void arena_done(struct arena *a);

#endif

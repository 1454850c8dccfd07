/*
 * arena.h - memory that lives as long as one request.
 *
 * Nothing is freed singly: a request's allocations end together. The arena
 * grows in blocks up to ARENA_MAX and aborts beyond it; no request can reach
 * the cap, because bodies and row counts are limited (HACKING.md, Memory), so
 * callers never check for NULL. Under AddressSanitizer each allocation is a
 * malloc of its own, so that overruns and use after reset are seen.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/base.h"

#define ARENA_MAX ((size_t)64 << 20)

struct arena_block;

struct arena {
	struct arena_block *top;
	size_t used; /* bytes handed out since the last reset */
};

struct arena_mark {
	struct arena_block *top;
	size_t block_used, used;
};

/* Zeroed memory, aligned for any type. */
void *arena_alloc(struct arena *a, size_t size) MUST __attribute__((returns_nonnull));
/* n elements of size; aborts when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size) MUST __attribute__((returns_nonnull));
char *arena_dup(struct arena *a, const char *s, size_t len) MUST __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) MUST PRINTF_LIKE(2, 3);

/* What was allocated after the mark is gone after the rewind. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);
/* Forget everything; one block is kept for the next request. */
void arena_reset(struct arena *a);
/* Give everything back to the system. */
void arena_done(struct arena *a);

#endif

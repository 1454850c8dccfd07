/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)64 << 10)

struct arena_block {
	struct arena_block *below;
	size_t used, size;
	alignas(max_align_t) char data[];
};

#if defined(__SANITIZE_ADDRESS__)
static const bool one_block_each = true;
#else
static const bool one_block_each = false;
#endif

/* False when out of memory. */
static bool push_block(struct arena *a, size_t size)
{
	struct arena_block *b = malloc(sizeof(*b) + size);

	if (b == NULL)
		return false;
	b->below = a->top;
	b->used = 0;
	b->size = size;
	a->top = b;
	return true;
}

static void pop_block(struct arena *a)
{
	struct arena_block *b = a->top;

	a->top = b->below;
	free(b);
}

/* What an allocation counts against the limits. */
static size_t room_of(size_t size)
{
	const size_t align = alignof(max_align_t);

	return size == 0 ? align : (size + align - 1) / align * align;
}

/* Is there room for size (at most SIZE_MAX / 2) below max? */
static bool fits(const struct arena *a, size_t size, size_t max)
{
	return a->used <= max && room_of(size) <= max - a->used;
}

/* Zeroed memory of a size within the limits; NULL when out of memory. */
static void *take(struct arena *a, size_t size)
{
	const size_t need = room_of(size);
	bool got = true;
	char *p;

	if (one_block_each)
		got = push_block(a, size); /* exact, so that an overrun by one byte is detected */
	else if (a->top == NULL || a->top->size - a->top->used < need)
		got = push_block(a, need > BLOCK_SIZE ? need : BLOCK_SIZE);
	if (!got)
		return NULL;
	p = a->top->data + a->top->used;
	a->top->used += one_block_each ? size : need;
	a->used += need;
	return memset(p, 0, size);
}

void *arena_alloc(struct arena *a, size_t size)
{
	void *p;

	if (size > ARENA_MAX || !fits(a, size, ARENA_MAX + ARENA_RESERVE))
		abort();
	if (!fits(a, size, ARENA_MAX))
		a->exhausted = true;
	p = take(a, size);
	if (p == NULL)
		abort();
	return p;
}

void *arena_try(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	void *p = NULL;

	if (!__builtin_mul_overflow(n, size, &bytes) && bytes <= ARENA_MAX &&
		fits(a, bytes, ARENA_MAX))
		p = take(a, bytes);
	if (p == NULL)
		a->exhausted = true;
	return p;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		abort();
	return arena_alloc(a, bytes);
}

char *arena_dup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	if (len > 0)
		memcpy(p, s, len);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int len;

	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	assert(len >= 0);
	p = arena_alloc(a, (size_t)len + 1);
	vsnprintf(p, (size_t)len + 1, fmt, again);
	va_end(again);
	return p;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->top, a->top ? a->top->used : 0, a->used, a->exhausted };
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	while (a->top != mark.top)
		pop_block(a);
	if (a->top != NULL)
		a->top->used = mark.block_used;
	a->used = mark.used;
	a->exhausted = mark.exhausted;
}

void arena_reset(struct arena *a)
{
	while (a->top != NULL &&
		(one_block_each || a->top->below != NULL || a->top->size > BLOCK_SIZE))
		pop_block(a);
	if (a->top != NULL)
		a->top->used = 0;
	a->used = 0;
	a->exhausted = false;
}

void arena_done(struct arena *a)
{
	while (a->top != NULL)
		pop_block(a);
	a->used = 0;
	a->exhausted = false;
}

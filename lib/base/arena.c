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

static void push_block(struct arena *a, size_t size)
{
	struct arena_block *b = malloc(sizeof(*b) + size);

	if (b == NULL)
		abort();
	b->below = a->top;
	b->used = 0;
	b->size = size;
	a->top = b;
}

static void pop_block(struct arena *a)
{
	struct arena_block *b = a->top;

	a->top = b->below;
	free(b);
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	size_t need;
	char *p;

	if (size > ARENA_MAX)
		abort();
	need = size == 0 ? align : (size + align - 1) / align * align;
	if (a->used + need > ARENA_MAX)
		abort();
	if (one_block_each)
		push_block(a, size); /* exact, so that one byte too far is seen */
	else if (a->top == NULL || a->top->size - a->top->used < need)
		push_block(a, need > BLOCK_SIZE ? need : BLOCK_SIZE);
	p = a->top->data + a->top->used;
	a->top->used += one_block_each ? size : need;
	a->used += need;
	return memset(p, 0, size);
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
	return (struct arena_mark){ a->top, a->top ? a->top->used : 0, a->used };
}

void arena_rewind(struct arena *a, struct arena_mark mark)
{
	while (a->top != mark.top)
		pop_block(a);
	if (a->top != NULL)
		a->top->used = mark.block_used;
	a->used = mark.used;
}

void arena_reset(struct arena *a)
{
	while (a->top != NULL &&
		(one_block_each || a->top->below != NULL || a->top->size > BLOCK_SIZE))
		pop_block(a);
	if (a->top != NULL)
		a->top->used = 0;
	a->used = 0;
}

void arena_done(struct arena *a)
{
	while (a->top != NULL)
		pop_block(a);
	a->used = 0;
}

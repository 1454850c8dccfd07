/* SPDX-License-Identifier: MIT */
#include "base/lines.h"

struct lines lines_new(struct arena *a, size_t max, line_fn *each, void *arg)
{
	return (struct lines){
		.buf = arena_alloc(a, max + 1), .max = max, .each = each, .arg = arg
	};
}

static enum err keep(struct lines *l, const char *bytes, size_t n)
{
	if (n > l->max - l->len) {
		l->overflow = true;
		return ERR_INTERNAL;
	}
	memcpy(l->buf + l->len, bytes, n);
	l->len += n;
	return OK;
}

static enum err give(struct lines *l)
{
	size_t len = l->len;

	l->len = 0;
	if (len > 0 && l->buf[len - 1] == '\r')
		len--;
	l->buf[len] = '\0';
	return l->each(l->arg, l->buf, len);
}

enum err lines_add(struct lines *l, const char *bytes, size_t n)
{
	for (const char *end; n > 0 && (end = memchr(bytes, '\n', n)) != NULL;) {
		const size_t len = (size_t)(end - bytes);

		TRY(keep(l, bytes, len));
		TRY(give(l));
		bytes += len + 1;
		n -= len + 1;
	}
	return n > 0 ? keep(l, bytes, n) : OK;
}

enum err lines_end(struct lines *l)
{
	return l->len > 0 ? give(l) : OK;
}

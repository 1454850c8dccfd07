/* SPDX-License-Identifier: MIT */
/* gzip.h - packs texts for the tests of what unpacks them. */
#ifndef UNIT_GZIP_H
#define UNIT_GZIP_H

#include <stdlib.h>
#include <zlib.h>

#include "base/spool.h"
#include "base/str.h"

static inline struct slice gzipped(struct arena *a, struct slice text)
{
	z_stream z = { 0 };
	const size_t size = text.len + text.len / 100 + 1024;
	unsigned char *out = arena_alloc(a, size);

	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (unsigned char *)(uintptr_t)text.p;
	z.avail_in = (unsigned int)text.len;
	z.next_out = out;
	z.avail_out = (unsigned int)size;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return (struct slice){ (const char *)out, z.total_out };
}

static inline struct spool spooled(struct slice bytes)
{
	struct spool s;

	if (!spool_open(&s, INT64_C(1) << 30) || !spool_add(&s, bytes.p, bytes.len))
		abort();
	return s;
}

#endif

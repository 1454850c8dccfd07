/* SPDX-License-Identifier: MIT */
/* pack.h - packs texts for the tests of what unpacks them. */
#ifndef UNIT_PACK_H
#define UNIT_PACK_H

#include <stdlib.h>
#include <zip.h>
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

/* An archive of these texts. */
static inline struct slice zipped(struct arena *a, const struct slice *texts, size_t n)
{
	zip_source_t *out = zip_source_buffer_create(NULL, 0, 0, NULL);
	zip_t *zip = zip_open_from_source(out, ZIP_TRUNCATE, NULL);
	zip_stat_t st;
	char *bytes;

	if (zip == NULL)
		abort();
	zip_source_keep(out);
	for (size_t i = 0; i < n; i++) {
		zip_source_t *text = zip_source_buffer(zip, texts[i].p, texts[i].len, 0);

		if (zip_file_add(zip, arena_printf(a, "%zu.csv", i), text, 0) < 0)
			abort();
	}
	if (zip_close(zip) != 0 || zip_source_stat(out, &st) != 0 || zip_source_open(out) != 0)
		abort();
	bytes = arena_alloc(a, st.size);
	if (zip_source_read(out, bytes, st.size) != (zip_int64_t)st.size)
		abort();
	zip_source_close(out);
	zip_source_free(out);
	return (struct slice){ bytes, st.size };
}

static inline struct spool spooled(struct slice bytes)
{
	struct spool s;

	if (!spool_open(&s, INT64_C(1) << 30) || !spool_add(&s, bytes.p, bytes.len))
		abort();
	return s;
}

#endif

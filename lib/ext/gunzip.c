/* SPDX-License-Identifier: MIT */
/* gunzip.c - the only user of zlib. */
#include <zlib.h>

#include "ext/unpack.h"

enum { IN_BYTES = 16 << 10, OUT_BYTES = 64 << 10 };
/* the largest window, and a gzip header */
enum { GZIP_WINDOW = 15 + 16 };

struct gunzip {
	z_stream z;
	int64_t read, given;
	bool ended; /* a member is complete, and no other has begun */
	const struct unpack_limits *limits;
	unpack_fn *each;
	void *arg;
	const char **fault;
};

static enum err refuse(struct gunzip *g, const char *why)
{
	*g->fault = why;
	return ERR_INTERNAL;
}

static enum err give(struct gunzip *g, const unsigned char *bytes, size_t n)
{
	const struct unpack_limits *limits = g->limits;
	const int64_t read = g->read - (int64_t)g->z.avail_in;

	g->given += (int64_t)n;
	if (g->given > limits->size_max)
		return refuse(g, "too large");
	if (g->given > UNPACK_FREE && g->given / limits->ratio_max > read)
		return refuse(g, "packed too tightly");
	return n > 0 ? g->each(g->arg, (const char *)bytes, n) : OK;
}

/* A file may have several members, one after the other. */
static enum err next_member(struct gunzip *g)
{
	g->ended = false;
	return inflateReset(&g->z) == Z_OK ? OK : refuse(g, "damaged");
}

static enum err inflate_all(struct gunzip *g)
{
	unsigned char out[OUT_BYTES];
	int rc;

	do {
		if (g->ended)
			TRY(next_member(g));
		g->z.next_out = out;
		g->z.avail_out = sizeof(out);
		rc = inflate(&g->z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return refuse(g, "damaged");
		g->ended = rc == Z_STREAM_END;
		TRY(give(g, out, sizeof(out) - g->z.avail_out));
	} while (g->z.avail_in > 0 || (g->z.avail_out == 0 && !g->ended));
	return OK;
}

static enum err read_all(struct gunzip *g, const struct spool *file)
{
	unsigned char in[IN_BYTES];
	int64_t n;

	for (;;) {
		n = spool_read(file, g->read, in, sizeof(in));
		if (n < 0)
			return ERR_INTERNAL;
		if (n == 0)
			return g->ended ? OK : refuse(g, "truncated");
		g->read += n;
		g->z.next_in = in;
		g->z.avail_in = (unsigned int)n;
		TRY(inflate_all(g));
	}
}

enum err gunzip(const struct spool *file, const struct unpack_limits *limits, unpack_fn *each,
	void *arg, const char **fault)
{
	struct gunzip g = { .limits = limits, .each = each, .arg = arg, .fault = fault };
	enum err e;

	*fault = NULL;
	if (inflateInit2(&g.z, GZIP_WINDOW) != Z_OK)
		return ERR_INTERNAL;
	e = read_all(&g, file);
	inflateEnd(&g.z);
	return e;
}

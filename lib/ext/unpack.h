/* SPDX-License-Identifier: MIT */
/*
 * unpack.h - reads compressed files that a stranger may have made, piece by piece: gunzip.c is the only user
 * of zlib, unzip.c of libzip.
 *
 * What is unpacked is bounded, and so is its ratio to what is packed: neither memory nor time is spent on a
 * file that was made to exhaust them.
 */
#ifndef EXT_UNPACK_H
#define EXT_UNPACK_H

#include "base/spool.h"

struct unpack_limits {
	int64_t size_max;  /* of all that is unpacked, in bytes */
	int64_t ratio_max; /* of it to what was read so far; only beyond UNPACK_FREE */
};
/* Below this no ratio counts: little text may well be very compressible. */
#define UNPACK_FREE INT64_C(1 << 20)

/* The next bytes. Anything but OK ends the unpacking. */
typedef enum err unpack_fn(void *arg, const char *bytes, size_t n);

/*
 * Unpack a gzip file. Whatever comes before a fault is given too. What `each` returned; INTERNAL with *fault:
 * why the file is not accepted ("truncated"); INTERNAL with *fault NULL: it can't be read (logged).
 */
enum err gunzip(const struct spool *file, const struct unpack_limits *limits, unpack_fn *each,
	void *arg, const char **fault) MUST;
/* What gets the files of an archive. */
struct unzip_to {
	enum err (*begin)(void *arg); /* another file begins */
	unpack_fn *each;
	void *arg;
};
/* Unpack all files of a zip archive, at most 16; otherwise as gunzip. */
typedef enum err unzip_fn(const struct spool *file, const struct unpack_limits *limits,
	const struct unzip_to *to, const char **fault);
/* Whoever uses this links libzip: the command does, and gives it to what needs it (ctx.unzip). */
extern unzip_fn *const unzip_library;

#endif

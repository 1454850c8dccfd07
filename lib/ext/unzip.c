/* SPDX-License-Identifier: MIT */
/* unzip.c - the only user of libzip. */
#include <unistd.h>
#include <zip.h>

#include "ext/unpack.h"

enum { OUT_BYTES = 64 << 10, FILES_MAX = 16 };

struct unzip {
	zip_t *zip;
	int64_t given;
	const struct unpack_limits *limits;
	const struct unzip_to *to;
	const char **fault;
};

static enum err refuse(struct unzip *u, const char *why)
{
	*u->fault = why;
	return ERR_INTERNAL;
}

static void archive_done(zip_t **zip)
{
	if (*zip != NULL)
		zip_discard(*zip);
}

static void file_done(zip_file_t **file)
{
	if (*file != NULL)
		zip_fclose(*file);
}

/* What can't be relied on to be as small as it says, or is not readable at all. */
static const char *objection(const zip_stat_t *st)
{
	const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD |
				    ZIP_STAT_ENCRYPTION_METHOD;

	if ((st->valid & wanted) != wanted)
		return "damaged";
	if (st->encryption_method != ZIP_EM_NONE)
		return "encrypted";
	if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
		return "packed by an unusual method";
	return NULL;
}

/* The sizes that are declared are not relied on. */
static enum err count(struct unzip *u, int64_t of_this, zip_uint64_t packed)
{
	if (u->given > u->limits->size_max)
		return refuse(u, "too large");
	if (of_this > UNPACK_FREE && (zip_uint64_t)(of_this / u->limits->ratio_max) > packed)
		return refuse(u, "packed too tightly");
	return OK;
}

static enum err read_file(struct unzip *u, zip_file_t *file, const zip_stat_t *st)
{
	char out[OUT_BYTES];
	int64_t of_this = 0;
	zip_int64_t n;

	while ((n = zip_fread(file, out, sizeof(out))) > 0) {
		of_this += n;
		u->given += n;
		TRY(count(u, of_this, st->comp_size));
		TRY(u->to->each(u->to->arg, out, (size_t)n));
	}
	/* the checksum is compared at the end */
	return n == 0 && (zip_uint64_t)of_this == st->size ? OK : refuse(u, "damaged");
}

static enum err read_entry(struct unzip *u, zip_uint64_t i)
{
	AUTO(file_done) zip_file_t *file = NULL;
	const char *why;
	zip_stat_t st;

	zip_stat_init(&st);
	if (zip_stat_index(u->zip, i, 0, &st) != 0)
		return refuse(u, "damaged");
	why = objection(&st);
	if (why != NULL)
		return refuse(u, why);
	file = zip_fopen_index(u->zip, i, 0);
	if (file == NULL)
		return refuse(u, "damaged");
	TRY(u->to->begin(u->to->arg));
	return read_file(u, file, &st);
}

static enum err unzip(const struct spool *file, const struct unpack_limits *limits,
	const struct unzip_to *to, const char **fault)
{
	AUTO(archive_done) zip_t *zip = NULL;
	struct unzip u = { .limits = limits, .to = to, .fault = fault };
	zip_int64_t files;
	const int fd = dup(file->fd); /* libzip closes it */
	int why;

	*fault = NULL;
	if (fd < 0)
		return ERR_INTERNAL;
	zip = zip_fdopen(fd, ZIP_CHECKCONS, &why);
	if (zip == NULL) {
		close(fd);
		return refuse(&u, "damaged");
	}
	u.zip = zip;
	files = zip_get_num_entries(zip, 0);
	if (files > FILES_MAX)
		return refuse(&u, "of too many files");
	for (zip_int64_t i = 0; i < files; i++)
		TRY(read_entry(&u, (zip_uint64_t)i));
	return OK;
}

unzip_fn *const unzip_library = unzip;

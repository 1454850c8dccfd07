/* SPDX-License-Identifier: MIT */
/* Compressed files of others. The first letter says of which kind: gzip ('g') or zip ('z'). */
#include "ext/unpack.h"
#include "ext/db.h"
#include "fuzz.h"

/* stub of ext/db.c, for the objects that come along */
bool db_in_tx(const struct db *db)
{
	(void)db;
	return false;
}

enum { SIZE_MAX_BYTES = 4 << 20, RATIO_MAX = 200 };

static int64_t given;

static enum err take(void *arg, const char *bytes, size_t n)
{
	(void)arg;
	HOLDS(n > 0 && bytes[0] - bytes[0] == 0 && bytes[n - 1] - bytes[n - 1] == 0);
	given += (int64_t)n;
	return OK;
}

static enum err begin(void *arg)
{
	(void)arg;
	return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct unpack_limits limits = { SIZE_MAX_BYTES, RATIO_MAX };
	const struct unzip_to to = { begin, take, NULL };
	const char *fault = NULL;
	struct spool file;
	enum err e = OK;

	if (size == 0 || !spool_open(&file, (int64_t)size))
		return 0;
	HOLDS(spool_add(&file, data + 1, size - 1));
	given = 0;
	if (data[0] == 'g')
		e = gunzip(&file, &limits, take, NULL, &fault);
	else if (data[0] == 'z')
		e = unzip_library(&file, &limits, &to, &fault);
	HOLDS(given <= SIZE_MAX_BYTES && (e == OK) == (fault == NULL));
	spool_close(&file);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum { NAME_MAX_LEN = 4096 };

static bool failed(const char *what)
{
	log_line(LOG_ERROR, "file", "a temporary file can't be %s: %s", what, strerror(errno));
	return false;
}

bool spool_open(struct spool *s, int64_t max)
{
	const char *dir = getenv("TMPDIR");
	char name[NAME_MAX_LEN];
	int len;

	*s = (struct spool){ .fd = -1, .max = max };
	len = snprintf(name, sizeof(name), "%s/minimall.XXXXXX",
		dir != NULL && dir[0] == '/' ? dir : "/var/tmp");
	if (len < 0 || (size_t)len >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return failed("made");
	}
	s->fd = mkostemp(name, O_CLOEXEC);
	if (s->fd < 0)
		return failed("made");
	if (unlink(name) != 0) {
		spool_close(s);
		return failed("made nameless");
	}
	return true;
}

bool spool_add(struct spool *s, const void *bytes, size_t n)
{
	const char *p = bytes;

	if ((uint64_t)n > (uint64_t)(s->max - s->size)) {
		s->overflow = true;
		return false;
	}
	while (n > 0) {
		const ssize_t wrote = pwrite(s->fd, p, n, s->size);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return failed("written");
		p += wrote;
		n -= (size_t)wrote;
		s->size += wrote;
	}
	return true;
}

int64_t spool_read(const struct spool *s, int64_t at, void *bytes, size_t n)
{
	ssize_t got;

	do
		got = pread(s->fd, bytes, n, at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		(void)failed("read");
	return got;
}

void spool_close(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

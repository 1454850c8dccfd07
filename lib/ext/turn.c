/* SPDX-License-Identifier: MIT */
#include "ext/turn.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "ext/state_home.h"

bool turn_take(const struct conf *conf, const char *name, struct turn *t)
{
	char dir[STATE_DIR_MAX];
	const char *why;
	int place;

	state_dir(conf, dir);
	place = state_dir_open(dir, &why);
	t->fd = why == NULL ? openat(place, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)
			    : -1;
	if (place >= 0)
		close(place);
	if (t->fd < 0 || flock(t->fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	turn_end(t);
	return false;
}

void turn_end(struct turn *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

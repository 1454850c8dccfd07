/* SPDX-License-Identifier: MIT */
/*
 * turn.h - what one process of a host does at a time. Whoever has the turn holds the lock of a file in the directory of
 * the shared state (state_home.h), which the kernel releases with the process. Nobody waits for it.
 */
#ifndef EXT_TURN_H
#define EXT_TURN_H

#include "base/conf.h"

struct turn {
	int fd;
};

/* name: the file's. False: another process has it. Without a directory it is everybody's turn. */
bool turn_take(const struct conf *conf, const char *name, struct turn *t) MUST;
void turn_end(struct turn *t);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * new_password.h - the hash of a new password, made by programs that do other work too (signing in: session.h).
 *
 * Hashing keeps a process busy for long, and a web server can't route by method: so that other requests to such a
 * program are answered meanwhile, one process of a host hashes at a time (ext/turn.h). Others refuse at once: BUSY.
 */
#ifndef SHOP_PEOPLE_NEW_PASSWORD_H
#define SHOP_PEOPLE_NEW_PASSWORD_H

#include "base/ctx.h"

/* Fails: BUSY. */
enum err new_password(struct ctx *c, const char *password, const char **hash) MUST;

/* A change by someone who says the old one. */
struct password_change {
	const char *account; /* what throttle.h counts by */
	const char *address; /* the client's, NULL if unknown */
	const char *old_hash, *old, *new;
};
/* Wrong old ones count as wrong sign-ins do (BEHAVIOUR 9). Fails: BUSY, RATE_LIMITED, PASSWORD_WRONG. */
enum err new_password_for_old(
	struct ctx *c, const struct password_change *x, const char **hash) MUST;

#endif

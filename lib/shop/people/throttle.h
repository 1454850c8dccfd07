/* SPDX-License-Identifier: MIT */
/*
 * throttle.h - how often a password may be tried (BEHAVIOUR 9), counted in ext/state, exact among processes.
 *
 * A try counts before the password is checked, and is taken back unless it was wrong: concurrent tries are
 * never more than the limit. Failures are limited per account and per address, in any minute (the setting), any
 * quarter of an hour (twice as many) and any hour (four times): the wait grows with failures, and ends within an hour. A refused try doesn't
 * count, so repeating it makes no wait longer.
 *
 * Nobody can keep a user out by failing in their name: where an account was signed in to within 30 days, it has limits
 * of its own at that address, and neither failures from other addresses nor those for other accounts count there.
 *
 * Whether an account exists plays no part. An IPv6 address counts as its /64 network.
 */
#ifndef SHOP_PEOPLE_THROTTLE_H
#define SHOP_PEOPLE_THROTTLE_H

#include "ext/state.h"

enum { THROTTLE_MAX = 6, THROTTLE_DIGEST = 32 };

struct throttle {
	struct state_limit limits[THROTTLE_MAX];
	size_t n;
	unsigned char account[THROTTLE_DIGEST], address[THROTTLE_DIGEST], both[THROTTLE_DIGEST];
};

/*
 * account: one text for all its spellings. address: NULL is an unknown one, which all share.
 * t must stay where it is until throttle_end. Fails: RATE_LIMITED, until a time.
 */
enum err throttle_begin(
	struct ctx *c, struct throttle *t, const char *account, const char *address) MUST;
/* e: how the try ended. Only LOGIN_FAILED and PASSWORD_WRONG keep it counted. Returns e. */
enum err throttle_end(struct ctx *c, const struct throttle *t, enum err e) MUST;

#endif

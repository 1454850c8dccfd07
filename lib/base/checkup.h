/* SPDX-License-Identifier: MIT */
/*
 * checkup.h - what the checks of `minimall doctor` report: a line each, on standard output.
 *
 *	ok   NAME: fact
 *	BAD  NAME: what is wrong: what to do
 *	skip NAME: why it was not checked
 */
#ifndef BASE_CHECKUP_H
#define BASE_CHECKUP_H

#include "base/base.h"
#include "base/err.h"

struct checkup {
	const char *name; /* of the check that runs */
	int64_t bad;      /* complaints so far */
};

void checkup_ok(const struct checkup *k, const char *fmt, ...) PRINTF_LIKE(2, 3);
void checkup_skip(const struct checkup *k, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* advice: what to do, one line. */
void checkup_bad(struct checkup *k, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The database could not be asked. */
void checkup_failed(struct checkup *k, enum err e);

#endif

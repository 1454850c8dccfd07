/* SPDX-License-Identifier: MIT */
#include "base/checkup.h"

#include <stdarg.h>
#include <stdio.h>

void checkup_ok(const struct checkup *k, const char *fmt, ...)
{
	va_list ap;

	printf("ok   %s: ", k->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void checkup_skip(const struct checkup *k, const char *fmt, ...)
{
	va_list ap;

	printf("skip %s: ", k->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void checkup_bad(struct checkup *k, const char *advice, const char *fmt, ...)
{
	va_list ap;

	k->bad++;
	printf("BAD  %s: ", k->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(": %s\n", advice);
}

void checkup_failed(struct checkup *k, enum err e)
{
	checkup_bad(k, "see the log, and run this again once the database answers",
		"not checked, %s", err_info(e)->code);
}

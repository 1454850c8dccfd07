/* SPDX-License-Identifier: MIT */
#include "base/ctx.h"

#include "base/log.h"

enum err invariant_violated(const struct ctx *c, const char *what)
{
	log_line(LOG_ALARM, "invariant", "%s (at %lld)", what, (long long)c->now_ms);
	return ERR_INTERNAL;
}

enum err invariant_checked(const struct ctx *c, enum err e, const char *what)
{
	return e == ERR_INTERNAL ? invariant_violated(c, what) : e;
}

enum err fail(struct ctx *c, enum err e, const char *what)
{
	c->fault = what;
	return e;
}

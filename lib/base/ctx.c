/* SPDX-License-Identifier: MIT */
#include "base/ctx.h"

#include "base/log.h"

enum err violated(const struct ctx *c, const char *what)
{
	log_line(LOG_ALARM, "violated", "%s (at %lld)", what, (long long)c->now_ms);
	return ERR_INTERNAL;
}

enum err judged(const struct ctx *c, enum err e, const char *what)
{
	return e == ERR_INTERNAL ? violated(c, what) : e;
}

enum err fail(struct ctx *c, enum err e, const char *what)
{
	c->fault = what;
	return e;
}

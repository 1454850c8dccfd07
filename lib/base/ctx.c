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
	c->fault_has_max = false;
	c->retry_at_ms = 0;
	return e;
}

enum err fail_above(struct ctx *c, enum err e, const char *what, int64_t most)
{
	e = fail(c, e, what);
	c->fault_has_max = true;
	c->fault_max = most;
	return e;
}

enum err fail_until(struct ctx *c, enum err e, int64_t retry_at_ms)
{
	e = fail(c, e, NULL);
	c->retry_at_ms = retry_at_ms;
	return e;
}

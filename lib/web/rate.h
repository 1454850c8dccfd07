/* SPDX-License-Identifier: MIT */
/*
 * rate.h - limits of requests, by the rate class of a route's row (BEHAVIOUR 51). They are counted in
 * ext/state, in one call per request.
 */
#ifndef WEB_RATE_H
#define WEB_RATE_H

#include "web/resp.h"

/*
 * Count a request whose actor is known, unless it is refused. Sets r->limit. Fails: RATE_LIMITED.
 */
enum err rate_check(struct ctx *c, struct req *r) MUST;
/* The headers about the limit, if the request came under one; Retry-After of a refusal. */
void rate_headers(const struct ctx *c, const struct req *r, struct resp *w);
/* Does a class have a limit, whether it is on or not? */
bool rate_is_limited(enum rate rate);

#endif

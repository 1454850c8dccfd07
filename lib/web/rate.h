/* SPDX-License-Identifier: MIT */
/*
 * rate.h - limits of requests, by the rate class of a route's row (BEHAVIOUR 51). They are counted in
 * ext/state, in one call per request.
 */
#ifndef WEB_RATE_H
#define WEB_RATE_H

#include "web/resp.h"

/*
 * Count a request whose actor is known and whose input is valid, unless it is refused: no mistake in
 * a body uses up what a user has in an hour. Sets r->limit. Fails: RATE_LIMITED.
 */
enum err rate_check(struct ctx *c, struct req *r) MUST;
/*
 * Count a notification whose signature failed, by its address: beyond the limit, RATE_LIMITED instead of
 * `e`. Every notification is verified first, and only failures are counted and refused: providers and
 * forgers may share an address, such as a proxy's, and a genuine notification is never refused.
 */
enum err rate_failure(struct ctx *c, struct req *r, enum err e) MUST;
/* The headers about the limit, if the request came under one; Retry-After of a refusal. */
void rate_headers(const struct ctx *c, const struct req *r, struct resp *w);
/* Does a class have a limit, whether it is on or not? */
bool rate_is_limited(enum rate rate);
/* Are its failed signatures limited? */
bool rate_limits_failures(enum rate rate);

#endif

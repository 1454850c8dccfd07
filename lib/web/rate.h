/* SPDX-License-Identifier: MIT */
/*
 * rate.h - limits of requests, by the rate class of a route's row (BEHAVIOUR 51). They are counted in
 * ext/state, in one call per request.
 */
#ifndef WEB_RATE_H
#define WEB_RATE_H

#include "web/resp.h"

/*
 * A request is counted once, unless it is refused (RATE_LIMITED), and all its limits at once, in one call of
 * ext/state; none where they are all off. Sets r->limit. A user's place among the payments in flight is one of these
 * limits, taken back when the request ends; that of a process which ended before is free again after a minute.
 *
 * enter: authentication is over, however it ended, and the body not read yet: whatever the request holds, it
 * counts. Only where a limit is for valid requests (no mistake in a body uses up what a user has in an hour)
 * or of what the input names, counting waits for rate_valid, the input having been read (r->input), or for rate_leave if that failed.
 */
enum err rate_enter(struct ctx *c, struct req *r) MUST;
enum err rate_valid(struct ctx *c, struct req *r) MUST;
/*
 * The request ends with e, which is returned unless one more limit refuses: a notification whose signature
 * failed counts by its address. Every notification is verified first, and only failures are counted and
 * refused: providers and forgers may share an address, such as a proxy's, and a genuine notification is never
 * refused.
 */
enum err rate_leave(struct ctx *c, struct req *r, enum err e) MUST;
/* The headers about the limit, if the request came under one; Retry-After of a refusal. */
void rate_headers(const struct ctx *c, const struct req *r, struct resp *w);
/* Does a class have a limit, whether it is on or not? */
bool rate_is_limited(enum rate rate);
/* Are its failed signatures limited? */
bool rate_limits_failures(enum rate rate);

#endif

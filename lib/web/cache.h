/* SPDX-License-Identifier: MIT */
/*
 * cache.h - whole answers of public reads, kept in the shared state for all processes: a row with .cached names their
 * family of keys (ext/state.h), which whoever changes what they show invalidates (shop/catalogue/answers.h).
 *
 * Only what anyone but an administrator gets: those see more, and neither get nor fill what is kept. Only 200s with
 * something in them, of parsed and valid input: the key is the path's id, or the filters and the page in the order of the
 * row's table, so that no spelling of a request is a key of its own. A search for a text is never kept. What depends
 * on the request beyond that, such as Link, Vary and 304, is made anew.
 */
#ifndef WEB_CACHE_H
#define WEB_CACHE_H

#include "ext/state.h"
#include "web/call.h"

/*
 * Answer from what is kept: the body, its tag, and w->next. False: the answer is to be made, and passed to cache_store
 * with the ticket, which is taken before.
 */
bool cache_find(
	struct ctx *c, const struct call *k, struct state_ticket *ticket, struct resp *w) MUST;
void cache_store(
	struct ctx *c, const struct call *k, const struct state_ticket *ticket, struct resp *w);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * oversight.h - money as administrators see it, whichever provider it came by: attempts and orphans,
 * with their providers' names.
 */
#ifndef FLOW_OVERSIGHT_H
#define FLOW_OVERSIGHT_H

#include "shop/money/payment_event_view.h"
#include "shop/money/payment_view.h"

/* Newest first. Fails: INVALID (an unknown provider). */
enum err oversight_attempts(struct ctx *c, struct attempt_query *q, struct page_rows *out) MUST;
enum err oversight_orphans(struct ctx *c, struct orphan_query *q, struct page_rows *out) MUST;
/* Fails: NOT_FOUND, ORPHAN_RESOLVED. */
enum err oversight_resolve(
	struct ctx *c, int64_t orphan_id, const char *note, struct orphan *out) MUST;

/* What nobody has looked into yet, counted up to OVERSIGHT_COUNT_MAX each. */
enum { OVERSIGHT_COUNT_MAX = 1000 };
struct oversight {
	int64_t refunds, orphans;
};
enum err oversight_count(struct ctx *c, struct oversight *out) MUST;

#endif

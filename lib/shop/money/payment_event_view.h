/* SPDX-License-Identifier: MIT */
/*
 * payment_event_view.h - orphans: providers' messages that match nothing, as administrators see and
 * resolve them (BEHAVIOUR 34).
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MONEY_PAYMENT_EVENT_VIEW_H
#define SHOP_MONEY_PAYMENT_EVENT_VIEW_H

#include "base/page.h"
#include "shop/money/payment_event.h"

struct orphan {
	int64_t orphan_id;
	int64_t channel;
	const char *provider; /* set by the caller, who knows the channels */
	const char *event_id;
	const char *reason, *reason_text;          /* why it matches nothing, and in words */
	const char *out_trade_no, *transaction_id; /* as reported; NULL: unreadable */
	money amount;                              /* 0: not reported */
	int64_t copies;                            /* how often it was received */
	bool resolved;
	const char *
		status; /* OPEN, or RESOLVED by an administrator, whose note says what became of it */
	const char *note;
	timestamp resolved_at, received_at;
	opt_i64 resolved_by; /* a user */
};
extern const struct field orphan_fields[];

/* The filters of a list. */
struct orphan_query {
	uint64_t has;
	const char *status, *provider, *reason;
	timestamp received_from, received_to;
	struct page page;
	opt_i64 of_provider; /* the number for `provider`, set by the caller */
};
extern const struct field orphan_query_fields[];

/* Newest first. */
enum err orphan_list(struct ctx *c, const struct orphan_query *q, struct page_rows *out) MUST;
/*
 * An administrator has looked into it, once; journalled. It is an orphan again if its provider
 * reports something else under the same event. Fails: NOT_FOUND (also if it was settled meanwhile),
 * ORPHAN_RESOLVED.
 */
enum err orphan_resolve(
	struct ctx *c, int64_t orphan_id, const char *note, struct orphan *out) MUST;
/* How many nobody has looked into, at most `limit`. */
enum err orphan_count(struct ctx *c, int64_t limit, int64_t *n) MUST;
/* When the oldest of them came; 0: there is none. */
enum err orphan_oldest(struct ctx *c, int64_t *ms) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * payment_event.h - providers' messages, stored as received: notifications, and query responses
 * that did not match. One row per event id; copies are counted.
 * Owns tables: payment_events.
 */
#ifndef SHOP_MONEY_PAYMENT_EVENT_H
#define SHOP_MONEY_PAYMENT_EVENT_H

#include "base/field.h"
#include "shop/money/payment.h"

#define EVENT_UNKNOWN      0 /* not seen before */
#define EVENT_GRANTED      1
#define EVENT_GRANTED_LATE 2
#define EVENT_REFUND_DUE   3
#define EVENT_REPEAT       4 /* of a settlement made by another message */
#define EVENT_NOTHING      5 /* it doesn't report a payment */
#define EVENT_ORPHAN       6 /* a payment that matches nothing: needs manual review */
#define EVENT_REFUND       7 /* about a recorded refund */
#define EVENT_HELD         8 /* of a payment that was refunded by an unknown amount */
enum payment_event_verdict {
	STORED(EVENT_UNKNOWN),
	STORED(EVENT_GRANTED),
	STORED(EVENT_GRANTED_LATE),
	STORED(EVENT_REFUND_DUE),
	STORED(EVENT_REPEAT),
	STORED(EVENT_NOTHING),
	STORED(EVENT_ORPHAN),
	STORED(EVENT_REFUND),
	STORED(EVENT_HELD),
};
#define EVENT_SETTLEMENT_SET EVENT_GRANTED, EVENT_GRANTED_LATE, EVENT_REFUND_DUE
#define EVENT_FINAL_SET      EVENT_SETTLEMENT_SET, EVENT_REPEAT, EVENT_REFUND

struct payment_event {
	int64_t channel; /* the first of the provider that sent it */
	const char *event_id;
	const char *out_trade_no, *transaction_id; /* NULL if undecryptable */
	opt_i64 amount;                            /* fen */
	const char *serial;                        /* of the key that signed it */
	struct slice body;                         /* raw, still encrypted */
};

/* The verdict on an event id; see payment_event_is_final. */
enum err payment_event_find(struct ctx *c, int64_t channel, const char *event_id,
	enum payment_event_verdict *verdict) MUST;
/* Store the verdict; a final one is never replaced. In the settlement's transaction, or separately. */
enum err payment_event_record(struct ctx *c, const struct payment_event *e,
	enum payment_event_verdict verdict, const char *reason) MUST;
/* Store a payment that matches nothing, for an administrator; changes nothing else. */
enum err payment_event_orphan(struct ctx *c, const struct payment_event *e, const char *reason,
	enum payment_event_verdict *verdict) MUST;
/* Settled, or about a refund: later messages don't change it. */
bool payment_event_is_final(enum payment_event_verdict v);

#endif

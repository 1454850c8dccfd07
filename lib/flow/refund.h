/* SPDX-License-Identifier: MIT */
/*
 * refund.h - refunding: on an administrator's request, or automatically if a payment could
 * not be granted. Numbers are fixed before the provider is called; unknown outcomes are
 * queried by `minimall jobs` (BEHAVIOUR 37, 38, 43).
 */
#ifndef FLOW_REFUND_H
#define FLOW_REFUND_H

#include "flow/payable.h"
#include "providers/provider.h"
#include "shop/books/outbox.h"
#include "shop/money/payment_event.h"
#include "shop/money/refund.h"

/*
 * Refund a shop order, in full or in part (`in` of refund_new_fields), and call the provider
 * at once; without a response the refund stays in progress. Honours c->idem. Fails: NOT_FOUND,
 * REFUND_UNPAID (not paid by card or through a provider that supports refunds),
 * PROVIDER_CONFIG, REFUND_EXCEEDS, CARD_NONE, REFUND_ELSEWHERE (a membership order).
 */
enum err refund_request(struct ctx *c, const struct refund *in, struct refund *out) MUST;
/*
 * Refund a membership order: its grant is revoked at once, the amount is refunded the way it
 * was paid, by card at once, through a provider by the next pass of jobs (BEHAVIOUR 29, 30).
 * A repeat gets the first response; *out has the current status. Honours c->idem. Fails:
 * NOT_FOUND, ORDER_TRANSITION, REFUND_UNDER_WAY (another of this user), SEGMENT_FOLDED,
 * GRANTED_LATER, CARD_NONE.
 */
enum err refund_membership(struct ctx *c, const char *order_no, struct membership_order *out) MUST;

/* The reason of a partial refund of a granted payment: it was overpaid (BEHAVIOUR 28). */
#define OVERPAID_REASON "QUOTE_CHANGED"

/* In a settlement: refund this amount of an attempt automatically. tries: how often that failed. */
enum err refund_automatically_tx(struct ctx *c, const struct attempt *a, money amount,
	const char *reason, int64_t tries) MUST;

/* A provider's refund notification: check it against our refund and process it. */
enum err notify_refund(struct ctx *c, const struct provider *p, const struct provider_refund *said,
	struct payment_event *event, enum payment_event_verdict *verdict) MUST;

/* A refund made in a provider's console, as an administrator notes it. */
struct refund_note {
	const char *refund_no;    /* ours, or the console's */
	const char *out_trade_no; /* of the payment; NULL: of any */
	money amount;             /* where its provider can't be asked; otherwise 0 */
};
/*
 * Record a refund made in a provider's console, which may never be notified (BEHAVIOUR 62). A provider that
 * knows refunds is asked: by the number, or by payment and number. One that can't be told to refund can't be asked
 * either: one of ours there is recorded as successful, another with its payment and amount, on the caller's word, in
 * the journal. Fails: NOT_FOUND, PROVIDER_UNKNOWN, PROVIDER_CONFIG, INVALID (amount), CONFLICT (not of a payment of
 * ours, or more than the rest).
 */
enum err refund_record_noted(
	struct ctx *c, const struct refund_note *note, struct refund *out) MUST;
/*
 * An administrator ends the waiting of a refund, with a note in the journal: one to be made by hand was
 * made; a refused one won't be requested again. Fails: NOT_FOUND, REFUND_NOT_WAITING.
 */
enum err refund_resolve(
	struct ctx *c, const char *refund_no, const char *note, struct refund *out) MUST;

/*
 * Query the provider about a refund of one of its payments, ours or made elsewhere, and record its state or the
 * refund. Fails: NOT_FOUND, PROVIDER_UNKNOWN, CONFLICT (as above).
 */
enum err refund_ask(struct ctx *c, const struct provider *p, const char *out_trade_no,
	const char *refund_no, struct refund *out) MUST;

/*
 * For `minimall jobs` (outbox_fn), about an attempt: start a missing automatic refund, whether never
 * requested or failed (BEHAVIOUR 37, 43).
 */
enum err refund_begin_missing(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;
/* The same about a refund: query its state. */
enum err refund_follow(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

#endif

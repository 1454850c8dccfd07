/* SPDX-License-Identifier: MIT */
/*
 * refund.h - giving money back: on an administrator's word, or by itself where a success
 * could not be granted. Numbers are fixed before the provider is called; what stays
 * unknown is asked by `minimall jobs` (BEHAVIOUR 37, 38, 43).
 */
#ifndef FLOW_REFUND_H
#define FLOW_REFUND_H

#include "flow/payable.h"
#include "providers/provider.h"
#include "shop/books/outbox.h"
#include "shop/money/payment_event.h"
#include "shop/money/refund.h"

/*
 * Refund a shop order, wholly or in part (`in` of refund_new_fields), and ask the provider
 * at once; its silence leaves the refund under way. Honours c->idem. Fails: NOT_FOUND,
 * REFUND_UNPAID (nothing that a card paid, or a provider who can give it back), PROVIDER_CONFIG, REFUND_EXCEEDS, CARD_NONE,
 * REFUND_ELSEWHERE (a membership order).
 */
enum err refund_request(struct ctx *c, const struct refund *in, struct refund *out) MUST;
/*
 * Refund a membership order: what it granted is taken back at once, its cash goes back to
 * where it came from, a card's at once, a provider's by the next pass of jobs (BEHAVIOUR 29,
 * 30). A repeat answers as the first; *out says how far it is. Honours c->idem. Fails:
 * NOT_FOUND, ORDER_TRANSITION, REFUND_UNDER_WAY (another of this user), SEGMENT_FOLDED,
 * GRANTED_LATER, CARD_NONE.
 */
enum err refund_membership(struct ctx *c, const char *order_no, struct membership_order *out) MUST;

/* Why a part of a granted payment goes back: what was granted costs less by then (BEHAVIOUR 28). */
#define PAID_TOO_MUCH "QUOTE_CHANGED"

/* In a settlement: this much of an attempt goes back by itself. tries: how often that failed. */
enum err refund_automatically_tx(struct ctx *c, const struct attempt *a, money amount,
	const char *reason, int64_t tries) MUST;

/* A provider notifies us of a refund: check it against ours and do what it says. */
enum err notify_refund(struct ctx *c, const struct provider *p, const struct provider_refund *said,
	struct payment_event *event, enum payment_event_verdict *verdict) MUST;

/*
 * Ask the providers about a refund by its number, and take it into the books if we never asked for it
 * (BEHAVIOUR 62): of one made in the merchant console, no notification may ever come. Fails:
 * NOT_FOUND, PROVIDER_UNKNOWN, CONFLICT (of no payment of ours, or more than is left).
 */
enum err refund_note_by_number(struct ctx *c, const char *refund_no, struct refund *out) MUST;

/*
 * For `minimall jobs` (outbox_fn), about an attempt: begin what has to go back by itself and isn't on
 * its way, be it never asked for or asked for in vain (BEHAVIOUR 37, 43).
 */
enum err refund_begin_missing(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;
/* The same about a refund: how far is it? */
enum err refund_follow(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

#endif

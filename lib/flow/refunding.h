/* SPDX-License-Identifier: MIT */
/*
 * refunding.h - processing of one refund, for refund.c, refund_elsewhere.c and refund_membership.c only.
 */
#ifndef FLOW_REFUNDING_H
#define FLOW_REFUNDING_H

#include "flow/attempt.h"
#include "flow/refund.h"

struct refunding {
	struct payable payable;
	struct attempt attempt; /* attempt_id 0: nothing was paid */
	struct refund refund;
	const struct provider *provider; /* who gives it back; NULL: a card */
	const struct refund *in;         /* a request for a shop order only */
	enum refund_state state;         /* as reported by the provider */
	const char *provider_id;
	int64_t refunded_fen;               /* as reported instead of an amount; 0: not so */
	const struct payment_event *event;  /* the provider's message, or NULL */
	enum payment_event_verdict verdict; /* the verdict on that message */
};

/* Lock in the fixed order: user, card, payable (with its products), attempt. */
enum err refunding_lock_tx(struct ctx *c, struct refunding *x) MUST;
/* The rest of a locked attempt: neither refunded nor in progress. */
enum err refunding_rest_tx(struct ctx *c, const struct refunding *x, money *rest) MUST;
/* Fix the refund's number; a card is refunded at once, otherwise jobs do it from due_ms on. */
enum err refunding_begin_tx(
	struct ctx *c, struct refunding *x, money amount, const char *reason, int64_t due_ms) MUST;

/* Whom a new refund of an attempt waits for (enum refund_attention). */
int64_t refunding_waits(const struct attempt *a);
/* Read the attempt and payable of a recorded refund. */
enum err refunding_read(struct ctx *c, struct refunding *x) MUST;
/* Is it a known state? False, with an alarm, if not. */
bool refunding_state_known(enum refund_state state) MUST;
/* Is the provider's own number valid? It may be absent. */
bool refunding_has_valid_id(const char *provider_id) MUST;
/* Is this about that refund: the same payment and amount? */
bool refunding_matches(const struct refunding *x, const struct provider_refund *said) MUST;
/* For db_tx: apply x->state to a recorded refund. arg is a struct refunding. */
enum err refunding_record_tx(struct ctx *c, void *arg) MUST;
/* The same for a query's result, if it matches. */
enum err refunding_record_answer(
	struct ctx *c, struct refunding *x, const struct provider_refund *said) MUST;
/* Apply the state of a locked refund to its payment and payable. */
enum err refunding_end_tx(struct ctx *c, struct refunding *x) MUST;

/* ---- made by hand (refund_by_hand.c) ---- */

/* Is it one of ours that is made by hand? Then it is made. Fails: CONFLICT (of another payment or amount). */
enum err refund_by_hand_record(struct ctx *c, const struct refund_note *note, bool *done) MUST;
/* The facts about one that isn't ours: what the note says. Fails: INVALID (no amount), CONFLICT (not paid). */
enum err refund_by_hand_facts(struct ctx *c, const struct refund_note *note,
	const struct attempt *a, struct provider_refund *out) MUST;

/* ---- made elsewhere (refund_elsewhere.c) ---- */

/*
 * Find the refund that a provider reports, and its attempt and payable. refund_id is 0 for one that
 * we didn't request, and attempt_id 0 if its payment is not ours.
 */
enum err refund_elsewhere_find(struct ctx *c, const struct provider *p,
	const struct provider_refund *said, struct refunding *x) MUST;
/* Why it can't belong to that payment; NULL: it does. */
const char *refund_elsewhere_mismatch(
	const struct refunding *x, const struct provider_refund *said) MUST;
/* Record it and apply its state. *why: why that can't be done (yet), or NULL. */
enum err refund_elsewhere_record(struct ctx *c, struct refunding *x, const char **why) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * refunding.h - one refund on its way, for refund.c, refund_elsewhere.c and refund_membership.c only.
 */
#ifndef FLOW_REFUNDING_H
#define FLOW_REFUNDING_H

#include "flow/attempt.h"
#include "flow/refund.h"

struct refunding {
	struct payable payable;
	struct attempt attempt; /* attempt_id 0: nothing was paid */
	struct refund refund;
	const struct refund *in; /* a request for a shop order only */
	enum refund_state state; /* what the provider says */
	const char *provider_id;
	const struct payment_event *event;  /* the message that said so, or NULL */
	enum payment_event_verdict verdict; /* what that message came to */
};

/* Lock in the fixed order: user, card, what was paid for (with its products), attempt. */
enum err refunding_lock_tx(struct ctx *c, struct refunding *x) MUST;
/* What of a locked attempt neither went back nor is about to. */
enum err refunding_rest_tx(struct ctx *c, const struct refunding *x, money *rest) MUST;
/* Fix the refund's number; what a card paid is back at once, else jobs sees to it from due_ms on. */
enum err refunding_begin_tx(
	struct ctx *c, struct refunding *x, money amount, const char *reason, int64_t due_ms) MUST;

/* Read what a refund of the books belongs to. */
enum err refunding_read(struct ctx *c, struct refunding *x) MUST;
/* Is it a state that we know? False, and an alarm, if not. */
bool refunding_state_known(enum refund_state state) MUST;
/* Can the provider's own number be kept? It may be absent. */
bool refunding_is_keepable(const char *provider_id) MUST;
/* Is this about that refund: its payment, its amount? */
bool refunding_fits(const struct refunding *x, const struct provider_refund *said) MUST;
/* For db_tx: do what x->state says to a refund that is in the books. arg is a struct refunding. */
enum err refunding_record_tx(struct ctx *c, void *arg) MUST;
/* The same for a query's answer, if it fits. */
enum err refunding_record_answer(
	struct ctx *c, struct refunding *x, const struct provider_refund *said) MUST;
/* What follows from the state of a locked refund, for its payment and what was paid for. */
enum err refunding_end_tx(struct ctx *c, struct refunding *x) MUST;

/* ---- made elsewhere (refund_elsewhere.c) ---- */

/*
 * Find the refund that the provider speaks of, and what it belongs to. One that we never asked for
 * comes with refund_id 0, and attempt_id 0 if its payment is none of ours.
 */
enum err refund_elsewhere_find(struct ctx *c, const struct provider *p,
	const struct provider_refund *said, struct refunding *x) MUST;
/* Why it can't be of that payment; NULL: it is. */
const char *refund_elsewhere_misfit(
	const struct refunding *x, const struct provider_refund *said) MUST;
/* Take it into the books, and do what follows. *why says why that can't be done (yet), or NULL. */
enum err refund_elsewhere_note(struct ctx *c, struct refunding *x, const char **why) MUST;

#endif

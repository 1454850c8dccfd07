/*
 * refunding.h - one refund on its way, for refund.c and refund_membership.c only.
 */
#ifndef FLOW_REFUNDING_H
#define FLOW_REFUNDING_H

#include "flow/refund.h"

struct refunding {
	struct payable payable;
	struct attempt attempt; /* attempt_id 0: nothing was paid */
	struct refund refund;
	const struct refund *in; /* a request for a shop order only */
	enum refund_state state; /* what the provider says */
	const char *provider_id;
	const struct event *event;  /* the message that said so, or NULL */
	enum event_verdict verdict; /* what that message came to */
};

/* Lock in the fixed order: user, card, what was paid for (with its products), attempt. */
enum err refunding_lock_tx(struct ctx *c, struct refunding *x) MUST;
/* What of a locked attempt neither went back nor is about to. */
enum err refunding_rest_tx(struct ctx *c, const struct refunding *x, money *rest) MUST;
/* Fix the refund's number; what a card paid is back at once, else jobs sees to it from due_ms on. */
enum err refunding_begin_tx(
	struct ctx *c, struct refunding *x, money amount, const char *reason, int64_t due_ms) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - the provider of an attempt, by its channel, and what is counted by provider.
 */
#ifndef FLOW_ATTEMPT_H
#define FLOW_ATTEMPT_H

#include "providers/provider.h"
#include "shop/money/payment.h"

/* The attempt of this number, if it is at this provider. */
enum err attempt_find(struct ctx *c, const struct provider *p, const char *out_trade_no,
	struct attempt *out, bool *found) MUST;

/*
 * The provider of an attempt's channel. Fails: PROVIDER_CONFIG, with an alarm, if there is none
 * (an unknown channel, or a provider that isn't configured any more): the attempt is postponed,
 * and needs manual review.
 */
enum err attempt_provider(struct ctx *c, const struct attempt *a, const struct provider **out) MUST;
/* The same, if it supports refunds. Also fails: REFUND_MANUAL. */
enum err attempt_refunder(struct ctx *c, const struct attempt *a, const struct provider **out) MUST;
/* Must a refund of it be made in its provider's console, and noted? */
bool attempt_is_refunded_by_hand(const struct attempt *a);
/* Does its provider support refunds? Also for programs that start no providers. */
bool attempt_is_refundable(const struct attempt *a);

/* What becomes of an attempt, as counted (METRIC_PAYMENT_EVENTS). A late payment, or one that goes back, is received too. */
enum attempt_event {
	EVENT_OF_CREATION,
	EVENT_OF_CLOSING,
	EVENT_OF_PAYMENT,
	EVENT_OF_LATE_PAYMENT,
	EVENT_OF_RETURN,        /* received, not granted */
	EVENT_OF_REFUND,        /* one that succeeded, of all or a part */
	EVENT_OF_FAILED_REFUND, /* one that the provider finally refused */
};
/* Count it once, when the transaction that wrote it has committed; at once outside one. */
void attempt_count(struct ctx *c, const struct attempt *a, enum attempt_event event);
/* payment_close and payment_abandon, counted. */
enum err attempt_close(struct ctx *c, const struct attempt *a) MUST;
enum err attempt_abandon(struct ctx *c, const struct attempt *a) MUST;

#endif

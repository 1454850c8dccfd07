/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - the provider of an attempt, by its channel.
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

#endif

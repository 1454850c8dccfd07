/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - whom to ask about an attempt: the provider of its own channel, whichever that is.
 */
#ifndef FLOW_ATTEMPT_H
#define FLOW_ATTEMPT_H

#include "providers/provider.h"
#include "shop/money/payment.h"

/* The attempt of this number, if it is one at this provider. */
enum err attempt_find(struct ctx *c, const struct provider *p, const char *out_trade_no,
	struct attempt *out, bool *found) MUST;

/*
 * The provider of an attempt's channel. Fails: PROVIDER_CONFIG, with an alarm, where this shop has
 * none (a channel that it doesn't know, or a provider that isn't configured any more): whoever
 * works on the attempt puts it off, and somebody must look.
 */
enum err attempt_provider(struct ctx *c, const struct attempt *a, const struct provider **out) MUST;
/* The same, where a program can give back. Fails: REFUND_UNPAID too. */
enum err attempt_refunder(struct ctx *c, const struct attempt *a, const struct provider **out) MUST;

#endif

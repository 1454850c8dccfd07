/* SPDX-License-Identifier: MIT */
#include "flow/attempt.h"

#include "base/log.h"
#include "ext/db.h"

enum err attempt_provider(struct ctx *c, const struct attempt *a, const struct provider **out)
{
	const struct channel *channel = channel_of(a->channel);

	if (channel == NULL || provider_state(c, channel->provider->id) == NULL) {
		log_line(LOG_ALARM, "payment", "%s: no provider is configured for its channel %lld",
			a->out_trade_no, (long long)a->channel);
		return ERR_PROVIDER_CONFIG;
	}
	*out = channel->provider;
	return OK;
}

enum err attempt_find(struct ctx *c, const struct provider *p, const char *out_trade_no,
	struct attempt *out, bool *found)
{
	const struct channel *channel;

	TRY(payment_find(c, out_trade_no, out, found));
	channel = *found ? channel_of(out->channel) : NULL;
	*found = channel != NULL && channel->provider == p;
	return OK;
}

bool attempt_is_refundable(const struct attempt *a)
{
	const struct channel *channel = channel_of(a->channel);

	return channel != NULL && channel->provider->refund != NULL;
}

bool attempt_is_refunded_by_hand(const struct attempt *a)
{
	return a->channel != CHANNEL_CARD && !attempt_is_refundable(a);
}

enum err attempt_refunder(struct ctx *c, const struct attempt *a, const struct provider **out)
{
	TRY(attempt_provider(c, a, out));
	return attempt_is_refundable(a) ? OK : fail(c, ERR_REFUND_MANUAL, NULL);
}

/* ---- counting ---- */

void attempt_count(struct ctx *c, const struct attempt *a, enum attempt_event event)
{
	static const char *const words[] = {
		[EVENT_OF_CREATION] = "created",
		[EVENT_OF_CLOSING] = "closed",
		[EVENT_OF_PAYMENT] = "paid",
		[EVENT_OF_LATE_PAYMENT] = "paid_late",
		[EVENT_OF_RETURN] = "not_granted",
		[EVENT_OF_REFUND] = "refunded",
		[EVENT_OF_FAILED_REFUND] = "refund_failed",
	};
	const struct channel *channel = channel_of(a->channel);
	const char *provider = channel != NULL ? channel->provider->key : "none",
		   *type = channel != NULL ? channel->trade_type : "UNKNOWN";

	if (a->channel == CHANNEL_CARD) {
		provider = "card";
		type = "CARD";
	}
	db_count(c, METRIC_PAYMENT_EVENTS, provider, type, words[event]);
}

enum err attempt_close(struct ctx *c, const struct attempt *a)
{
	bool closed;

	TRY(payment_close(c, a->attempt_id, &closed));
	if (closed)
		attempt_count(c, a, EVENT_OF_CLOSING);
	return OK;
}

enum err attempt_abandon(struct ctx *c, const struct attempt *a)
{
	bool closed;

	TRY(payment_abandon(c, a->attempt_id, &closed));
	if (closed)
		attempt_count(c, a, EVENT_OF_CLOSING);
	return OK;
}

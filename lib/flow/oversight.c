/* SPDX-License-Identifier: MIT */
#include "flow/oversight.h"

#include <string.h>

#include "providers/provider.h"
#include "shop/money/refund.h"

#define CARD "card" /* how the card is called where others are providers' keys */

static const char *provider_name(const struct channel *channel)
{
	return channel != NULL ? channel->provider->key : NULL;
}

/* The number of a provider: of its first channel. */
static enum err number_of(struct ctx *c, const char *key, opt_i64 *out)
{
	const struct provider *p;

	if (key == NULL)
		return OK;
	if (strcmp(key, CARD) == 0) {
		*out = (opt_i64){ CHANNEL_CARD, true };
		return OK;
	}
	p = provider_find(key);
	if (p == NULL)
		return fail(c, ERR_INVALID, "provider");
	*out = (opt_i64){ p->channels[0]->number, true };
	return OK;
}

enum err oversight_attempts(struct ctx *c, struct attempt_query *q, struct page_rows *out)
{
	int64_t numbers[PROVIDER_N + 1] = { CHANNEL_CARD };
	struct attempt_view *rows;

	TRY(number_of(c, q->provider, &q->of_provider));
	q->providers = numbers;
	for (q->providers_n = 1; providers[q->providers_n - 1] != NULL; q->providers_n++)
		numbers[q->providers_n] = providers[q->providers_n - 1]->channels[0]->number;
	TRY(payment_list(c, q, out));
	rows = out->list.rows;
	for (int64_t i = 0; i < out->list.n; i++) {
		const struct channel *channel = channel_of(rows[i].channel);

		rows[i].provider = rows[i].channel == CHANNEL_CARD ? CARD : provider_name(channel);
		rows[i].trade_type = channel != NULL ? channel->trade_type : NULL;
	}
	return OK;
}

enum err oversight_orphans(struct ctx *c, struct orphan_query *q, struct page_rows *out)
{
	struct orphan *rows;

	TRY(number_of(c, q->provider, &q->of_provider));
	TRY(orphan_list(c, q, out));
	rows = out->list.rows;
	for (int64_t i = 0; i < out->list.n; i++)
		rows[i].provider = provider_name(channel_of(rows[i].channel));
	return OK;
}

enum err oversight_resolve(struct ctx *c, int64_t orphan_id, const char *note, struct orphan *out)
{
	TRY(orphan_resolve(c, orphan_id, note, out));
	out->provider = provider_name(channel_of(out->channel));
	return OK;
}

enum err oversight_count(struct ctx *c, struct oversight *out)
{
	TRY(refund_count_waiting(c, OVERSIGHT_COUNT_MAX, &out->refunds));
	return orphan_count(c, OVERSIGHT_COUNT_MAX, &out->orphans);
}

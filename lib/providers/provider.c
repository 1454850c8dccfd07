/* SPDX-License-Identifier: MIT */
/* provider.c - the table of providers. */
#include "providers/provider.h"

const struct provider *const providers[] = {
	[PROVIDER_WECHAT] = &provider_wechat,
	[PROVIDER_ALIPAY] = &provider_alipay,
	[PROVIDER_GATEWAY] = &provider_gateway,
	[PROVIDER_N] = NULL,
};

static struct arena forever; /* process-owned */
static void *states[PROVIDER_N];

const struct channel *channel_of(int64_t number)
{
	for (size_t i = 0; providers[i] != NULL; i++)
		for (const struct channel *const *ch = providers[i]->channels; *ch != NULL; ch++)
			if ((*ch)->number == number)
				return *ch;
	return NULL;
}

const struct provider *provider_find(const char *key)
{
	for (size_t i = 0; providers[i] != NULL; i++)
		if (strcmp(providers[i]->key, key) == 0)
			return providers[i];
	return NULL;
}

const struct channel *provider_channel(const struct provider *p, const char *trade_type)
{
	for (const struct channel *const *ch = p->channels; *ch != NULL; ch++)
		if (trade_type != NULL ? strcmp((*ch)->trade_type, trade_type) == 0 : (*ch)->is_url)
			return *ch;
	return NULL;
}

enum outcome provider_query(struct ctx *c, const struct provider *p, const char *out_trade_no,
	struct provider_trade *out)
{
	return p->query != NULL ? p->query(c, out_trade_no, out) : OUTCOME_NONE;
}

enum outcome provider_close(struct ctx *c, const struct provider *p, const char *out_trade_no)
{
	return p->close != NULL ? p->close(c, out_trade_no) : OUTCOME_REFUSED;
}

bool providers_start(struct ctx *c, learn_fn *learn)
{
	bool good = true;

	for (size_t i = 0; providers[i] != NULL; i++)
		good = providers[i]->start(c->conf, &forever, learn, &states[i]) && good;
	c->provider_states = states;
	if (!good)
		providers_stop(c);
	return good;
}

void providers_stop(struct ctx *c)
{
	for (size_t i = 0; providers[i] != NULL; i++) {
		if (states[i] != NULL)
			providers[i]->stop(states[i]);
		states[i] = NULL;
	}
	c->provider_states = NULL;
	arena_done(&forever);
}

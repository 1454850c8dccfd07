/* SPDX-License-Identifier: MIT */
#include "flow/provider_keys.h"

#include "base/log.h"
#include "providers/provider.h"
#include "shop/money/certificate.h"

static bool add(struct ctx *c, const struct sealed_certificate *kept)
{
	for (size_t i = 0; providers[i] != NULL; i++)
		if (provider_state(c, providers[i]->id) != NULL &&
			providers[i]->add_certificate != NULL &&
			providers[i]->add_certificate(c, kept))
			return true;
	return false;
}

/* A serial unknown to this process: perhaps another has fetched it. */
static bool learn(struct ctx *c, const char *serial)
{
	/* random serials must not cause a write each */
	static int64_t wanted_ms;
	struct sealed_certificate kept = { 0 };
	bool found;

	if (certificate_find(c, serial, &kept, &found) != OK)
		return false;
	if (found && add(c, &kept))
		return true;
	if (wanted_ms > c->now_ms || c->now_ms - wanted_ms >= MINUTE_MS) {
		if (certificate_request_refresh(c) == OK)
			wanted_ms = c->now_ms;
	}
	return false;
}

bool keys_start(struct ctx *c)
{
	return providers_start(c, learn);
}

bool keys_usable(struct ctx *c)
{
	struct sealed_certificate kept = { 0 };
	bool found;

	for (size_t i = 0; providers[i] != NULL; i++) {
		if (provider_state(c, providers[i]->id) == NULL || providers[i]->usable(c))
			continue;
		if (certificate_newest(c, &kept, &found) != OK || !found || !add(c, &kept))
			return false;
	}
	return true;
}

void keys_stop(struct ctx *c)
{
	providers_stop(c);
}

/* Store all valid ones; an invalid one doesn't affect the others. */
static enum err keep(struct ctx *c, const struct list *fetched)
{
	const struct sealed_certificate *sealed = fetched->rows;
	enum err first = OK;

	for (int64_t i = 0; i < fetched->n; i++) {
		enum err e = certificate_put(c, &sealed[i]);

		if (first == OK)
			first = e;
	}
	TRY(first);
	return certificate_purge(c);
}

static enum err refresh(struct ctx *c, const struct provider *p, int64_t *learnt)
{
	struct list fetched;

	switch (p->fetch_certificates(c, &fetched)) {
	case OUTCOME_OK:
		*learnt += fetched.n;
		return keep(c, &fetched);
	case OUTCOME_NONE:
		return OK;
	case OUTCOME_PAID:
	case OUTCOME_CLOSED:
	case OUTCOME_LATER:
	case OUTCOME_REFUSED:
	case OUTCOME_UNKNOWN:
		break;
	}
	return certificate_refresh_failed(c); /* known keys are kept */
}

enum err keys_refresh(struct ctx *c, int64_t *learnt)
{
	bool mine;

	*learnt = 0;
	TRY(certificate_claim_refresh(c, &mine));
	for (size_t i = 0; mine && providers[i] != NULL; i++)
		if (provider_state(c, providers[i]->id) != NULL &&
			providers[i]->fetch_certificates != NULL)
			TRY(refresh(c, providers[i], learnt));
	return OK;
}

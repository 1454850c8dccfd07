/* SPDX-License-Identifier: MIT */
#include "flow/provider_keys.h"

#include "base/log.h"
#include "providers/wechat/cert.h"
#include "shop/money/certificate.h"

static struct arena forever; /* as long as the process */
static struct wx_keys keys;

static struct wx_sealed_certificate sealed_of(const struct platform_certificate *kept)
{
	return (struct wx_sealed_certificate){
		.serial = kept->serial,
		.nonce = kept->nonce,
		.associated_data = kept->associated_data,
		.ciphertext = kept->ciphertext,
	};
}

/* A serial that this process doesn't know: perhaps another has fetched it. */
static bool learn(struct ctx *c, const char *serial)
{
	/* whoever sends random serials must not have us write for each of them */
	static int64_t wanted_ms;
	struct platform_certificate kept = { 0 };
	struct wx_sealed_certificate sealed;
	bool found;

	if (certificate_find(c, serial, &kept, &found) != OK)
		return false;
	sealed = sealed_of(&kept);
	if (found && wxcert_add(c, &keys, &sealed, ctx_now_s(c)))
		return true;
	if (wanted_ms > c->now_ms || c->now_ms - wanted_ms >= MINUTE_MS) {
		if (certificate_want(c) == OK)
			wanted_ms = c->now_ms;
	}
	return false;
}

bool keys_start(struct ctx *c)
{
	if (!wx_keys_load(&keys, c->conf, &forever))
		return false;
	keys.learn = learn;
	c->wx_keys = &keys;
	return true;
}

bool keys_usable(struct ctx *c)
{
	struct platform_certificate kept = { 0 };
	struct wx_sealed_certificate sealed;
	bool found;

	if (c->wx_keys == NULL || keys.merchant == NULL)
		return false;
	if (keys.verify_n > 0)
		return true;
	if (certificate_newest(c, &kept, &found) != OK || !found)
		return false;
	sealed = sealed_of(&kept);
	return wxcert_add(c, &keys, &sealed, ctx_now_s(c));
}

void keys_stop(struct ctx *c)
{
	if (c->wx_keys == NULL)
		return;
	c->wx_keys = NULL;
	wx_keys_done(&keys);
	arena_done(&forever);
}

/* All that can be kept; one that can't keeps none of the others from it. */
static enum err keep(struct ctx *c, const struct wx_certificates *list)
{
	enum err first = OK;

	for (int64_t i = 0; i < list->n; i++) {
		const struct wx_sealed_certificate *s = &list->list[i];
		enum err e = certificate_put(
			c, &(struct platform_certificate){ s->serial, s->nonce, s->associated_data,
				   s->ciphertext, { s->effective_ms }, { s->expire_ms } });

		if (first == OK)
			first = e;
	}
	TRY(first);
	return certificate_purge(c);
}

enum err keys_refresh(struct ctx *c, int64_t *learnt)
{
	struct wx_certificates list;
	bool mine;

	*learnt = 0;
	TRY(certificate_claim_refresh(c, &mine));
	if (!mine)
		return OK;
	switch (wxcert_download(c, c->wx_keys, &list)) {
	case WX_OK:
		*learnt = list.n;
		return keep(c, &list);
	case WX_NOT_EXIST:
		if (c->conf->wechat_pay_public_key_id == NULL)
			log_line(LOG_ALARM, "keys",
				"WeChat Pay has no platform certificates for this merchant: set "
				"WECHAT_PAY_PUBLIC_KEY_ID and WECHAT_PAY_PUBLIC_KEY_FILE");
		return OK;
	case WX_ALREADY_PAID:
	case WX_CLOSED:
	case WX_LATER:
	case WX_REFUSED:
	case WX_UNKNOWN:
		break;
	}
	return certificate_refresh_failed(c); /* what is known stays known */
}

/* SPDX-License-Identifier: MIT */
#include "providers/wechat/cert.h"

#include "base/log.h"
#include "providers/common.h"

enum { SEALED_MAX = 16 << 10, SHORT_MAX = 64 };
#define ALGORITHM "AEAD_AES_256_GCM"
#define TARGET    "/v3/certificates"

struct seal_in {
	uint64_t has;
	const char *algorithm, *nonce, *associated_data, *ciphertext;
};
struct entry_in {
	uint64_t has;
	const char *serial_no, *effective_time, *expire_time;
	struct seal_in encrypt_certificate;
};
struct list_in {
	uint64_t has;
	struct list data;
};

static const struct field seal_in_fields[] = {
	INPUT(struct seal_in, algorithm, 0, SHORT_MAX, 0),
	INPUT(struct seal_in, nonce, 0, SHORT_MAX, 0),
	INPUT(struct seal_in, associated_data, 0, SHORT_MAX, F_NULL),
	INPUT(struct seal_in, ciphertext, 0, SEALED_MAX, 0),
	FIELD_END,
};
static const struct field entry_in_fields[] = {
	INPUT(struct entry_in, serial_no, 0, SHORT_MAX, 0),
	INPUT(struct entry_in, effective_time, 0, SHORT_MAX, 0),
	INPUT(struct entry_in, expire_time, 0, SHORT_MAX, 0),
	OBJECT(struct entry_in, encrypt_certificate, seal_in_fields, F_IN),
	FIELD_END,
};
static const struct field list_in_fields[] = {
	LIST(struct list_in, data, struct entry_in, entry_in_fields, 0, WX_CERTIFICATES_MAX, F_IN),
	FIELD_END,
};

static bool read_entry(const struct entry_in *in, struct sealed_certificate *out)
{
	const struct seal_in *seal = &in->encrypt_certificate;

	*out = (struct sealed_certificate){
		.serial = in->serial_no,
		.nonce = seal->nonce,
		.associated_data = seal->associated_data != NULL ? seal->associated_data : "",
		.ciphertext = seal->ciphertext,
	};
	return out->serial != NULL && out->nonce != NULL && out->ciphertext != NULL &&
	       seal->algorithm != NULL && strcmp(seal->algorithm, ALGORITHM) == 0 &&
	       in->effective_time != NULL &&
	       clock_parse(in->effective_time, &out->effective_at.ms) && in->expire_time != NULL &&
	       clock_parse(in->expire_time, &out->expires_at.ms);
}

bool wxcert_add(
	struct ctx *c, struct wx_keys *keys, const struct sealed_certificate *sealed, int64_t now_s)
{
	struct slice pem;

	return wx_open(&c->arena, keys, sealed->nonce, sealed->associated_data, sealed->ciphertext,
		       &pem) &&
	       wx_keys_add_certificate(keys, sealed->serial, pem, now_s);
}

/* Keep those that can be decrypted, even if others can't. */
static void open_all(
	struct ctx *c, const struct list *data, struct wx_keys *found, struct list *out)
{
	const struct entry_in *in = data->rows;
	struct sealed_certificate *sealed =
		arena_alloc(&c->arena, (size_t)data->n * sizeof(*sealed));

	*out = (struct list){ sealed, 0 };
	for (int64_t i = 0; i < data->n; i++)
		if (read_entry(&in[i], &sealed[out->n]) &&
			wxcert_add(c, found, &sealed[out->n], clock_now_ms() / SECOND_MS))
			out->n++;
		else
			log_line(LOG_WARN, "wxpay",
				TARGET ": one that is expired or can't be opened");
	if (out->n == 0)
		log_line(LOG_ALARM, "wxpay",
			TARGET ": not one can be opened: is WECHAT_API_V3_KEY the merchant's?");
}

enum outcome wxcert_download(struct ctx *c, struct list *out)
{
	const struct wx_keys *keys = wx_keys_of(c);
	struct wx_keys found = { .api_v3_key = keys->api_v3_key };
	const int64_t start_us = clock_mono_us();
	struct wx_reply reply = wx_send(c, "GET", TARGET, (struct slice){ 0 });
	struct list_in in = { 0 };

	*out = (struct list){ 0 };
	if (reply.status == 200 && provider_json(c, reply.body, list_in_fields, &in)) {
		open_all(c, &in.data, &found, out);
		/*
		 * With the public key the response is signed by it (PAYMENTS.md 2.5). The first
		 * certificates can't be known beforehand: their encryption is the proof.
		 */
		wx_verify_reply(
			c, wx_keys_has(keys, reply.proof.serial) ? keys : &found, TARGET, &reply);
	}
	wx_keys_done(&found);
	if (reply.outcome == OUTCOME_NONE && c->conf->wechat_pay_public_key_id == NULL)
		log_line(LOG_ALARM, "wxpay",
			"WeChat Pay has no platform certificates for this merchant: set "
			"WECHAT_PAY_PUBLIC_KEY_ID and WECHAT_PAY_PUBLIC_KEY_FILE");
	return provider_counted("wechat", start_us, reply.outcome);
}

/* SPDX-License-Identifier: MIT */
/*
 * What WeChat Pay sends. The first letter says what the rest is: an envelope ('e'), a transaction ('t')
 * or a refund ('r'), which are encrypted here as WeChat does, or signature headers, one per line ('s').
 */
#include <openssl/evp.h>

#include "ext/db.h"
#include "fuzz.h"
#include "providers/wechat/refund.h"

#define KEY   "Qz7Lw2Xc9Vb4Nm6Pa1Sd8Fg3Hj5Kl0Tr"
#define NONCE "0123456789ab"
#define AAD   "transaction"

enum { TAG_LEN = 16 };

/* stub of ext/db.c: nothing is called or stored */
bool db_in_tx(const struct db *db)
{
	(void)db;
	return false;
}

static const char *seal(struct arena *a, struct slice plain)
{
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	unsigned char *out = arena_alloc(a, plain.len + TAG_LEN);
	int n = 0, more = 0;

	HOLDS(x != NULL);
	HOLDS(EVP_EncryptInit_ex(x, EVP_aes_256_gcm(), NULL, (const unsigned char *)KEY,
		      (const unsigned char *)NONCE) == 1);
	HOLDS(EVP_EncryptUpdate(x, NULL, &more, (const unsigned char *)AAD, sizeof(AAD) - 1) == 1);
	HOLDS(EVP_EncryptUpdate(x, out, &n, (const unsigned char *)plain.p, (int)plain.len) == 1);
	HOLDS(EVP_EncryptFinal_ex(x, out + n, &more) == 1);
	HOLDS(EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_GET_TAG, TAG_LEN, out + plain.len) == 1);
	EVP_CIPHER_CTX_free(x);
	return base64_encode(a, out, plain.len + TAG_LEN);
}

static void sealed(struct ctx *c, const struct wx_keys *keys, struct slice plain, bool refund)
{
	const struct wx_event e = {
		.original_type = refund ? "refund" : "transaction",
		.algorithm = "AEAD_AES_256_GCM",
		.ciphertext = seal(&c->arena, plain),
		.nonce = NONCE,
		.associated_data = AAD,
	};
	struct provider_trade t;
	struct provider_refund r;

	HOLDS(wxrefund_is_event(&e) == refund);
	if (refund && wxrefund_of_event(c, keys, &e, &r))
		HOLDS(r.refund_no != NULL && r.total_fen >= -1 && r.refund_fen >= -1);
	if (!refund && wxpay_event_trade(c, keys, &e, &t))
		HOLDS(t.out_trade_no != NULL && t.total_fen >= -1);
}

static void envelope(struct ctx *c, const struct wx_keys *keys, struct slice body)
{
	struct provider_trade t;
	struct provider_refund r;
	struct wx_event e;

	if (!wxpay_event(c, body, &e))
		return;
	/* only the holder of the key can have made it */
	HOLDS(!wxpay_event_trade(c, keys, &e, &t));
	HOLDS(!wxrefund_of_event(c, keys, &e, &r));
}

static void headers(struct ctx *c, const struct wx_keys *keys, char *text)
{
	struct wx_signed m = { .body = { "{}", 2 } };
	const char **const members[] = { &m.timestamp, &m.nonce, &m.serial, &m.signature,
		&m.signature_type };
	char *save = NULL;

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		*members[i] = strtok_r(i == 0 ? text : NULL, "\n", &save);
	HOLDS(wx_verify(&c->arena, keys, &m, ctx_now_s(c)) != WX_VALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wx_keys keys = { .api_v3_key = { KEY, sizeof(KEY) - 1 } };
	struct ctx c = FUZZ_CTX;
	struct slice rest;

	if (size == 0)
		return 0;
	rest = (struct slice){ arena_dup(&c.arena, (const char *)data + 1, size - 1), size - 1 };
	switch (data[0]) {
	case 'e':
		envelope(&c, &keys, rest);
		break;
	case 't':
	case 'r':
		sealed(&c, &keys, rest, data[0] == 'r');
		break;
	case 's':
		headers(&c, &keys, arena_dup(&c.arena, rest.p, rest.len));
		break;
	default:
		break;
	}
	HOLDS(c.fault == NULL); /* a fault of WeChat's data is not our caller's */
	arena_done(&c.arena);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "shop/books/webhook_sign.h"

#include "ext/crypto.h"

#define PREFIX "whsec_"
enum { SECRET_LEN = 32, SIGNATURE_MAX = 512 };

const char *webhook_new_secret(struct arena *a)
{
	unsigned char bytes[SECRET_LEN];

	crypto_random(bytes, sizeof(bytes));
	return arena_printf(a, PREFIX "%s", base64_encode(a, bytes, sizeof(bytes)));
}

static bool key_of(struct arena *a, const char *secret, struct slice *key)
{
	return str_starts(secret, PREFIX) &&
	       base64_decode(a, slice_of(secret + sizeof(PREFIX) - 1), key) && key->len > 0;
}

bool webhook_sign(struct arena *a, const char *const *secrets, const char *id, int64_t at_s,
	struct slice body, struct webhook_headers *out)
{
	struct str message = str_new(a, strlen(id) + body.len + 64);
	struct str signatures = str_new(a, SIGNATURE_MAX);
	char hex[SHA256_HEX_LEN + 1] = "";
	unsigned char mac[SHA256_LEN];
	struct slice key;

	str_addf(&message, "%s.%lld.", id, (long long)at_s);
	str_add(&message, body.p, body.len);
	str_adds(&signatures, "webhook-signature:");
	for (size_t i = 0; secrets[i] != NULL; i++) {
		if (!key_of(a, secrets[i], &key))
			return false;
		crypto_hmac_sha256(key, (struct slice){ str_text(&message), message.len }, mac);
		str_addf(&signatures, " v1,%s", base64_encode(a, mac, sizeof(mac)));
		if (i > 0)
			continue;
		crypto_hmac_sha256(key, body, mac);
		hex_encode(mac, sizeof(mac), hex);
	}
	*out = (struct webhook_headers){ {
		"Content-Type: application/json",
		arena_printf(a, "webhook-id: %s", id),
		arena_printf(a, "webhook-timestamp: %lld", (long long)at_s),
		str_text(&signatures),
		arena_printf(a, "X-Signature: %s", hex),
		NULL,
	} };
	return !message.overflow && !signatures.overflow && hex[0] != '\0';
}

void client_sign(
	struct arena *a, const char *secret, struct slice body, struct webhook_headers *out)
{
	char hex[SHA256_HEX_LEN + 1];
	unsigned char mac[SHA256_LEN];

	crypto_hmac_sha256(slice_of(secret), body, mac);
	hex_encode(mac, sizeof(mac), hex);
	*out = (struct webhook_headers){ {
		"Content-Type: application/json",
		arena_printf(a, "X-Signature: %s", hex),
		NULL,
	} };
}

/* SPDX-License-Identifier: MIT */
#include "providers/gateway/sign.h"

#include <ctype.h>

#include "ext/crypto.h"

static const char *sign(struct ctx *c, const char *secret, struct slice text)
{
	unsigned char mac[SHA256_LEN];
	char *hex = arena_alloc(&c->arena, SHA256_HEX_LEN + 1);

	crypto_hmac_sha256(slice_of(secret), text, mac);
	hex_encode(mac, SHA256_LEN, hex);
	return hex;
}

const char *gateway_sign(struct ctx *c, struct slice text)
{
	return sign(c, c->conf->gateway_secret, text);
}

bool gateway_is_signed(struct ctx *c, struct slice text, const char *signature)
{
	const char *const secrets[] = { c->conf->gateway_secret, c->conf->gateway_previous_secret };
	char lower[SHA256_HEX_LEN + 1] = "";
	bool matches = false;

	if (signature == NULL || strlen(signature) != SHA256_HEX_LEN)
		return false;
	for (size_t i = 0; i < SHA256_HEX_LEN; i++)
		lower[i] = (char)tolower((unsigned char)signature[i]);
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
		if (secrets[i] != NULL)
			matches = bytes_equal(sign(c, secrets[i], text), lower, SHA256_HEX_LEN) ||
				  matches;
	return matches;
}

/* SPDX-License-Identifier: MIT */
/* An access token: the input as a token, and as the claims of a correctly signed one. */
#include "web/jwt.h"
#include "ext/crypto.h"
#include "fuzz.h"

static const char *with_signature(struct ctx *c, const uint8_t *claims, size_t size)
{
	static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	const char *signed_part = arena_printf(&c->arena, "%s.%s",
		base64url_encode(&c->arena, header, sizeof(header) - 1),
		base64url_encode(&c->arena, claims, size));
	unsigned char mac[SHA256_LEN];

	crypto_hmac_sha256(slice_of(c->conf->jwt_secret), slice_of(signed_part), mac);
	return arena_printf(
		&c->arena, "%s.%s", signed_part, base64url_encode(&c->arena, mac, sizeof(mac)));
}

static void verify(struct ctx *c, const char *token)
{
	int64_t user_id = 0, session_id = 0;

	if (jwt_verify(c, token, &user_id, &session_id))
		HOLDS(user_id >= 0 && session_id >= 1);
	HOLDS(c->fault == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx c = FUZZ_CTX;

	verify(&c, fuzz_text(&c.arena, data, size));
	verify(&c, with_signature(&c, data, size));
	arena_done(&c.arena);
	return 0;
}

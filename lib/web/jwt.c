/* SPDX-License-Identifier: MIT */
#include "web/jwt.h"

#include "base/field.h"
#include "ext/crypto.h"
#include "ext/json.h"

#define TOKEN_MAX    2048
#define ISSUER       "minimall"
#define NBF_LEEWAY_S 5 /* clock skew between hosts */

/* The only header that we write and accept: algorithm, key and extensions are not negotiable. */
static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

struct claims {
	uint64_t has;
	const char *iss, *aud, *sub;
	int64_t sid, iat, nbf, exp;
};

#define SECONDS_MAX INT64_C(253402300799)
static const struct field claims_fields[] = {
	INPUT(struct claims, iss, 1, 32, F_REQUIRED),
	INPUT(struct claims, aud, 1, 32, F_REQUIRED),
	INPUT(struct claims, sub, 1, 20, F_REQUIRED),
	INPUT(struct claims, sid, 1, INT64_MAX - 1, F_REQUIRED),
	INPUT(struct claims, iat, 0, SECONDS_MAX, F_REQUIRED),
	INPUT(struct claims, nbf, 0, SECONDS_MAX, F_REQUIRED),
	INPUT(struct claims, exp, 0, SECONDS_MAX, F_REQUIRED),
	FIELD_END,
};

static const char *signature(struct ctx *c, struct slice signed_part)
{
	unsigned char mac[SHA256_LEN];

	crypto_hmac_sha256(slice_of(c->conf->jwt_secret), signed_part, mac);
	return base64url_encode(&c->arena, mac, sizeof(mac));
}

const char *jwt_issue(struct ctx *c, int64_t user_id, int64_t session_id)
{
	const int64_t now_s = ctx_now_s(c);
	struct claims claims = {
		.iss = ISSUER,
		.aud = ISSUER,
		.sub = arena_printf(&c->arena, "%lld", (long long)user_id),
		.sid = session_id,
		.iat = now_s,
		.nbf = now_s,
		.exp = now_s + JWT_LIFETIME_S,
	};
	struct str payload = str_new(&c->arena, TOKEN_MAX), token = str_new(&c->arena, TOKEN_MAX);

	json_write(&payload, claims_fields, &claims);
	str_adds(&token, base64url_encode(&c->arena, header, sizeof(header) - 1));
	str_addc(&token, '.');
	str_adds(&token, base64url_encode(&c->arena, str_text(&payload), payload.len));
	str_addf(&token, ".%s", signature(c, (struct slice){ str_text(&token), token.len }));
	return str_text(&token);
}

/* Split "header.payload.signature". */
static bool split(const char *token, struct slice parts[3])
{
	const char *first = strchr(token, '.'), *second;

	second = first != NULL ? strchr(first + 1, '.') : NULL;
	if (second == NULL || strchr(second + 1, '.') != NULL)
		return false;
	parts[0] = (struct slice){ token, (size_t)(first - token) };
	parts[1] = (struct slice){ first + 1, (size_t)(second - first - 1) };
	parts[2] = slice_of(second + 1);
	return true;
}

bool jwt_verify(struct ctx *c, const char *token, int64_t *user_id, int64_t *session_id)
{
	const int64_t now_s = ctx_now_s(c);
	struct slice parts[3], head, payload;
	struct claims claims = { 0 };
	const char *expected;

	if (strnlen(token, TOKEN_MAX + 1) > TOKEN_MAX || !split(token, parts) ||
		!base64url_decode(&c->arena, parts[0], &head) || !slice_is(head, header))
		return false;
	expected = signature(c, (struct slice){ token, (size_t)(parts[2].p - token) - 1 });
	if (parts[2].len != strlen(expected) || !bytes_equal(parts[2].p, expected, parts[2].len))
		return false;
	if (!base64url_decode(&c->arena, parts[1], &payload) ||
		json_read(c, payload, claims_fields, JSON_MAKE, &claims) != OK) {
		c->fault = NULL;
		return false;
	}
	*session_id = claims.sid;
	return strcmp(claims.iss, ISSUER) == 0 && strcmp(claims.aud, ISSUER) == 0 &&
	       claims.nbf <= now_s + NBF_LEEWAY_S && claims.exp > now_s &&
	       str_to_i64(slice_of(claims.sub), INT64_MAX - 1, user_id);
}

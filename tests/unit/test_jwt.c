/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#include "base/log.h"
#include "base/str.h"
#include "web/jwt.h"

#define SECRET       "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga"
#define OTHER_SECRET "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Gb"
#define NOW_S        INT64_C(1795262400)
#define HEADER       "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const struct conf conf = { .jwt_secret = SECRET },
			 other_conf = { .jwt_secret = OTHER_SECRET };
static struct ctx ctx = { .conf = &conf, .now_ms = NOW_S * 1000 };

static int forget(void **state)
{
	(void)state;
	arena_done(&ctx.arena);
	ctx.conf = &conf;
	ctx.now_ms = NOW_S * 1000;
	return 0;
}

static bool accepted(const char *token)
{
	int64_t user_id = 0, session_id = 0;

	return jwt_verify(&ctx, token, &user_id, &session_id);
}

/* ---- tokens made with OpenSSL directly, independent of our code ---- */

static void base64url(const void *data, size_t len, struct str *out)
{
	char text[4096];
	int n = EVP_EncodeBlock((unsigned char *)text, data, (int)len);

	while (n > 0 && text[n - 1] == '=')
		n--;
	for (int i = 0; i < n; i++)
		str_addc(out, text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i]);
}

static const char *make(
	const char *secret, const EVP_MD *digest, const char *header, const char *payload)
{
	struct str token = str_new(&ctx.arena, 8192);
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	base64url(header, strlen(header), &token);
	str_addc(&token, '.');
	base64url(payload, strlen(payload), &token);
	assert_non_null(HMAC(digest, secret, (int)strlen(secret),
		(const unsigned char *)str_text(&token), token.len, mac, &len));
	str_addc(&token, '.');
	base64url(mac, len, &token);
	return str_text(&token);
}

static const char *signed_token(const char *header, const char *payload)
{
	return make(SECRET, EVP_sha256(), header, payload);
}

struct claims {
	const char *iss, *aud, *sub, *sid;
	int64_t iat, nbf, exp;
};

static const struct claims good = { "\"minimall\"", "\"minimall\"", "\"42\"", "7", NOW_S, NOW_S,
	NOW_S + JWT_LIFETIME_S };

static const char *payload_of(struct claims x)
{
	return arena_printf(&ctx.arena,
		"{\"iss\":%s,\"aud\":%s,\"sub\":%s,\"sid\":%s,\"iat\":%lld,\"nbf\":%lld,\"exp\":%"
		"lld}",
		x.iss, x.aud, x.sub, x.sid, (long long)x.iat, (long long)x.nbf, (long long)x.exp);
}

/* ---- accepted ---- */

static void an_issued_token_names_its_user_and_session(void **state)
{
	static const int64_t ids[][2] = { { 1, 1 }, { 42, 7 }, { INT64_MAX - 1, INT64_MAX - 1 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		const char *token = jwt_issue(&ctx, ids[i][0], ids[i][1]);
		int64_t user_id = 0, session_id = 0;

		assert_true(jwt_verify(&ctx, token, &user_id, &session_id));
		assert_int_equal(user_id, ids[i][0]);
		assert_int_equal(session_id, ids[i][1]);
		assert_null(ctx.fault);
	}
}

static void an_issued_token_equals_one_made_by_openssl(void **state)
{
	(void)state;
	assert_string_equal(jwt_issue(&ctx, 42, 7), signed_token(HEADER, payload_of(good)));
}

static void a_token_is_valid_for_a_day_to_the_second(void **state)
{
	const char *token = jwt_issue(&ctx, 42, 7);

	(void)state;
	ctx.now_ms = (NOW_S + 86400) * 1000 - 1;
	assert_true(accepted(token));
	ctx.now_ms++;
	assert_false(accepted(token));
	ctx.now_ms += 86400 * 1000;
	assert_false(accepted(token));
}

static void a_token_from_the_future_is_refused_beyond_a_few_seconds_of_clock_skew(void **state)
{
	struct claims x = good;

	(void)state;
	x.nbf = NOW_S + 5;
	assert_true(accepted(signed_token(HEADER, payload_of(x))));
	x.nbf = NOW_S + 6;
	assert_false(accepted(signed_token(HEADER, payload_of(x))));
	x.nbf = NOW_S + 86400 * 365;
	assert_false(accepted(signed_token(HEADER, payload_of(x))));
}

static void unknown_claims_are_ignored(void **state)
{
	(void)state;
	assert_true(accepted(signed_token(HEADER,
		"{\"iss\":\"minimall\",\"aud\":\"minimall\",\"sub\":\"42\",\"sid\":7,\"iat\":1,"
		"\"nbf\":1,"
		"\"exp\":99999999999,\"role\":\"admin\",\"x\":{\"y\":[1]}}")));
}

/* ---- refused despite a valid signature ---- */

static void no_other_header_is_accepted(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\",\"typ\":\"JWT\"}",
		"{\"alg\":\"None\",\"typ\":\"JWT\"}",
		"{\"alg\":\"NONE\"}",
		"{\"alg\":\"\"}",
		"{\"alg\":\"hs256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"HS384\",\"typ\":\"JWT\"}",
		"{\"alg\":\"HS512\",\"typ\":\"JWT\"}",
		"{\"alg\":\"RS256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
		"{\"alg\":[\"HS256\"],\"typ\":\"JWT\"}",
		"{\"alg\":\"HS256\"}",
		"{\"typ\":\"JWT\",\"alg\":\"HS256\"}",
		"{\"alg\":\"HS256\",\"typ\":\"jwt\"}",
		"{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}",
		"{\"alg\":\"HS256\", \"typ\":\"JWT\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\"} ",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"1\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"crit\":[\"x\"],\"x\":1}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jwk\":{\"kty\":\"oct\",\"k\":\"AA\"}}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"jku\":\"https://example.com/keys\"}",
		"{\"alg\":\"none\",\"alg\":\"HS256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\",\"b64\":false}",
		"{}",
		"",
		"null",
	};

	(void)state;
	assert_true(accepted(signed_token(HEADER, payload_of(good))));
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (accepted(signed_token(headers[i], payload_of(good))))
			fail_msg("accepted: %s", headers[i]);
}

static void no_other_algorithm_or_secret_is_accepted(void **state)
{
	const char *payload = payload_of(good), *token = signed_token(HEADER, payload);
	const char *none = "{\"alg\":\"none\",\"typ\":\"JWT\"}";
	struct str bare = str_new(&ctx.arena, 4096);

	(void)state;
	assert_false(accepted(make(SECRET, EVP_sha384(), HEADER, payload)));
	assert_false(accepted(make(SECRET, EVP_sha512(), HEADER, payload)));
	assert_false(accepted(make(SECRET, EVP_sha1(), HEADER, payload)));
	assert_false(accepted(make(OTHER_SECRET, EVP_sha256(), HEADER, payload)));
	assert_false(accepted(make("", EVP_sha256(), HEADER, payload)));
	base64url(none, strlen(none), &bare);
	str_addc(&bare, '.');
	base64url(payload, strlen(payload), &bare);
	assert_false(accepted(str_text(&bare)));
	str_addc(&bare, '.');
	assert_false(accepted(str_text(&bare)));
	ctx.conf = &other_conf;
	assert_false(accepted(token));
}

static void every_claim_must_be_valid(void **state)
{
	static const struct claims cases[] = {
		{ "\"minimal\"", "\"minimall\"", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall2\"", "\"minimall\"", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "\"MINIMALL\"", "\"minimall\"", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "null", "\"minimall\"", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "[\"minimall\"]", "\"minimall\"", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"other\"", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "[\"minimall\"]", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"\"", "\"42\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "42", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"042\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"-42\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"42 OR 1\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"9223372036854775808\"", "7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "\"7\"", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "0", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "-7", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "7.0", 1, 1, NOW_S + 9 },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "7", 1, 1, NOW_S },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "7", 1, 1, 0 },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "7", 1, 1, -1 },
		{ "\"minimall\"", "\"minimall\"", "\"42\"", "7", -1, 1, NOW_S + 9 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (accepted(signed_token(HEADER, payload_of(cases[i]))))
			fail_msg("accepted: %s", payload_of(cases[i]));
}

static void a_payload_must_be_one_strict_json_object(void **state)
{
	static const char *const claims[] = { "\"iss\":\"minimall\"", "\"aud\":\"minimall\"",
		"\"sub\":\"42\"", "\"sid\":7", "\"iat\":1", "\"nbf\":1", "\"exp\":99999999999" };
	static const char *const payloads[] = { "", "null", "[]", "\"minimall\"", "{}",
		"{\"iss\":\"minimall\",\"aud\":\"minimall\",\"sub\":\"1\",\"sub\":\"42\",\"sid\":7,"
		"\"iat\":1,"
		"\"nbf\":1,\"exp\":99999999999}",
		"{\"iss\":\"minimall\",\"aud\":\"minimall\",\"sub\":\"42\",\"sid\":7,\"iat\":1,"
		"\"nbf\":1,"
		"\"exp\":99999999999} {}",
		"{'iss':'minimall','aud':'minimall','sub':'42','sid':7,'iat':1,'nbf':1,'exp':"
		"99999999999}",
		"{\"iss\":\"minimall\",\"aud\":\"minimall\",\"sub\":\"42\",\"sid\":7,\"iat\":1,"
		"\"nbf\":1,"
		"\"exp\":1e11}" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(payloads); i++)
		if (accepted(signed_token(HEADER, payloads[i])))
			fail_msg("accepted: %s", payloads[i]);
	/* each claim omitted in turn, and finally none */
	for (size_t gap = 0; gap <= ARRAY_LEN(claims); gap++) {
		struct str s = str_new(&ctx.arena, 1024);

		for (size_t i = 0; i < ARRAY_LEN(claims); i++)
			if (i != gap)
				str_addf(&s, "%s%s", s.len > 0 ? "," : "{", claims[i]);
		str_addc(&s, '}');
		assert_int_equal(
			accepted(signed_token(HEADER, str_text(&s))), gap == ARRAY_LEN(claims));
		assert_null(ctx.fault); /* a fault of a token is not a field of the request */
	}
}

static void malformed_tokens_are_refused(void **state)
{
	static const char *const cases[] = { "", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d",
		"null", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.", " . . " };
	struct str big = str_new(&ctx.arena, 1 << 20);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_false(accepted(cases[i]));
	for (int i = 0; i < 100000; i++)
		str_adds(&big, "A.");
	assert_false(accepted(str_text(&big)));
}

static void a_token_beyond_the_limit_is_refused_though_signed(void **state)
{
	(void)state;
	for (int pad = 1; pad <= 4000; pad += 3999) {
		const char *payload = arena_printf(&ctx.arena,
			"{\"x\":\"%0*d\",\"iss\":\"minimall\",\"aud\":\"minimall\",\"sub\":\"42\","
			"\"sid\":7,"
			"\"iat\":1,\"nbf\":1,\"exp\":99999999999}",
			pad > 1 ? 1900 : 1, 0);

		assert_int_equal(accepted(signed_token(HEADER, payload)), pad == 1);
	}
}

/* ---- refused because it was changed ---- */

static uint64_t seed = 88172645463325252;

static size_t random_below(size_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

static void mutate(const char *token, size_t len, char *out)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ %";
	const size_t at = random_below(len);
	const char ch = alphabet[random_below(sizeof(alphabet) - 1)];

	memcpy(out, token, len + 1);
	switch (random_below(7)) {
	case 0: /* another character */
		out[at] = ch;
		break;
	case 1: /* one bit */
		out[at] = (char)(out[at] ^ 1 << random_below(7));
		break;
	case 2: /* one more */
		memmove(out + at + 1, out + at, len - at + 1);
		out[at] = ch;
		break;
	case 3: /* one less */
		memmove(out + at, out + at + 1, len - at);
		break;
	case 4: /* truncated */
		out[at] = '\0';
		break;
	case 5: /* something appended */
		snprintf(out + len, 8, "%c%c", ch, ch);
		break;
	default: /* two characters swapped */
		out[at] = token[len - 1 - at];
		out[len - 1 - at] = token[at];
		break;
	}
}

static void of_10000_changed_tokens_none_is_accepted(void **state)
{
	int changed = 0;

	(void)state;
	while (changed < 10000) {
		const char *token = jwt_issue(&ctx, (int64_t)random_below(1000) + 1, 7);
		size_t len = strlen(token);
		char *copy = arena_alloc(&ctx.arena, len + 16);

		mutate(token, len, copy);
		if (strcmp(copy, token) != 0) {
			changed++;
			if (accepted(copy))
				fail_msg("accepted: %s\ninstead of: %s", copy, token);
		}
		arena_reset(&ctx.arena);
		ctx.fault = NULL;
	}
}

static void every_other_last_character_is_refused(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char *token = arena_dup(&ctx.arena, jwt_issue(&ctx, 42, 7), strlen(jwt_issue(&ctx, 42, 7)));
	size_t last = strlen(token) - 1;
	int taken = 0;

	(void)state;
	/* 43 characters hold two bits more than 32 bytes: these must be zero */
	for (const char *ch = alphabet; *ch != '\0'; ch++) {
		token[last] = *ch;
		taken += accepted(token);
	}
	assert_int_equal(taken, 1);
}

static void parts_of_two_tokens_make_no_valid_token(void **state)
{
	const char *a = jwt_issue(&ctx, 1, 1), *b = jwt_issue(&ctx, 2, 2);
	const char *a_sign = strrchr(a, '.'), *b_sign = strrchr(b, '.');

	(void)state;
	assert_true(accepted(a));
	assert_true(accepted(b));
	assert_false(accepted(arena_printf(&ctx.arena, "%.*s%s", (int)(a_sign - a), a, b_sign)));
	assert_false(accepted(arena_printf(&ctx.arena, "%.*s%s", (int)(b_sign - b), b, a_sign)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_issued_token_names_its_user_and_session, forget),
		cmocka_unit_test_teardown(an_issued_token_equals_one_made_by_openssl, forget),
		cmocka_unit_test_teardown(a_token_is_valid_for_a_day_to_the_second, forget),
		cmocka_unit_test_teardown(
			a_token_from_the_future_is_refused_beyond_a_few_seconds_of_clock_skew,
			forget),
		cmocka_unit_test_teardown(unknown_claims_are_ignored, forget),
		cmocka_unit_test_teardown(no_other_header_is_accepted, forget),
		cmocka_unit_test_teardown(no_other_algorithm_or_secret_is_accepted, forget),
		cmocka_unit_test_teardown(every_claim_must_be_valid, forget),
		cmocka_unit_test_teardown(a_payload_must_be_one_strict_json_object, forget),
		cmocka_unit_test_teardown(malformed_tokens_are_refused, forget),
		cmocka_unit_test_teardown(
			a_token_beyond_the_limit_is_refused_though_signed, forget),
		cmocka_unit_test_teardown(of_10000_changed_tokens_none_is_accepted, forget),
		cmocka_unit_test_teardown(every_other_last_character_is_refused, forget),
		cmocka_unit_test_teardown(parts_of_two_tokens_make_no_valid_token, forget),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <time.h>

#include "base/log.h"
#include "ext/crypto.h"
#include "vectors.h"

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_reset(&arena);
	return 0;
}

static void assert_hex(const unsigned char *bytes, size_t n, const char *expected)
{
	char hex[2 * 64 + 1];

	hex_encode(bytes, n, hex);
	assert_string_equal(hex, expected);
}

static void sha256_gives_the_published_digests(void **state)
{
	unsigned char out[SHA256_LEN];

	(void)state;
	crypto_sha256("abc", 3, out);
	assert_hex(out, sizeof(out),
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypto_sha256(NULL, 0, out);
	assert_hex(out, sizeof(out),
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_gives_the_answers_of_rfc4231(void **state)
{
	struct json_object *file = data_json("hmac_gateway.json");
	unsigned char out[SHA256_LEN];

	(void)state;
	for (int round = 0; round < 2; round++) /* the context is reused */
		for (int i = 0; i < 3; i++) {
			char at[48];
			struct slice key, data;

			snprintf(at, sizeof(at), "/rfc4231/%d/key_hex", i);
			key = unhex(&arena, text_at(file, at));
			snprintf(at, sizeof(at), "/rfc4231/%d/data_hex", i);
			data = unhex(&arena, text_at(file, at));
			snprintf(at, sizeof(at), "/rfc4231/%d/mac", i);
			crypto_hmac_sha256(key, data, out);
			assert_hex(out, sizeof(out), text_at(file, at));
		}
	crypto_hmac_sha256(slice_at(file, "/secret_utf8"), slice_at(file, "/body"), out);
	assert_hex(out, sizeof(out), text_at(file, "/schemes/0/signature"));
	json_object_put(file);
}

static void hmac_with_an_empty_key_does_not_reuse_the_previous_key(void **state)
{
	unsigned char out[SHA256_LEN];

	(void)state;
	crypto_hmac_sha256(slice_of("a key that stays in the context"), slice_of(""), out);
	crypto_hmac_sha256((struct slice){ 0 }, (struct slice){ 0 }, out);
	assert_hex(out, sizeof(out),
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void base64_gives_the_texts_of_rfc4648(void **state)
{
	static const char *const texts[] = { "", "Zg==", "Zm8=", "Zm9v",
		"Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct slice out;

		assert_string_equal(base64_encode(&arena, "foobar", i), texts[i]);
		assert_true(base64_decode(&arena, slice_of(texts[i]), &out));
		assert_int_equal(out.len, i);
		assert_memory_equal(out.p, "foobar", i);
		assert_int_equal(out.p[out.len], '\0');
	}
	assert_string_equal(base64_encode(&arena, "\xfb\xff\xbf", 3), "+/+/");
	assert_string_equal(base64url_encode(&arena, "\xfb\xff\xbf", 3), "-_-_");
	assert_string_equal(base64url_encode(&arena, "f", 1), "Zg");
}

static void what_was_encoded_decodes_to_the_same(void **state)
{
	unsigned char bytes[300];
	struct slice out;

	(void)state;
	for (size_t n = 0; n <= sizeof(bytes); n++) {
		crypto_random(bytes, n);
		assert_true(base64_decode(&arena, slice_of(base64_encode(&arena, bytes, n)), &out));
		assert_int_equal(out.len, n);
		assert_memory_equal(out.p, bytes, n);
		assert_true(base64url_decode(
			&arena, slice_of(base64url_encode(&arena, bytes, n)), &out));
		assert_int_equal(out.len, n);
		assert_memory_equal(out.p, bytes, n);
	}
}

static void malformed_base64_is_refused(void **state)
{
	static const char *const bad[] = { "=", "==", "===", "====", "Z", "Zg",
		"Zg=", "Zg===", "Zm8",
		"Zm8==", "Z===", "=Zg=", "Z=g=", "Zg==Zg==", "Zm9v=", "Zm9v====", " Zm9v", "Zm9v ",
		"Zm9v\n", "Zm 9v===", "Zm9\n", "Zm9v\r\n", "Zh==", "Zm9=", "Z/==", "Zm-_", "-_-_",
		"Zm9*", "Zm9\x80", "WECHATPAY/SIGNTEST/abc" };
	static const char *const bad_url[] = { "Z", "Zg==", "Zg=", "Zm9v=", "Zh", "Zm9", "+/+/",
		"Zm9v\n", " Zm9v", "Zm9vA", "Zm.v", "Z" };
	struct slice out = { "untouched", 9 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (base64_decode(&arena, slice_of(bad[i]), &out))
			fail_msg("accepted: %s", bad[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad_url); i++)
		if (base64url_decode(&arena, slice_of(bad_url[i]), &out))
			fail_msg("accepted: %s", bad_url[i]);
	assert_false(base64_decode(&arena, (struct slice){ "Zm\0v", 4 }, &out));
	assert_string_equal(out.p, "untouched");
}

static void random_text_uses_its_whole_alphabet_and_nothing_else(void **state)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char *text = crypto_random_text(&arena, letters, 6200);
	char *other = crypto_random_text(&arena, letters, 6200);

	(void)state;
	assert_int_equal(strlen(text), 6200);
	assert_int_equal(strspn(text, letters), 6200);
	for (size_t i = 0; letters[i] != '\0'; i++)
		assert_non_null(strchr(text, letters[i]));
	assert_string_not_equal(text, other);
	assert_string_equal(crypto_random_text(&arena, "ab", 0), "");
}

static void only_suitable_rsa_keys_are_accepted(void **state)
{
	struct json_object *doc = data_json("wechat_doc_signing.json");
	struct json_object *apache = data_json("wechat_apache_httpclient.json");
	struct slice secret = slice_at(doc, "/merchant/private_key_pem");
	struct slice public = slice_at(doc, "/merchant/public_key_pem_derived");
	struct slice certificate = slice_at(apache, "/rsa_oaep_sha1_mgf1sha1/certificate_pem");
	struct rsa_key *key;

	(void)state;
	assert_null(rsa_private_key(public));
	assert_null(rsa_public_key(secret));
	assert_null(rsa_public_key(certificate));
	assert_null(rsa_private_key(slice_of("")));
	assert_null(rsa_public_key(slice_of("-----BEGIN PUBLIC KEY-----\nAAAA\n")));
	assert_null(rsa_public_key(data_text(&arena, "rsa-1024-public.pem")));
	assert_null(rsa_private_key(data_text(&arena, "ec-private.pem")));
	assert_null(rsa_private_key(data_text(&arena, "rsa-2048-encrypted.pem")));
	key = rsa_private_key(secret);
	assert_non_null(key);
	rsa_key_free(key);
	rsa_key_free(NULL);
	json_object_put(doc);
	json_object_put(apache);
}

static void aes_gcm_decrypts_only_authentic_ciphertext(void **state)
{
	/* the GCM specification's test cases 13 and 14 */
	struct slice key =
		unhex(&arena, "0000000000000000000000000000000000000000000000000000000000000000");
	struct slice nonce = unhex(&arena, "000000000000000000000000"), none = { "", 0 };
	struct slice empty = unhex(&arena, "530f8afbc74536b9a963b4f1c4cb738b");
	struct slice block =
		unhex(&arena, "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
	struct slice out = { 0 };

	(void)state;
	assert_true(aes_gcm_open(&arena, key, nonce, none, empty, &out));
	assert_int_equal(out.len, 0);
	assert_true(aes_gcm_open(&arena, key, nonce, none, block, &out));
	assert_int_equal(out.len, 16);
	assert_memory_equal(out.p, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);

	out = (struct slice){ 0 };
	assert_false(aes_gcm_open(&arena, key, nonce, slice_of("aad"), block, &out));
	for (size_t i = 0; i < block.len; i++) {
		char *spoilt = arena_dup(&arena, block.p, block.len);

		spoilt[i] = (char)(spoilt[i] ^ 1);
		assert_false(aes_gcm_open(
			&arena, key, nonce, none, (struct slice){ spoilt, block.len }, &out));
	}
	for (size_t n = 0; n < block.len; n++)
		assert_false(
			aes_gcm_open(&arena, key, nonce, none, (struct slice){ block.p, n }, &out));
	assert_null(out.p);
}

static void aes_gcm_wants_32_bytes_of_key_and_12_of_nonce(void **state)
{
	static const char zeros[64];
	struct slice none = { "", 0 }, out = { 0 };
	struct slice sealed = unhex(&arena, "530f8afbc74536b9a963b4f1c4cb738b");

	(void)state;
	for (size_t key = 0; key <= 64; key++)
		for (size_t nonce = 0; nonce <= 16; nonce++)
			assert_int_equal(
				aes_gcm_open(&arena, (struct slice){ zeros, key },
					(struct slice){ zeros, nonce }, none, sealed, &out),
				key == 32 && nonce == 12);
}

static void a_password_matches_only_its_own_hash(void **state)
{
	const char *hash, *again;

	(void)state;
	assert_int_equal(password_hash(&arena, "correct horse 电池", &hash), OK);
	assert_int_equal(password_hash(&arena, "correct horse 电池", &again), OK);
	assert_true(str_starts(hash, "$y$j9T$"));
	assert_string_not_equal(hash, again);
	assert_true(password_verify("correct horse 电池", hash));
	assert_true(password_verify("correct horse 电池", again));
	assert_false(password_verify("correct horse 电", hash));
	assert_false(password_verify("Correct horse 电池", hash));
	assert_false(password_verify("", hash));
}

static void an_invalid_hash_matches_no_password(void **state)
{
	static const char *const bad[] = { "", "*0", "*1", "!", "x", "$y$", "$y$j9T$",
		"$y$j9T$abcdefgh$", "correct horse" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(password_verify("correct horse", bad[i]));
		assert_false(password_verify("", bad[i]));
		assert_false(password_verify(bad[i], bad[i]));
	}
	assert_false(password_verify("correct horse", NULL));
}

static void a_password_beyond_the_limit_is_neither_hashed_nor_truncated(void **state)
{
	char longest[PASSWORD_MAX + 2];
	const char *hash = "untouched";

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[PASSWORD_MAX + 1] = '\0';
	assert_int_equal(password_hash(&arena, longest, &hash), ERR_INVALID);
	assert_string_equal(hash, "untouched");
	longest[PASSWORD_MAX] = '\0';
	assert_int_equal(password_hash(&arena, longest, &hash), OK);
	assert_true(password_verify(longest, hash));
	longest[PASSWORD_MAX - 1] = '\0';
	assert_false(password_verify(longest, hash));
	longest[PASSWORD_MAX - 1] = 'x';
	longest[PASSWORD_MAX] = 'x';
	assert_false(password_verify(longest, hash));
}

static int64_t cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t cost_of(const char *hash)
{
	int64_t start = cpu_us();

	for (int i = 0; i < 8; i++)
		assert_false(password_verify("not the password", hash));
	return cpu_us() - start;
}

static void an_unknown_account_takes_as_long_as_a_known_one(void **state)
{
	int64_t known, unknown, broken;
	const char *hash;

	(void)state;
	assert_int_equal(password_hash(&arena, "the password", &hash), OK);
	known = cost_of(hash);
	unknown = cost_of(NULL);
	broken = cost_of("*0");
	/* CPU time, not wall-clock time: other load changes it little */
	assert_in_range(unknown, known / 2, known * 2);
	assert_in_range(broken, known / 2, known * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(sha256_gives_the_published_digests, forget),
		cmocka_unit_test_teardown(hmac_gives_the_answers_of_rfc4231, forget),
		cmocka_unit_test_teardown(
			hmac_with_an_empty_key_does_not_reuse_the_previous_key, forget),
		cmocka_unit_test_teardown(base64_gives_the_texts_of_rfc4648, forget),
		cmocka_unit_test_teardown(what_was_encoded_decodes_to_the_same, forget),
		cmocka_unit_test_teardown(malformed_base64_is_refused, forget),
		cmocka_unit_test_teardown(
			random_text_uses_its_whole_alphabet_and_nothing_else, forget),
		cmocka_unit_test_teardown(only_suitable_rsa_keys_are_accepted, forget),
		cmocka_unit_test_teardown(aes_gcm_decrypts_only_authentic_ciphertext, forget),
		cmocka_unit_test_teardown(aes_gcm_wants_32_bytes_of_key_and_12_of_nonce, forget),
		cmocka_unit_test_teardown(a_password_matches_only_its_own_hash, forget),
		cmocka_unit_test_teardown(an_invalid_hash_matches_no_password, forget),
		cmocka_unit_test_teardown(
			a_password_beyond_the_limit_is_neither_hashed_nor_truncated, forget),
		cmocka_unit_test_teardown(an_unknown_account_takes_as_long_as_a_known_one, forget),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

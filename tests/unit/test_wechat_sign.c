/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <unistd.h>

#include "base/log.h"
#include "providers/wechat/sign.h"
#include "vectors.h"

#define PUBLIC_KEY_ID "PUB_KEY_ID_0119000072912026112100000000000001"

enum { NOTIFIED_S = 1795262400 };

#define CERTIFICATE_SERIAL "ADCD403A3602379E"
#define CERTIFICATE_FROM_S INT64_C(1652127716)
#define CERTIFICATE_TO_S   INT64_C(1683663716)

static struct arena arena;
static struct json_object *doc, *notify, *probe;
static struct wx_keys keys; /* signs with the doc's key; verifies notify's and the doc's */

static struct rsa_key *public_key(struct json_object *file, const char *at)
{
	struct rsa_key *key = rsa_public_key(slice_at(file, at));

	assert_non_null(key);
	return key;
}

static int set_up(void **state)
{
	(void)state;
	doc = data_json("wechat_doc_signing.json");
	notify = data_json("wechat_notify_e2e.json");
	probe = data_json("wechat_negative_signtest.json");
	keys = (struct wx_keys){
		.merchant = rsa_private_key(slice_at(doc, "/merchant/private_key_pem")),
		.merchant_serial = text_at(doc, "/merchant/serial_no"),
		.api_v3_key = slice_at(notify, "/api_v3_key"),
	};
	assert_non_null(keys.merchant);
	assert_true(wx_keys_add(&keys, PUBLIC_KEY_ID,
		public_key(doc, "/response_verify/wechatpay_public_key_pem")));
	assert_true(wx_keys_add(&keys, text_at(notify, "/headers/Wechatpay-Serial"),
		public_key(notify, "/wechatpay_public_key_pem")));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	wx_keys_done(&keys);
	json_object_put(doc);
	json_object_put(notify);
	json_object_put(probe);
	arena_done(&arena);
	return 0;
}

static const char *authorize(const char *method, const char *target, const char *body)
{
	const char *out;

	assert_int_equal(
		wx_authorization(&arena, &keys, "1900007291", method, target, slice_of(body),
			1554208460, "593BEC0C930BF1AFEB40B4A08C8FB242", &out),
		OK);
	return out;
}

static void assert_authorization(const char *value, const char *signature)
{
	assert_string_equal(value,
		arena_printf(&arena,
			"WECHATPAY2-SHA256-RSA2048 mchid=\"1900007291\","
			"nonce_str=\"593BEC0C930BF1AFEB40B4A08C8FB242\","
			"timestamp=\"1554208460\","
			"serial_no=\"408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB\",signature=\"%s\"",
			signature));
}

static void a_request_is_signed_as_the_documentation_shows(void **state)
{
	(void)state;
	assert_authorization(
		authorize(text_at(doc, "/request_sign/method"), text_at(doc, "/request_sign/url"),
			text_at(doc, "/request_sign/body")),
		text_at(doc, "/request_sign/signature"));
}

static void a_request_without_a_body_signs_an_empty_line(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		char at[96];
		const char *value;

		snprintf(at, sizeof(at), "/get_requests_derived/items/%d/url", i);
		value = authorize("GET", text_at(doc, at), "");
		snprintf(
			at, sizeof(at), "/get_requests_derived/items/%d/signature_derived_here", i);
		assert_authorization(value, text_at(doc, at));
	}
}

static void a_mini_program_payment_is_signed_as_the_documentation_shows(void **state)
{
	const char *out;

	(void)state;
	assert_int_equal(wx_pay_sign(&arena, &keys, text_at(doc, "/mini_program_paysign/appId"),
				 text_at(doc, "/mini_program_paysign/timeStamp"),
				 text_at(doc, "/mini_program_paysign/nonceStr"),
				 text_at(doc, "/mini_program_paysign/package"), &out),
		OK);
	assert_string_equal(out, text_at(doc, "/mini_program_paysign/paySign"));

	/* an app payment signs the bare id: the two must not be confused */
	assert_int_equal(
		wx_pay_sign(&arena, &keys, text_at(doc, "/mini_program_paysign/appId"),
			text_at(doc, "/mini_program_paysign/timeStamp"),
			text_at(doc, "/mini_program_paysign/nonceStr"),
			text_at(doc, "/mini_program_paysign/package") + strlen("prepay_id="), &out),
		OK);
	assert_string_equal(out, text_at(doc, "/app_sign_negative_control/sign"));
	assert_string_not_equal(out, text_at(doc, "/mini_program_paysign/paySign"));
}

static void a_nonce_is_32_letters_and_digits_and_never_the_same(void **state)
{
	const char *nonce = wx_nonce(&arena);

	(void)state;
	assert_int_equal(strlen(nonce), 32);
	assert_int_equal(strspn(nonce,
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				 "0123456789"),
		32);
	assert_string_not_equal(nonce, wx_nonce(&arena));
}

static struct wx_signed notification(void)
{
	return (struct wx_signed){
		.timestamp = text_at(notify, "/headers/Wechatpay-Timestamp"),
		.nonce = text_at(notify, "/headers/Wechatpay-Nonce"),
		.serial = text_at(notify, "/headers/Wechatpay-Serial"),
		.signature = text_at(notify, "/headers/Wechatpay-Signature"),
		.signature_type = text_at(notify, "/headers/Wechatpay-Signature-Type"),
		.body = slice_at(notify, "/body"),
	};
}

static void a_real_response_from_wechat_is_valid(void **state)
{
	const struct wx_signed m = {
		.timestamp = text_at(doc, "/response_verify/wechatpay_timestamp"),
		.nonce = text_at(doc, "/response_verify/wechatpay_nonce"),
		.serial = PUBLIC_KEY_ID,
		.signature = text_at(doc, "/response_verify/wechatpay_signature"),
		.body = slice_at(doc, "/response_verify/body"),
	};

	(void)state;
	assert_int_equal(wx_verify(&arena, &keys, &m, 1722850421), WX_VALID);
}

static void a_notification_is_valid_for_less_than_five_minutes_either_way(void **state)
{
	const struct wx_signed m = notification();

	(void)state;
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_VALID);
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S + 299), WX_VALID);
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S - 299), WX_VALID);
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S + 300), WX_TIME);
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S - 300), WX_TIME);
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S + 301), WX_TIME);
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S - 301), WX_TIME);
}

static void any_change_makes_it_invalid(void **state)
{
	struct wx_signed m = notification();
	char *body = arena_dup(&arena, m.body.p, m.body.len);

	(void)state;
	body[10] = (char)(body[10] ^ 1);
	m.body.p = body;
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_INVALID);
	m = notification();
	m.body.len--;
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_INVALID);
	m = notification();
	m.timestamp = "1795262401";
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_INVALID);
	m = notification();
	m.nonce = "NONCE32NONCE32NONCE32NONCE32NON2";
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_INVALID);
	m = notification();
	m.serial = PUBLIC_KEY_ID; /* one of WeChat's keys, but not the one that signed */
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_INVALID);
	m = notification();
	m.signature_type = "WECHATPAY2-SM2-WITH-SM3";
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_TYPE);
	m.signature_type = NULL; /* that header is optional */
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_VALID);
}

static void a_serial_is_found_case_insensitively_and_never_guessed(void **state)
{
	struct wx_signed m = notification();

	(void)state;
	m.serial = "440024045c4a427599d09bb4e3de0279f2e813fd";
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_VALID);
	m.serial = "440024045C4A427599D09BB4E3DE0279F2E813FE";
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_UNKNOWN_SERIAL);
	m.serial = text_at(doc, "/merchant/serial_no"); /* our own key is not one of WeChat's */
	assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_UNKNOWN_SERIAL);
}

static void a_missing_or_malformed_header_is_incomplete(void **state)
{
	static const size_t headers[] = { offsetof(struct wx_signed, timestamp),
		offsetof(struct wx_signed, nonce), offsetof(struct wx_signed, serial),
		offsetof(struct wx_signed, signature) };
	char *longest = arena_alloc(&arena, 1026);
	const char *const bad[] = { NULL, "", " ", "a b", "a\nb", "\x80", longest };

	(void)state;
	memset(longest, 'A', 1025);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
			struct wx_signed m = notification();

			memcpy((char *)&m + headers[i], &bad[k], sizeof(bad[k]));
			assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_INCOMPLETE);
		}
}

static void a_timestamp_is_a_plain_number(void **state)
{
	static const char *const bad[] = { "-1795262400", "+1795262400", "01795262400",
		"1795262400.0", "0x6b01a6c0", "1795262400a", "999999999999" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct wx_signed m = notification();

		m.timestamp = bad[i];
		assert_int_equal(wx_verify(&arena, &keys, &m, NOTIFIED_S), WX_TIME);
	}
}

static void wechats_probe_is_invalid(void **state)
{
	struct wx_signed m = {
		.timestamp = text_at(probe, "/headers/Wechatpay-Timestamp"),
		.nonce = text_at(probe, "/headers/Wechatpay-Nonce"),
		.serial = text_at(probe, "/headers/Wechatpay-Serial"),
		.signature = text_at(probe, "/headers/Wechatpay-Signature"),
		.body = slice_of("{}"),
	};

	(void)state;
	assert_int_equal(wx_verify(&arena, &keys, &m, 1733109540), WX_UNKNOWN_SERIAL);
	m.serial = PUBLIC_KEY_ID;
	assert_int_equal(wx_verify(&arena, &keys, &m, 1733109540), WX_INVALID);
}

static void an_encrypted_resource_decrypts_to_its_plain_text(void **state)
{
	struct json_object *body = json_tokener_parse(text_at(notify, "/body"));
	struct slice plain = { 0 };

	(void)state;
	assert_true(wx_open(&arena, &keys, text_at(body, "/resource/nonce"),
		text_at(body, "/resource/associated_data"), text_at(body, "/resource/ciphertext"),
		&plain));
	assert_true(slice_is(plain, text_at(notify, "/plaintext")));
	json_object_put(body);
}

static void a_modified_resource_is_not_decrypted(void **state)
{
	struct json_object *body = json_tokener_parse(text_at(notify, "/body"));
	const char *nonce = text_at(body, "/resource/nonce");
	const char *aad = text_at(body, "/resource/associated_data");
	const char *sealed = text_at(body, "/resource/ciphertext");
	struct wx_keys other = { .api_v3_key = slice_of("a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gc") };
	struct slice plain = { 0 };

	(void)state;
	assert_false(wx_open(
		&arena, &keys, nonce, aad, text_at(notify, "/negatives/0/ciphertext_b64"), &plain));
	assert_false(wx_open(&arena, &keys, nonce, "", sealed, &plain));
	assert_false(wx_open(&arena, &keys, "0123456789ac", aad, sealed, &plain));
	assert_false(wx_open(&arena, &keys, "0123456789abc", aad, sealed, &plain));
	assert_false(wx_open(&arena, &keys, nonce, aad, "", &plain));
	assert_false(wx_open(&arena, &keys, nonce, aad, sealed + 1, &plain));
	assert_false(wx_open(&arena, &other, nonce, aad, sealed, &plain));
	other.api_v3_key = slice_of("a7cde1ZJB1kG2e7V"); /* 16 bytes would be AES-128 */
	assert_false(wx_open(&arena, &other, nonce, aad, sealed, &plain));
	assert_null(plain.p);
	json_object_put(body);
}

/* A temporary file of this process, for settings that name a file. */
static const char *write_file(const char *text)
{
	char *path = arena_dup(&arena, "/tmp/minimall-unit-XXXXXX", 25);
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(dprintf(fd, "%s", text), strlen(text));
	close(fd);
	return path;
}

static void keys_are_loaded_from_the_configured_files(void **state)
{
	struct conf conf = {
		.wechat_api_v3_key = text_at(notify, "/api_v3_key"),
		.wechat_mch_serial_no = "408b07e79b8269fec3d5d3e6ab8ed163a6a380db",
		.wechat_mch_private_key_file =
			write_file(text_at(doc, "/merchant/private_key_pem")),
		.wechat_pay_public_key_id = PUBLIC_KEY_ID,
		.wechat_pay_public_key_file =
			write_file(text_at(doc, "/merchant/public_key_pem_derived")),
	};
	const char *private_file = conf.wechat_mch_private_key_file;
	const char *public_file = conf.wechat_pay_public_key_file;
	struct wx_keys loaded;

	(void)state;
	assert_true(wx_keys_load(&loaded, &conf, &arena));
	assert_string_equal(loaded.merchant_serial, "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB");
	assert_int_equal(loaded.verify_n, 1);
	wx_keys_done(&loaded);
	assert_null(loaded.merchant);

	conf.wechat_api_v3_key = "a7cde1ZJB1kG2e7V";
	assert_false(wx_keys_load(&loaded, &conf, &arena));
	conf.wechat_api_v3_key = text_at(notify, "/api_v3_key");
	conf.wechat_mch_private_key_file = public_file;
	assert_false(wx_keys_load(&loaded, &conf, &arena));
	conf.wechat_mch_private_key_file = "/nonexistent";
	assert_false(wx_keys_load(&loaded, &conf, &arena));
	conf.wechat_mch_private_key_file = private_file;
	conf.wechat_pay_public_key_file = private_file;
	assert_false(wx_keys_load(&loaded, &conf, &arena));
	assert_null(loaded.merchant);
	unlink(private_file);
	unlink(public_file);
}

static void the_key_table_has_a_limit_and_unique_serials(void **state)
{
	struct wx_keys table = { 0 };
	struct rsa_key *key = public_key(notify, "/wechatpay_public_key_pem");
	char serial[WX_SERIAL_MAX + 2];

	(void)state;
	memset(serial, 'A', sizeof(serial));
	serial[WX_SERIAL_MAX + 1] = '\0';
	assert_false(wx_keys_add(&table, serial, key));
	assert_false(wx_keys_add(&table, "", key));
	for (int i = 0; i < WX_KEYS_MAX; i++)
		assert_true(wx_keys_add(&table, arena_printf(&arena, "A%d", i),
			public_key(notify, "/wechatpay_public_key_pem")));
	assert_false(wx_keys_add(&table, "ONE-TOO-MANY", key));
	wx_keys_done(&table);
	assert_true(wx_keys_add(&table, "abc", key));
	assert_false(wx_keys_add(&table, "ABC", key));
	wx_keys_done(&table);
}

static void a_certificate_is_a_key_under_its_serial_while_valid(void **state)
{
	struct json_object *file = data_json("wechat_apache_httpclient.json");
	const char *at = "/rsa_oaep_sha1_mgf1sha1/certificate_pem";
	const struct slice pem = slice_at(file, at);
	struct certificate facts;
	struct rsa_key *key = rsa_certificate_key(pem, &facts);
	struct wx_keys table = { 0 };
	struct wx_signed m = { "1795262400", "n", NULL, "AAAA", NULL, { "", 0 } };

	(void)state;
	/* as openssl x509 -serial -dates prints them */
	assert_non_null(key);
	assert_string_equal(facts.serial, CERTIFICATE_SERIAL);
	assert_int_equal(facts.from_s, CERTIFICATE_FROM_S);
	assert_int_equal(facts.to_s, CERTIFICATE_TO_S);
	rsa_key_free(key);
	assert_false(wx_keys_add_certificate(&table, "00" CERTIFICATE_SERIAL, pem, facts.from_s));
	assert_false(wx_keys_add_certificate(&table, CERTIFICATE_SERIAL, pem, facts.to_s + 1));
	assert_false(wx_keys_add_certificate(&table, CERTIFICATE_SERIAL,
		slice_at(doc, "/response_verify/wechatpay_public_key_pem"), facts.from_s));
	assert_int_equal(table.verify_n, 0);
	assert_true(wx_keys_add_certificate(&table, CERTIFICATE_SERIAL, pem, facts.from_s));
	m.serial = CERTIFICATE_SERIAL;
	for (int64_t s = -1; s <= 1; s++) {
		m.timestamp = arena_printf(&arena, "%lld", (long long)(facts.to_s + s));
		assert_int_equal(wx_verify(&arena, &table, &m, facts.to_s + s),
			s > 0 ? WX_OVERDUE : WX_INVALID);
		m.timestamp = arena_printf(&arena, "%lld", (long long)(facts.from_s + s));
		assert_int_equal(wx_verify(&arena, &table, &m, facts.from_s + s),
			s < 0 ? WX_OVERDUE : WX_INVALID);
	}
	/* one that has expired makes room */
	assert_false(wx_keys_add_certificate(&table, CERTIFICATE_SERIAL, pem, facts.to_s + 1));
	assert_int_equal(table.verify_n, 0);
	wx_keys_done(&table);
	json_object_put(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_signed_as_the_documentation_shows),
		cmocka_unit_test(a_request_without_a_body_signs_an_empty_line),
		cmocka_unit_test(a_mini_program_payment_is_signed_as_the_documentation_shows),
		cmocka_unit_test(a_nonce_is_32_letters_and_digits_and_never_the_same),
		cmocka_unit_test(a_real_response_from_wechat_is_valid),
		cmocka_unit_test(a_notification_is_valid_for_less_than_five_minutes_either_way),
		cmocka_unit_test(any_change_makes_it_invalid),
		cmocka_unit_test(a_serial_is_found_case_insensitively_and_never_guessed),
		cmocka_unit_test(a_missing_or_malformed_header_is_incomplete),
		cmocka_unit_test(a_timestamp_is_a_plain_number),
		cmocka_unit_test(wechats_probe_is_invalid),
		cmocka_unit_test(an_encrypted_resource_decrypts_to_its_plain_text),
		cmocka_unit_test(a_modified_resource_is_not_decrypted),
		cmocka_unit_test(keys_are_loaded_from_the_configured_files),
		cmocka_unit_test(the_key_table_has_a_limit_and_unique_serials),
		cmocka_unit_test(a_certificate_is_a_key_under_its_serial_while_valid),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

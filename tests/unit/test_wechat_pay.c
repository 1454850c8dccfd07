/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/log.h"
#include "providers/wechat/pay.h"
#include "vectors.h"

#define ORDER "MM20261121000001"

static struct json_object *notify;
static struct wx_keys keys; /* only the decryption key is needed here */
static struct conf conf;
static struct ctx ctx;

static int set_up(void **state)
{
	(void)state;
	notify = data_json("wechat_notify_e2e.json");
	keys = (struct wx_keys){ .api_v3_key = slice_at(notify, "/api_v3_key") };
	conf = (struct conf){
		.wechat_appid = "wx2421b1c4370ec43b",
		.wechat_mchid = "1900007291",
		.wechat_notify_url = "https://shop.example/api/payment/wxpay/notify",
	};
	ctx.conf = &conf;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_object_put(notify);
	arena_done(&ctx.arena);
	return 0;
}

/* After each test: no fault of WeChat's data is left as our caller's. */
static int unchanged(void **state)
{
	(void)state;
	assert_null(ctx.fault);
	arena_reset(&ctx.arena);
	return 0;
}

#define COMMON                                                                                     \
	"{\"appid\":\"wx2421b1c4370ec43b\",\"mchid\":\"1900007291\","                              \
	"\"description\":\"雨前龙井 \\\"特级\\\"\",\"out_trade_no\":\"" ORDER                      \
	"\","                                                                                      \
	"\"time_expire\":\"2026-11-21T20:00:00+08:00\","                                           \
	"\"notify_url\":\"https://shop.example/api/payment/wxpay/notify\","                        \
	"\"amount\":{\"total\":1999,\"currency\":\"CNY\"}"

static void a_prepay_is_json_of_the_documented_form(void **state)
{
	const struct purchase p = { .description = "雨前龙井 \"特级\"",
		.out_trade_no = ORDER,
		.payer_openid = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
		.client_ip = "2001:db8::7",
		.total = { 1999 },
		.expires_ms = INT64_C(1795262400123) };

	(void)state;
	assert_string_equal(wxpay_jsapi_request(&ctx, &p),
		COMMON ",\"payer\":{\"openid\":\"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\"}}");
	assert_string_equal(wxpay_native_request(&ctx, &p), COMMON "}");
	assert_string_equal(wxpay_h5_request(&ctx, &p), COMMON
		",\"scene_info\":{\"payer_client_ip\":\"2001:db8::7\","
		"\"h5_info\":{\"type\":\"Wap\"}}}");
}

static const char *described(const char *description)
{
	const struct purchase p = { .description = description,
		.out_trade_no = ORDER,
		.payer_openid = "o",
		.total = { 1 },
		.expires_ms = 1 };
	struct json_object *o = json_tokener_parse(wxpay_jsapi_request(&ctx, &p));
	const char *text = text_at(o, "/description");
	const char *copy = arena_dup(&ctx.arena, text, strlen(text));

	json_object_put(o);
	return copy;
}

static void a_description_is_truncated_between_characters(void **state)
{
	struct str whole = str_new(&ctx.arena, 4096), longer = str_new(&ctx.arena, 4096);

	(void)state;
	for (int i = 0; i < 127; i++)
		str_adds(&whole, i % 2 ? "茶" : "🍵");
	str_adds(&longer, str_text(&whole));
	str_adds(&longer, "🍵");
	assert_string_equal(described(str_text(&whole)), str_text(&whole));
	assert_string_equal(described(str_text(&longer)), str_text(&whole));
	assert_string_equal(described("a\tb\nc\x7f\xc2\x85z"), "a b c \xc2\xa0z");
	assert_string_equal(described("é\xc2\xa0ÿ"), "é\xc2\xa0ÿ");
}

static struct wx_event event_of(const char *body)
{
	struct wx_event e;

	assert_true(wxpay_event(&ctx, slice_of(body), &e));
	return e;
}

static void a_notification_decrypts_to_its_transaction(void **state)
{
	struct wx_event e = event_of(text_at(notify, "/body"));
	struct provider_trade t;

	(void)state;
	assert_string_equal(e.id, "EV-1");
	assert_string_equal(e.event_type, "TRANSACTION.SUCCESS");
	assert_string_equal(e.resource_type, "encrypt-resource");
	assert_true(wxpay_event_trade(&ctx, &keys, &e, &t));
	assert_string_equal(t.mismatch, "MCHID"); /* it is of 1234567891 */
	assert_string_equal(t.out_trade_no, ORDER);
	assert_string_equal(t.transaction_id, "4200000000000001");
	assert_int_equal(t.state, TRADE_PAID);
	assert_int_equal(t.paid_ms, INT64_C(1795233600000));
	assert_int_equal(t.total_fen, 1);
	assert_string_equal(t.currency, "CNY");
	assert_string_equal(t.payer_openid, "oX");
}

static void a_notification_that_is_not_a_transaction_is_refused(void **state)
{
	const struct wx_event whole = event_of(text_at(notify, "/body"));
	struct provider_trade t = { .total_fen = -7 };
	struct wx_event e = whole;

	(void)state;
	e.ciphertext = text_at(notify, "/negatives/0/ciphertext_b64");
	assert_false(wxpay_event_trade(&ctx, &keys, &e, &t));
	e = whole;
	e.algorithm = "AEAD_SM4_GCM";
	assert_false(wxpay_event_trade(&ctx, &keys, &e, &t));
	e = whole;
	e.original_type = "refund";
	assert_false(wxpay_event_trade(&ctx, &keys, &e, &t));
	e = whole;
	e.associated_data = NULL;
	assert_false(wxpay_event_trade(&ctx, &keys, &e, &t));
	e = event_of("{}");
	assert_false(wxpay_event_trade(&ctx, &keys, &e, &t));
	e = event_of("{\"id\":null,\"resource\":null}");
	assert_null(e.id);
	assert_false(wxpay_event_trade(&ctx, &keys, &e, &t));
	assert_int_equal(t.total_fen, -7);
}

static void a_body_that_is_not_an_event_is_refused(void **state)
{
	static const char *const bad[] = { "", "[]", "null", "1", "{", "{}x", "{\"id\":1}",
		"{\"resource\":[]}", "{\"resource\":{\"nonce\":1}}",
		"{\"id\":\"a\",\"id\":\"b\"}" };
	struct wx_event e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (wxpay_event(&ctx, slice_of(bad[i]), &e))
			fail_msg("accepted: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_prepay_is_json_of_the_documented_form, unchanged),
		cmocka_unit_test_teardown(a_description_is_truncated_between_characters, unchanged),
		cmocka_unit_test_teardown(a_notification_decrypts_to_its_transaction, unchanged),
		cmocka_unit_test_teardown(
			a_notification_that_is_not_a_transaction_is_refused, unchanged),
		cmocka_unit_test_teardown(a_body_that_is_not_an_event_is_refused, unchanged),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: MIT */
/* test_wechat_call.c - signed calls and the classification of answers, through the calls of wechat/pay.h. */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "ext/crypto.h"
#include "peer.h"
#include "providers/wechat/pay.h"
#include "vectors.h"

#define KEY_ID      "PUB_KEY_ID_0119000072912026112100000000000001"
#define ORDER       "MM20261121000001"
#define PREPAY_JSON "{\"appid\":\"wx1\"}"
#define PAID                                                                                       \
	"{\"appid\":\"wx2421b1c4370ec43b\",\"mchid\":\"1900007291\",\"out_trade_no\":\"" ORDER     \
	"\",\"transaction_id\":\"42\",\"trade_type\":\"JSAPI\",\"trade_state\":\"SUCCESS\","       \
	"\"success_time\":\"2026-11-21T12:00:00+08:00\",\"payer\":{\"openid\":\"oX\"},"            \
	"\"amount\":{\"total\":100,\"payer_total\":90,\"currency\":\"CNY\"}}"

static struct json_object *doc;
static struct wx_keys keys; /* one pair plays both sides */
static void *states[PROVIDER_N] = { [PROVIDER_WECHAT] = &keys };
static struct conf conf;
static struct ctx ctx;
static struct peer peer;

static int set_up(void **state)
{
	(void)state;
	doc = data_json("wechat_doc_signing.json");
	keys = (struct wx_keys){
		.merchant = rsa_private_key(slice_at(doc, "/merchant/private_key_pem")),
		.merchant_serial = text_at(doc, "/merchant/serial_no"),
	};
	assert_true(wx_keys_add(
		&keys, KEY_ID, rsa_public_key(slice_at(doc, "/merchant/public_key_pem_derived"))));
	conf = (struct conf){
		.wechat_appid = "wx2421b1c4370ec43b",
		.wechat_mchid = "1900007291",
		.wechat_pay_public_key_id = KEY_ID,
	};
	ctx.conf = &conf;
	ctx.provider_states = states;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	wx_keys_done(&keys);
	json_object_put(doc);
	arena_done(&ctx.arena);
	return 0;
}

/* After each test: no fault of WeChat's data is left as our caller's, and no deadline. */
static int unchanged(void **state)
{
	(void)state;
	assert_null(ctx.fault);
	assert_int_equal(ctx.deadline_ms, 0);
	arena_reset(&ctx.arena);
	return 0;
}

static const char *signature_of(const char *time_s, const char *nonce, const char *body)
{
	const char *message = arena_printf(&ctx.arena, "%s\n%s\n%s\n", time_s, nonce, body),
		   *base64;

	assert_int_equal(rsa_sign(&ctx.arena, keys.merchant, slice_of(message), &base64), OK);
	return base64;
}

/* A response with a valid signature at `skew_s` from now; more: further headers, each with its CRLF.
 */
static const char *signed_at(int64_t skew_s, int status, const char *body, const char *more)
{
	const char *time_s =
		arena_printf(&ctx.arena, "%lld", (long long)(clock_now_ms() / 1000 + skew_s));
	const char *nonce = wx_nonce(&ctx.arena);

	return arena_printf(&ctx.arena,
		"HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n"
		"Wechatpay-Timestamp: %s\r\nWechatpay-Nonce: %s\r\nWechatpay-Serial: " KEY_ID
		"\r\n"
		"Wechatpay-Signature: %s\r\nRequest-ID: 08F78B-268435456\r\n%s\r\n%s",
		status, strlen(body), time_s, nonce, signature_of(time_s, nonce, body), more, body);
}

static const char *good(int status, const char *body)
{
	return signed_at(0, status, body, "");
}

static const char *bare(int status, const char *body)
{
	return arena_printf(&ctx.arena,
		"HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\nRequest-ID: "
		"1\r\n\r\n%s",
		status, strlen(body), body);
}

static void start(const struct peer_step *steps, size_t n)
{
	peer_start(&peer, steps, n);
	conf.wechat_pay_base_url = peer.url;
}

static enum outcome query_against(const char *answer, struct provider_trade *t)
{
	const struct peer_step step = { answer, false, false };
	enum outcome got;

	start(&step, 1);
	got = wxpay_query(&ctx, ORDER, t);
	peer_stop(&peer);
	assert_int_equal(peer.served, 1);
	return got;
}

static enum outcome close_against(const char *answer)
{
	const struct peer_step step = { answer, false, false };
	enum outcome got;

	start(&step, 1);
	got = wxpay_close(&ctx, ORDER);
	peer_stop(&peer);
	assert_int_equal(peer.served, 1);
	return got;
}

/* A header's value in a request as the peer received it, or its part from `from` up to `end`. */
static const char *between(const char *request, const char *from, const char *end)
{
	const char *at = strstr(request, from), *stop;

	assert_non_null(at);
	at += strlen(from);
	stop = strstr(at, end);
	assert_non_null(stop);
	return arena_dup(&ctx.arena, at, (size_t)(stop - at));
}

static void assert_signed_request(const char *request, const char *method, const char *target)
{
	const char *body = strstr(request, "\r\n\r\n") + 4;
	const char *message = arena_printf(&ctx.arena, "%s\n%s\n%s\n%s\n%s\n", method, target,
		between(request, "timestamp=\"", "\""), between(request, "nonce_str=\"", "\""),
		body);

	assert_true(str_starts(
		request, arena_printf(&ctx.arena, "%s %s HTTP/1.1\r\n", method, target)));
	assert_true(rsa_verify(&ctx.arena, keys.verify[0].key, slice_of(message),
		slice_of(between(request, "signature=\"", "\""))));
	assert_string_equal(between(request, "\r\nWechatpay-Serial: ", "\r\n"), KEY_ID);
	assert_string_equal(between(request, "\r\nAccept: ", "\r\n"), "application/json");
	assert_string_equal(between(request, "mchid=\"", "\""), "1900007291");
	if (body[0] != '\0')
		assert_string_equal(
			between(request, "\r\nContent-Type: ", "\r\n"), "application/json");
}

static void a_query_returns_the_facts(void **state)
{
	struct provider_trade t;

	(void)state;
	assert_int_equal(query_against(good(200, PAID), &t), OUTCOME_OK);
	assert_int_equal(t.state, TRADE_PAID);
	assert_null(t.mismatch);
	assert_string_equal(t.transaction_id, "42");
	assert_int_equal(t.total_fen, 100); /* not what the payer paid after coupons */
	assert_signed_request(peer.requests[0], "GET",
		"/v3/pay/transactions/out-trade-no/" ORDER "?mchid=1900007291");
}

static void absent_facts_are_null(void **state)
{
	struct provider_trade t;

	(void)state;
	assert_int_equal(
		query_against(good(200, "{\"mchid\":\"1900007291\",\"out_trade_no\":\"" ORDER
					"\",\"trade_state\":\"NOTPAY\"}"),
			&t),
		OUTCOME_OK);
	assert_null(t.transaction_id);
	assert_null(t.payer_openid);
	assert_null(t.currency);
	assert_int_equal(t.total_fen, -1);
}

static void a_response_without_a_valid_signature_is_not_trusted(void **state)
{
	struct provider_trade t = { .total_fen = -7 };
	const char *spoilt = signed_at(0, 200, PAID, "");
	const char *const answers[] = {
		bare(200, PAID),
		signed_at(-300, 200, PAID, ""),
		signed_at(301, 200, PAID, ""),
		signed_at(0, 200, PAID, "Wechatpay-Signature: x\r\n"),
		signed_at(0, 200, PAID, "wechatpay-serial: " KEY_ID "\r\n"),
		signed_at(0, 200, PAID, "Wechatpay-Signature-Type: OTHER\r\n"),
		spoilt,
	};

	(void)state;
	*strstr(spoilt, "SUCCESS") = 's';
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		assert_int_equal(query_against(answers[i], &t), OUTCOME_UNKNOWN);
	assert_int_equal(t.total_fen, -7);
	assert_int_equal(close_against(bare(204, "")), OUTCOME_UNKNOWN);
}

static void a_response_about_something_else_is_not_trusted(void **state)
{
	static const char *const bodies[] = {
		"{\"mchid\":\"1900007291\",\"out_trade_no\":\"MM20261121000002\",\"trade_state\":"
		"\"SUCCESS\"}",
		"{\"mchid\":\"1900007292\",\"out_trade_no\":\"" ORDER
		"\",\"trade_state\":\"SUCCESS\"}",
		"{\"out_trade_no\":\"" ORDER "\",\"trade_state\":\"SUCCESS\"}",
		"{\"mchid\":\"1900007291\",\"trade_state\":\"SUCCESS\"}",
		"{\"mchid\":\"1900007291\",\"out_trade_no\":\"" ORDER "\"}",
		"{}",
		"[]",
		"",
		"<html>",
	};
	struct provider_trade t = { .total_fen = -7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		assert_int_equal(query_against(good(200, bodies[i]), &t), OUTCOME_UNKNOWN);
	assert_int_equal(query_against(good(204, ""), &t), OUTCOME_UNKNOWN);
	assert_int_equal(t.total_fen, -7);
}

static void an_amount_is_an_integer_of_fen(void **state)
{
	static const char *const totals[] = { "\"100\"", "100.0", "1e2", "-1", "null", "true", "[]",
		"99999999999999999999" };
	struct provider_trade t = { .total_fen = -7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(totals); i++) {
		const char *body = arena_printf(&ctx.arena,
			"{\"mchid\":\"1900007291\",\"out_trade_no\":\"" ORDER
			"\",\"trade_state\":\"SUCCESS\",\"amount\":{\"total\":%s}}",
			totals[i]);

		if (query_against(good(200, body), &t) != OUTCOME_UNKNOWN)
			fail_msg("accepted: %s", totals[i]);
	}
	assert_int_equal(t.total_fen, -7);
}

static void refusals_are_classified_no_further_than_certain(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum outcome outcome;
	} cases[] = {
		{ 400, "{\"code\":\"ORDERPAID\"}", OUTCOME_PAID },
		{ 400, "{\"code\":\"ORDER_PAID\",\"message\":\"x\",\"detail\":{}}", OUTCOME_PAID },
		{ 403, "{\"code\":\"OUT_TRADE_NO_USED\"}", OUTCOME_PAID },
		{ 403, "{\"code\":\"OUTTRADENO_USED\"}", OUTCOME_PAID },
		{ 400, "{\"code\":\"ORDER_CLOSED\"}", OUTCOME_CLOSED },
		{ 404, "{\"code\":\"ORDER_NOT_EXIST\"}", OUTCOME_NONE },
		{ 404, "{\"code\":\"ORDERNOTEXIST\"}", OUTCOME_NONE },
		{ 404, "{\"code\":\"ORDER_NOT_EXISTS\"}", OUTCOME_REFUSED },
		{ 404, "{\"code\":\"ORDER_NOT\"}", OUTCOME_REFUSED },
		{ 404, "<html>", OUTCOME_REFUSED },
		{ 404, "", OUTCOME_REFUSED },
		{ 400, "{\"code\":\"PARAM_ERROR\"}", OUTCOME_REFUSED },
		{ 400, "{\"code\":1}", OUTCOME_REFUSED },
		{ 401, "{\"code\":\"SIGN_ERROR\"}", OUTCOME_REFUSED },
		{ 403, "{\"code\":\"NO_AUTH\"}", OUTCOME_REFUSED },
		{ 403, "{\"code\":\"FREQUENCY_LIMITED\"}", OUTCOME_UNKNOWN },
		{ 429, "{\"code\":\"RATELIMIT_EXCEEDED\"}", OUTCOME_UNKNOWN },
		{ 429, "{\"code\":\"ORDERPAID\"}", OUTCOME_UNKNOWN },
		{ 500, "{\"code\":\"SYSTEM_ERROR\"}", OUTCOME_UNKNOWN },
		{ 500, "{\"code\":\"ORDERPAID\"}", OUTCOME_UNKNOWN },
		{ 500, "{\"code\":\"ORDER_CLOSED\"}", OUTCOME_UNKNOWN },
		{ 500, "{\"code\":\"OPENID_MISMATCH\"}", OUTCOME_REFUSED },
		{ 502, "<html>", OUTCOME_UNKNOWN },
		{ 202, "{}", OUTCOME_UNKNOWN },
		{ 201, PAID, OUTCOME_UNKNOWN },
		{ 302, "", OUTCOME_UNKNOWN },
	};
	struct provider_trade t = { .total_fen = -7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(
			query_against(bare(cases[i].status, cases[i].body), &t), cases[i].outcome);
		assert_int_equal(
			close_against(bare(cases[i].status, cases[i].body)), cases[i].outcome);
	}
	assert_int_equal(t.total_fen, -7);
}

static void a_close_is_confirmed_by_a_signed_204_only(void **state)
{
	(void)state;
	assert_int_equal(close_against(good(204, "")), OUTCOME_OK);
	assert_signed_request(
		peer.requests[0], "POST", "/v3/pay/transactions/out-trade-no/" ORDER "/close");
	assert_string_equal(strstr(peer.requests[0], "\r\n\r\n") + 4, "{\"mchid\":\"1900007291\"}");
	assert_int_equal(close_against(good(200, "{}")), OUTCOME_UNKNOWN);
	assert_int_equal(
		close_against("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n"), OUTCOME_UNKNOWN);
	assert_int_equal(close_against(NULL), OUTCOME_UNKNOWN);
}

static void a_prepay_is_sent_as_stored(void **state)
{
	const struct peer_step step = { good(200, "{\"prepay_id\":\"wx2611\"}"), false, false };
	const char *prepay_id;

	(void)state;
	start(&step, 1);
	/* a base URL with a path, and with a trailing slash: both are signed as sent */
	conf.wechat_pay_base_url = arena_printf(&ctx.arena, "%s/pay/", peer.url);
	assert_int_equal(wxpay_jsapi(&ctx, PREPAY_JSON, &prepay_id), OUTCOME_OK);
	peer_stop(&peer);
	assert_string_equal(prepay_id, "wx2611");
	assert_signed_request(peer.requests[0], "POST", "/pay/v3/pay/transactions/jsapi");
	assert_string_equal(strstr(peer.requests[0], "\r\n\r\n") + 4, PREPAY_JSON);
}

static void a_temporary_refusal_is_retried_with_a_new_signature(void **state)
{
	const struct peer_step steps[] = {
		{ bare(429, "{\"code\":\"FREQUENCY_LIMITED\"}"), false, false },
		{ bare(500, "{\"code\":\"SYSTEM_ERROR\"}"), false, false },
		{ good(200, "{\"prepay_id\":\"wx2611\"}"), false, false },
	};
	const char *prepay_id;

	(void)state;
	start(steps, 3);
	assert_int_equal(wxpay_jsapi(&ctx, PREPAY_JSON, &prepay_id), OUTCOME_OK);
	peer_stop(&peer);
	assert_int_equal(peer.served, 3);
	for (int i = 0; i < 3; i++)
		assert_signed_request(peer.requests[i], "POST", "/v3/pay/transactions/jsapi");
	for (int i = 1; i < 3; i++)
		assert_string_not_equal(between(peer.requests[i], "nonce_str=\"", "\""),
			between(peer.requests[0], "nonce_str=\"", "\""));
}

static void a_prepay_ends_with_the_requests_deadline(void **state)
{
	const struct peer_step steps[] = {
		{ bare(503, ""), false, false },
		{ good(200, "{\"prepay_id\":\"late\"}"), false, false },
	};
	const char *prepay_id = NULL;
	enum outcome outcome = OUTCOME_OK;

	(void)state;
	/* on a busy machine the time may be over before anything is sent */
	peer.served = 0;
	for (int i = 0; i < 10 && peer.served == 0; i++) {
		const int64_t deadline_ms = clock_mono_ms() + 900; /* less than the first pause */

		start(steps, 2);
		ctx.deadline_ms = deadline_ms;
		outcome = wxpay_jsapi(&ctx, PREPAY_JSON, &prepay_id);
		assert_int_equal(ctx.deadline_ms, deadline_ms);
		ctx.deadline_ms = 0;
		peer_stop(&peer);
	}
	assert_int_equal(outcome, OUTCOME_UNKNOWN);
	assert_int_equal(peer.served, 1);
	assert_null(prepay_id);
}

static void a_refused_prepay_is_not_retried(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum outcome outcome;
	} cases[] = {
		{ 400, "{\"code\":\"PARAM_ERROR\"}", OUTCOME_REFUSED },
		{ 400, "{\"code\":\"ORDERPAID\"}", OUTCOME_PAID },
		{ 500, "{\"code\":\"OPENID_MISMATCH\"}", OUTCOME_REFUSED },
		{ 202, "{}", OUTCOME_UNKNOWN },
	};
	const char *prepay_id = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct peer_step steps[] = {
			{ bare(cases[i].status, cases[i].body), false, false },
			{ good(200, "{\"prepay_id\":\"second\"}"), false, false },
		};

		start(steps, 2);
		assert_int_equal(wxpay_jsapi(&ctx, PREPAY_JSON, &prepay_id), cases[i].outcome);
		peer_stop(&peer);
		assert_int_equal(peer.served, 1);
	}
	assert_null(prepay_id);
}

static void a_prepay_id_is_1_to_64_characters_of_visible_ascii(void **state)
{
	static const char *const bodies[] = { "{}", "{\"prepay_id\":\"\"}", "{\"prepay_id\":null}",
		"{\"prepay_id\":1}", "{\"prepay_id\":\"wx 26\"}", "{\"prepay_id\":\"微信26\"}",
		"{\"prepay_id\":"
		"\"12345678901234567890123456789012345678901234567890123456789012345\"}" };
	const char *prepay_id = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		const struct peer_step step = { good(200, bodies[i]), false, false };

		start(&step, 1);
		assert_int_equal(wxpay_jsapi(&ctx, PREPAY_JSON, &prepay_id), OUTCOME_UNKNOWN);
		peer_stop(&peer);
	}
	assert_null(prepay_id);
}

static void a_code_is_weixins_and_an_address_is_of_the_web(void **state)
{
	static const struct {
		enum outcome (*prepare)(struct ctx *c, const char *request, const char **handle);
		const char *body, *handle; /* NULL: refused */
	} cases[] = {
		{ wxpay_native, "{\"code_url\":\"weixin://wxpay/bizpayurl?pr=a1\"}",
			"weixin://wxpay/bizpayurl?pr=a1" },
		{ wxpay_native, "{\"code_url\":\"weixin://wxpay/ a1\"}", NULL },
		{ wxpay_native, "{\"code_url\":\"https://wx.example/a1\"}", NULL },
		{ wxpay_native, "{\"prepay_id\":\"wx2611\"}", NULL },
		{ wxpay_h5, "{\"h5_url\":\"https://wx.example.com/pay?prepay_id=wx26&package=1\"}",
			"https://wx.example.com/pay?prepay_id=wx26&package=1" },
		{ wxpay_h5, "{\"h5_url\":\"javascript:alert(1)\"}", NULL },
		{ wxpay_h5, "{\"h5_url\":null}", NULL },
		{ wxpay_h5, "{}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct peer_step step = { good(200, cases[i].body), false, false };
		const char *handle = NULL;

		start(&step, 1);
		assert_int_equal(cases[i].prepare(&ctx, PREPAY_JSON, &handle),
			cases[i].handle != NULL ? OUTCOME_OK : OUTCOME_UNKNOWN);
		peer_stop(&peer);
		if (cases[i].handle != NULL)
			assert_string_equal(handle, cases[i].handle);
		else
			assert_null(handle);
		assert_signed_request(peer.requests[0], "POST",
			cases[i].prepare == wxpay_native ? "/v3/pay/transactions/native"
							 : "/v3/pay/transactions/h5");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_query_returns_the_facts, unchanged),
		cmocka_unit_test_teardown(absent_facts_are_null, unchanged),
		cmocka_unit_test_teardown(
			a_response_without_a_valid_signature_is_not_trusted, unchanged),
		cmocka_unit_test_teardown(
			a_response_about_something_else_is_not_trusted, unchanged),
		cmocka_unit_test_teardown(an_amount_is_an_integer_of_fen, unchanged),
		cmocka_unit_test_teardown(
			refusals_are_classified_no_further_than_certain, unchanged),
		cmocka_unit_test_teardown(a_close_is_confirmed_by_a_signed_204_only, unchanged),
		cmocka_unit_test_teardown(a_prepay_is_sent_as_stored, unchanged),
		cmocka_unit_test_teardown(
			a_temporary_refusal_is_retried_with_a_new_signature, unchanged),
		cmocka_unit_test_teardown(a_prepay_ends_with_the_requests_deadline, unchanged),
		cmocka_unit_test_teardown(a_refused_prepay_is_not_retried, unchanged),
		cmocka_unit_test_teardown(
			a_prepay_id_is_1_to_64_characters_of_visible_ascii, unchanged),
		cmocka_unit_test_teardown(
			a_code_is_weixins_and_an_address_is_of_the_web, unchanged),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

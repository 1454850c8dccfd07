/* SPDX-License-Identifier: MIT */
/* test_alipay_call.c - calls of Alipay's gateway, what its responses and notifications are classified as. */
#include "unit.h"

#include "peer.h"
#include "providers/alipay/pay.h"
#include "vectors.h"

#define APP_ID    "2021000122671080"
#define SELLER_ID "2088531891668739"
#define ORDER     "PAY_1795262400_aB3dE5gH7jK9"
#define REFUND    "RF0123456789ABCDEFGHJKMNPQ"
#define TRADE_NO  "2026112722001468450512505578"
#define OK_       "{\"code\":\"10000\",\"msg\":\"Success\""
#define PAID                                                                                       \
	OK_ ",\"out_trade_no\":\"" ORDER                                                           \
	    "\",\"send_pay_date\":\"2026-11-27 12:00:00\","                                        \
	    "\"total_amount\":\"12.30\",\"trade_no\":\"" TRADE_NO                                  \
	    "\",\"trade_status\":\"TRADE_SUCCESS\"}"

static struct json_object *doc;
static struct alipay_keys keys; /* one pair plays both sides */
static void *states[PROVIDER_N] = { [PROVIDER_ALIPAY] = &keys };
static struct conf conf = {
	.alipay_app_id = APP_ID,
	.alipay_seller_id = SELLER_ID,
	.alipay_notify_url = "https://shop.example/notify",
};
static struct ctx ctx = { .conf = &conf, .provider_states = states };
static struct peer peer;

static int set_up(void **state)
{
	(void)state;
	doc = data_json("alipay_nodejs_sdk.json");
	keys.app = rsa_private_key(slice_at(doc, "/request_sign_derived/app_private_key_pem"));
	keys.alipay = rsa_public_key(slice_at(doc, "/request_sign_derived/app_public_key_pem"));
	return keys.app == NULL || keys.alipay == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	alipay_keys_done(&keys);
	json_object_put(doc);
	arena_done(&ctx.arena);
	return 0;
}

/* After each test: no fault of Alipay's data is left as our caller's. */
static int unchanged(void **state)
{
	(void)state;
	assert_null(ctx.fault);
	keys.alipay_cert_sn = NULL;
	arena_reset(&ctx.arena);
	return 0;
}

static const char *signature_of(const char *node)
{
	const char *base64;

	assert_int_equal(rsa_sign(&ctx.arena, keys.app, slice_of(node), &base64), OK);
	return base64;
}

static const char *http(int status, const char *body)
{
	return arena_printf(&ctx.arena,
		"HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", status,
		strlen(body), body);
}

/* A response of a method with a valid signature; more: further members. */
static const char *signed_as(const char *method, const char *node, const char *more)
{
	return http(
		200, arena_printf(&ctx.arena, "{\"alipay_trade_%s_response\":%s%s,\"sign\":\"%s\"}",
			     method, node, more, signature_of(node)));
}

static void start(const char *const *answers, size_t n)
{
	static struct peer_step steps[2];

	for (size_t i = 0; i < n; i++)
		steps[i] = (struct peer_step){ answers[i], false, false };
	peer_start(&peer, steps, n);
	conf.alipay_gateway = arena_printf(&ctx.arena, "%s/gateway.do", peer.url);
}

static enum outcome query_against(const char *answer, struct provider_trade *t)
{
	enum outcome got;

	start(&answer, 1);
	got = alipay_query(&ctx, ORDER, t);
	peer_stop(&peer);
	assert_int_equal(peer.served, 1);
	return got;
}

static enum outcome close_against(const char *node)
{
	const char *answer = signed_as("close", node, "");
	enum outcome got;

	start(&answer, 1);
	got = alipay_close(&ctx, ORDER);
	peer_stop(&peer);
	return got;
}

/* The parameters of a request as the peer received it, from its URL and its body. */
static struct alipay_params sent(const char *request)
{
	struct alipay_params p;
	const char *query = strchr(request, '?') + 1;
	const char *both = arena_printf(&ctx.arena, "%.*s&%s", (int)strcspn(query, " "), query,
		strstr(request, "\r\n\r\n") + 4);

	assert_true(alipay_read_form(&ctx.arena, slice_of(both), &p));
	return p;
}

static void assert_sent(const struct alipay_params *p, const char *name, const char *value)
{
	assert_non_null(alipay_param(p, name));
	assert_string_equal(alipay_param(p, name), value);
}

static void a_query_returns_the_facts(void **state)
{
	struct provider_trade t;
	struct alipay_params p;

	(void)state;
	assert_int_equal(query_against(signed_as("query", PAID, ""), &t), OUTCOME_OK);
	assert_int_equal(t.state, TRADE_PAID);
	assert_string_equal(t.transaction_id, TRADE_NO);
	assert_int_equal(t.total_fen, 1230);
	assert_string_equal(t.currency, "CNY");
	assert_int_equal(t.paid_ms, INT64_C(1795752000000));
	assert_null(t.mismatch);
	assert_true(str_starts(peer.requests[0], "POST /gateway.do?"));
	p = sent(peer.requests[0]);
	assert_sent(&p, "app_id", APP_ID);
	assert_sent(&p, "method", "alipay.trade.query");
	assert_sent(&p, "biz_content", "{\"out_trade_no\":\"" ORDER "\"}");
	assert_sent(&p, "charset", "utf-8");
	assert_true(
		rsa_verify(&ctx.arena, keys.alipay, alipay_signed_text(&ctx.arena, &p, ALIPAY_SIGN),
			slice_of(alipay_param(&p, "sign"))));
}

static void a_closed_trade_that_was_paid_is_refunded(void **state)
{
	static const struct {
		const char *status, *more;
		enum trade_state state;
	} cases[] = {
		{ "TRADE_CLOSED", "", TRADE_CLOSED },
		{ "TRADE_CLOSED", ",\"send_pay_date\":\"2026-11-27 12:00:00\"", TRADE_REFUNDED },
		{ "TRADE_FINISHED", "", TRADE_PAID },
		{ "WAIT_BUYER_PAY", "", TRADE_UNPAID },
		{ "TRADE_PENDING", "", TRADE_UNKNOWN },
	};
	struct provider_trade t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *node = arena_printf(&ctx.arena,
			OK_ ",\"out_trade_no\":\"" ORDER "\",\"trade_status\":\"%s\"%s}",
			cases[i].status, cases[i].more);

		assert_int_equal(query_against(signed_as("query", node, ""), &t), OUTCOME_OK);
		assert_int_equal(t.state, cases[i].state);
		assert_int_equal(t.total_fen, -1);
	}
}

static void a_response_without_a_valid_signature_is_not_trusted(void **state)
{
	const char *sign = signature_of(PAID);
	const char *const bodies[] = {
		"{\"alipay_trade_query_response\":" PAID "}",
		"{\"alipay_trade_query_response\":" PAID ",\"sign\":\"\"}",
		"{\"alipay_trade_query_response\":" PAID ",\"sign\":null}",
		/* of something else, of another method, twice, within another object, cut off */
		arena_printf(&ctx.arena, "{\"alipay_trade_query_response\":%s ,\"sign\":\"%s\"}",
			"{\"code\": \"10000\"}", sign),
		arena_printf(&ctx.arena, "{\"alipay_trade_close_response\":%s,\"sign\":\"%s\"}",
			PAID, sign),
		arena_printf(&ctx.arena,
			"{\"alipay_trade_query_response\":%s,\"alipay_trade_query_response\":%s,"
			"\"sign\":\"%s\"}",
			PAID, PAID, sign),
		arena_printf(&ctx.arena,
			"{\"x\":{\"alipay_trade_query_response\":%s},\"sign\":\"%s\"}", PAID, sign),
		arena_printf(&ctx.arena, "{\"alipay_trade_query_response\":%s,\"sign\":\"%s\"",
			PAID, sign),
		"[]",
		"",
		"<html>",
	};
	struct provider_trade t = { .total_fen = -7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		if (query_against(http(200, bodies[i]), &t) != OUTCOME_UNKNOWN)
			fail_msg("trusted: %s", bodies[i]);
	assert_int_equal(query_against(http(500, bodies[0]), &t), OUTCOME_UNKNOWN);
	assert_int_equal(query_against(NULL, &t), OUTCOME_UNKNOWN);
	assert_int_equal(t.total_fen, -7);
}

static void a_response_must_be_signed_with_the_configured_certificate(void **state)
{
	struct provider_trade t;

	(void)state;
	keys.alipay_cert_sn = "7513daaaa48aa3ba2e4018d84402479c";
	assert_int_equal(
		query_against(signed_as("query", PAID,
				      ",\"alipay_cert_sn\":\"7513daaaa48aa3ba2e4018d84402479c\""),
			&t),
		OUTCOME_OK);
	assert_int_equal(
		query_against(signed_as("query", PAID,
				      ",\"alipay_cert_sn\":\"8513daaaa48aa3ba2e4018d84402479c\""),
			&t),
		OUTCOME_UNKNOWN);
	assert_int_equal(query_against(signed_as("query", PAID, ""), &t), OUTCOME_UNKNOWN);
}

static void a_response_about_something_else_is_not_trusted(void **state)
{
	static const char *const nodes[] = {
		OK_ ",\"out_trade_no\":\"" ORDER "x\",\"trade_status\":\"TRADE_SUCCESS\"}",
		OK_ ",\"trade_status\":\"TRADE_SUCCESS\"}",
		OK_ ",\"out_trade_no\":\"" ORDER "\"}",
		OK_ ",\"out_trade_no\":1,\"trade_status\":\"TRADE_SUCCESS\"}",
		OK_ "}",
	};
	struct provider_trade t = { .total_fen = -7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
		assert_int_equal(
			query_against(signed_as("query", nodes[i], ""), &t), OUTCOME_UNKNOWN);
	assert_int_equal(close_against(OK_ "}"), OUTCOME_UNKNOWN);
	assert_int_equal(close_against(OK_ ",\"out_trade_no\":\"" ORDER "x\"}"), OUTCOME_UNKNOWN);
	assert_int_equal(close_against(OK_ ",\"out_trade_no\":\"" ORDER "\"}"), OUTCOME_OK);
	assert_int_equal(t.total_fen, -7);
}

static void refusals_are_classified_no_further_than_certain(void **state)
{
	static const struct {
		const char *code, *sub_code;
		enum outcome is_signed, is_not;
	} cases[] = {
		{ "40004", "ACQ.TRADE_NOT_EXIST", OUTCOME_NONE, OUTCOME_UNKNOWN },
		{ "40004", "ACQ.TRADE_HAS_CLOSE", OUTCOME_CLOSED, OUTCOME_UNKNOWN },
		{ "40004", "ACQ.TRADE_HAS_SUCCESS", OUTCOME_PAID, OUTCOME_UNKNOWN },
		{ "40004", "ACQ.TRADE_STATUS_ERROR", OUTCOME_PAID, OUTCOME_UNKNOWN },
		{ "40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH", OUTCOME_LATER, OUTCOME_UNKNOWN },
		{ "40004", "ACQ.SYSTEM_ERROR", OUTCOME_UNKNOWN, OUTCOME_UNKNOWN },
		{ "40004", "ACQ.INVALID_PARAMETER", OUTCOME_REFUSED, OUTCOME_UNKNOWN },
		{ "20000", "isp.unknow-error", OUTCOME_UNKNOWN, OUTCOME_UNKNOWN },
		{ "10003", "", OUTCOME_UNKNOWN, OUTCOME_UNKNOWN },
		{ "40002", "ACQ.TRADE_NOT_EXIST", OUTCOME_REFUSED, OUTCOME_REFUSED },
		{ "40002", "isv.invalid-signature", OUTCOME_REFUSED, OUTCOME_REFUSED },
		{ "40006", "isv.insufficient-isv-permissions", OUTCOME_REFUSED, OUTCOME_REFUSED },
	};
	struct provider_trade t = { .total_fen = -7 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *node = arena_printf(&ctx.arena, "{\"code\":\"%s\",\"sub_code\":\"%s\"}",
			cases[i].code, cases[i].sub_code);

		assert_int_equal(
			query_against(signed_as("query", node, ""), &t), cases[i].is_signed);
		assert_int_equal(close_against(node), cases[i].is_signed);
		assert_int_equal(query_against(http(200, arena_printf(&ctx.arena,
								 "{\"error_response\":%s}", node)),
					 &t),
			cases[i].is_not);
	}
	assert_int_equal(t.total_fen, -7);
}

/* ---- refunds ---- */

static enum outcome refund_against(
	const char *first, const char *second, struct provider_refund *out)
{
	const char *const answers[] = { signed_as("refund", first, ""),
		second != NULL ? signed_as("fastpay_refund_query", second, "") : NULL };
	const struct refund_request r = { ORDER, REFUND, "退货", { 230 }, { 1230 } };
	enum outcome got;

	start(answers, second != NULL ? 2 : 1);
	got = alipay_refund(&ctx, &r, out);
	peer_stop(&peer);
	assert_int_equal(peer.served, second != NULL ? 2 : 1);
	return got;
}

#define DID   OK_ ",\"fund_change\":\"Y\",\"out_trade_no\":\"" ORDER "\",\"refund_fee\":\"7.30\"}"
#define DIDNT OK_ ",\"fund_change\":\"N\",\"out_trade_no\":\"" ORDER "\",\"refund_fee\":\"7.30\"}"
#define KNOWN                                                                                      \
	OK_ ",\"out_trade_no\":\"" ORDER "\",\"out_request_no\":\"" REFUND                         \
	    "\",\"refund_amount\":\"2.30\",\"total_amount\":\"12.30\""

static void a_refund_is_done_when_this_request_did_it_or_the_query_says_so(void **state)
{
	struct provider_refund out;
	struct alipay_params p;

	(void)state;
	assert_int_equal(refund_against(DID, NULL, &out), OUTCOME_OK);
	assert_int_equal(out.state, REFUND_SUCCESS);
	assert_int_equal(out.refund_fen, 230); /* not the trade's refund_fee so far */
	assert_int_equal(out.total_fen, 1230);
	p = sent(peer.requests[0]);
	assert_sent(&p, "method", "alipay.trade.refund");
	assert_sent(&p, "biz_content",
		"{\"out_trade_no\":\"" ORDER "\",\"out_request_no\":\"" REFUND
		"\",\"refund_amount\":\"2.30\",\"refund_reason\":\"退货\"}");
	assert_int_equal(
		refund_against(DIDNT, KNOWN ",\"refund_status\":\"REFUND_SUCCESS\"}", &out),
		OUTCOME_OK);
	assert_int_equal(out.state, REFUND_SUCCESS);
	assert_int_equal(refund_against(DIDNT, KNOWN "}", &out), OUTCOME_OK);
	assert_int_equal(out.state, REFUND_PROCESSING);
	assert_int_equal(refund_against(DIDNT, KNOWN ",\"refund_status\":\"REFUND_FAIL\"}", &out),
		OUTCOME_OK);
	assert_int_equal(out.state, REFUND_UNKNOWN);
	assert_int_equal(refund_against(DIDNT, OK_ "}", &out), OUTCOME_UNKNOWN);
	assert_int_equal(
		refund_against(
			"{\"code\":\"40004\",\"sub_code\":\"ACQ.SELLER_BALANCE_NOT_ENOUGH\"}", NULL,
			&out),
		OUTCOME_LATER);
	assert_int_equal(refund_against(OK_ ",\"fund_change\":\"Y\",\"out_trade_no\":\"" ORDER
					    "\",\"refund_fee\":\"12.31\"}",
				 NULL, &out),
		OUTCOME_UNKNOWN);
	assert_int_equal(
		refund_against(OK_ ",\"fund_change\":\"Y\",\"out_trade_no\":\"x\"}", NULL, &out),
		OUTCOME_UNKNOWN);
}

static void a_refund_of_another_number_is_not_this_one(void **state)
{
	static const struct {
		const char *node;
		enum outcome outcome;
	} cases[] = {
		{ OK_ "}", OUTCOME_NONE },
		{ KNOWN "}", OUTCOME_OK },
		{ OK_ ",\"out_trade_no\":\"" ORDER "\",\"out_request_no\":\"RF1\"}",
			OUTCOME_UNKNOWN },
		{ OK_ ",\"out_trade_no\":\"x\",\"out_request_no\":\"" REFUND "\"}",
			OUTCOME_UNKNOWN },
		{ "{\"code\":\"40004\",\"sub_code\":\"ACQ.TRADE_NOT_EXIST\"}", OUTCOME_NONE },
	};
	struct provider_refund out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *answer = signed_as("fastpay_refund_query", cases[i].node, "");

		start(&answer, 1);
		assert_int_equal(alipay_query_refund(&ctx, ORDER, REFUND, &out), cases[i].outcome);
		peer_stop(&peer);
	}
	assert_int_equal(alipay_query_refund(&ctx, NULL, REFUND, &out), OUTCOME_NONE);
}

/* ---- notifications ---- */

/* What a notification with these members is read as. */
static struct provider_notice notice(const char *more)
{
	struct provider_notice out;
	struct alipay_params p;
	const char *form = arena_printf(&ctx.arena,
		"sign_type=RSA2&charset=UTF-8&notify_id=20261127&out_trade_no=" ORDER
		"&trade_no=" TRADE_NO "&total_amount=12.3&%s",
		more);
	const char *sign;

	assert_true(alipay_read_form(&ctx.arena, slice_of(form), &p));
	assert_int_equal(rsa_sign(&ctx.arena, keys.app,
				 alipay_signed_text(&ctx.arena, &p, ALIPAY_SIGN_TYPE), &sign),
		OK);
	alipay_add(&p, "sign", sign);
	provider_alipay.read(&ctx,
		&(struct notification){ .body = slice_of(alipay_form(&ctx.arena, &p)) }, &out);
	return out;
}

#define OURS "app_id=" APP_ID "&seller_id=" SELLER_ID

static void a_notification_is_about_a_trade_or_a_refund(void **state)
{
	struct provider_notice n = notice(
		OURS "&trade_status=TRADE_SUCCESS&gmt_payment=2026-11-27+12:00:00&refund_fee=0.00");

	(void)state;
	assert_int_equal(n.kind, NOTICE_TRADE);
	assert_string_equal(n.event_id, "20261127");
	assert_int_equal(n.trade.state, TRADE_PAID);
	assert_int_equal(n.trade.total_fen, 1230);
	assert_int_equal(n.trade.paid_ms, INT64_C(1795752000000));
	assert_null(n.trade.mismatch);
	assert_int_equal(notice(OURS "&trade_status=TRADE_CLOSED").trade.state, TRADE_CLOSED);
	for (int i = 0; i < 2; i++) { /* after a part, and after the last */
		n = notice(arena_printf(&ctx.arena,
			OURS "&trade_status=%s&refund_fee=2.30&out_biz_no=" REFUND,
			i == 0 ? "TRADE_SUCCESS" : "TRADE_CLOSED"));
		assert_int_equal(n.kind, NOTICE_REFUND);
		assert_string_equal(n.refund.refund_no, REFUND);
		assert_int_equal(n.refund.refund_fen, -1);
		assert_int_equal(n.refund.refunded_fen, 230);
		assert_int_equal(n.refund.total_fen, 1230);
		assert_null(n.refund.mismatch);
	}
	assert_string_equal(
		notice("seller_id=" SELLER_ID "&trade_status=TRADE_SUCCESS").trade.mismatch,
		"APPID");
	assert_string_equal(notice("app_id=" APP_ID "&seller_id=2088&trade_status=TRADE_SUCCESS")
				    .trade.mismatch,
		"SELLER_ID");
	assert_string_equal(
		notice("app_id=" APP_ID "&refund_fee=1&out_biz_no=1").refund.mismatch, "SELLER_ID");
	assert_int_equal(notice(OURS).kind, NOTICE_UNREADABLE);
	assert_int_equal(
		notice(OURS "&trade_status=TRADE_SUCCESS&refund_fee=1").kind, NOTICE_UNREADABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_query_returns_the_facts, unchanged),
		cmocka_unit_test_teardown(a_closed_trade_that_was_paid_is_refunded, unchanged),
		cmocka_unit_test_teardown(
			a_response_without_a_valid_signature_is_not_trusted, unchanged),
		cmocka_unit_test_teardown(
			a_response_must_be_signed_with_the_configured_certificate, unchanged),
		cmocka_unit_test_teardown(
			a_response_about_something_else_is_not_trusted, unchanged),
		cmocka_unit_test_teardown(
			refusals_are_classified_no_further_than_certain, unchanged),
		cmocka_unit_test_teardown(
			a_refund_is_done_when_this_request_did_it_or_the_query_says_so, unchanged),
		cmocka_unit_test_teardown(a_refund_of_another_number_is_not_this_one, unchanged),
		cmocka_unit_test_teardown(a_notification_is_about_a_trade_or_a_refund, unchanged),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: MIT */
/* test_gateway.c - the gateway's signature by the published vectors, its page's address, and its notifications (BEHAVIOUR 42). */
#include "unit.h"

#include <ctype.h>

#include "base/log.h"
#include "providers/gateway/sign.h"
#include "providers/provider.h"
#include "vectors.h"

static struct json_object *file;
static struct conf conf;
static struct ctx ctx = { .conf = &conf };

static int set_up(void **state)
{
	(void)state;
	file = data_json("hmac_gateway.json");
	conf = (struct conf){
		.gateway_page_url = "https://pay.example.com/pay",
		.gateway_secret = text_at(file, "/secret_utf8"),
		.gateway_notify_url = "https://shop.example.com/v1/payment/notify",
	};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	json_object_put(file);
	arena_done(&ctx.arena);
	assert_null(ctx.fault); /* a fault of the gateway's data is not our caller's */
	return 0;
}

/* ---- signature ---- */

static void it_is_the_published_one_in_either_case(void **state)
{
	const struct slice body = slice_at(file, "/body");
	char upper[65] = "";

	(void)state;
	snprintf(upper, sizeof(upper), "%s", text_at(file, "/schemes/0/signature"));
	assert_string_equal(gateway_sign(&ctx, body), upper);
	assert_true(gateway_is_signed(&ctx, body, upper));
	for (size_t i = 0; i < 64; i++)
		upper[i] = (char)toupper((unsigned char)upper[i]);
	assert_true(gateway_is_signed(&ctx, body, upper));
}

static void anything_else_is_refused(void **state)
{
	const struct slice body = slice_at(file, "/body");
	const char *right = text_at(file, "/schemes/0/signature");
	char wrong[80];

	(void)state;
	assert_false(gateway_is_signed(&ctx, body, NULL));
	assert_false(gateway_is_signed(&ctx, body, ""));
	assert_false(gateway_is_signed(&ctx, body, right + 1));
	snprintf(wrong, sizeof(wrong), "%s0", right);
	assert_false(gateway_is_signed(&ctx, body, wrong));
	for (size_t i = 0; i < 64; i++) {
		snprintf(wrong, sizeof(wrong), "%s", right);
		wrong[i] = wrong[i] == '0' ? '1' : '0';
		assert_false(gateway_is_signed(&ctx, body, wrong));
	}
	assert_false(gateway_is_signed(&ctx, (struct slice){ body.p, body.len - 1 }, right));
	assert_false(gateway_is_signed(&ctx, body, text_at(file, "/schemes/1/signature")));
}

static void both_secrets_are_good_during_a_rotation(void **state)
{
	const struct slice body = slice_at(file, "/body");
	const char *old = arena_printf(&ctx.arena, "%s", gateway_sign(&ctx, body));

	(void)state;
	conf.gateway_previous_secret = conf.gateway_secret;
	conf.gateway_secret = "another-of-32-bytes-0123456789ab";
	assert_true(gateway_is_signed(&ctx, body, old));
	assert_true(gateway_is_signed(&ctx, body, gateway_sign(&ctx, body)));
	conf.gateway_previous_secret = NULL;
	assert_false(gateway_is_signed(&ctx, body, old));
}

/* ---- the page ---- */

static void its_address_is_signed_over_path_and_query(void **state)
{
	const struct purchase p = { .description = "年度 & 会员",
		.out_trade_no = "TXN1",
		.order_no = "VIP1",
		.return_url = "https://a.cn/?x=1",
		.total = { 9990 } };
	static const char target[] =
		"/pay/TXN1?amount=99.90&currency=CNY&order_id=VIP1&subject=%E5%B9%B4%E5%BA%A6%20%26%20%E4%BC%9A%E5%91%98"
		"&return_url=https%3A%2F%2Fa.cn%2F%3Fx%3D1&notify_url=https%3A%2F%2Fshop.example.com%2Fv1%2Fpayment%2Fnotify";
	const char *request = channel_gateway_page.request(&ctx, &p), *address = NULL;

	(void)state;
	assert_int_equal(channel_gateway_page.prepare(&ctx, request, &address), OUTCOME_OK);
	assert_string_equal(
		address, arena_printf(&ctx.arena, "https://pay.example.com%s&signature=%s", target,
				 gateway_sign(&ctx, slice_of(target))));
}

/* ---- notifications ---- */

static const char *header(const void *from, const char *cgi_name)
{
	return strcmp(cgi_name, "HTTP_X_SIGNATURE") == 0 ? from : NULL;
}

static struct provider_notice read_text(const char *text)
{
	const struct slice body = slice_of(text);
	struct provider_notice out;

	provider_gateway.read(
		&ctx, &(struct notification){ header, gateway_sign(&ctx, body), body }, &out);
	return out;
}

static void a_status_is_read_and_amounts_are_decimals(void **state)
{
	static const struct {
		const char *text;
		enum trade_state state;
		int64_t fen;
	} cases[] = {
		{ "{\"transaction_id\":\"TXN1\",\"status\":\"success\",\"amount\":99.9,\"currency\":\"CNY\","
		  "\"timestamp\":\"2026-11-27T12:00:00.5Z\"}",
			TRADE_PAID, 9990 },
		{ "{\"transaction_id\":\"TXN1\",\"status\":\"success\",\"amount\":\"99.90\",\"currency\":\"CNY\"}",
			TRADE_PAID, 9990 },
		{ "{\"transaction_id\":\"TXN1\",\"status\":\"failed\",\"amount\":1,\"currency\":\"CNY\",\"x\":1}",
			TRADE_CLOSED, 100 },
		{ "{\"transaction_id\":\"TXN1\",\"status\":\"closed\",\"amount\":0,\"currency\":\"CNY\"}",
			TRADE_CLOSED, 0 },
		{ "{\"transaction_id\":\"TXN1\",\"status\":\"pending\",\"amount\":1,\"currency\":\"USD\"}",
			TRADE_PAYING, 100 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct provider_notice n = read_text(cases[i].text);

		assert_int_equal(n.kind, NOTICE_TRADE);
		assert_int_equal(n.trade.state, cases[i].state);
		assert_int_equal(n.trade.total_fen, cases[i].fen);
		assert_string_equal(n.trade.out_trade_no, "TXN1");
		assert_string_equal(n.trade.transaction_id, "TXN1");
		assert_null(n.event_id);
		assert_int_equal(n.trade.paid_ms, i == 0 ? INT64_C(1795780800500) : 0);
	}
}

static void what_is_signed_but_unreadable_pays_nothing(void **state)
{
	static const char *const cases[] = {
		"", "{", "[]", "{}", "null",
		"{\"transaction_id\":\"TXN1\",\"status\":\"paid\",\"amount\":1,\"currency\":\"CNY\"}",
		"{\"transaction_id\":\"TXN1\",\"status\":\"SUCCESS\",\"amount\":1,\"currency\":\"CNY\"}",
		"{\"transaction_id\":1,\"status\":\"success\",\"amount\":1,\"currency\":\"CNY\"}",
		"{\"transaction_id\":\"TXN1\",\"status\":\"success\",\"amount\":-1,\"currency\":\"CNY\"}",
		"{\"transaction_id\":\"TXN1\",\"status\":\"success\",\"amount\":1.005,\"currency\":\"CNY\"}",
		"{\"transaction_id\":\"TXN1\",\"status\":\"success\",\"currency\":\"CNY\"}",
		"{\"transaction_id\":\"TXN1\",\"status\":\"success\",\"amount\":1}",
		"{\"transaction_id\":\"TXN1\",\"status\":\"success\",\"amount\":1,\"amount\":2,\"currency\":\"CNY\"}"
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(read_text(cases[i]).kind, NOTICE_UNREADABLE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_the_published_one_in_either_case),
		TEST(anything_else_is_refused),
		TEST(both_secrets_are_good_during_a_rotation),
		TEST(its_address_is_signed_over_path_and_query),
		TEST(a_status_is_read_and_amounts_are_decimals),
		TEST(what_is_signed_but_unreadable_pays_nothing),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

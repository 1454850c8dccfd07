/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/json_scan.h"
#include "web/dialect.h"

static struct ctx ctx;

static int forget(void **state)
{
	(void)state;
	arena_done(&ctx.arena);
	ctx.fault = NULL;
	return 0;
}

static const char *body(const char *path, enum err e, const char *fault)
{
	struct resp w;

	ctx.fault = fault;
	(void)dialect_error(&ctx, path, e, "id-1", &w);
	return str_text(&w.body);
}

static struct wire_error wire(const char *path, enum err e)
{
	struct resp w;
	struct wire_error out;

	out = dialect_error(&ctx, path, e, "id-1", &w);
	assert_int_equal(out.status, w.status);
	return out;
}

static void each_contract_has_its_own_shape(void **state)
{
	static const struct {
		const char *path;
		enum err e;
		const char *fault, *body;
	} cases[] = {
		{ "/api/orders", ERR_NOT_FOUND, NULL,
			"{\"code\":\"NOT_FOUND\",\"message\":\"请求的资源不存在\","
			"\"request_id\":\"id-1\"}" },
		{ "/api/orders", ERR_INVALID, "items[0].quantity",
			"{\"code\":\"INVALID_REQUEST\",\"message\":\"请求参数错误: "
			"items[0].quantity\","
			"\"field\":\"items[0].quantity\",\"request_id\":\"id-1\"}" },
		{ "/api/membership/orders/9", ERR_NOT_FOUND, NULL,
			"{\"success\":false,\"code\":\"NOT_FOUND\",\"message\":"
			"\"请求的资源不存在\","
			"\"request_id\":\"id-1\"}" },
		{ "/membership/status", ERR_INVALID, "user_id",
			"{\"success\":false,\"code\":\"INVALID_REQUEST\","
			"\"message\":\"请求参数错误: user_id\",\"field\":\"user_id\","
			"\"request_id\":\"id-1\"}" },
		{ "/api/v1/member-system/points/use", ERR_INVALID, "points",
			"{\"error\":{\"code\":\"INVALID_REQUEST_FORMAT\","
			"\"message\":\"请求参数错误: points\","
			"\"details\":{\"field\":\"points\",\"cause\":\"INVALID_REQUEST\",\"request_id\":\"id-1\"}}}" },
		{ "/v1/payment/create", ERR_UNAUTHENTICATED, NULL,
			"{\"error\":{\"code\":\"INVALID_TOKEN\",\"message\":"
			"\"未登录或登录已失效\","
			"\"details\":{\"cause\":\"UNAUTHENTICATED\",\"request_id\":\"id-1\"}}}" },
		{ "/api/payment/wxpay/notify", ERR_SIGNATURE, NULL,
			"{\"code\":\"FAIL\",\"message\":\"签名验证失败\"}" },
		{ "/api/payment/alipay/notify", ERR_SIGNATURE, NULL, "fail" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(body(cases[i].path, cases[i].e, cases[i].fault), cases[i].body);
}

static void the_longest_prefix_of_whole_segments_decides(void **state)
{
	static const struct {
		const char *path, *code; /* of UNAUTHENTICATED */
	} cases[] = {
		{ "/api/membership/plans", "UNAUTHORIZED" },
		{ "/api/membership/plans/", "UNAUTHORIZED" },
		{ "/api/membership/orders/create", "UNAUTHORIZED" },
		{ "/api/membership/cards", "UNAUTHENTICATED" },
		{ "/api/membership", "UNAUTHENTICATED" },
		{ "/api/membership/planss", "UNAUTHENTICATED" },
		{ "/api/v1/member-system", "AUTHENTICATION_REQUIRED" },
		{ "/api/v1/member-system/levels", "AUTHENTICATION_REQUIRED" },
		{ "/api/v1/member-systemx", "UNAUTHENTICATED" },
		{ "/v1/payment/create", "INVALID_TOKEN" },
		{ "/v1/payments", "UNAUTHENTICATED" },
		{ "/payment/create", "UNAUTHENTICATED" },
		{ "/membership/status", "UNAUTHENTICATED" },
		{ "/weixin-login", "UNAUTHENTICATED" },
		{ "/", "UNAUTHENTICATED" },
		{ "", "UNAUTHENTICATED" },
		/* slashes count once, as for routes */
		{ "//api/membership//plans", "UNAUTHORIZED" },
		{ "/api/membership/plans//x", "UNAUTHORIZED" },
		{ "/api//membership/planss", "UNAUTHENTICATED" },
		{ "/x/api/v1/member-system", "UNAUTHENTICATED" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (strcmp(wire(cases[i].path, ERR_UNAUTHENTICATED).code, cases[i].code) != 0)
			fail_msg("%s: %s", cases[i].path,
				wire(cases[i].path, ERR_UNAUTHENTICATED).code);
	/* shapes, where the codes are the same */
	assert_memory_equal(body("/payment/create", ERR_DB, NULL), "{\"success\":false,", 17);
	assert_memory_equal(body("/payments", ERR_DB, NULL), "{\"code\":", 8);
	assert_memory_equal(body("/api/payment/wxpay", ERR_DB, NULL), "{\"code\":\"D", 10);
	assert_memory_equal(body("/api/payment/wxpay/ORDER1", ERR_DB, NULL), "{\"code\":\"D", 10);
	assert_memory_equal(
		body("/api/payment/wxpay/notify/", ERR_DB, NULL), "{\"code\":\"FAIL\"", 14);
}

static void statuses_are_those_of_the_contracts(void **state)
{
	static const struct {
		const char *path;
		enum err e;
		int status;
		const char *code;
	} cases[] = {
		{ "/api/orders", ERR_INSUFFICIENT_STOCK, 409, "INSUFFICIENT_STOCK" },
		{ "/api/orders", ERR_TOO_LARGE, 413, "BODY_TOO_LARGE" },
		{ "/api/orders", ERR_METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED" },
		{ "/api/membership/orders", ERR_CONFLICT, 422, "VALIDATION_ERROR" },
		{ "/api/membership/orders", ERR_INVALID, 400, "VALIDATION_ERROR" },
		{ "/api/membership/orders", ERR_MALFORMED, 400, "VALIDATION_ERROR" },
		{ "/api/membership/orders", ERR_FORBIDDEN, 403, "FORBIDDEN" },
		{ "/api/membership/orders", ERR_METHOD_NOT_ALLOWED, 405, "METHOD_NOT_ALLOWED" },
		{ "/api/membership/orders", ERR_RATE_LIMITED, 429, "RATE_LIMITED" },
		{ "/api/membership/orders", ERR_DB, 500, "SERVER_ERROR" },
		{ "/api/membership/orders", ERR_DB_LOST, 503, "SERVER_ERROR" },
		{ "/api/v1/member-system/x", ERR_FORBIDDEN, 403, "PERMISSION_DENIED" },
		{ "/api/v1/member-system/x", ERR_CONFLICT, 409, "CONFLICT" },
		{ "/api/v1/member-system/x", ERR_RATE_LIMITED, 429, "RATE_LIMIT_EXCEEDED" },
		{ "/api/v1/member-system/x", ERR_DB, 500, "INTERNAL_SERVER_ERROR" },
		{ "/v1/payment/create", ERR_INVALID, 400, "VALIDATION_ERROR" },
		{ "/v1/payment/create", ERR_RATE_LIMITED, 429, "RATE_LIMIT_EXCEEDED" },
		{ "/v1/payment/create", ERR_DB, 500, "PAYMENT_FAILED" },
		{ "/membership/status", ERR_NOT_FOUND, 404, "NOT_FOUND" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct wire_error w = wire(cases[i].path, cases[i].e);

		if (w.status != cases[i].status || strcmp(w.code, cases[i].code) != 0)
			fail_msg("%s: %d %s, not %d %s", cases[i].path, w.status, w.code,
				cases[i].status, cases[i].code);
	}
}

static void membership_orders_know_only_the_codes_of_their_contract(void **state)
{
	static const char *const codes[] = { "VALIDATION_ERROR", "UNAUTHORIZED", "FORBIDDEN",
		"NOT_FOUND", "METHOD_NOT_ALLOWED", "RATE_LIMITED", "SERVER_ERROR" };

	(void)state;
	for (int e = OK + 1; e < ERR_N; e++) {
		const struct wire_error w = wire("/api/membership/orders", (enum err)e);
		size_t i = 0;

		while (i < ARRAY_LEN(codes) && strcmp(codes[i], w.code) != 0)
			i++;
		if (i == ARRAY_LEN(codes) || w.status == 409)
			fail_msg("%s is %d %s", err_info((enum err)e)->code, w.status, w.code);
	}
}

static const char *const paths[] = { "/api/orders", "/api/membership/orders", "/membership/status",
	"/payment/create", "/api/v1/member-system/x", "/v1/payment/create",
	"/api/payment/wxpay/notify" };

static void every_cause_is_valid_json_in_every_shape(void **state)
{
	static const char *const faults[] = { NULL, "name", "a\"b\\c\n<script>", "订单😀" };

	(void)state;
	for (size_t p = 0; p < ARRAY_LEN(paths); p++)
		for (int e = OK + 1; e < ERR_N; e++)
			for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
				const char *text = body(paths[p], (enum err)e, faults[f]), *what;

				if (json_scan(text, strlen(text), &ctx.arena, &what) != JSON_FINE)
					fail_msg("%s", text);
				arena_reset(&ctx.arena);
			}
}

static void every_cause_is_an_error_with_a_text_for_people(void **state)
{
	(void)state;
	for (size_t p = 0; p < ARRAY_LEN(paths); p++)
		for (int e = OK + 1; e < ERR_N; e++) {
			const struct wire_error w = wire(paths[p], (enum err)e);

			assert_in_range(w.status, 400, 503);
			assert_int_equal(
				strspn(w.code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(w.code));
			assert_true(w.code[0] != '\0');
			/* Chinese: fewer characters than bytes */
			assert_true(utf8_count(w.text, strlen(w.text)) > 0);
			assert_true(utf8_count(w.text, strlen(w.text)) < (int64_t)strlen(w.text));
		}
}

static void an_error_replaces_whatever_was_written(void **state)
{
	struct resp w = resp_new(&ctx);

	(void)state;
	str_adds(&w.body, "half an answer");
	resp_header(&w, "X-Half", "yes");
	w.status = 201;
	(void)dialect_error(&ctx, "/api/orders", ERR_DB, "id-1", &w);
	assert_int_equal(w.status, 500);
	assert_null(strstr(str_text(&w.body), "half"));
	assert_null(strstr(str_text(&w.headers), "X-Half"));
	assert_string_equal(w.content_type, "application/json; charset=utf-8");
}

static void statuses_carry_their_headers(void **state)
{
	static const struct {
		const char *path;
		enum err e;
		const char *headers;
	} cases[] = {
		{ "/api/orders", ERR_UNAUTHENTICATED, "WWW-Authenticate: Bearer\r\n" },
		{ "/api/orders", ERR_LOGIN_FAILED, "WWW-Authenticate: Bearer\r\n" },
		{ "/v1/payment/create", ERR_UNAUTHENTICATED, "WWW-Authenticate: Bearer\r\n" },
		{ "/api/payment/wxpay/notify", ERR_SIGNATURE, "" },
		{ "/api/orders", ERR_NOT_FOUND, "" },
		{ "/api/orders", ERR_DB, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct resp w;

		(void)dialect_error(&ctx, cases[i].path, cases[i].e, "id-1", &w);
		assert_string_equal(str_text(&w.headers), cases[i].headers);
	}
}

/* The time in each JSON shape, and the wait as a header, rounded up. */
static void an_error_that_lasts_says_until_when(void **state)
{
	static const char said[] = "\"retry_at\":\"1970-01-01T00:00:10.500Z\"";
	struct resp w;

	(void)state;
	ctx.now_ms = 8 * SECOND_MS;
	assert_int_equal(fail_until(&ctx, ERR_PAYMENT_OPEN, 10500), ERR_PAYMENT_OPEN);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		const bool to_provider = strstr(paths[i], "notify") != NULL;

		(void)dialect_error(&ctx, paths[i], ERR_PAYMENT_OPEN, "id-1", &w);
		assert_int_equal(strstr(str_text(&w.body), said) != NULL, !to_provider);
		assert_string_equal(str_text(&w.headers), "Retry-After: 3\r\n");
	}
	ctx.now_ms = 10500; /* over by now */
	(void)dialect_error(&ctx, "/api/orders", ERR_PAYMENT_OPEN, "id-1", &w);
	assert_string_equal(str_text(&w.headers), "");
	assert_int_equal(fail(&ctx, ERR_CONFLICT, NULL), ERR_CONFLICT);
	assert_int_equal(ctx.retry_at_ms, 0);
}

static void alipay_is_answered_in_plain_text(void **state)
{
	struct resp w;

	(void)state;
	(void)dialect_error(&ctx, "/api/payment/alipay/notify", ERR_DB, "id-1", &w);
	assert_string_equal(w.content_type, "text/plain; charset=utf-8");
	assert_string_equal(str_text(&w.body), "fail");
}

static void the_most_that_a_field_may_be_is_told(void **state)
{
	struct resp w;

	(void)state;
	assert_int_equal(fail_above(&ctx, ERR_POINTS_EXCEED, "points", 1234), ERR_POINTS_EXCEED);
	(void)dialect_error(&ctx, "/api/orders", ERR_POINTS_EXCEED, "id-1", &w);
	assert_string_equal(str_text(&w.body),
		"{\"code\":\"POINTS_EXCEED_LIMIT\",\"message\":\"使用的积分超过此订单的上限: "
		"points (最多 1234)\",\"field\":\"points\",\"max\":1234,\"request_id\":\"id-1\"}");
	assert_int_equal(fail(&ctx, ERR_INVALID, "points"), ERR_INVALID);
	(void)dialect_error(&ctx, "/api/orders", ERR_INVALID, "id-1", &w);
	assert_string_equal(str_text(&w.body),
		"{\"code\":\"INVALID_REQUEST\",\"message\":\"请求参数错误: points\","
		"\"field\":\"points\",\"request_id\":\"id-1\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(each_contract_has_its_own_shape, forget),
		cmocka_unit_test_teardown(the_longest_prefix_of_whole_segments_decides, forget),
		cmocka_unit_test_teardown(statuses_are_those_of_the_contracts, forget),
		cmocka_unit_test_teardown(
			membership_orders_know_only_the_codes_of_their_contract, forget),
		cmocka_unit_test_teardown(every_cause_is_valid_json_in_every_shape, forget),
		cmocka_unit_test_teardown(every_cause_is_an_error_with_a_text_for_people, forget),
		cmocka_unit_test_teardown(an_error_replaces_whatever_was_written, forget),
		cmocka_unit_test_teardown(statuses_carry_their_headers, forget),
		cmocka_unit_test_teardown(an_error_that_lasts_says_until_when, forget),
		cmocka_unit_test_teardown(the_most_that_a_field_may_be_is_told, forget),
		cmocka_unit_test_teardown(alipay_is_answered_in_plain_text, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

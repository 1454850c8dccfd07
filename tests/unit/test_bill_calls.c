/* SPDX-License-Identifier: MIT */
/* test_bill_calls.c - how the providers' bills are fetched: what is asked for, of whom, and what is believed. */
#include "unit.h"

#include "base/log.h"
#include "pack.h"
#include "peer.h"
#include "providers/alipay/bill.h"
#include "providers/alipay/call.h"
#include "providers/wechat/bill.h"
#include "providers/wechat/call.h"
#include "vectors.h"

#define DAY    "2026-11-26"
#define KEY_ID "PUB_KEY_ID_0119000072912026112100000000000001"
#define MCHID  "1900007291"
#define SELLER "2088531891668739"
#define WECHAT_BILL                                                                                                                            \
	"交易时间,商户号,微信订单号,商户订单号,交易状态,微信退款单号,商户退款单号,退款状态,商品名称," \
	"订单金额,申请退款金额\r\n"                                                                                                  \
	"`2026-11-26 12:00:00,`" MCHID                                                                                                         \
	",`42,`MM1,`SUCCESS,`0,`0,`,`茶,`88.00,`0.00\r\n"                                                                                     \
	"总交易单数,订单总金额,申请退款总金额\r\n`1,`88.00,`0.00\r\n"
#define LINK "https://api.mch.weixin.qq.com/v3/billdownload/file?token=a%2Fb"

static struct json_object *doc;
static struct wx_keys wx; /* one pair plays both sides */
static struct alipay_keys ali;
static void *states[PROVIDER_N] = { [PROVIDER_WECHAT] = &wx, [PROVIDER_ALIPAY] = &ali };
static struct conf conf = {
	.wechat_mchid = MCHID,
	.wechat_pay_public_key_id = KEY_ID,
	.alipay_app_id = "2021000122671080",
	.alipay_seller_id = SELLER,
};
static struct ctx ctx = { .conf = &conf, .provider_states = states };
static struct peer peer;
static struct peer_step steps[2];
static size_t sizes[2];
static int given;
static enum err answer;

static int set_up(void **state)
{
	struct slice private, public;

	(void)state;
	doc = data_json("wechat_doc_signing.json");
	private = slice_at(doc, "/merchant/private_key_pem");
	public = slice_at(doc, "/merchant/public_key_pem_derived");
	wx.merchant = rsa_private_key(private);
	wx.merchant_serial = text_at(doc, "/merchant/serial_no");
	ali = (struct alipay_keys){ .app = rsa_private_key(private),
		.alipay = rsa_public_key(public) };
	return !wx_keys_add(&wx, KEY_ID, rsa_public_key(public)) || !log_open("/dev/null", "test");
}

static int tear_down(void **state)
{
	(void)state;
	wx_keys_done(&wx);
	alipay_keys_done(&ali);
	json_object_put(doc);
	arena_done(&ctx.arena);
	return 0;
}

static int forget(void **state)
{
	(void)state;
	arena_reset(&ctx.arena);
	ctx.unzip = unzip_library;
	ctx.now_ms = INT64_C(1795752000000); /* 2026-11-27 12:00 in China */
	given = 0;
	answer = OK;
	return 0;
}

static enum err note(struct ctx *c, void *arg, const struct bill_line *line)
{
	assert_ptr_equal(c, &ctx);
	assert_ptr_equal(arg, &given);
	assert_int_equal(line->amount.fen, 8800);
	given++;
	return answer;
}

/* What the peer says next. */
static void say(size_t i, const char *head, struct slice body)
{
	const char *all = arena_printf(&ctx.arena,
		"HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", head, body.len);
	char *both = arena_alloc(&ctx.arena, strlen(all) + body.len);

	memcpy(both, all, strlen(all));
	memcpy(both + strlen(all), body.p, body.len);
	steps[i] = (struct peer_step){ both, false, false };
	sizes[i] = strlen(all) + body.len;
}

static const char *signature_of(struct rsa_key *key, const char *message)
{
	const char *base64;

	assert_int_equal(rsa_sign(&ctx.arena, key, slice_of(message), &base64), OK);
	return base64;
}

/* ---- WeChat ---- */

static const char *sha1_of(const char *text)
{
	struct sha1 *s = sha1_new();
	char *hex = arena_alloc(&ctx.arena, SHA1_HEX_LEN + 1);

	sha1_add(s, text, strlen(text) / 2);
	sha1_add(s, text + strlen(text) / 2, strlen(text) - strlen(text) / 2);
	sha1_hex(s, hex);
	sha1_free(s);
	return hex;
}

static void sha1_is_that_of_fips_180(void **state)
{
	(void)state;
	assert_string_equal(sha1_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
	assert_string_equal(sha1_of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void say_link(const char *type, const char *hash, const char *link)
{
	const char *body = arena_printf(&ctx.arena,
		"{\"hash_type\":\"%s\",\"hash_value\":\"%s\",\"download_url\":\"%s\"}", type, hash,
		link);
	const char *time_s = arena_printf(&ctx.arena, "%lld", (long long)(clock_now_ms() / 1000));
	const char *message = arena_printf(&ctx.arena, "%s\nN\n%s\n", time_s, body);

	say(0,
		arena_printf(&ctx.arena,
			"200 OK\r\nWechatpay-Timestamp: %s\r\nWechatpay-Nonce: N\r\n"
			"Wechatpay-Serial: " KEY_ID "\r\nWechatpay-Signature: %s",
			time_s, signature_of(wx.merchant, message)),
		slice_of(body));
}

static enum outcome wechat(int served)
{
	struct bill_summary sum = { 0 };
	enum outcome got;

	peer_start_sized(&peer, steps, sizes, 2);
	conf.wechat_pay_base_url = arena_printf(&ctx.arena, "%s/pay/", peer.url);
	got = provider_wechat.bill(&ctx, DAY, note, &given, &sum);
	peer_stop(&peer);
	assert_int_equal(peer.served, served);
	assert_int_equal(sum.payments, got == OUTCOME_OK);
	assert_int_equal(sum.paid.fen, got == OUTCOME_OK ? 8800 : 0);
	return got;
}

/* The request that the peer received is signed, as it was sent. */
static void assert_signed(const char *request, const char *target)
{
	const char *time_s = strstr(request, "timestamp=\"") + 11,
		   *nonce = strstr(request, "nonce_str=\"") + 11;
	const char *signature = strstr(request, "signature=\"") + 11;
	const char *message = arena_printf(&ctx.arena, "GET\n%s\n%.*s\n%.*s\n\n", target,
		(int)strcspn(time_s, "\""), time_s, (int)strcspn(nonce, "\""), nonce);

	assert_true(str_starts(request, arena_printf(&ctx.arena, "GET %s HTTP/1.1\r\n", target)));
	assert_true(rsa_verify(&ctx.arena, wx.verify[0].key, slice_of(message),
		(struct slice){ signature, strcspn(signature, "\"") }));
}

static void a_bill_is_asked_for_and_downloaded_of_the_configured_host(void **state)
{
	(void)state;
	say_link("SHA1", sha1_of(WECHAT_BILL), LINK);
	say(1, "200 OK", gzipped(&ctx.arena, slice_of(WECHAT_BILL)));
	assert_int_equal(wechat(2), OUTCOME_OK);
	assert_int_equal(given, 1);
	assert_signed(peer.requests[0],
		"/pay/v3/bill/tradebill?bill_date=" DAY "&bill_type=ALL&tar_type=GZIP");
	assert_signed(peer.requests[1], "/pay/v3/billdownload/file?token=a%2Fb");
}

static void nothing_is_signed_for_another_host(void **state)
{
	static const char *const links[] = {
		"https://api.mch.weixin.qq.com.example.com/v3/billdownload/file",
		"https://api.mch.weixin.qq.com@example.com/v3/billdownload/file",
		"https://api.mch.weixin.qq.com:8443/v3/billdownload/file",
		"http://api.mch.weixin.qq.com/v3/billdownload/file",
		"https://example.com/https://api.mch.weixin.qq.com/",
		"https://api.mch.weixin.qq.com",
		"//api.mch.weixin.qq.com/",
		"/v3/billdownload/file",
		"https://api.mch.weixin.qq.com/v3/bill download",
		"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		say_link("SHA1", sha1_of(WECHAT_BILL), links[i]);
		if (wechat(1) != OUTCOME_UNKNOWN)
			fail_msg("followed: %s", links[i]);
	}
	say_link("MD5", sha1_of(WECHAT_BILL), LINK);
	assert_int_equal(wechat(1), OUTCOME_UNKNOWN);
}

static void a_file_that_is_not_the_declared_one_gives_no_line(void **state)
{
	const struct slice good = gzipped(&ctx.arena, slice_of(WECHAT_BILL));

	(void)state;
	say_link("SHA1", sha1_of(WECHAT_BILL " "), LINK);
	say(1, "200 OK", good);
	assert_int_equal(wechat(2), OUTCOME_UNKNOWN);
	say_link("SHA1", sha1_of(WECHAT_BILL), LINK);
	say(1, "200 OK", (struct slice){ good.p, good.len - 1 });
	assert_int_equal(wechat(2), OUTCOME_UNKNOWN);
	say(1, "200 OK", slice_of(""));
	assert_int_equal(wechat(2), OUTCOME_UNKNOWN);
	/* a link that is over says nothing about the day */
	say(1, "404 Not Found", slice_of("{\"code\":\"RESOURCE_NOT_EXISTS\"}"));
	assert_int_equal(wechat(2), OUTCOME_UNKNOWN);
	assert_int_equal(given, 0);
}

static void the_hash_may_be_in_upper_case(void **state)
{
	char *hash = arena_dup(&ctx.arena, sha1_of(WECHAT_BILL), SHA1_HEX_LEN);

	(void)state;
	for (char *p = hash; *p != '\0'; p++)
		if (*p >= 'a')
			*p = (char)(*p - 'a' + 'A');
	say_link("SHA1", hash, LINK);
	say(1, "200 OK", gzipped(&ctx.arena, slice_of(WECHAT_BILL)));
	assert_int_equal(wechat(2), OUTCOME_OK);
}

static void what_fails_on_our_side_is_no_outcome_of_the_bill(void **state)
{
	(void)state;
	answer = ERR_DB;
	say_link("SHA1", sha1_of(WECHAT_BILL), LINK);
	say(1, "200 OK", gzipped(&ctx.arena, slice_of(WECHAT_BILL)));
	peer_start_sized(&peer, steps, sizes, 2);
	conf.wechat_pay_base_url = peer.url;
	assert_int_equal(provider_wechat.bill(&ctx, DAY, note, &given, &(struct bill_summary){ 0 }),
		OUTCOME_UNKNOWN);
	peer_stop(&peer);
	assert_int_equal(given, 1);
}

static void a_day_without_a_bill_is_told_from_one_that_is_late(void **state)
{
	static const struct {
		const char *head, *code;
		enum outcome outcome;
	} cases[] = {
		{ "400 Bad Request", "NO_STATEMENT_EXIST", OUTCOME_NONE },
		{ "400 Bad Request", "STATEMENT_CREATING", OUTCOME_LATER },
		{ "400 Bad Request", "PARAM_ERROR", OUTCOME_REFUSED },
		{ "404 Not Found", "RESOURCE_NOT_EXISTS", OUTCOME_UNKNOWN },
		{ "429 Too Many", "FREQUENCY_LIMITED", OUTCOME_UNKNOWN },
		{ "500 Error", "NO_STATEMENT_EXIST", OUTCOME_UNKNOWN },
		{ "204 No Content", "", OUTCOME_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		say(0, cases[i].head,
			slice_of(arena_printf(&ctx.arena, "{\"code\":\"%s\"}", cases[i].code)));
		assert_int_equal(wechat(1), cases[i].outcome);
	}
}

/* ---- Alipay ---- */

static void say_node(const char *node)
{
	say(0, "200 OK",
		slice_of(arena_printf(&ctx.arena,
			"{\"alipay_data_dataservice_bill_downloadurl_query_response\":%s,\"sign\":\"%s\"}",
			node, signature_of(ali.app, node))));
}

static enum outcome alipay(int served)
{
	struct bill_summary sum = { 0 };
	enum outcome got;

	conf.alipay_gateway = arena_printf(&ctx.arena, "%s/gateway.do", peer.url);
	got = provider_alipay.bill(&ctx, DAY, note, &given, &sum);
	peer_stop(&peer);
	assert_int_equal(peer.served, served);
	return got;
}

/* Its address is part of what it says. */
static void start(void)
{
	peer_start_sized(&peer, steps, sizes, 2);
}

static void say_address(const char *path)
{
	say_node(arena_printf(
		&ctx.arena, "{\"code\":\"10000\",\"bill_download_url\":\"%s%s\"}", peer.url, path));
}

static void an_archive_without_details_is_no_bill(void **state)
{
	const struct slice text = slice_of("#\r\n");

	(void)state;
	start();
	say_address("/f?x=1&y=2");
	say(1, "200 OK", zipped(&ctx.arena, &text, 1));
	assert_int_equal(alipay(2), OUTCOME_UNKNOWN);
	assert_true(str_starts(peer.requests[1], "GET /f?x=1&y=2 HTTP/1.1\r\n"));
	assert_null(strstr(peer.requests[1], "Authorization"));
	assert_non_null(strstr(
		peer.requests[0], "%22bill_type%22%3A%22trade%22%2C%22bill_date%22%3A%22" DAY));
	start();
	say_address("/f");
	say(1, "403 Forbidden", slice_of("over"));
	assert_int_equal(alipay(2), OUTCOME_UNKNOWN);
}

static void a_link_leads_to_alipay_or_nowhere(void **state)
{
	static const struct {
		const char *gateway, *link, *address;
	} cases[] = {
		{ "https://openapi.alipay.com/gateway.do", "https://dwbillcenter.alipay.com/f?a=b",
			"https://dwbillcenter.alipay.com/f?a=b" },
		{ "https://openapi.alipay.com/gateway.do", "http://dwbillcenter.alipay.com/f",
			"https://dwbillcenter.alipay.com/f" },
		{ "https://openapi.alipay.com/gateway.do", "https://alipay.com/f",
			"https://alipay.com/f" },
		{ "https://openapi.alipay.com/gateway.do", "https://alipay.com.example.com/f",
			NULL },
		{ "https://openapi.alipay.com/gateway.do", "https://xalipay.com/f", NULL },
		{ "https://openapi.alipay.com/gateway.do",
			"https://dwbillcenter.alipay.com@x.com/f", NULL },
		{ "https://openapi.alipay.com/gateway.do", "https://dwbillcenter.alipay.com:81/f",
			NULL },
		{ "https://openapi.alipay.com/gateway.do", "https://dwbillcenter.alipay.com",
			NULL },
		{ "https://openapi.alipay.com/gateway.do", "ftp://dwbillcenter.alipay.com/f",
			NULL },
		{ "https://openapi.alipay.com/gateway.do", "https://com/f", NULL },
		{ "https://openapi.alipay.com/gateway.do", "https:///f", NULL },
		{ "https://openapi.alipay.com/gateway.do", "/f", NULL },
		{ "http://127.0.0.1:8080/gateway.do", "http://127.0.0.1:8080/f",
			"http://127.0.0.1:8080/f" },
		{ "http://127.0.0.1:8080/gateway.do", "http://127.0.0.1:8081/f", NULL },
		{ "http://127.0.0.1:8080/gateway.do", "https://9.9.0.1/f", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *address;

		conf.alipay_gateway = cases[i].gateway;
		address = alipay_bill_address(&ctx, cases[i].link);
		if (cases[i].address != NULL)
			assert_string_equal(address, cases[i].address);
		else if (address != NULL)
			fail_msg("followed: %s", cases[i].link);
	}
}

static void a_bill_that_is_not_there_is_late_for_two_days(void **state)
{
	static const char none[] = "{\"code\":\"40004\",\"sub_code\":\"BILL_NOT_EXIST\"}";

	(void)state;
	start();
	say_node(none);
	assert_int_equal(alipay(1), OUTCOME_LATER);
	ctx.now_ms += 2 * DAY_MS - 13 * HOUR_MS; /* the end of 2026-11-28 is at 16:00 UTC */
	start();
	say_node(none);
	assert_int_equal(alipay(1), OUTCOME_LATER);
	ctx.now_ms += 2 * HOUR_MS;
	start();
	say_node(none);
	assert_int_equal(alipay(1), OUTCOME_NONE);
	start();
	say_node("{\"code\":\"40004\",\"sub_code\":\"INVAILID_ARGUMENTS\"}");
	assert_int_equal(alipay(1), OUTCOME_REFUSED);
}

static void a_program_without_the_library_asks_for_nothing(void **state)
{
	(void)state;
	ctx.unzip = NULL;
	start();
	assert_int_equal(alipay(0), OUTCOME_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			a_bill_is_asked_for_and_downloaded_of_the_configured_host, forget),
		cmocka_unit_test_setup(sha1_is_that_of_fips_180, forget),
		cmocka_unit_test_setup(nothing_is_signed_for_another_host, forget),
		cmocka_unit_test_setup(a_file_that_is_not_the_declared_one_gives_no_line, forget),
		cmocka_unit_test_setup(the_hash_may_be_in_upper_case, forget),
		cmocka_unit_test_setup(what_fails_on_our_side_is_no_outcome_of_the_bill, forget),
		cmocka_unit_test_setup(a_day_without_a_bill_is_told_from_one_that_is_late, forget),
		cmocka_unit_test_setup(an_archive_without_details_is_no_bill, forget),
		cmocka_unit_test_setup(a_link_leads_to_alipay_or_nowhere, forget),
		cmocka_unit_test_setup(a_bill_that_is_not_there_is_late_for_two_days, forget),
		cmocka_unit_test_setup(a_program_without_the_library_asks_for_nothing, forget),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

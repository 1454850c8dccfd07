/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <unistd.h>

#include "base/log.h"
#include "peer.h"
#include "providers/wechat/login.h"

#define SECRET      "s3cr3t-of-the-mini-program"
#define SESSION_KEY "c2Vzc2lvbi1rZXktb2YtYQ=="
#define GOOD        "{\"session_key\":\"" SESSION_KEY "\",\"openid\":\"oUpF8uMuAJO_M2pxb1Q9zNjWeS6-\"}"

static const struct conf conf_template = { .wechat_appid = "wx2421b1c4370ec43b",
	.wechat_secret = SECRET };
static struct conf conf;
static struct ctx ctx;
static struct peer peer;
static char log_path[] = "/tmp/minimall-unit-XXXXXX";

static int forget(void **state)
{
	(void)state;
	arena_reset(&ctx.arena);
	ctx.fault = NULL;
	return 0;
}

static const char *answer(int status, const char *body)
{
	return arena_printf(&ctx.arena,
		"HTTP/1.1 %d X\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
		"Connection: close\r\n\r\n%s",
		status, strlen(body), body);
}

static enum err login_against(const struct peer_step *steps, size_t n, const char **openid)
{
	enum err e;

	peer_start(&peer, steps, n);
	conf = conf_template;
	conf.wechat_login_base_url = peer.url;
	ctx.conf = &conf;
	e = wxlogin_openid(&ctx, "code/+&=中", openid);
	peer_stop(&peer);
	return e;
}

static enum err login_once(const char *whole, const char **openid)
{
	const struct peer_step step = { whole, false, false };
	enum err e = login_against(&step, 1, openid);

	assert_int_equal(peer.served, 1);
	return e;
}

static void a_code_is_exchanged_for_an_openid(void **state)
{
	const char *openid;

	(void)state;
	assert_int_equal(login_once(answer(200, GOOD), &openid), OK);
	assert_string_equal(openid, "oUpF8uMuAJO_M2pxb1Q9zNjWeS6-");
	assert_true(str_starts(peer.requests[0],
		"GET /sns/jscode2session?appid=wx2421b1c4370ec43b&secret=" SECRET
		"&js_code=code%2F%2B%26%3D%E4%B8%AD&grant_type=authorization_code HTTP/1.1\r\n"));
	assert_int_equal(login_once(answer(200,
					    "{\"errcode\":0,\"errmsg\":\"ok\",\"unionid\":\"u\","
					    "\"session_key\":\"k\",\"openid\":\"o\"}"),
				 &openid),
		OK);
	assert_string_equal(openid, "o");
}

static void each_errcode_has_the_outcome_of_the_table(void **state)
{
	static const struct {
		int errcode;
		enum err err;
	} cases[] = {
		{ 40029, ERR_LOGIN_CODE_INVALID },
		{ 40163, ERR_LOGIN_CODE_INVALID },
		{ 45011, ERR_RATE_LIMITED },
		{ 40226, ERR_ACCOUNT_BLOCKED },
		{ 40013, ERR_PROVIDER_CONFIG },
		{ 40125, ERR_PROVIDER_CONFIG },
		{ 40001, ERR_PROVIDER_CONFIG },
		{ 40164, ERR_PROVIDER_CONFIG },
		{ 41002, ERR_PROVIDER_CONFIG },
		{ 41004, ERR_PROVIDER_CONFIG },
		{ 45009, ERR_PROVIDER_BUSY },
		{ 43001, ERR_PROVIDER_REFUSED },
		{ -2, ERR_PROVIDER_REFUSED },
	};
	const char *openid = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* even with an openid the errcode decides */
		const char *body = arena_printf(&ctx.arena,
			"{\"errcode\":%d,\"errmsg\":\"x, rid: 5f8e-1\",\"openid\":\"o\","
			"\"session_key\":\"k\"}",
			cases[i].errcode);

		assert_int_equal(login_once(answer(200, body), &openid), cases[i].err);
		assert_null(ctx.fault);
	}
	assert_int_equal(login_once(answer(200, "{\"errcode\":41008}"), &openid), ERR_INVALID);
	assert_string_equal(ctx.fault, "code");
	assert_null(openid);
}

static void a_busy_system_is_retried_once(void **state)
{
	const char *busy = answer(200, "{\"errcode\":-1,\"errmsg\":\"system error\"}"),
		   *openid = NULL;
	const struct peer_step then_good[] = { { busy, false, false },
		{ answer(200, GOOD), false, false } };
	const struct peer_step then_busy[] = { { busy, false, false }, { busy, false, false },
		{ answer(200, GOOD), false, false } };
	const struct peer_step then_used[] = { { busy, false, false },
		{ answer(200, "{\"errcode\":40163}"), false, false } };

	(void)state;
	assert_int_equal(login_against(then_good, 2, &openid), OK);
	assert_int_equal(peer.served, 2);
	assert_int_equal(login_against(then_used, 2, &openid), ERR_LOGIN_CODE_INVALID);
	assert_int_equal(login_against(then_busy, 3, &openid), ERR_PROVIDER_BUSY);
	assert_int_equal(peer.served, 2);
}

static void a_response_without_a_usable_openid_signs_nobody_in(void **state)
{
	static const char *const bodies[] = { "{}", "{\"openid\":\"o\"}", "{\"session_key\":\"k\"}",
		"{\"openid\":\"\",\"session_key\":\"k\"}",
		"{\"openid\":\"o\",\"session_key\":\"\"}",
		"{\"openid\":null,\"session_key\":\"k\"}",
		"{\"openid\":\"o o\",\"session_key\":\"k\"}",
		"{\"openid\":\"o\\n\",\"session_key\":\"k\"}",
		"{\"openid\":\"中\",\"session_key\":\"k\"}",
		"{\"openid\":\"12345678901234567890123456789012345678901234567890123456789012345\","
		"\"session_key\":\"k\"}" };
	const char *openid = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
		assert_int_equal(login_once(answer(200, bodies[i]), &openid), ERR_PROVIDER_REFUSED);
	assert_null(openid);
}

static void an_unreadable_response_leaves_the_outcome_unknown(void **state)
{
	static const char *const bodies[] = { "", "<html>", "[]", "null", "{\"openid\":\"o\",",
		"{\"openid\":1,\"session_key\":\"k\"}", "{\"openid\":\"a\",\"openid\":\"b\"}",
		"{\"errcode\":\"0\",\"openid\":\"o\",\"session_key\":\"k\"}",
		"{\"errcode\":0.5,\"openid\":\"o\",\"session_key\":\"k\"}" };
	char *large = arena_alloc(&ctx.arena, (64 << 10) + 1);
	const char *openid = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		assert_int_equal(login_once(answer(200, bodies[i]), &openid), ERR_PROVIDER_UNKNOWN);
		assert_null(ctx.fault);
	}
	memset(large, 'x', 64 << 10);
	assert_int_equal(login_once(answer(200, large), &openid), ERR_PROVIDER_UNKNOWN);
	assert_int_equal(login_once("HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{\"openid\":\"o\"",
				 &openid),
		ERR_PROVIDER_UNKNOWN);
	assert_int_equal(login_once(NULL, &openid), ERR_PROVIDER_UNKNOWN);
	assert_null(openid);
}

static void a_status_other_than_200_is_no_answer(void **state)
{
	const char *openid = NULL;

	(void)state;
	assert_int_equal(login_once(answer(500, GOOD), &openid), ERR_PROVIDER_BUSY);
	assert_int_equal(login_once(answer(429, GOOD), &openid), ERR_PROVIDER_BUSY);
	assert_int_equal(login_once(answer(404, GOOD), &openid), ERR_PROVIDER_REFUSED);
	assert_int_equal(login_once(answer(302, GOOD), &openid), ERR_PROVIDER_REFUSED);
	assert_null(openid);
}

static void an_implausible_code_is_not_sent(void **state)
{
	char *code = arena_alloc(&ctx.arena, 8193);
	const char *openid;

	(void)state;
	memset(code, 'x', 8192);
	assert_int_equal(wxlogin_openid(&ctx, code, &openid), ERR_LOGIN_CODE_INVALID);
}

/* Runs last: all tests above wrote to this log. */
static void the_log_names_the_rid_and_no_secret(void **state)
{
	static char text[256 << 10];
	FILE *file = fopen(log_path, "re");
	size_t n;

	(void)state;
	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	assert_non_null(strstr(text, "refused: errcode 40029, rid 5f8e-1"));
	assert_non_null(strstr(text, "127.0.0.1/sns/jscode2session: "));
	assert_null(strstr(text, SECRET));
	assert_null(strstr(text, SESSION_KEY));
	assert_null(strstr(text, "js_code"));
	assert_null(strstr(text, "oUpF8uMuAJO"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_code_is_exchanged_for_an_openid, forget),
		cmocka_unit_test_teardown(each_errcode_has_the_outcome_of_the_table, forget),
		cmocka_unit_test_teardown(a_busy_system_is_retried_once, forget),
		cmocka_unit_test_teardown(
			a_response_without_a_usable_openid_signs_nobody_in, forget),
		cmocka_unit_test_teardown(
			an_unreadable_response_leaves_the_outcome_unknown, forget),
		cmocka_unit_test_teardown(a_status_other_than_200_is_no_answer, forget),
		cmocka_unit_test_teardown(an_implausible_code_is_not_sent, forget),
		cmocka_unit_test_teardown(the_log_names_the_rid_and_no_secret, forget),
	};
	int fd = mkstemp(log_path), failed;

	if (fd < 0 || !log_open(log_path, "test"))
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(log_path);
	return failed;
}

/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "ext/http.h"
#include "peer.h"

/* SHORT_MS is awaited in full; even a busy machine must have sent the request by then. */
enum { LONG_MS = 20000, SHORT_MS = 2500 };

static struct ctx ctx;
static struct peer peer;

static int forget(void **state)
{
	(void)state;
	arena_reset(&ctx.arena);
	ctx.deadline_ms = 0;
	return 0;
}

static enum err get(const char *url, int64_t timeout_ms, struct http_answer *out)
{
	const struct http_call call = { .method = "GET",
		.url = url,
		.connect_timeout_ms = timeout_ms,
		.timeout_ms = timeout_ms };

	return http_call(&ctx, &call, out);
}

static const char *path(const char *tail)
{
	return arena_printf(&ctx.arena, "%s%s", peer.url, tail);
}

static void a_call_sends_the_request_as_given(void **state)
{
	static const struct peer_step steps[] = {
		{ "HTTP/1.1 201 Created\r\nContent-Length: 3\r\nx-one: 1\r\n\r\nyes", true, false },
		{ "HTTP/1.1 204 No Content\r\n\r\n", false, false },
	};
	static const char *const headers[] = { "X-Mine: yes", NULL };
	static const char *const wanted[] = { "X-One", "X-Two", NULL };
	const char *values[2] = { "x", "x" };
	struct http_call call = { .method = "POST",
		.body = slice_of("{\"a\":1}"),
		.headers = headers,
		.wanted = wanted,
		.wanted_values = values,
		.connect_timeout_ms = LONG_MS,
		.timeout_ms = LONG_MS };
	struct http_answer out;

	(void)state;
	peer_start(&peer, steps, 2);
	call.url = path("/a/b?c=d");
	assert_int_equal(http_call(&ctx, &call, &out), OK);
	assert_int_equal(out.status, 201);
	assert_int_equal(out.body.len, 3);
	assert_string_equal(out.body.p, "yes");
	assert_false(out.repeated);
	assert_string_equal(values[0], "1");
	assert_null(values[1]);
	assert_int_equal(get(path("/second"), LONG_MS, &out), OK);
	assert_int_equal(out.status, 204);
	assert_int_equal(out.body.len, 0);
	assert_string_equal(out.body.p, "");
	peer_stop(&peer);

	assert_int_equal(peer.served, 2); /* on one connection: the peer never accepted another */
	assert_true(str_starts(peer.requests[0], "POST /a/b?c=d HTTP/1.1\r\n"));
	assert_non_null(strstr(peer.requests[0], "\r\nUser-Agent: minimall\r\n"));
	assert_non_null(strstr(peer.requests[0], "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(peer.requests[0], "\r\nX-Mine: yes\r\n"));
	assert_non_null(strstr(peer.requests[0], "\r\n\r\n{\"a\":1}"));
	assert_null(strstr(peer.requests[0], "Expect:"));
	assert_true(str_starts(peer.requests[1], "GET /second HTTP/1.1\r\n"));
	assert_null(strstr(peer.requests[1], "X-Mine"));
	assert_null(strstr(peer.requests[1], "{"));
}

static void only_headers_of_the_final_answer_count(void **state)
{
	static const struct peer_step steps[] = {
		{ "HTTP/1.1 103 Early Hints\r\nX-One: early\r\n\r\n"
		  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-One\r\n\r\n"
		  "2\r\nok\r\n0\r\nX-One: late\r\n\r\n",
			false, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-One: a\r\nx-ONE: b\r\n\r\n", false,
			false },
	};
	static const char *const wanted[] = { "x-one", NULL };
	const char *values[1];
	struct http_call call = { .method = "GET",
		.wanted = wanted,
		.wanted_values = values,
		.connect_timeout_ms = LONG_MS,
		.timeout_ms = LONG_MS };
	struct http_answer out;

	(void)state;
	peer_start(&peer, steps, 2);
	call.url = path("/");
	assert_int_equal(http_call(&ctx, &call, &out), OK);
	assert_string_equal(out.body.p, "ok");
	assert_null(values[0]);
	assert_false(out.repeated);
	assert_int_equal(http_call(&ctx, &call, &out), OK);
	assert_true(out.repeated);
	peer_stop(&peer);
	assert_int_equal(peer.served, 2);
}

static void a_redirect_is_returned_and_not_followed(void **state)
{
	static const struct peer_step steps[] = {
		{ "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", true,
			false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, false },
	};
	struct http_answer out;

	(void)state;
	peer_start(&peer, steps, 2);
	assert_int_equal(get(path("/"), LONG_MS, &out), OK);
	assert_int_equal(out.status, 302);
	peer_stop(&peer);
	assert_int_equal(peer.served, 1);
}

static void without_a_connection_nothing_was_sent(void **state)
{
	struct http_answer out;
	char url[64];
	int fd = peer_bind(url, sizeof(url)); /* bound, not listening */

	(void)state;
	assert_int_equal(get(url, LONG_MS, &out), ERR_PROVIDER_BUSY);
	assert_int_equal(
		get(arena_printf(&ctx.arena, "https%s", url + strlen("http")), LONG_MS, &out),
		ERR_PROVIDER_BUSY);
	close(fd);
	/* .invalid never resolves (RFC 6761) */
	assert_int_equal(get("https://nobody.invalid/", LONG_MS, &out), ERR_PROVIDER_BUSY);
}

static void a_peer_without_tls_never_gets_the_request(void **state)
{
	static const struct peer_step steps[] = { { "HTTP/1.1 400 Bad Request\r\n\r\n", false,
		false } };
	struct http_answer out;

	(void)state;
	peer_start(&peer, steps, 1);
	assert_int_equal(get(arena_printf(&ctx.arena, "https%s/", peer.url + strlen("http")),
				 SHORT_MS, &out),
		ERR_PROVIDER_BUSY);
	peer_stop(&peer);
}

static void without_a_complete_response_the_outcome_is_unknown(void **state)
{
	static const struct peer_step steps[] = {
		{ NULL, false, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", false, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", false, false },
		{ "garbage\r\n\r\n", false, false },
		{ NULL, false, true },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false, true },
	};
	struct http_answer out = { .status = -1 };

	(void)state;
	peer_start(&peer, steps, ARRAY_LEN(steps));
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		int64_t start_ms = clock_mono_ms();

		assert_int_equal(get(path("/"), steps[i].hang ? SHORT_MS : LONG_MS, &out),
			ERR_PROVIDER_UNKNOWN);
		assert_true(clock_mono_ms() - start_ms < LONG_MS / 2);
	}
	peer_stop(&peer);
	assert_int_equal(peer.served, ARRAY_LEN(steps));
	assert_int_equal(out.status, -1);
}

static void a_dropped_idle_connection_is_not_a_failure(void **state)
{
	static const struct peer_step steps[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", false, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2", false, false },
	};
	struct http_answer out;

	(void)state;
	peer_start(&peer, steps, 2);
	assert_int_equal(get(path("/"), LONG_MS, &out), OK);
	assert_int_equal(get(path("/"), LONG_MS, &out), OK);
	assert_string_equal(out.body.p, "2");
	peer_stop(&peer);
}

static void a_request_sent_once_stays_unknown_when_the_retry_is_refused(void **state)
{
	static const struct peer_step steps[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", true, false },
		{ NULL, false, false },
	};
	struct http_answer out;

	(void)state;
	peer_start(&peer, steps, 2);
	assert_int_equal(get(path("/"), LONG_MS, &out), OK);
	/* the old connection is alive; curl, which finds it closed after sending, can't open a new one
	 */
	assert_int_equal(shutdown(peer.listener, SHUT_RDWR), 0);
	assert_int_equal(get(path("/"), LONG_MS, &out), ERR_PROVIDER_UNKNOWN);
	peer_stop(&peer);
	assert_int_equal(peer.served, 2);
}

static void a_response_has_a_size_limit(void **state)
{
	const char *const head = "HTTP/1.1 200 OK\r\n\r\n"; /* no length: up to the end */
	size_t head_len = strlen(head);
	char *whole = arena_alloc(&ctx.arena, head_len + HTTP_ANSWER_MAX + 2);
	char *larger = arena_alloc(&ctx.arena, head_len + HTTP_ANSWER_MAX + 2);
	struct peer_step steps[] = { { whole, false, false }, { larger, false, false } };
	struct http_answer out;

	(void)state;
	memcpy(whole, head, head_len);
	memset(whole + head_len, 'x', HTTP_ANSWER_MAX);
	memcpy(larger, head, head_len);
	memset(larger + head_len, 'x', HTTP_ANSWER_MAX + 1);
	peer_start(&peer, steps, 2);
	assert_int_equal(get(path("/"), LONG_MS, &out), OK);
	assert_int_equal(out.body.len, HTTP_ANSWER_MAX);
	assert_int_equal(get(path("/"), LONG_MS, &out), ERR_PROVIDER_UNKNOWN);
	peer_stop(&peer);
}

static void the_deadline_of_the_request_bounds_the_call(void **state)
{
	static const struct peer_step steps[] = { { NULL, false, true } };
	struct http_answer out;
	int64_t start_ms;

	(void)state;
	peer_start(&peer, steps, 1);
	start_ms = clock_mono_ms();
	ctx.deadline_ms = start_ms + SHORT_MS;
	assert_int_equal(get(path("/"), LONG_MS, &out), ERR_PROVIDER_UNKNOWN);
	assert_true(clock_mono_ms() - start_ms < LONG_MS / 2);
	ctx.deadline_ms = clock_mono_ms(); /* no time left: not even a connection is made */
	assert_int_equal(get(path("/"), LONG_MS, &out), ERR_PROVIDER_BUSY);
	peer_stop(&peer);
	assert_int_equal(peer.served, 1);
}

static void a_pause_respects_the_deadline(void **state)
{
	int64_t start_ms = clock_mono_ms();

	(void)state;
	assert_true(http_pause(&ctx, 20));
	assert_true(clock_mono_ms() - start_ms >= 20);
	ctx.deadline_ms = clock_mono_ms() + LONG_MS / 2;
	start_ms = clock_mono_ms();
	assert_false(http_pause(&ctx, LONG_MS));
	assert_true(clock_mono_ms() - start_ms < LONG_MS / 4);
}

static void plain_http_to_other_hosts_is_refused(void **state)
{
	static const char *const bad[] = { "http://example.com/", "http://127.0.0.1.example.com/",
		"http://127.0.0.2/", "http://10.0.0.1/", "http://localhost.example/",
		"ftp://127.0.0.1/", "file:///etc/hostname", "https://user@127.0.0.1/",
		"http://127.0.0.1@example.com/", "http://", "", "127.0.0.1", "http://[::2]/" };
	struct http_answer out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (get(bad[i], SHORT_MS, &out) != ERR_PROVIDER_CONFIG)
			fail_msg("not refused: %s", bad[i]);
}

static void calls_to_loopback_ignore_proxies_of_the_environment(void **state)
{
	static const struct peer_step steps[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1", false, false },
	};
	struct http_answer out;

	(void)state;
	/* nothing listens on the discard port of this host */
	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:9", 1), 0);
	assert_int_equal(setenv("all_proxy", "http://127.0.0.1:9", 1), 0);
	peer_start(&peer, steps, 1);
	assert_int_equal(get(path("/"), LONG_MS, &out), OK);
	peer_stop(&peer);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

/* A stranger's answer: its status counts, whatever and however much follows. */
static void of_a_stranger_only_the_status_is_kept(void **state)
{
	static char large[(256 << 10) + 1];
	static const struct peer_step steps[] = {
		{ "HTTP/1.1 204 No Content\r\n\r\n", false, false },
		{ "HTTP/1.1 503 Busy\r\nRetry-After: 90\r\nContent-Length: 3\r\n\r\nbad", false,
			false },
		{ large, false, false },
	};
	struct http_call call = { .method = "POST",
		.body = slice_of("{}"),
		.connect_timeout_ms = LONG_MS,
		.timeout_ms = LONG_MS,
		.stranger = true };
	struct http_answer out;
	int len =
		snprintf(large, sizeof(large), "HTTP/1.1 200 OK\r\nContent-Length: 262144\r\n\r\n");

	(void)state;
	memset(large + len, 'x', sizeof(large) - 1 - (size_t)len);
	for (int i = 0; i < 3; i++) {
		static const int statuses[] = { 204, 503, 200 };

		peer_start(&peer, &steps[i], 1);
		call.url = path("/secret");
		assert_int_equal(http_call(&ctx, &call, &out), OK);
		peer_stop(&peer);
		assert_int_equal(out.status, statuses[i]);
		assert_int_equal(out.retry_after_s, i == 1 ? 90 : 0);
		assert_int_equal(out.body.len, 0);
		assert_string_equal(out.body.p, "");
	}
}

/* curl itself takes names below .localhost for this host, without a look-up. */
static void a_name_that_stands_for_this_host_is_not_connected_to(void **state)
{
	struct http_answer out = { 0 };
	struct http_call call = { .method = "POST",
		.url = "https://hooks.localhost/",
		.body = slice_of("{}"),
		.connect_timeout_ms = 5 * SECOND_MS,
		.timeout_ms = 5 * SECOND_MS };

	(void)state;
	assert_int_equal(http_call(&ctx, &call, &out), ERR_PROVIDER_BUSY); /* nobody listens */
	call.stranger = true;
	assert_int_equal(http_call(&ctx, &call, &out), ERR_PROVIDER_CONFIG);
}

/* The body of a GET into a spool of at most `max` bytes. */
static enum err download(const char *answer, int64_t max, struct spool *s, struct http_answer *out)
{
	const struct peer_step step = { answer, false, false };
	struct http_call call = {
		.method = "GET", .connect_timeout_ms = LONG_MS, .timeout_ms = LONG_MS, .spool = s
	};
	enum err e;

	assert_true(spool_open(s, max));
	peer_start(&peer, &step, 1);
	call.url = path("/file");
	e = http_call(&ctx, &call, out);
	peer_stop(&peer);
	spool_close(s);
	return e;
}

static void only_the_body_of_a_200_goes_into_a_file(void **state)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
	struct http_answer out;
	struct spool s;

	(void)state;
	assert_int_equal(download(good, 3, &s, &out), OK);
	assert_int_equal(out.status, 200);
	assert_int_equal(out.body.len, 0);
	assert_int_equal(s.size, 3);
	assert_int_equal(download(good, 2, &s, &out), ERR_PROVIDER_UNKNOWN);
	assert_true(s.overflow);
	assert_int_equal(
		download("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", 3, &s, &out), OK);
	assert_int_equal(out.status, 404);
	assert_string_equal(out.body.p, "no");
	assert_int_equal(s.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_call_sends_the_request_as_given, forget),
		cmocka_unit_test_teardown(only_headers_of_the_final_answer_count, forget),
		cmocka_unit_test_teardown(a_redirect_is_returned_and_not_followed, forget),
		cmocka_unit_test_teardown(without_a_connection_nothing_was_sent, forget),
		cmocka_unit_test_teardown(a_peer_without_tls_never_gets_the_request, forget),
		cmocka_unit_test_teardown(
			without_a_complete_response_the_outcome_is_unknown, forget),
		cmocka_unit_test_teardown(a_dropped_idle_connection_is_not_a_failure, forget),
		cmocka_unit_test_teardown(
			a_request_sent_once_stays_unknown_when_the_retry_is_refused, forget),
		cmocka_unit_test_teardown(a_response_has_a_size_limit, forget),
		cmocka_unit_test_teardown(the_deadline_of_the_request_bounds_the_call, forget),
		cmocka_unit_test_teardown(a_pause_respects_the_deadline, forget),
		cmocka_unit_test_teardown(plain_http_to_other_hosts_is_refused, forget),
		cmocka_unit_test_teardown(
			calls_to_loopback_ignore_proxies_of_the_environment, forget),
		cmocka_unit_test_teardown(
			a_name_that_stands_for_this_host_is_not_connected_to, forget),
		cmocka_unit_test_teardown(of_a_stranger_only_the_status_is_kept, forget),
		cmocka_unit_test_teardown(only_the_body_of_a_200_goes_into_a_file, forget),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

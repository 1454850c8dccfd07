/* SPDX-License-Identifier: MIT */
/* test_rate.c - limits of requests by class, and what answers say about them (BEHAVIOUR 51). */
#include "unit.h"

#include "base/log.h"
#include "state_rig.h"
#include "web/rate.h"

#define NOW_MS INT64_C(1000000000)

static struct ctx c;
static const struct route create = { .rate = RATE_CREATE }, pay = { .rate = RATE_PAYMENT };

static int begin(void **state)
{
	(void)state;
	rig_conf.payment_create_per_hour = 5;
	c = rig_ctx();
	c.actor = (struct actor){ .kind = ACTOR_USER, .user_id = 7 };
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_free(&c);
	rig_remove(rig_dir);
	return 0;
}

static struct req ask(const struct route *route, int64_t at_ms, enum err wanted)
{
	struct req r = { .route = route };

	c.now_ms = NOW_MS + at_ms;
	assert_int_equal(rate_valid(&c, &r), wanted);
	return r;
}

static const char *headers(const struct req *r, int status)
{
	struct resp w = resp_new(&c);

	w.status = status;
	rate_headers(&c, r, &w);
	return str_text(&w.headers);
}

static void an_answer_says_what_is_left(void **state)
{
	struct req r;

	(void)state;
	r = ask(&create, 0, OK);
	assert_string_equal(headers(&r, 200),
		"X-RateLimit-Limit: 5\r\nX-RateLimit-Remaining: 4\r\nX-RateLimit-Reset: 1003600\r\n");
	for (int i = 1; i < 5; i++)
		r = ask(&create, i * 1000, OK);
	assert_string_equal(headers(&r, 500),
		"X-RateLimit-Limit: 5\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1003600\r\n");
	r = ask(&create, 60001, ERR_RATE_LIMITED);
	assert_string_equal(headers(&r, 429),
		"X-RateLimit-Limit: 5\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1003600\r\n"
		"Retry-After: 3540\r\n");
	r = ask(&create, HOUR_MS - 1, ERR_RATE_LIMITED);
	assert_non_null(strstr(headers(&r, 429), "Retry-After: 1\r\n"));
	(void)ask(&create, HOUR_MS, OK);
	(void)ask(&create, HOUR_MS, ERR_RATE_LIMITED);
}

static void users_and_classes_are_apart(void **state)
{
	struct req r;

	(void)state;
	for (int i = 0; i < 5; i++)
		(void)ask(&create, 0, OK);
	(void)ask(&create, 0, ERR_RATE_LIMITED);
	r = ask(&pay, 0, OK);
	assert_string_equal(headers(&r, 200), "");
	assert_string_equal(headers(&r, 429), "Retry-After: 60\r\n"); /* a provider's */
	c.actor.user_id = 8;
	(void)ask(&create, 0, OK);
}

static void zero_is_off(void **state)
{
	struct req r;

	(void)state;
	rig_conf.payment_create_per_hour = 0;
	for (int i = 0; i < 20; i++)
		r = ask(&create, 0, OK);
	assert_string_equal(headers(&r, 200), "");
}

/* ---- all requests ---- */

static const struct route look = { .rate = RATE_READ }, health = { .rate = RATE_NONE };

static enum err enter(const struct route *route, int64_t user_id, struct req *r)
{
	*r = (struct req){ .route = route };
	c.actor.user_id = user_id;
	c.now_ms = NOW_MS;
	return rate_enter(&c, r);
}

static void all_together_have_a_limit_per_second(void **state)
{
	struct req r;

	(void)state;
	rig_conf.requests_per_second = 200;
	for (int i = 0; i < 200; i++)
		assert_int_equal(enter(i % 2 ? &look : &pay, i, &r), OK);
	assert_int_equal(enter(&look, 999, &r), ERR_RATE_LIMITED);
	assert_string_equal(headers(&r, 429),
		"X-RateLimit-Limit: 200\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1000001\r\n"
		"Retry-After: 1\r\n");
	assert_int_equal(enter(&health, 999, &r), OK);
	assert_string_equal(headers(&r, 200), "");
	rig_conf.requests_per_second = 0;
}

static void a_request_counts_once(void **state)
{
	struct req r;

	(void)state;
	rig_conf.user_requests_per_minute = 3;
	assert_int_equal(enter(&look, 7, &r), OK);
	assert_int_equal(rate_valid(&c, &r), OK);
	assert_int_equal(rate_leave(&c, &r, ERR_NOT_FOUND), ERR_NOT_FOUND);
	assert_int_equal(r.limit.remaining, 2);
	assert_int_equal(enter(&look, 0, &r), OK); /* nobody */
	assert_int_equal(r.limit.max, 0);
	assert_int_equal(enter(&look, 8, &r), OK);
	assert_int_equal(r.limit.remaining, 2);
	rig_conf.user_requests_per_minute = 0;
}

/* With limits of valid ones alone, all are counted at once. */
static void a_malformed_one_counts_when_it_ends(void **state)
{
	struct req r;

	(void)state;
	rig_conf.requests_per_second = 2;
	assert_int_equal(enter(&create, 7, &r), OK);
	assert_int_equal(r.limit.max, 0);
	assert_int_equal(rate_leave(&c, &r, ERR_MALFORMED), ERR_MALFORMED);
	assert_int_equal(r.limit.max, 2);
	assert_int_equal(enter(&create, 7, &r), OK);
	assert_int_equal(rate_valid(&c, &r), OK);
	assert_int_equal(rate_leave(&c, &r, OK), OK);
	assert_int_equal(r.limit.remaining, 0);
	assert_int_equal(enter(&create, 7, &r), OK);
	assert_int_equal(rate_leave(&c, &r, ERR_MALFORMED), ERR_RATE_LIMITED);
	rig_conf.requests_per_second = 0;
	assert_int_equal(enter(&create, 7, &r), OK);
	assert_int_equal(rate_valid(&c, &r), OK);
	assert_int_equal(r.limit.remaining, 3); /* of five valid ones */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_answer_says_what_is_left),
		TEST(users_and_classes_are_apart),
		TEST(zero_is_off),
		TEST(all_together_have_a_limit_per_second),
		TEST(a_request_counts_once),
		TEST(a_malformed_one_counts_when_it_ends),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_open, rig_done);
}

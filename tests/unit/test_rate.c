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

/* A valid one. */
static struct req ask(const struct route *route, int64_t at_ms, enum err wanted)
{
	struct req r = { .route = route, .input = "" };

	c.now_ms = NOW_MS + at_ms;
	assert_int_equal(rate_valid(&c, &r), wanted);
	return r;
}

static enum err valid(struct req *r)
{
	r->input = "";
	return rate_valid(&c, r);
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
	assert_int_equal(valid(&r), OK);
	assert_int_equal(rate_leave(&c, &r, OK), OK);
	assert_int_equal(r.limit.remaining, 0);
	assert_int_equal(enter(&create, 7, &r), OK);
	assert_int_equal(rate_leave(&c, &r, ERR_MALFORMED), ERR_RATE_LIMITED);
	rig_conf.requests_per_second = 0;
	assert_int_equal(enter(&create, 7, &r), OK);
	assert_int_equal(valid(&r), OK);
	assert_int_equal(r.limit.remaining, 3); /* of five valid ones */
}

/* ---- prepaying an order ---- */

struct order_input {
	uint64_t has;
	const char *order_id;
};
static const struct field order_fields[] = {
	INPUT(struct order_input, order_id, 1, 64, F_REQUIRED),
	FIELD_END,
};
static const struct route prepay = { .rate = RATE_PREPAY,
	.body = NEW(struct order_input, order_fields) };

static struct req prepay_of(const char *order_id, int64_t at_ms, enum err wanted)
{
	const struct order_input in = { 1, order_id };
	struct req r = { .route = &prepay };

	c.now_ms = NOW_MS + at_ms;
	assert_int_equal(rate_enter(&c, &r), OK);
	r.input = &in;
	assert_int_equal(rate_valid(&c, &r), wanted);
	return r;
}

static void an_order_is_prepaid_at_intervals_after_the_third_time(void **state)
{
	struct req r;

	(void)state;
	rig_conf.prepay_interval_s = 3;
	for (int i = 0; i < 2; i++) {
		r = prepay_of("A", i, OK);
		assert_string_equal(headers(&r, 200), ""); /* nothing refuses the next */
	}
	r = prepay_of("A", 1000, OK);
	assert_string_equal(headers(&r, 200),
		"X-RateLimit-Limit: 1\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1000004\r\n");
	r = prepay_of("A", 3999, ERR_RATE_LIMITED);
	assert_string_equal(headers(&r, 429),
		"X-RateLimit-Limit: 1\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1000004\r\n"
		"Retry-After: 1\r\n");
	(void)prepay_of("A", 4000, OK);
	(void)prepay_of("A", 6999, ERR_RATE_LIMITED);
	(void)prepay_of("B", 6999, OK); /* another order */
	c.actor.user_id = 8; /* who gets a 403 for it, and takes nothing from its owner */
	(void)prepay_of("A", 6999, OK);
	(void)prepay_of("A", HOUR_MS, OK);
	c.actor.user_id = 7;
	(void)prepay_of("A", HOUR_MS, OK);
	(void)prepay_of("A", HOUR_MS + 1, ERR_RATE_LIMITED);
	rig_conf.prepay_interval_s = 0;
	(void)prepay_of("A", HOUR_MS + 1, OK);
}

static void both_limits_of_a_payment_page_count_together(void **state)
{
	static const struct route hosted = { .rate = RATE_CREATE,
		.body = NEW(struct order_input, order_fields) };
	const struct order_input in = { 1, "A" };
	struct req r;

	(void)state;
	rig_conf.prepay_interval_s = 3;
	for (int64_t i = 1; i <= 4; i++) {
		r = (struct req){ .route = &hosted, .input = &in };
		c.now_ms = NOW_MS;
		assert_int_equal(rate_valid(&c, &r), i < 4 ? OK : ERR_RATE_LIMITED);
		assert_int_equal(r.limit.max, i < 3 ? 5 : 1);
		assert_int_equal(r.limit.remaining, i < 3 ? 5 - i : 0);
	}
	(void)ask(&create, 0,
		OK); /* the refused one used up nothing, a plan's order has no number yet */
	(void)ask(&create, 0, OK);
	(void)ask(&create, 0, ERR_RATE_LIMITED);
	rig_conf.prepay_interval_s = 0;
}

/* ---- in flight ---- */

static const struct route query = { .rate = RATE_QUERY }, notify = { .rate = RATE_NOTIFY };

static void a_user_has_so_many_payments_in_flight(void **state)
{
	struct req r[4], more;

	(void)state;
	rig_conf.payments_in_flight = 4;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(enter(i % 2 ? &query : &pay, 7, &r[i]), OK);
		assert_string_equal(headers(&r[i], 200), "");
	}
	assert_int_equal(enter(&pay, 7, &more), ERR_RATE_LIMITED);
	assert_string_equal(headers(&more, 429),
		"X-RateLimit-Limit: 4\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1000001\r\n"
		"Retry-After: 1\r\n");
	assert_int_equal(enter(&create, 7, &more), OK); /* when it is valid: */
	assert_int_equal(valid(&more), ERR_RATE_LIMITED);
	assert_int_equal(enter(&look, 7, &more), OK);
	assert_int_equal(enter(&notify, 7, &more), OK);
	assert_int_equal(enter(&pay, 8, &more), OK);
	c.actor.user_id = 7;
	c.now_ms = NOW_MS + 10 * SECOND_MS; /* a transaction has waited */
	assert_int_equal(rate_leave(&c, &r[2], ERR_NOT_FOUND), ERR_NOT_FOUND);
	assert_int_equal(enter(&query, 7, &more), OK);
	assert_int_equal(enter(&query, 7, &more), ERR_RATE_LIMITED);
	rig_conf.payments_in_flight = 0;
}

static void the_place_of_a_killed_process_is_free_after_a_minute(void **state)
{
	struct req r = { .route = &pay };

	(void)state;
	rig_conf.payments_in_flight = 1;
	assert_int_equal(rate_enter(&c, &r), OK);
	c.now_ms += MINUTE_MS - 1;
	r = (struct req){ .route = &pay };
	assert_int_equal(rate_enter(&c, &r), ERR_RATE_LIMITED);
	c.now_ms += 1;
	r = (struct req){ .route = &pay };
	assert_int_equal(rate_enter(&c, &r), OK);
	rig_conf.payments_in_flight = 0;
}

/* ---- what it costs ---- */

static int calls;

static bool counting_admit(struct ctx *x, struct state_limit *limits, size_t n, bool *admitted)
{
	(void)x;
	for (size_t i = 0; i < n; i++)
		limits[i].at_ms = NOW_MS;
	calls++;
	*admitted = true;
	return true;
}

static bool counting_withdraw(struct ctx *x, const struct state_limit *limits, size_t n)
{
	(void)x;
	(void)limits;
	(void)n;
	calls++;
	return true;
}

static int calls_of(const struct route *route, enum err e)
{
	const struct order_input in = { 1, "A" };
	struct req r;

	calls = 0;
	assert_int_equal(enter(route, 7, &r), OK);
	if (e == OK) {
		r.input = &in;
		assert_int_equal(rate_valid(&c, &r), OK);
	}
	assert_int_equal(rate_leave(&c, &r, e), e);
	return calls;
}

static void a_request_makes_one_call_and_none_with_all_limits_off(void **state)
{
	static const struct state_home home = { .admit = counting_admit,
		.withdraw = counting_withdraw };
	static struct state stub = { .home = &home };
	struct state *kept = c.state;

	(void)state;
	c.state = &stub;
	rig_conf.payment_create_per_hour = 0;
	assert_int_equal(calls_of(&look, OK) + calls_of(&create, OK) + calls_of(&prepay, OK) +
				 calls_of(&notify, ERR_SIGNATURE),
		0);
	rig_conf.payment_create_per_hour = rig_conf.prepay_interval_s = 5;
	rig_conf.requests_per_second = rig_conf.user_requests_per_minute = 1000;
	assert_int_equal(calls_of(&look, OK), 1);
	assert_int_equal(calls_of(&create, OK), 1);
	assert_int_equal(calls_of(&create, ERR_MALFORMED), 1);
	assert_int_equal(calls_of(&prepay, OK), 1);
	assert_int_equal(calls_of(&health, OK), 0);
	rig_conf.payments_in_flight = 4;
	assert_int_equal(calls_of(&look, OK), 1);
	assert_int_equal(calls_of(&prepay, OK), 2); /* and its place in flight */
	assert_int_equal(calls_of(&prepay, ERR_MALFORMED), 1);
	c.state = kept;
	rig_conf = (struct conf){ .state_dir = rig_dir };
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
		TEST(an_order_is_prepaid_at_intervals_after_the_third_time),
		TEST(both_limits_of_a_payment_page_count_together),
		TEST(a_user_has_so_many_payments_in_flight),
		TEST(the_place_of_a_killed_process_is_free_after_a_minute),
		TEST(a_request_makes_one_call_and_none_with_all_limits_off),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_open, rig_done);
}

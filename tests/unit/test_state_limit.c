/* SPDX-License-Identifier: MIT */
/* test_state_limit.c - limits of ext/state: exact in any window, among processes, and without a home. */
#include "unit.h"

#include "base/log.h"
#include "state_pair.h"
#include <sys/wait.h>

enum { MAX = 5, WINDOW_MS = 1000 };

static struct state_limit limit_of(const char *id)
{
	return (struct state_limit){
		.key = rig_key("limit", id), .max = MAX, .window_ms = WINDOW_MS
	};
}

static bool admit(struct ctx *x, const char *id, int64_t at_ms)
{
	struct state_limit one = limit_of(id);

	x->now_ms = 1000000000 + at_ms;
	return state_admit(x, &one, 1);
}

static void what_is_left_is_said(void **state)
{
	struct state_limit one = limit_of("a");

	(void)state;
	for (int64_t i = 1; i <= MAX; i++) {
		c.now_ms = 1000000000 + 10 * i;
		assert_true(state_admit(&c, &one, 1));
		assert_int_equal(one.count, i);
		assert_int_equal(one.oldest_ms, 1000000010);
	}
	d.now_ms = c.now_ms;
	assert_false(state_admit(&d, &one, 1));
	assert_int_equal(one.count, MAX);
	assert_int_equal(one.oldest_ms, 1000000010);
	assert_true(admit(&c, "b", 0)); /* another key */
}

static void the_window_slides(void **state)
{
	(void)state;
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(i % 2 ? &c : &d, "a", i * 100));
	assert_false(admit(&c, "a", WINDOW_MS - 1));
	assert_true(admit(&c, "a", WINDOW_MS)); /* the first has left */
	assert_false(admit(&d, "a", WINDOW_MS));
	assert_false(admit(&d, "a", WINDOW_MS + 99));
	assert_true(admit(&d, "a", WINDOW_MS + 100));
}

static void one_that_comes_late_counts_where_it_was(void **state)
{
	(void)state;
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", 1000 + i));
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", 2000 + i));
	assert_false(admit(&d, "a", 1500)); /* both windows around it are full */
	assert_false(admit(&d, "a", 2004));
	assert_true(admit(&d, "a", 3000));
}

/* Any order of arrival: no window has more than MAX, and a lone moment is never refused. */
static void no_window_has_more_whatever_the_order(void **state)
{
	static int64_t got[4000];
	size_t n = 0;
	unsigned seed = 7;

	(void)state;
	for (int64_t i = 0; i < 4000; i++) {
		const int64_t at = 40 * i - rand_r(&seed) % 900;

		if (admit(i % 2 ? &c : &d, "a", at))
			got[n++] = at;
	}
	assert_true(n > 4000 / 10);
	for (size_t i = 0; i < n; i++) {
		int64_t in = 0;

		for (size_t j = 0; j < n; j++)
			in += got[j] >= got[i] && got[j] < got[i] + WINDOW_MS;
		assert_in_range(in, 1, MAX);
	}
	assert_true(admit(&c, "a", 40 * 4000 + 2 * WINDOW_MS));
}

static void all_are_admitted_or_none_is_counted(void **state)
{
	struct state_limit both[2] = { limit_of("a"), limit_of("b") };

	(void)state;
	both[0].max = 2;
	assert_true(state_admit(&c, both, 2));
	assert_true(state_admit(&d, both, 2));
	assert_false(state_admit(&c, both, 2));
	assert_int_equal(both[0].count, 2);
	assert_int_equal(both[1].count, 2); /* not counted, but told */
	for (int64_t i = 2; i < MAX; i++)
		assert_true(state_admit(&c, &both[1], 1));
	assert_false(state_admit(&c, &both[1], 1));
}

/* More than a log holds. */
static bool admit_large(struct ctx *x, int64_t at_ms, struct state_limit *out)
{
	*out = (struct state_limit){
		.key = rig_key("limit", "a"), .max = STATE_LIMIT_MAX + 1, .window_ms = WINDOW_MS
	};
	x->now_ms = 1000000000 + at_ms;
	return state_admit(x, out, 1);
}

static void a_large_limit_has_windows_of_the_clock(void **state)
{
	struct state_limit l;

	(void)state;
	for (int64_t i = 1; i <= STATE_LIMIT_MAX + 1; i++) {
		assert_true(admit_large(i % 2 ? &c : &d, 300 + i, &l));
		assert_int_equal(l.count, i);
		assert_int_equal(l.oldest_ms, 1000000000);
	}
	assert_false(admit_large(&c, 999, &l));
	assert_int_equal(l.count, STATE_LIMIT_MAX + 1);
	assert_true(admit_large(&d, 1000, &l)); /* the next */
	assert_int_equal(l.count, 1);
	assert_int_equal(l.oldest_ms, 1000001000);
	assert_true(admit_large(&c, 999, &l)); /* one that comes late */
	assert_int_equal(l.count, 2);
	assert_true(admit_large(&c, 5 * HOUR_MS, &l));
	assert_true(admit_large(&c, 0, &l)); /* the clock was set back */
	assert_int_equal(l.count, 1);
}

static void a_limit_changes_between_small_and_large(void **state)
{
	struct state_limit l;

	(void)state;
	for (int64_t i = 0; i < 3; i++) {
		assert_true(admit(&c, "a", i));
		assert_true(admit_large(&c, i, &l));
		assert_int_equal(l.count, 1);
	}
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", 10));
	assert_false(admit(&c, "a", 10));
}

static void withdraw(struct ctx *x, const char *id, int64_t at_ms)
{
	struct state_limit one = limit_of(id);

	x->now_ms = 1000000000 + at_ms;
	state_withdraw(x, &one, 1);
}

static void what_is_taken_back_does_not_count(void **state)
{
	(void)state;
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", i));
	withdraw(&d, "a", 2);
	withdraw(&d, "a", 900); /* never added */
	withdraw(&d, "b", 2);
	assert_true(admit(&c, "a", 901));
	assert_false(admit(&d, "a", 902));
	withdraw(&c, "a", 901);
	assert_true(admit(&d, "a", 903));
	assert_true(
		admit(&c, "a", WINDOW_MS)); /* the first has left; the others are where they were */
	assert_false(admit(&c, "a", WINDOW_MS));
	assert_true(admit(&c, "a", WINDOW_MS + 1));
}

static void of_equal_moments_one_is_taken_back(void **state)
{
	(void)state;
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", 7));
	withdraw(&d, "a", 7);
	assert_true(admit(&c, "a", 8));
	assert_false(admit(&c, "a", 8));
}

static void a_clock_set_back_begins_anew(void **state)
{
	(void)state;
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", HOUR_MS));
	assert_false(admit(&c, "a", HOUR_MS));
	assert_true(admit(&c, "a", 0));
}

static void many_processes_admit_the_maximum_together(void **state)
{
	enum { PROCESSES = 6, TRIES = 40 };
	int64_t admitted = 0;
	int status;

	(void)state;
	for (int p = 0; p < PROCESSES; p++)
		if (fork() == 0) {
			int n = 0;

			for (int i = 0; i < TRIES; i++)
				n += admit(&c, "a", i % 10);
			_exit(n);
		}
	while (wait(&status) > 0)
		admitted += WEXITSTATUS(status);
	assert_int_equal(admitted, MAX);
}

static void without_a_home_a_process_counts_by_itself(void **state)
{
	(void)state;
	assert_int_equal(mkdir(rig_dir, 0755), 0); /* others could read it: refused */
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", i));
	assert_false(admit(&c, "a", 0));
	withdraw(&c, "a", 2);
	assert_true(admit(&c, "a", 2));
	assert_false(admit(&c, "a", 2));
	assert_true(admit(&c, "b", 0));
	for (int i = 0; i < 100; i++) { /* the latest keys only */
		char id[16];

		snprintf(id, sizeof(id), "k%d", i);
		assert_true(admit(&c, id, 0));
	}
	assert_true(admit(&c, "a", 0));
	assert_non_null(state_error(&c));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_left_is_said),
		TEST(the_window_slides),
		TEST(one_that_comes_late_counts_where_it_was),
		TEST(no_window_has_more_whatever_the_order),
		TEST(all_are_admitted_or_none_is_counted),
		TEST(a_large_limit_has_windows_of_the_clock),
		TEST(a_limit_changes_between_small_and_large),
		TEST(what_is_taken_back_does_not_count),
		TEST(of_equal_moments_one_is_taken_back),
		TEST(a_clock_set_back_begins_anew),
		TEST(many_processes_admit_the_maximum_together),
		TEST(without_a_home_a_process_counts_by_itself),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_open, rig_done);
}

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

	one.at_ms = 1000000000 + at_ms;
	x->now_ms = one.at_ms + 30 * SECOND_MS; /* what it was for took that long */
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

/* Three free ones in an hour, then one in a window. */
static bool admit_spaced(struct ctx *x, int64_t at_ms, struct state_limit *out)
{
	*out = (struct state_limit){ .key = rig_key("limit", "a"),
		.max = 1,
		.window_ms = WINDOW_MS,
		.free = 3,
		.free_ms = HOUR_MS };
	x->now_ms = 1000000000 + at_ms;
	return state_admit(x, out, 1);
}

static void the_first_are_free(void **state)
{
	struct state_limit l;

	(void)state;
	for (int64_t i = 1; i <= 3; i++) {
		assert_true(admit_spaced(i % 2 ? &c : &d, i, &l));
		assert_int_equal(l.spare, 3 - i);
		assert_int_equal(l.count, 1);
		assert_int_equal(l.oldest_ms, l.at_ms);
		assert_int_equal(l.at_ms, 1000000000 + i);
	}
	assert_false(admit_spaced(&d, 3, &l));
	assert_int_equal(l.spare, 0);
	assert_false(admit_spaced(&d, WINDOW_MS + 2, &l));
	assert_true(admit_spaced(&d, WINDOW_MS + 3, &l));
	assert_int_equal(l.count, 1);
	assert_int_equal(l.oldest_ms, l.at_ms);
	assert_false(admit_spaced(&c, 2 * WINDOW_MS + 2, &l));
	state_withdraw(&c,
		(struct state_limit[]){
			{ .key = l.key, .max = 1, .at_ms = 1000000000 + WINDOW_MS + 3 } },
		1);
	assert_true(admit_spaced(&c, WINDOW_MS + 4, &l));
	assert_true(admit_spaced(&d, WINDOW_MS + HOUR_MS + 4, &l)); /* none of the hour is left */
	assert_int_equal(l.spare, 2);
}

/* A model that forgets nothing. */
struct model {
	int64_t ms[1000];
	size_t n;
};

static int64_t model_since(const struct model *m, int64_t begin_ms)
{
	int64_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		n += m->ms[i] > begin_ms;
	return n;
}

static void model_take_back(struct model *m, int64_t ms)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->ms[i] == ms) {
			m->ms[i] = m->ms[--m->n];
			return;
		}
}

static bool model_admits(struct model *m, const struct state_limit *l, int64_t now_ms)
{
	if (model_since(m, now_ms + MINUTE_MS) > 0)
		m->n = 0; /* the clock was set back */
	if (model_since(m, now_ms - l->window_ms) >= l->max &&
		model_since(m, now_ms - l->free_ms) >= l->free)
		return false;
	m->ms[m->n++] = now_ms;
	return true;
}

/* Until when a limit that refuses does so: then one less than max of the window are left. */
static void check_refusal(const struct model *m, const struct state_limit *l)
{
	assert_int_equal(l->count, l->max);
	assert_int_equal(l->spare, 0);
	assert_true(model_since(m, l->oldest_ms) < l->max);
	assert_true(model_since(m, l->oldest_ms - 1) >= l->max);
}

/* The next moment: mostly later, or earlier as requests overtake each other, seldom a clock that is set. */
static int64_t next_ms(unsigned *seed, int64_t ms, bool in_order)
{
	const int dice = rand_r(seed) % 100;

	if (in_order)
		return ms + rand_r(seed) % 45;
	if (dice == 0)
		return ms - MINUTE_MS - rand_r(seed) % 100000;
	if (dice == 1)
		return ms + rand_r(seed) % 1000000;
	return ms + rand_r(seed) % 60 - 15;
}

static void follow_model(struct model *m, unsigned *seed, struct state_limit *l, bool taking_back)
{
	int64_t ms = 1000000000;

	m->n = 0;
	for (int i = 0; i < 300; i++) {
		struct ctx *x = i % 2 ? &c : &d;
		bool admitted;

		ms = x->now_ms = next_ms(seed, ms, taking_back);
		admitted = state_admit(x, l, 1);
		if (admitted != model_admits(m, l, ms))
			fail_msg("moment %d: %d", i, admitted);
		if (!admitted)
			check_refusal(m, l);
		if (taking_back && rand_r(seed) % 10 == 0) {
			l->at_ms = ms - rand_r(seed) % 50;
			state_withdraw(x, l, 1);
			model_take_back(m, l->at_ms);
		}
		arena_reset(&x->arena);
	}
}

static void limits_do_what_a_model_does(void **state)
{
	static struct model m;
	unsigned seed = 11;
	char id[24];

	(void)state;
	for (int round = 0; round < 40; round++) {
		struct state_limit l = { .max = 1 + rand_r(&seed) % 6,
			.window_ms = 20 + rand_r(&seed) % 400,
			.free = rand_r(&seed) % 2 ? rand_r(&seed) % 9 : 0,
			.free_ms = rand_r(&seed) % 5000 };

		snprintf(id, sizeof(id), "round %d", round);
		l.key = rig_key("limit", id);
		follow_model(&m, &seed, &l, round % 2);
	}
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
	for (int p = 0; p < PROCESSES; p++) { /* a server is a child too */
		assert_true(wait(&status) > 0);
		admitted += WEXITSTATUS(status);
	}
	assert_int_equal(admitted, MAX);
}

static void without_a_home_a_process_counts_by_itself(void **state)
{
	struct state_limit here = limit_of("a");

	(void)state;
	assert_int_equal(mkdir(rig_dir, 0755), 0); /* others could read it: refused */
	for (int64_t i = 0; i < MAX; i++)
		assert_true(admit(&c, "a", i));
	assert_false(admit(&c, "a", 0));
	here.here = true;
	here.at_ms = 1000000002;
	state_withdraw(&c, &here, 1);
	assert_true(admit(&c, "a", 2));
	assert_false(admit(&c, "a", 2));
	assert_true(admit(&c, "b", 0));
	for (int i = 0; i < 100; i++) { /* the latest keys only */
		char id[24];

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
		TEST(the_first_are_free),
		TEST(limits_do_what_a_model_does),
		TEST(a_clock_set_back_begins_anew),
		TEST(many_processes_admit_the_maximum_together),
		TEST(without_a_home_a_process_counts_by_itself),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return rig_run(tests, ARRAY_LEN(tests), 1);
}

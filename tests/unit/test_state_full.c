/* SPDX-License-Identifier: MIT */
/* test_state_full.c - limits in a home without room for all: the oldest are evicted, the newest are exact (BEHAVIOUR 51). */
#include "unit.h"

#include "base/log.h"
#include "ext/metrics.h"
#include "state_pair.h"

#define START_MS INT64_C(1000000000)

enum { BATCHES = 4, BATCH = 30000, LASTING = 300, MAX = 5 };

static struct state_limit limit_of(const char *family, int i)
{
	static char id[40];

	snprintf(id, sizeof(id), "2001:db8:%x:%x::", i >> 16, i & 0xffff);
	return (struct state_limit){
		.key = { family, { id, strlen(id) } }, .max = MAX, .window_ms = MINUTE_MS
	};
}

static int64_t add_lasting(struct ctx *x, int i)
{
	struct state_limit l = limit_of("password", i);

	l.window_ms = HOUR_MS;
	l.lasting = true;
	return state_admit(x, &l, 1) ? l.count : 0;
}

static int64_t add_address(struct ctx *x, int i)
{
	struct state_limit l = limit_of("address", i);

	return state_admit(x, &l, 1) ? l.count : 0;
}

/* How many of a batch are still counted. */
static int kept_of(int batch)
{
	int kept = 0;

	for (int i = batch * BATCH; i < (batch + 1) * BATCH; i++) {
		struct state_cell cell = state_cell(STATE_LOG, limit_of("address", i).key);

		assert_true(c.state->home->read(&c, &cell, 1));
		kept += cell.r.expires_ms != 0;
		arena_reset(&c.arena);
	}
	return kept;
}

static int64_t evicted(void)
{
	static const char series[] = "state_evictions_total{kind=\"limit\"} ";
	struct str s = str_new(&c.arena, 256 << 10);
	const char *at;

	metrics_print(&s);
	at = strstr(str_text(&s), series);
	return at != NULL ? strtoll(at + sizeof(series) - 1, NULL, 10) : 0;
}

static void a_flood_of_addresses_evicts_the_oldest_of_them(void **state)
{
	int kept[BATCHES], all = LASTING;
	int64_t gone;
	ino_t home;

	(void)state;
	for (int i = 0; i < 3 * LASTING; i++)
		assert_int_equal(add_lasting(&c, i % LASTING), 1 + i / LASTING);
	home = rig_home();
	metrics_open(&rig_conf, "unit");
	for (int i = 0; i < BATCHES * BATCH; i++) {
		c.now_ms = d.now_ms = START_MS + 10 * SECOND_MS * (i / BATCH);
		assert_int_equal(add_address(&c, i), 1);
		if (i % 1000 == 999)
			for (int j = i - 99; j <= i; j++)
				assert_int_equal(add_address(&d, j), 2);
	}
	assert_int_equal(rig_home(), home);
	for (int batch = 0; batch < BATCHES; batch++)
		all += kept[batch] = kept_of(batch);
	assert_in_range(kept[0], 0, BATCH / 2);
	assert_in_range(kept[1], kept[0], BATCH);
	assert_in_range(kept[BATCHES - 1], BATCH - 2, BATCH);
	assert_int_equal(evicted(), LASTING + BATCHES * BATCH - all);
	for (int i = 0; i < LASTING; i++) {
		assert_int_equal(add_lasting(&d, i), 4);
		assert_int_equal(add_lasting(&c, i), 5);
		assert_int_equal(add_lasting(&d, i), 0);
	}
	gone = evicted();
	c.now_ms += 3 * HOUR_MS;
	assert_int_equal(state_sweep(&c), LASTING + BATCHES * BATCH - gone);
	metrics_close();
}

/* Their records grow with each moment, and what can't be evicted is in the way. */
static void limits_that_grow_evict_others_but_no_counters(void **state)
{
	enum { COUNTERS = 32300, GROWING = 3000 };
	char id[STATE_ID_MAX + 1];
	struct state_counter x = { .ttl_ms = HOUR_MS };
	int counters = 0;
	ino_t home;

	(void)state;
	for (; counters < COUNTERS; counters++) {
		snprintf(id, sizeof(id), "%0200d", counters);
		x = (struct state_counter){
			.key = rig_key("counter", id), .n = 1, .ttl_ms = HOUR_MS
		};
		if (!state_add(&c, &x, 1))
			break;
	}
	home = rig_home();
	for (int i = 0; i < 100 * GROWING; i++) {
		struct state_limit l = limit_of("user", i % GROWING);

		l.max = 100;
		assert_true(state_admit(&c, &l, 1));
		arena_reset(&c.arena);
	}
	assert_int_equal(rig_home(), home);
	for (int i = 0; i < counters; i++) {
		snprintf(id, sizeof(id), "%0200d", i);
		x = (struct state_counter){ .key = rig_key("counter", id), .ttl_ms = HOUR_MS };
		assert_true(state_add(&c, &x, 1));
		assert_int_equal(x.count, 1);
		arena_reset(&c.arena);
	}
	c.now_ms += 3 * HOUR_MS;
	assert_in_range(state_sweep(&c), counters + 1, counters + GROWING - 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_flood_of_addresses_evicts_the_oldest_of_them),
		TEST(limits_that_grow_evict_others_but_no_counters),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_open, rig_done);
}

/* SPDX-License-Identifier: MIT */
/* test_state_redis.c - the home on a Redis server that is slow, gone, emptied, restarted, or full. */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "ext/db_internal.h"
#include "state_redis_own.h"

static void the_servers_clock_counts_and_comes_out_in_the_requests(void **state)
{
	const int64_t real_ms = clock_now_ms();
	struct state_limit l;

	(void)state;
	rig_conf.test_clock = NULL;
	renew(&c);
	renew(&d);
	c.now_ms = real_ms - HOUR_MS; /* two hosts whose clocks are wrong */
	d.now_ms = real_ms + HOUR_MS;
	for (int i = 0; i < 3; i++) {
		struct ctx *x = i % 2 ? &d : &c;

		assert_true(admit(x, &l));
		assert_in_range(l.at_ms, real_ms, clock_now_ms());
		assert_in_range(l.oldest_ms, x->now_ms - 10 * SECOND_MS, x->now_ms);
	}
	assert_false(admit(&d, &l));
	assert_in_range(l.oldest_ms, d.now_ms - 10 * SECOND_MS, d.now_ms);
	l.at_ms = 7; /* another one's */
	state_withdraw(&d, &l, 1);
	assert_false(admit(&d, &l));
}

static void what_was_admitted_is_taken_back_by_its_own_moment(void **state)
{
	struct state_limit l[3], again;

	(void)state;
	rig_conf.test_clock = NULL;
	renew(&c);
	for (int i = 0; i < 3; i++)
		assert_true(admit(&c, &l[i]));
	assert_false(admit(&c, &again));
	c.now_ms += DAY_MS;
	state_withdraw(&c, &l[1], 1);
	assert_true(admit(&c, &again));
	assert_false(admit(&c, &again));
}

static void everything_expires_by_itself(void **state)
{
	static const char *const patterns[] = { "v:*", "c:*", "l:*", "m:*" };
	struct state_limit l;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	assert_int_equal(rig_add(&c, "n", 1, 1000), 1);
	assert_true(admit(&c, &l));
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		const char *key = key_like(patterns[i]);
		redisReply *left;

		assert_non_null(key);
		left = redisCommand(own, "PTTL %s", key);
		assert_in_range(left->integer, 1, DAY_MS);
		freeReplyObject(left);
	}
}

static void scripts_that_the_server_forgot_are_sent_again(void **state)
{
	struct state_limit l;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	SAY("SCRIPT", "FLUSH");
	assert_string_equal(rig_gets(&c, "f", "k"), "x");
	assert_true(rig_puts(&c, "f", "k", "y"));
	assert_true(admit(&c, &l));
	state_withdraw(&c, &l, 1);
	assert_null(state_error(&c));
}

/* Nothing is stored for as long as a hold that was lost could have lasted. */
static void forget_and_wait(void)
{
	assert_false(rig_puts(&c, "f", "k", "new"));
	c.now_ms += STATE_HOLD_MAX_MS - 1;
	assert_false(rig_puts(&c, "f", "k", "new"));
	c.now_ms += 1;
	assert_true(rig_puts(&c, "f", "k", "new"));
}

static void a_flushed_server_forgets_values_and_holds_are_not_lost(void **state)
{
	struct state_ticket ticket;
	struct slice got;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "old"));
	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_false(state_get(&c, rig_key("f", "k"), &ticket, &got));
	assert_int_equal(state_hold(&d, rig_key("f", "k"), STATE_HOLD_MAX_MS), OK);
	SAY("FLUSHALL");
	state_set(&c, &ticket, slice_of("old"), 60000);
	assert_string_equal(rig_gets(&c, "f", "k"), "");
	forget_and_wait();
}

static void values_whose_marks_were_evicted_are_dead(void **state)
{
	(void)state;
	assert_true(rig_puts(&c, "f", "k", "old"));
	SAY("DEL", key_like("m:*"));
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	forget_and_wait();
}

static void a_server_that_comes_back_with_old_values_has_none(void **state)
{
	struct state_limit l;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "old"));
	for (int i = 0; i < 3; i++)
		assert_true(admit(&c, &l));
	SAY("SAVE");
	assert_true(state_delete(&c, rig_key("f", "k")));
	restart(NULL);
	assert_non_null(key_like("v:*")); /* the old value is there */
	renew(&d);
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	assert_null(state_error(&d));
	assert_false(admit(&d, &l)); /* limits live on */
	/* who was connected to the one before finds this one */
	assert_string_equal(rig_gets(&c, "f", "k"), "");
	assert_null(state_error(&c));
	(void)unlink(rig_path("../dump.rdb"));
}

static void a_server_that_is_gone_costs_the_cache_alone(void **state)
{
	const int64_t epoch = rig_epoch;
	struct state_limit l;
	int64_t from_ms;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	rig_server_end();
	assert_string_equal(rig_gets(&c, "f", "k"), "");
	assert_non_null(state_error(&c));
	assert_int_equal(rig_add(&c, "n", 1, 1000), -1);
	for (int i = 0; i < 3; i++)
		assert_true(admit(&c, &l));
	assert_false(admit(&c, &l));
	assert_true(l.here);
	state_withdraw(&c, &l, 1);
	assert_true(admit(&c, &l));
	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_true(state_clear(&c, "f"));
	assert_int_equal(rig_epoch, epoch + 2);
	rig_epoch_fails = ERR_DB_LOST;
	assert_false(state_delete(&c, rig_key("f", "k")));
	assert_false(state_clear(&c, "f"));
	assert_int_equal(state_hold(&c, rig_key("f", "k"), 1000), ERR_DB_LOST);
	rig_epoch_fails = OK;
	(void)unlink(rig_socket);
	rig_server_start(NULL);
	from_ms = clock_mono_ms();
	while (state_error(&c) != NULL && clock_mono_ms() < from_ms + MINUTE_MS)
		poll(NULL, 0, 20);
	assert_true(clock_mono_ms() < from_ms + 10 * SECOND_MS);
	c.now_ms += STATE_HOLD_MAX_MS;
	assert_false(rig_puts(&c, "f", "k", "y"));
	c.now_ms += STATE_HOLD_MAX_MS;
	assert_true(rig_puts(&c, "f", "k", "y"));
}

static void a_server_that_hangs_is_asked_once_a_second(void **state)
{
	int64_t from_ms, once_ms, epoch = rig_epoch;
	struct state_limit l;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "old"));
	kill(rig_server, SIGSTOP);
	from_ms = clock_mono_ms();
	assert_true(admit(&c, &l));
	once_ms = clock_mono_ms() - from_ms;
	assert_in_range(once_ms, TIMEOUT_MS - 5, 1000 * SECOND_MS);
	/* the others aren't tried, or a machine is so slow that this takes a second */
	from_ms = clock_mono_ms();
	for (int i = 0; i < 100; i++)
		(void)!admit(&c, &l);
	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_true(
		clock_mono_ms() - from_ms < TIMEOUT_MS || clock_mono_ms() - from_ms > SECOND_MS);
	assert_int_equal(rig_epoch, epoch + 1);
	/* a new connection is accepted by the kernel, and that is all */
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	assert_non_null(state_error(&d));
	kill(rig_server, SIGCONT);
	/* whoever could always reach it: the value is there, and its epoch has ended */
	state_settle(&c);
	renew(&d);
	assert_non_null(key_like("v:*"));
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	assert_null(state_error(&d));
	assert_true(rig_puts(&d, "f", "k", "new"));
}

/* c computes in an epoch that ends before it stores. */
static void what_was_computed_in_an_earlier_epoch_is_never_answered(void **state)
{
	struct state_ticket ticket;
	struct slice got;

	(void)state;
	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_false(state_get(&c, rig_key("f", "k"), &ticket, &got));
	rig_epoch++; /* by a process that can't reach the server */
	state_set(&c, &ticket, slice_of("old"), 60000);
	renew(&d);
	assert_non_null(key_like("v:*"));
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	poll(NULL, 0, STATE_SETTLED_MS);
	assert_string_equal(rig_gets(&c, "f", "k"), "");
	assert_true(rig_puts(&c, "f", "k", "new"));
	assert_string_equal(rig_gets(&d, "f", "k"), "new");
}

static void without_the_database_nothing_cached_is_answered(void **state)
{
	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	renew(&d);
	rig_epoch_fails = ERR_DB_LOST;
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	rig_epoch_fails = OK;
	assert_string_equal(rig_gets(&d, "f", "k"), ""); /* not asked again at once */
	assert_null(state_error(&d));
	renew(&d);
	assert_string_equal(rig_gets(&d, "f", "k"), "x");
}

/* Of Galera, a transaction doesn't see what others committed since it began. */
static void in_a_transaction_nothing_cached_is_answered_or_computed(void **state)
{
	struct db in_transaction = { .in_tx = true };
	struct state_ticket ticket;
	struct slice got;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	assert_string_equal(rig_gets(&d, "f", "k"), "x");
	d.db = &in_transaction;
	assert_false(state_get(&d, rig_key("f", "k"), &ticket, &got));
	assert_int_equal(ticket.slot, 0);
	d.db = NULL;
	assert_string_equal(rig_gets(&d, "f", "k"), "x");
}

static void a_full_server_refuses_and_invalidations_hold(void **state)
{
	const int64_t epoch = rig_epoch;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	SAY("CONFIG", "SET", "maxmemory", "1");
	assert_true(state_clear(&c, "f"));
	assert_int_equal(rig_epoch, epoch + 1);
	state_settle(&c);
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	assert_non_null(state_error(&c));
	SAY("CONFIG", "SET", "maxmemory", "0");
}

static void a_server_tells_of_itself(void **state)
{
	struct state_server s;

	(void)state;
	assert_true(state_is_shared(&c));
	assert_true(state_server(&c, &s));
	assert_string_equal(s.name, rig_url);
	assert_true(s.keeps_values && s.version != NULL && s.round_trip_us > 0);
	assert_string_equal(s.policy, "noeviction");
	assert_int_equal(s.max_bytes, 0);
	assert_true(s.used_bytes > 0);
	rig_server_end();
	renew(&c);
	assert_false(state_server(&c, &s));
	assert_non_null(state_error(&c));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin_here, end_here)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_servers_clock_counts_and_comes_out_in_the_requests),
		TEST(what_was_admitted_is_taken_back_by_its_own_moment),
		TEST(everything_expires_by_itself),
		TEST(scripts_that_the_server_forgot_are_sent_again),
		TEST(a_flushed_server_forgets_values_and_holds_are_not_lost),
		TEST(values_whose_marks_were_evicted_are_dead),
		TEST(a_server_that_comes_back_with_old_values_has_none),
		TEST(a_server_that_is_gone_costs_the_cache_alone),
		TEST(a_server_that_hangs_is_asked_once_a_second),
		TEST(what_was_computed_in_an_earlier_epoch_is_never_answered),
		TEST(without_the_database_nothing_cached_is_answered),
		TEST(in_a_transaction_nothing_cached_is_answered_or_computed),
		TEST(a_full_server_refuses_and_invalidations_hold),
		TEST(a_server_tells_of_itself),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_redis_open, rig_redis_done);
}

/* SPDX-License-Identifier: MIT */
/* test_state.c - ext/state as its callers see it; crashes and damage are in test_state_crash.c. */
#include "unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "state_pair.h"
#include <poll.h>
#include <sys/wait.h>

static void a_value_stored_by_one_process_is_found_by_another(void **state)
{
	(void)state;
	assert_string_equal(rig_gets(&d, "shelf", "a"), "");
	assert_true(rig_puts(&c, "shelf", "a", "tea"));
	assert_true(rig_puts(&c, "shelf", "b", "pot"));
	assert_true(rig_puts(&d, "table", "a", "cup"));
	assert_string_equal(rig_gets(&d, "shelf", "a"), "tea");
	assert_string_equal(rig_gets(&d, "shelf", "b"), "pot");
	assert_string_equal(rig_gets(&c, "table", "a"), "cup");
	assert_null(state_error(&c));
}

static void the_file_is_fully_allocated(void **state)
{
	struct stat st;

	(void)state;
	assert_true(rig_puts(&c, "shelf", "a", "tea"));
	/* writing must not hit a full file system */
	assert_int_equal(stat(rig_path(RIG_DATA), &st), 0);
	assert_true(st.st_blocks * 512 >= RIG_MAP_BYTES);
}

static void values_are_bytes_up_to_a_maximum(void **state)
{
	static char big[STATE_VALUE_MAX + 1], id[STATE_ID_MAX + 1];
	const size_t sizes[] = { 0, 1, 7, 8, 2000, 4096, STATE_VALUE_MAX };
	struct state_ticket ticket;
	struct slice got;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * i / 7);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_true(rig_put(&c, rig_key("f", "k"), (struct slice){ big, sizes[i] }, 60000));
		assert_true(state_get(&d, rig_key("f", "k"), &ticket, &got));
		assert_int_equal(got.len, sizes[i]);
		assert_memory_equal(got.p, big, sizes[i]);
		assert_int_equal(got.p[got.len], 0);
	}
	assert_false(rig_put(&c, rig_key("f", "k"), (struct slice){ big, sizeof(big) }, 60000));
	assert_false(rig_put(&c, rig_key("f", "k"), slice_of("x"), 0));
	memset(id, 'k', sizeof(id));
	assert_true(
		rig_put(&c, (struct state_key){ "f", { id, STATE_ID_MAX } }, slice_of("x"), 60000));
	assert_false(rig_put(
		&c, (struct state_key){ "f", { id, STATE_ID_MAX + 1 } }, slice_of("x"), 60000));
	/* an id is also bytes, with its length */
	assert_true(rig_put(&c, (struct state_key){ "f", { "a\0b", 3 } }, slice_of("ab"), 60000));
	assert_string_equal(rig_gets(&c, "f", "a"), "");
}

static void a_value_expires(void **state)
{
	(void)state;
	assert_true(rig_put(&c, rig_key("f", "k"), slice_of("x"), 1000));
	c.now_ms += 999;
	assert_string_equal(rig_gets(&c, "f", "k"), "x");
	c.now_ms += 1;
	assert_string_equal(rig_gets(&c, "f", "k"), "");
}

static void values_from_the_future_are_expired_after_a_clock_set_back(void **state)
{
	(void)state;
	c.now_ms += HOUR_MS;
	assert_true(rig_put(&c, rig_key("f", "k"), slice_of("x"), 1000));
	assert_int_equal(rig_add(&c, "n", 5, 1000), 5);
	/* a request that started a little earlier is not a clock set back */
	d.now_ms = c.now_ms - 5000;
	assert_string_equal(rig_gets(&d, "f", "k"), "x");
	assert_int_equal(rig_add(&d, "n", 1, 1000), 6);
	c.now_ms -= HOUR_MS;
	assert_string_equal(rig_gets(&c, "f", "k"), "");
	assert_int_equal(rig_add(&c, "n", 1, 1000), 1);
}

static void delete_removes_one_value_and_clear_a_family(void **state)
{
	(void)state;
	assert_true(rig_puts(&c, "shelf", "a", "tea"));
	assert_true(rig_puts(&c, "shelf", "b", "pot"));
	assert_true(rig_puts(&c, "table", "a", "cup"));
	assert_true(state_delete(&d, rig_key("shelf", "a")));
	assert_true(state_delete(&d, rig_key("shelf", "none")));
	assert_string_equal(rig_gets(&c, "shelf", "a"), "");
	assert_string_equal(rig_gets(&c, "shelf", "b"), "pot");
	assert_true(state_clear(&d, "shelf"));
	assert_true(state_clear(&d, "none"));
	assert_string_equal(rig_gets(&c, "shelf", "b"), "");
	assert_string_equal(rig_gets(&c, "table", "a"), "cup");
	assert_true(rig_puts(&c, "shelf", "a", "again"));
	assert_string_equal(rig_gets(&d, "shelf", "a"), "again");
}

/* Take a ticket, do something, store with it: is it found? */
static bool stored_after(bool (*happens)(void))
{
	struct state_ticket ticket;
	struct slice got;

	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_false(state_get(&c, rig_key("f", "k"), &ticket, &got));
	assert_true(happens());
	state_set(&c, &ticket, slice_of("read before"), 60000);
	return state_get(&c, rig_key("f", "k"), &ticket, &got);
}

static bool nothing(void)
{
	return true;
}

static bool a_delete(void)
{
	return state_delete(&d, rig_key("f", "k"));
}

static bool a_clear(void)
{
	return state_clear(&d, "f");
}

static bool another_familys_clear(void)
{
	return state_clear(&d, "g");
}

static bool another_value(void)
{
	return rig_puts(&d, "f", "other", "x") && state_delete(&d, rig_key("f", "other"));
}

static bool the_homes_end(void)
{
	const bool gone = d.state->home->drop(&d, NULL, 0) == OK;

	state_settle(&d);
	return gone && rig_puts(&d, "f", "other", "x");
}

static void a_value_read_before_an_invalidation_is_never_stored_after_it(void **state)
{
	(void)state;
	assert_true(stored_after(nothing));
	assert_true(stored_after(another_value));
	assert_true(stored_after(another_familys_clear));
	assert_false(stored_after(a_delete));
	assert_false(stored_after(a_clear));
	assert_false(stored_after(the_homes_end));
	assert_true(stored_after(nothing));
}

static void counters_count_across_processes_within_a_window(void **state)
{
	struct state_counter x[2] = {
		{ .key = rig_key("counter", "a"), .n = 2, .ttl_ms = 1000 },
		{ .key = rig_key("counter", "b"), .n = 5, .ttl_ms = 2000 },
	};

	(void)state;
	assert_true(state_add(&c, x, 2));
	assert_int_equal(x[0].count, 2);
	assert_int_equal(x[0].expires_ms, c.now_ms + 1000);
	assert_int_equal(x[1].count, 5);
	d.now_ms += 900;
	assert_true(state_add(&d, x, 2));
	assert_int_equal(x[0].count, 4);
	assert_int_equal(x[0].expires_ms, c.now_ms + 1000); /* the first one's */
	d.now_ms += 100;
	assert_true(state_add(&d, x, 2));
	assert_int_equal(x[0].count, 2); /* a new window */
	assert_int_equal(x[1].count, 15);
	assert_int_equal(rig_add(&d, "b", 0, 1), 15);
	assert_int_equal(rig_add(&d, "b", -20, 1), -5);
	assert_int_equal(rig_add(&d, "unknown", 0, 1), 0);
	assert_int_equal(rig_add(&d, "most", INT64_MAX, 1000), INT64_MAX);
	assert_int_equal(rig_add(&d, "most", 1, 1000), INT64_MAX);
	assert_int_equal(rig_add(&d, "never", 1, INT64_MAX), 1);
	d.now_ms += 1000 * DAY_MS;
	assert_int_equal(rig_add(&d, "never", 1, INT64_MAX), 2);
}

static void several_counters_are_changed_atomically(void **state)
{
	static char id[STATE_ID_MAX + 1];
	struct state_counter x[] = { { .key = rig_key("counter", "a"), .n = 2, .ttl_ms = 1000 },
		{ .key = { "counter", { id, sizeof(id) } }, .n = 5, .ttl_ms = 2000 } };

	(void)state;
	assert_false(state_add(&c, x, 2));
	assert_int_equal(rig_add(&c, "a", 0, 1000), 0);
}

static void a_counter_is_not_a_value_and_is_deleted_like_one(void **state)
{
	(void)state;
	assert_int_equal(rig_add(&c, "a", 3, 1000), 3);
	assert_string_equal(rig_gets(&c, "counter", "a"), "");
	assert_true(state_delete(&c, rig_key("counter", "a")));
	assert_int_equal(rig_add(&c, "a", 3, 1000), 3);
	assert_true(state_clear(&c, "counter"));
	assert_int_equal(rig_add(&c, "a", 3, 1000), 3);
}

static const char *number(int i)
{
	static char text[16];

	snprintf(text, sizeof(text), "%d", i);
	return text;
}

static void a_sweep_removes_only_what_is_expired_or_cleared(void **state)
{
	(void)state;
	for (int i = 0; i < 700; i++) {
		assert_true(rig_put(&c, rig_key("short", number(i)), slice_of("x"), 1000));
		assert_true(rig_put(&c, rig_key("long", number(i)), slice_of("x"), 60000));
		assert_true(rig_put(&c, rig_key("cleared", number(i)), slice_of("x"), 60000));
	}
	assert_int_equal(state_sweep(&d), 0);
	assert_true(state_clear(&c, "cleared"));
	assert_int_equal(state_sweep(&d), 700);
	d.now_ms += 1000;
	assert_int_equal(state_sweep(&d), 700);
	for (int i = 0; i < 700; i++)
		assert_string_equal(rig_gets(&d, "long", number(i)), "x");
}

static void expired_records_are_removed_gradually_by_additions(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		assert_int_equal(rig_add(&c, number(i), 1, 50), 1);
		c.now_ms++;
	}
	/* 50 are alive; without sweeping there would be 20000 */
	assert_in_range(state_sweep(&c), 1, 2000);
}

static void values_beyond_their_share_evict_values_but_not_counters(void **state)
{
	static char big[STATE_VALUE_MAX];
	struct state_ticket ticket;
	struct slice got;
	struct stat st;
	int kept = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(rig_add(&c, number(i), i, HOUR_MS), i);
	for (int i = 0; i < 1000; i++) {
		const size_t size = (size_t)i * 7919 % sizeof(big);

		if (state_get(&c, rig_key("f", number(i)), &ticket, &got))
			fail_msg("%d is there already", i);
		state_set(&c, &ticket, (struct slice){ big, size }, HOUR_MS);
		arena_reset(&c.arena);
	}
	for (int i = 0; i < 1000; i++) {
		kept += state_get(&c, rig_key("f", number(i)), &ticket, &got);
		arena_reset(&c.arena);
	}
	/* 32 KiB each on average, and up to 256 of them may just have been evicted */
	assert_in_range(kept, 50, 400);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rig_add(&c, number(i), 0, HOUR_MS), i);
	assert_int_equal(stat(rig_path(RIG_DATA), &st), 0);
	assert_int_equal(st.st_size, RIG_MAP_BYTES);
}

static void counters_beyond_their_share_are_refused_and_invalidations_hold(void **state)
{
	static char family[] = "counter";
	char id[STATE_ID_MAX + 1];
	struct state_counter x = { .n = 1, .ttl_ms = HOUR_MS };
	ino_t home;
	int i;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	home = rig_home();
	for (i = 0; i < 200000; i++) {
		snprintf(id, sizeof(id), "%0200d", i);
		x.key = (struct state_key){ family, { id, STATE_ID_MAX } };
		if (!state_add(&c, &x, 1))
			break;
	}
	assert_in_range(i, 20000, 199999);
	for (int j = 0; j < 500; j++) {
		/* an existing one still counts */
		snprintf(id, sizeof(id), "%0200d", j * 7);
		assert_true(state_add(&c, &x, 1));
		assert_int_equal(x.count, 2);
		/* values don't block them, and invalidations hold */
		assert_false(rig_puts(&c, "f", "k", "y"));
		assert_true(state_delete(&d, rig_key("f", number(j))));
		assert_true(state_clear(&d, "f"));
	}
	assert_int_equal(rig_home(), home);
	c.now_ms += HOUR_MS;
	d.now_ms += HOUR_MS;
	assert_true(state_add(&c, &x, 1));
	assert_int_equal(x.count, 1);
	assert_in_range(state_sweep(&c), i / 2, i);
	assert_true(rig_puts(&c, "f", "k", "z"));
}

static void without_a_directory_everything_is_a_miss_until_there_is_one(void **state)
{
	const int64_t from_ms = clock_mono_ms();

	(void)state;
	snprintf(rig_dir, sizeof(rig_dir), "%s/home/below", rig_base);
	rig_free(&c);
	c = rig_ctx();
	snprintf(rig_dir, sizeof(rig_dir), "%s/home", rig_base);
	assert_non_null(state_error(&c));
	assert_false(rig_puts(&c, "f", "k", "x"));
	assert_int_equal(rig_add(&c, "a", 1, 1000), -1);
	assert_int_equal(state_sweep(&c), 0);
	/* no other process can have anything there */
	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_true(state_clear(&c, "f"));
	assert_int_equal(mkdir(rig_dir, 0700), 0);
	/* not retried at each request, but every 3 s */
	assert_true(state_error(&c) != NULL || clock_mono_ms() >= from_ms + 3 * SECOND_MS);
	while (state_error(&c) != NULL && clock_mono_ms() < from_ms + MINUTE_MS)
		poll(NULL, 0, 20);
	assert_true(rig_puts(&c, "f", "k", "x"));
}

static void a_directory_open_to_others_or_a_link_is_refused(void **state)
{
	char there[176];

	(void)state;
	snprintf(there, sizeof(there), "%s.there", rig_dir);
	assert_int_equal(mkdir(there, 0700), 0);
	assert_int_equal(symlink(there, rig_dir), 0);
	assert_non_null(state_error(&c));
	assert_int_equal(unlink(rig_dir), 0);
	assert_int_equal(rename(there, rig_dir), 0);
	assert_int_equal(chmod(rig_dir, 0750), 0);
	assert_non_null(state_error(&d));
	assert_int_equal(chmod(rig_dir, 0700), 0);
	rig_free(&d);
	d = rig_ctx();
	assert_null(state_error(&d));
}

/* Run fn as a user who may not enter the directory; returns its result. */
static bool shut_out(bool (*fn)(void))
{
	const bool root = geteuid() == 0;
	int status;
	pid_t pid;

	fflush(NULL);
	assert_int_equal(chmod(rig_base, root ? 0711 : 0), 0);
	pid = fork();
	if (pid == 0) {
		if (root && seteuid(65534) != 0)
			_exit(2);
		_exit(fn() ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(chmod(rig_base, 0700), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
	return WEXITSTATUS(status) == 1;
}

static bool deletes(void)
{
	struct ctx mine = rig_ctx();
	const bool holds = state_delete(&mine, rig_key("f", "k"));

	rig_free(&mine);
	return holds;
}

static bool clears(void)
{
	struct ctx mine = rig_ctx();
	const bool holds = state_clear(&mine, "f");

	rig_free(&mine);
	return holds;
}

static bool finds(void)
{
	struct ctx mine = rig_ctx();
	const bool any = *rig_gets(&mine, "f", "k") != '\0' || state_error(&mine) == NULL;

	rig_free(&mine);
	return any;
}

static void a_process_that_cannot_reach_the_home_cannot_invalidate(void **state)
{
	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	assert_false(shut_out(finds));
	assert_false(shut_out(deletes));
	assert_false(shut_out(clears));
	assert_string_equal(rig_gets(&c, "f", "k"), "x");
	assert_true(deletes());
	assert_string_equal(rig_gets(&c, "f", "k"), "");
}

static void two_databases_of_a_host_have_two_homes(void **state)
{
	const struct conf confs[] = {
		{ .db_socket = "/run/a.sock", .db_name = "shop" },
		{ .db_socket = "/run/b.sock", .db_name = "shop" },
		{ .db_socket = "/run/a.sock", .db_name = "shop2" },
		{ .db_host = "localhost", .db_port = 3306, .db_name = "shop" },
		{ .db_host = "localhost", .db_port = 3307, .db_name = "shop" },
	};
	char seen[ARRAY_LEN(confs)][STATE_DIR_MAX], again[STATE_DIR_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(confs); i++) {
		state_dir(&confs[i], seen[i]);
		state_dir(&confs[i], again);
		assert_string_equal(seen[i], again);
		assert_int_equal(strncmp(seen[i], "/dev/shm/minimall-", 18), 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[i], seen[j]);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_value_stored_by_one_process_is_found_by_another),
		TEST(values_are_bytes_up_to_a_maximum),
		TEST(a_value_expires),
		TEST(values_from_the_future_are_expired_after_a_clock_set_back),
		TEST(delete_removes_one_value_and_clear_a_family),
		TEST(a_value_read_before_an_invalidation_is_never_stored_after_it),
		TEST(counters_count_across_processes_within_a_window),
		TEST(several_counters_are_changed_atomically),
		TEST(a_counter_is_not_a_value_and_is_deleted_like_one),
#define OF_LMDB 9
		TEST(the_file_is_fully_allocated),
		TEST(a_sweep_removes_only_what_is_expired_or_cleared),
		TEST(expired_records_are_removed_gradually_by_additions),
		TEST(values_beyond_their_share_evict_values_but_not_counters),
		TEST(counters_beyond_their_share_are_refused_and_invalidations_hold),
		TEST(without_a_directory_everything_is_a_miss_until_there_is_one),
		TEST(a_directory_open_to_others_or_a_link_is_refused),
		TEST(a_process_that_cannot_reach_the_home_cannot_invalidate),
		TEST(two_databases_of_a_host_have_two_homes),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return rig_run(tests, ARRAY_LEN(tests), OF_LMDB);
}

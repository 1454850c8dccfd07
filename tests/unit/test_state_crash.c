/* SPDX-License-Identifier: MIT */
/*
 * test_state_crash.c - ext/state with killed, stopped and racing processes, and homes that are
 * removed (BEHAVIOUR 50, 53). Processes record acknowledgements in memory shared with the test.
 */
#include "unit.h"

#include <assert.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "child.h"
#include "state_rig.h"

enum {
	ACTORS = 4,
	KILLS = 100,
	KEYS = 8,
	SHARED_BYTES = 4096,
	PATIENCE_MS = 1000, /* the wait for the lock */
};

/* Shared by the processes, independent of the tested code. */
static struct shared {
	_Atomic int64_t acked[ACTORS]; /* increments */
	_Atomic int64_t version[KEYS]; /* the database */
	_Atomic int64_t invalid[KEYS]; /* values older than this must not be seen any more */
	_Atomic int64_t hits, stores, torn, stale, refused;
} * shared;

static uint64_t seed;

/* Not for secrets: reproducible. */
static unsigned draw(unsigned below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % below;
}

static int begin(void **state)
{
	(void)state;
	seed = 7;
	shared =
		mmap(NULL, SHARED_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	munmap(shared, SHARED_BYTES);
	rig_remove(rig_dir);
	return 0;
}

/* ---- processes ---- */

typedef void actor_fn(struct ctx *c, int who);

static pid_t start(actor_fn *fn, int who)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert(pid >= 0);
	if (pid == 0) {
		struct ctx c = rig_ctx();

		signal(SIGSEGV, SIG_DFL); /* not cmocka's */
		signal(SIGBUS, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		seed += (uint64_t)who * 1000003 + (uint64_t)getpid();
		fn(&c, who);
		rig_free(&c);
		_exit(0);
	}
	return pid;
}

static int finish(pid_t pid)
{
	int status;

	assert(waitpid(pid, &status, 0) == pid);
	return status;
}

static void kill_now(pid_t pid)
{
	assert(kill(pid, SIGKILL) == 0);
	assert(WIFSIGNALED(finish(pid)));
}

/* Endless actors; each is killed occasionally and replaced. */
static void storm(actor_fn *const *fns, int kills)
{
	pid_t pids[ACTORS];

	for (int i = 0; i < ACTORS; i++)
		pids[i] = start(fns[i], i);
	for (int n = 0; n < kills; n++) {
		const int i = (int)draw(ACTORS);
		const struct timespec some = { 0, (long)draw(2000000) };

		nanosleep(&some, NULL); /* so that it is killed anywhere */
		kill_now(pids[i]);
		pids[i] = start(fns[i], i);
	}
	for (int i = 0; i < ACTORS; i++)
		kill_now(pids[i]);
}

/* ---- kill -9 ---- */

/* A value that shows whether it is complete: its length and bytes follow from its first byte. */
static struct slice patterned(struct ctx *c, unsigned char first)
{
	const size_t len = 1 + (size_t)first * 37;
	char *p = arena_alloc(&c->arena, len);

	for (size_t i = 0; i < len; i++)
		p[i] = (char)(unsigned char)(first + i * (first | 1U));
	return (struct slice){ p, len };
}

static void check_pattern(struct ctx *c, struct slice got)
{
	const struct slice want = patterned(c, got.len > 0 ? (unsigned char)got.p[0] : 0);

	if (got.len != want.len || memcmp(got.p, want.p, want.len) != 0)
		shared->torn++;
	shared->hits++;
}

static void counts_and_stores(struct ctx *c, int who)
{
	const char own[2] = { (char)('0' + who), '\0' };
	struct state_counter x[2] = {
		{ .key = rig_key("counter", own), .n = 1, .ttl_ms = 60000 },
		{ .key = rig_key("counter", "all"), .n = 1, .ttl_ms = 60000 },
	};

	for (;;) {
		struct state_ticket ticket;
		struct slice got;
		const char id[2] = { (char)('a' + draw(KEYS)), '\0' };

		if (state_add(c, x, 2))
			shared->acked[who]++;
		else
			shared->refused++;
		if (state_get(c, rig_key("f", id), &ticket, &got))
			check_pattern(c, got);
		if (draw(3) == 0)
			(void)!state_delete(c, rig_key("f", id));
		state_set(c, &ticket, patterned(c, (unsigned char)draw(256)), 60000);
		arena_reset(&c->arena);
	}
}

static void nothing_acknowledged_is_lost_or_torn_by_kills(void **state)
{
	actor_fn *const fns[ACTORS] = { counts_and_stores, counts_and_stores, counts_and_stores,
		counts_and_stores };
	struct ctx c = rig_ctx();
	int64_t all = 0, counted = 0;
	ino_t home;

	(void)state;
	assert_null(state_error(&c));
	home = rig_home();
	storm(fns, KILLS);
	assert_null(state_error(&c));
	assert_true(rig_home() == home);
	for (int i = 0; i < ACTORS; i++) {
		const char own[2] = { (char)('0' + i), '\0' };
		const int64_t n = rig_add(&c, own, 0, 60000);

		/* each kill may have come between an increment and its acknowledgement */
		assert_in_range(n, shared->acked[i], shared->acked[i] + KILLS + ACTORS);
		counted += n;
		all += shared->acked[i];
	}
	assert_int_equal(rig_add(&c, "all", 0, 60000), counted);
	assert_in_range(counted, all, all + KILLS + ACTORS);
	assert_true(all > KILLS);
	assert_true(shared->hits > 0);
	assert_int_equal(shared->torn, 0);
	assert_int_equal(shared->refused, 0);
	rig_free(&c);
}

static void note(_Atomic int64_t *at, int64_t version)
{
	int64_t before = *at;

	while (before < version && !atomic_compare_exchange_weak(at, &before, version))
		;
}

static struct state_key key_of(int k)
{
	static const char ids[KEYS][2] = { "a", "b", "c", "d", "e", "f", "g", "h" };

	return rig_key("status", ids[k]);
}

/* Changes the database and invalidates; afterwards no one may see the old value. */
static void changes(struct ctx *c, int who)
{
	int64_t version[KEYS];

	(void)who;
	for (;;) {
		const int one = (int)draw(KEYS);

		if (draw(8) > 0) {
			version[0] = ++shared->version[one];
			if (state_delete(c, key_of(one)))
				note(&shared->invalid[one], version[0]);
		} else {
			for (int k = 0; k < KEYS; k++)
				version[k] = ++shared->version[k];
			if (state_clear(c, "status"))
				for (int k = 0; k < KEYS; k++)
					note(&shared->invalid[k], version[k]);
		}
		sched_yield();
	}
}

/* Reads from the cache, or from the database through the cache. */
static void answers(struct ctx *c, int who)
{
	(void)who;
	for (;;) {
		const int k = (int)draw(KEYS);
		const int64_t must = shared->invalid[k];
		struct state_ticket ticket;
		struct slice got;
		int64_t version;

		if (state_get(c, key_of(k), &ticket, &got)) {
			assert(got.len == sizeof(version));
			memcpy(&version, got.p, sizeof(version));
			shared->stale += version < must;
			shared->hits++;
		} else {
			version = shared->version[k];
			if (draw(2) == 0)
				sched_yield();
			state_set(c, &ticket, (struct slice){ (char *)&version, sizeof(version) },
				60000);
			shared->stores++;
		}
		arena_reset(&c->arena);
	}
}

/* Deletes the home, in various ways. */
static void vandalizes(struct ctx *c, int who)
{
	(void)who;
	for (;;) {
		const struct timespec some = { 0, (long)draw(20000000) };

		nanosleep(&some, NULL);
		if (draw(8) == 0)
			rig_remove(rig_dir);
		else
			(void)!c->state->home->drop(c, NULL, 0);
	}
}

/* Runs until enough was read and invalidated for a meaningful test, even on a busy machine. */
static void storm_until_busy(actor_fn *const fns[ACTORS], int64_t changed)
{
	for (int n = 0; n < 60 && (shared->hits <= 100 || shared->stores <= 100 ||
					  shared->invalid[0] <= changed);
		n++)
		storm(fns, KILLS);
	assert_true(shared->hits > 100);
	assert_true(shared->stores > 100);
	assert_true(shared->invalid[0] > changed);
}

static void nothing_stale_is_returned_after_an_invalidation(void **state)
{
	actor_fn *const fns[ACTORS] = { changes, answers, answers, changes };
	struct ctx c = rig_ctx();
	ino_t home;

	(void)state;
	assert_null(state_error(&c));
	home = rig_home();
	storm_until_busy(fns, 10);
	assert_null(state_error(&c));
	assert_true(rig_home() == home);
	rig_free(&c);
	assert_int_equal(shared->stale, 0);
}

static void nothing_stale_is_returned_while_homes_are_deleted_and_created(void **state)
{
	actor_fn *const fns[ACTORS] = { changes, answers, answers, vandalizes };

	(void)state;
	storm_until_busy(fns, 1);
	assert_int_equal(shared->stale, 0);
}

/* An LMDB transaction, as this process would have one. */
static MDB_txn *inside(unsigned flags, MDB_dbi *dbi)
{
	MDB_env *env;
	MDB_txn *txn;

	assert(mdb_env_create(&env) == 0 && mdb_env_set_mapsize(env, RIG_MAP_BYTES) == 0 &&
		mdb_env_open(env, rig_path(RIG_DATA), MDB_NOSUBDIR | MDB_NOSYNC | MDB_WRITEMAP,
			0600) == 0 &&
		mdb_txn_begin(env, NULL, flags, &txn) == 0 && mdb_dbi_open(txn, NULL, 0, dbi) == 0);
	return txn;
}

static void dies_reading(struct ctx *c, int who)
{
	MDB_dbi dbi;

	(void)c;
	(void)who;
	(void)inside(MDB_RDONLY, &dbi);
	raise(SIGKILL);
}

static void dies_writing(struct ctx *c, int who)
{
	MDB_val k = { 1, (char[]){ "h" } };
	MDB_dbi dbi;
	MDB_txn *txn = inside(0, &dbi);

	(void)c;
	(void)who;
	assert(mdb_drop(txn, dbi, 0) == 0 && mdb_put(txn, dbi, &k, &k, 0) == 0);
	raise(SIGKILL);
}

static void a_process_killed_in_a_transaction_blocks_nothing_and_pins_nothing(void **state)
{
	static char big[STATE_VALUE_MAX];
	int64_t fastest_ms[] = { INT64_MAX, INT64_MAX }; /* after each kind of death */
	struct ctx c = rig_ctx();
	struct state_ticket ticket;
	struct slice got;
	ino_t home;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	home = rig_home();
	for (int i = 0; i < 20; i++) {
		const int64_t from_ms = clock_mono_ms();
		int64_t took_ms;

		assert_true(WIFSIGNALED(finish(start(i % 2 ? dies_reading : dies_writing, 0))));
		assert_string_equal(rig_gets(&c, "f", "k"), "x");
		assert_int_equal(rig_add(&c, "a", 1, 60000), i + 1);
		took_ms = clock_mono_ms() - from_ms;
		if (took_ms < fastest_ms[i % 2])
			fastest_ms[i % 2] = took_ms;
	}
	/* no wait: a wait would occur every time, a busy machine is slow only sometimes
	 */
	assert_true(fastest_ms[0] < PATIENCE_MS && fastest_ms[1] < PATIENCE_MS);
	/* many times the file's size, which the last reader pins */
	for (int i = 0; i < 1000; i++) {
		assert_true(state_delete(&c, rig_key("f", "big")));
		assert_false(state_get(&c, rig_key("f", "big"), &ticket, &got));
		state_set(&c, &ticket, (struct slice){ big, sizeof(big) }, 60000);
	}
	assert_true(state_get(&c, rig_key("f", "big"), &ticket, &got));
	assert_string_equal(rig_gets(&c, "f", "k"), "x");
	assert_true(rig_home() == home);
	rig_free(&c);
}

static int told[2];

static void stops_inside(struct ctx *c, int who)
{
	const int fd = open(rig_path(RIG_DATA), O_RDONLY | O_CLOEXEC);

	(void)c;
	(void)who;
	assert(fd >= 0 && flock(fd, LOCK_EX) == 0 && write(told[1], "", 1) == 1);
	for (;;)
		pause();
}

static void a_process_stopped_in_a_transaction_is_abandoned(void **state)
{
	struct ctx c = rig_ctx(), d = rig_ctx();
	int64_t from_ms;
	pid_t pid;
	char byte;

	(void)state;
	assert_true(rig_puts(&c, "f", "k", "x"));
	assert_int_equal(pipe(told), 0);
	pid = start(stops_inside, 0);
	assert_int_equal(read(told[0], &byte, 1), 1);
	from_ms = clock_mono_ms();
	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_true(clock_mono_ms() - from_ms >= 500); /* it waited before it gave up */
	assert_string_equal(rig_gets(&d, "f", "k"), "");
	assert_int_equal(rig_add(&d, "a", 1, 60000), 1);
	assert_int_equal(rig_add(&c, "a", 1, 60000), 2);
	kill_now(pid);
	close(told[0]);
	close(told[1]);
	rig_free(&c);
	rig_free(&d);
}

/* ---- races and removals ---- */

static void waits_and_counts(struct ctx *c, int who)
{
	int64_t from_ms;
	char byte;

	(void)who;
	close(told[1]);
	assert(read(told[0], &byte, 1) == 0);
	from_ms = clock_mono_ms();
	assert(rig_add(c, "all", 1, 60000) > 0 || clock_mono_ms() - from_ms >= PATIENCE_MS);
}

static void processes_that_open_concurrently_share_one_home(void **state)
{
	int whole = 0;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct ctx c = rig_ctx();
		pid_t pids[2 * ACTORS];
		int64_t from_ms;
		bool all;

		assert_int_equal(pipe(told), 0);
		for (size_t i = 0; i < ARRAY_LEN(pids); i++)
			pids[i] = start(waits_and_counts, (int)i);
		close(told[0]);
		from_ms = clock_mono_ms();
		close(told[1]); /* start all */
		for (size_t i = 0; i < ARRAY_LEN(pids); i++)
			assert_int_equal(finish(pids[i]), 0);
		all = rig_add(&c, "all", 0, 60000) == ARRAY_LEN(pids);
		/* on a busy machine a process that holds the lock too long is abandoned */
		assert_true(all || clock_mono_ms() - from_ms >= PATIENCE_MS);
		whole += all;
		rig_free(&c);
		rig_remove(rig_dir);
	}
	assert_true(whole > 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_acknowledged_is_lost_or_torn_by_kills),
		TEST(nothing_stale_is_returned_after_an_invalidation),
		TEST(nothing_stale_is_returned_while_homes_are_deleted_and_created),
		TEST(a_process_killed_in_a_transaction_blocks_nothing_and_pins_nothing),
		TEST(a_process_stopped_in_a_transaction_is_abandoned),
		TEST(processes_that_open_concurrently_share_one_home),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_open, rig_done);
}

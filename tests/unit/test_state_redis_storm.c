/* SPDX-License-Identifier: MIT */
/* test_state_redis_storm.c - nothing stale is answered while a Redis server is stopped, emptied, robbed and restarted. */
#include "unit.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "state_redis_own.h"

enum { KEYS = 6, READERS = 3, CHANGERS = 2, FAST = 100, ROUNDS = 24, ROUNDS_MAX = 400 };

/* The database: a version of each key, and the epoch. */
static struct shared {
	_Atomic int64_t version[KEYS], epoch, raised;
	_Atomic int64_t invalid[KEYS]; /* the version from which on everybody must answer */
	_Atomic int64_t hits, stores, stale;
} * shared;

static enum err read_epoch(struct ctx *x, int64_t *out)
{
	(void)x;
	*out = shared->epoch;
	return OK;
}

static enum err raise_epoch(struct ctx *x)
{
	(void)x;
	shared->epoch++;
	shared->raised++;
	return OK;
}

static const struct state_epoch hooks = { read_epoch, raise_epoch };

static struct state_key key_of(int k)
{
	static const char ids[KEYS][2] = { "a", "b", "c", "d", "e", "f" };

	return rig_key("storm", ids[k]);
}

static void note(_Atomic int64_t *at, int64_t version)
{
	int64_t before = *at;

	while (before < version && !atomic_compare_exchange_weak(at, &before, version))
		;
}

/* The next request: after a failure of a process that may ask again. Time passes fast, so that new marks aren't closed for long. */
static void next(struct ctx *x, const struct conf *conf)
{
	if (x->state == NULL || x->state->error != NULL) {
		if (x->state != NULL)
			state_free(x->state);
		x->conf = conf;
		x->state = state_new(conf, &hooks);
	}
	x->now_ms = clock_mono_ms() * FAST;
	arena_reset(&x->arena);
}

static void changes(unsigned *seed)
{
	struct conf cut_off = rig_conf; /* from the server that the others reach */
	struct ctx here = { 0 }, away = { 0 };

	cut_off.redis_url = "unix:///nowhere/redis.sock";
	for (;;) {
		const bool reaches = rand_r(seed) % 4 > 0;
		struct ctx *x = reaches ? &here : &away;
		const int k = rand_r(seed) % KEYS;
		int64_t version;
		bool done;

		next(x, reaches ? &rig_conf : &cut_off);
		version = ++shared->version[k];
		done = rand_r(seed) % 8 > 0 ? state_delete(x, key_of(k)) : state_clear(x, "storm");
		state_settle(x);
		if (done)
			note(&shared->invalid[k], version);
		poll(NULL, 0, rand_r(seed) % 4);
	}
}

static void reads(unsigned *seed)
{
	struct ctx x = { 0 };

	for (;;) {
		const int k = rand_r(seed) % KEYS;
		const int64_t must = shared->invalid[k];
		struct state_ticket ticket;
		struct slice got;
		int64_t version;

		next(&x, &rig_conf);
		if (state_get(&x, key_of(k), &ticket, &got)) {
			assert(got.len == sizeof(version));
			memcpy(&version, got.p, sizeof(version));
			shared->stale += version < must;
			shared->hits++;
			continue;
		}
		version = shared->version[k];
		if (rand_r(seed) % 4 == 0)
			poll(NULL, 0, rand_r(seed) % 40);
		state_set(
			&x, &ticket, (struct slice){ (char *)&version, sizeof(version) }, HOUR_MS);
		shared->stores++;
	}
}

/* What becomes of the server. */
static void vandalize(unsigned *seed)
{
	const char *marks;

	switch (rand_r(seed) % 8) {
	case 0:
		SAY("SAVE");
		break;
	case 1:
		restart(NULL); /* with what was saved, long ago */
		break;
	case 2:
		SAY("FLUSHALL");
		break;
	case 3:
		marks = key_like("m:*");
		if (marks != NULL)
			SAY("DEL", marks);
		break;
	default:
		kill(rig_server, SIGSTOP);
		poll(NULL, 0, rand_r(seed) % 60);
		kill(rig_server, SIGCONT);
		break;
	}
	poll(NULL, 0, rand_r(seed) % 60);
}

static bool is_enough(void)
{
	return shared->hits > 100 && shared->stores > 100 && shared->raised > 3 &&
	       shared->invalid[0] > 3;
}

static void nothing_stale_is_answered_whatever_becomes_of_the_server(void **state)
{
	pid_t actors[READERS + CHANGERS];
	unsigned seed = 3;

	(void)state;
	rig_conf.redis_timeout_ms = 5;
	for (size_t i = 0; i < ARRAY_LEN(actors); i++) {
		unsigned own_seed = (unsigned)i + 11;

		actors[i] = fork();
		if (actors[i] != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (i < READERS)
			reads(&own_seed);
		else
			changes(&own_seed);
	}
	for (int i = 0; i < ROUNDS_MAX && (i < ROUNDS || !is_enough()); i++)
		vandalize(&seed);
	for (size_t i = 0; i < ARRAY_LEN(actors); i++) {
		kill(actors[i], SIGKILL);
		waitpid(actors[i], NULL, 0);
	}
	assert_true(is_enough());
	assert_int_equal(shared->stale, 0);
}

static int begin_storm(void **state)
{
	shared = mmap(
		NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return -1;
	shared->epoch = 1;
	return begin_here(state);
}

static int end_storm(void **state)
{
	munmap(shared, sizeof(*shared));
	return end_here(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nothing_stale_is_answered_whatever_becomes_of_the_server, begin_storm,
			end_storm),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_redis_open, rig_redis_done);
}

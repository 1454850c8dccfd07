/* SPDX-License-Identifier: MIT */
/* state_redis_rig.h - a Redis server for the tests of ext/state, and running tests on both homes. */
#ifndef UNIT_STATE_REDIS_RIG_H
#define UNIT_STATE_REDIS_RIG_H

#include "unit.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "state_rig.h"

static pid_t rig_server;
static char rig_socket[160], rig_url[192], rig_prefix[32];

static inline bool rig_server_answers(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answers;

	snprintf(at.sun_path, sizeof(at.sun_path), "%.100s", rig_socket);
	answers = connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
	close(fd);
	return answers;
}

/* Without persistence, on a socket of its own; it ends with this process. `more`: further settings, ended by NULL. */
static inline void rig_server_start(const char *const *more)
{
	const char *argv[32] = { "redis-server", "--port", "0", "--save", "", "--appendonly", "no",
		"--unixsocket", rig_socket, "--dir", rig_base, "--logfile", "redis.log" };
	size_t n = 13;
	const pid_t parent = getpid();

	for (; more != NULL && *more != NULL; more++)
		argv[n++] = *more;
	rig_server = fork();
	if (rig_server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	while (!rig_server_answers()) {
		if (waitpid(rig_server, NULL, WNOHANG) != 0) {
			fprintf(stderr, "redis-server can't be started: see sandbox/install.sh\n");
			abort();
		}
		poll(NULL, 0, 5);
	}
}

static inline void rig_server_end(void)
{
	if (rig_server <= 0)
		return;
	kill(rig_server, SIGKILL);
	waitpid(rig_server, NULL, 0);
	rig_server = 0;
}

/* Another prefix: an empty home, in which values may be stored at once. The time is each request's. */
static inline void rig_redis_fresh(void)
{
	static int number;
	struct state_ticket ticket;
	struct slice got;
	struct ctx x;

	snprintf(rig_prefix, sizeof(rig_prefix), "test%d:", ++number);
	x = rig_ctx();
	x.now_ms -= STATE_HOLD_MAX_MS; /* new marks are closed for so long */
	(void)!state_get(&x, rig_key("f", "k"), &ticket, &got);
	rig_free(&x);
}

static inline int rig_redis_open(void **state)
{
	if (rig_open(state) != 0)
		return -1;
	snprintf(rig_socket, sizeof(rig_socket), "%s/redis.sock", rig_base);
	snprintf(rig_url, sizeof(rig_url), "unix://%s", rig_socket);
	rig_conf.redis_url = rig_url;
	rig_conf.redis_prefix = rig_prefix;
	rig_conf.redis_timeout_ms = 1000;
	rig_conf.test_clock = "each request's";
	rig_server_start(NULL);
	return 0;
}

static inline int rig_redis_done(void **state)
{
	rig_server_end();
	rig_conf = (struct conf){ .state_dir = rig_dir };
	return rig_done(state);
}

/* Does this test run on Redis? */
static inline bool rig_is_redis(void)
{
	return rig_conf.redis_url != NULL;
}

enum { RIG_TESTS_MAX = 64 };

/* On LMDB, then, those that aren't about LMDB alone, on Redis. */
static inline int rig_run(const struct CMUnitTest *tests, size_t n, size_t of_lmdb_n)
{
	static struct CMUnitTest again[RIG_TESTS_MAX];
	static char names[RIG_TESTS_MAX][128];
	int failed = _cmocka_run_group_tests("LMDB", tests, n, rig_open, rig_done);

	n -= of_lmdb_n;
	assert(n <= RIG_TESTS_MAX);
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "%s, in Redis", tests[i].name);
		again[i] = tests[i];
		again[i].name = names[i];
	}
	return failed + _cmocka_run_group_tests("Redis", again, n, rig_redis_open, rig_redis_done);
}

#endif

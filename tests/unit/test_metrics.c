/* SPDX-License-Identifier: MIT */
/*
 * test_metrics.c - counting by several processes, of which some are killed; files that are damaged,
 * removed or of no use (BEHAVIOUR 52).
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/prctl.h>

#include "child.h"
#include "ext/metrics_internal.h"
#include "state_rig.h"

enum { PROCESSES = 4, ROUNDS = 5000 };

static struct arena arena;

static const char *text(void)
{
	struct str out = str_new(&arena, 16 << 20);

	metrics_print(&out);
	assert_false(out.overflow);
	return str_text(&out);
}

static void has(const char *line)
{
	const char *all = text();

	if (strstr(all, line) == NULL)
		fail_msg("no \"%s\" in:\n%s", line, all);
}

static void lacks(const char *part)
{
	if (strstr(text(), part) != NULL)
		fail_msg("\"%s\" in the text", part);
}

static int begin(void **state)
{
	if (rig_open(state) != 0)
		return -1;
	metrics_open(&rig_conf, "unit");
	return 0;
}

static int end(void **state)
{
	metrics_close();
	arena_done(&arena);
	return rig_done(state);
}

static const char *path(void)
{
	static char out[sizeof(rig_dir) + 40];

	snprintf(out, sizeof(out), "%s/metrics-%016llx", rig_dir,
		(unsigned long long)metric_layout());
	return out;
}

/* ---- */

static void test_text(void **state)
{
	(void)state;
	metrics_count(METRIC_REQUESTS, "GET", "/a/:id", "200");
	metrics_add(METRIC_REQUESTS, 2, "GET", "/a/:id", "200");
	metrics_count(METRIC_REQUESTS, "GET", "/a/:id", "404");
	metrics_time(METRIC_REQUEST_TIME, 1000, "GET", "/a/:id");
	metrics_time(METRIC_REQUEST_TIME, 1001, "GET", "/a/:id");
	metrics_time(METRIC_REQUEST_TIME, 250000, "GET", "/a/:id");
	metrics_time(METRIC_REQUEST_TIME, 11000000, "GET", "/a/:id");
	metrics_set(METRIC_JOBS_RUN, 17);
	metrics_set(METRIC_JOBS_RUN, 16);
	metrics_serving(true);
	has("# HELP http_requests_total Requests answered.\n# TYPE http_requests_total counter\n");
	has("http_requests_total{method=\"GET\",route=\"/a/:id\",status=\"200\"} 3\n");
	has("http_requests_total{method=\"GET\",route=\"/a/:id\",status=\"404\"} 1\n");
#define BUCKET "http_request_duration_seconds_bucket{method=\"GET\",route=\"/a/:id\",le="
	has(BUCKET "\"0.001\"} 1\n" BUCKET "\"0.0025\"} 2\n" BUCKET "\"0.005\"} 2\n");
	has(BUCKET "\"0.1\"} 2\n" BUCKET "\"0.25\"} 3\n");
	has(BUCKET "\"1\"} 3\n");
	has(BUCKET "\"10\"} 3\n" BUCKET "\"+Inf\"} 4\n");
	has("http_request_duration_seconds_sum{method=\"GET\",route=\"/a/:id\"} 11.252001\n"
	    "http_request_duration_seconds_count{method=\"GET\",route=\"/a/:id\"} 4\n");
	has("jobs_last_run_timestamp_seconds 16\n");
	has("processes{program=\"unit\"} 1\n");
	has("active_connections{program=\"unit\"} 1\n");
	has("metrics_dropped_total 0\n");
	metrics_serving(false);
	has("active_connections{program=\"unit\"} 0\n");
}

/* What isn't ours never gets into the text, and is counted as dropped. */
static void test_bounds(void **state)
{
	char number[16];
	static char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	metrics_count(METRIC_CACHE, "a\"b", "hit", NULL);
	metrics_count(METRIC_CACHE, "a\nb", "hit", NULL);
	metrics_count(METRIC_CACHE, longest, "hit", NULL);
	has("metrics_dropped_total 3\n");
	lacks("xxx");
	for (int i = 0; i < 2 * METRIC_SERIES; i++) {
		snprintf(number, sizeof(number), "%d", i);
		metrics_count(METRIC_CACHE, number, "hit", NULL);
	}
	lacks("metrics_dropped_total 3\n");
	metrics_count(METRIC_CACHE, "0", "hit", NULL);
	has("cache_requests_total{cache=\"0\",result=\"hit\"} 2\n");
}

/* ---- processes ---- */

static void count_and_wait(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
	metrics_close();
	metrics_open(&rig_conf, "child");
	for (int i = 0; i < ROUNDS; i++) {
		char route[16];

		snprintf(route, sizeof(route), "/%d", i % 50);
		metrics_count(METRIC_REQUESTS, "GET", route, "200");
		metrics_time(METRIC_PAYMENT_TIME, i, "GET", NULL);
	}
	metrics_serving(true);
	metrics_connected(true);
	(void)!write(ready, "", 1);
	for (;;)
		pause();
}

static void test_killed(void **state)
{
	pid_t pids[PROCESSES];
	int ready[2];
	char line[96], byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			count_and_wait(ready[1]);
	}
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(read(ready[0], &byte, 1), 1);
	for (int left = PROCESSES; left >= 0; left--) {
		snprintf(line, sizeof(line),
			"http_requests_total{method=\"GET\",route=\"/7\",status=\"200\"} %d\n",
			PROCESSES * ROUNDS / 50);
		has(line);
		snprintf(line, sizeof(line),
			"payment_request_duration_seconds_count{method=\"GET\"} %d\n",
			PROCESSES * ROUNDS);
		has(line);
		if (left == 0)
			break;
		snprintf(line, sizeof(line), "processes{program=\"child\"} %d\n", left);
		has(line);
		snprintf(line, sizeof(line), "active_connections{program=\"child\"} %d\n", left);
		has(line);
		snprintf(line, sizeof(line), "database_connections{program=\"child\"} %d\n", left);
		has(line);
		kill(pids[left - 1], SIGKILL);
		assert_int_equal(waitpid(pids[left - 1], NULL, 0), pids[left - 1]);
	}
	lacks("program=\"child\"");
	close(ready[0]);
	close(ready[1]);
}

/* ---- files ---- */

static void test_no_directory(void **state)
{
	struct conf conf = { .state_dir = "/proc/nowhere" };

	(void)state;
	metrics_close();
	metrics_open(&conf, "unit");
	metrics_count(METRIC_EVICTIONS, "value", NULL, NULL);
	has("state_evictions_total{kind=\"value\"} 1\n");
	has("processes{program=\"unit\"} 1\n");
}

static void test_closed(void **state)
{
	(void)state;
	metrics_close();
	metrics_count(METRIC_EVICTIONS, "value", NULL, NULL);
	metrics_time(METRIC_PAYMENT_TIME, 1, "GET", NULL);
	metrics_set(METRIC_JOBS_RUN, 1);
	metrics_serving(true);
	metrics_refresh();
	assert_string_equal(text(), "");
}

/* A file that was removed is replaced; the first look at it is at most a second after the last. */
static void test_removed(void **state)
{
	struct stat st;

	(void)state;
	metrics_count(METRIC_EVICTIONS, "value", NULL, NULL);
	assert_int_equal(unlink(path()), 0);
	for (int i = 0; i < 300 && stat(path(), &st) != 0; i++) {
		usleep(10000);
		metrics_refresh();
	}
	assert_int_equal(stat(path(), &st), 0);
	lacks("state_evictions_total{kind=\"value\"} 1\n");
	metrics_count(METRIC_EVICTIONS, "value", NULL, NULL);
	has("state_evictions_total{kind=\"value\"} 1\n");
}

/* A truncated one, or one of another layout, is replaced by the next process. */
static void test_of_no_use(void **state)
{
	const uint64_t other = 1;
	struct stat st;
	int fd;

	(void)state;
	metrics_count(METRIC_EVICTIONS, "value", NULL, NULL);
	metrics_close();
	assert_int_equal(truncate(path(), 100), 0);
	metrics_open(&rig_conf, "unit");
	assert_int_equal(stat(path(), &st), 0);
	assert_int_equal(st.st_size, sizeof(struct metric_file));
	metrics_close();
	fd = open(path(), O_RDWR);
	assert_int_equal(pwrite(fd, &other, sizeof(other), 0), sizeof(other));
	close(fd);
	metrics_open(&rig_conf, "unit");
	metrics_count(METRIC_EVICTIONS, "value", NULL, NULL);
	has("state_evictions_total{kind=\"value\"} 1\n");
}

/* Of files of other versions only the one in use stays. */
static void test_left_over(void **state)
{
	char used[sizeof(rig_dir) + 40], unused[sizeof(rig_dir) + 40];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 7, .l_len = 1 };
	int ready[2], fd;
	struct stat st;
	char byte;
	pid_t pid;

	(void)state;
	snprintf(used, sizeof(used), "%s/metrics-1", rig_dir);
	snprintf(unused, sizeof(unused), "%s/metrics-2", rig_dir);
	fd = open(unused, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(used, O_RDWR | O_CREAT, 0600);
		if (fcntl(fd, F_SETLK, &lock) == 0)
			(void)!write(ready[1], "", 1);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	metrics_close();
	assert_int_equal(unlink(path()), 0);
	metrics_open(&rig_conf, "unit");
	assert_int_equal(stat(path(), &st), 0);
	assert_int_equal(stat(used, &st), 0);
	assert_int_not_equal(stat(unused, &st), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(ready[0]);
	close(ready[1]);
}

/* Any bytes are read without a fault, and none breaks the lines of the text. */
static void test_damaged(void **state)
{
	uint64_t seed = 5;

	(void)state;
	for (int round = 0; round < 3; round++) {
		unsigned char *bytes = (unsigned char *)metric_file();

		for (size_t i = sizeof(uint64_t); i < sizeof(struct metric_file); i++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			bytes[i] =
				(unsigned char)(round == 0 ? 0xff : seed >> (round == 1 ? 33 : 60));
		}
		metrics_count(METRIC_EVICTIONS, "value", NULL, NULL);
		metrics_time(METRIC_REQUEST_TIME, 5, "GET", "/a");
		for (const char *p = text(); *p != '\0'; p++)
			assert_true(*p == '\n' || (*p >= 0x20 && *p <= 0x7e));
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_text),
		TEST(test_bounds),
		TEST(test_killed),
		TEST(test_no_directory),
		TEST(test_closed),
		TEST(test_removed),
		TEST(test_of_no_use),
		TEST(test_left_over),
		TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

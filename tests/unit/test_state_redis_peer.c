/* SPDX-License-Identifier: MIT */
/* test_state_redis_peer.c - who may use a Redis server, what isn't one, and whether it counts as LMDB does. */
#include "unit.h"

#include "base/log.h"
#include "state_redis_own.h"

/* ---- who may ---- */

static void use_url(const char *query)
{
	snprintf(rig_url, sizeof(rig_url), "unix://%.150s?%s", rig_socket, query);
	renew(&c);
}

static void users_and_passwords(void **state)
{
	(void)state;
	SAY("ACL", "SETUSER", "shop", "on", ">p@ss word", "~*", "+@all");
	SAY("ACL", "SETUSER", "other", "on", ">p@ss word", "~nothing", "+@all");
	use_url("username=shop&password=p%40ss%20word&db=3");
	assert_int_equal(rig_add(&c, "n", 1, 1000), 1);
	assert_int_equal(rig_add(&d, "n", 1, 1000), 1); /* another database */
	use_url("username=shop&password=wrong");
	assert_int_equal(rig_add(&c, "n", 1, 1000), -1);
	assert_non_null(strstr(state_error(&c), "WRONGPASS"));
	use_url("username=other&password=p%40ss%20word");
	assert_int_equal(rig_add(&c, "n", 1, 1000), -1);
	assert_non_null(state_error(&c));
	use_url("db=999");
	assert_int_equal(rig_add(&c, "n", 1, 1000), -1);
	SAY("CONFIG", "SET", "requirepass", "sesame");
	use_url("password=sesame");
	assert_int_equal(rig_add(&c, "n", 1, 1000), 2);
	use_url("db=0");
	assert_int_equal(rig_add(&c, "n", 1, 1000), -1);
	assert_non_null(strstr(state_error(&c), "NOAUTH"));
	SAY("CONFIG", "SET", "requirepass", "");
}

static void who_may_not_ask_which_server_it_is_keeps_no_values(void **state)
{
	struct state_limit l;
	int64_t epoch;

	(void)state;
	assert_true(rig_puts(&d, "f", "k", "old"));
	SAY("ACL", "SETUSER", "blind", "on", ">x", "~*", "+@all", "-info");
	use_url("username=blind&password=x");
	epoch = rig_epoch;
	assert_true(admit(&c, &l));
	assert_false(l.here);
	assert_int_equal(rig_add(&c, "n", 1, 1000), 1);
	assert_string_equal(rig_gets(&c, "f", "k"), "");
	assert_true(state_delete(&c, rig_key("f", "k")));
	assert_int_equal(rig_epoch, epoch + 1);
	state_settle(&c);
	assert_string_equal(rig_gets(&d, "f", "k"), "");
}

/* ---- what isn't Redis ---- */

static char fake_path[176];

/* Accepts connections, reads some, and answers each one command with the next text. */
static pid_t fake_start(const char *const *answers, size_t n)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	snprintf(fake_path, sizeof(fake_path), "%.100s.fake", rig_socket);
	(void)unlink(fake_path);
	snprintf(at.sun_path, sizeof(at.sun_path), "%.107s", fake_path);
	assert_int_equal(bind(listener, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 8), 0);
	pid = fork();
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* also after a failure */
	for (int conn; pid == 0 && (conn = accept(listener, NULL, NULL)) >= 0; close(conn)) {
		char asked[65536];

		for (size_t i = 0; i < n && read(conn, asked, sizeof(asked)) > 0; i++)
			if (write(conn, answers[i], strlen(answers[i])) < 0)
				break;
	}
	close(listener);
	return pid;
}

static void fake_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#define HUGE "*3\r\n$1\r\n1\r\n$1\r\n1\r\n$399970\r\n0 0 0"
#define INFO "$51\r\nrun_id:0123456789012345678901234567890123456789abc\r\r\n"

static void whatever_answers_is_survived(void **state)
{
	static char huge[400000];
	const char *const bad[] = { "", "\r\n", "garbage\r\n", "-ERR no\r\n", "+OK\r\n", ":1\r\n",
		"$-1\r\n", "*-1\r\n", "*0\r\n", "*1\r\n$1\r\nx\r\n", "*2\r\n:1\r\n:2\r\n",
		"*3\r\n$-1\r\n$-1\r\n$-1\r\n", "*2147483647\r\n", "*9999999999999\r\n",
		"$9999999999999999999\r\n", "$-7\r\n", "$4\r\nab", "*3\r\n$1\r\n1\r\n",
		"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
		"*3\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n", "*3\r\n$1\r\nx\r\n$1\r\ny\r\n*0\r\n",
		huge };

	(void)state;
	/* right in every way but its size */
	memset(huge, ' ', sizeof(huge) - 1);
	memcpy(huge, HUGE, sizeof(HUGE) - 1);
	memcpy(huge + sizeof(huge) - 3, "\r\n", 2);
	rig_conf.redis_timeout_ms = 50;
	snprintf(rig_url, sizeof(rig_url), "unix://%.150s.fake", rig_socket);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *const first[] = { bad[i] }, *const second[] = { INFO, bad[i] };
		const int64_t epoch = rig_epoch;

		for (int k = 0; k < 2; k++) {
			const pid_t fake = k == 0 ? fake_start(first, 1) : fake_start(second, 2);
			struct state_limit l;

			renew(&c);
			assert_true(state_delete(&c, rig_key("f", "k")));
			assert_int_equal(rig_epoch, epoch + 1 + k);
			renew(&c);
			assert_string_equal(rig_gets(&c, "f", "k"), "");
			renew(&c);
			(void)!admit(&c, &l);
			assert_true(l.here || bad[i] != huge);
			renew(&c);
			(void)!rig_add(&c, "n", 1, 1000);
			arena_reset(&c.arena);
			fake_end(fake);
		}
	}
}

/* ---- both homes ---- */

static int64_t draw(unsigned *seed, int64_t n)
{
	return rand_r(seed) % n;
}

static struct ctx in_lmdb(void)
{
	struct conf *conf = malloc(sizeof(*conf));

	*conf = (struct conf){ .state_dir = rig_dir };
	return (struct ctx){ .conf = conf, .state = state_new(conf, NULL), .now_ms = c.now_ms };
}

static void limits_are_the_same_in_both_homes(void **state)
{
	struct ctx x = in_lmdb();
	unsigned seed = 5;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		const int64_t which = draw(&seed, 6), dice = draw(&seed, 100);
		const char id[] = { (char)('a' + which), '\0' };
		struct state_limit l = { .key = rig_key("limit", id),
			.max = which == 5 ? STATE_LIMIT_MAX + 7 : 1 + 3 * which,
			.window_ms = 200 + 100 * which,
			.free = which % 2 && which < 5 ? 4 : 0,
			.free_ms = 3000 };
		struct state_limit m = l;

		c.now_ms += dice == 0 ? -2 * MINUTE_MS : dice == 1 ? 2000 : draw(&seed, 8) - 2;
		x.now_ms = c.now_ms;
		assert_int_equal(state_admit(&c, &l, 1), state_admit(&x, &m, 1));
		assert_false(l.here || m.here);
		if (l.count != m.count || l.oldest_ms != m.oldest_ms || l.spare != m.spare ||
			l.at_ms != m.at_ms)
			fail_msg("step %d of %s: %lld %lld %lld, in LMDB %lld %lld %lld", i, id,
				(long long)l.count, (long long)l.oldest_ms, (long long)l.spare,
				(long long)m.count, (long long)m.oldest_ms, (long long)m.spare);
		if (dice < 20 && which < 5) {
			l.at_ms = m.at_ms = c.now_ms - draw(&seed, 20);
			state_withdraw(&c, &l, 1);
			state_withdraw(&x, &m, 1);
		}
		arena_reset(&c.arena);
		arena_reset(&x.arena);
	}
	state_free(x.state);
	arena_done(&x.arena);
	free((void *)(uintptr_t)x.conf);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin_here, end_here)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(users_and_passwords),
		TEST(who_may_not_ask_which_server_it_is_keeps_no_values),
		TEST(whatever_answers_is_survived),
		TEST(limits_are_the_same_in_both_homes),
	};

	if (!log_open("/dev/null", "test"))
		return 1;
	return cmocka_run_group_tests(tests, rig_redis_open, rig_redis_done);
}

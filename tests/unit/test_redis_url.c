/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "base/conf.h"
#include "base/redis_url.h"
#include "base/str.h"
#include "child.h"

static struct arena a;
static struct redis_url u;

static const char *read_url(const char *url)
{
	return redis_url_read(&a, url, &u);
}

static void hosts_ports_and_databases(void **state)
{
	static const struct {
		const char *url, *host;
		int64_t port, db;
		bool tls;
	} good[] = {
		{ "redis://localhost", "localhost", 6379, 0, false },
		{ "redis://cache.shop.example:6380", "cache.shop.example", 6380, 0, false },
		{ "redis://10.0.0.5/3", "10.0.0.5", 6379, 3, false },
		{ "redis://10.0.0.5/", "10.0.0.5", 6379, 0, false },
		{ "rediss://[::1]:6380/15", "::1", 6380, 15, true },
		{ "rediss://[2001:db8::1]", "2001:db8::1", 6379, 0, true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_null(read_url(good[i].url));
		assert_string_equal(u.host, good[i].host);
		assert_int_equal(u.port, good[i].port);
		assert_int_equal(u.db, good[i].db);
		assert_int_equal(u.tls, good[i].tls);
		assert_null(u.user);
		assert_null(u.password);
		assert_null(u.socket);
	}
}

static void users_and_passwords_are_decoded(void **state)
{
	static const char *const both[] = { "redis://shop:p%40s%3As%2F%25@host:1/2",
		"unix:///run/redis.sock?db=2&password=p%40s%3As%2F%25&username=shop" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(both); i++) {
		assert_null(read_url(both[i]));
		assert_string_equal(u.user, "shop");
		assert_string_equal(u.password, "p@s:s/%");
		assert_int_equal(u.db, 2);
	}
	assert_null(read_url("redis://:a:b@c@host"));
	assert_null(u.user);
	assert_string_equal(u.password, "a:b@c");
	assert_string_equal(u.host, "host");
	assert_null(read_url("redis://:@host"));
	assert_null(u.password);
}

static void sockets(void **state)
{
	(void)state;
	assert_null(read_url("unix:///run/a%20b/redis.sock"));
	assert_string_equal(u.socket, "/run/a b/redis.sock");
	assert_null(u.host);
	assert_int_equal(u.db, 0);
	assert_null(read_url("unix:///redis.sock?password=x"));
	assert_string_equal(u.password, "x");
}

static void what_is_wrong_is_said_without_the_secret(void **state)
{
	static const char *const bad[] = { "", "redis", "http://host", "redis:host", "redis://",
		"redis://:6379", "redis://hunter2@host", "redis://hunter2:@host",
		"redis://x:hunter2%@host", "redis://x:hunter2%00@host", "redis://x:hunter2%ff@host",
		"redis://x:hunter2@", "redis://x:hunter2@host:0", "redis://x:hunter2@host:65536",
		"redis://x:hunter2@host:1a", "redis://x:hunter2@host/x",
		"redis://x:hunter2@host/-1", "redis://x:hunter2@host/1/2",
		"redis://x:hunter2@host/65536", "redis://x:hunter2@host/?db=1",
		"redis://x:hunter2@host#1", "redis://[::1", "redis://[::1]6379", "redis://a b",
		"unix://", "unix://run/redis.sock", "unix:///s?username=hunter2",
		"unix:///s?db=hunter2", "unix:///s?pass=hunter2",
		"unix:///s?password=", "unix:///s%zz" };
	char deep[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const char *why = read_url(bad[i]);

		if (why == NULL)
			fail_msg("accepted: %s", bad[i]);
		assert_null(strstr(why, "hunter2"));
	}
	snprintf(deep, sizeof(deep), "unix:///%0120d", 0);
	assert_non_null(read_url(deep));
}

struct setting {
	const char *name, *value;
};

/* Loads a configuration of these alone, in a child: exits with 0 when it was accepted. */
static void load(void *arg)
{
	struct conf conf;

	if (clearenv() != 0)
		_exit(9);
	for (const struct setting *s = arg; s->name != NULL; s++)
		setenv(s->name, s->value, 1);
	if (!conf_load(&conf, 0, &a))
		_exit(1);
	_exit(conf.redis_url == NULL || conf.redis_timeout_ms == 25 ? 0 : 2);
}

static void settings_that_fit_together(void **state)
{
	static char self[] = "/proc/self/exe";
	static const struct {
		struct setting settings[4];
		const char *fault;
	} cases[] = {
		{ { { NULL, NULL } }, "" },
		{ { { "REDIS_URL", "redis://:hunter2@10.0.0.5/1" }, { "REDIS_PREFIX", "a:" } },
			"" },
		{ { { "REDIS_URL", "rediss://:hunter2@10.0.0.5" }, { "REDIS_CA_FILE", self } },
			"" },
		{ { { "REDIS_URL", "redis://hunter2@10.0.0.5" } }, "REDIS_URL has a user without" },
		{ { { "REDIS_URL", "redis://10.0.0.5" }, { "REDIS_CA_FILE", self } },
			"REDIS_CA_FILE is for rediss://" },
		{ { { "REDIS_URL", "redis://10.0.0.5" }, { "REDIS_PREFIX", "a b" } },
			"REDIS_PREFIX must be visible ASCII" },
		{ { { "REDIS_URL", "redis://10.0.0.5" }, { "REDIS_TIMEOUT_MS", "4" } },
			"REDIS_TIMEOUT_MS is not" },
		{ { { "REDIS_PREFIX", "a:" } }, "REDIS_PREFIX is set without REDIS_URL" },
	};
	char said[1024];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const int status =
			child_run(load, (void *)(uintptr_t)cases[i].settings, said, sizeof(said));

		assert_int_equal(WEXITSTATUS(status), cases[i].fault[0] != '\0');
		if (strstr(said, cases[i].fault) == NULL || strstr(said, "hunter2") != NULL)
			fail_msg("%zu: %s", i, said);
	}
}

static int done(void **state)
{
	(void)state;
	arena_done(&a);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_ports_and_databases),
		cmocka_unit_test(users_and_passwords_are_decoded),
		cmocka_unit_test(sockets),
		cmocka_unit_test(what_is_wrong_is_said_without_the_secret),
		cmocka_unit_test(settings_that_fit_together),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}

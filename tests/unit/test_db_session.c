/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/str.h"
#include "ext/db.h"
#include "ext/db_session.h"

static struct arena arena;

static uint64_t known(const char *const *names)
{
	uint64_t bits = 0;

	for (; *names != NULL; names++) {
		assert_true(db_session_known(*names) != 0);
		bits |= db_session_known(*names);
	}
	return bits;
}

static void has(const char *sql, const char *text)
{
	if (strstr(sql, text) == NULL)
		fail_msg("no %s in: %s", text, sql);
}

static void has_not(const char *sql, const char *text)
{
	if (strstr(sql, text) != NULL)
		fail_msg("%s in: %s", text, sql);
}

static void common_settings_are_set_on_every_server(void **state)
{
	const char *sql = db_session_first(&arena, &db_limits_web);
	static const char *const parts[] = { "SET SESSION sql_mode='STRICT_TRANS_TABLES,",
		",SESSION time_zone='+00:00'", ",SESSION autocommit=1,",
		",SESSION completion_type=0,", ",SESSION sql_big_selects=1,",
		",SESSION sql_safe_updates=0,", ",SESSION sql_select_limit=18446744073709551615,",
		",SESSION lock_wait_timeout=2", ",SESSION innodb_lock_wait_timeout=2," };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		has(sql, parts[i]);
	/* a migration may wait for readers, which a time limit of two seconds would interrupt */
	has(db_session_first(&arena, &db_limits_command), ",SESSION lock_wait_timeout=600");
}

/* The settings that a server has decide, not its version string. */
static void other_settings_are_set_where_the_server_has_them(void **state)
{
	static const char *const mariadb[] = { "tx_isolation", "tx_read_only", "max_statement_time",
		"innodb_snapshot_isolation", NULL };
	static const char *const old_mariadb[] = { "tx_isolation", "tx_read_only",
		"max_statement_time", NULL };
	static const char *const mysql[] = { "transaction_isolation", "transaction_read_only",
		"MAX_EXECUTION_TIME", NULL };
	const char *missing = NULL, *sql;

	(void)state;
	sql = db_session_then(&arena, &db_limits_web, known(mariadb), &missing);
	assert_string_equal(sql,
		"SET SESSION tx_isolation='READ-COMMITTED',SESSION tx_read_only=0,"
		"SESSION max_statement_time=3,SESSION innodb_snapshot_isolation=1");
	sql = db_session_then(&arena, &db_limits_command, known(old_mariadb), &missing);
	has(sql, ",SESSION max_statement_time=0");
	has_not(sql, "innodb_snapshot_isolation");
	sql = db_session_then(&arena, &db_limits_notify, known(mysql), &missing);
	assert_string_equal(sql,
		"SET SESSION transaction_isolation='READ-COMMITTED',"
		"SESSION transaction_read_only=0,SESSION max_execution_time=2000");
	for (size_t i = 0; mysql[i] != NULL; i++)
		if (i != 2)
			has(db_session_ask(&arena), mysql[i]);
	assert_true(db_session_known("nothing") == 0);
}

static void a_server_without_a_mandatory_setting_is_refused(void **state)
{
	static const char *const no_limit[] = { "tx_isolation", "tx_read_only", NULL };
	const char *missing = NULL;

	(void)state;
	assert_null(db_session_then(&arena, &db_limits_web, known(no_limit), &missing));
	assert_string_equal(missing, "a time limit for statements");
	assert_null(db_session_then(&arena, &db_limits_web, 0, &missing));
	assert_string_equal(missing, "an isolation level");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_settings_are_set_on_every_server),
		cmocka_unit_test(other_settings_are_set_where_the_server_has_them),
		cmocka_unit_test(a_server_without_a_mandatory_setting_is_refused),
	};
	int failed;

	failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_done(&arena);
	return failed;
}

/* SPDX-License-Identifier: MIT */
#include "ext/db_session.h"

#include <assert.h>

#include "base/str.h"
#include "ext/db.h"

#define TEXT_MAX_BYTES 2048
#define NO_LIMIT_S     600 /* for a command: longer than any lock is held */

/* The purpose of a setting. The server must have at least one setting per purpose. */
enum purpose {
	FOR_ALL, /* every server has it: not queried */
	FOR_ISOLATION,
	FOR_WRITING,
	FOR_TIME_LIMIT,
	FOR_SNAPSHOT,
	FOR_OTHER_HOSTS,
	PURPOSES,
};
static const char *const purpose_names[PURPOSES] = {
	[FOR_ISOLATION] = "an isolation level",
	[FOR_WRITING] = "a switch for transactions that may write",
	[FOR_TIME_LIMIT] = "a time limit for statements",
	[FOR_SNAPSHOT] = NULL, /* not mandatory */
	[FOR_OTHER_HOSTS] = NULL,
};

enum number { NONE, LOCK_S, METADATA_LOCK_S, STATEMENT_S };

static const struct setting {
	enum purpose purpose;
	const char *name;
	enum number number;
	const char *text; /* the value, or the suffix of the number */
} settings[] = {
	/* a host's global settings must not affect the shop */
	{ FOR_ALL, "sql_mode", NONE,
		"'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,"
		"ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE'" },
	{ FOR_ALL, "time_zone", NONE, "'+00:00'" },
	{ FOR_ALL, "autocommit", NONE, "1" },
	{ FOR_ALL, "completion_type", NONE, "0" },
	{ FOR_ALL, "sql_big_selects", NONE, "1" },
	{ FOR_ALL, "sql_safe_updates", NONE, "0" },
	{ FOR_ALL, "sql_select_limit", NONE, "18446744073709551615" },
	{ FOR_ALL, "sql_auto_is_null", NONE, "0" },
	{ FOR_ALL, "foreign_key_checks", NONE, "1" },
	{ FOR_ALL, "unique_checks", NONE, "1" },
	/* a server may ignore the character set of the client's handshake */
	{ FOR_ALL, "character_set_client", NONE, "utf8mb4" },
	{ FOR_ALL, "character_set_results", NONE, "utf8mb4" },
	{ FOR_ALL, "collation_connection", NONE, "utf8mb4_general_ci" },
	/* bounded waits, including for metadata locks (during a migration) */
	{ FOR_ALL, "innodb_lock_wait_timeout", LOCK_S, "" },
	{ FOR_ALL, "lock_wait_timeout", METADATA_LOCK_S, "" },
	/* guards in the WHERE instead of gap locks */
	{ FOR_ISOLATION, "transaction_isolation", NONE, "'READ-COMMITTED'" },
	{ FOR_ISOLATION, "tx_isolation", NONE, "'READ-COMMITTED'" },
	{ FOR_WRITING, "transaction_read_only", NONE, "0" },
	{ FOR_WRITING, "tx_read_only", NONE, "0" },
	{ FOR_TIME_LIMIT, "max_statement_time", STATEMENT_S, "" },    /* MariaDB */
	{ FOR_TIME_LIMIT, "max_execution_time", STATEMENT_S, "000" }, /* MySQL, of a SELECT */
	/* turns a lost update into an error; MariaDB since mid-2024 */
	{ FOR_SNAPSHOT, "innodb_snapshot_isolation", NONE, "1" },
	/* Galera: a transaction, or a read outside one, sees what other nodes committed before it */
	{ FOR_OTHER_HOSTS, DB_SESSION_OF_HOSTS, NONE, "1" },
};

static_assert(ARRAY_LEN(settings) <= 64, "a bit for each");

uint64_t db_session_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (str_same_nocase(settings[i].name, name))
			return UINT64_C(1) << i;
	return 0;
}

static void add_value(struct str *s, const struct setting *set, const struct db_limits *limits)
{
	switch (set->number) {
	case NONE:
		break;
	case LOCK_S:
		str_addi(s, limits->lock_wait_s);
		break;
	case METADATA_LOCK_S:
		str_addi(s, limits->statement_s == 0 ? NO_LIMIT_S : limits->lock_wait_s);
		break;
	case STATEMENT_S:
		str_addi(s, limits->statement_s);
		break;
	}
	str_adds(s, set->text);
}

static void add_setting(struct str *s, const struct setting *set, const struct db_limits *limits)
{
	str_adds(s, s->len == 0 ? "SET " : ",");
	str_addf(s, "SESSION %s=", set->name);
	add_value(s, set, limits);
}

static const char *text_of(const struct str *s)
{
	assert(!s->overflow);
	return str_text(s);
}

const char *db_session_first(struct arena *a, const struct db_limits *limits)
{
	struct str s = str_new(a, TEXT_MAX_BYTES);

	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].purpose == FOR_ALL)
			add_setting(&s, &settings[i], limits);
	return text_of(&s);
}

const char *db_session_ask(struct arena *a)
{
	struct str s = str_new(a, TEXT_MAX_BYTES);

	str_adds(&s, "SHOW SESSION VARIABLES WHERE Variable_name IN (''");
	for (size_t i = 0; i < ARRAY_LEN(settings); i++)
		if (settings[i].purpose != FOR_ALL)
			str_addf(&s, ",'%s'", settings[i].name);
	str_addc(&s, ')');
	return text_of(&s);
}

const char *db_session_then(
	struct arena *a, const struct db_limits *limits, uint64_t known, const char **missing)
{
	struct str s = str_new(a, TEXT_MAX_BYTES);
	bool served[PURPOSES] = { false };

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		if (settings[i].purpose == FOR_ALL || (known & UINT64_C(1) << i) == 0)
			continue;
		served[settings[i].purpose] = true;
		add_setting(&s, &settings[i], limits);
	}
	for (size_t i = 0; i < PURPOSES; i++)
		if (!served[i] && purpose_names[i] != NULL) {
			*missing = purpose_names[i];
			return NULL;
		}
	return text_of(&s);
}

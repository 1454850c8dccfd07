/* db.c - the connection, its failures, and transactions. db_rows.c has statements and rows. */
#include "ext/db.h"

#include <assert.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "ext/db_internal.h"

#define TX_TRIES      8
#define IDLE_CHECK_MS (30 * SECOND_MS)

/* codes that only one of the two servers has, by their numbers */
enum {
	CODE_SNAPSHOT = 1020,        /* innodb_snapshot_isolation: the record changed */
	CODE_WSREP_NOT_READY = 1047, /* a Galera node without quorum */
	CODE_CONNECTION_KILLED = 1927,
	CODE_STATEMENT_TIME = 1969, /* MariaDB */
	CODE_EXECUTION_TIME = 3024, /* MySQL */
};

/* A lock is waited for less long than a statement may take: its timeout is the one to be retried. */
const struct db_limits db_limits_web = { 2, 2, 3 };
const struct db_limits db_limits_notify = { 1, 1, 2 };
const struct db_limits db_limits_command = { 3, 10, 0 };

struct db *db_new(const struct conf *conf, const struct db_limits *limits)
{
	struct db *db = calloc(1, sizeof(*db));

	if (db == NULL)
		abort();
	db->conf = conf;
	db->limits = limits;
	return db;
}

static void disconnect(struct db *db)
{
	if (!db->connected)
		return;
	for (size_t i = 0; i < DB_CACHE_SIZE; i++)
		if (db->cache[i].stmt != NULL)
			mysql_stmt_close(db->cache[i].stmt);
	memset(db->cache, 0, sizeof(db->cache));
	mysql_close(&db->my);
	db->connected = false;
	db->in_tx = false;
}

void db_free(struct db *db)
{
	if (db == NULL)
		return;
	disconnect(db);
	free(db);
}

bool db_in_tx(const struct db *db)
{
	return db != NULL && db->in_tx;
}

/* ---- failures ---- */

bool db_is_lost(unsigned code)
{
	return code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST ||
	       code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR ||
	       code == CR_SERVER_LOST_EXTENDED || code == CODE_CONNECTION_KILLED ||
	       code == ER_SERVER_SHUTDOWN || code == CODE_WSREP_NOT_READY ||
	       code == ER_CON_COUNT_ERROR || code == ER_NEW_ABORTING_CONNECTION;
}

bool db_is_retryable(unsigned code)
{
	return code == ER_LOCK_DEADLOCK || code == ER_LOCK_WAIT_TIMEOUT || code == CODE_SNAPSHOT;
}

/* "Duplicate entry 'x' for key 'email'"; MySQL 8 says 'users.email'. */
static void keep_duplicate_key(struct db *db, const char *message)
{
	const char *end = strrchr(message, '\''), *start = end;

	db->duplicate[0] = '\0';
	while (start != NULL && start > message && start[-1] != '\'' && start[-1] != '.')
		start--;
	if (start != NULL && (size_t)(end - start) < sizeof(db->duplicate)) {
		memcpy(db->duplicate, start, (size_t)(end - start));
		db->duplicate[end - start] = '\0';
	}
}

/* Class a failure at its origin; the caller passes the code before any other call resets it. */
enum err db_failed(struct db *db, unsigned code, const char *message, const char *what)
{
	db->cause = code;
	if (code == ER_DUP_ENTRY) {
		keep_duplicate_key(db, message);
		return ERR_DUPLICATE;
	}
	if (db_is_retryable(code))
		return ERR_DB; /* tried again by whoever can; logged if given up */
	log_line(LOG_ERROR, "db", "%s: %u %.200s", what, code, message);
	if (code == CODE_STATEMENT_TIME || code == CODE_EXECUTION_TIME)
		return ERR_BUSY;
	if (!db_is_lost(code))
		return ERR_DB;
	disconnect(db);
	return ERR_DB_LOST;
}

static enum err failed_connection(struct db *db, const char *what)
{
	char message[DB_MESSAGE_MAX];

	snprintf(message, sizeof(message), "%s", mysql_error(&db->my));
	return db_failed(db, mysql_errno(&db->my), message, what);
}

bool db_duplicate_of(const struct ctx *c, const char *key)
{
	return strcmp(c->db->duplicate, key) == 0;
}

/* ---- connection ---- */

/*
 * Session settings, made anew at each connection: READ COMMITTED with guards in the
 * WHERE instead of gap locks; strict mode; UTC; bounded waits. Automatic reconnection
 * stays off: a statement repeated outside its transaction creates money.
 */
static const char set_isolation[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
static const char set_common[] =
	"SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,"
	"ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE',time_zone='+00:00',"
	"innodb_lock_wait_timeout=%u,%s";
/* turns a lost update into an error; MariaDB's point releases before mid-2024 don't know it */
static const char set_snapshot[] = "SET SESSION innodb_snapshot_isolation=ON";

static enum err set_session(struct db *db)
{
	const bool mariadb = strstr(mysql_get_server_info(&db->my), "MariaDB") != NULL;
	char limit[64], common[512];

	snprintf(limit, sizeof(limit),
		mariadb ? "max_statement_time=%u" : "max_execution_time=%u000",
		db->limits->statement_s);
	snprintf(common, sizeof(common), set_common, db->limits->lock_wait_s, limit);
	if (mysql_real_query(&db->my, set_isolation, sizeof(set_isolation) - 1) != 0 ||
		mysql_real_query(&db->my, common, strlen(common)) != 0)
		return failed_connection(db, "session settings");
	if (mariadb && mysql_real_query(&db->my, set_snapshot, sizeof(set_snapshot) - 1) != 0 &&
		mysql_errno(&db->my) != ER_UNKNOWN_SYSTEM_VARIABLE)
		return failed_connection(db, "session settings");
	return OK;
}

static enum err connect_now(struct db *db)
{
	const struct conf *conf = db->conf;
	unsigned wait_s = db->limits->statement_s == 0 ? 600 : db->limits->statement_s + 1;
	my_bool off = 0;
	bool socket = conf->db_socket != NULL;

	mysql_init(&db->my);
	mysql_options(&db->my, MYSQL_OPT_CONNECT_TIMEOUT, &db->limits->connect_s);
	mysql_options(&db->my, MYSQL_OPT_READ_TIMEOUT, &wait_s);
	mysql_options(&db->my, MYSQL_OPT_WRITE_TIMEOUT, &wait_s);
	mysql_options(&db->my, MYSQL_OPT_RECONNECT, &off);
	mysql_options(&db->my, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	/* FOUND_ROWS: an UPDATE to the same values counts, or db_hit would lie */
	if (mysql_real_connect(&db->my, socket ? "localhost" : conf->db_host, conf->db_user,
		    conf->db_password, conf->db_name, (unsigned)conf->db_port,
		    socket ? conf->db_socket : NULL, CLIENT_FOUND_ROWS) == NULL) {
		unsigned code = mysql_errno(&db->my);

		log_line(LOG_ERROR, "db", "connect: %u %.200s", code, mysql_error(&db->my));
		mysql_close(&db->my);
		db->cause = code;
		return ERR_DB_LOST;
	}
	db->connected = true;
	db->in_tx = false;
	return set_session(db);
}

enum err db_ready(struct ctx *c)
{
	struct db *db = c->db;
	int64_t now = clock_mono_ms();

	if (db->in_tx)
		return OK;
	/* the server closes connections that idle; find out before it matters */
	if (db->connected && now - db->used_ms > IDLE_CHECK_MS && mysql_ping(&db->my) != 0)
		disconnect(db);
	db->used_ms = now;
	return db->connected ? OK : connect_now(db);
}

/* ---- retrying ---- */

void db_nap_before_retry(unsigned try)
{
	static unsigned seed = 0;
	int64_t most_us = try > 6 ? 64000 : INT64_C(1000) << try;
	struct timespec ts;

	if (seed == 0)
		seed = (unsigned)clock_mono_ms() ^ (unsigned)(uintptr_t)&ts;
	ts.tv_sec = 0;
	ts.tv_nsec = (int64_t)rand_r(&seed) % most_us * 1000;
	nanosleep(&ts, NULL);
}

bool db_may_retry(const struct ctx *c, unsigned try)
{
	return try < TX_TRIES && (c->deadline_ms == 0 || clock_mono_ms() < c->deadline_ms);
}

/* ---- transactions ---- */

static enum err simple(struct db *db, const char *sql)
{
	return mysql_real_query(&db->my, sql, strlen(sql)) == 0 ? OK : failed_connection(db, sql);
}

static enum err begin(struct ctx *c)
{
	struct db *db = c->db;

	db->cause = 0;
	TRY(db_ready(c));
	TRY(simple(db, "START TRANSACTION"));
	db->in_tx = true;
	return OK;
}

/* What a COMMIT did that was not answered is unknown; it is never made again. */
static enum err commit(struct ctx *c)
{
	struct db *db = c->db;
	unsigned code;

	if (mysql_real_query(&db->my, "COMMIT", 6) == 0) {
		db->in_tx = false;
		return OK;
	}
	code = mysql_errno(&db->my);
	db->cause = code;
	if (db_is_retryable(code))
		return ERR_DB;
	log_line(LOG_ALARM, "db", "outcome of COMMIT unknown: %u", code);
	disconnect(db);
	return ERR_UNKNOWN_OUTCOME;
}

/* Always, after any failure: a lock timeout undoes only its own statement. */
static void roll_back(struct db *db)
{
	if (!db->in_tx)
		return;
	db->in_tx = false;
	if (mysql_real_query(&db->my, "ROLLBACK", 8) != 0)
		disconnect(db);
}

enum err db_tx(struct ctx *c, db_tx_fn *fn, void *arg)
{
	struct db *db = c->db;
	struct arena_mark mark = arena_mark(&c->arena);

	assert(!db->in_tx); /* no nesting: helpers end in _tx instead */
	for (unsigned try = 1;; try++) {
		enum err e;
		unsigned cause;

		arena_rewind(&c->arena, mark);
		e = begin(c);
		if (e == OK)
			e = fn(c, arg);
		if (e == OK && c->arena.exhausted) /* what fn wrote may be cut short */
			e = ERR_INTERNAL;
		if (e == OK && (e = commit(c)) == OK)
			return OK;
		cause = db->cause;
		roll_back(db);
		if (e != ERR_DB || !db_is_retryable(cause))
			return e;
		if (!db_may_retry(c, try)) {
			log_line(LOG_ERROR, "db", "transaction given up after %u tries: %u", try,
				cause);
			return ERR_BUSY;
		}
		db_nap_before_retry(try);
	}
}

enum err db_start_over(struct ctx *c)
{
	assert(c->db->in_tx);
	c->db->cause = CODE_SNAPSHOT;
	return ERR_DB;
}

bool db_is_there_already(const struct ctx *c)
{
	switch (c->db->cause) {
	case ER_TABLE_EXISTS_ERROR:
	case ER_DUP_FIELDNAME:
	case ER_DUP_KEYNAME:
	case ER_DUP_ENTRY:
		return true;
	default:
		return false;
	}
}

enum err db_script(struct ctx *c, const char *sql)
{
	TRY(db_ready(c));
	if (mysql_real_query(&c->db->my, sql, strlen(sql)) != 0) {
		log_line(LOG_ERROR, "db", "%.200s: %s", sql, mysql_error(&c->db->my));
		return failed_connection(c->db, "script");
	}
	return OK;
}

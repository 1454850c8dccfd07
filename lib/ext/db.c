/* SPDX-License-Identifier: MIT */
/* db.c - the connection, its failures, and transactions. db_rows.c has statements and rows. */
#include "ext/db.h"

#include <assert.h>
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/log.h"
#include "ext/db_internal.h"
#include "ext/db_session.h"
#include "ext/metrics.h"

#define TX_TRIES 8
/* servers close connections idle for longer than wait_timeout: at least one second */
#define REST_MS SECOND_MS
/* a middlebox may have dropped the connection silently */
#define PING_MS (30 * SECOND_MS)

/* A lock wait is shorter than the statement limit: its timeout is retried. */
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
	for (size_t i = 0; i < DB_CACHE_SIZE; i++) {
		if (db->cache[i].stmt != NULL)
			mysql_stmt_close(db->cache[i].stmt);
		if (db->cache[i].sql != NULL)
			memset(&db->cache[i], 0, sizeof(db->cache[i]));
	}
	mysql_close(&db->my);
	metrics_connected(false);
	db->connected = false;
	db->in_tx = false;
}

void db_free(struct db *db)
{
	if (db == NULL)
		return;
	disconnect(db);
	for (struct rows_text *t = db->rows_texts, *next; t != NULL; t = next) {
		next = t->next;
		free(t);
	}
	free(db);
}

bool db_in_tx(const struct db *db)
{
	return db != NULL && db->in_tx;
}

void db_pin(struct ctx *c, bool on)
{
	c->db->pinned = on;
}

/* ---- failures ---- */

bool db_is_retryable(unsigned code)
{
	return db_meaning_of(code)->class == CODE_REPEAT;
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

/* What a unique key refuses is an answer, not an error. */
static void count(const struct db_meaning *meaning)
{
	static const char *const words[] = {
		[CODE_FAULT] = "fault",
		[CODE_PRESENT] = "present",
		[CODE_REPEAT] = "conflict",
		[CODE_BUSY] = "busy",
		[CODE_USELESS] = "connection",
	};

	if (meaning->class != CODE_DUPLICATE)
		metrics_count(METRIC_DB_ERRORS, words[meaning->class], NULL, NULL);
}

static enum log_level level_of(const struct db_meaning *meaning)
{
	return (meaning->flags & CODE_ALARM) != 0 ? LOG_ALARM : LOG_ERROR;
}

enum err db_failed(struct db *db, unsigned code, const char *message, const char *what)
{
	const struct db_meaning *meaning = db_meaning_of(code);

	db->cause = code;
	count(meaning);
	if (meaning->class == CODE_REPEAT)
		return ERR_DB; /* retried where possible; logged when given up */
	if (meaning->class == CODE_DUPLICATE) {
		keep_duplicate_key(db, message);
		return ERR_DUPLICATE;
	}
	log_line(level_of(meaning), "db", "%.400s: %u %.200s", what, code, message);
	if (meaning->class == CODE_BUSY)
		return ERR_BUSY;
	if (meaning->class != CODE_USELESS)
		return ERR_DB;
	disconnect(db);
	return ERR_DB_LOST;
}

enum err db_failed_commit(struct db *db, unsigned code, const char *message, const char *what)
{
	const struct db_meaning *meaning = db_meaning_of(code);

	if ((meaning->flags & CODE_UNDONE) != 0)
		return db_failed(db, code, message, what);
	db->cause = code;
	metrics_count(METRIC_DB_ERRORS, "unknown outcome", NULL, NULL);
	log_line(LOG_ALARM, "db", "outcome unknown of %.400s: %u %.200s", what, code, message);
	disconnect(db);
	return ERR_UNKNOWN_OUTCOME;
}

enum err db_broken(struct db *db, const char *fault, const char *sql)
{
	db->cause = 0; /* retrying would not help */
	log_line(LOG_ALARM, "db", "%s: %.400s", fault, sql);
	return ERR_DB;
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

/* Close a partially set up connection. */
static enum err unusable(struct db *db, const char *what)
{
	const unsigned code = mysql_errno(&db->my);
	const struct db_meaning *meaning = db_meaning_of(code);

	count(meaning);
	log_line(level_of(meaning), "db", "%s: %u %.200s", what, code, mysql_error(&db->my));
	mysql_close(&db->my);
	db->cause = code;
	return ERR_DB_LOST;
}

/* Automatic reconnection stays off: a statement repeated outside its transaction creates money. */
static bool connect_only(struct db *db)
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
	/* FOUND_ROWS: an UPDATE to the same values must count for db_exec_one */
	return mysql_real_connect(&db->my, socket ? "localhost" : conf->db_host, conf->db_user,
		       conf->db_password, conf->db_name, (unsigned)conf->db_port,
		       socket ? conf->db_socket : NULL, CLIENT_FOUND_ROWS) != NULL;
}

static bool query(struct db *db, const char *sql)
{
	return mysql_real_query(&db->my, sql, strlen(sql)) == 0;
}

/* Which of the settings that differ between servers does this one have? */
static bool ask_settings(struct db *db, struct arena *a, uint64_t *known)
{
	MYSQL_RES *rows;

	*known = 0;
	if (!query(db, db_session_ask(a)) || (rows = mysql_store_result(&db->my)) == NULL)
		return false;
	for (MYSQL_ROW row; (row = mysql_fetch_row(rows)) != NULL;)
		*known |= db_session_known(row[0]);
	mysql_free_result(rows);
	return true;
}

static enum err configure(struct db *db, struct arena *a)
{
	const char *sql, *missing;
	uint64_t known;

	if (!query(db, db_session_first(a, db->limits)) || !ask_settings(db, a, &known))
		return unusable(db, "session settings");
	if (!db->conf->shared_hosts)
		known &= ~db_session_known(DB_SESSION_OF_HOSTS);
	sql = db_session_then(a, db->limits, known, &missing);
	if (sql == NULL) {
		log_line(LOG_ALARM, "db", "the server lacks %s", missing);
		mysql_close(&db->my);
		return ERR_DB_LOST;
	}
	return query(db, sql) ? OK : unusable(db, "session settings");
}

static enum err connect_now(struct db *db)
{
	struct arena a = { 0 }; /* not the request's, which may be exhausted */
	enum err e;

	if (!connect_only(db))
		return unusable(db, "connect");
	e = configure(db, &a);
	arena_done(&a);
	db->connected = e == OK;
	db->in_tx = false;
	metrics_connected(db->connected);
	return e;
}

/*
 * Nothing is in flight, so anything readable is the end of the connection or the server's
 * notice of it. Only with TLS it may be a record of the protocol itself: then ping.
 */
static bool is_there(struct db *db)
{
	char byte;
	const ssize_t n = recv(mysql_get_socket(&db->my), &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	return n > 0 && mysql_get_ssl_cipher(&db->my) != NULL && mysql_ping(&db->my) == 0;
}

enum err db_ready(struct ctx *c)
{
	struct db *db = c->db;
	const int64_t now = clock_mono_ms(), rest_ms = now - db->used_ms;

	db->rested = false;
	if (db->in_tx)
		return OK;
	if (db->connected && (!is_there(db) || (rest_ms > PING_MS && mysql_ping(&db->my) != 0)))
		disconnect(db);
	db->used_ms = now;
	db->rested = db->connected && rest_ms >= REST_MS;
	if (db->connected)
		return OK;
	if (db->pinned) {
		log_line(LOG_ERROR, "db", "the connection was lost, and its locks with it");
		return ERR_DB_LOST;
	}
	return connect_now(db);
}

/* ---- retrying ---- */

void db_pause_before_retry(unsigned try)
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

bool db_may_resend(const struct ctx *c, enum err e)
{
	const struct db *db = c->db;

	if (e != ERR_DB_LOST || !db->rested || db->has_effect || db->pinned || !db_may_retry(c, 1))
		return false;
	metrics_count(METRIC_DB_RETRIES, "statement", NULL, NULL);
	return true;
}

/* ---- transactions ---- */

static enum err simple(struct db *db, const char *sql)
{
	return query(db, sql) ? OK : failed_connection(db, sql);
}

static enum err begin(struct ctx *c)
{
	struct db *db = c->db;
	enum err e;

	db->cause = 0;
	do {
		TRY(db_ready(c));
		db->has_effect = false;
		e = simple(db, "START TRANSACTION");
	} while (db_may_resend(c, e)); /* once: a new connection has not been idle */
	db->in_tx = e == OK;
	return e;
}

/* The outcome of a COMMIT without a response is unknown; it is never retried. */
static enum err commit(struct ctx *c)
{
	struct db *db = c->db;
	char message[DB_MESSAGE_MAX];

	if (query(db, "COMMIT")) {
		db->in_tx = false;
		return OK;
	}
	snprintf(message, sizeof(message), "%s", mysql_error(&db->my));
	return db_failed_commit(db, mysql_errno(&db->my), message, "COMMIT");
}

/* Always, after any failure: a lock timeout rolls back only its statement. */
static void roll_back(struct db *db)
{
	if (!db->in_tx)
		return;
	db->in_tx = false;
	if (!query(db, "ROLLBACK"))
		disconnect(db);
}

enum err db_tx(struct ctx *c, db_tx_fn *fn, void *arg)
{
	struct db *db = c->db;
	struct arena_mark mark = arena_mark(&c->arena);

	assert(!db->in_tx); /* no nesting: functions for use in a transaction end in _tx */
	for (unsigned try = 1;; try++) {
		enum err e;
		unsigned cause;

		arena_rewind(&c->arena, mark);
		db->after = NULL; /* of a try that was rolled back */
		e = begin(c);
		if (e == OK)
			e = fn(c, arg);
		if (e == OK && c->arena.exhausted) /* what fn wrote may be truncated */
			e = ERR_INTERNAL;
		if (e == OK)
			e = commit(c);
		if (e == OK || e == ERR_UNKNOWN_OUTCOME)
			db_do_after(c, e == OK);
		if (e == OK)
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
		metrics_count(METRIC_DB_RETRIES, "transaction", NULL, NULL);
		db_pause_before_retry(try);
	}
}

enum err db_retry(struct ctx *c)
{
	assert(c->db->in_tx);
	c->db->cause = ER_CHECKREAD;
	return ERR_DB;
}

bool db_already_exists(const struct ctx *c)
{
	const enum db_class class = db_meaning_of(c->db->cause)->class;

	return class == CODE_PRESENT || class == CODE_DUPLICATE;
}

enum err db_script(struct ctx *c, const char *sql)
{
	TRY(db_ready(c));
	return simple(c->db, sql);
}

/* SPDX-License-Identifier: MIT */
/*
 * db_internal.h - what db.c (connection, failures, transactions), db_rows.c
 * (statements, rows) and db_insert.c share. For these only.
 */
#ifndef EXT_DB_INTERNAL_H
#define EXT_DB_INTERNAL_H

#include <mysql.h>

#include "ext/db.h"
#include "ext/db_class.h"

/* lint sql: the cache has room for every statement */
enum { DB_COLUMNS_MAX = 64, DB_CACHE_SIZE = 512, DB_MESSAGE_MAX = 256 };

/* Where a column of a result goes. */
struct column {
	const struct field *field;
	size_t off;
};

struct statement {
	const char *sql; /* the key: its address */
	MYSQL_STMT *stmt;
	unsigned params, columns_n;
	const struct field *fields; /* the table that `columns` was resolved for */
	struct column columns[DB_COLUMNS_MAX];
};

/* The text of an INSERT of several rows, made from that of one. */
struct rows_text {
	struct rows_text *next;
	const char *one; /* the key, with `rows`: its address */
	size_t rows;
	char sql[];
};

struct db {
	MYSQL my;
	bool connected; /* and configured */
	bool in_tx;
	bool pinned; /* db_pin */
	bool rested; /* the current statement is the first after an idle time, outside a transaction */
	bool has_effect;        /* the current statement has effects: never sent twice */
	unsigned cause;         /* code of the failing call; 0: none */
	char duplicate[128];    /* the key of the last DUPLICATE */
	int64_t used_ms;        /* clock_mono_ms of the last statement */
	struct db_after *after; /* the transaction in progress, in its order (db_after.c) */
	const struct conf *conf;
	const struct db_limits *limits;
	struct rows_text *rows_texts;
	struct statement cache[DB_CACHE_SIZE];
};

/* Is it a deadlock, lock timeout or snapshot conflict, which can be retried? */
bool db_is_retryable(unsigned code);
/*
 * Classify a failure at its origin and log it; `code` and `message` are those of the failing
 * call, copied before any other call resets them. Closes an unusable connection.
 */
enum err db_failed(struct db *db, unsigned code, const char *message, const char *what) MUST;
/* The same for a commit: COMMIT, or a change outside a transaction. Also fails: UNKNOWN_OUTCOME. */
enum err db_failed_commit(struct db *db, unsigned code, const char *message, const char *what) MUST;
/* An impossible row or result: an alarm, and this request's 500. */
enum err db_broken(struct db *db, const char *fault, const char *sql) MUST;
/* Did it fail on a connection that was lost while idle, and may it be sent again? */
bool db_may_resend(const struct ctx *c, enum err e);
/* May a failed try be repeated? Not past c->deadline_ms. */
bool db_may_retry(const struct ctx *c, unsigned try);
/* A transaction is over, and was not rolled back: do what db_after_tx() was told. */
void db_do_after(struct ctx *c, bool committed);
/* Wait for a random time that grows with the tries. */
void db_pause_before_retry(unsigned try);

#endif

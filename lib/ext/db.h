/* SPDX-License-Identifier: MIT */
/*
 * db.h - MariaDB or MySQL: prepared statements cached per connection, rows by field
 * tables, and transactions.
 *
 * SQL is a `static const char SQL_X[]` in lib/shop: statements are cached by the
 * text's address. Values are passed only as `?`. Memory: rows are in c->arena.
 *
 * All functions fail by the code's class in db_class.c, which is logged here: DB (our fault,
 * an alarm), DB_LOST (the connection is unusable; the next request gets a new one), BUSY
 * (locks, after retries; time limits, a full disk). A statement on a connection that was
 * closed while idle is sent on a new one, outside transactions.
 */
#ifndef EXT_DB_H
#define EXT_DB_H

#include "base/ctx.h"
#include "base/page.h"
#include "ext/metrics.h"
#include "ext/sql.h"

struct db_limits {
	unsigned connect_s, lock_wait_s, statement_s; /* statement_s 0: no limit */
};
extern const struct db_limits db_limits_web;     /* the usual executable */
extern const struct db_limits db_limits_notify;  /* must answer within 5 s */
extern const struct db_limits db_limits_command; /* cli/minimall */

/* Connects on the first statement. Never NULL. */
struct db *db_new(const struct conf *conf, const struct db_limits *limits) MUST;
void db_free(struct db *db);
bool db_in_tx(const struct db *db);
/*
 * Connect, or check that an existing connection still works. A connection has all its
 * settings (db_session.h) or is closed.
 */
enum err db_ready(struct ctx *c) MUST;
/* While on, the connection holds state (GET_LOCK): losing it is DB_LOST, it is never replaced automatically. */
void db_pin(struct ctx *c, bool on);

enum db_arg_kind { DB_NULL, DB_I64, DB_TEXT };

/* A value for a `?`. The constructors keep types apart: I64(money) doesn't compile. */
struct db_arg {
	enum db_arg_kind kind;
	int64_t n;
	const void *p;
	size_t len;
};

/* clang-format off: it takes upper-case names for macros */
static inline struct db_arg I64(int64_t n) {
	struct db_arg a = { .kind = DB_I64, .n = n };

	return a;
}

static inline struct db_arg
OPT(opt_i64 v) {
	struct db_arg a = { .kind = v.set ? DB_I64 : DB_NULL, .n = v.n };

	return a;
}

static inline struct db_arg
FEN(money m) {
	return I64(m.fen);
}

/* A timestamp; none is NULL. */
static inline struct db_arg
AT(timestamp t) {
	struct db_arg a = { .kind = t.ms == 0 ? DB_NULL : DB_I64, .n = t.ms };

	return a;
}

static inline struct db_arg
BYTES(const void *p, size_t len) {
	struct db_arg a = { .kind = DB_TEXT, .p = p, .len = len };

	return a;
}

/* NULL text is NULL. */
static inline struct db_arg
TEXT(const char *s) {
	struct db_arg a = { .kind = DB_NULL };

	return s == NULL ? a : BYTES(s, strlen(s));
}

/* By the constructor that a member's type asks for. */
#define VALUE(member)                                                                              \
	_Generic((member), int64_t: I64, bool: I64, opt_i64: OPT, \
	const char *: TEXT, money: FEN, timestamp: AT)(member)
/* clang-format on */

/* Of a list of columns (sql.h), the members of *row: called like the column, or as X says. */
#define ROW_VALUE(...)                     ROW_VALUE_OF(__VA_ARGS__, )
#define ROW_VALUE_OF(column, ...)          VALUE(row->column),
#define ROW_MEMBER(...)                    ROW_MEMBER_OF(__VA_ARGS__, __VA_ARGS__, )
#define ROW_MEMBER_OF(column, member, ...) VALUE(row->member),

#define ARGS(...)                                                                                  \
	(const struct db_arg[]){ __VA_ARGS__ },                                                    \
		sizeof((const struct db_arg[]){ __VA_ARGS__ }) / sizeof(struct db_arg)
#define NO_ARGS NULL, 0

/* Exactly one row into *out, else NOT_FOUND. */
enum err
db_one(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct field *fields, void *out) MUST;
/* The same where the row may be absent. */
/* The largest values in a row: amounts (including sums), and times up to the end of 9999. */
#define DB_FEN_MAX     (MONEY_MAX_FEN * 1000000)
#define DB_TIME_MAX_MS INT64_C(253402300799999)
enum err db_find(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct field *fields, void *out, bool *found) MUST;

struct db_rows {
	struct list list;
	bool more; /* there are further rows */
};
/*
 * At most `limit` rows of `size` bytes. The SQL's own LIMIT is limit + 1, so that
 * `more` is known. Stops early, with `more`, once the rows exceed 8 MiB.
 */
enum err db_all(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct field *fields, size_t size, int64_t limit, struct db_rows *out) MUST;

/*
 * A query for one number, such as a count, a key or a state: that of its one row, whatever the
 * column is called. 0 where there is no row.
 */
enum err db_int64(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	int64_t *out) MUST;
/* db_all of one number a row: a list of int64_t. */
enum err db_int64_all(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	int64_t limit, struct db_rows *out) MUST;

/* What a list's rows are, and which int64 member is the key that its next page continues after. */
struct db_listed {
	const struct field *fields;
	size_t size, key_off;
};
#define DB_LISTED(fields, type, key)                                                               \
	{                                                                                          \
		fields, sizeof(type), offsetof(type, key)                                          \
	}
/* db_all as a page. */
enum err db_page(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct db_listed *rows, int64_t limit, struct page_rows *out) MUST;

/*
 * A change; *matched (may be NULL) counts the rows that the WHERE matched. Also fails: DUPLICATE;
 * outside a transaction UNKNOWN_OUTCOME, when the response was lost.
 */
enum err db_exec(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	int64_t *matched) MUST;
/* The same for exactly one row, else CONFLICT: the guard is in the WHERE. */
enum err db_exec_one(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n) MUST;
/* An INSERT; *id is its AUTO_INCREMENT. Or an UPDATE; *id is the LAST_INSERT_ID(value) that it set, 0 if it matched no row. */
enum err db_insert(
	struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n, int64_t *id) MUST;
/*
 * An INSERT of n rows in a transaction, in as few statements as there is room for. sql is that of one row and ends with its
 * "VALUES (?, …)"; args are those of all rows, row_args each.
 */
enum err db_insert_rows(
	struct ctx *c, const char *sql, const struct db_arg *args, size_t row_args, size_t n) MUST;
/* After DUPLICATE: was it the unique key of this name? */
bool db_duplicate_of(const struct ctx *c, const char *key);

/* "[1,2,3]", for JSON_TABLE(?, …): one statement for many ids. */
const char *db_id_list(struct ctx *c, const int64_t *ids, size_t n) MUST;
/* `q` for use in a LIKE '%…%' pattern, with its wildcards escaped. NULL stays NULL. */
const char *db_like(struct ctx *c, const char *q) MUST;

/*
 * Run fn in a transaction; on a deadlock, lock timeout or snapshot conflict run it
 * again from the start. fn may touch only the database and what arg points to, and
 * must be safe to run twice: inputs const, outputs overwritten.
 * Fails: what fn returned (rolled back), UNKNOWN_OUTCOME (lost at COMMIT), BUSY.
 */
typedef enum err db_tx_fn(struct ctx *c, void *arg);
enum err db_tx(struct ctx *c, db_tx_fn *fn, void *arg) MUST;

/*
 * In a transaction: after it fn is called once, unless it is rolled back, with what the caller puts where this points, NULL at
 * first; a retry begins without. committed: certainly; false: it is unknown whether it was. What was put lives in c->arena.
 */
typedef void db_after_fn(struct ctx *c, void *what, bool committed);
void **db_after_tx(struct ctx *c, db_after_fn *fn) __attribute__((returns_nonnull));

/*
 * Count what the transaction did, once it has committed: a retry counts nothing twice, and a lost COMMIT nothing.
 * Outside a transaction, at once. The labels are constants (ext/metrics.h).
 */
void db_count(struct ctx *c, enum metric m, const char *a, const char *b, const char *third);

/* In a transaction: what was read without a lock has changed once locked. Roll back and retry. */
enum err db_retry(struct ctx *c) MUST;

/* DDL and other statements of a migration, one text each; for cli/migrate.c. */
enum err db_script(struct ctx *c, const char *sql) MUST;
/* Did the last db_script fail because the table, column, key or row that it creates exists, or the column already has its new name? */
bool db_already_exists(const struct ctx *c) MUST;

#endif

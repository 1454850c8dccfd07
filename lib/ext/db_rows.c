/* SPDX-License-Identifier: MIT */
/* db_rows.c - prepared statements cached per connection, and rows by field tables. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "ext/db_internal.h"

#define ROWS_MAX_BYTES ((size_t)8 << 20)

/* ---- statements ---- */

/*
 * A locking SELECT can fail while its rows are read, after the library considers it executed.
 * Reused, such a statement waits for the remaining rows until the connection times out; so
 * it is closed, and prepared again on its next use.
 */
static enum err failed_statement(struct db *db, struct statement *st)
{
	char message[DB_MESSAGE_MAX];
	const unsigned code = mysql_stmt_errno(st->stmt);
	const bool commits = st->columns_n == 0 && !db->in_tx;

	snprintf(message, sizeof(message), "%s", mysql_stmt_error(st->stmt));
	if (st->columns_n > 0) {
		mysql_stmt_close(st->stmt);
		st->stmt = NULL;
		st->fields = NULL;
	} else {
		mysql_stmt_free_result(st->stmt);
	}
	switch (db_meaning_of(code)->class) {
	case CODE_USELESS:
		return commits ? db_failed_commit(db, code, message, st->sql)
			       : db_failed(db, code, message, st->sql);
	case CODE_FAULT:
		/* values may be in the message: only the statement's text is logged */
		return db_failed(db, code, "statement failed", st->sql);
	case CODE_DUPLICATE:
	case CODE_PRESENT:
	case CODE_REPEAT:
	case CODE_BUSY:
		break;
	}
	return db_failed(db, code, message, st->sql);
}

/*
 * A statement's slot in the cache, by the text's address. When all are taken, the one in its
 * first slot is evicted, which only costs time.
 */
static struct statement *place_of(struct db *db, const char *sql)
{
	const size_t home = ((uintptr_t)sql >> 4) % DB_CACHE_SIZE;
	struct statement *st;

	for (size_t i = 0; i < DB_CACHE_SIZE; i++) {
		st = &db->cache[(home + i) % DB_CACHE_SIZE];
		if (st->sql == NULL || st->sql == sql)
			return st;
	}
	st = &db->cache[home];
	log_line(LOG_ALARM, "db", "more than %d statements: %.400s", DB_CACHE_SIZE, st->sql);
	if (st->stmt != NULL)
		mysql_stmt_close(st->stmt);
	memset(st, 0, sizeof(*st));
	return st;
}

static enum err prepare(struct ctx *c, const char *sql, struct statement **out)
{
	struct db *db = c->db;
	struct statement *st = place_of(db, sql);

	if (st->stmt == NULL) {
		MYSQL_STMT *stmt = mysql_stmt_init(&db->my);

		if (stmt == NULL)
			abort();
		if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
			const unsigned code = mysql_stmt_errno(stmt);
			char message[DB_MESSAGE_MAX];

			snprintf(message, sizeof(message), "%s", mysql_stmt_error(stmt));
			mysql_stmt_close(stmt);
			return db_failed(db, code, message, sql);
		}
		st->sql = sql;
		st->stmt = stmt;
		st->params = (unsigned)mysql_stmt_param_count(stmt);
		st->columns_n = mysql_stmt_field_count(stmt);
		assert(st->columns_n <= DB_COLUMNS_MAX);
	}
	*out = st;
	return OK;
}

static enum err execute_once(struct ctx *c, const char *sql, const struct db_arg *args,
	size_t args_n, struct statement **out)
{
	MYSQL_BIND binds[DB_COLUMNS_MAX];
	unsigned long lengths[DB_COLUMNS_MAX];
	struct statement *st = NULL;

	TRY(db_ready(c));
	c->db->has_effect = false;
	TRY(prepare(c, sql, &st));
	c->db->has_effect = st->columns_n == 0;
	assert(st->params == args_n && args_n <= DB_COLUMNS_MAX);
	memset(binds, 0, args_n * sizeof(binds[0]));
	for (size_t i = 0; i < args_n; i++) {
		MYSQL_BIND *b = &binds[i];

		lengths[i] = args[i].len;
		if (args[i].kind == DB_I64) {
			b->buffer_type = MYSQL_TYPE_LONGLONG;
			b->buffer = (void *)(uintptr_t)&args[i].n;
		} else if (args[i].kind == DB_TEXT) {
			b->buffer_type = MYSQL_TYPE_STRING;
			b->buffer = (void *)(uintptr_t)args[i].p;
			b->buffer_length = args[i].len;
			b->length = &lengths[i];
		} else {
			b->buffer_type = MYSQL_TYPE_NULL;
		}
	}
	if ((args_n > 0 && mysql_stmt_bind_param(st->stmt, binds) != 0) ||
		mysql_stmt_execute(st->stmt) != 0)
		return failed_statement(c->db, st);
	*out = st;
	return OK;
}

/*
 * Outside a transaction a statement is its own transaction: a deadlock or lock timeout rolled
 * back all of it, so it is retried here. Inside one, db_tx retries.
 */
static enum err execute(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	struct statement **out)
{
	if (c->arena.exhausted) /* its parameters may be truncated */
		return ERR_INTERNAL;
	for (unsigned try = 1;; try++) {
		enum err e = execute_once(c, sql, args, args_n, out);

		if (db_may_resend(c, e))
			continue;
		if (e != ERR_DB || c->db->in_tx || !db_is_retryable(c->db->cause))
			return e;
		if (!db_may_retry(c, try)) {
			log_line(LOG_ERROR, "db", "given up after %u tries: %u", try, c->db->cause);
			return ERR_BUSY;
		}
		db_pause_before_retry(try);
	}
}

/* ---- rows ---- */

/* What db_int64 and db_int64_all read: the column may have any name. */
static const struct field number_fields[] = { { .name = "", .type = F_I64 }, FIELD_END };

/* The field that a result's column belongs to; "member.column" looks into an object. */
static bool resolve_column(
	const struct field *fields, const char *name, size_t base, struct column *out)
{
	for (const struct field *f = fields; f->name != NULL; f++) {
		const char *column = f->column != NULL ? f->column : f->name;
		size_t len = strlen(column);

		if (f->type == F_OBJECT && strncmp(name, column, len) == 0 && name[len] == '.') {
			if (resolve_column(f->sub, name + len + 1, base + f->off, out))
				return true;
		} else if (f->type != F_OBJECT && f->type != F_LIST && !(f->flags & F_NO_COLUMN) &&
			   (fields == number_fields || strcmp(column, name) == 0)) {
			*out = (struct column){ f, base + f->off };
			return true;
		}
	}
	return false;
}

static bool resolve_columns(struct statement *st, const struct field *fields)
{
	MYSQL_RES *meta;
	bool all = true;

	if (st->fields == fields)
		return true;
	meta = mysql_stmt_result_metadata(st->stmt);
	assert(meta != NULL);
	for (unsigned i = 0; i < st->columns_n; i++)
		if (!resolve_column(
			    fields, mysql_fetch_field_direct(meta, i)->name, 0, &st->columns[i]))
			all = false;
	mysql_free_result(meta);
	st->fields = all ? fields : NULL;
	return all;
}

struct row_buffer {
	MYSQL_BIND binds[DB_COLUMNS_MAX];
	int64_t numbers[DB_COLUMNS_MAX];
	unsigned long lengths[DB_COLUMNS_MAX];
	my_bool nulls[DB_COLUMNS_MAX];
	my_bool cut[DB_COLUMNS_MAX]; /* the value did not fit */
};

static bool bind_columns(struct statement *st, struct row_buffer *rb)
{
	memset(rb->binds, 0, st->columns_n * sizeof(rb->binds[0]));
	for (unsigned i = 0; i < st->columns_n; i++) {
		MYSQL_BIND *b = &rb->binds[i];

		b->is_null = &rb->nulls[i];
		b->length = &rb->lengths[i];
		b->error = &rb->cut[i];
		if (st->columns[i].field->type == F_STR) {
			/* no buffer yet: first the length, then the text is fetched into the arena */
			b->buffer_type = MYSQL_TYPE_STRING;
			b->buffer_length = 0;
		} else {
			b->buffer_type = MYSQL_TYPE_LONGLONG;
			b->buffer = &rb->numbers[i];
			b->buffer_length = sizeof(rb->numbers[i]);
		}
	}
	return mysql_stmt_bind_result(st->stmt, rb->binds) == 0 &&
	       mysql_stmt_store_result(st->stmt) == 0;
}

static bool fetch_text(
	struct ctx *c, struct statement *st, unsigned i, unsigned long len, const char **out)
{
	char *p = arena_try(&c->arena, 1, len + 1);
	MYSQL_BIND b = { .buffer_type = MYSQL_TYPE_STRING, .buffer = p, .buffer_length = len };
	unsigned long got = 0;
	my_bool null = 0;

	b.length = &got;
	b.is_null = &null;
	if (p == NULL)
		return false;
	if (len > 0 && mysql_stmt_fetch_column(st->stmt, &b, i, 0) != 0)
		return false;
	*out = p;
	return true;
}

/*
 * Could we have written it? Values out of range would overflow sums and dates.
 * Numbers have a range where their field has one for rows.
 */
static bool is_possible(const struct field *f, int64_t n)
{
	switch (f->type) {
	case F_MONEY:
		return n >= -DB_FEN_MAX && n <= DB_FEN_MAX;
	case F_TIME:
		return n >= 0 && n <= DB_TIME_MAX_MS;
	case F_I64:
		return (f->flags & F_IN) || f->min == f->max || (n >= f->min && n <= f->max);
	case F_OPT_I64:
	case F_BOOL:
	case F_STR:
	case F_OBJECT:
	case F_LIST:
		break;
	}
	return true;
}

/* One column of the fetched row into its member. False: unreadable, or no memory for it. */
static bool store_column(
	struct ctx *c, struct statement *st, unsigned i, const struct row_buffer *rb, char *row)
{
	const struct column *col = &st->columns[i];
	void *at = row + col->off;
	bool null = rb->nulls[i];

	if (!null && rb->cut[i] && col->field->type != F_STR)
		return false; /* not one of our numbers: fail rather than misread it */
	switch (col->field->type) {
	case F_OPT_I64:
		*(opt_i64 *)at = (opt_i64){ null ? 0 : rb->numbers[i], !null };
		return true;
	case F_STR:
		*(const char **)at = NULL;
		return null || fetch_text(c, st, i, rb->lengths[i], at);
	case F_BOOL:
		*(bool *)at = !null && rb->numbers[i] != 0;
		return true;
	case F_I64:
	case F_MONEY:
	case F_TIME:
		/* a NULL number is 0: an outer join without a match */
		*(int64_t *)at = null ? 0 : rb->numbers[i];
		return null || is_possible(col->field, rb->numbers[i]);
	case F_OBJECT:
	case F_LIST:
		break;
	}
	return false;
}

/* Fetch into *row; *done at the end of the result. */
static enum err fetch_row(
	struct ctx *c, struct statement *st, struct row_buffer *rb, void *row, bool *done)
{
	int got = mysql_stmt_fetch(st->stmt);

	*done = got == MYSQL_NO_DATA;
	if (*done)
		return OK;
	if (got != 0 && got != MYSQL_DATA_TRUNCATED)
		return failed_statement(c->db, st);
	for (unsigned i = 0; i < st->columns_n; i++)
		if (!store_column(c, st, i, rb, row)) {
			mysql_stmt_free_result(st->stmt);
			if (c->arena.exhausted)
				return ERR_INTERNAL;
			return db_broken(c->db, "an impossible column", st->sql);
		}
	return OK;
}

static enum err open_rows(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct field *fields, struct row_buffer *rb, struct statement **out)
{
	TRY(execute(c, sql, args, args_n, out));
	if (!resolve_columns(*out, fields)) {
		mysql_stmt_free_result((*out)->stmt);
		return db_broken(c->db, "a column without a member", sql);
	}
	if (!bind_columns(*out, rb))
		return failed_statement(c->db, *out);
	return OK;
}

enum err db_find(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct field *fields, void *out, bool *found)
{
	struct row_buffer rb;
	struct statement *st;
	bool done = false;
	my_ulonglong n;

	TRY(open_rows(c, sql, args, args_n, fields, &rb, &st));
	n = mysql_stmt_num_rows(st->stmt);
	if (n > 1) {
		mysql_stmt_free_result(st->stmt);
		return db_broken(c->db, "more than one row", sql);
	}
	TRY(fetch_row(c, st, &rb, out, &done));
	mysql_stmt_free_result(st->stmt);
	*found = !done;
	return OK;
}

enum err db_one(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct field *fields, void *out)
{
	bool found;

	TRY(db_find(c, sql, args, args_n, fields, out, &found));
	return found ? OK : ERR_NOT_FOUND;
}

enum err db_int64(
	struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n, int64_t *out)
{
	bool found;

	*out = 0;
	return db_find(c, sql, args, args_n, number_fields, out, &found);
}

enum err db_all(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct field *fields, size_t size, int64_t limit, struct db_rows *out)
{
	struct row_buffer rb;
	struct statement *st;
	size_t before;
	my_ulonglong n;
	char *rows;
	bool done = false;

	TRY(open_rows(c, sql, args, args_n, fields, &rb, &st));
	n = mysql_stmt_num_rows(st->stmt);
	*out = (struct db_rows){ .more = n > (my_ulonglong)limit };
	if (out->more)
		n = (my_ulonglong)limit;
	rows = arena_try(&c->arena, n, size);
	before = c->arena.used;
	if (rows == NULL) {
		mysql_stmt_free_result(st->stmt);
		return ERR_INTERNAL;
	}
	while (out->list.n < (int64_t)n) {
		TRY(fetch_row(c, st, &rb, rows + (size_t)out->list.n * size, &done));
		if (done)
			break;
		out->list.n++;
		if (c->arena.used - before + (size_t)out->list.n * size > ROWS_MAX_BYTES &&
			out->list.n < (int64_t)n) {
			out->more = true;
			break;
		}
	}
	mysql_stmt_free_result(st->stmt);
	out->list.rows = rows;
	return OK;
}

enum err db_int64_all(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	int64_t limit, struct db_rows *out)
{
	return db_all(c, sql, args, args_n, number_fields, sizeof(int64_t), limit, out);
}

enum err db_page(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	const struct db_listed *rows, int64_t limit, struct page_rows *out)
{
	struct db_rows found;

	TRY(db_all(c, sql, args, args_n, rows->fields, rows->size, limit, &found));
	*out = (struct page_rows){ found.list, found.more, { rows->key_off, 0 }, 1 };
	return OK;
}

enum err db_exec(
	struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n, int64_t *matched)
{
	struct statement *st;

	TRY(execute(c, sql, args, args_n, &st));
	if (matched != NULL)
		*matched = (int64_t)mysql_stmt_affected_rows(st->stmt);
	return OK;
}

enum err db_exec_one(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n)
{
	int64_t matched;

	TRY(db_exec(c, sql, args, args_n, &matched));
	return matched == 1 ? OK : ERR_CONFLICT;
}

enum err db_insert(
	struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n, int64_t *id)
{
	struct statement *st;

	TRY(execute(c, sql, args, args_n, &st));
	*id = (int64_t)mysql_stmt_insert_id(st->stmt);
	return OK;
}

const char *db_id_list(struct ctx *c, const int64_t *ids, size_t n)
{
	struct str s = str_new(&c->arena, 64 + n * 21);

	str_addc(&s, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(&s, ',');
		str_addi(&s, ids[i]);
	}
	str_addc(&s, ']');
	return str_text(&s);
}

const char *db_like(struct ctx *c, const char *q)
{
	struct str s;

	if (q == NULL)
		return NULL;
	s = str_new(&c->arena, 2 * strlen(q) + 3);
	str_addc(&s, '%');
	for (; *q != '\0'; q++) {
		if (strchr("%_\\", *q) != NULL)
			str_addc(&s, '\\');
		str_addc(&s, *q);
	}
	str_addc(&s, '%');
	return str_text(&s);
}

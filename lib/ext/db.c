#include "ext/db.h"

#include <assert.h>
#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"

#define TX_TRIES 8
#define IDLE_CHECK_MS (30 * SECOND_MS)
#define ROWS_MAX_BYTES ((size_t)8 << 20)
#define COLUMNS_MAX 64
#define CACHE_SIZE 256

/* codes that only one of the two servers has, by their numbers */
enum {
	CODE_SNAPSHOT = 1020,        /* innodb_snapshot_isolation: the record changed */
	CODE_WSREP_NOT_READY = 1047, /* a Galera node without quorum */
	CODE_CONNECTION_KILLED = 1927,
	CODE_STATEMENT_TIME = 1969,  /* MariaDB */
	CODE_EXECUTION_TIME = 3024,  /* MySQL */
};

const struct db_limits db_limits_web = { 2, 3, 3 };
const struct db_limits db_limits_notify = { 1, 1, 2 };
const struct db_limits db_limits_command = { 3, 10, 0 };

/* Where a column of a result goes. */
struct column {
	const struct field *field;
	size_t off;
};

struct statement {
	const char *sql; /* the key: its address */
	MYSQL_STMT *stmt;
	unsigned params, columns_n;
	const struct field *fields; /* what `columns` was resolved for */
	struct column columns[COLUMNS_MAX];
};

struct db {
	MYSQL my;
	bool connected, in_tx;
	unsigned cause;      /* errno of the failing call; 0: none */
	char duplicate[128]; /* the key of the last DUPLICATE */
	int64_t used_ms;     /* clock_mono_ms of the last statement */
	const struct conf *conf;
	const struct db_limits *limits;
	struct statement cache[CACHE_SIZE];
};

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
	for (size_t i = 0; i < CACHE_SIZE; i++)
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

static bool is_lost(unsigned code)
{
	return code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST ||
	       code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR ||
	       code == CR_SERVER_LOST_EXTENDED || code == CODE_CONNECTION_KILLED ||
	       code == ER_SERVER_SHUTDOWN || code == CODE_WSREP_NOT_READY ||
	       code == ER_CON_COUNT_ERROR || code == ER_NEW_ABORTING_CONNECTION;
}

static bool is_retryable(unsigned code)
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
static enum err failed(struct db *db, unsigned code, const char *message, const char *what)
{
	db->cause = code;
	if (code == ER_DUP_ENTRY) {
		keep_duplicate_key(db, message);
		return ERR_DUPLICATE;
	}
	if (is_retryable(code))
		return ERR_DB; /* tried again by whoever can; logged if given up */
	log_line(LOG_ERROR, "db", "%s: %u %.200s", what, code, message);
	if (code == CODE_STATEMENT_TIME || code == CODE_EXECUTION_TIME)
		return ERR_BUSY;
	if (!is_lost(code))
		return ERR_DB;
	disconnect(db);
	return ERR_DB_LOST;
}

static enum err failed_statement(struct db *db, struct statement *st)
{
	char message[256];
	unsigned code = mysql_stmt_errno(st->stmt);

	strncpy(message, mysql_stmt_error(st->stmt), sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	mysql_stmt_free_result(st->stmt);
	if (code == ER_DUP_ENTRY || is_retryable(code))
		return failed(db, code, message, "");
	/* the values are not in the message that is logged, only the statement's text */
	return failed(db, code, is_lost(code) ? message : "statement failed", st->sql);
}

static enum err failed_connection(struct db *db, const char *what)
{
	char message[256];

	strncpy(message, mysql_error(&db->my), sizeof(message) - 1);
	message[sizeof(message) - 1] = '\0';
	return failed(db, mysql_errno(&db->my), message, what);
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
static enum err set_session(struct db *db)
{
	static const char isolation[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
	const bool mariadb = strstr(mysql_get_server_info(&db->my), "MariaDB") != NULL;
	struct arena a = { 0 };
	const char *sql = arena_printf(&a,
		mariadb ? "SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,"
			  "ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE',"
			  "time_zone='+00:00',innodb_lock_wait_timeout=%u,max_statement_time=%u,"
			  "innodb_snapshot_isolation=ON" :
			  "SET SESSION sql_mode='STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION,"
			  "ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE',"
			  "time_zone='+00:00',innodb_lock_wait_timeout=%u,max_execution_time=%u000",
		db->limits->lock_wait_s, db->limits->statement_s);
	const bool bad = mysql_real_query(&db->my, isolation, sizeof(isolation) - 1) != 0 ||
			 mysql_real_query(&db->my, sql, strlen(sql)) != 0;

	arena_done(&a);
	return bad ? failed_connection(db, "session settings") : OK;
}

static enum err connect_now(struct db *db)
{
	const struct conf *conf = db->conf;
	unsigned wait_s = db->limits->statement_s == 0 ? 600 : db->limits->statement_s + 2;
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

/* ---- statements ---- */

static enum err prepare(struct ctx *c, const char *sql, struct statement **out)
{
	struct db *db = c->db;
	size_t slot = ((uintptr_t)sql >> 4) % CACHE_SIZE;
	struct statement *st;

	while (db->cache[slot].stmt != NULL && db->cache[slot].sql != sql)
		slot = (slot + 1) % CACHE_SIZE; /* far fewer statements than slots */
	st = &db->cache[slot];
	if (st->stmt == NULL) {
		MYSQL_STMT *stmt = mysql_stmt_init(&db->my);

		if (stmt == NULL)
			abort();
		if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
			unsigned code = mysql_stmt_errno(stmt);
			char message[256];

			strncpy(message, mysql_stmt_error(stmt), sizeof(message) - 1);
			message[sizeof(message) - 1] = '\0';
			mysql_stmt_close(stmt);
			return failed(db, code, message, sql);
		}
		st->sql = sql;
		st->stmt = stmt;
		st->params = (unsigned)mysql_stmt_param_count(stmt);
		st->columns_n = mysql_stmt_field_count(stmt);
		assert(st->columns_n <= COLUMNS_MAX);
	}
	*out = st;
	return OK;
}

static enum err execute_once(struct ctx *c, const char *sql, const struct db_arg *args,
	size_t args_n, struct statement **out)
{
	MYSQL_BIND binds[COLUMNS_MAX] = { 0 };
	unsigned long lengths[COLUMNS_MAX];
	struct statement *st = NULL;

	TRY(db_ready(c));
	TRY(prepare(c, sql, &st));
	assert(st->params == args_n && args_n <= COLUMNS_MAX);
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

static void nap_before_retry(unsigned try)
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

/* May a failed attempt be made again? */
static bool may_retry(const struct ctx *c, unsigned try)
{
	return try < TX_TRIES && (c->deadline_ms == 0 || clock_mono_ms() < c->deadline_ms);
}

/*
 * Outside a transaction one statement is its own: a deadlock or lock timeout undid
 * all of it, so it is simply made again. Inside one, db_tx starts over.
 */
static enum err execute(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	struct statement **out)
{
	for (unsigned try = 1;; try++) {
		enum err e = execute_once(c, sql, args, args_n, out);

		if (e != ERR_DB || c->db->in_tx || !is_retryable(c->db->cause))
			return e;
		if (!may_retry(c, try)) {
			log_line(LOG_ERROR, "db", "given up after %u tries: %u", try, c->db->cause);
			return ERR_BUSY;
		}
		nap_before_retry(try);
	}
}

/* ---- rows ---- */

/* The field that a result's column belongs to; "member.column" looks into an object. */
static bool resolve_column(const struct field *fields, const char *name, size_t base,
	struct column *out)
{
	for (const struct field *f = fields; f->name != NULL; f++) {
		const char *column = f->column != NULL ? f->column : f->name;
		size_t len = strlen(column);

		if (f->type == F_OBJECT && strncmp(name, column, len) == 0 && name[len] == '.') {
			if (resolve_column(f->sub, name + len + 1, base + f->off, out))
				return true;
		} else if (f->type != F_OBJECT && f->type != F_LIST &&
			   !(f->flags & F_NO_COLUMN) && strcmp(column, name) == 0) {
			*out = (struct column){ f, base + f->off };
			return true;
		}
	}
	return false;
}

static void resolve_columns(struct statement *st, const struct field *fields)
{
	MYSQL_RES *meta;

	if (st->fields == fields)
		return;
	meta = mysql_stmt_result_metadata(st->stmt);
	assert(meta != NULL);
	for (unsigned i = 0; i < st->columns_n; i++) {
		const MYSQL_FIELD *f = mysql_fetch_field_direct(meta, i);

		if (!resolve_column(fields, f->name, 0, &st->columns[i])) {
			log_line(LOG_ERROR, "db", "no member for column %s", f->name);
			abort();
		}
	}
	mysql_free_result(meta);
	st->fields = fields;
}

struct row_buffer {
	MYSQL_BIND binds[COLUMNS_MAX];
	int64_t numbers[COLUMNS_MAX];
	unsigned long lengths[COLUMNS_MAX];
	my_bool nulls[COLUMNS_MAX];
};

static bool bind_columns(struct statement *st, struct row_buffer *rb)
{
	memset(rb->binds, 0, sizeof(rb->binds));
	for (unsigned i = 0; i < st->columns_n; i++) {
		MYSQL_BIND *b = &rb->binds[i];

		b->is_null = &rb->nulls[i];
		b->length = &rb->lengths[i];
		if (st->columns[i].field->type == F_STR) {
			/* no room here: the length is learnt, then the text fetched into the arena */
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

static bool fetch_text(struct ctx *c, struct statement *st, unsigned i, unsigned long len,
	const char **out)
{
	char *p = arena_alloc(&c->arena, len + 1);
	MYSQL_BIND b = { .buffer_type = MYSQL_TYPE_STRING, .buffer = p, .buffer_length = len };
	unsigned long got = 0;
	my_bool null = 0;

	b.length = &got;
	b.is_null = &null;
	if (len > 0 && mysql_stmt_fetch_column(st->stmt, &b, i, 0) != 0)
		return false;
	*out = p;
	return true;
}

/* One column of the fetched row into its member. False: a NULL that no one expects. */
static bool store_column(struct ctx *c, struct statement *st, unsigned i,
	const struct row_buffer *rb, char *row)
{
	const struct column *col = &st->columns[i];
	void *at = row + col->off;
	bool null = rb->nulls[i];

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
		/* a NULL number is 0: an outer join that found nothing */
		*(int64_t *)at = null ? 0 : rb->numbers[i];
		return true;
	case F_OBJECT:
	case F_LIST:
		break;
	}
	return false;
}

/* Fetch into *row; *done at the end of the result. */
static enum err fetch_row(struct ctx *c, struct statement *st, struct row_buffer *rb, void *row,
	bool *done)
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
			log_line(LOG_ERROR, "db", "unreadable column in: %s", st->sql);
			return ERR_DB;
		}
	return OK;
}

static enum err open_rows(struct ctx *c, const char *sql, const struct db_arg *args,
	size_t args_n, const struct field *fields, struct row_buffer *rb, struct statement **out)
{
	TRY(execute(c, sql, args, args_n, out));
	resolve_columns(*out, fields);
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
	assert(n <= 1);
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
	before = c->arena.used;
	n = mysql_stmt_num_rows(st->stmt);
	*out = (struct db_rows){ .more = n > (my_ulonglong)limit };
	if (out->more)
		n = (my_ulonglong)limit;
	rows = arena_array(&c->arena, n, size);
	while (out->list.n < (int64_t)n) {
		TRY(fetch_row(c, st, &rb, rows + (size_t)out->list.n * size, &done));
		if (done)
			break;
		out->list.n++;
		if (c->arena.used - before > ROWS_MAX_BYTES && out->list.n < (int64_t)n) {
			out->more = true;
			break;
		}
	}
	mysql_stmt_free_result(st->stmt);
	out->list.rows = rows;
	return OK;
}

enum err db_exec(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	int64_t *matched)
{
	struct statement *st;

	TRY(execute(c, sql, args, args_n, &st));
	if (matched != NULL)
		*matched = (int64_t)mysql_stmt_affected_rows(st->stmt);
	return OK;
}

enum err db_hit(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n)
{
	int64_t matched;

	TRY(db_exec(c, sql, args, args_n, &matched));
	return matched == 1 ? OK : ERR_CONFLICT;
}

enum err db_insert(struct ctx *c, const char *sql, const struct db_arg *args, size_t args_n,
	int64_t *id)
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
	if (is_retryable(code))
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
		if (e == OK && (e = commit(c)) == OK)
			return OK;
		cause = db->cause;
		roll_back(db);
		if (e != ERR_DB || !is_retryable(cause))
			return e;
		if (!may_retry(c, try)) {
			log_line(LOG_ERROR, "db", "transaction given up after %u tries: %u", try, cause);
			return ERR_BUSY;
		}
		nap_before_retry(try);
	}
}

enum err db_start_over(struct ctx *c)
{
	assert(c->db->in_tx);
	c->db->cause = CODE_SNAPSHOT;
	return ERR_DB;
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

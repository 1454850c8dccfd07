/* SPDX-License-Identifier: MIT */
/*
 * statements.c - the statements of a work, over and over on several connections, without anything around them:
 *   statements CONNECTIONS MILLISECONDS REQUESTS_MAX FILE        (DB_SOCKET, DB_USER, DB_PASSWORD, DB_NAME in the environment)
 * FILE is what statements.mjs recorded of minimall, one item per line:
 *   C SQL      once on each connection
 *   R VALUES   the values of one repetition, separated by blanks; they are taken in turn
 *   Q SQL      a statement as text
 *   P SQL      a prepared statement; its parameters follow, each as i NUMBER, s TEXT or n (NULL):
 *              in NUMBER and TEXT {0}, {1}, … are values of the repetition, {no} a text that no two repetitions
 *              have in common, {id} the id of the last row inserted by a statement that K follows
 *   K          keep the id of the row that the statement above inserts
 * Prints one line of JSON, as load.c does; its own CPU time is that of the program.
 */
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
	LINE_MAX_LEN = 1 << 16,
	STATEMENTS_MAX = 32,
	PARAMS_MAX = 32,
	VALUES_MAX = 8,
	LATENCIES_MAX = 1 << 20
};

struct param {
	char kind; /* i, s, n */
	char *text;
};

struct statement {
	bool prepared, keeps_id;
	char *sql;
	struct param params[PARAMS_MAX];
	unsigned n_params;
};

struct repetition {
	char *values[VALUES_MAX];
};

static struct {
	char *connect[STATEMENTS_MAX];
	size_t n_connect;
	struct statement statements[STATEMENTS_MAX];
	size_t n_statements;
	struct repetition *repetitions;
	size_t n_repetitions;
} script;

static int64_t stop_us;
static long long requests_max;
static _Atomic uint64_t turn;
static uint64_t start_no;

struct worker {
	pthread_t thread;
	MYSQL *db;
	MYSQL_STMT *prepared[STATEMENTS_MAX];
	uint32_t *latency_us;
	size_t finished;
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "statements: %s: %s\n", what, why);
	exit(2);
}

static void *must(void *p)
{
	if (p == NULL)
		die("memory", "none left");
	return p;
}

/* ---- the script ---- */

static void add_repetition(char *text)
{
	struct repetition *r;
	char *rest = NULL;
	size_t n = 0;

	script.repetitions = must(realloc(
		script.repetitions, (script.n_repetitions + 1) * sizeof(*script.repetitions)));
	r = &script.repetitions[script.n_repetitions++];
	*r = (struct repetition){ 0 };
	for (char *v = strtok_r(text, " ", &rest); v != NULL; v = strtok_r(NULL, " ", &rest)) {
		if (n == VALUES_MAX)
			die("R", "too many values");
		r->values[n++] = v;
	}
}

static void add_line(char kind, char *text)
{
	struct statement *last =
		script.n_statements > 0 ? &script.statements[script.n_statements - 1] : NULL;

	if (kind == 'C' && script.n_connect < STATEMENTS_MAX) {
		script.connect[script.n_connect++] = text;
	} else if (kind == 'R') {
		add_repetition(text);
	} else if ((kind == 'Q' || kind == 'P') && script.n_statements < STATEMENTS_MAX) {
		script.statements[script.n_statements++] =
			(struct statement){ .prepared = kind == 'P', .sql = text };
	} else if (kind == 'K' && last != NULL) {
		last->keeps_id = true;
	} else if (strchr("isn", kind) != NULL && last != NULL && last->n_params < PARAMS_MAX) {
		last->params[last->n_params++] = (struct param){ kind, text };
	} else {
		die("a line of the script", text);
	}
}

static void read_script(const char *file)
{
	static char line[LINE_MAX_LEN];
	FILE *f = fopen(file, "r");

	if (f == NULL)
		die(file, "not readable");
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] != '\0')
			add_line(line[0], must(strdup(line[1] != '\0' ? line + 2 : "")));
	}
	fclose(f);
	if (script.n_statements == 0 || script.n_repetitions == 0)
		die(file, "nothing to do");
}

/* ---- one repetition ---- */

struct now {
	const struct repetition *r;
	uint64_t no;
	unsigned long long id;
};

/* Replaces what is in braces. Returns the length. */
static size_t expand(const char *text, const struct now *now, char *out, size_t size)
{
	size_t n = 0;

	while (*text != '\0') {
		char value[32];
		const char *put = value;

		if (strncmp(text, "{no}", 4) == 0) {
			snprintf(value, sizeof(value), "B%024llu", (unsigned long long)now->no);
			text += 4;
		} else if (strncmp(text, "{id}", 4) == 0) {
			snprintf(value, sizeof(value), "%llu", now->id);
			text += 4;
		} else if (text[0] == '{' && text[1] >= '0' && text[1] < '0' + VALUES_MAX &&
			   text[2] == '}') {
			put = now->r->values[text[1] - '0'];
			text += 3;
		} else {
			value[0] = *text++;
			value[1] = '\0';
		}
		for (; put != NULL && *put != '\0' && n + 1 < size; put++)
			out[n++] = *put;
	}
	out[n] = '\0';
	return n;
}

static void execute(const struct worker *w, size_t at, struct now *now)
{
	static _Thread_local char texts[PARAMS_MAX][4096];
	const struct statement *s = &script.statements[at];
	MYSQL_STMT *stmt = w->prepared[at];
	MYSQL_BIND bind[PARAMS_MAX] = { 0 };
	long long numbers[PARAMS_MAX];
	unsigned long lengths[PARAMS_MAX];

	for (unsigned i = 0; i < s->n_params; i++) {
		lengths[i] = expand(s->params[i].text, now, texts[i], sizeof(texts[i]));
		if (s->params[i].kind == 'i') {
			numbers[i] = atoll(texts[i]);
			bind[i] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_LONGLONG,
				.buffer = &numbers[i] };
		} else if (s->params[i].kind == 's') {
			bind[i] = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_STRING,
				.buffer = texts[i],
				.buffer_length = lengths[i],
				.length = &lengths[i] };
		} else {
			bind[i].buffer_type = MYSQL_TYPE_NULL;
		}
	}
	if (mysql_stmt_bind_param(stmt, bind) != 0 || mysql_stmt_execute(stmt) != 0 ||
		mysql_stmt_store_result(stmt) != 0)
		die(s->sql, mysql_stmt_error(stmt));
	if (s->keeps_id)
		now->id = mysql_stmt_insert_id(stmt);
	mysql_stmt_free_result(stmt);
}

static void repeat_once(const struct worker *w, uint64_t at)
{
	struct now now = { .r = &script.repetitions[at % script.n_repetitions],
		.no = start_no + at };

	for (size_t i = 0; i < script.n_statements; i++)
		if (script.statements[i].prepared)
			execute(w, i, &now);
		else if (mysql_query(w->db, script.statements[i].sql) != 0)
			die(script.statements[i].sql, mysql_error(w->db));
}

/* ---- one connection ---- */

static void open_connection(struct worker *w)
{
	w->db = must(mysql_init(NULL));
	if (mysql_real_connect(w->db, NULL, getenv("DB_USER"), getenv("DB_PASSWORD"),
		    getenv("DB_NAME"), 0, getenv("DB_SOCKET"), 0) == NULL ||
		mysql_set_character_set(w->db, "utf8mb4") != 0)
		die("connect", mysql_error(w->db));
	for (size_t i = 0; i < script.n_connect; i++)
		if (mysql_query(w->db, script.connect[i]) != 0)
			die(script.connect[i], mysql_error(w->db));
	for (size_t i = 0; i < script.n_statements; i++) {
		const struct statement *s = &script.statements[i];

		if (!s->prepared)
			continue;
		w->prepared[i] = must(mysql_stmt_init(w->db));
		if (mysql_stmt_prepare(w->prepared[i], s->sql, strlen(s->sql)) != 0)
			die(s->sql, mysql_error(w->db));
		if (mysql_stmt_param_count(w->prepared[i]) != s->n_params)
			die(s->sql, "has another number of parameters");
	}
	w->latency_us = must(malloc(LATENCIES_MAX * sizeof(*w->latency_us)));
}

static void close_connection(struct worker *w)
{
	for (size_t i = 0; i < script.n_statements; i++)
		if (w->prepared[i] != NULL)
			mysql_stmt_close(w->prepared[i]);
	mysql_close(w->db);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int64_t start = now_us(), end;

	while (start < stop_us && w->finished < LATENCIES_MAX) {
		const uint64_t at = atomic_fetch_add(&turn, 1);

		if ((long long)at >= requests_max)
			break;
		repeat_once(w, at);
		end = now_us();
		w->latency_us[w->finished++] = (uint32_t)(end - start);
		start = end;
	}
	return NULL;
}

/* ---- all of them ---- */

static int by_size(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print(const struct worker *all, int n, double seconds, int64_t cpu_us)
{
	size_t finished = 0, at = 0;
	uint32_t *latencies;

	for (int i = 0; i < n; i++)
		finished += all[i].finished;
	latencies = must(malloc((finished + 1) * sizeof(*latencies)));
	latencies[0] = 0;
	for (int i = 0; i < n; i++) {
		memcpy(latencies + at, all[i].latency_us, all[i].finished * sizeof(*latencies));
		at += all[i].finished;
	}
	qsort(latencies, finished, sizeof(*latencies), by_size);
	printf("{\"requests\":%zu,\"failed\":0,\"why\":\"\",\"seconds\":%.6f,\"cpuUs\":0,\"appUs\":%lld,"
	       "\"p50\":%u,\"p99\":%u}\n",
		finished, seconds, (long long)cpu_us, latencies[finished / 2],
		latencies[finished * 99 / 100]);
}

static int64_t cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return ((int64_t)used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 +
	       used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

int main(int argc, char **argv)
{
	struct worker *all;
	int64_t start_us, start_cpu_us, took_us;
	int n;

	if (argc != 5) {
		fprintf(stderr, "usage: statements CONNECTIONS MILLISECONDS REQUESTS_MAX FILE\n");
		return 2;
	}
	n = atoi(argv[1]);
	requests_max = atoll(argv[3]);
	read_script(argv[4]);
	all = must(calloc((size_t)n, sizeof(*all)));
	for (int i = 0; i < n; i++)
		open_connection(&all[i]);
	start_us = now_us();
	start_cpu_us = cpu_us();
	start_no = (uint64_t)start_us * 64; /* no run repeats so often in a microsecond */
	turn = 0;
	stop_us = start_us + atoll(argv[2]) * 1000;
	for (int i = 0; i < n; i++)
		if (pthread_create(&all[i].thread, NULL, work, &all[i]) != 0)
			die("thread", "not started");
	for (int i = 0; i < n; i++)
		pthread_join(all[i].thread, NULL);
	took_us = now_us() - start_us;
	print(all, n, (double)took_us / 1e6, cpu_us() - start_cpu_us);
	for (int i = 0; i < n; i++)
		close_connection(&all[i]);
	return 0;
}

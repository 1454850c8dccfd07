/* SPDX-License-Identifier: MIT */
/*
 * import_members.c - members that a shop brings along, from a CSV file. All lines are checked before any is
 * written: with a fault in one, none is. Each line is then a transaction of its own, and one that was
 * imported before changes nothing: an import that was interrupted is run again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/csv.h"
#include "base/phone.h"
#include "command.h"
#include "ext/json.h"
#include "shop/loyalty/import.h"

enum { LINE_BYTES = 4096, LINES_MAX = 100000, COLUMNS_MAX = 5 };

struct row {
	int64_t line_no;
	struct import_line in;
	const char *phone;  /* its normal form; NULL: none */
	const char *fault;  /* NULL: none known */
	const char *detail; /* of the fault; or NULL */
	bool again;         /* an earlier line is about the same member */
};

struct sheet {
	const struct field *columns[COLUMNS_MAX];
	int columns_n;
	struct row *rows;
	int64_t n;
};

struct tally {
	int64_t users, codes, lots, points, before, faults;
};

/* ---- reading ---- */

static void set_fault(struct ctx *c, struct row *row, enum err e)
{
	row->fault = err_info(e)->text;
	row->detail = c->fault;
	c->fault = NULL;
}

/* The columns that the first line names, each once. */
static bool read_header(struct ctx *c, char *line, struct sheet *s)
{
	char *cells[COLUMNS_MAX];
	char *start = strncmp(line, "\xEF\xBB\xBF", 3) == 0 ? line + 3 : line;

	s->columns_n = csv_split(start, cells, COLUMNS_MAX);
	for (int i = 0; i < s->columns_n; i++) {
		for (const struct field *f = import_fields; f->name != NULL; f++)
			if (strcmp(f->name, cells[i]) == 0)
				s->columns[i] = f;
		for (int k = 0; k < i; k++)
			if (s->columns[k] == s->columns[i])
				s->columns[i] = NULL;
		if (s->columns[i] == NULL) {
			fprintf(stderr, "line 1: no such column, or it is there twice: %s\n",
				arena_dup(&c->arena, cells[i], strlen(cells[i])));
			return false;
		}
	}
	if (s->columns_n < 1)
		fprintf(stderr, "line 1: it must name the columns\n");
	return s->columns_n >= 1;
}

static enum err read_cells(struct ctx *c, const struct sheet *s, char *line, struct row *row)
{
	char *cells[COLUMNS_MAX], e164[PHONE_E164_SIZE];
	const int n = csv_split(line, cells, COLUMNS_MAX);

	if (n != s->columns_n)
		return fail(c, ERR_MALFORMED, "not as many cells as columns");
	for (int i = 0; i < n; i++) {
		if (cells[i][0] == '\0')
			continue;
		TRY(field_from_text(c, s->columns[i], cells[i], &row->in));
		row->in.has |= UINT64_C(1) << (s->columns[i] - import_fields);
	}
	for (const struct field *f = import_fields; f->name != NULL; f++)
		if ((f->flags & F_REQUIRED) && !field_has(import_fields, &row->in, f->name))
			return fail(c, ERR_INVALID, f->name);
	if (row->in.phone != NULL && phone_e164(row->in.phone, e164))
		row->phone = arena_dup(&c->arena, e164, strlen(e164));
	return OK;
}

static bool is_blank(const char *line)
{
	return line[strspn(line, " \t\r\n,")] == '\0';
}

/* Every line of a file with its faults. False: it can't be read as a file of members at all. */
static bool read_lines(struct ctx *c, FILE *file, struct sheet *s)
{
	char *line = arena_alloc(&c->arena, LINE_BYTES);
	int64_t no = 1;

	if (fgets(line, LINE_BYTES, file) == NULL || !read_header(c, line, s))
		return false;
	for (no = 2; fgets(line, LINE_BYTES, file) != NULL; no++) {
		struct row *row = &s->rows[s->n];
		enum err e;

		if (strchr(line, '\n') == NULL && !feof(file)) {
			fprintf(stderr, "line %lld: longer than %d bytes\n", (long long)no,
				LINE_BYTES);
			return false;
		}
		if (is_blank(line))
			continue;
		if (s->n == LINES_MAX) {
			fprintf(stderr, "more than %d lines: split the file\n", LINES_MAX);
			return false;
		}
		s->n++;
		row->line_no = no;
		e = read_cells(c, s, line, row);
		if (e != OK)
			set_fault(c, row, e);
	}
	return !ferror(file);
}

/* ---- lines that contradict each other ---- */

static int compare(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int in_line_order(const struct row *x, const struct row *y)
{
	return x->line_no < y->line_no ? -1 : x->line_no > y->line_no;
}

static int by_code(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	int order = compare(x->in.member_code, y->in.member_code);

	if (order == 0)
		order = compare(x->in.expires_on, y->in.expires_on);
	return order != 0 ? order : in_line_order(x, y);
}

static int by_phone(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	const int order = compare(x->phone, y->phone);

	return order != 0 ? order : in_line_order(x, y);
}

static int by_email(const void *a, const void *b)
{
	const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
	const int order = compare(x->in.email, y->in.email);

	return order != 0 ? order : in_line_order(x, y);
}

static bool is_same(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* What is wrong with two neighbours in an order, the later line being the wrong one; NULL: nothing. */
static const char *wrong_code(const struct row *x, const struct row *y)
{
	if (!is_same(x->in.member_code, y->in.member_code))
		return NULL;
	if (compare(x->phone, y->phone) != 0 || compare(x->in.email, y->in.email) != 0)
		return "member_code: with another phone or email in line";
	return compare(x->in.expires_on, y->in.expires_on) == 0 ? "expires_on: the same lot as line"
								: NULL;
}

static const char *wrong_phone(const struct row *x, const struct row *y)
{
	return is_same(x->phone, y->phone) && !is_same(x->in.member_code, y->in.member_code)
		       ? "phone: with another member_code in line"
		       : NULL;
}

static const char *wrong_email(const struct row *x, const struct row *y)
{
	return is_same(x->in.email, y->in.email) && !is_same(x->in.member_code, y->in.member_code)
		       ? "email: with another member_code in line"
		       : NULL;
}

static bool compare_lines(struct ctx *c, struct sheet *s)
{
	static const struct {
		int (*order)(const void *a, const void *b);
		const char *(*wrong)(const struct row *x, const struct row *y);
	} passes[] = { { by_code, wrong_code }, { by_phone, wrong_phone },
		{ by_email, wrong_email } };
	struct row **rows = arena_try(&c->arena, (size_t)s->n, sizeof(*rows));

	if (rows == NULL)
		return false;
	for (int64_t i = 0; i < s->n; i++)
		rows[i] = &s->rows[i];
	for (size_t k = 0; k < ARRAY_LEN(passes); k++) {
		qsort(rows, (size_t)s->n, sizeof(struct row *), passes[k].order);
		for (int64_t i = 1; i < s->n; i++) {
			const char *wrong = passes[k].wrong(rows[i - 1], rows[i]);
			struct row *later =
				rows[i]->line_no > rows[i - 1]->line_no ? rows[i] : rows[i - 1];
			const struct row *other = later == rows[i] ? rows[i - 1] : rows[i];

			if (passes[k].order == by_code &&
				is_same(rows[i]->in.member_code, rows[i - 1]->in.member_code))
				rows[i]->again = true;
			if (wrong == NULL || later->fault != NULL)
				continue;
			c->fault = arena_printf(
				&c->arena, "%s %lld", wrong, (long long)other->line_no);
			set_fault(c, later, ERR_INVALID);
		}
	}
	return !c->arena.exhausted;
}

/* ---- writing ---- */

static void tell(const struct row *row)
{
	fprintf(stderr, "line %lld: %s%s%s\n", (long long)row->line_no,
		row->detail != NULL ? row->detail : "", row->detail != NULL ? ": " : "",
		row->fault);
}

/* Check or write one line. */
static enum err run_line(struct ctx *c, struct row *row, bool apply, struct tally *t)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	struct import_outcome out = { 0 };
	enum err e = OK;

	c->now_ms = clock_now_ms();
	if (row->fault == NULL) {
		e = apply ? import_apply(c, &row->in, &out) : import_check(c, &row->in, &out);
		if (e != OK)
			set_fault(c, row, e);
	}
	if (row->fault != NULL) {
		tell(row);
		t->faults++;
	}
	if (apply || !row->again) {
		t->users += out.creates_user;
		t->codes += out.changes_code && !out.creates_user;
	}
	t->lots += out.earns;
	t->points += out.earns ? row->in.points : 0;
	t->before += out.earned;
	arena_rewind(&c->arena, mark);
	return err_info(e)->status >= 500 ? e : OK;
}

/* False: the shop can't be asked or written to, or a line is wrong that was right before. */
static bool run_lines(struct ctx *c, struct sheet *s, bool apply, struct tally *t)
{
	for (int64_t i = 0; i < s->n; i++) {
		const enum err e = run_line(c, &s->rows[i], apply, t);

		if (e != OK || (apply && t->faults > 0)) {
			fprintf(stderr, "minimall: stopped at line %lld%s\n",
				(long long)s->rows[i].line_no,
				apply ? "; the lines before it are imported, run it again" : "");
			return false;
		}
	}
	return true;
}

static void print(const struct sheet *s, bool applied, const struct tally *t)
{
	printf("import-members: %lld lines, %lld users created, %lld codes changed, %lld lots of %lld points "
	       "earned, %lld lots imported before",
		(long long)s->n, (long long)t->users, (long long)t->codes, (long long)t->lots,
		(long long)t->points, (long long)t->before);
	puts(applied ? "" : "; nothing was written, that takes --apply");
}

static int import_file(struct ctx *c, FILE *file, bool apply)
{
	struct tally checked = { 0 }, done = { 0 };
	struct sheet s = { .rows = arena_try(&c->arena, LINES_MAX + 1, sizeof(struct row)) };

	if (s.rows == NULL || !read_lines(c, file, &s) || !compare_lines(c, &s))
		return c->arena.exhausted ? print_failure(c, ERR_INTERNAL) : EXIT_FAILED;
	if (!run_lines(c, &s, false, &checked))
		return EXIT_FAILED;
	if (checked.faults > 0) {
		fprintf(stderr, "minimall: %lld of %lld lines are wrong, nothing was written\n",
			(long long)checked.faults, (long long)s.n);
		return EXIT_FAILED;
	}
	if (apply && !run_lines(c, &s, true, &done))
		return EXIT_FAILED;
	print(&s, apply, apply ? &done : &checked);
	return EXIT_DONE;
}

int run_import_members(struct ctx *c, int argc, char **argv)
{
	const bool apply = argc == 3 && strcmp(argv[2], "--apply") == 0;
	FILE *file;
	int status;

	if (argc < 2 || argc > 3 || (argc == 3 && !apply) || argv[1][0] == '-')
		return EXIT_USAGE;
	file = fopen(argv[1], "re");
	if (file == NULL) {
		perror(argv[1]);
		return EXIT_FAILED;
	}
	status = import_file(c, file, apply);
	fclose(file);
	return status;
}

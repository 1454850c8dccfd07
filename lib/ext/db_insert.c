/* SPDX-License-Identifier: MIT */
/* db_insert.c - rows of which a statement inserts several. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ext/db_internal.h"

static char *append(char *end, const char *text, size_t len)
{
	memcpy(end, text, len);
	return end + len;
}

/* "INSERT … VALUES (?, ?)" becomes "INSERT … VALUES (?, ?), (?, ?)". */
static struct rows_text *new_text(const char *one, size_t rows)
{
	const char *row = strrchr(one, '(');
	const size_t len = strlen(one), row_len = row != NULL ? strlen(row) : 0;
	struct rows_text *t = malloc(sizeof(*t) + len + (rows - 1) * (row_len + 2) + 1);
	char *end;

	assert(row != NULL);
	if (t == NULL)
		abort();
	*t = (struct rows_text){ .one = one, .rows = rows };
	end = append(t->sql, one, len);
	for (size_t i = 1; i < rows; i++)
		end = append(append(end, ", ", 2), row, row_len);
	*end = '\0';
	return t;
}

/* Kept: the cache of statements goes by the address. */
static const char *text_of(struct db *db, const char *one, size_t rows)
{
	struct rows_text *t = db->rows_texts;

	while (t != NULL && (t->one != one || t->rows != rows))
		t = t->next;
	if (t == NULL) {
		t = new_text(one, rows);
		t->next = db->rows_texts;
		db->rows_texts = t;
	}
	return t->sql;
}

enum err db_insert_rows(
	struct ctx *c, const char *sql, const struct db_arg *args, size_t row_args, size_t n)
{
	const size_t most = DB_COLUMNS_MAX / row_args;

	assert(db_in_tx(c->db)); /* all rows or none */
	for (size_t done = 0, rows; done < n; done += rows) {
		rows = n - done < most ? n - done : most;
		TRY(db_exec(c, text_of(c->db, sql, rows), args + done * row_args, rows * row_args,
			NULL));
	}
	return OK;
}

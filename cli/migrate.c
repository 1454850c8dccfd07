/* SPDX-License-Identifier: MIT */
/*
 * migrate.c - update the schema: the files of schema/ in the order of their numbers, each
 * once. DDL commits by itself, so progress is recorded statement by statement: an
 * interrupted file continues where it stopped. statements_done is the number done, or -n
 * while the n-th runs: if the process dies then, it is unknown whether that has run.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/field.h"
#include "command.h"
#include "ext/crypto.h"
#include "ext/db.h"

enum { FILE_MAX_BYTES = 1 << 20 };

static const char SQL_TABLE[] =
	"CREATE TABLE IF NOT EXISTS schema_migrations ("
	"name VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, "
	"sha256 CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
	"statements_done INT NOT NULL, applied_at BIGINT NULL) ENGINE=InnoDB";
static const char SQL_LOCK[] = "SELECT GET_LOCK('minimall migrate', 60)";
static const char SQL_UNLOCK[] = "SELECT RELEASE_LOCK('minimall migrate')";
static const char SQL_READ[] =
	"SELECT sha256, statements_done, applied_at FROM schema_migrations WHERE name = ?";
static const char SQL_BEGIN[] =
	"INSERT INTO schema_migrations (name, sha256, statements_done) VALUES (?, ?, 0)";
static const char SQL_STEP[] = "UPDATE schema_migrations SET statements_done = ? WHERE name = ?";
static const char SQL_DONE[] = "UPDATE schema_migrations SET applied_at = ? WHERE name = ?";

struct migration {
	const char *sha256;
	int64_t statements_done;
	timestamp applied_at;
};
static const struct field migration_fields[] = {
	FIELD(struct migration, sha256),
	FIELD(struct migration, statements_done),
	FIELD(struct migration, applied_at),
	FIELD_END,
};

static bool is_migration(const char *name)
{
	size_t len = strlen(name);

	return len > 8 && len < 100 && strspn(name, "0123456789") == 3 && name[3] == '-' &&
	       strcmp(name + len - 4, ".sql") == 0;
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* All migrations of a directory in the order of their numbers. */
static enum err list_migrations(struct ctx *c, const char *dir, struct list *out)
{
	DIR *d = opendir(dir);
	const char **names;
	size_t room = 0, n = 0;

	*out = (struct list){ 0 };
	if (d == NULL)
		return OK;
	while (readdir(d) != NULL)
		room++;
	names = arena_try(&c->arena, room, sizeof(*names));
	rewinddir(d);
	for (const struct dirent *e; names != NULL && n < room && (e = readdir(d)) != NULL;)
		if (is_migration(e->d_name))
			names[n++] = arena_dup(&c->arena, e->d_name, strlen(e->d_name));
	closedir(d);
	if (c->arena.exhausted)
		return ERR_INTERNAL;
	qsort(names, n, sizeof(*names), by_name);
	*out = (struct list){ names, (int64_t)n };
	return OK;
}

/* Fails for files longer than FILE_MAX_BYTES. */
static bool read_text(struct ctx *c, const char *path, const char **out)
{
	FILE *f = fopen(path, "re");
	char *text = arena_try(&c->arena, 1, FILE_MAX_BYTES + 2);
	size_t n;

	if (f == NULL)
		return false;
	n = text != NULL ? fread(text, 1, FILE_MAX_BYTES + 1, f) : 0;
	fclose(f);
	*out = text;
	return text != NULL && n <= FILE_MAX_BYTES;
}

/* The next statement: up to a ';' at a line's end, without comment lines. NULL at the end. */
static const char *next_statement(struct ctx *c, const char **p)
{
	struct str s = str_new(&c->arena, FILE_MAX_BYTES);

	while (**p != '\0') {
		size_t len = strcspn(*p, "\n");
		const char *line = *p;
		const char *text = line + strspn(line, " \t");

		*p += len + ((*p)[len] == '\n');
		if (strncmp(text, "--", 2) == 0 || text == line + len)
			continue;
		if (line[len - 1] == ';') {
			str_add(&s, line, len - 1);
			return str_text(&s);
		}
		str_add(&s, line, len);
		str_addc(&s, '\n');
	}
	return s.len > 0 ? str_text(&s) : NULL;
}

static enum err note(struct ctx *c, const char *name, int64_t statements_done)
{
	return db_exec(c, SQL_STEP, ARGS(I64(statements_done), TEXT(name)), NULL);
}

/* Run the n-th statement, from 1. torn: it may have run already, and is done if what it creates exists. */
static enum err apply_one(struct ctx *c, const char *name, const char *sql, int64_t n, bool torn)
{
	enum err e;

	TRY(note(c, name, -n));
	e = db_script(c, sql);
	if (e != OK && torn && db_already_exists(c))
		e = OK;
	if (e != OK && e != ERR_DB_LOST) /* refused, so it has not run */
		TRY(note(c, name, n - 1));
	TRY(e);
	return note(c, name, n);
}

static enum err apply(struct ctx *c, const char *name, const char *text, const char *sha256)
{
	struct migration m = { 0 };
	int64_t n = 1, first;
	bool found;

	TRY(db_find(c, SQL_READ, ARGS(TEXT(name)), migration_fields, &m, &found));
	if (found && strcmp(m.sha256, sha256) != 0) {
		fprintf(stderr, "minimall: %s was changed after it was applied\n", name);
		return fail(c, ERR_CONFLICT, name);
	}
	if (m.applied_at.ms != 0)
		return OK;
	if (!found)
		TRY(db_exec(c, SQL_BEGIN, ARGS(TEXT(name), TEXT(sha256)), NULL));
	first = m.statements_done < 0 ? -m.statements_done : m.statements_done + 1;
	for (const char *sql; (sql = next_statement(c, &text)) != NULL; n++)
		if (n >= first)
			TRY(apply_one(c, name, sql, n, n == -m.statements_done));
	printf("applied %s\n", name);
	return db_exec(c, SQL_DONE, ARGS(I64(clock_now_ms()), TEXT(name)), NULL);
}

static enum err apply_file(struct ctx *c, const char *dir, const char *name)
{
	const char *path = arena_printf(&c->arena, "%s/%s", dir, name), *text;
	unsigned char sha256[SHA256_LEN];
	char hex[SHA256_HEX_LEN + 1];

	if (!read_text(c, path, &text)) {
		fprintf(stderr, "minimall: %s can't be read\n", path);
		return ERR_INTERNAL;
	}
	crypto_sha256(text, strlen(text), sha256);
	hex_encode(sha256, sizeof(sha256), hex);
	return apply(c, name, text, hex);
}

/* One at a time: a concurrent run waits and then finds nothing to do. */
static enum err migrate(struct ctx *c, const char *dir, const struct list *migrations)
{
	const char *const *names = migrations->rows;
	int64_t lock, unlocked;
	enum err e = OK;

	TRY(db_int64(c, SQL_LOCK, NO_ARGS, &lock));
	if (lock != 1)
		return ERR_BUSY;
	db_pin(c, true); /* another connection would not hold the lock */
	TRY(db_script(c, SQL_TABLE));
	for (int64_t i = 0; i < migrations->n && e == OK; i++) {
		const struct arena_mark mark = arena_mark(&c->arena);

		e = apply_file(c, dir, names[i]);
		if (e == OK) /* otherwise c->fault may be in it */
			arena_rewind(&c->arena, mark);
	}
	TRY(db_int64(c, SQL_UNLOCK, NO_ARGS, &unlocked));
	return e;
}

/* Where `make install` puts the files, relative to the command; otherwise those of the checkout. */
static const char *find_schema(struct ctx *c)
{
	char exe[4096];
	const ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));
	const char *dir = getenv("MINIMALL_SCHEMA_DIR");

	if (dir != NULL)
		return dir;
	if (n > 0 && n < (ssize_t)sizeof(exe)) {
		const size_t len = (size_t)((char *)memrchr(exe, '/', (size_t)n) - exe);

		dir = arena_printf(&c->arena, "%.*s/../share/minimall/schema", (int)len, exe);
	}
	return dir != NULL && access(dir, R_OK) == 0 ? dir : "schema";
}

int run_migrate(struct ctx *c, int argc, char **argv)
{
	const char *dir = find_schema(c);
	struct list migrations;
	enum err e;

	(void)argv;
	if (argc != 1)
		return EXIT_USAGE;
	e = list_migrations(c, dir, &migrations);
	if (e == OK && migrations.n == 0) {
		fprintf(stderr, "minimall: no migrations in %s (MINIMALL_SCHEMA_DIR)\n", dir);
		return EXIT_FAILED;
	}
	if (e == OK)
		e = migrate(c, dir, &migrations);
	if (e != OK)
		return print_failure(c, e);
	printf("schema is up to date\n");
	return EXIT_DONE;
}

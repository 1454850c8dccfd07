/* SPDX-License-Identifier: MIT */
/* A request's body: the strict scan, json-c, the field tables, and writing it back. */
#include "ext/json.h"
#include "base/json_scan.h"
#include "fuzz.h"

struct line {
	uint64_t has;
	int64_t n;
	const char *text;
};
static const struct field line_fields[] = {
	INPUT(struct line, n, 1, 9999, F_REQUIRED),
	INPUT(struct line, text, 0, 20, 0),
	FIELD_END,
};

struct thing {
	uint64_t has;
	int64_t n;
	opt_i64 maybe;
	bool yes;
	const char *name, *prose, *packed;
	money price;
	timestamp at;
	struct line line;
	struct list lines;
};
static const struct field thing_fields[] = {
	INPUT(struct thing, n, INT64_MIN + 1, INT64_MAX - 1, 0),
	INPUT(struct thing, maybe, 0, INT64_MAX - 1, F_NULL),
	INPUT(struct thing, yes, 0, 0, 0),
	INPUT(struct thing, name, 1, 50, F_TRIM),
	INPUT(struct thing, prose, 0, 200, F_PROSE | F_NULL),
	INPUT(struct thing, packed, 1, 50, F_PACK | F_LOWER),
	INPUT(struct thing, price, 0, MONEY_MAX_FEN, F_TEXT),
	INPUT(struct thing, at, 0, 0, F_NULL),
	OBJECT(struct thing, line, line_fields, F_IN),
	LIST(struct thing, lines, struct line, line_fields, 0, 5, F_IN),
	FIELD_END,
};

enum { WRITTEN_MAX = 1 << 20 };

static void written_reads_back(struct ctx *c, const struct thing *first)
{
	struct str once = str_new(&c->arena, WRITTEN_MAX), twice = str_new(&c->arena, WRITTEN_MAX);
	struct thing second = { 0 };
	const char *what;

	json_write(&once, thing_fields, first);
	HOLDS(!once.overflow);
	HOLDS(json_scan(str_text(&once), once.len, &c->arena, &what) == JSON_FINE);
	/* absent members may be written with values that the tables refuse ("" for a name) */
	if (json_read(c, (struct slice){ str_text(&once), once.len }, thing_fields, JSON_CHANGE,
		    &second) != OK)
		return;
	json_write(&twice, thing_fields, &second);
	HOLDS(once.len == twice.len && memcmp(str_text(&once), str_text(&twice), once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx c = FUZZ_CTX;
	const struct slice text = { arena_dup(&c.arena, (const char *)data, size), size };
	const char *what = NULL;
	const enum json_fault fault = json_scan(text.p, text.len, &c.arena, &what);
	struct thing thing = { 0 };
	enum err e;

	HOLDS(what != NULL || fault == JSON_FINE);
	HOLDS((json_check(&c, text) == OK) == (fault == JSON_FINE));
	e = json_read(&c, text, thing_fields, JSON_CHANGE, &thing);
	HOLDS(e != OK || fault == JSON_FINE);
	if (e == OK)
		written_reads_back(&c, &thing);
	arena_done(&c.arena);
	return 0;
}

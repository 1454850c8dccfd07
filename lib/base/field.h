/* SPDX-License-Identifier: MIT */
/*
 * field.h - one description of a struct's members, which serves SQL rows, JSON
 * input and JSON output alike.
 *
 *	const struct field product_fields[] = {
 *		FIELD(struct product, product_id),
 *		INPUT(struct product, name, 1, 100, F_REQUIRED),
 *		OBJECT(struct product, category, category_brief_fields, 0),
 *		FIELD_END,
 *	};
 *
 * The type is inferred from the member, so the two can't differ. A struct that is
 * read from a body begins with `uint64_t has`: bit i is set when field i of its
 * table was present.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include "base/clock.h"
#include "base/money.h"

typedef struct {
	int64_t n;
	bool set; /* false: null */
} opt_i64;

/* A list member: n elements in the arena. */
struct list {
	void *rows;
	int64_t n;
};

enum field_type { F_I64 = 1, F_OPT_I64, F_BOOL, F_STR, F_MONEY, F_TIME, F_OBJECT, F_LIST };

enum field_flag {
	F_IN = 1,            /* accepted from input */
	F_REQUIRED = 2,      /* must be present on creation */
	F_NULL = 4,          /* may be null, in input and in a row; an amount of 0 is null */
	F_HIDDEN = 8,        /* never written to output */
	F_NO_COLUMN = 16,    /* not in rows */
	F_TEXT = 32,         /* money: written as a text with two decimals, not as a number */
	F_OMIT = 64,         /* omitted from output when null */
	F_SECONDS = 128,     /* time: written without milliseconds */
	F_LOWER = 256,       /* text: ASCII letters are lower-cased on input */
	F_DAY_OR_TIME = 512, /* query text may be a day or a time */
	F_DAY_END = 1024,    /* with F_DAY_OR_TIME: a day means its end */
	F_TRIM = 2048,       /* text: leading and trailing blanks are removed */
	F_PACK = 4096,       /* text: all blanks are removed */
	F_PROSE = 8192,      /* text: may have several lines; otherwise one visible line */
	F_OPAQUE = 16384,    /* text: compared, never shown: any characters */
	F_BARE = 32768,      /* list, output: each element is its first member's value */
	F_KEYED =
		65536, /* list, output: an object; an element's first member is a name, its second the value */
	F_WHOLE = 262144,    /* object: never null */
	F_PERMILLE = 131072, /* number, output: a thousandth, written as 0.950 */
};

struct field {
	const char *name;   /* on the wire */
	const char *column; /* in rows; NULL: the same */
	enum field_type type;
	unsigned flags;
	size_t off;
	int64_t min,
		max; /* numbers: the range, in rows too where it isn't for input; texts: characters (from 1 on: text.h); lists: elements */
	const char *const *words;        /* texts: it is one of these, up to a NULL; or NULL */
	bool (*valid)(const char *text); /* texts: a further rule, or NULL ... */
	const char *format;              /* ... and its name in JSON Schema, where it has one */
	const struct field *sub;         /* objects and lists */
	size_t sub_size;                 /* lists */
};

/* clang-format off */
#define FIELD_TYPE(x) _Generic((x), int64_t: F_I64, opt_i64: F_OPT_I64, bool: F_BOOL, \
	const char *: F_STR, money: F_MONEY, timestamp: F_TIME)
#define FIELD_AT(T, m) .type = FIELD_TYPE(((T *)0)->m), .off = offsetof(T, m)

/* An output-only member. */
#define FIELD(T, m) { .name = #m, FIELD_AT(T, m) }
/* The same with designated initialisers, such as .flags or .column. */
#define FIELD_WITH(T, m, ...) { .name = #m, FIELD_AT(T, m), __VA_ARGS__ }
/* A member that is also accepted from input, within its limits: flags, and perhaps further initialisers such as .valid. */
#define INPUT(T, m, lo, hi, ...)                                                               \
	{ .name = #m, FIELD_AT(T, m), .min = (lo), .max = (hi), .flags = F_IN | __VA_ARGS__ }
/* A nested struct; its columns are named "member.column". Null while its first member is 0 or NULL. */
#define OBJECT(T, m, fields, more)                                                             \
	{ .name = #m, .type = F_OBJECT, .off = offsetof(T, m), .sub = (fields), .flags = (more) }
/* A struct list of lo to hi elements E. */
#define LIST(T, m, E, fields, lo, hi, more)                                                    \
	{ .name = #m, .type = F_LIST, .off = offsetof(T, m), .sub = (fields),                  \
		.sub_size = sizeof(E), .min = (lo), .max = (hi), .flags = (more) }
#define FIELD_END { .name = NULL }
/* clang-format on */

/* The table's row of that name, or NULL. */
const struct field *field_find(const struct field *fields, const char *name);
/* Is field i of the table present in an input struct? */
bool field_has(const struct field *fields, const void *in, const char *name);
/* Copy the present members of `in` over `row`; both are described by the same table. */
void field_merge(const struct field *fields, void *row, const void *in);
/* Do all present members of `in` equal those of `row`? */
bool field_same(const struct field *fields, const void *row, const void *in);

#endif

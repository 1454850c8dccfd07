/* SPDX-License-Identifier: MIT */
#include "ext/json.h"

#include <assert.h>
#include <json-c/json.h>

#include "base/json_scan.h"
#include "base/text.h"

/* ---- reading ---- */

static enum err read_object(struct ctx *c, struct json_object *o, const struct field *fields,
	enum json_mode mode, const char *path, void *out);

static const char *join(struct ctx *c, const char *path, const char *name)
{
	return path[0] == '\0' ? name : arena_printf(&c->arena, "%s.%s", path, name);
}

/* Remove blanks as the field's flags say, in place. */
static void drop_blanks(char *s, unsigned flags)
{
	const char *from = s, *end = s + strlen(s);
	char *to = s, *seen = s; /* end of what is kept; end of its last non-blank */

	while (from < end) {
		const bool inside = ((unsigned char)*from & 0xc0) == 0x80; /* of a UTF-8 sequence */
		const size_t blank = inside ? 0 : text_blank(from, (size_t)(end - from));

		if (blank > 0 && ((flags & F_PACK) || seen == s)) {
			from += blank;
			continue;
		}
		for (size_t i = 0; i < (blank > 0 ? blank : 1); i++)
			*to++ = *from++;
		if (blank == 0)
			seen = to;
	}
	*seen = '\0';
}

/* Is it valid for the field's kind (text.h)? A one-line text that may be empty is not a text for people. */
static bool is_valid_text(const struct field *f, const char *text)
{
	if ((f->flags & F_PROSE) && !text_is_prose(text))
		return false;
	if (f->min == 0)
		return true;
	return f->flags & (F_OPAQUE | F_PROSE) ? text_is_visible(text) : text_is_line(text);
}

/* Copy a text after checking the field's limits. */
static enum err read_text(
	struct ctx *c, const struct field *f, struct slice text, const char *path, const char **out)
{
	int64_t chars = utf8_count(text.p, text.len);
	char *copy;

	if (chars < 0)
		return fail(c, ERR_INVALID, path);
	copy = arena_dup(&c->arena, text.p, text.len);
	if (f->flags & (F_TRIM | F_PACK)) {
		drop_blanks(copy, f->flags);
		chars = utf8_count(copy, strlen(copy));
	}
	if (f->flags & F_LOWER)
		for (char *p = copy; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 32);
	if (chars < f->min || chars > f->max || !is_valid_text(f, copy) ||
		(f->words != NULL && str_index(copy, f->words) < 0) ||
		(f->valid != NULL && !f->valid(copy)))
		return fail(c, ERR_INVALID, path);
	*out = copy;
	return OK;
}

static enum err read_integer(
	struct ctx *c, const struct field *f, struct json_object *v, const char *path, int64_t *out)
{
	int64_t n;

	if (!json_object_is_type(v, json_type_int))
		return fail(c, ERR_INVALID, path);
	n = json_object_get_int64(v);
	/* json-c clamps out-of-range numbers, so the extremes can't be trusted */
	if (n == INT64_MAX || n == INT64_MIN || n < f->min || n > f->max)
		return fail(c, ERR_INVALID, path);
	*out = n;
	return OK;
}

/* Money is taken from the source text, never from a double (BEHAVIOUR 10). */
static enum err read_money(
	struct ctx *c, const struct field *f, struct json_object *v, const char *path, money *out)
{
	const bool text = json_object_is_type(v, json_type_string);
	struct slice source;
	money m;

	if (!text && !json_object_is_type(v, json_type_int) &&
		!json_object_is_type(v, json_type_double))
		return fail(c, ERR_INVALID, path);
	source = text ? (struct slice){ json_object_get_string(v),
		(size_t)json_object_get_string_len(v) }
		      : slice_of(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
	if (!money_parse(source, &m) || m.fen < f->min || m.fen > f->max)
		return fail(c, ERR_INVALID, path);
	*out = m;
	return OK;
}

static enum err read_list(struct ctx *c, const struct field *f, struct json_object *v,
	const char *path, struct list *out)
{
	int64_t n;
	char *rows;

	if (!json_object_is_type(v, json_type_array))
		return fail(c, ERR_INVALID, path);
	n = (int64_t)json_object_array_length(v);
	if (n < f->min || n > f->max)
		return fail(c, ERR_INVALID, path);
	rows = arena_array(&c->arena, (size_t)n, f->sub_size);
	for (int64_t i = 0; i < n; i++) {
		struct json_object *element = json_object_array_get_idx(v, (size_t)i);
		const char *at = arena_printf(&c->arena, "%s[%lld]", path, (long long)i);

		if (!json_object_is_type(element, json_type_object))
			return fail(c, ERR_INVALID, at);
		TRY(read_object(c, element, f->sub, JSON_MAKE, at, rows + (size_t)i * f->sub_size));
	}
	*out = (struct list){ rows, n };
	return OK;
}

static enum err read_time(struct ctx *c, struct slice text, const char *path, timestamp *out)
{
	const char *copy = arena_dup(&c->arena, text.p, text.len);

	return clock_parse(copy, &out->ms) ? OK : fail(c, ERR_INVALID, path);
}

static enum err read_null(struct ctx *c, const struct field *f, const char *path, void *at)
{
	if (!(f->flags & F_NULL))
		return fail(c, ERR_INVALID, path);
	if (f->type == F_OPT_I64)
		*(opt_i64 *)at = (opt_i64){ 0 };
	else if (f->type == F_STR)
		*(const char **)at = NULL;
	else if (f->type == F_TIME)
		((timestamp *)at)->ms = 0;
	else if (f->type == F_MONEY)
		*(money *)at = MONEY_ZERO;
	return OK;
}

static enum err read_value(
	struct ctx *c, const struct field *f, struct json_object *v, const char *path, void *at)
{
	if (v == NULL)
		return read_null(c, f, path, at);
	switch (f->type) {
	case F_I64:
		return read_integer(c, f, v, path, at);
	case F_OPT_I64:
		((opt_i64 *)at)->set = true;
		return read_integer(c, f, v, path, &((opt_i64 *)at)->n);
	case F_BOOL:
		if (!json_object_is_type(v, json_type_boolean))
			return fail(c, ERR_INVALID, path);
		*(bool *)at = json_object_get_boolean(v);
		return OK;
	case F_MONEY:
		return read_money(c, f, v, path, at);
	case F_STR:
	case F_TIME: {
		struct slice text;

		if (!json_object_is_type(v, json_type_string))
			return fail(c, ERR_INVALID, path);
		text = (struct slice){ json_object_get_string(v),
			(size_t)json_object_get_string_len(v) };
		return f->type == F_STR ? read_text(c, f, text, path, at)
					: read_time(c, text, path, at);
	}
	case F_OBJECT:
		if (!json_object_is_type(v, json_type_object))
			return fail(c, ERR_INVALID, path);
		return read_object(c, v, f->sub, JSON_MAKE, path, at);
	case F_LIST:
		return read_list(c, f, v, path, at);
	}
	return fail(c, ERR_INVALID, path);
}

static enum err read_object(struct ctx *c, struct json_object *o, const struct field *fields,
	enum json_mode mode, const char *path, void *out)
{
	uint64_t *has = out;

	*has = 0;
	for (unsigned i = 0; fields[i].name != NULL; i++) {
		const struct field *f = &fields[i];
		const char *at = join(c, path, f->name);
		struct json_object *v;

		assert(i < 64);
		if (!(f->flags & F_IN))
			continue;
		if (!json_object_object_get_ex(o, f->name, &v)) {
			if (mode == JSON_MAKE && (f->flags & F_REQUIRED))
				return fail(c, ERR_INVALID, at);
			continue;
		}
		TRY(read_value(c, f, v, at, (char *)out + f->off));
		*has |= UINT64_C(1) << i;
	}
	return OK;
}

static void tokener_done(struct json_tokener **t)
{
	if (*t != NULL)
		json_tokener_free(*t);
}

static void object_done(struct json_object **o)
{
	json_object_put(*o);
}

enum err json_check(struct ctx *c, struct slice text)
{
	const char *what;

	if (json_scan(text.p, text.len, &c->arena, &what) == JSON_FINE)
		return OK;
	return fail(c, ERR_MALFORMED, what[0] == '\0' ? NULL : what);
}

enum err json_read(struct ctx *c, struct slice text, const struct field *fields,
	enum json_mode mode, void *out)
{
	TRY(json_check(c, text));
	return json_read_checked(c, text, fields, mode, out);
}

enum err json_read_checked(struct ctx *c, struct slice text, const struct field *fields,
	enum json_mode mode, void *out)
{
	AUTO(tokener_done) struct json_tokener *tokener = NULL;
	AUTO(object_done) struct json_object *o = NULL;

	tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	if (tokener == NULL)
		abort();
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tokener, text.p, (int)text.len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
		!json_object_is_type(o, json_type_object))
		return fail(c, ERR_MALFORMED, NULL);
	return read_object(c, o, fields, mode, "", out);
}

/* ---- query parameters ---- */

enum err field_from_text(struct ctx *c, const struct field *f, const char *text, void *out)
{
	void *at = (char *)out + f->off;
	const bool minus = text[0] == '-';
	int64_t n;
	money m;

	switch (f->type) {
	case F_I64:
	case F_OPT_I64:
		if (!str_to_i64(slice_of(text + minus), INT64_MAX - 1, &n))
			return fail(c, ERR_INVALID, f->name);
		n = minus ? -n : n;
		if (n < f->min || n > f->max)
			return fail(c, ERR_INVALID, f->name);
		if (f->type == F_OPT_I64)
			*(opt_i64 *)at = (opt_i64){ n, true };
		else
			*(int64_t *)at = n;
		return OK;
	case F_BOOL:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return fail(c, ERR_INVALID, f->name);
		*(bool *)at = strcmp(text, "true") == 0;
		return OK;
	case F_STR:
		return read_text(c, f, slice_of(text), f->name, at);
	case F_MONEY:
		if (!money_parse(slice_of(text), &m) || m.fen < f->min || m.fen > f->max)
			return fail(c, ERR_INVALID, f->name);
		*(money *)at = m;
		return OK;
	case F_TIME:
		if ((f->flags & F_DAY_OR_TIME) &&
			clock_parse_day(text, f->flags & F_DAY_END ? 1 : 0, &((timestamp *)at)->ms))
			return OK;
		return read_time(c, slice_of(text), f->name, at);
	case F_OBJECT:
	case F_LIST:
		break;
	}
	return fail(c, ERR_INVALID, f->name);
}

/* ---- writing ---- */

static bool is_null(const struct field *f, const void *at)
{
	const char *f0;

	switch (f->type) {
	case F_OPT_I64:
		return !((const opt_i64 *)at)->set;
	case F_STR:
		return *(const char *const *)at == NULL;
	case F_TIME:
		return ((const timestamp *)at)->ms == 0;
	case F_OBJECT: /* an outer join without a match, or a group that was not given */
		if (f->flags & F_WHOLE)
			return false;
		f0 = (const char *)at + f->sub[0].off;
		return (f->sub[0].type == F_I64 && *(const int64_t *)f0 == 0) ||
		       (f->sub[0].type == F_STR && *(const char *const *)f0 == NULL);
	case F_MONEY:
		return (f->flags & F_NULL) && ((const money *)at)->fen == 0;
	case F_I64:
	case F_BOOL:
	case F_LIST:
		break;
	}
	return false;
}

static void write_money(struct str *w, const struct field *f, money m)
{
	char text[MONEY_TEXT_MAX];
	size_t len = money_text(m, !(f->flags & F_TEXT), text);

	if (f->flags & F_TEXT)
		str_add_json(w, text, len);
	else
		str_add(w, text, len);
}

static void write_time(struct str *w, const struct field *f, timestamp t)
{
	char text[CLOCK_TEXT_MAX];

	clock_iso(t.ms, !(f->flags & F_SECONDS), text);
	str_add_json(w, text, strlen(text));
}

static void write_permille(struct str *w, int64_t n)
{
	str_addf(w, "%s%lld.%03lld", n < 0 ? "-" : "", (long long)(n < 0 ? -n : n) / 1000,
		(long long)(n < 0 ? -n : n) % 1000);
}

static void write_value(struct str *w, const struct field *f, const void *at);

/* A list whose elements aren't objects of their own (F_BARE, F_KEYED). */
static void write_list(struct str *w, const struct field *f, const struct list *list)
{
	const bool keyed = f->flags & F_KEYED;

	str_addc(w, keyed ? '{' : '[');
	for (int64_t i = 0; i < list->n; i++) {
		const char *row = (const char *)list->rows + (size_t)i * f->sub_size;

		if (i > 0)
			str_addc(w, ',');
		write_value(w, &f->sub[0], row + f->sub[0].off);
		if (keyed) {
			str_addc(w, ':');
			write_value(w, &f->sub[1], row + f->sub[1].off);
		}
	}
	str_addc(w, keyed ? '}' : ']');
}

static void write_value(struct str *w, const struct field *f, const void *at)
{
	const struct list *list;

	if (is_null(f, at)) {
		str_adds(w, "null");
		return;
	}
	switch (f->type) {
	case F_I64:
		if (f->flags & F_PERMILLE)
			write_permille(w, *(const int64_t *)at);
		else
			str_addi(w, *(const int64_t *)at);
		break;
	case F_OPT_I64:
		str_addi(w, ((const opt_i64 *)at)->n);
		break;
	case F_BOOL:
		str_adds(w, *(const bool *)at ? "true" : "false");
		break;
	case F_STR:
		str_add_json(w, *(const char *const *)at, strlen(*(const char *const *)at));
		break;
	case F_MONEY:
		write_money(w, f, *(const money *)at);
		break;
	case F_TIME:
		write_time(w, f, *(const timestamp *)at);
		break;
	case F_OBJECT:
		json_write(w, f->sub, at);
		break;
	case F_LIST:
		list = at;
		if (f->flags & (F_BARE | F_KEYED))
			write_list(w, f, list);
		else
			json_write_rows(w, f->sub, list->rows, f->sub_size, list->n);
		break;
	}
}

void json_write(struct str *w, const struct field *fields, const void *row)
{
	bool first = true;

	str_addc(w, '{');
	for (const struct field *f = fields; f->name != NULL; f++) {
		const void *at = (const char *)row + f->off;

		if ((f->flags & F_HIDDEN) || ((f->flags & F_OMIT) && is_null(f, at)))
			continue;
		if (!first)
			str_addc(w, ',');
		first = false;
		str_addc(w, '"'); /* names are ours: nothing to escape */
		str_adds(w, f->name);
		str_add(w, "\":", 2);
		write_value(w, f, at);
	}
	str_addc(w, '}');
}

void json_write_rows(
	struct str *w, const struct field *fields, const void *rows, size_t size, int64_t n)
{
	str_addc(w, '[');
	for (int64_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(w, ',');
		json_write(w, fields, (const char *)rows + (size_t)i * size);
	}
	str_addc(w, ']');
}

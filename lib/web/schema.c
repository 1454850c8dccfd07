/* SPDX-License-Identifier: MIT */
#include "web/schema.h"

#include "base/json_out.h"

/* beyond it JSON readers that use doubles lose digits: such a limit is omitted */
#define EXACT_MAX (INT64_C(1) << 53)

static bool is_used(const struct field *f, enum schema_use use)
{
	return use == SCHEMA_OUT ? !(f->flags & F_HIDDEN) : f->flags & F_IN;
}

static bool may_be_null(const struct field *f, enum schema_use use)
{
	if (use == SCHEMA_OUT && (f->flags & F_OMIT))
		return false;
	return (f->flags & F_NULL) || (use == SCHEMA_OUT && f->type == F_OPT_I64);
}

static bool is_required(const struct field *f, enum schema_use use)
{
	return use == SCHEMA_OUT   ? !(f->flags & F_OMIT)
	       : use == SCHEMA_NEW ? f->flags & F_REQUIRED
				   : false;
}

/* "type": "integer", or with null or a second one as an array. */
static void put_type(struct str *s, const char *type, const char * or, bool null)
{
	if (or == NULL && !null) {
		json_put_text(s, "type", type);
		return;
	}
	json_put_array(s, "type");
	json_put_text(s, NULL, type);
	if (or != NULL)
		json_put_text(s, NULL, or);
	if (null)
		json_put_text(s, NULL, "null");
	json_end_array(s);
}

/* In rows a range is checked only if it isn't one for input (field.h). */
static void put_integer(struct str *s, const struct field *f, enum schema_use use)
{
	if (f->flags & F_PERMILLE) {
		put_type(s, "number", NULL, may_be_null(f, use));
		return;
	}
	put_type(s, "integer", NULL, may_be_null(f, use));
	json_put_text(s, "format", "int64");
	if (f->min == f->max || (use == SCHEMA_OUT && (f->flags & F_IN)))
		return;
	if (f->min >= -EXACT_MAX)
		json_put_int(s, "minimum", f->min);
	if (f->max <= EXACT_MAX)
		json_put_int(s, "maximum", f->max);
}

static void put_words(struct str *s, const char *const *words, bool null)
{
	json_put_array(s, "enum");
	for (; *words != NULL; words++)
		json_put_text(s, NULL, *words);
	if (null) {
		json_put_name(s, NULL);
		str_adds(s, "null");
	}
	json_end_array(s);
}

static void put_text(struct str *s, const struct field *f, enum schema_use use)
{
	const bool null = may_be_null(f, use);

	put_type(s, "string", NULL, null);
	if (f->words != NULL) {
		put_words(s, f->words, null);
		return;
	}
	if (f->format != NULL)
		json_put_text(s, "format", f->format);
	if (use == SCHEMA_OUT)
		return;
	if (f->min > 0)
		json_put_int(s, "minLength", f->min);
	json_put_int(s, "maxLength", f->max);
}

static void put_yuan(struct str *s, const char *name, int64_t fen)
{
	char text[MONEY_TEXT_MAX];
	const size_t len = money_text((money){ fen }, true, text);

	json_put_name(s, name);
	str_add(s, text, len);
}

/* Accepted as a number or a string, returned as one of them (BEHAVIOUR 10). */
static void put_money(struct str *s, const struct field *f, enum schema_use use)
{
	const bool null = may_be_null(f, use);

	if (use == SCHEMA_OUT) {
		put_type(s, f->flags & F_TEXT ? "string" : "number", NULL, null);
		if (f->flags & F_TEXT)
			json_put_text(s, "pattern", "^-?[0-9]+[.][0-9]{2}$");
		return;
	}
	put_type(s, "string", "number", null);
	json_put_text(s, "pattern", "^[0-9]{1,10}([.][0-9]{1,2})?$");
	put_yuan(s, "minimum", f->min);
	put_yuan(s, "maximum", f->max);
}

static void put_time(struct str *s, const struct field *f, enum schema_use use)
{
	put_type(s, "string", NULL, may_be_null(f, use));
	if (!(f->flags & F_DAY_OR_TIME)) {
		json_put_text(s, "format", "date-time");
		return;
	}
	json_put_array(s, "anyOf");
	for (int i = 0; i < 2; i++) {
		json_put_object(s, NULL);
		json_put_text(s, "format", i == 0 ? "date" : "date-time");
		json_end_object(s);
	}
	json_end_array(s);
}

static void put_members(struct str *s, const struct field *fields, enum schema_use use, bool null);

static void put_list(struct str *s, const struct field *f, enum schema_use use)
{
	if (f->flags & F_KEYED) {
		put_type(s, "object", NULL, may_be_null(f, use));
		schema_field(s, "additionalProperties", &f->sub[1], use);
		return;
	}
	put_type(s, "array", NULL, may_be_null(f, use));
	if (use != SCHEMA_OUT) {
		json_put_int(s, "minItems", f->min);
		json_put_int(s, "maxItems", f->max);
	}
	if (f->flags & F_BARE) {
		schema_field(s, "items", &f->sub[0], use);
		return;
	}
	json_put_object(s, "items");
	put_members(s, f->sub, use == SCHEMA_OUT ? SCHEMA_OUT : SCHEMA_NEW, false);
	json_end_object(s);
}

void schema_keywords(struct str *s, const struct field *f, enum schema_use use)
{
	switch (f->type) {
	case F_I64:
	case F_OPT_I64:
		put_integer(s, f, use);
		break;
	case F_BOOL:
		put_type(s, "boolean", NULL, may_be_null(f, use));
		break;
	case F_STR:
		put_text(s, f, use);
		break;
	case F_MONEY:
		put_money(s, f, use);
		break;
	case F_TIME:
		put_time(s, f, use);
		break;
	case F_OBJECT:
		put_members(s, f->sub, use == SCHEMA_OUT ? SCHEMA_OUT : SCHEMA_NEW,
			may_be_null(f, use));
		break;
	case F_LIST:
		put_list(s, f, use);
		break;
	}
}

void schema_field(struct str *s, const char *name, const struct field *f, enum schema_use use)
{
	json_put_object(s, name);
	schema_keywords(s, f, use);
	json_end_object(s);
}

/* Another row of the table with the same name, written when this one is omitted (F_OMIT). */
static const struct field *find(
	const struct field *from, const struct field *to, const char *name, enum schema_use use)
{
	for (const struct field *f = from; f != to && f->name != NULL; f++)
		if (is_used(f, use) && strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void put_property(struct str *s, const struct field *f, enum schema_use use)
{
	const struct field *other = find(f + 1, NULL, f->name, use);

	if (other == NULL) {
		schema_field(s, f->name, f, use);
		return;
	}
	json_put_object(s, f->name);
	json_put_array(s, "anyOf");
	schema_field(s, NULL, f, use);
	schema_field(s, NULL, other, use);
	json_end_array(s);
	json_end_object(s);
}

static void put_members(struct str *s, const struct field *fields, enum schema_use use, bool null)
{
	bool required = false;

	put_type(s, "object", NULL, null);
	json_put_object(s, "properties");
	for (const struct field *f = fields; f->name != NULL; f++) {
		if (!is_used(f, use) || find(fields, f, f->name, use) != NULL)
			continue;
		put_property(s, f, use);
		required = required || is_required(f, use);
	}
	json_end_object(s);
	if (required) {
		json_put_array(s, "required");
		for (const struct field *f = fields; f->name != NULL; f++)
			if (is_used(f, use) && is_required(f, use))
				json_put_text(s, NULL, f->name);
		json_end_array(s);
	}
	if (use == SCHEMA_OUT)
		json_put_bool(s, "additionalProperties", false);
}

void schema_object(struct str *s, const char *name, const struct field *fields, enum schema_use use)
{
	json_put_object(s, name);
	put_members(s, fields, use, false);
	json_end_object(s);
}

void schema_ref(struct str *s, const char *name, const char *kind, const char *to)
{
	json_put_object(s, name);
	json_put_name(s, "$ref");
	str_addf(s, "\"#/components/%s/%s\"", kind, to);
	json_end_object(s);
}

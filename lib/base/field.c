/* SPDX-License-Identifier: MIT */
#include "base/field.h"

#include <assert.h>

static uint64_t has_mask(const void *in)
{
	return *(const uint64_t *)in;
}

static size_t type_size(const struct field *f)
{
	switch (f->type) {
	case F_I64:
		return sizeof(int64_t);
	case F_OPT_I64:
		return sizeof(opt_i64);
	case F_BOOL:
		return sizeof(bool);
	case F_STR:
		return sizeof(const char *);
	case F_MONEY:
		return sizeof(money);
	case F_TIME:
		return sizeof(timestamp);
	case F_LIST:
		return sizeof(struct list);
	case F_OBJECT:
		break;
	}
	assert(!"an object has no size of its own");
	return 0;
}

const struct field *field_find(const struct field *fields, const char *name)
{
	for (; fields != NULL && fields->name != NULL; fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

bool field_has(const struct field *fields, const void *in, const char *name)
{
	const struct field *f = field_find(fields, name);

	assert(f != NULL);
	return has_mask(in) >> (f - fields) & 1;
}

void field_merge(const struct field *fields, void *row, const void *in)
{
	for (unsigned i = 0; fields[i].name != NULL; i++)
		if (has_mask(in) >> i & 1)
			memcpy((char *)row + fields[i].off, (const char *)in + fields[i].off,
				type_size(&fields[i]));
}

static bool same_value(const struct field *f, const void *a, const void *b)
{
	const char *x, *y;

	switch (f->type) {
	case F_I64:
	case F_MONEY:
	case F_TIME:
		return *(const int64_t *)a == *(const int64_t *)b;
	case F_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case F_OPT_I64:
		return ((const opt_i64 *)a)->set == ((const opt_i64 *)b)->set &&
		       (!((const opt_i64 *)a)->set ||
			       ((const opt_i64 *)a)->n == ((const opt_i64 *)b)->n);
	case F_STR:
		x = *(const char *const *)a;
		y = *(const char *const *)b;
		return x == y || (x != NULL && y != NULL && strcmp(x, y) == 0);
	case F_OBJECT:
	case F_LIST:
		break;
	}
	return false;
}

bool field_same(const struct field *fields, const void *row, const void *in)
{
	for (unsigned i = 0; fields[i].name != NULL; i++)
		if ((has_mask(in) >> i & 1) &&
			!same_value(&fields[i], (const char *)row + fields[i].off,
				(const char *)in + fields[i].off))
			return false;
	return true;
}

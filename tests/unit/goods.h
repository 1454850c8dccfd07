/* SPDX-License-Identifier: MIT */
/* goods.h - a struct with a member of every type, for the tests of ext/json. */
#ifndef UNIT_GOODS_H
#define UNIT_GOODS_H

#include "base/field.h"

struct line {
	uint64_t has;
	int64_t product_id, quantity;
	const char *note;
};

struct place {
	uint64_t has;
	int64_t id;
	const char *city;
};

struct goods {
	uint64_t has;
	int64_t id, stock;
	opt_i64 category_id;
	bool live;
	const char *name, *email, *secret;
	money price, total;
	timestamp at, day;
	struct place place;
	struct list items;
};

static inline bool is_mail(const char *s)
{
	return strchr(s, '@') != NULL;
}

static const struct field line_fields[] = {
	INPUT(struct line, product_id, 1, INT64_MAX - 1, F_REQUIRED),
	INPUT(struct line, quantity, 1, 9999, F_REQUIRED),
	INPUT(struct line, note, 0, 5, F_NULL | F_OMIT),
	FIELD_END,
};

static const struct field place_fields[] = {
	FIELD(struct place, id),
	INPUT(struct place, city, 1, 10, F_REQUIRED),
	FIELD_END,
};

static const struct field goods_fields[] = {
	FIELD(struct goods, id),
	INPUT(struct goods, stock, -5, 100, 0),
	INPUT(struct goods, category_id, 1, 50, F_NULL),
	INPUT(struct goods, live, 0, 1, 0),
	INPUT(struct goods, name, 1, 5, F_REQUIRED | F_PROSE),
	INPUT(struct goods, email, 1, 20, F_NULL | F_LOWER, .valid = is_mail),
	INPUT(struct goods, secret, 0, 10, F_HIDDEN),
	INPUT(struct goods, price, 1, 100000, 0),
	INPUT(struct goods, total, 0, MONEY_MAX_FEN, F_TEXT),
	INPUT(struct goods, at, 0, 0, F_NULL | F_OMIT),
	INPUT(struct goods, day, 0, 0, F_NULL | F_SECONDS | F_DAY_OR_TIME),
	OBJECT(struct goods, place, place_fields, F_IN),
	LIST(struct goods, items, struct line, line_fields, 1, 3, F_IN),
	FIELD_END,
};

#endif

/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/level.h"

#include "ext/db.h"
#include "shop/people/member.h"

enum { LEVELS_MAX = 100, BENEFITS_MAX = 100 };

static const struct field benefit_fields[] = { FIELD(struct level_benefit, text), FIELD_END };

/* clang-format off */
#define DISCOUNT                                                                               \
	{ .name = "discount_rate", .column = "discount_permille", FIELD_AT(struct level, discount_permille), .flags = F_PERMILLE }
/* clang-format on */
const struct field level_fields[] = {
	FIELD_WITH(struct level, id, .column = "level_id"),
	FIELD(struct level, name),
	FIELD(struct level, min_points),
	DISCOUNT,
	LIST(struct level, benefits, struct level_benefit, benefit_fields, 0, BENEFITS_MAX, F_BARE),
	FIELD_WITH(struct level, benefit_lines, .column = "benefits", .flags = F_HIDDEN),
	FIELD_END,
};
const struct field level_brief_fields[] = {
	FIELD_WITH(struct level, id, .column = "level_id"),
	FIELD(struct level, name),
	DISCOUNT,
	FIELD_END,
};

static const char SQL_LIST[] =
	"SELECT level_id, name, min_points, discount_permille, benefits FROM member_levels "
	"FORCE INDEX (min_points) ORDER BY min_points LIMIT ?";

static const char SQL_DISCOUNT[] =
	"SELECT l.discount_permille FROM members m STRAIGHT_JOIN member_levels l "
	"FORCE INDEX (PRIMARY) ON l.level_id = m.level_id WHERE m.member_id = ?";

/* The benefits of a row, one a line. */
static struct list benefits_of(struct ctx *c, const char *lines)
{
	struct level_benefit *out = arena_array(&c->arena, BENEFITS_MAX, sizeof(*out));
	struct list list = { out, 0 };

	while (*lines != '\0' && list.n < BENEFITS_MAX) {
		const size_t len = strcspn(lines, "\n");

		if (len > 0)
			out[list.n++].text = arena_dup(&c->arena, lines, len);
		lines += len + (lines[len] == '\n');
	}
	return list;
}

enum err level_list(struct ctx *c, struct list *out)
{
	struct db_rows rows;
	struct level *levels;

	TRY(db_all(c, SQL_LIST, ARGS(I64(LEVELS_MAX + 1)), level_fields, sizeof(struct level),
		LEVELS_MAX, &rows));
	levels = rows.list.rows;
	if (rows.list.n == 0 || levels[0].min_points != 0)
		return invariant_violated(c, "a level needs no points");
	for (int64_t i = 0; i < rows.list.n; i++)
		levels[i].benefits = benefits_of(c, levels[i].benefit_lines);
	*out = rows.list;
	return OK;
}

const struct level *level_for(const struct list *levels, int64_t points)
{
	const struct level *rows = levels->rows, *out = &rows[0];

	for (int64_t i = 0; i < levels->n; i++)
		if (rows[i].min_points <= points)
			out = &rows[i];
	return out;
}

const struct level *level_of_id(const struct list *levels, int64_t id)
{
	const struct level *rows = levels->rows;

	for (int64_t i = 0; i < levels->n; i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

enum err level_discount(struct ctx *c, int64_t member_id, int64_t *permille)
{
	TRY(db_int64(c, SQL_DISCOUNT, ARGS(I64(member_id)), permille));
	/* 1 at least, and 0 where there is no row */
	return *permille > 0 ? OK : invariant_violated(c, "a member has a level");
}

/* Write a locked member's levels: the one that counts is the higher. */
static enum err write_tx(struct ctx *c, const struct list *levels, struct member *m)
{
	const struct level *earned = level_of_id(levels, m->earned_level_id),
			   *manual = m->manual_level_id.set
					     ? level_of_id(levels, m->manual_level_id.n)
					     : NULL;
	const int64_t before = m->level_id;

	m->level_id =
		manual != NULL && manual->min_points > earned->min_points ? manual->id : earned->id;
	return member_set_levels_tx(c, m, before);
}

enum err level_follow_tx(struct ctx *c, int64_t member_id, int64_t total_earned)
{
	struct member m = { 0 };
	struct list levels;
	int64_t earned;

	TRY(member_lock_tx(c, member_id, &m));
	TRY(level_list(c, &levels));
	earned = level_for(&levels, total_earned)->id;
	if (earned == m.earned_level_id)
		return OK;
	m.earned_level_id = earned;
	return write_tx(c, &levels, &m);
}

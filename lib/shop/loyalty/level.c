/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/level.h"

#include "ext/db.h"
#include "shop/loyalty/points.h"
#include "shop/people/member.h"
#include "shop/people/member_log.h"

enum { LEVELS_MAX = 100, BENEFITS_MAX = 100, FEN_PER_YUAN = 100 };

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

const struct field upgrade_request_fields[] = {
	INPUT(struct upgrade_request, target_level_id, 1, INT64_MAX - 1, F_REQUIRED),
	INPUT(struct upgrade_request, reason, 1, 500, F_REQUIRED | F_TRIM | F_PROSE),
	FIELD_END,
};
const struct field upgrade_fields[] = {
	FIELD(struct upgrade, member_id),
	OBJECT(struct upgrade, previous_level, level_brief_fields, 0),
	OBJECT(struct upgrade, level, level_brief_fields, 0),
	FIELD(struct upgrade, reason),
	FIELD(struct upgrade, operator_id),
	FIELD_WITH(struct upgrade, upgraded_at, .flags = F_SECONDS),
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

/* The higher of two levels; the second may be NULL. */
static const struct level *higher(const struct level *a, const struct level *b)
{
	return b != NULL && b->min_points > a->min_points ? b : a;
}

/* Set the level that counts: the higher of the two. */
static enum err write_tx(
	struct ctx *c, const struct list *levels, const struct member *before, struct member *m)
{
	const struct level *earned = level_of_id(levels, m->earned_level_id),
			   *manual = m->manual_level_id.set
					     ? level_of_id(levels, m->manual_level_id.n)
					     : NULL;

	if (earned == NULL)
		return invariant_violated(c, "a member's level exists");
	m->level_id = higher(earned, manual)->id;
	return member_write_tx(c, before, m);
}

enum err level_follow_tx(struct ctx *c, int64_t member_id, int64_t total_earned)
{
	struct member before = { 0 }, m;
	struct list levels;

	TRY(member_lock_tx(c, member_id, &before));
	TRY(level_list(c, &levels));
	m = before;
	m.earned_level_id = level_for(&levels, total_earned)->id;
	return m.earned_level_id != before.earned_level_id ? write_tx(c, &levels, &before, &m) : OK;
}

/* ---- by an administrator ---- */

struct upgrading {
	int64_t member_id;
	const struct upgrade_request *in;
	struct upgrade *out;
};

/* Is a level within reach, by the points earned or what was spent? */
static enum err check_threshold_tx(
	struct ctx *c, const struct member *m, const struct level *target)
{
	struct points_totals points = { 0 };

	TRY(points_totals(c, m->member_id, &points));
	return points.total_earned >= target->min_points ||
			       m->total_spent.fen / FEN_PER_YUAN >= target->min_points
		       ? OK
		       : ERR_LEVEL_UPGRADE;
}

static enum err upgrade_tx(struct ctx *c, void *arg)
{
	const struct upgrading *x = arg;
	const struct level *old, *target;
	struct member before = { 0 }, m;
	struct list levels;

	TRY(member_lock_tx(c, x->member_id, &before));
	TRY(level_list(c, &levels));
	old = level_of_id(&levels, before.level_id);
	target = level_of_id(&levels, x->in->target_level_id);
	if (old == NULL)
		return invariant_violated(c, "a member's level exists");
	if (target == NULL)
		return fail(c, ERR_INVALID, "target_level_id");
	if (before.status != MEMBER_ACTIVE)
		return ERR_MEMBER_STATUS;
	if (target->min_points <= old->min_points)
		return ERR_LEVEL_UPGRADE;
	TRY(check_threshold_tx(c, &before, target));
	m = before;
	m.manual_level_id = (opt_i64){ target->id, true };
	m.manual_reason = x->in->reason;
	m.manual_by = (opt_i64){ c->actor.user_id, true };
	m.manual_at.ms = c->now_ms;
	TRY(write_tx(c, &levels, &before, &m));
	TRY(member_log_tx(c, m.member_id, "upgrade", old->name, target->name, x->in->reason));
	*x->out = (struct upgrade){
		.member_id = m.member_id,
		.previous_level = *old,
		.level = *target,
		.reason = x->in->reason,
		.operator_id = c->actor.user_id,
		.upgraded_at = m.manual_at,
	};
	return OK;
}

enum err level_upgrade(
	struct ctx *c, int64_t member_id, const struct upgrade_request *in, struct upgrade *out)
{
	struct upgrading x = { member_id, in, out };

	return db_tx(c, upgrade_tx, &x);
}

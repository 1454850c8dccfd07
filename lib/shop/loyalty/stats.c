/* SPDX-License-Identifier: MIT */
#include "shop/loyalty/stats.h"

#include "ext/db.h"
#include "shop/people/member_count.h"

enum { LEVELS_MAX = 100, ACTIVE_DAYS = 30 };

static const struct field level_count_fields[] = {
	FIELD(struct level_count, level),
	FIELD(struct level_count, n),
	FIELD_END,
};
static const struct field points_stats_fields[] = {
	FIELD(struct points_stats, total_points_issued),
	FIELD(struct points_stats, total_points_used),
	FIELD(struct points_stats, avg_points_per_member),
	FIELD_END,
};
const struct field member_stats_fields[] = {
	FIELD(struct member_stats, total_members),
	FIELD(struct member_stats, active_members_30d),
	LIST(struct member_stats, level_distribution, struct level_count, level_count_fields, 0,
		LEVELS_MAX, F_KEYED),
	OBJECT(struct member_stats, points_statistics, points_stats_fields, F_WHOLE),
	FIELD_END,
};

/* clang-format off */
#define SUM_OF(where) "SELECT CAST(COALESCE(SUM(n), 0) AS SIGNED) FROM member_counts WHERE " where
/* clang-format on */
static const char SQL_LEVELS[] =
	"SELECT CONCAT('level_', l.level_id) AS level, (" SUM_OF(
		"figure = " SQL(COUNT_LEVEL) " AND subject = l.level_id") ") AS n "
	"FROM member_levels l ORDER BY l.level_id LIMIT ?";
static const char SQL_ACTIVE[] = SUM_OF("figure = " SQL(COUNT_DAY) " AND subject BETWEEN ? AND ?");
static const char SQL_POINTS[] = SUM_OF("figure = ? AND subject = ?");

enum err member_stats(struct ctx *c, struct member_stats *out)
{
	struct points_stats *points = &out->points_statistics;
	const struct level_count *rows;
	struct db_rows levels;

	TRY(db_all(c, SQL_LEVELS, ARGS(I64(LEVELS_MAX + 1)), level_count_fields,
		sizeof(struct level_count), LEVELS_MAX, &levels));
	TRY(db_int64(c, SQL_ACTIVE,
		ARGS(I64(member_day(c->now_ms, 1 - ACTIVE_DAYS)), I64(member_day(c->now_ms, 0))),
		&out->active_members_30d));
	TRY(db_int64(c, SQL_POINTS, ARGS(I64(COUNT_POINTS_EARNED), I64(0)),
		&points->total_points_issued));
	TRY(db_int64(
		c, SQL_POINTS, ARGS(I64(COUNT_POINTS_USED), I64(0)), &points->total_points_used));
	out->level_distribution = levels.list;
	rows = levels.list.rows;
	for (int64_t i = 0; i < levels.list.n; i++)
		out->total_members += rows[i].n;
	if (out->total_members > 0)
		points->avg_points_per_member = points->total_points_issued / out->total_members;
	return OK;
}

/* SPDX-License-Identifier: MIT */
/* audit_members.c - rules about members: their levels and the kept figures. */
#include "ext/sql.h"
#include "shop/audit/audit_sql.h"
#include "shop/people/member.h"
#include "shop/people/member_count.h"

/* clang-format off */
#define MEMBERS_BY(column)                                                                     \
	column ", 0, COUNT(*) FROM members WHERE counted = TRUE "                              \
	"AND status IN (" SQL(MEMBER_FROZEN, MEMBER_ACTIVE) ") GROUP BY " column
/* clang-format on */
static const char SQL_FIGURES[] =
	"SELECT CONCAT('figure ', x.figure, ' of ', x.subject) AS subject, "
	"CONCAT('is ', SUM(x.kept), ', the members add up to ', SUM(x.found)) AS problem "
	"FROM (SELECT figure, subject, SUM(n) AS kept, 0 AS found FROM member_counts "
	"WHERE figure IN (" SQL(COUNT_LEVEL, COUNT_DAY) ") GROUP BY figure, subject "
	"UNION ALL SELECT " SQL(COUNT_LEVEL) ", " MEMBERS_BY("level_id") " "
	"UNION ALL SELECT " SQL(COUNT_DAY) ", " MEMBERS_BY("active_day") ") x "
	"GROUP BY x.figure, x.subject HAVING SUM(x.kept) <> SUM(x.found) LIMIT ?";
static const char SQL_LEVEL[] =
	"SELECT CONCAT('member ', m.member_id) AS subject, "
	"CONCAT('level ', m.level_id, ', earned ', m.earned_level_id, ', given ', "
	"COALESCE(m.manual_level_id, 'none')) AS problem FROM members m "
	"LEFT JOIN member_levels e FORCE INDEX (PRIMARY) ON e.level_id = m.earned_level_id "
	"LEFT JOIN member_levels g FORCE INDEX (PRIMARY) ON g.level_id = m.manual_level_id "
	"WHERE e.level_id IS NULL OR (m.manual_level_id IS NOT NULL AND g.level_id IS NULL) "
	"OR m.level_id <> IF(g.min_points > e.min_points, g.level_id, e.level_id) LIMIT ?";

static const char SQL_EARNED_LEVEL[] =
	"SELECT CONCAT('member ', x.member_id) AS subject, "
	"CONCAT('earned level ', x.earned_level_id, ', its points reach ', x.level_id) AS problem "
	"FROM (SELECT m.member_id, m.earned_level_id, (SELECT l.level_id FROM member_levels l "
	"FORCE INDEX (min_points) WHERE l.min_points <= GREATEST(COALESCE(a.total_earned, 0), 0) "
	"ORDER BY l.min_points DESC LIMIT 1) AS level_id FROM members m "
	"LEFT JOIN point_accounts a FORCE INDEX (PRIMARY) ON a.member_id = m.member_id) x "
	"WHERE x.earned_level_id <> x.level_id LIMIT ?";

const struct audit_rule audit_member_rules[] = {
	{ "figures about members are what they count", SQL_FIGURES, false, NULL },
	{ "a member's level is the higher of earned and given", SQL_LEVEL, false, NULL },
	{ "a member's earned level is that of its points", SQL_EARNED_LEVEL, false, NULL },
	{ NULL, NULL, false, NULL },
};

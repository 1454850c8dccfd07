/* SPDX-License-Identifier: MIT */
/* audit_points.c - rules about points: lots, ledger, holds, and what is kept of them (BEHAVIOUR 45 to 48, 59). */
#include "shop/audit/audit_sql.h"
#include "shop/loyalty/points.h"
#include "shop/people/member_count.h"

/* ---- accounts ---- */

static const char SQL_LEDGER[] =
	"SELECT CONCAT('member ', a.member_id) AS subject, CONCAT('balance ', a.balance, ', debt ', "
	"a.debt, ', earned ', a.total_earned, ', used ', a.total_used, ', the ledger says ', "
	"a.points, ', ', a.owed, ', ', a.earned, ', ', a.used) AS problem "
	"FROM (SELECT a.member_id, a.balance, a.debt, a.total_earned, a.total_used, "
	SUM_OF("e.points", "point_entries e", "by_member", "e.member_id = a.member_id")
	" AS points, " SUM_OF("e.debt", "point_entries e", "by_member", "e.member_id = a.member_id")
	" AS owed, " SUM_OF("IF(e.type IN (" SQL(POINTS_EARN, POINTS_TAKE_BACK) "), e.points, 0)",
		"point_entries e", "by_member", "e.member_id = a.member_id") " AS earned, "
	SUM_OF("IF(e.type IN (" SQL(POINTS_USE, POINTS_RETURN) "), -e.points, 0)",
		"point_entries e", "by_member", "e.member_id = a.member_id") " AS used "
	"FROM point_accounts a) a WHERE a.balance <> a.points OR a.debt <> a.owed "
	"OR a.total_earned <> a.earned OR a.total_used <> a.used LIMIT ?";
static const char SQL_LOTS[] =
	"SELECT CONCAT('member ', a.member_id) AS subject, CONCAT('balance ', a.balance, ', frozen ', "
	"a.frozen, ', debt ', a.debt, ', its lots have ', a.unspent, ', of which held ', a.held) "
	"AS problem FROM (SELECT a.member_id, a.balance, a.frozen, a.debt, "
	SUM_OF("l.unspent", "point_lots l", "by_member", "l.member_id = a.member_id") " AS unspent, "
	SUM_OF("l.held", "point_lots l", "by_member", "l.member_id = a.member_id") " AS held "
	"FROM point_accounts a) a WHERE a.balance <> a.unspent - a.debt OR a.frozen <> a.held LIMIT ?";
/* of what was free when it was last changed */
static const char SQL_DEBT[] =
	"SELECT CONCAT('member ', a.member_id) AS subject, CONCAT('debt ', a.debt, ' with ', a.rest, "
	"' points free') AS problem FROM (SELECT a.member_id, a.debt, "
	SUM_OF("IF(l.expires_at > a.updated_at, l.unspent - l.held, 0)", "point_lots l", "by_member",
		"l.member_id = a.member_id") " AS rest FROM point_accounts a) a "
	"WHERE a.debt > 0 AND a.rest > 0 LIMIT ?";
static const char SQL_ACCOUNT[] =
	"SELECT x.subject, CONCAT('of member ', x.member_id, ', who has no account') AS problem "
	"FROM (SELECT CONCAT('point_entry ', entry_id) AS subject, member_id FROM point_entries "
	"UNION ALL SELECT CONCAT('lot ', lot_id), member_id FROM point_lots "
	"UNION ALL SELECT CONCAT('hold ', hold_id), member_id FROM point_holds) x "
	"LEFT JOIN point_accounts a FORCE INDEX (PRIMARY) ON a.member_id = x.member_id "
	"WHERE a.member_id IS NULL LIMIT ?";
static const char SQL_MEMBER[] =
	"SELECT CONCAT('account ', a.member_id) AS subject, 'is of no member' AS problem "
	"FROM point_accounts a LEFT JOIN members m FORCE INDEX (PRIMARY) "
	"ON m.member_id = a.member_id WHERE m.member_id IS NULL LIMIT ?";
static const char SQL_FIGURES[] =
	"SELECT CONCAT('figure ', x.figure) AS subject, CONCAT('is ', SUM(x.kept), "
	"', the accounts add up to ', SUM(x.found)) AS problem "
	"FROM (SELECT figure, SUM(n) AS kept, 0 AS found FROM member_counts "
	"WHERE figure IN (" SQL(COUNT_POINTS_EARNED, COUNT_POINTS_USED) ") GROUP BY figure "
	"UNION ALL SELECT " SQL(COUNT_POINTS_EARNED) ", 0, SUM(total_earned) FROM point_accounts "
	"UNION ALL SELECT " SQL(COUNT_POINTS_USED) ", 0, SUM(total_used) FROM point_accounts) x "
	"GROUP BY x.figure HAVING SUM(x.kept) <> COALESCE(SUM(x.found), 0) LIMIT ?";

/* ---- the ledger ---- */

static const char SQL_SEQUENCE[] =
	"SELECT CONCAT('point_entry ', x.entry_id) AS subject, "
	"CONCAT('balance_after is ', x.balance_after, ', the rows up to it add up to ', x.total) "
	"AS problem FROM (SELECT entry_id, balance_after, CAST(SUM(points) OVER "
	"(PARTITION BY member_id ORDER BY entry_id) AS SIGNED) AS total "
	"FROM point_entries) x WHERE x.balance_after <> x.total LIMIT ?";
static const char SQL_ENTRY[] =
	"SELECT CONCAT('point_entry ', e.entry_id) AS subject, CONCAT(e.points, ' points and ', "
	"e.debt, ' of debt, the lots changed by ', e.total) AS problem "
	"FROM (SELECT e.entry_id, e.points, e.debt, " SUM_OF("p.points", "point_entry_lots p",
		"PRIMARY", "p.entry_id = e.entry_id") " AS total FROM point_entries e) e "
	"WHERE e.points <> e.total - e.debt LIMIT ?";
static const char SQL_LOT[] =
	"SELECT CONCAT('lot ', l.lot_id) AS subject, CONCAT('has ', l.unspent, "
	"', its changes add up to ', l.total) AS problem FROM (SELECT l.lot_id, l.unspent, "
	SUM_OF("p.points", "point_entry_lots p", "by_lot", "p.lot_id = l.lot_id") " AS total "
	"FROM point_lots l) l WHERE l.unspent <> l.total LIMIT ?";
static const char SQL_CHANGE[] =
	"SELECT CONCAT('point_entry ', p.entry_id, ' lot ', p.lot_id) AS subject, "
	"'are not of one member' AS problem FROM point_entry_lots p "
	"LEFT JOIN point_entries e FORCE INDEX (PRIMARY) ON e.entry_id = p.entry_id "
	"LEFT JOIN point_lots l FORCE INDEX (PRIMARY) ON l.lot_id = p.lot_id "
	"WHERE e.entry_id IS NULL OR l.lot_id IS NULL OR e.member_id <> l.member_id LIMIT ?";
static const char SQL_ORIGIN[] =
	"SELECT CONCAT('point_entry ', r.entry_id) AS subject, CONCAT('type ', r.type, ' of ', "
	"r.of_entry_id, ', which it is not of') AS problem FROM point_entries r "
	"LEFT JOIN point_entries o FORCE INDEX (PRIMARY) ON o.entry_id = r.of_entry_id "
	"AND o.member_id = r.member_id AND o.type = IF(r.type = " SQL(POINTS_RETURN) ", "
	SQL(POINTS_USE) ", " SQL(POINTS_EARN) ") AND o.reference_type = r.reference_type "
	"AND o.reference_id = r.reference_id WHERE r.type IN (" SQL(POINTS_RETURN, POINTS_TAKE_BACK) ") "
	"AND o.entry_id IS NULL LIMIT ?";
static const char SQL_BACK[] =
	"SELECT CONCAT('point_entry ', e.entry_id) AS subject, CONCAT(ABS(e.total), ' of ', "
	"ABS(e.points), ' points returned or taken back') AS problem FROM (SELECT e.entry_id, "
	"e.points, " SUM_OF("r.points", "point_entries r", "by_origin", "r.of_entry_id = e.entry_id")
	" AS total FROM point_entries e WHERE e.type IN (" SQL(POINTS_EARN, POINTS_USE) ")) e "
	"WHERE ABS(e.total) > ABS(e.points) LIMIT ?";
static const char SQL_EARNED[] =
	"SELECT CONCAT('point_entry ', e.entry_id) AS subject, CONCAT('earned without a source, or ', "
	"'into lot ', e.lot_id, ', which is not of its member') AS problem FROM point_entries e "
	"LEFT JOIN point_lots l FORCE INDEX (PRIMARY) ON l.lot_id = e.lot_id "
	"AND l.member_id = e.member_id WHERE e.type = " SQL(POINTS_EARN) " "
	"AND (e.once IS NULL OR l.lot_id IS NULL) LIMIT ?";

/* ---- holds ---- */

static const char SQL_HELD[] =
	"SELECT CONCAT('lot ', l.lot_id) AS subject, CONCAT('held ', l.held, ', by holds ', l.total) "
	"AS problem FROM (SELECT l.lot_id, l.held, (SELECT CAST(COALESCE(SUM(g.points), 0) AS SIGNED) "
	"FROM point_hold_lots g FORCE INDEX (by_lot) STRAIGHT_JOIN point_holds h FORCE INDEX (PRIMARY) "
	"ON h.hold_id = g.hold_id AND h.state = " SQL(HOLD_HELD) " AND h.member_id = l.member_id "
	"WHERE g.lot_id = l.lot_id) AS total FROM point_lots l) l WHERE l.held <> l.total LIMIT ?";
static const char SQL_HOLD[] =
	"SELECT CONCAT('hold ', h.hold_id) AS subject, CONCAT('of ', h.points, ' points, of its lots ', "
	"h.total) AS problem FROM (SELECT h.hold_id, h.points, " SUM_OF("g.points",
		"point_hold_lots g", "PRIMARY", "g.hold_id = h.hold_id") " AS total "
	"FROM point_holds h) h WHERE h.points <> h.total LIMIT ?";
static const char SQL_POSTED[] =
	"SELECT CONCAT('hold ', h.hold_id) AS subject, 'was not posted as its use' AS problem "
	"FROM point_holds h LEFT JOIN point_entries e FORCE INDEX (PRIMARY) "
	"ON e.entry_id = h.entry_id AND e.type = " SQL(POINTS_USE) " AND e.points = -h.points "
	"AND e.member_id = h.member_id AND e.reference_type = h.reference_type "
	"AND e.reference_id = h.reference_id WHERE h.state = " SQL(HOLD_POSTED) " "
	"AND e.entry_id IS NULL LIMIT ?";

const struct audit_rule audit_points_rules[] = {
	{ "kept points are the sum of the ledger", SQL_LEDGER, false, NULL },
	{ "kept points are in the member's lots", SQL_LOTS, false, NULL },
	{ "a debt is covered by free points", SQL_DEBT, false, NULL },
	{ "points are of an account", SQL_ACCOUNT, false, NULL },
	{ "an account of points is a member's", SQL_MEMBER, false, NULL },
	{ "figures about points are what the accounts add up to", SQL_FIGURES, false, NULL },
	{ "each balance_after of points is correct in sequence", SQL_SEQUENCE, false, NULL },
	{ "a row of points is the sum of its changes of lots", SQL_ENTRY, false, NULL },
	{ "a lot of points is the sum of its changes", SQL_LOT, false, NULL },
	{ "a row of points changes its member's lots", SQL_CHANGE, false, NULL },
	{ "points come back of a use, or are taken back of what was earned", SQL_ORIGIN, false,
		NULL },
	{ "no more points come back than were used or earned", SQL_BACK, false, NULL },
	{ "points are earned for a source, into a lot", SQL_EARNED, false, NULL },
	{ "what a lot holds is held", SQL_HELD, false, NULL },
	{ "a hold of points is the sum of its lots", SQL_HOLD, false, NULL },
	{ "a posted hold is a use of points", SQL_POSTED, false, NULL },
	{ NULL, NULL, false, NULL },
};

/* SPDX-License-Identifier: MIT */
/*
 * audit_sql.h - the tables of rules, combined by audit.c.
 */
#ifndef SHOP_AUDIT_AUDIT_SQL_H
#define SHOP_AUDIT_AUDIT_SQL_H

#include "shop/audit/audit.h"

/*
 * A rule's plan must not depend on the server's statistics: the first table is scanned, and what belongs to one of
 * its rows is found by a named index. No JOIN whose order the server may choose, and no joined grouped subquery,
 * which MariaDB may evaluate for each row. Checked by statements.test.mjs.
 */
#define SUM_OF(what, table, index, where)                                                          \
	"(SELECT CAST(COALESCE(SUM(" what "), 0) AS SIGNED) FROM " table " FORCE INDEX (" index    \
	") WHERE " where ")"

extern const struct audit_rule audit_vip_rules[], audit_member_rules[], audit_points_rules[],
	audit_bill_rules[], audit_reward_rules[], audit_open_rules[];

#endif

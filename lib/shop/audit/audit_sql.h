/* SPDX-License-Identifier: MIT */
/*
 * audit_sql.h - the tables of rules that audit.c puts together.
 */
#ifndef SHOP_AUDIT_AUDIT_SQL_H
#define SHOP_AUDIT_AUDIT_SQL_H

#include "shop/audit/audit.h"

/*
 * A rule's plan is the same whatever the server believes of the tables: the first table is read wholly, and what
 * belongs to a row of it is found by an index that is named. No JOIN whose order the server may choose, and no
 * grouped subquery that is joined, which MariaDB may make anew for each row. statements.test.mjs sees to it.
 */
#define SUM_OF(what, table, index, where)                                                          \
	"(SELECT CAST(COALESCE(SUM(" what "), 0) AS SIGNED) FROM " table " FORCE INDEX (" index    \
	") WHERE " where ")"

extern const struct audit_rule audit_vip_rules[];

#endif

/*
 * audit_sql.h - the tables of rules that audit.c puts together.
 */
#ifndef SHOP_AUDIT_SQL_H
#define SHOP_AUDIT_SQL_H

#include "shop/audit.h"

extern const struct audit_rule audit_vip_rules[];

#endif

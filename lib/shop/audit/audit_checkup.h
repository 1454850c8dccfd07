/* SPDX-License-Identifier: MIT */
/* audit_checkup.h - a check of `minimall doctor`: what waits for a person, by the audit's rules for it. */
#ifndef SHOP_AUDIT_AUDIT_CHECKUP_H
#define SHOP_AUDIT_AUDIT_CHECKUP_H

#include "base/checkup.h"
#include "shop/audit/audit.h"

void check_open_work(struct ctx *c, struct checkup *k);

#endif

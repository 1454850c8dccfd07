/* SPDX-License-Identifier: MIT */
/* reconciliation_internal.h - what the files of reconciliation.h share. */
#ifndef SHOP_MONEY_RECONCILIATION_INTERNAL_H
#define SHOP_MONEY_RECONCILIATION_INTERNAL_H

#include "shop/money/reconciliation.h"

/* What is stored of a finding; texts of BILLED_ID_MAX at most, NULL where there is none. */
struct finding_new {
	int64_t reason;
	const char *number, *out_trade_no, *transaction_id;
	money billed, booked; /* 0: not there */
};
/* Store and count findings of a run, up to FINDINGS_STORED_MAX. The run goes on. Fails: CONFLICT. */
enum err finding_add(
	struct ctx *c, struct reconciliation *run, const struct finding_new *rows, int64_t n) MUST;

#endif

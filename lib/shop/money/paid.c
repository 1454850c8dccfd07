/* SPDX-License-Identifier: MIT */
#include "shop/money/paid.h"

#include "shop/money/refund.h"

enum err paid_tx(struct ctx *c, enum payable_kind kind, int64_t payable_id, money amount,
	const struct payment *p)
{
	const bool for_nothing = p->by == PAID_NOTHING_DUE || p->by == PAID_GIFT;

	if (p->by == PAID_BY_NONE || p->at.ms == 0 || (for_nothing && amount.fen != 0))
		return invariant_violated(c, "an impossible payment");
	return payment_release_tx(c, kind, payable_id);
}

enum err paid_refunded_tx(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, enum paid_by by, bool *all)
{
	struct refund_totals totals = { 0 };

	if (by == PAID_BY_PROVIDER)
		TRY(refund_total(c, kind, payable_id, &totals));
	*all = money_cmp(totals.done, totals.paid) >= 0;
	return OK;
}

/* SPDX-License-Identifier: MIT */
#include "shop/money/paid.h"

#include "shop/money/refund.h"

/* Only shop orders are rewarded: a VIP plan earns no points, and none pay for it. */
static bool is_rewarded(const struct charge *x)
{
	return x->kind == PAYABLE_ORDER;
}

enum err paid_tx(struct ctx *c, const struct charge *x, const struct payment *p)
{
	const bool for_nothing = p->by == PAID_NOTHING_DUE || p->by == PAID_GIFT;

	if (p->by == PAID_BY_NONE || p->at.ms == 0 || (for_nothing && x->order.paid.fen != 0))
		return invariant_violated(c, "an impossible payment");
	if (is_rewarded(x))
		TRY(reward_paid_tx(c, &x->order, p->gone));
	return payment_release_tx(c, x->kind, x->id);
}

enum err paid_not_tx(struct ctx *c, const struct charge *x)
{
	TRY(reward_dropped_tx(c, &x->order));
	return payment_release_tx(c, x->kind, x->id);
}

enum err paid_refunded_tx(
	struct ctx *c, const struct charge *x, enum paid_by by, money amount, bool *all)
{
	struct refund_totals totals = { .paid = x->order.paid, .done = x->order.paid };

	if (by == PAID_BY_PROVIDER)
		TRY(refund_total(c, x->kind, x->id, &totals));
	*all = money_cmp(totals.done, totals.paid) >= 0;
	return is_rewarded(x) ? reward_refunded_tx(c, &x->order, amount, totals.done, *all) : OK;
}

/* SPDX-License-Identifier: MIT */
#include "shop/money/paid.h"

#include "ext/db.h"
#include "shop/money/refund.h"

/* Only shop orders are rewarded: a VIP plan earns no points, and none pay for it. */
static bool is_rewarded(const struct charge *x)
{
	return x->kind == PAYABLE_ORDER;
}

/* Count a payment without an attempt; the others are counted with theirs (flow/attempt.h). */
static void count(struct ctx *c, const struct charge *x, enum paid_by by, const char *event)
{
	static const char *const types[] = {
		[PAID_OFFLINE] = "OFFLINE",
		[PAID_NOTHING_DUE] = "NOTHING_DUE",
		[PAID_GIFT] = "GIFT",
	};

	if (by == PAID_BY_NONE || by == PAID_BY_PROVIDER)
		return;
	db_count(c, METRIC_PAYMENT_EVENTS, "none",
		by == PAID_OFFLINE && x->kind == PAYABLE_MEMBERSHIP ? "SIMULATED" : types[by],
		event);
}

enum err paid_tx(struct ctx *c, const struct charge *x, const struct payment *p)
{
	const bool for_nothing = p->by == PAID_NOTHING_DUE || p->by == PAID_GIFT;

	if (p->by == PAID_BY_NONE || p->at.ms == 0 || (for_nothing && x->order.paid.fen != 0))
		return invariant_violated(c, "an impossible payment");
	count(c, x, (enum paid_by)p->by, "paid");
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

	count(c, x, by, "refunded");
	if (by == PAID_BY_PROVIDER)
		TRY(refund_total(c, x->kind, x->id, &totals));
	*all = money_cmp(totals.done, totals.paid) >= 0;
	return is_rewarded(x) ? reward_refunded_tx(c, &x->order, amount, totals.done, *all) : OK;
}

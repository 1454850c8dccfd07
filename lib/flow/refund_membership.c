/* SPDX-License-Identifier: MIT */
/* refund_membership.c - refunds a membership: its time is revoked at once, its money refunded by the provider. */
#include "ext/db.h"
#include "flow/refunding.h"
#include "shop/books/idempotency.h"

#define REASON "会员订单退款"

/* A repeat finds it refunded or refunding: nothing to do (BEHAVIOUR 30). */
static bool is_refunding_or_refunded(const struct membership_order *o)
{
	return o->status == MEMBERSHIP_REFUNDING || o->status == MEMBERSHIP_REFUNDED;
}

static enum err give_back_tx(struct ctx *c, struct refunding *x)
{
	struct membership *m = &x->payable.membership;
	struct refund_sums sums = { 0 };
	money rest = MONEY_ZERO;

	if (x->attempt.attempt_id != 0) {
		TRY(refund_sum(c, x->attempt.attempt_id, &sums));
		TRY(refunding_rest_tx(c, x, &rest));
	}
	if (sums.elsewhere.fen > 0) /* the rest is known only when it has ended */
		return fail(c, ERR_REFUND_UNDER_WAY, NULL);
	if (rest.fen > 0 && attempt_is_refunded_by_hand(&x->attempt))
		return fail(c, ERR_REFUND_MANUAL, NULL);
	TRY(membership_begin_refund_tx(c, m));
	if (rest.fen == 0) /* nothing was paid, or only by simulation */
		return membership_refunded_tx(c, m);
	/* this family calls no provider (BEHAVIOUR 54): the next pass of jobs does */
	return refunding_begin_tx(c, x, rest, REASON, c->now_ms);
}

static enum err refund_tx(struct ctx *c, void *arg)
{
	struct refunding *x = arg;
	struct membership_order *o = &x->payable.membership.order;
	int64_t replayed_id;
	bool paid;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0)
		return membership_read(c, replayed_id, o);
	TRY(payment_granted(c, PAYABLE_MEMBERSHIP, x->payable.id, &x->attempt, &paid));
	if (!paid)
		x->attempt = (struct attempt){ 0 };
	TRY(refunding_lock_tx(c, x));
	if ((o->payment.by == PAID_BY_PROVIDER) != paid)
		return db_retry(c); /* it was paid while waiting for the lock */
	if (!is_refunding_or_refunded(o))
		TRY(give_back_tx(c, x));
	return idempotency_end_tx(c, o->id, 200);
}

enum err refund_membership(struct ctx *c, const char *order_no, struct membership_order *out)
{
	struct refunding x = { 0 };

	TRY(membership_find(c, order_no, out));
	TRY(payable_read(c, PAYABLE_MEMBERSHIP, out->id, &x.payable));
	TRY(db_tx(c, refund_tx, &x));
	return membership_read(c, out->id, out);
}

/* SPDX-License-Identifier: MIT */
/* pay_card.c - paying by stored-value card: no provider, one transaction. */
#include "ext/db.h"
#include "flow/attempt.h"
#include "flow/payable.h"
#include "flow/prepay.h"
#include "shop/books/idempotency.h"
#include "shop/money/card.h"

#define CARD_METHOD "会员卡"

struct paying {
	struct payable payable;
	struct attempt attempt;
};

/* The card is locked before the order (HACKING.md, lock order). */
static enum err pay_tx(struct ctx *c, void *arg)
{
	struct paying *x = arg;
	struct payable *p = &x->payable;
	struct card card = { 0 };
	struct granting g;
	int64_t replayed_id;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0)
		return payment_read(c, replayed_id, &x->attempt);
	TRY(payable_lock_user_tx(c, p));
	TRY(card_lock_of_user_tx(c, c->actor.user_id, &card));
	TRY(payable_lock_tx(c, p->kind, p->id, p));
	if (p->pay_error != OK)
		return fail(c, p->pay_error, NULL);
	x->attempt = (struct attempt){
		.payable_kind = p->kind,
		.payable_id = p->id,
		.payable_no = p->no,
		.user_id = p->user_id,
		.channel = CHANNEL_CARD,
		.provider = CHANNEL_CARD,
		.out_trade_no = payment_new_out_trade_no(c, NULL),
		.amount = p->amount,
		.expires_at.ms = p->deadline_ms,
	};
	TRY(payment_create_granted_tx(c, &x->attempt));
	attempt_count(c, &x->attempt, EVENT_OF_PAYMENT);
	TRY(card_spend_tx(c, &card, p->amount, p->title, x->attempt.attempt_id));
	TRY(payable_grant_tx(c, p,
		&(struct payment){ PAID_BY_PROVIDER, CARD_METHOD, x->attempt.transaction_id,
			x->attempt.paid_at, MONEY_ZERO },
		&g));
	if (g.grant != GRANTED || g.overpaid.fen != 0)
		return fail(c, ERR_ORDER_NOT_PENDING, NULL);
	return idempotency_end_tx(c, x->attempt.attempt_id, 200);
}

/* A replay gets the first response, even if the payable has been deleted since. */
static enum err pay(struct ctx *c, const char *no, struct paying *x)
{
	int64_t replayed_id;

	TRY(idempotency_find(c, &replayed_id));
	if (replayed_id != 0)
		return payment_read(c, replayed_id, &x->attempt);
	TRY(payable_find(c, no, &x->payable));
	if (x->payable.user_id != c->actor.user_id)
		return ERR_FORBIDDEN;
	return db_tx(c, pay_tx, x);
}

enum err pay_by_card(struct ctx *c, const char *no, struct payment_status *out)
{
	struct paying x = { 0 };

	TRY(pay(c, no, &x));
	TRY(payable_read(
		c, (enum payable_kind)x.attempt.payable_kind, x.attempt.payable_id, &x.payable));
	*out = (struct payment_status){
		.order_id = x.payable.no,
		.status = x.payable.status,
		.status_name = x.payable.status_name,
		.total_amount = x.payable.amount,
		.trade_state = "SUCCESS",
		.transaction_id = x.attempt.transaction_id,
		.paid_at = x.attempt.paid_at,
	};
	return OK;
}

/* SPDX-License-Identifier: MIT */
/* cardpay.c - paying from a stored-value card: no provider, one transaction. */
#include "ext/db.h"
#include "flow/payable.h"
#include "flow/prepay.h"
#include "shop/card.h"
#include "shop/idempotency.h"

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
	int64_t made;

	TRY(idempotency_begin_tx(c, &made));
	if (made != 0)
		return payment_read(c, made, &x->attempt);
	TRY(payable_lock_user_tx(c, p));
	TRY(card_lock_of_user_tx(c, c->actor.user_id, &card));
	TRY(payable_lock_tx(c, p->kind, p->id, p));
	if (p->why_not != OK)
		return fail(c, p->why_not, NULL);
	x->attempt = (struct attempt){
		.payable_kind = p->kind,
		.payable_id = p->id,
		.user_id = p->user_id,
		.channel = CHANNEL_CARD,
		.out_trade_no = payment_new_out_trade_no(c),
		.amount = p->amount,
		.expires_at.ms = p->deadline_ms,
	};
	TRY(payment_create_granted_tx(c, &x->attempt));
	TRY(card_spend_tx(c, &card, p->amount, p->title, x->attempt.attempt_id));
	TRY(payable_grant_tx(c, p,
		&(struct order_payment){ CARD_METHOD, x->attempt.transaction_id, c->now_ms }, &g));
	if (g.grant != GRANTED || g.back.fen != 0)
		return fail(c, ERR_ORDER_NOT_PENDING, NULL);
	TRY(payment_release_tx(c, p->kind, p->id));
	return idempotency_end_tx(c, x->attempt.attempt_id, 200);
}

/* A repeat is answered as the first, whatever became of what was paid for: it may be deleted by now. */
static enum err pay(struct ctx *c, const char *no, struct paying *x)
{
	int64_t made;

	TRY(idempotency_find(c, &made));
	if (made != 0)
		return payment_read(c, made, &x->attempt);
	TRY(payable_find(c, no, &x->payable));
	if (x->payable.user_id != c->actor.user_id)
		return ERR_FORBIDDEN;
	return db_tx(c, pay_tx, x);
}

enum err pay_by_card(struct ctx *c, const char *no, struct payment_standing *out)
{
	struct paying x = { 0 };

	TRY(pay(c, no, &x));
	TRY(payable_read(
		c, (enum payable_kind)x.attempt.payable_kind, x.attempt.payable_id, &x.payable));
	*out = (struct payment_standing){
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

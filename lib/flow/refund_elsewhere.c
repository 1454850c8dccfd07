/* SPDX-License-Identifier: MIT */
/*
 * refund_elsewhere.c - refunds that were made in the provider's merchant console: taken into the
 * books of the payment, before or after it is settled (BEHAVIOUR 62).
 */
#include "base/log.h"
#include "ext/db.h"
#include "flow/refunding.h"

#define REASON "微信支付商户平台退款"

enum { NO_MAX = 64 };

/* One that is not in the books, of a payment that may be ours. */
static enum err find_payment(struct ctx *c, const struct wx_refund *w, struct refunding *x)
{
	bool found = false;

	x->refund = (struct refund){ 0 };
	x->attempt = (struct attempt){ 0 };
	if (str_is_id(w->out_trade_no, NO_MAX))
		TRY(payment_find(c, CHANNEL_WECHAT_JSAPI, w->out_trade_no, &x->attempt, &found));
	if (!found)
		return OK;
	x->refund = (struct refund){
		.refund_no = w->out_refund_no,
		.attempt_id = x->attempt.attempt_id,
		.payable_kind = x->attempt.payable_kind,
		.payable_id = x->attempt.payable_id,
		.amount = { w->refund_fen },
		.reason = REASON,
		.provider_refund_id = w->refund_id,
	};
	TRY(payable_read(
		c, (enum payable_kind)x->attempt.payable_kind, x->attempt.payable_id, &x->payable));
	x->refund.order_id = x->payable.no;
	return OK;
}

enum err refund_elsewhere_find(struct ctx *c, const struct wx_refund *w, struct refunding *x)
{
	const enum err e = refund_find(c, w->out_refund_no, &x->refund);

	x->provider_id = w->refund_id;
	if (e == ERR_NOT_FOUND)
		return find_payment(c, w, x);
	TRY(e);
	return refunding_read(c, x);
}

const char *refund_elsewhere_misfit(const struct refunding *x, const struct wx_refund *w)
{
	const char *settled = x->attempt.transaction_id;

	if (x->attempt.attempt_id == 0)
		return "UNKNOWN_REFUND";
	if (!str_is_id(w->out_refund_no, NO_MAX))
		return "REFUND_NO";
	if (w->refund_fen < 1 || !refunding_fits(x, w))
		return "REFUND_AMOUNT";
	if (settled != NULL &&
		(w->transaction_id == NULL || strcmp(w->transaction_id, settled) != 0))
		return "SECOND_TRANSACTION";
	return NULL;
}

static enum err note_tx(struct ctx *c, void *arg)
{
	struct refunding *x = arg;
	struct refund same = { 0 };
	money rest;
	enum err e;

	TRY(refunding_lock_tx(c, x));
	e = refund_find(c, x->refund.refund_no, &same);
	if (e != ERR_NOT_FOUND)
		return e == OK ? ERR_DUPLICATE : e;
	TRY(refunding_rest_tx(c, x, &rest));
	if (x->state != REFUND_CLOSED && money_cmp(x->refund.amount, rest) > 0)
		return ERR_REFUND_EXCEEDS;
	x->refund.state = x->state;
	TRY(refund_note_tx(c, &x->refund));
	/* written, not only locked: on Galera it could be shipped elsewhere meanwhile */
	if (x->payable.kind == PAYABLE_ORDER && payment_is_settled(&x->attempt))
		TRY(order_touch_tx(c, &x->payable.order));
	TRY(refunding_end_tx(c, x));
	x->verdict = EVENT_REFUND;
	return x->event != NULL ? payment_event_record(c, x->event, x->verdict, NULL) : OK;
}

/* Why it can't be taken into the books (yet): a person must decide, or the provider tells it again. */
static const struct {
	enum err e;
	const char *why;
} obstacles[] = {
	/* one of ours is under way, which the provider is about to refuse */
	{ ERR_REFUND_EXCEEDS, "REFUND_EXCEEDS" },
	/* what was granted can't be taken back now */
	{ ERR_SEGMENT_FOLDED, "NOT_REVOCABLE" },
	{ ERR_GRANTED_LATER, "NOT_REVOCABLE" },
	{ ERR_REFUND_UNDER_WAY, "NOT_REVOCABLE" },
	{ ERR_ORDER_TRANSITION, "NOT_REVOCABLE" },
};

enum err refund_elsewhere_note(struct ctx *c, struct refunding *x, const char **why)
{
	const enum err e = db_tx(c, note_tx, x);

	*why = NULL;
	for (size_t i = 0; i < ARRAY_LEN(obstacles); i++)
		if (obstacles[i].e == e) {
			*why = obstacles[i].why;
			c->fault = NULL;
			return OK;
		}
	if (e == ERR_DUPLICATE) { /* another copy of this message was faster */
		TRY(refund_find(c, x->refund.refund_no, &x->refund));
		return db_tx(c, refunding_record_tx, x);
	}
	TRY(e);
	log_line(LOG_WARN, "refund", "%s of %s was made elsewhere: %lld fen, %s",
		x->refund.refund_no, x->attempt.out_trade_no, (long long)x->refund.amount.fen,
		x->refund.status);
	return OK;
}

enum err refund_note_by_number(struct ctx *c, const char *refund_no, struct refund *out)
{
	struct refunding x = { 0 };
	struct wx_refund w = { 0 };
	const char *why;

	if (!str_is_id(refund_no, NO_MAX))
		return ERR_NOT_FOUND;
	switch (wxrefund_query(c, c->wx_keys, refund_no, &w)) {
	case WX_OK:
		break;
	case WX_NOT_EXIST:
		return ERR_NOT_FOUND;
	case WX_ALREADY_PAID:
	case WX_CLOSED:
	case WX_LATER:
	case WX_REFUSED:
	case WX_UNKNOWN:
		return ERR_PROVIDER_UNKNOWN;
	}
	TRY(refund_elsewhere_find(c, &w, &x));
	if (x.refund.refund_id != 0)
		TRY(refunding_record_answer(c, &x, &w));
	else {
		why = refund_elsewhere_misfit(&x, &w);
		if (why == NULL && !refunding_state_of(w.status, &x.state))
			why = "REFUND_STATUS";
		if (why == NULL)
			TRY(refund_elsewhere_note(c, &x, &why));
		if (why != NULL)
			return fail(c, ERR_CONFLICT, why);
	}
	return refund_find(c, refund_no, out);
}

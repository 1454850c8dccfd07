/* SPDX-License-Identifier: MIT */
/*
 * refund_by_hand.c - refunds that an administrator made in the console of a provider that can neither be
 * told to refund nor asked: recorded on the administrator's word, in the journal too.
 */
#include <string.h>

#include "ext/db.h"
#include "flow/refunding.h"
#include "shop/books/journal.h"

struct by_hand {
	struct refunding x;
	const char *note; /* may be NULL */
};

static enum err made_tx(struct ctx *c, void *arg)
{
	struct by_hand *h = arg;

	TRY(refunding_record_tx(c, &h->x));
	return journal_add_tx(c, "refund-by-hand", h->x.refund.refund_no, h->note);
}

static enum err read_refund(struct ctx *c, const char *refund_no, struct by_hand *h)
{
	TRY(refund_find(c, refund_no, &h->x.refund));
	return refunding_read(c, &h->x);
}

enum err refund_by_hand_record(struct ctx *c, const struct refund_note *note, bool *done)
{
	struct by_hand h = { .x.state = REFUND_SUCCESS };
	const enum err e = read_refund(c, note->refund_no, &h);

	*done = false;
	if (e == ERR_NOT_FOUND)
		return OK;
	TRY(e);
	if (!attempt_is_refunded_by_hand(&h.x.attempt))
		return OK;
	if (note->out_trade_no != NULL && strcmp(note->out_trade_no, h.x.attempt.out_trade_no) != 0)
		return fail(c, ERR_CONFLICT, "payment");
	if (note->amount.fen != 0 && money_cmp(note->amount, h.x.refund.amount) != 0)
		return fail(c, ERR_CONFLICT, "amount");
	*done = true;
	return refund_is_final(h.x.refund.state) ? OK : db_tx(c, made_tx, &h);
}

enum err refund_by_hand_facts(struct ctx *c, const struct refund_note *note,
	const struct attempt *a, struct provider_refund *out)
{
	if (note->amount.fen == 0)
		return fail(c, ERR_INVALID, "amount");
	if (!payment_is_settled(a)) /* there is nothing that could have been refunded */
		return fail(c, ERR_CONFLICT, "payment");
	*out = (struct provider_refund){
		.out_trade_no = a->out_trade_no,
		.transaction_id = a->transaction_id,
		.refund_no = note->refund_no,
		.state = REFUND_SUCCESS,
		.refund_fen = note->amount.fen,
		.total_fen = a->amount.fen,
	};
	return OK;
}

/* ---- an administrator ends the waiting ---- */

static enum err resolve_tx(struct ctx *c, void *arg)
{
	struct by_hand *h = arg;
	struct refunding *x = &h->x;

	TRY(payable_lock_all_tx(c, x->payable.kind, x->payable.id, &x->payable));
	TRY(payment_lock_tx(c, x->attempt.attempt_id, &x->attempt));
	TRY(refund_lock_tx(c, x->refund.refund_id, &x->refund));
	switch ((enum refund_attention)x->refund.waits) {
	case REFUND_BY_HAND:
		return made_tx(c, h);
	case REFUND_REFUSED:
		TRY(refund_dismiss_tx(c, x->refund.refund_id));
		return journal_add_tx(c, "refund-dismissed", x->refund.refund_no, h->note);
	case REFUND_NEEDS_NOBODY:
	case REFUND_UNPAYABLE:
	case REFUND_IN_DOUBT:
		break;
	}
	return fail(c, ERR_REFUND_NOT_WAITING, NULL);
}

enum err refund_resolve(struct ctx *c, const char *refund_no, const char *note, struct refund *out)
{
	struct by_hand h = { .x.state = REFUND_SUCCESS, .note = note };

	TRY(read_refund(c, refund_no, &h));
	TRY(db_tx(c, resolve_tx, &h));
	return refund_find(c, refund_no, out);
}

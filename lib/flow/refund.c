/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "ext/db.h"
#include "flow/refunding.h"
#include "shop/books/idempotency.h"
#include "shop/money/card.h"

/* The request calls the provider at once; after this, jobs query a lost response. */
#define FIRST_LOOK_MS    MINUTE_MS
#define AUTOMATIC_REASON "订单未能受理，自动退款"

/* The gaps after which a refund is queried again (PAYMENTS.md 2.11). */
static const int64_t gaps_s[] = { 60, 300, 600, 1200, 1800 };

/* ---- calling the provider ---- */

/* The provider refused and doesn't know the refund: it may be requested again under a new number. */
static enum err give_up(struct ctx *c, struct refunding *x)
{
	struct provider_refund said = { 0 };

	switch (x->provider->query_refund(c, x->attempt.out_trade_no, x->refund.refund_no, &said)) {
	case OUTCOME_OK:
		return refunding_record_answer(c, x, &said);
	case OUTCOME_NONE:
		log_line(LOG_ALARM, "refund", "%s was refused for good", x->refund.refund_no);
		x->state = REFUND_CLOSED;
		return db_tx(c, refunding_record_tx, x);
	case OUTCOME_PAID:
	case OUTCOME_CLOSED:
	case OUTCOME_LATER:
	case OUTCOME_REFUSED:
	case OUTCOME_UNKNOWN:
		break;
	}
	return OK;
}

/* Idempotent by its number. *known false: no answer about it. */
static enum err ask(struct ctx *c, struct refunding *x, bool *known)
{
	const struct refund_request request = { x->attempt.out_trade_no, x->refund.refund_no,
		x->refund.reason, x->refund.amount, x->attempt.amount };
	struct provider_refund said = { 0 };

	*known = true;
	if (x->refund.amount.fen < 1 || money_cmp(x->refund.amount, x->attempt.amount) > 0)
		return invariant_violated(c, "a refund of nothing, or of more than was paid");
	switch (x->provider->refund(c, &request, &said)) {
	case OUTCOME_OK:
		return refunding_record_answer(c, x, &said);
	case OUTCOME_LATER: /* insufficient funds */
		return OK;
	case OUTCOME_PAID:
	case OUTCOME_CLOSED:
	case OUTCOME_NONE:
	case OUTCOME_REFUSED:
		return give_up(c, x);
	case OUTCOME_UNKNOWN:
		break;
	}
	*known = false;
	return OK;
}

/* ---- an administrator's request ---- */

/* The amount requested; default: the rest. */
static enum err amount_tx(struct ctx *c, struct refunding *x, money *amount)
{
	money rest;

	TRY(refunding_rest_tx(c, x, &rest));
	*amount = field_has(refund_new_fields, x->in, "amount") ? x->in->amount : rest;
	return amount->fen > 0 && money_cmp(*amount, rest) <= 0
		       ? OK
		       : fail(c, ERR_REFUND_EXCEEDS, "amount");
}

static enum err request_tx(struct ctx *c, void *arg)
{
	struct refunding *x = arg;
	int64_t replayed_id;
	money amount;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0)
		return refund_read(c, replayed_id, &x->refund);
	TRY(refunding_lock_tx(c, x));
	TRY(amount_tx(c, x, &amount));
	/* written, not only locked: otherwise it could be shipped concurrently on another Galera node */
	TRY(order_touch_tx(c, &x->payable.order));
	TRY(refunding_begin_tx(c, x, amount, x->in->reason, c->now_ms + FIRST_LOOK_MS));
	return idempotency_end_tx(c, x->refund.refund_id, 201);
}

enum err refund_request(struct ctx *c, const struct refund *in, struct refund *out)
{
	struct refunding x = { .in = in };
	bool found, known;
	int64_t replayed_id;

	TRY(idempotency_find(c,
		&replayed_id)); /* a replay gets the first response, whatever the order's state */
	if (replayed_id != 0)
		return refund_read(c, replayed_id, out);
	TRY(payable_find(c, in->order_id, &x.payable));
	if (x.payable.kind != PAYABLE_ORDER)
		return fail(c, ERR_REFUND_ELSEWHERE, "order_id");
	TRY(payment_granted(c, x.payable.kind, x.payable.id, &x.attempt, &found));
	if (!found)
		return fail(c, ERR_REFUND_UNPAID, "order_id");
	if (x.attempt.channel != CHANNEL_CARD)
		TRY(attempt_refunder(c, &x.attempt, &x.provider));
	TRY(db_tx(c, request_tx, &x));
	if (!c->idem.replayed && x.refund.state == REFUND_PROCESSING) {
		TRY(ask(c, &x, &known));
		TRY(refund_read(c, x.refund.refund_id, &x.refund));
	}
	*out = x.refund;
	return OK;
}

/* ---- automatic ones ---- */

enum err refund_automatically_tx(
	struct ctx *c, const struct attempt *a, money amount, const char *reason, int64_t tries)
{
	struct payable p = { 0 };
	struct refund r = {
		.refund_no = refund_automatic_no(c, a->out_trade_no, tries),
		.attempt_id = a->attempt_id,
		.payable_kind = a->payable_kind,
		.payable_id = a->payable_id,
		.amount = amount,
		.reason = reason != NULL ? arena_printf(&c->arena, AUTOMATIC_REASON " %s", reason)
					 : AUTOMATIC_REASON,
		.automatic = true,
		.waits = refunding_waits(a),
	};

	TRY(payable_read(c, (enum payable_kind)a->payable_kind, a->payable_id, &p));
	r.order_id = p.no;
	return refund_create_tx(c, &r, c->now_ms);
}

/* ---- notifications ---- */

/* Why a notification is not about a refund of ours; NULL: it is. */
static const char *mismatch(const struct refunding *x, const struct provider_refund *said)
{
	if (said->mismatch != NULL)
		return said->mismatch;
	if (!refunding_has_valid_id(said->refund_id))
		return "REFUND_ID";
	if (x->refund.refund_id == 0)
		return refund_elsewhere_mismatch(x, said);
	return refunding_matches(x, said) ? NULL : "REFUND_AMOUNT";
}

enum err notify_refund(struct ctx *c, const struct provider *p, const struct provider_refund *said,
	struct payment_event *event, enum payment_event_verdict *verdict)
{
	struct refunding x = { .event = event, .state = said->state };
	const char *why;

	event->out_trade_no = said->out_trade_no;
	event->amount = (opt_i64){ said->refund_fen, said->refund_fen >= 0 };
	TRY(refund_elsewhere_find(c, p, said, &x));
	if (!event->amount.set) /* only the sum was reported */
		event->amount = (opt_i64){ x.refund.amount.fen, x.refund.amount.fen > 0 };
	why = mismatch(&x, said);
	if (why == NULL && !refunding_state_known(x.state))
		why = "REFUND_STATUS";
	if (why == NULL && x.refund.refund_id == 0)
		TRY(refund_elsewhere_record(c, &x, &why));
	else if (why == NULL)
		TRY(db_tx(c, refunding_record_tx, &x));
	if (why != NULL)
		return payment_event_orphan(c, event, why, verdict);
	*verdict = x.verdict;
	return OK;
}

/* ---- jobs ---- */

static enum err begin_missing_tx(struct ctx *c, void *arg)
{
	const struct outbox *row = arg;
	struct refunding x = { 0 };
	struct refund_missing m;
	bool missing;
	money rest;

	TRY(payment_lock_tx(c, row->ref_id, &x.attempt));
	TRY(refund_missing(c, row->ref_id, &m, &missing));
	TRY(refunding_rest_tx(c, &x, &rest));
	/* otherwise it was refunded, or will be with the rest */
	if (!missing || money_cmp(m.amount, rest) > 0)
		return OK;
	return refund_automatically_tx(c, &x.attempt, m.amount,
		x.attempt.state == ATTEMPT_REFUND_DUE ? x.attempt.reason : OVERPAID_REASON,
		m.tries);
}

enum err refund_begin_missing(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	enum err e = db_tx(c, begin_missing_tx, row);

	(void)report;
	return e == ERR_DUPLICATE ? OK : e; /* a concurrent pass was first */
}

/* One that can't be requested waits for an administrator: an alarm, and a failed job, until it is recorded. */
static enum err refunder(struct ctx *c, struct refunding *x)
{
	const enum err e = attempt_refunder(c, &x->attempt, &x->provider);

	if (e == ERR_REFUND_MANUAL)
		log_line(LOG_ALARM, "refund",
			"%s: refund %lld fen of %s in the provider's console, then run note-refund",
			x->refund.refund_no, (long long)x->refund.amount.fen,
			x->attempt.out_trade_no);
	return e;
}

enum err refund_follow(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	const int64_t last = (int64_t)ARRAY_LEN(gaps_s) - 1;
	struct refunding x = { 0 };
	struct provider_refund said = { 0 };
	bool known = true;

	TRY(refund_read(c, row->ref_id, &x.refund));
	TRY(refunding_read(c, &x));
	if (!refund_is_final(x.refund.state)) {
		TRY(refund_doubt(c, &x.refund));
		TRY(refunder(c, &x));
		switch (x.provider->query_refund(
			c, x.attempt.out_trade_no, x.refund.refund_no, &said)) {
		case OUTCOME_OK:
			TRY(refunding_record_answer(c, &x, &said));
			break;
		case OUTCOME_NONE:
			if (x.refund.origin == REFUND_OURS)
				TRY(ask(c, &x, &known));
			break;
		case OUTCOME_PAID:
		case OUTCOME_CLOSED:
		case OUTCOME_LATER:
		case OUTCOME_REFUSED:
		case OUTCOME_UNKNOWN:
			known = false;
			break;
		}
		TRY(refund_read(c, row->ref_id, &x.refund));
	}
	row->unanswered = !known;
	report->done += refund_is_final(x.refund.state);
	if (!refund_is_final(x.refund.state))
		row->again_ms = c->now_ms +
				gaps_s[row->tries - 1 < last ? row->tries - 1 : last] * SECOND_MS;
	return OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * refund_elsewhere.c - records refunds that were made in the provider's merchant console, before
 * or after their payment is settled (BEHAVIOUR 62).
 */
#include "base/log.h"
#include "ext/db.h"
#include "flow/refunding.h"
#include "shop/books/journal.h"

enum { NO_MAX = 64 };

/*
 * Its amount. Where the provider reports only the sum of all refunds so far, it is what the recorded ones lack;
 * unknown (0) while one of ours is in progress: the provider repeats the notification.
 */
static enum err read_amount(struct ctx *c, const struct provider_refund *said, struct refunding *x)
{
	struct refund_sums sums;

	x->refund.amount.fen = said->refund_fen;
	if (said->refund_fen >= 0)
		return OK;
	x->refunded_fen = said->refunded_fen;
	TRY(refund_sum(c, x->attempt.attempt_id, &sums));
	x->refund.amount = sums.under_way.fen == 0
				   ? money_sub((money){ said->refunded_fen }, sums.done)
				   : MONEY_ZERO;
	return OK;
}

/* An unrecorded refund, of a payment that may be ours. */
static enum err find_payment(struct ctx *c, const struct provider *p,
	const struct provider_refund *said, struct refunding *x)
{
	bool found = false;

	x->refund = (struct refund){ 0 };
	x->attempt = (struct attempt){ 0 };
	if (str_is_id(said->out_trade_no, NO_MAX))
		TRY(attempt_find(c, p, said->out_trade_no, &x->attempt, &found));
	if (!found) {
		x->attempt = (struct attempt){ 0 };
		return OK;
	}
	x->refund = (struct refund){
		.refund_no = said->refund_no,
		.attempt_id = x->attempt.attempt_id,
		.payable_kind = x->attempt.payable_kind,
		.payable_id = x->attempt.payable_id,
		.reason = arena_printf(&c->arena, "%s商户平台退款", p->method),
		.provider_refund_id = said->refund_id,
	};
	TRY(read_amount(c, said, x));
	TRY(payable_read(
		c, (enum payable_kind)x->attempt.payable_kind, x->attempt.payable_id, &x->payable));
	x->refund.order_id = x->payable.no;
	return OK;
}

enum err refund_elsewhere_find(struct ctx *c, const struct provider *p,
	const struct provider_refund *said, struct refunding *x)
{
	const enum err e = refund_find(c, said->refund_no, &x->refund);

	x->provider_id = said->refund_id;
	if (e == ERR_NOT_FOUND)
		return find_payment(c, p, said, x);
	TRY(e);
	return refunding_read(c, x);
}

const char *refund_elsewhere_mismatch(const struct refunding *x, const struct provider_refund *said)
{
	const char *settled = x->attempt.transaction_id;

	if (x->attempt.attempt_id == 0)
		return "UNKNOWN_REFUND";
	if (!str_is_id(said->refund_no, NO_MAX))
		return "REFUND_NO";
	if (x->refund.amount.fen < 1 || !refunding_matches(x, said))
		return "REFUND_AMOUNT";
	if (settled != NULL &&
		(said->transaction_id == NULL || strcmp(said->transaction_id, settled) != 0))
		return "SECOND_TRANSACTION";
	return NULL;
}

static enum err note_tx(struct ctx *c, void *arg)
{
	struct refunding *x = arg;
	struct refund same = { 0 };
	struct refund_sums sums;
	enum err e;

	TRY(refunding_lock_tx(c, x));
	e = refund_find(c, x->refund.refund_no, &same);
	if (e != ERR_NOT_FOUND)
		return e == OK ? ERR_DUPLICATE : e;
	TRY(refund_sum(c, x->attempt.attempt_id, &sums));
	if (x->state != REFUND_CLOSED &&
		money_cmp(x->refund.amount, refund_rest(x->attempt.amount, &sums)) > 0)
		return ERR_REFUND_EXCEEDS;
	/* another was recorded meanwhile */
	if (x->refunded_fen != 0 && money_add(sums.done, x->refund.amount).fen != x->refunded_fen)
		return ERR_REFUND_EXCEEDS;
	x->refund.state = x->state;
	TRY(refund_record_tx(c, &x->refund));
	/* written, not only locked: otherwise it could be shipped concurrently on another Galera node */
	if (x->payable.kind == PAYABLE_ORDER && payment_is_settled(&x->attempt))
		TRY(order_touch_tx(c, &x->payable.order));
	TRY(refunding_end_tx(c, x));
	if (x->event == NULL && attempt_is_refunded_by_hand(&x->attempt))
		TRY(journal_add_tx(c, "refund-by-hand", x->refund.refund_no, NULL));
	x->verdict = EVENT_REFUND;
	return x->event != NULL ? payment_event_record(c, x->event, x->verdict, NULL) : OK;
}

/* Why it can't be recorded (yet): it needs manual review, or the provider repeats the notification. */
static const struct {
	enum err e;
	const char *why;
} obstacles[] = {
	/* one of ours is in progress, which the provider will refuse */
	{ ERR_REFUND_EXCEEDS, "REFUND_EXCEEDS" },
	/* the grant can't be revoked now */
	{ ERR_SEGMENT_FOLDED, "NOT_REVOCABLE" },
	{ ERR_GRANTED_LATER, "NOT_REVOCABLE" },
	{ ERR_REFUND_UNDER_WAY, "NOT_REVOCABLE" },
	{ ERR_ORDER_TRANSITION, "NOT_REVOCABLE" },
};

enum err refund_elsewhere_record(struct ctx *c, struct refunding *x, const char **why)
{
	const enum err e = db_tx(c, note_tx, x);

	*why = NULL;
	for (size_t i = 0; i < ARRAY_LEN(obstacles); i++)
		if (obstacles[i].e == e) {
			*why = obstacles[i].why;
			c->fault = NULL;
			return OK;
		}
	if (e == ERR_DUPLICATE) { /* a concurrent copy of this message was first */
		TRY(refund_find(c, x->refund.refund_no, &x->refund));
		return db_tx(c, refunding_record_tx, x);
	}
	TRY(e);
	log_line(LOG_WARN, "refund", "%s of %s was made elsewhere: %lld fen, %s",
		x->refund.refund_no, x->attempt.out_trade_no, (long long)x->refund.amount.fen,
		x->refund.status);
	return OK;
}

/* Record a provider's facts about a refund. */
static enum err record_answer(
	struct ctx *c, const struct provider *p, const struct provider_refund *said)
{
	struct refunding x = { .state = said->state };
	const char *why;

	TRY(refund_elsewhere_find(c, p, said, &x));
	if (x.refund.refund_id != 0)
		return refunding_record_answer(c, &x, said);
	why = refund_elsewhere_mismatch(&x, said);
	if (why == NULL && !refunding_state_known(x.state))
		why = "REFUND_STATUS";
	if (why == NULL)
		TRY(refund_elsewhere_record(c, &x, &why));
	return why == NULL ? OK : fail(c, ERR_CONFLICT, why);
}

/* Query a provider about a refund; the payment may be NULL. Fails: NOT_FOUND, PROVIDER_UNKNOWN. */
static enum err ask(struct ctx *c, const struct provider *p, const char *out_trade_no,
	const char *refund_no, struct provider_refund *said)
{
	switch (p->query_refund(c, out_trade_no, refund_no, said)) {
	case OUTCOME_OK:
		return OK;
	case OUTCOME_NONE:
		return ERR_NOT_FOUND;
	case OUTCOME_PAID:
	case OUTCOME_CLOSED:
	case OUTCOME_LATER:
	case OUTCOME_REFUSED:
	case OUTCOME_UNKNOWN:
		break;
	}
	return ERR_PROVIDER_UNKNOWN;
}

/* The provider that knows a refund of this number. Fails: NOT_FOUND, PROVIDER_UNKNOWN. */
static enum err ask_all(struct ctx *c, const char *refund_no, const struct provider **out,
	struct provider_refund *said)
{
	for (size_t i = 0; providers[i] != NULL; i++) {
		enum err e;

		*out = providers[i];
		if (provider_state(c, (*out)->id) == NULL || (*out)->query_refund == NULL)
			continue;
		e = ask(c, *out, NULL, refund_no, said);
		if (e != ERR_NOT_FOUND)
			return e;
	}
	return ERR_NOT_FOUND;
}

/* The same of one provider, for a refund of this payment. */
static enum err ask_one(struct ctx *c, const struct provider *p, const struct refund_note *note,
	struct provider_refund *said)
{
	if (note->amount.fen != 0) /* the provider says how much it was */
		return fail(c, ERR_INVALID, "amount");
	return ask(c, p, note->out_trade_no, note->refund_no, said);
}

/* What is known about a refund of a payment. */
static enum err facts_of(struct ctx *c, const struct refund_note *note, const struct provider **out,
	struct provider_refund *said)
{
	struct attempt a = { 0 };
	bool found = false;

	if (note->out_trade_no == NULL)
		return note->amount.fen == 0 ? ask_all(c, note->refund_no, out, said)
					     : fail(c, ERR_INVALID, "amount");
	if (str_is_id(note->out_trade_no, NO_MAX))
		TRY(payment_find(c, note->out_trade_no, &a, &found));
	if (!found)
		return ERR_NOT_FOUND;
	TRY(attempt_provider(c, &a, out));
	return (*out)->query_refund != NULL ? ask_one(c, *out, note, said)
					    : refund_by_hand_facts(c, note, &a, said);
}

enum err refund_record_noted(struct ctx *c, const struct refund_note *note, struct refund *out)
{
	const struct provider *p = NULL;
	struct provider_refund said = { 0 };
	bool done;

	if (!str_is_id(note->refund_no, NO_MAX))
		return ERR_NOT_FOUND;
	TRY(refund_by_hand_record(c, note, &done));
	if (!done) {
		TRY(facts_of(c, note, &p, &said));
		TRY(record_answer(c, p, &said));
	}
	return refund_find(c, note->refund_no, out);
}

enum err refund_ask(struct ctx *c, const struct provider *p, const char *out_trade_no,
	const char *refund_no, struct refund *out)
{
	struct provider_refund said = { 0 };

	if (!str_is_id(refund_no, NO_MAX) || p->query_refund == NULL)
		return ERR_NOT_FOUND;
	TRY(ask(c, p, out_trade_no, refund_no, &said));
	TRY(record_answer(c, p, &said));
	return refund_find(c, refund_no, out);
}

/* SPDX-License-Identifier: MIT */
/* refunding.c - the effects of a refund on its payment and payable, whatever its origin. */
#include "flow/refunding.h"

#include "base/log.h"
#include "ext/db.h"
#include "shop/money/card.h"

enum { PROVIDER_ID_MAX = 64 };

/* ---- effects of a state; everything is locked ---- */

static enum err complete_due_tx(struct ctx *c, const struct refunding *x)
{
	struct refund_sums sums;

	TRY(refund_sum(c, x->attempt.attempt_id, &sums));
	return money_cmp(sums.done, x->attempt.amount) == 0
		       ? payment_refunded_tx(c, x->attempt.attempt_id)
		       : OK;
}

/* A refund succeeded, or one made elsewhere failed. */
static enum err complete_tx(struct ctx *c, struct refunding *x)
{
	switch ((enum attempt_state)x->attempt.state) {
	case ATTEMPT_OPEN:
	case ATTEMPT_CLOSED: /* settlement considers its refunds: let jobs query it soon */
		return payment_hold_tx(c, &x->attempt, c->now_ms);
	case ATTEMPT_GRANTED:
	case ATTEMPT_GRANTED_LATE:
		/* an automatic refund is not part of the payable's payment */
		return x->refund.automatic ? OK
					   : payable_refunded_tx(c, &x->payable, x->refund.amount);
	case ATTEMPT_REFUND_DUE:
		return complete_due_tx(c, x);
	case ATTEMPT_REFUNDED:
		break;
	}
	return OK;
}

enum err refunding_end_tx(struct ctx *c, struct refunding *x)
{
	const bool ours = x->refund.origin == REFUND_OURS;

	if (x->refund.state == REFUND_SUCCESS || x->refund.state == REFUND_CLOSED)
		attempt_count(c, &x->attempt,
			x->refund.state == REFUND_SUCCESS ? EVENT_OF_REFUND
							  : EVENT_OF_FAILED_REFUND);
	if (x->refund.state == REFUND_SUCCESS || !payment_is_settled(&x->attempt))
		return complete_tx(c, x);
	/* what we revoked beforehand is granted again; for those made elsewhere nothing was revoked */
	return x->refund.state == REFUND_CLOSED && ours && !x->refund.automatic
		       ? payable_restore_tx(c, &x->payable)
		       : OK;
}

/* Closed here, but successful at the provider? Then our records are incomplete: needs manual review. */
static bool is_contradicted(const struct refunding *x)
{
	return x->refund.state == REFUND_CLOSED && x->state == REFUND_SUCCESS;
}

static enum err advance_tx(struct ctx *c, struct refunding *x)
{
	struct refunding moved = *x;

	if (refund_is_final(x->refund.state) || x->refund.state == (int64_t)x->state)
		return OK;
	TRY(refund_set_tx(c, &x->refund, x->state, x->provider_id));
	/* the attempt guards the sum: two refunds that end concurrently would miss each other */
	if (x->state == REFUND_SUCCESS)
		TRY(payment_touch_tx(c, x->attempt.attempt_id));
	moved.refund.state = x->state;
	return refunding_end_tx(c, &moved);
}

/* Lock in the fixed order: payable (with its products), attempt, refund. */
enum err refunding_record_tx(struct ctx *c, void *arg)
{
	struct refunding *x = arg;

	TRY(payable_lock_all_tx(c, x->payable.kind, x->payable.id, &x->payable));
	TRY(payment_lock_tx(c, x->attempt.attempt_id, &x->attempt));
	TRY(refund_lock_tx(c, x->refund.refund_id, &x->refund));
	TRY(advance_tx(c, x));
	if (x->event == NULL)
		return OK;
	if (is_contradicted(x))
		return payment_event_orphan(c, x->event, "REFUND_CLOSED", &x->verdict);
	x->verdict = EVENT_REFUND;
	return payment_event_record(c, x->event, x->verdict, NULL);
}

bool refunding_state_known(enum refund_state state)
{
	if (state == REFUND_UNKNOWN)
		log_line(LOG_ALARM, "refund", "unknown status of a refund");
	return state != REFUND_UNKNOWN;
}

enum err refunding_read(struct ctx *c, struct refunding *x)
{
	TRY(payment_read(c, x->refund.attempt_id, &x->attempt));
	return payable_read(
		c, (enum payable_kind)x->refund.payable_kind, x->refund.payable_id, &x->payable);
}

/* ---- a provider's facts ---- */

bool refunding_has_valid_id(const char *provider_id)
{
	return provider_id == NULL || str_is_id(provider_id, PROVIDER_ID_MAX);
}

static bool matches_amount(money amount, const struct provider_refund *said)
{
	return said->refund_fen >= 0 ? said->refund_fen == amount.fen
				     : said->refunded_fen >= amount.fen;
}

bool refunding_matches(const struct refunding *x, const struct provider_refund *said)
{
	return matches_amount(x->refund.amount, said) && said->total_fen == x->attempt.amount.fen &&
	       said->out_trade_no != NULL &&
	       strcmp(said->out_trade_no, x->attempt.out_trade_no) == 0;
}

enum err refunding_record_answer(
	struct ctx *c, struct refunding *x, const struct provider_refund *said)
{
	if (!refunding_matches(x, said) || !refunding_has_valid_id(said->refund_id)) {
		log_line(LOG_ALARM, "refund", "a response about %s does not match it",
			x->refund.refund_no);
		return OK;
	}
	if (!refunding_state_known(said->state))
		return OK;
	x->state = said->state;
	x->provider_id = said->refund_id;
	return db_tx(c, refunding_record_tx, x);
}

/* ---- a new one ---- */

int64_t refunding_waits(const struct attempt *a)
{
	return attempt_is_refunded_by_hand(a) ? REFUND_BY_HAND : REFUND_NEEDS_NOBODY;
}

/* A card needs no provider: it is refunded in this transaction. */
static enum err give_back_to_card_tx(struct ctx *c, struct refunding *x)
{
	TRY(card_refund_tx(c, x->payable.user_id, x->refund.amount,
		arena_printf(&c->arena, "退款 %s", x->refund.refund_no), x->attempt.attempt_id));
	x->state = REFUND_SUCCESS;
	TRY(advance_tx(c, x));
	return refund_read(c, x->refund.refund_id, &x->refund);
}

enum err refunding_lock_tx(struct ctx *c, struct refunding *x)
{
	struct card card = { 0 };

	TRY(payable_lock_user_tx(c, &x->payable));
	if (x->attempt.channel == CHANNEL_CARD)
		TRY(card_lock_of_user_tx(c, x->payable.user_id, &card));
	TRY(payable_lock_all_tx(c, x->payable.kind, x->payable.id, &x->payable));
	return x->attempt.attempt_id != 0 ? payment_lock_tx(c, x->attempt.attempt_id, &x->attempt)
					  : OK;
}

enum err refunding_rest_tx(struct ctx *c, const struct refunding *x, money *rest)
{
	struct refund_sums sums;

	TRY(refund_sum(c, x->attempt.attempt_id, &sums));
	*rest = refund_rest(x->attempt.amount, &sums);
	return OK;
}

enum err refunding_begin_tx(
	struct ctx *c, struct refunding *x, money amount, const char *reason, int64_t due_ms)
{
	x->refund = (struct refund){
		.refund_no = refund_new_no(c),
		.attempt_id = x->attempt.attempt_id,
		.payable_kind = x->payable.kind,
		.payable_id = x->payable.id,
		.order_id = x->payable.no,
		.amount = amount,
		.reason = reason,
		.waits = refunding_waits(&x->attempt),
	};
	TRY(refund_create_tx(c, &x->refund, due_ms));
	return x->attempt.channel == CHANNEL_CARD ? give_back_to_card_tx(c, x) : OK;
}

/* SPDX-License-Identifier: MIT */
#include "flow/close.h"

#include "base/clock.h"
#include "flow/attempt.h"
#include "flow/payable.h"
#include "flow/settle.h"

/* The gaps after which an attempt is queried again (PAYMENTS.md 2.10). */
static const int64_t gaps_s[] = { 5, 5, 5, 15, 30, 60, 180, 300, 600, 1800 };

/*
 * Not after its deadline, from which on an overdue order waits for it: then at most a minute if the
 * provider answers, longer if it doesn't, so that other attempts are processed.
 */
static int64_t next_due_ms(const struct ctx *c, const struct outbox *row, const struct attempt *a)
{
	const int64_t last = (int64_t)ARRAY_LEN(gaps_s) - 1;
	const int64_t overdue_gap_ms = row->unanswered ? 10 * MINUTE_MS : MINUTE_MS;
	const int64_t gap_ms = gaps_s[row->tries < last ? row->tries : last] * SECOND_MS;

	if (a->held_at.ms !=
		0) /* the missing refund arrives by notification, or is recorded by an administrator */
		return c->now_ms + SETTLE_HELD_GAP_MS;
	if (c->now_ms >= a->expires_at.ms)
		return c->now_ms + (gap_ms < overdue_gap_ms ? gap_ms : overdue_gap_ms);
	return c->now_ms + gap_ms < a->expires_at.ms ? c->now_ms + gap_ms : a->expires_at.ms;
}

/* ---- without a provider ---- */

enum err close_order(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	bool done;

	TRY(order_time_out(c, row->ref_id, &done));
	report->timed_out += done;
	return OK;
}

enum err close_membership(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	bool done;

	TRY(membership_expire(c, row->ref_id, &done));
	report->timed_out += done;
	return OK;
}

/* ---- with a provider ---- */

/*
 * This attempt is not needed any more: close it at the provider, which may still report it paid. *over: nothing is
 * left to do there.
 */
static enum err close_at_provider(struct ctx *c, const struct attempt *a, struct outbox *row,
	struct outbox_report *report, bool *over)
{
	const struct provider *p = NULL;
	enum trade_state state;

	TRY(attempt_provider(c, a, &p));
	switch (provider_close(c, p, a->out_trade_no)) {
	case OUTCOME_OK:
	case OUTCOME_CLOSED:
		report->closed++;
		*over = true;
		return attempt_close(c, a);
	case OUTCOME_PAID:
		return settle_by_query(c, a, &state);
	case OUTCOME_NONE: /* counted as closed some minutes after its deadline, by the query */
	case OUTCOME_LATER:
	case OUTCOME_REFUSED:
		break;
	case OUTCOME_UNKNOWN:
		row->unanswered = true;
		break;
	}
	return OK;
}

/* Is it still to be closed at its provider, given what that has reported of it? */
static bool is_in_the_way(const struct attempt *a, const struct payable *p, enum trade_state state)
{
	if (a->held_at.ms != 0)
		return false;
	return a->state == ATTEMPT_CLOSED ? state == TRADE_UNPAID
					  : a->state == ATTEMPT_OPEN && p->pay_error != OK;
}

/* A closed one is followed where its provider didn't know it: it may have been opened since (payment_abandon). */
enum err close_attempt(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	struct attempt a = { 0 };
	struct payable p = { 0 };
	enum trade_state state = TRADE_NONE;
	bool followed, over, done;

	TRY(payment_read(c, row->ref_id, &a));
	followed = !payment_is_settled(&a);
	if (followed)
		TRY(settle_by_query(c, &a, &state));
	over = state == TRADE_CLOSED;
	TRY(payment_read(c, row->ref_id, &a));
	TRY(payable_read(c, (enum payable_kind)a.payable_kind, a.payable_id, &p));
	row->unanswered = followed && state == TRADE_NONE;
	if (!row->unanswered && is_in_the_way(&a, &p, state))
		TRY(close_at_provider(c, &a, row, report, &over));
	TRY(payment_read(c, row->ref_id, &a));
	if (payment_is_followed(&a) || (a.state == ATTEMPT_CLOSED && !over)) {
		row->again_ms = next_due_ms(c, row, &a);
		return OK;
	}
	report->settled += a.state != ATTEMPT_CLOSED;
	if (!p.pending || p.deadline_ms > c->now_ms)
		return OK;
	TRY(payable_time_out(c, p.kind, p.id, &done));
	report->timed_out += done;
	return OK;
}

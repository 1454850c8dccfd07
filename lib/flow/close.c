/* SPDX-License-Identifier: MIT */
#include "flow/close.h"

#include "base/clock.h"
#include "flow/attempt.h"
#include "flow/payable.h"
#include "flow/settle.h"
#include "shop/books/backoff.h"
#include "shop/books/outbox.h"

enum { ORDERS_A_PASS = 500 };

/* The gaps after which an attempt is asked about again (PAYMENTS.md 2.10). */
static const int64_t gaps_s[] = { 5, 5, 5, 15, 30, 60, 180, 300, 600, 1800 };

/*
 * Never later than its deadline, from which on an overdue order waits for it: a minute at most for
 * what the provider says, longer for what it doesn't, so that the others have their turn.
 */
static int64_t next_due_ms(const struct ctx *c, const struct outbox *row, const struct attempt *a)
{
	const int64_t last = (int64_t)ARRAY_LEN(gaps_s) - 1;
	const int64_t overdue_gap_ms = row->unanswered ? 10 * MINUTE_MS : MINUTE_MS;
	const int64_t gap_ms = gaps_s[row->tries < last ? row->tries : last] * SECOND_MS;

	if (a->held_at.ms != 0) /* what is missing comes by itself, or from a person */
		return c->now_ms + SETTLE_HELD_GAP_MS;
	if (c->now_ms >= a->expires_at.ms)
		return c->now_ms + (gap_ms < overdue_gap_ms ? gap_ms : overdue_gap_ms);
	return c->now_ms + gap_ms < a->expires_at.ms ? c->now_ms + gap_ms : a->expires_at.ms;
}

/* ---- what waits for no provider ---- */

static enum err time_out_order(struct ctx *c, const void *row, void *arg)
{
	struct close_report *report = arg;
	bool done;

	TRY(order_time_out(c, ((const struct due *)row)->id, &done));
	report->timed_out += done;
	return OK;
}

enum err close_orders(struct ctx *c, struct share *s, struct close_report *report)
{
	struct list overdue;

	TRY(order_list_overdue(c, ORDERS_A_PASS, &overdue));
	backoff_each(c, s, BACKOFF_ORDER, &overdue, sizeof(struct due), time_out_order, report);
	return OK;
}

static enum err expire_membership(struct ctx *c, const void *row, void *arg)
{
	struct close_report *report = arg;
	bool done;

	TRY(membership_expire(c, ((const struct due *)row)->id, &done));
	report->timed_out += done;
	return OK;
}

enum err close_memberships(struct ctx *c, struct share *s, struct close_report *report)
{
	struct list overdue;

	TRY(membership_list_overdue(c, ORDERS_A_PASS, &overdue));
	backoff_each(
		c, s, BACKOFF_MEMBERSHIP, &overdue, sizeof(struct due), expire_membership, report);
	return OK;
}

/* ---- what a provider is asked about ---- */

/* Nobody needs this attempt: close it at the provider, which may still say that it is paid. */
static enum err close_at_provider(
	struct ctx *c, const struct attempt *a, struct outbox *row, struct close_report *report)
{
	const struct provider *p = NULL;
	enum trade_state state;

	TRY(attempt_provider(c, a, &p));
	switch (provider_close(c, p, a->out_trade_no)) {
	case OUTCOME_OK:
	case OUTCOME_CLOSED:
		report->closed++;
		return payment_close(c, a->attempt_id);
	case OUTCOME_PAID:
		return settle_by_query(c, a, &state);
	case OUTCOME_NONE: /* counted as closed some minutes after its deadline, by the query */
	case OUTCOME_LATER:
	case OUTCOME_REFUSED:
		break;
	case OUTCOME_UNKNOWN:
		row->unanswered = true;
		report->unknown++;
		break;
	}
	return OK;
}

/* Ask, close if need be, and let the payable go if that was all it waited for. */
static enum err follow(struct ctx *c, struct outbox *row, void *arg)
{
	struct close_report *report = arg;
	struct attempt a = { 0 };
	struct payable p = { 0 };
	enum trade_state state = TRADE_UNHEARD;
	bool done;

	report->followed++;
	TRY(payment_read(c, row->ref_id, &a));
	if (payment_is_followed(&a))
		TRY(settle_by_query(c, &a, &state));
	TRY(payment_read(c, row->ref_id, &a));
	TRY(payable_read(c, (enum payable_kind)a.payable_kind, a.payable_id, &p));
	row->unanswered = payment_is_followed(&a) && state == TRADE_UNHEARD;
	report->unknown += row->unanswered;
	if (!row->unanswered && a.state == ATTEMPT_OPEN && p.pay_error != OK && a.held_at.ms == 0)
		TRY(close_at_provider(c, &a, row, report));
	TRY(payment_read(c, row->ref_id, &a));
	if (payment_is_followed(&a))
		return outbox_again(c, row, next_due_ms(c, row, &a));
	if (a.state != ATTEMPT_CLOSED)
		report->settled++;
	TRY(outbox_done(c, OUTBOX_FOLLOW_ATTEMPT, row->ref_id));
	if (!p.pending || p.deadline_ms > c->now_ms)
		return OK;
	TRY(payable_time_out(c, p.kind, p.id, &done));
	report->timed_out += done;
	return OK;
}

enum err close_attempts(struct ctx *c, struct share *s, struct close_report *report)
{
	return outbox_work(c, s, OUTBOX_FOLLOW_ATTEMPT, follow, report);
}

/* SPDX-License-Identifier: MIT */
#include "flow/reconcile.h"

#include "base/log.h"
#include "base/str.h"
#include "ext/db.h"
#include "flow/attempt.h"
#include "flow/refund.h"
#include "flow/settle.h"

/* Bills are made until then, of the day before. */
#define READY_MS (10 * HOUR_MS)

/* No provider keeps bills for longer: of an older day it knows of no trade (PAYMENTS.md 9.1). */
#define KEPT_MS (90 * DAY_MS)

/* How many days jobs try to get a bill, and how many findings are read at once. */
enum { DAYS_TRIED = 3, PAGE = 100 };

/* ---- repairs ---- */

/* Query it, and settle what is answered; a payment that matches nothing becomes an orphan. */
static enum err repair_payment(
	struct ctx *c, const struct provider *p, const struct billed_finding *f, bool *repaired)
{
	struct attempt a = { 0 };
	enum trade_state state;
	bool found;

	*repaired = false;
	if (!str_is_id(f->number, BILLED_ID_MAX))
		return OK;
	TRY(attempt_find(c, p, f->number, &a, &found));
	if (!found)
		return settle_unknown(c, p, f->number);
	TRY(settle_by_query(c, &a, &state));
	TRY(payment_read(c, a.attempt_id, &a));
	*repaired = payment_is_settled(&a);
	return OK;
}

static enum err repair_refund(
	struct ctx *c, const struct provider *p, const struct billed_finding *f, bool *repaired)
{
	struct refund r = { 0 };
	enum err e;

	e = refund_ask(c, p, f->out_trade_no, f->number, &r);
	*repaired = e == OK && refund_is_final(r.state) && money_cmp(r.amount, f->billed) == 0;
	return e == ERR_NOT_FOUND || e == ERR_CONFLICT || e == ERR_PROVIDER_UNKNOWN ? OK : e;
}

static enum err repair(struct ctx *c, const struct provider *p, struct reconciliation *run,
	const struct billed_finding *f)
{
	bool repaired = false;

	if (!finding_reasons[f->reason].repairable)
		return OK;
	c->now_ms = clock_now_ms();
	if (f->reason < FINDING_REFUND_UNKNOWN)
		TRY(repair_payment(c, p, f, &repaired));
	else
		TRY(repair_refund(c, p, f, &repaired));
	return repaired ? finding_repaired(c, run, f) : OK;
}

/* Each by itself: one that fails is left, and doesn't keep the others. */
static enum err repair_all(struct ctx *c, const struct provider *p, struct reconciliation *run)
{
	int64_t after = 0, n = PAGE;

	while (n == PAGE) {
		const struct arena_mark mark = arena_mark(&c->arena);
		const struct billed_finding *rows;
		struct list page;

		TRY(finding_next(c, run->reconciliation_id, after, PAGE, &page));
		rows = page.rows;
		n = page.n;
		for (int64_t i = 0; i < n; i++) {
			const struct arena_mark row = arena_mark(&c->arena);
			enum err e;

			TRY(reconciliation_go_on(c, run));
			e = repair(c, p, run, &rows[i]);
			if (e == ERR_DB_LOST)
				return e;
			if (e != OK)
				log_line(LOG_ERROR, "reconcile", "%s is not repaired: %s",
					rows[i].number, err_info(e)->code);
			c->fault = NULL;
			after = rows[i].finding_id;
			arena_rewind(&c->arena, row);
		}
		arena_rewind(&c->arena, mark);
	}
	return OK;
}

/* ---- a run ---- */

struct taking {
	struct reconciliation *run;
	struct billed_batch *batch;
	enum err error;
};

static enum err take_line(struct ctx *c, void *arg, const struct bill_line *line)
{
	struct taking *x = arg;
	const bool refund = line->kind == BILL_REFUND;
	const char *number = refund ? line->refund_no : line->out_trade_no;

	if (number == NULL)
		number = refund && line->refund_id != NULL ? line->refund_id : line->transaction_id;
	x->error = billed_add(c, x->run, x->batch,
		&(struct billed){
			.subject = refund ? BILLED_REFUND : BILLED_PAYMENT,
			.number = number,
			.out_trade_no = line->out_trade_no,
			.transaction_id = line->transaction_id,
			.amount = line->amount,
			.state = refund ? (int64_t)line->refund
				 : line->trade == TRADE_PAID || line->trade == TRADE_REFUNDED
					 ? BILLED_PAID
					 : BILLED_NOT_PAID,
		});
	return x->error;
}

static void set_failed(struct reconciliation *run, const char *why)
{
	run->outcome = RECONCILIATION_FAILED;
	run->error = why;
}

/* Get the bill and stage it. run->outcome stays RUNNING if there is one. */
static enum err stage_bill(struct ctx *c, const struct provider *p, struct taking *x)
{
	struct bill_summary sum = { 0 };

	switch (p->bill(c, x->run->date, take_line, x, &sum)) {
	case OUTCOME_OK:
		break;
	case OUTCOME_NONE: /* an empty one, if it isn't forgotten */
		if (c->now_ms - x->run->starts_at.ms > KEPT_MS)
			set_failed(x->run, "TOO_OLD");
		break;
	case OUTCOME_LATER:
		x->run->outcome = RECONCILIATION_NOT_READY;
		return OK;
	case OUTCOME_REFUSED:
	case OUTCOME_PAID:
	case OUTCOME_CLOSED:
		set_failed(x->run, "REFUSED");
		return OK;
	case OUTCOME_UNKNOWN:
		set_failed(x->run, "UNKNOWN");
		return x->error;
	}
	return billed_flush(c, x->run, x->batch);
}

static enum err run_all(struct ctx *c, const struct provider *p, struct reconciliation *run)
{
	struct taking x = { run, billed_batch_new(c), OK };

	TRY(stage_bill(c, p, &x));
	if (run->outcome != RECONCILIATION_RUNNING)
		return reconciliation_clear(c, run);
	TRY(reconciliation_compare(c, run, p->channels[0]->number, billed_lines(x.batch)));
	TRY(reconciliation_clear(c, run));
	if (run->repairs)
		TRY(repair_all(c, p, run));
	run->outcome = run->findings == 0         ? RECONCILIATION_CLEAN
		       : reconcile_left(run) == 0 ? RECONCILIATION_REPAIRED
						  : RECONCILIATION_FINDINGS;
	return OK;
}

/* Run what was begun, and end it; what fails by our fault ends it too, unless it is not ours any more. */
static enum err run_begun(struct ctx *c, const struct provider *p, struct reconciliation *run)
{
	enum err e = run_all(c, p, run);

	if (e != OK) {
		log_line(LOG_ERROR, "reconcile", "%s %s failed: %s", run->provider, run->date,
			err_info(e)->code);
		set_failed(run, err_info(e)->code);
		TRY(reconciliation_clear(c, run));
	}
	return reconciliation_end(c, run);
}

bool reconcile_has_bills(const struct ctx *c, const struct provider *p)
{
	return p->bill != NULL && provider_state(c, p->id) != NULL;
}

static enum err reconcile(
	struct ctx *c, const struct provider *p, struct reconciliation *run, bool *due)
{
	run->provider = p->key;
	TRY(reconciliation_begin(c, run, due));
	return *due ? run_begun(c, p, run) : OK;
}

enum err reconcile_day(struct ctx *c, const struct provider *p, int64_t starts_ms, bool repairs,
	struct reconciliation *out)
{
	bool due;

	*out = (struct reconciliation){ .starts_at.ms = starts_ms, .repairs = repairs };
	return reconcile(c, p, out, &due);
}

/* ---- jobs ---- */

/* Is there something that an administrator must look at? */
static bool is_trouble(const struct ctx *c, const struct reconciliation *run)
{
	if (run->outcome == RECONCILIATION_NOT_READY)
		return c->now_ms >= run->starts_at.ms + 2 * DAY_MS + READY_MS;
	return run->outcome == RECONCILIATION_FINDINGS || run->outcome == RECONCILIATION_FAILED;
}

static enum err judge(const struct ctx *c, const struct reconciliation *run)
{
	if (!is_trouble(c, run))
		return OK;
	log_line(LOG_ALARM, "reconcile", "%s %s: %s, %lld differences are left, run %lld",
		run->provider, run->date, run->outcome_name, (long long)reconcile_left(run),
		(long long)run->reconciliation_id);
	return ERR_UNRECONCILED;
}

/* A day of a provider, if it is due. Days before yesterday only if they were tried. */
static enum err pass_day(struct ctx *c, const struct provider *p, int64_t starts_ms, bool yesterday,
	struct outbox_report *report)
{
	struct reconciliation run = {
		.starts_at.ms = starts_ms, .automatic = true, .repairs = true
	};
	struct reconciliation_due due = { 0 };
	bool mine;

	TRY(reconciliation_due(c, p->key, starts_ms, &due));
	if (due.compared || due.running || (due.tries == 0 && !yesterday) ||
		(due.tries > 0 && due.due_at.ms > c->now_ms))
		return OK;
	TRY(reconcile(c, p, &run, &mine));
	if (!mine)
		return OK;
	report->tried++;
	report->done +=
		run.outcome != RECONCILIATION_NOT_READY && run.outcome != RECONCILIATION_FAILED;
	return judge(c, &run);
}

enum err reconcile_pass(struct ctx *c, struct outbox_report *report)
{
	const int64_t today_ms = clock_cst_midnight(c->now_ms);
	enum err trouble = OK;

	if (!c->conf->reconcile || clock_shop_time_of_day(c->now_ms) < READY_MS)
		return OK;
	for (size_t i = 0; providers[i] != NULL; i++)
		for (int64_t day = 1; day <= DAYS_TRIED; day++) {
			const struct arena_mark mark = arena_mark(&c->arena);
			enum err e = OK;

			if (reconcile_has_bills(c, providers[i]))
				e = pass_day(
					c, providers[i], today_ms - day * DAY_MS, day == 1, report);
			if (e == ERR_RECONCILING) /* another host, or the command */
				e = OK;
			trouble = trouble == OK ? e : trouble;
			c->fault = NULL;
			arena_rewind(&c->arena, mark);
		}
	return trouble;
}

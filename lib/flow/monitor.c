/* SPDX-License-Identifier: MIT */
#include "flow/monitor.h"

#include "ext/metrics.h"
#include "flow/oversight.h"
#include "shop/books/health.h"
#include "shop/books/outbox.h"
#include "shop/money/reconciliation.h"
#include "shop/money/refund.h"

enum { OVERDUE_MAX = 1000 };

/* What the database knows, at this moment. */
struct facts {
	struct oversight waiting;
	int64_t orphan_ms, refund_ms;
	int64_t due, due_ms;
	int64_t bills;
};

static enum err ask(struct ctx *c, struct facts *out)
{
	TRY(oversight_count(c, &out->waiting));
	TRY(orphan_oldest(c, &out->orphan_ms));
	TRY(refund_oldest_waiting(c, OVERSIGHT_COUNT_MAX, &out->refund_ms));
	TRY(outbox_overdue(c, OVERDUE_MAX, &out->due, &out->due_ms));
	return reconciliation_count_open(
		c, clock_cst_midnight(c->now_ms) - BILL_DAYS * DAY_MS, &out->bills);
}

static int64_t age_s(const struct ctx *c, int64_t since_ms)
{
	return since_ms > 0 && since_ms < c->now_ms ? (c->now_ms - since_ms) / SECOND_MS : 0;
}

/* The unit of an age is in its name, as the format wants it. */
static void print(const struct ctx *c, const struct facts *of, struct str *out)
{
	const struct {
		const char *name, *help;
		int64_t value;
	} rows[] = {
		{ "orphan_payments_open",
			"Payments that match nothing and wait for a person, up to 1000.",
			of->waiting.orphans },
		{ "orphan_payments_oldest_age_seconds", "Age of the oldest of them.",
			age_s(c, of->orphan_ms) },
		{ "refunds_in_doubt", "Refunds that wait for a person, up to 1000.",
			of->waiting.refunds },
		{ "refunds_in_doubt_oldest_age_seconds", "Age of the oldest of them.",
			age_s(c, of->refund_ms) },
		{ "jobs_overdue", "Work of the jobs that is due, up to 1000.", of->due },
		{ "jobs_overdue_oldest_age_seconds", "For how long the first of it has been due.",
			age_s(c, of->due_ms) },
		{ "bills_in_trouble",
			"Providers' bills of the last 30 days that differ from the books, or could not be compared.",
			of->bills },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		metrics_print_gauge(out, rows[i].name, rows[i].help, rows[i].value);
}

const char *monitor_text(struct ctx *c, size_t max)
{
	struct str out = str_new(&c->arena, max);
	struct facts facts = { 0 };
	const bool known = ask(c, &facts) == OK;

	metrics_print(&out);
	metrics_print_gauge(&out, "database_up", "Did the database answer this request?", known);
	metrics_print_gauge(&out, "state_up", "Is the state shared by this host's processes?",
		health_state(c) != STATE_DEGRADED);
	if (known)
		print(c, &facts, &out);
	return str_text(&out);
}

/* SPDX-License-Identifier: MIT */
/* jobs.c - one pass over everything that is due; for cron or a timer. Passes may overlap. */
#include <stdio.h>

#include "command.h"
#include "ext/metrics.h"
#include "ext/state.h"
#include "flow/close.h"
#include "flow/oversight.h"
#include "flow/provider_keys.h"
#include "flow/reconcile.h"
#include "flow/refund.h"
#include "flow/user_close.h"
#include "flow/webhook.h"
#include "shop/books/idempotency.h"
#include "shop/books/job_pass.h"
#include "shop/books/webhook_delivery.h"
#include "shop/loyalty/points.h"
#include "shop/membership/membership.h"
#include "shop/people/member.h"
#include "shop/people/session.h"
#include "shop/trade/order.h"

enum { PURGE_PASS_MAX = 5000, COUNT_PASS_MAX = 1000 };

/* In the order of a pass. */
enum {
	CERTIFICATES, /* first: the others need them to verify responses */
	ORDERS,
	MEMBERSHIP_ORDERS,
	PAYMENTS,
	MISSING_REFUNDS,
	REFUNDS,
	USERS,
	MEMBERS,
	MEMBERSHIP_ENDS,
	POINTS,
	WEBHOOKS, /* after those that notify */
	DELIVERIES,
	KEYS,
	SESSIONS,
	BILLS, /* last: it may take minutes */
	JOBS_N
};

static enum err fetch_certificates(struct ctx *c, struct outbox_report *report)
{
	return keys_refresh(c, &report->done);
}

static enum err delete_keys(struct ctx *c, struct outbox_report *report)
{
	return idempotency_purge(c, PURGE_PASS_MAX, &report->done);
}

static enum err count_members(struct ctx *c, struct outbox_report *report)
{
	return member_count_missed(c, COUNT_PASS_MAX, &report->done);
}

static enum err delete_sessions(struct ctx *c, struct outbox_report *report)
{
	return session_purge(c, PURGE_PASS_MAX, &report->done);
}

static enum err delete_deliveries(struct ctx *c, struct outbox_report *report)
{
	return delivery_purge(c, PURGE_PASS_MAX, &report->done);
}

/* The jobs, each with its own share of a pass, whatever happens in the others. */
static const struct job {
	const char *name;
	int64_t share_ms;
	struct outbox_work work; /* row by row, or */
	enum err (*run)(struct ctx *c, struct outbox_report *report);
} jobs[JOBS_N] = {
	[CERTIFICATES] = { "certificates", 10 * SECOND_MS, .run = fetch_certificates },
	[ORDERS] = { "orders", 20 * SECOND_MS,
		{ OUTBOX_CLOSE_ORDER, close_order, order_list_overdue } },
	[MEMBERSHIP_ORDERS] = { "membership orders", 10 * SECOND_MS,
		{ OUTBOX_CLOSE_MEMBERSHIP, close_membership, membership_list_overdue } },
	[PAYMENTS] = { "payments", 45 * SECOND_MS, { OUTBOX_FOLLOW_ATTEMPT, close_attempt } },
	[MISSING_REFUNDS] = { "missing refunds", 10 * SECOND_MS,
		{ OUTBOX_MISSING_REFUND, refund_begin_missing, refund_list_missing } },
	[REFUNDS] = { "refunds", 45 * SECOND_MS, { OUTBOX_FOLLOW_REFUND, refund_follow } },
	[USERS] = { "deleted users", 45 * SECOND_MS, { OUTBOX_ERASE_USER, user_close_rest } },
	[MEMBERS] = { "members", 10 * SECOND_MS, .run = count_members },
	[MEMBERSHIP_ENDS] = { "membership ends", 10 * SECOND_MS,
		{ OUTBOX_NOTIFY_END, entitlement_notify_end, entitlement_list_ended } },
	[POINTS] = { "points", 20 * SECOND_MS,
		{ OUTBOX_EXPIRE_POINTS, points_expire, points_list_due } },
	[WEBHOOKS] = { "webhooks", 60 * SECOND_MS, .run = webhook_pass },
	[DELIVERIES] = { "deliveries", 10 * SECOND_MS, .run = delete_deliveries },
	[KEYS] = { "keys", 10 * SECOND_MS, .run = delete_keys },
	[SESSIONS] = { "sessions", 10 * SECOND_MS, .run = delete_sessions },
	[BILLS] = { "reconciliation", 10 * MINUTE_MS, .run = reconcile_pass },
};

/* Run one job; reports and returns its failure. */
static enum err run_job(struct ctx *c, const struct job *job, struct outbox_report *report)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	struct share s = share_begin(job->name, job->share_ms);
	enum err e;

	c->now_ms = clock_now_ms();
	c->deadline_ms = s.until_ms;
	e = job->run != NULL ? job->run(c, report) : outbox_pass(c, &s, &job->work, report);
	if (e == OK)
		e = s.error;
	if (e != OK)
		fprintf(stderr, "minimall: %s: %lld failed, %s (%s)\n", job->name,
			(long long)s.failed, err_info(e)->text, err_info(e)->code);
	c->fault = NULL;
	arena_rewind(&c->arena, mark);
	return e;
}

static void print(
	const struct outbox_report *of, int64_t in_trouble, const struct oversight *waiting)
{
	const struct outbox_report *payments = &of[PAYMENTS], *refunds = &of[REFUNDS];

	printf("jobs: %lld orders timed out, %lld payments followed (%lld settled, %lld closed, "
	       "%lld unknown), %lld refunds followed (%lld done, %lld unknown), %lld users, %lld keys "
	       "and %lld sessions deleted, %lld of %lld notifications delivered, "
	       "%lld certificates fetched, %lld bills compared",
		(long long)(of[ORDERS].timed_out + of[MEMBERSHIP_ORDERS].timed_out +
			    payments->timed_out),
		(long long)payments->tried, (long long)payments->settled,
		(long long)payments->closed, (long long)payments->unanswered,
		(long long)refunds->tried, (long long)refunds->done, (long long)refunds->unanswered,
		(long long)of[USERS].done, (long long)of[KEYS].done, (long long)of[SESSIONS].done,
		(long long)of[WEBHOOKS].done, (long long)of[WEBHOOKS].tried,
		(long long)of[CERTIFICATES].done, (long long)of[BILLS].done);
	if (waiting->refunds + waiting->orphans > 0)
		printf("; a person is needed for %lld refunds and %lld orphan payments",
			(long long)waiting->refunds, (long long)waiting->orphans);
	if (in_trouble > 0)
		printf("; %lld of %d kinds of work in trouble", (long long)in_trouble, JOBS_N);
	printf("\n");
}

int run_jobs(struct ctx *c, int argc, char **argv)
{
	struct outbox_report reports[JOBS_N] = { 0 };
	struct oversight waiting = { 0 };
	int64_t in_trouble = 0;
	bool counted, noted;

	(void)argv;
	if (argc != 1)
		return EXIT_USAGE;
	if (!keys_start(c))
		return EXIT_FAILED;
	for (size_t i = 0; i < JOBS_N; i++)
		in_trouble += run_job(c, &jobs[i], &reports[i]) != OK;
	(void)state_sweep(c);
	keys_stop(c);
	metrics_set(METRIC_JOBS_RUN, clock_now_ms() / SECOND_MS);
	metrics_set(METRIC_JOBS_IN_TROUBLE, in_trouble);
	counted = oversight_count(c, &waiting) == OK;
	c->now_ms = clock_now_ms();
	noted = job_pass_note(c, in_trouble) == OK;
	print(reports, in_trouble, &waiting);
	return in_trouble == 0 && counted && noted ? EXIT_DONE : EXIT_FAILED;
}

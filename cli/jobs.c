/* SPDX-License-Identifier: MIT */
/* jobs.c - one pass over everything that is due; for cron or a timer. Safe to overlap. */
#include <stdio.h>

#include "command.h"
#include "ext/state.h"
#include "flow/close.h"
#include "flow/provider_keys.h"
#include "flow/refund.h"
#include "flow/user_close.h"
#include "shop/books/backoff.h"
#include "shop/books/idempotency.h"
#include "shop/people/session.h"

enum { PURGE_A_PASS = 5000 };

/* What a pass has done. */
struct pass {
	int64_t certificates, keys, sessions;
	struct close_report closed;
	struct refund_report refunds;
	struct user_close_report leaving;
};

static enum err fetch_certificates(struct ctx *c, struct share *s, struct pass *p)
{
	(void)s;
	return keys_refresh(c, &p->certificates);
}

static enum err time_out_orders(struct ctx *c, struct share *s, struct pass *p)
{
	return close_orders(c, s, &p->closed);
}

static enum err time_out_memberships(struct ctx *c, struct share *s, struct pass *p)
{
	return close_memberships(c, s, &p->closed);
}

static enum err follow_payments(struct ctx *c, struct share *s, struct pass *p)
{
	return close_attempts(c, s, &p->closed);
}

static enum err begin_refunds(struct ctx *c, struct share *s, struct pass *p)
{
	(void)p;
	return refund_adopt(c, s);
}

static enum err follow_refunds(struct ctx *c, struct share *s, struct pass *p)
{
	return refund_follow(c, s, &p->refunds);
}

static enum err forget_users(struct ctx *c, struct share *s, struct pass *p)
{
	return user_close_pass(c, s, &p->leaving);
}

static enum err forget_keys(struct ctx *c, struct share *s, struct pass *p)
{
	(void)s;
	return idempotency_purge(c, PURGE_A_PASS, &p->keys);
}

static enum err forget_sessions(struct ctx *c, struct share *s, struct pass *p)
{
	(void)s;
	return session_purge(c, PURGE_A_PASS, &p->sessions);
}

static enum err forget_backoffs(struct ctx *c, struct share *s, struct pass *p)
{
	(void)s;
	(void)p;
	return backoff_purge(c, PURGE_A_PASS);
}

/*
 * The kinds of work in the order of a pass, each with its share of it: whatever one meets, the
 * next ones have theirs.
 */
static const struct job {
	const char *name;
	enum err (*run)(struct ctx *c, struct share *s, struct pass *p);
	int64_t share_ms;
} jobs[] = {
	/* first: the others' answers are proved by them */
	{ "certificates", fetch_certificates, 10 * SECOND_MS },
	{ "orders", time_out_orders, 20 * SECOND_MS },
	{ "membership orders", time_out_memberships, 10 * SECOND_MS },
	{ "payments", follow_payments, 45 * SECOND_MS },
	{ "missing refunds", begin_refunds, 10 * SECOND_MS },
	{ "refunds", follow_refunds, 45 * SECOND_MS },
	{ "deleted users", forget_users, 45 * SECOND_MS },
	{ "keys", forget_keys, 10 * SECOND_MS },
	{ "sessions", forget_sessions, 10 * SECOND_MS },
	{ "backoffs", forget_backoffs, 10 * SECOND_MS },
};

/* Run one kind; what went wrong is told, and is what is answered. */
static enum err run_job(struct ctx *c, const struct job *job, struct pass *p)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	struct share s = share_begin(job->name, job->share_ms);
	enum err e;

	c->now_ms = clock_now_ms();
	c->deadline_ms = s.until_ms;
	e = job->run(c, &s, p);
	if (e == OK)
		e = s.trouble;
	if (e != OK)
		fprintf(stderr, "minimall: %s: %lld failed, %s (%s)\n", job->name,
			(long long)s.failed, err_info(e)->text, err_info(e)->code);
	c->fault = NULL;
	arena_rewind(&c->arena, mark);
	return e;
}

static void print(const struct pass *p, int64_t in_trouble)
{
	const struct close_report *r = &p->closed;

	printf("jobs: %lld orders timed out, %lld payments followed (%lld settled, %lld closed, "
	       "%lld unknown), %lld refunds followed (%lld done, %lld unknown), %lld users, %lld keys "
	       "and %lld sessions forgotten, %lld certificates fetched",
		(long long)r->timed_out, (long long)r->followed, (long long)r->settled,
		(long long)r->closed, (long long)r->unknown, (long long)p->refunds.followed,
		(long long)p->refunds.done, (long long)p->refunds.unknown,
		(long long)p->leaving.done, (long long)p->keys, (long long)p->sessions,
		(long long)p->certificates);
	if (in_trouble > 0)
		printf("; %lld of %zu kinds of work in trouble", (long long)in_trouble,
			ARRAY_LEN(jobs));
	printf("\n");
}

int run_jobs(struct ctx *c, int argc, char **argv)
{
	struct pass pass = { 0 };
	int64_t in_trouble = 0;

	(void)argv;
	if (argc != 1)
		return EXIT_USAGE;
	if (!keys_start(c))
		return EXIT_TROUBLE;
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
		in_trouble += run_job(c, &jobs[i], &pass) != OK;
	(void)state_sweep(c);
	keys_stop(c);
	print(&pass, in_trouble);
	return in_trouble == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

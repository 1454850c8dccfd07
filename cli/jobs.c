/* jobs.c - one pass over everything that is due; for cron or a timer. Safe to overlap. */
#include <stdio.h>

#include "command.h"
#include "ext/state.h"
#include "flow/close.h"
#include "flow/keys.h"
#include "flow/leave.h"
#include "flow/refund.h"
#include "shop/idempotency.h"
#include "shop/session.h"

enum { PURGE_A_PASS = 5000 };

int run_jobs(struct ctx *c, int argc, char **argv)
{
	struct close_report report = { 0 };
	int64_t keys = 0, sessions = 0, certificates = 0;
	struct refund_report refunds = { 0 };
	struct leave_report leaving = { 0 };
	enum err e, renewing, closing, refunding;

	(void)argv;
	if (argc != 1)
		return EXIT_USAGE;
	if (!keys_start(c))
		return EXIT_TROUBLE;
	renewing =
		keys_refresh(c, &certificates); /* first: the others' answers are proved by them */
	closing = close_pass(c, &report);
	refunding = refund_pass(c, &refunds);
	/* a fault with payments keeps nothing else from being done */
	e = leave_pass(c, &leaving);
	if (e == OK)
		e = idempotency_purge(c, PURGE_A_PASS, &keys);
	if (e == OK)
		e = session_purge(c, PURGE_A_PASS, &sessions);
	(void)state_sweep(c);
	keys_stop(c);
	printf("jobs: %lld orders timed out, %lld payments followed (%lld settled, %lld closed, "
	       "%lld unknown), %lld refunds followed (%lld done, %lld unknown), %lld users, %lld keys "
	       "and %lld sessions forgotten, %lld certificates fetched\n",
		(long long)report.timed_out, (long long)report.followed, (long long)report.settled,
		(long long)report.closed, (long long)report.unknown, (long long)refunds.followed,
		(long long)refunds.done, (long long)refunds.unknown, (long long)leaving.done,
		(long long)keys, (long long)sessions, (long long)certificates);
	if (closing == OK)
		closing = refunding != OK ? refunding : renewing;
	if (closing != OK || e != OK)
		return trouble(c, closing != OK ? closing : e);
	return EXIT_DONE;
}

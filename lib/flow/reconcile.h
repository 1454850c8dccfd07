/* SPDX-License-Identifier: MIT */
/*
 * reconcile.h - a provider's bill of a day against our books, by the command and by jobs
 * (PAYMENTS.md 7.1, rule 9).
 *
 * A repair never writes money: it queries the provider, and the answer takes the path of a notification. What no
 * query can mend stays a finding, for an administrator.
 */
#ifndef FLOW_RECONCILE_H
#define FLOW_RECONCILE_H

#include "providers/provider.h"
#include "shop/books/outbox.h"
#include "shop/money/reconciliation.h"

/* Has this shop the provider, and the provider bills? */
bool reconcile_has_bills(const struct ctx *c, const struct provider *p);
/*
 * Compare the bill of the day that starts at starts_ms in UTC+8. The run is recorded with its outcome, also if the bill
 * can't be had (NOT_READY, FAILED). Fails: RECONCILING.
 */
enum err reconcile_day(struct ctx *c, const struct provider *p, int64_t starts_ms, bool repair,
	struct reconciliation *out) MUST;
/* Differences that are left. */
static inline int64_t reconcile_left(const struct reconciliation *run)
{
	return run->findings - run->repaired;
}

/*
 * For `minimall jobs`: from 10:00 of the shop's time yesterday's bill of every provider, once, with repairs; again
 * later, for some days, as long as there is no bill. report->done counts comparisons. Fails, once: UNRECONCILED
 * (differences are left, or there was no bill for a day).
 */
enum err reconcile_pass(struct ctx *c, struct outbox_report *report) MUST;

#endif

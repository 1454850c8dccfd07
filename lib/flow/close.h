/* SPDX-License-Identifier: MIT */
/*
 * close.h - what `minimall jobs` does about payments: follow open attempts, close those
 * that nobody needs, and let overdue orders go, the provider first (BEHAVIOUR 20).
 */
#ifndef FLOW_CLOSE_H
#define FLOW_CLOSE_H

#include "shop/books/share.h"

struct close_report {
	int64_t timed_out, followed, closed, settled, unknown;
};

/*
 * Each adds to the report what it did in its share. Those that fail are in the share; what is
 * answered is what kept all of the kind from being found.
 */
/* Orders past their deadline that wait for no provider. */
enum err close_orders(struct ctx *c, struct share *s, struct close_report *report) MUST;
/* The same of membership orders. */
enum err close_memberships(struct ctx *c, struct share *s, struct close_report *report) MUST;
/* Attempts that are to be asked about. */
enum err close_attempts(struct ctx *c, struct share *s, struct close_report *report) MUST;

#endif

/*
 * close.h - what `minimall jobs` does about payments: follow open attempts, close those
 * that nobody needs, and let overdue orders go, the provider first (BEHAVIOUR 20).
 */
#ifndef FLOW_CLOSE_H
#define FLOW_CLOSE_H

#include "base/ctx.h"

struct close_report {
	int64_t timed_out, followed, closed, settled, unknown;
};

/* One pass over all that is due; bounded in rows, and it stops asking a provider that doesn't answer. */
enum err close_pass(struct ctx *c, struct close_report *report) MUST;

#endif

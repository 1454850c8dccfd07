/* SPDX-License-Identifier: MIT */
/* bill_seen.h - for tests of a provider's bill: the lines that it gave. */
#ifndef UNIT_BILL_SEEN_H
#define UNIT_BILL_SEEN_H

#include "unit.h"

#include "providers/provider.h"

static struct ctx ctx;
static struct bill_line seen[8];
static size_t seen_n;
static enum err answer; /* to a line */

/* bill_line_fn; arg: seen */
static inline enum err note(struct ctx *c, void *arg, const struct bill_line *line)
{
	struct bill_line *copy = &seen[seen_n++];

	assert_ptr_equal(c, &ctx);
	assert_ptr_equal(arg, seen);
	*copy = *line;
	copy->out_trade_no = arena_dup(&c->arena, line->out_trade_no, strlen(line->out_trade_no));
	if (line->refund_no != NULL)
		copy->refund_no = arena_dup(&c->arena, line->refund_no, strlen(line->refund_no));
	return answer;
}

static inline int forget(void **state)
{
	(void)state;
	arena_reset(&ctx.arena);
	seen_n = 0;
	answer = OK;
	return 0;
}

/* A bill with one of its parts replaced. */
static inline const char *replaced(const char *bill, const char *part, const char *other)
{
	const char *at = strstr(bill, part);

	assert_non_null(at);
	return arena_printf(
		&ctx.arena, "%.*s%s%s", (int)(at - bill), bill, other, at + strlen(part));
}

#endif

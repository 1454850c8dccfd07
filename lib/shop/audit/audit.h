/* SPDX-License-Identifier: MIT */
/*
 * audit.h - checks all data against its invariants: every rule is a query that finds the
 * rows that break it. Read-only; owns no table.
 */
#ifndef SHOP_AUDIT_AUDIT_H
#define SHOP_AUDIT_AUDIT_H

#include "base/ctx.h"
#include "base/field.h"

struct finding {
	const char *subject; /* the row, e.g. "product 12" */
	const char *problem;
};

/* A rule that the data must obey, or a condition that needs attention. */
struct audit_rule {
	const char *name;
	const char *sql; /* NULL: find() returns the findings */
	bool open_work;  /* true: not an error, but it needs manual review */
	enum err (*find)(struct ctx *c, struct list *out, bool *more);
};
/* Tables of rules, each ending with a NULL name; NULL after the last. */
extern const struct audit_rule *const audit_books[];

enum { FINDINGS_MAX = 100 };
/* The rows that break a rule; at most FINDINGS_MAX, *more if there are others. */
enum err audit_check(
	struct ctx *c, const struct audit_rule *rule, struct list *out, bool *more) MUST;

#endif

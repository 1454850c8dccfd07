/* SPDX-License-Identifier: MIT */
/*
 * audit.h - the shop's books, derived anew: every rule that the data must obey, as a
 * query that finds the rows which don't. Reads only; owns no table.
 */
#ifndef SHOP_AUDIT_AUDIT_H
#define SHOP_AUDIT_AUDIT_H

#include "base/ctx.h"
#include "base/field.h"

struct finding {
	const char *subject; /* the row, e.g. "product 12" */
	const char *problem;
};

/* One rule of the books, or one kind of work that waits for somebody. */
struct audit_rule {
	const char *name;
	const char *sql; /* NULL: find() says what breaks it */
	bool open_work;  /* true: not an error, but somebody must look */
	enum err (*find)(struct ctx *c, struct list *out, bool *more);
};
/* Tables of rules, each ending with a NULL name, and after the last a NULL. */
extern const struct audit_rule *const audit_books[];

enum { FINDINGS_MAX = 100 };
/* The rows that break a rule; at most FINDINGS_MAX, *more when there are others. */
enum err audit_check(
	struct ctx *c, const struct audit_rule *rule, struct list *out, bool *more) MUST;

#endif

/* SPDX-License-Identifier: MIT */
#include "shop/audit/audit_checkup.h"

static void check_rule(struct ctx *c, struct checkup *k, const struct audit_rule *rule)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	struct list found;
	bool more;
	const enum err e = audit_check(c, rule, &found, &more);

	if (e != OK)
		checkup_failed(k, e);
	else if (found.n > 0)
		checkup_bad(k, "see minimall audit, which names each", "%s: %lld%s", rule->name,
			(long long)found.n, more ? " or more" : "");
	arena_rewind(&c->arena, mark);
}

void check_open_work(struct ctx *c, struct checkup *k)
{
	const int64_t before = k->bad;

	for (const struct audit_rule *const *book = audit_books; *book != NULL; book++)
		for (const struct audit_rule *rule = *book; rule->name != NULL; rule++)
			if (rule->open_work)
				check_rule(c, k, rule);
	if (k->bad == before)
		checkup_ok(k, "nothing waits for a person");
}

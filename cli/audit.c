/* SPDX-License-Identifier: MIT */
/* audit.c - list the rows that break a rule of the audit, and those that need attention. */
#include <stdio.h>

#include "base/str.h"
#include "command.h"
#include "ext/db_watch.h"
#include "shop/audit/audit.h"

/* The default time limit per rule; a shop of millions of orders takes a tenth. */
enum { LIMIT_S = 300, LIMIT_MAX_S = 86400 };

static void print(const struct audit_rule *rule, const struct list *found, bool more)
{
	const struct finding *f = found->rows;

	for (int64_t i = 0; i < found->n; i++)
		printf("%s: %s: %s (%s)\n", rule->open_work ? "open" : "WRONG", f[i].subject,
			f[i].problem, rule->name);
	if (more)
		printf("%s: and more (%s)\n", rule->open_work ? "open" : "WRONG", rule->name);
}

struct tally {
	int64_t rules, wrong, open_work;
};

static enum err check(struct ctx *c, const struct audit_rule *rules, struct tally *t)
{
	for (const struct audit_rule *rule = rules; rule->name != NULL; rule++) {
		const struct arena_mark mark = arena_mark(&c->arena);
		struct list found;
		enum err e;
		bool more;

		e = audit_check(c, rule, &found, &more);
		if (e != OK) {
			db_exit_if_cancelled();
			fprintf(stderr, "minimall: not checked: %s\n", rule->name);
			return e;
		}
		print(rule, &found, more);
		t->rules++;
		*(rule->open_work ? &t->open_work : &t->wrong) += found.n;
		arena_rewind(&c->arena, mark);
	}
	return OK;
}

int run_audit(struct ctx *c, int argc, char **argv)
{
	static const char *const known[] = { "--limit=", NULL };
	const char *text = option(argc, argv, "--limit");
	static struct db_limits limits;
	int64_t limit_s = LIMIT_S;
	struct tally t = { 0 };
	enum err watching;

	if (!options_known(argc, argv, known) ||
		(text != NULL &&
			(!str_to_i64(slice_of(text), LIMIT_MAX_S, &limit_s) || limit_s < 1)))
		return EXIT_USAGE;
	limits = db_limits_command;
	limits.statement_s = (unsigned)limit_s;
	db_set_limits(c->db, &limits);
	watching = db_cancel_on_signal(c);
	if (watching != OK)
		return print_failure(c, watching);
	for (const struct audit_rule *const *book = audit_books; *book != NULL; book++) {
		enum err e = check(c, *book, &t);

		if (e != OK)
			return print_failure(c, e);
	}
	printf("audit: %lld rules, %lld wrong, %lld open\n", (long long)t.rules, (long long)t.wrong,
		(long long)t.open_work);
	return t.wrong == 0 ? EXIT_DONE : EXIT_FAILED;
}

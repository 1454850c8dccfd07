/* audit.c - say which rows break a rule of the books, and what work waits. */
#include <stdio.h>

#include "command.h"
#include "shop/audit.h"

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
		bool more;

		TRY(audit_check(c, rule, &found, &more));
		print(rule, &found, more);
		t->rules++;
		*(rule->open_work ? &t->open_work : &t->wrong) += found.n;
		arena_rewind(&c->arena, mark);
	}
	return OK;
}

int run_audit(struct ctx *c, int argc, char **argv)
{
	struct tally t = { 0 };

	(void)argv;
	if (argc != 1)
		return EXIT_USAGE;
	for (const struct audit_rule *const *book = audit_books; *book != NULL; book++) {
		enum err e = check(c, *book, &t);

		if (e != OK)
			return trouble(c, e);
	}
	printf("audit: %lld rules, %lld wrong, %lld open\n", (long long)t.rules, (long long)t.wrong,
		(long long)t.open_work);
	return t.wrong == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

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

int run_audit(struct ctx *c, int argc, char **argv)
{
	int64_t wrong = 0, open_work = 0, rules = 0;

	(void)argv;
	if (argc != 1)
		return EXIT_USAGE;
	for (const struct audit_rule *rule = audit_rules; rule->name != NULL; rule++, rules++) {
		struct list found;
		bool more;
		enum err e = audit_check(c, rule, &found, &more);

		if (e != OK)
			return trouble(c, e);
		print(rule, &found, more);
		*(rule->open_work ? &open_work : &wrong) += found.n;
	}
	printf("audit: %lld rules, %lld wrong, %lld open\n", (long long)rules, (long long)wrong,
		(long long)open_work);
	return wrong == 0 ? EXIT_DONE : EXIT_TROUBLE;
}

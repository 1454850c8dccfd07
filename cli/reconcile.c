/* SPDX-License-Identifier: MIT */
/* reconcile.c - compare the payment providers' bills of a day with the books. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "flow/provider_keys.h"
#include "flow/reconcile.h"

enum { PAGE = 100 };

static bool print_findings(struct ctx *c, const struct reconciliation *run, int64_t *after)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	const struct billed_finding *f;
	struct list page;

	if (finding_next(c, run->reconciliation_id, *after, PAGE, &page) != OK)
		return false;
	f = page.rows;
	for (int64_t i = 0; i < page.n; i++) {
		const struct finding_reason *reason = &finding_reasons[f[i].reason];
		char billed[MONEY_TEXT_MAX], booked[MONEY_TEXT_MAX];

		(void)money_text(f[i].billed, false, billed);
		(void)money_text(f[i].booked, false, booked);
		printf("%s %s: %s %s: %s (bill %s, books %s)%s\n", run->provider, run->date,
			strcmp(reason->subject, "REFUND") == 0 ? "refund" : "payment", f[i].number,
			reason->spoken, f[i].billed.fen != 0 ? billed : "none",
			f[i].booked.fen != 0 ? booked : "none", f[i].repaired ? ", repaired" : "");
		*after = f[i].finding_id;
	}
	arena_rewind(&c->arena, mark);
	return page.n == PAGE;
}

static void print_run(struct ctx *c, const struct reconciliation *run)
{
	char paid[MONEY_TEXT_MAX], refunded[MONEY_TEXT_MAX];
	int64_t after = 0;

	if (run->outcome == RECONCILIATION_NOT_READY) {
		printf("%s %s: the bill is not made yet\n", run->provider, run->date);
		return;
	}
	if (run->outcome == RECONCILIATION_FAILED) {
		printf("%s %s: there is no bill that can be compared (%s)\n", run->provider,
			run->date, run->error);
		return;
	}
	while (print_findings(c, run, &after))
		continue;
	(void)money_text(run->paid, false, paid);
	(void)money_text(run->refunded, false, refunded);
	printf("%s %s: %lld payments of %s, %lld refunds of %s; %lld differences, %lld repaired\n",
		run->provider, run->date, (long long)run->payments, paid, (long long)run->refunds,
		refunded, (long long)run->findings, (long long)run->repaired);
}

static int compare(struct ctx *c, const struct provider *p, int64_t starts_ms, bool repair)
{
	struct reconciliation run;
	const enum err e = reconcile_day(c, p, starts_ms, repair, &run);

	if (e != OK)
		return print_failure(c, e);
	print_run(c, &run);
	return run.outcome == RECONCILIATION_CLEAN || run.outcome == RECONCILIATION_REPAIRED
		       ? EXIT_DONE
		       : EXIT_FAILED;
}

/* Those asked for; one that this shop hasn't is a failure only if it was named. */
static int compare_all(struct ctx *c, const char *key, int64_t starts_ms, bool repair)
{
	int status = EXIT_DONE;

	for (size_t i = 0; providers[i] != NULL; i++) {
		if (key != NULL && strcmp(providers[i]->key, key) != 0)
			continue;
		if (reconcile_has_bills(c, providers[i])) {
			if (compare(c, providers[i], starts_ms, repair) != EXIT_DONE)
				status = EXIT_FAILED;
		} else if (key != NULL) {
			fprintf(stderr, "minimall: this shop has no bills of %s\n", key);
			status = EXIT_FAILED;
		}
	}
	return status;
}

static bool is_given(int argc, char **argv, const char *flag)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], flag) == 0)
			return true;
	return false;
}

int run_reconcile(struct ctx *c, int argc, char **argv)
{
	static const char *const known[] = { "--date=", "--provider=", "--repair", NULL };
	const char *date = option(argc, argv, "--date"), *key = option(argc, argv, "--provider");
	int64_t starts_ms;
	int status;

	if (!options_known(argc, argv, known) || date == NULL ||
		!clock_parse_cst_day(date, &starts_ms) ||
		(key != NULL && provider_find(key) == NULL))
		return EXIT_USAGE;
	if (starts_ms >= clock_cst_midnight(c->now_ms)) {
		fprintf(stderr, "minimall: the bill of a day is made on the day after it\n");
		return EXIT_USAGE;
	}
	if (!keys_start(c))
		return EXIT_FAILED;
	status = compare_all(c, key, starts_ms, is_given(argc, argv, "--repair"));
	keys_stop(c);
	return status;
}

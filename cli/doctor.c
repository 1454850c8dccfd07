/* SPDX-License-Identifier: MIT */
/* doctor.c - is everything around the shop as it should be? A table of checks, a line or more each. */
#include <stdio.h>

#include "command.h"
#include "flow/checkup.h"
#include "flow/provider_keys.h"
#include "shop/audit/audit_checkup.h"
#include "shop/books/checkup.h"

/* In this order; those that ask the database are skipped when it can't be reached. */
enum { SETTINGS, DATABASE };
static const struct check {
	const char *name; /* stable: scripts look for it */
	void (*run)(struct ctx *c, struct checkup *k);
	bool asks_database;
} checks[] = {
	[SETTINGS] = { "settings", check_settings, false },
	[DATABASE] = { "database", check_database, false },
	{ "schema", check_schema, true },
	{ "database-clock", check_database_clock, true },
	{ "connections", check_connections, true },
	{ "data-disk", check_data_disk, true },
	{ "state", check_state, false },
	{ "keys", check_keys, false },
	{ "clock", check_provider_clock, false },
	{ "jobs", check_jobs, true },
	{ "open-work", check_open_work, true },
	{ "reconciliation", check_reconciliation, true },
	{ "site", check_site, false },
};

/* The number of its complaints. */
static int64_t check(struct ctx *c, struct checkup *k, const struct check *row)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	const int64_t before = k->bad;

	k->name = row->name;
	c->now_ms = clock_now_ms();
	row->run(c, k);
	c->fault = NULL;
	arena_rewind(&c->arena, mark);
	return k->bad - before;
}

static int end(const struct checkup *k)
{
	printf("doctor: %lld complaints\n", (long long)k->bad);
	return k->bad == 0 ? EXIT_DONE : EXIT_FAILED;
}

int run_doctor(struct ctx *c, int argc, char **argv)
{
	struct checkup k = { 0 };
	bool started, reached = true;

	(void)argv;
	if (argc != 1)
		return EXIT_USAGE;
	started = keys_start(c);
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		k.name = checks[i].name;
		if (checks[i].asks_database && !reached)
			checkup_skip(&k, "the database must be reached first");
		else if (check(c, &k, &checks[i]) > 0 && i == DATABASE)
			reached = false;
	}
	if (started)
		keys_stop(c);
	return end(&k);
}

int tell_doctor_settings(int argc)
{
	struct checkup k = { .name = checks[SETTINGS].name };

	if (argc != 1)
		return EXIT_USAGE;
	checkup_bad(&k, "correct them, then run this again", "those named on standard error");
	return end(&k);
}

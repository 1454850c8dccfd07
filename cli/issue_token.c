/* SPDX-License-Identifier: MIT */
/* issue_token.c - service tokens of other systems: issue, list, revoke. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "command.h"
#include "shop/people/service_token.h"

static int issue(struct ctx *c, const char *name)
{
	const char *token;
	enum err e;

	if (name[0] == '\0' || utf8_count(name, strlen(name)) < 1 ||
		utf8_count(name, strlen(name)) > 100)
		return print_failure(c, fail(c, ERR_INVALID, "--system"));
	e = service_token_issue(c, name, &token);
	if (e != OK)
		return print_failure(c, e);
	printf("%s\n", token);
	return EXIT_DONE;
}

static int list(struct ctx *c)
{
	const struct service_token *rows;
	struct list tokens;
	enum err e = service_token_list(c, &tokens);

	if (e != OK)
		return print_failure(c, e);
	rows = tokens.rows;
	for (int64_t i = 0; i < tokens.n; i++) {
		char made[CLOCK_TEXT_MAX], ended[CLOCK_TEXT_MAX] = "";

		clock_iso(rows[i].created_at.ms, false, made);
		if (rows[i].revoked_at.ms != 0)
			clock_iso(rows[i].revoked_at.ms, false, ended);
		printf("%lld\t%s\t%s\t%s\n", (long long)rows[i].token_id, rows[i].name, made,
			ended[0] != '\0' ? ended : "live");
	}
	return EXIT_DONE;
}

static int revoke(struct ctx *c, const char *id_text)
{
	int64_t id;
	enum err e;

	if (!str_to_i64(slice_of(id_text), INT64_MAX - 1, &id))
		return print_failure(c, fail(c, ERR_INVALID, "--revoke"));
	e = service_token_revoke(c, id);
	return e == OK ? EXIT_DONE : print_failure(c, e);
}

int run_issue_token(struct ctx *c, int argc, char **argv)
{
	static const char *const known[] = { "--system=", "--list", "--revoke=", NULL };
	const char *name = option(argc, argv, "--system"), *id = option(argc, argv, "--revoke");

	if (!options_known(argc, argv, known))
		return EXIT_USAGE;
	if (argc == 3 && name != NULL)
		return issue(c, name);
	if (argc == 3 && id != NULL)
		return revoke(c, id);
	return argc == 2 && strcmp(argv[1], "--list") == 0 ? list(c) : EXIT_USAGE;
}

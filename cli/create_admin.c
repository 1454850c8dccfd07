/* SPDX-License-Identifier: MIT */
/* create_admin.c - the first administrator, and any further one. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "shop/people/user.h"

int run_create_admin(struct ctx *c, int argc, char **argv)
{
	static const char *const known[] = { "--account=", "--nickname=", NULL };
	const char *account = option(argc, argv, "--account");
	const char *nickname = option(argc, argv, "--nickname");
	char password[256];
	int64_t id;
	enum err e;

	if (!options_known(argc, argv, known) || account == NULL)
		return EXIT_USAGE;
	if (fgets(password, sizeof(password), stdin) == NULL) {
		fprintf(stderr, "minimall: the password is expected as a line on standard input\n");
		return EXIT_FAILED;
	}
	password[strcspn(password, "\r\n")] = '\0';
	e = user_create_administrator(
		c, account, password, nickname != NULL ? nickname : "管理员", &id);
	if (e != OK)
		return print_failure(c, e);
	printf("administrator %lld created\n", (long long)id);
	return EXIT_DONE;
}

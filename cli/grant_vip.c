/* SPDX-License-Identifier: MIT */
/* grant_vip.c - give a user a VIP membership: an order of 0.00, listed and refunded like any other. */
#include <stdio.h>

#include "base/str.h"
#include "command.h"
#include "shop/membership/membership.h"
#include "shop/membership/plan.h"

static bool number(const char *text, int64_t max, int64_t *out)
{
	return text != NULL && str_to_i64(slice_of(text), max, out) && *out >= 1;
}

int run_grant_vip(struct ctx *c, int argc, char **argv)
{
	static const char *const known[] = { "--user=", "--level=", "--days=", NULL };
	struct membership_order out = { 0 };
	int64_t user, level, days;
	enum err e;

	if (!options_known(argc, argv, known) ||
		!number(option(argc, argv, "--user"), INT64_MAX - 1, &user) ||
		!number(option(argc, argv, "--level"), PLAN_LEVEL_MAX, &level) ||
		!number(option(argc, argv, "--days"), PLAN_DAYS_MAX, &days))
		return EXIT_USAGE;
	e = membership_gift(c, user, level, days, &out);
	if (e != OK)
		return print_failure(c, e);
	printf("%s: level %lld for %lld days given to user %lld (%s)\n", out.order_no,
		(long long)level, (long long)days, (long long)user, out.order_type);
	return EXIT_DONE;
}

/* SPDX-License-Identifier: MIT */
/*
 * note_refund.c - record a refund that was made in the merchant console: its notification may never
 * arrive, and its payment is held until the refund is known (BEHAVIOUR 62).
 */
#include <stdio.h>

#include "base/money.h"
#include "command.h"
#include "flow/provider_keys.h"
#include "flow/refund.h"

int run_note_refund(struct ctx *c, int argc, char **argv)
{
	char yuan[MONEY_TEXT_MAX];
	struct refund out = { 0 };
	enum err e;

	if (argc != 2)
		return EXIT_USAGE;
	if (!keys_start(c))
		return EXIT_FAILED;
	e = refund_record_by_number(c, argv[1], &out);
	keys_stop(c);
	if (e != OK)
		return print_failure(c, e);
	(void)money_text(out.amount, false, yuan);
	printf("%s: %s of order %s, %s; what waited for it is settled by the next pass of jobs\n",
		out.refund_no, yuan, out.order_id, out.status);
	return EXIT_DONE;
}

/* SPDX-License-Identifier: MIT */
/*
 * note_refund.c - record a refund that was made in the merchant console: its notification may never
 * arrive, and its payment is held until the refund is known (BEHAVIOUR 62).
 */
#include <stdio.h>

#include "base/money.h"
#include "base/str.h"
#include "command.h"
#include "flow/provider_keys.h"
#include "flow/refund.h"

int run_note_refund(struct ctx *c, int argc, char **argv)
{
	static const char *const known[] = { "--payment=", "--amount=", NULL };
	struct refund_note note = { 0 };
	char yuan[MONEY_TEXT_MAX];
	struct refund out = { 0 };
	const char *amount;
	enum err e;

	if (argc < 2 || argv[1][0] == '-' || !options_known(argc - 1, argv + 1, known))
		return EXIT_USAGE;
	note.refund_no = argv[1];
	note.out_trade_no = option(argc - 1, argv + 1, "--payment");
	amount = option(argc - 1, argv + 1, "--amount");
	if (amount != NULL &&
		(note.out_trade_no == NULL || !money_parse(slice_of(amount), &note.amount) ||
			note.amount.fen < 1))
		return EXIT_USAGE;
	if (!keys_start(c))
		return EXIT_FAILED;
	e = refund_record_noted(c, &note, &out);
	keys_stop(c);
	if (e != OK)
		return print_failure(c, e);
	(void)money_text(out.amount, false, yuan);
	printf("%s: %s of order %s, %s; what waited for it is settled by the next pass of jobs\n",
		out.refund_no, yuan, out.order_id, out.status);
	return EXIT_DONE;
}

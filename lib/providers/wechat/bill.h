/* SPDX-License-Identifier: MIT */
/* bill.h - WeChat's trade bill of a day (PAYMENTS.md 2.12). */
#ifndef PROVIDERS_WECHAT_BILL_H
#define PROVIDERS_WECHAT_BILL_H

#include "providers/bill.h"

/* As provider.h says. */
enum outcome wxbill(struct ctx *c, const char *day, bill_line_fn *each, void *arg,
	struct bill_summary *sum) MUST;

/* The bill's parts that lines depend on: the columns of its header. */
enum { WXBILL_COLUMNS = 11 };
/* A reader of its lines, zero but for the first members. */
struct wxbill_reader {
	struct ctx *c;
	const char *mchid;
	bill_line_fn *each; /* NULL: only check */
	void *arg;
	struct bill_summary sum;
	enum { WXBILL_HEADER, WXBILL_LINES, WXBILL_TOTALS, WXBILL_END } part;
	size_t at[WXBILL_COLUMNS], width; /* where the columns are, and how many there are in all */
	const char *fault;                /* why the bill is not accepted; NULL: it is, so far */
};
/* Read a line (line_fn): INTERNAL with a fault, or what `each` returned. */
enum err wxbill_line(void *reader, char *line, size_t len) MUST;
/* Was it a whole bill? Otherwise sets its fault. */
bool wxbill_whole(struct wxbill_reader *r) MUST;

#endif

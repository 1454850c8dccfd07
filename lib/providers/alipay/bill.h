/* SPDX-License-Identifier: MIT */
/* bill.h - Alipay's trade bill of a day (PAYMENTS.md 9.1). */
#ifndef PROVIDERS_ALIPAY_BILL_H
#define PROVIDERS_ALIPAY_BILL_H

#include "base/gbk.h"
#include "providers/bill.h"

/* As provider.h says. */
enum outcome alipay_bill(struct ctx *c, const char *day, bill_line_fn *each, void *arg,
	struct bill_summary *sum) MUST;

/* Where a link to a bill leads, by https; NULL: to where no bill of Alipay's is. */
const char *alipay_bill_address(struct ctx *c, const char *link) MUST;

enum { ALIPAY_BILL_COLUMNS = 10 };
/* A reader of the lines of its files, zero but for the first members. */
struct alipay_bill_reader {
	struct ctx *c;
	const char *seller_id;
	struct gbk *gbk;
	char *text;         /* of 3 * BILL_LINE_MAX + 1 bytes: the decoded line */
	bill_line_fn *each; /* NULL: only check */
	void *arg;
	struct bill_summary sum;
	struct bill_summary
		received; /* the same lines, by the column that the bill itself sums up */
	/* of the current file; the file with the details has data and totals */
	enum { ALIPAY_BILL_HEAD, ALIPAY_BILL_LINES, ALIPAY_BILL_OTHER } part;
	size_t at[ALIPAY_BILL_COLUMNS], width;
	int details, payment_totals, refund_totals; /* how many there were */
	const char *fault;
};
/* Another file begins. */
enum err alipay_bill_file(struct alipay_bill_reader *r) MUST;
/* Read a line (line_fn): INTERNAL with a fault, or what `each` returned. */
enum err alipay_bill_line(void *reader, char *line, size_t len) MUST;
/* Were there the details, with their totals? Otherwise sets its fault. */
bool alipay_bill_whole(struct alipay_bill_reader *r) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * bill.h - what reading the providers' bills has in common; only their folders include it.
 *
 * A bill is a file of comma-separated lines, not quoted. It is downloaded into a temporary file and read twice: once to
 * verify all of it, then to give its lines, so that its size costs no memory.
 */
#ifndef PROVIDERS_BILL_H
#define PROVIDERS_BILL_H

#include "base/lines.h"
#include "ext/unpack.h"
#include "providers/provider.h"

enum { BILL_CELLS_MAX = 64, BILL_LINE_MAX = 16 << 10, BILL_ID_MAX = 64 };
/* Beyond it a bill is not read: some nine million lines. */
#define BILL_PACKED_MAX (INT64_C(256) << 20)
extern const struct unpack_limits bill_limits;

/* The cells of a line; NUL-terminated parts of it. */
struct bill_cells {
	char *cell[BILL_CELLS_MAX];
	size_t n;
};
/* Cut a line at each `mark`. False: too many cells. */
bool bill_cut(char *line, const char *mark, struct bill_cells *out) MUST;
/* Where the header has these names (NULL-terminated). False: one is not there. */
bool bill_find(const struct bill_cells *header, const char *const *names, size_t *at) MUST;

/* Decimal yuan, perhaps negative, as a positive amount. False: it is something else. */
bool bill_amount(const char *text, money *out) MUST;
/* "2026-11-27 14:30:00" in China; 0: absent or something else. */
int64_t bill_time(const char *text);
/* A whole number, also as "45.0"; -1: something else. */
int64_t bill_number(const char *text);

/* Add a line to the totals. False: they exceed what can be counted. */
bool bill_count(struct bill_summary *sum, const struct bill_line *line) MUST;
/* Add an amount. False: likewise. */
bool bill_add(money *sum, money m) MUST;

/* An untrustworthy bill: an alarm, with the reason; OUTCOME_UNKNOWN. */
enum outcome bill_refused(const struct provider *p, const char *day, const char *why);

#endif

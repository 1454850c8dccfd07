/* SPDX-License-Identifier: MIT */
/*
 * money.h - amounts of CNY. A struct, so that `+` does not compile.
 * Unit: fen, everywhere but on the wire, where amounts are yuan with at most
 * two decimals, as a number or a text (DESIGN.md 2, BEHAVIOUR 10).
 */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include "base/str.h"

typedef struct {
	int64_t fen;
} money;

#define MONEY_ZERO ((money){ 0 })
/* The largest amount in the wire format: ten digits before the point. */
#define MONEY_MAX_FEN INT64_C(999999999999)

/* These abort on overflow: callers bound their inputs first. */
money money_add(money a, money b) MUST;
money money_sub(money a, money b) MUST;
money money_times(money a, int64_t n) MUST;
int money_cmp(money a, money b);

/* `[0-9]{1,10}(\.[0-9]{1,2})?` and nothing else, taken from the source text (BEHAVIOUR 10). */
bool money_parse(struct slice text, money *out) MUST;

/* "29.90", or with `shortest` the number 29.9 (29 for 29.00). */
enum { MONEY_TEXT_MAX = 32 };
size_t money_text(money m, bool shortest, char out[static MONEY_TEXT_MAX]);

#endif

/* SPDX-License-Identifier: MIT */
#include "shop/trade/order_price.h"

#include <assert.h>
#include <stdlib.h>

#define FEN_PER_YUAN 100

/* A line's exact share of the discount, in thousandths of a fen. */
static int64_t exact(const struct price_line *l, int64_t permille)
{
	return l->total.fen * permille;
}

struct share {
	struct price_line *line;
	int64_t rest; /* what rounding down took from it, in thousandths of a fen */
};

static int by_rest(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	if (x->rest != y->rest)
		return x->rest > y->rest ? -1 : 1;
	return (x->line->product_id > y->line->product_id) -
	       (x->line->product_id < y->line->product_id);
}

money price_discount(struct price_line *lines, size_t n, int64_t permille)
{
	struct share shares[ORDER_LINES_MAX];
	int64_t total = 0, left;

	assert(n <= ORDER_LINES_MAX && permille >= 0 && permille <= PRICE_PERMILLE);
	for (size_t i = 0; i < n; i++)
		total += exact(&lines[i], permille);
	total = (total + PRICE_PERMILLE / 2) / PRICE_PERMILLE;
	left = total;
	for (size_t i = 0; i < n; i++) {
		const int64_t x = exact(&lines[i], permille);

		lines[i].discount.fen = x / PRICE_PERMILLE;
		left -= lines[i].discount.fen;
		shares[i] = (struct share){ &lines[i], x % PRICE_PERMILLE };
	}
	/* fewer than there are lines with a rest, since all rests together are at least left - 1/2 */
	qsort(shares, n, sizeof(*shares), by_rest);
	for (int64_t i = 0; i < left; i++)
		shares[i].line->discount.fen++;
	return (money){ total };
}

money price_of_points(int64_t points, int64_t per_yuan)
{
	return (money){ points * FEN_PER_YUAN / per_yuan };
}

int64_t price_points_taken(int64_t points, int64_t per_yuan)
{
	const int64_t fen = price_of_points(points, per_yuan).fen;

	return (fen * per_yuan + FEN_PER_YUAN - 1) / FEN_PER_YUAN;
}

/* 10^12 fen at 10^5 points a yuan, and 10^12 fen of 100 percent: no overflow. */
int64_t price_points_max(money amount, int64_t percent, int64_t per_yuan)
{
	const int64_t fen = amount.fen * percent / 100;

	/* 100 x points < (fen + 1) x per_yuan */
	return price_points_taken(((fen + 1) * per_yuan - 1) / FEN_PER_YUAN, per_yuan);
}

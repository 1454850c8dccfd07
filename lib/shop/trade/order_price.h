/* SPDX-License-Identifier: MIT */
/*
 * order_price.h - what an order costs: its lines, less the level's discount, less the part paid with
 * points. Pure, integers only; amounts in fen (BEHAVIOUR 14; DESIGN.md 2).
 */
#ifndef SHOP_TRADE_ORDER_PRICE_H
#define SHOP_TRADE_ORDER_PRICE_H

#include "shop/trade/order.h"

enum { PRICE_PERMILLE = 1000, POINTS_PER_YUAN_MAX = 100000 };

struct price_line {
	int64_t product_id;
	money total;    /* 0 … MONEY_MAX_FEN */
	money discount; /* its share, set by price_discount; at most its total */
};

/*
 * The discount of `permille` thousandths (0 … 1000) of all lines together, rounded half up, and its split over them
 * by largest remainder, of equal ones to the lower product_id first: the shares add up to it, and are the same in
 * any order of the lines. At most ORDER_LINES_MAX lines of distinct products, together at most MONEY_MAX_FEN.
 */
money price_discount(struct price_line *lines, size_t n, int64_t permille) MUST;

/* What points are worth: POINTS_PER_YUAN of them one yuan, whole fen, rounded down. At most 10^15 points. */
money price_of_points(int64_t points, int64_t per_yuan) MUST;
/* The fewest points that are worth as much: none is taken that is worth nothing. */
int64_t price_points_taken(int64_t points, int64_t per_yuan) MUST;
/* The most points that can pay at most `percent` (0 … 100) of an amount, of which none is worth nothing. */
int64_t price_points_max(money amount, int64_t percent, int64_t per_yuan) MUST;

#endif

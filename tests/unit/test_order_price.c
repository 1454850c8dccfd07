/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>

#include "shop/trade/order_price.h"

enum { ROUNDS = 20000 };

static uint64_t seed = 20261127;

/* 0 … n - 1 */
static int64_t any(int64_t n)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int64_t)((seed >> 16) % (uint64_t)n);
}

static int64_t sum(const struct price_line *lines, size_t n, bool discounts)
{
	int64_t fen = 0;

	for (size_t i = 0; i < n; i++)
		fen += discounts ? lines[i].discount.fen : lines[i].total.fen;
	return fen;
}

static void a_discount_is_rounded_half_up(void **state)
{
	struct price_line one = { .product_id = 1, .total.fen = 1999 };

	(void)state;
	assert_int_equal(price_discount(&one, 1, 50).fen, 100); /* 99.95 */
	one.total.fen = 10;
	assert_int_equal(price_discount(&one, 1, 50).fen, 1); /* 0.5 */
	assert_int_equal(one.discount.fen, 1);
	one.total.fen = 9;
	assert_int_equal(price_discount(&one, 1, 50).fen, 0); /* 0.45 */
	assert_int_equal(price_discount(&one, 1, 0).fen, 0);
	assert_int_equal(price_discount(&one, 1, 1000).fen, 9);
	one.total.fen = MONEY_MAX_FEN;
	assert_int_equal(price_discount(&one, 1, 1000).fen, MONEY_MAX_FEN);
	assert_int_equal(price_discount(&one, 0, 1000).fen, 0);
}

static void the_largest_remainder_gets_the_last_fen(void **state)
{
	struct price_line lines[] = { { 3, { 10 }, { 0 } }, { 2, { 17 }, { 0 } },
		{ 1, { 10 }, { 0 } } };

	(void)state;
	/* 0.5, 0.85, 0.5: together 1.85, which is 2 */
	assert_int_equal(price_discount(lines, 3, 50).fen, 2);
	assert_int_equal(lines[0].discount.fen, 0);
	assert_int_equal(lines[1].discount.fen, 1);
	assert_int_equal(lines[2].discount.fen, 1); /* of two equal ones the lower product */
}

static void fill(struct price_line *lines, size_t n)
{
	/* small totals, where a fen matters, as often as the largest */
	const int64_t most = any(2) == 0 ? 200 : MONEY_MAX_FEN / ORDER_LINES_MAX;

	for (size_t i = 0; i < n; i++)
		lines[i] = (struct price_line){ .product_id = (int64_t)i + 1,
			.total.fen = any(most + 1) };
}

static void shuffle(const struct price_line *from, struct price_line *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = from[i];
	for (size_t i = n; i > 1; i--) {
		const size_t j = (size_t)any((int64_t)i);
		const struct price_line kept = to[i - 1];

		to[i - 1] = to[j];
		to[j] = kept;
	}
}

static void shares_add_up_in_any_order_of_the_lines(void **state)
{
	struct price_line lines[ORDER_LINES_MAX], other[ORDER_LINES_MAX];

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		const size_t n = 1 + (size_t)any(any(20) == 0 ? ORDER_LINES_MAX : 6);
		const int64_t permille = any(PRICE_PERMILLE + 1);
		int64_t total;

		fill(lines, n);
		shuffle(lines, other, n);
		total = price_discount(lines, n, permille).fen;
		assert_int_equal(price_discount(other, n, permille).fen, total);
		assert_int_equal(sum(lines, n, true), total);
		assert_true(total >= 0 && total <= sum(lines, n, false));
		assert_true(2 * (total * 1000 - sum(lines, n, false) * permille) <= 1000);
		assert_true(2 * (total * 1000 - sum(lines, n, false) * permille) > -1000);
		for (size_t i = 0; i < n; i++) {
			const struct price_line *same = &lines[other[i].product_id - 1];

			assert_int_equal(other[i].discount.fen, same->discount.fen);
			assert_true(
				same->discount.fen >= 0 && same->discount.fen <= same->total.fen);
			/* less than a fen from the exact share */
			assert_true(llabs(same->discount.fen * 1000 - same->total.fen * permille) <
				    1000);
		}
	}
}

static void points_are_worth_whole_fen(void **state)
{
	(void)state;
	assert_int_equal(price_of_points(1, 100).fen, 1);
	assert_int_equal(price_of_points(999999, 100).fen, 999999);
	assert_int_equal(price_of_points(15, 1000).fen, 1);
	assert_int_equal(price_points_taken(15, 1000), 10);
	assert_int_equal(price_points_taken(9, 1000), 0);
	assert_int_equal(price_points_taken(7, 7), 7);
	assert_int_equal(price_of_points(1, 1).fen, 100);
}

static void the_most_points_are_a_percentage_of_the_amount(void **state)
{
	(void)state;
	assert_int_equal(price_points_max((money){ 1999 }, 100, 100), 1999);
	assert_int_equal(price_points_max((money){ 1999 }, 50, 100), 999);
	assert_int_equal(price_points_max((money){ 1999 }, 0, 100), 0);
	assert_int_equal(price_points_max((money){ 99 }, 100, 1), 0); /* a point is a yuan */
	assert_int_equal(price_points_max((money){ 50 }, 100, 7), 3); /* 4 are worth 57 fen */
	assert_int_equal(price_points_max((money){ MONEY_MAX_FEN }, 100, POINTS_PER_YUAN_MAX),
		MONEY_MAX_FEN * (POINTS_PER_YUAN_MAX / 100));
}

static void no_point_is_wasted_and_none_is_missing(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		const int64_t per_yuan = 1 + any(any(2) == 0 ? 200 : POINTS_PER_YUAN_MAX);
		const int64_t percent = any(101), points = any(1000000);
		const money amount = { any(MONEY_MAX_FEN) };
		const int64_t taken = price_points_taken(points, per_yuan);
		const int64_t most = price_points_max(amount, percent, per_yuan);

		assert_true(taken >= 0 && taken <= points);
		assert_int_equal(price_of_points(taken, per_yuan).fen,
			price_of_points(points, per_yuan).fen);
		assert_true(taken == 0 || price_of_points(taken - 1, per_yuan).fen <
						  price_of_points(points, per_yuan).fen);
		assert_true(price_of_points(most, per_yuan).fen <= amount.fen * percent / 100);
		/* whatever would be worth more exceeds it */
		for (int64_t more = most + 1; more <= most + per_yuan / 100 + 1; more++)
			assert_true(
				price_of_points(more, per_yuan).fen > amount.fen * percent / 100 ||
				price_points_taken(more, per_yuan) == most);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_discount_is_rounded_half_up),
		cmocka_unit_test(the_largest_remainder_gets_the_last_fen),
		cmocka_unit_test(shares_add_up_in_any_order_of_the_lines),
		cmocka_unit_test(points_are_worth_whole_fen),
		cmocka_unit_test(the_most_points_are_a_percentage_of_the_amount),
		cmocka_unit_test(no_point_is_wasted_and_none_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

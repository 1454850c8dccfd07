/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "shop/loyalty/lots.h"

#define NOW 1000

/* Three lots: one has expired but for what is held, and two expire on the same day. */
struct some {
	struct lot rows[8];
	struct lots l;
};

static void set(struct some *s)
{
	*s = (struct some){ .rows = {
				    { .lot_id = 3, .expires_ms = 900, .unspent = 5, .held = 5 },
				    { .lot_id = 1, .expires_ms = 2000, .unspent = 10 },
				    { .lot_id = 2, .expires_ms = 2000, .unspent = 20, .held = 4 },
				    { .lot_id = 4, .expires_ms = 3000, .unspent = 100 },
			    } };
	s->l = (struct lots){ .rows = s->rows, .n = 4 };
	lots_mark(&s->l);
}

static int64_t left(const struct some *s, int64_t lot_id)
{
	for (int64_t i = 0; i < s->l.n; i++)
		if (s->rows[i].lot_id == lot_id)
			return s->rows[i].unspent;
	return -1;
}

static void b46_the_earliest_expiry_is_spent_first_then_the_lowest_number(void **state)
{
	struct some s;

	(void)state;
	set(&s);
	assert_int_equal(lots_available(&s.l, NOW), 126);
	assert_int_equal(lots_spend(&s.l, 12, NOW), OK);
	assert_int_equal(left(&s, 1), 0);
	assert_int_equal(left(&s, 2), 18);
	assert_int_equal(lots_spend(&s.l, 20, NOW), OK);
	assert_int_equal(left(&s, 2), 4); /* what is held stays */
	assert_int_equal(left(&s, 4), 94);
	assert_int_equal(lots_spend(&s.l, 95, NOW), ERR_INSUFFICIENT_POINTS);
	assert_int_equal(left(&s, 4), 94);
	assert_int_equal(left(&s, 3), 5);
}

static void b59_what_is_held_expires_once_it_is_released(void **state)
{
	static const struct lot_part parts[] = { { 3, 5 }, { 2, 4 } };
	struct some s;

	(void)state;
	set(&s);
	assert_int_equal(lots_expire(&s.l, NOW), 0);
	assert_int_equal(lots_release(&s.l, &(struct lot_parts){ parts, 2 }, NOW), OK);
	assert_int_equal(lots_held(&s.l), 0);
	assert_int_equal(lots_expire(&s.l, NOW), 5);
	assert_int_equal(lots_expire(&s.l, NOW), 0);
	assert_int_equal(left(&s, 2), 20);
}

static void b47_a_debt_is_covered_first_and_a_new_lot_keeps_its_expiry(void **state)
{
	struct some s;

	(void)state;
	set(&s);
	assert_int_equal(lots_take_back(&s.l, 4, 130, NOW), OK);
	assert_int_equal(s.l.debt, 4);
	assert_int_equal(lots_available(&s.l, NOW), -4);
	assert_int_equal(lots_balance(&s.l), 9 - 4);
	assert_int_equal(lots_spend(&s.l, 1, NOW), ERR_INSUFFICIENT_POINTS);
	assert_int_equal(lots_add(&s.l, 5, 2500, 10, NOW), OK);
	assert_int_equal(s.l.debt, 0);
	assert_int_equal(left(&s, 5), 6);
	assert_int_equal(s.rows[3].lot_id, 5);
	assert_int_equal(s.rows[3].expires_ms, 2500);
}

static void b47_points_are_taken_from_the_lot_that_they_are(void **state)
{
	struct some s;

	(void)state;
	set(&s);
	assert_int_equal(lots_take_back(&s.l, 4, 30, NOW), OK);
	assert_int_equal(left(&s, 4), 70);
	assert_int_equal(left(&s, 1), 10);
	assert_int_equal(lots_take_back(&s.l, 2, 20, NOW), OK);
	assert_int_equal(left(&s, 2), 4);
	assert_int_equal(left(&s, 1), 6);
}

static void b47_points_return_to_their_lots_the_latest_last(void **state)
{
	static const struct lot_part spent[] = { { 3, 2 }, { 1, 3 }, { 4, 10 } };
	const struct lot_parts parts = { spent, 3 };
	struct some s;

	(void)state;
	set(&s);
	assert_int_equal(lots_return(&s.l, &parts, 0, 4, NOW, 0), OK);
	assert_int_equal(left(&s, 3), 7);
	assert_int_equal(left(&s, 1), 12);
	assert_int_equal(left(&s, 4), 100);
	assert_int_equal(lots_expire(&s.l, NOW), 2); /* it had expired meanwhile */
	assert_int_equal(lots_return(&s.l, &parts, 4, 11, NOW, 0), OK);
	assert_int_equal(left(&s, 1), 13);
	assert_int_equal(left(&s, 4), 110);
	assert_int_equal(lots_return(&s.l, &parts, 15, 1, NOW, 0), ERR_INTERNAL);
}

static void b47_with_days_of_grace_a_returned_lot_lives_on(void **state)
{
	static const struct lot_part spent[] = { { 3, 2 }, { 1, 3 } };
	struct some s;

	(void)state;
	set(&s);
	assert_int_equal(lots_return(&s.l, &(struct lot_parts){ spent, 2 }, 0, 5, NOW, 2500), OK);
	assert_int_equal(lots_expire(&s.l, NOW), 0);
	assert_true(lots_possible(&s.l));
	assert_int_equal(s.rows[2].lot_id, 3);
	assert_int_equal(s.rows[2].expires_ms, 2500);
	assert_int_equal(left(&s, 1), 13);
}

static void b47_the_share_of_a_refund_is_cumulative_and_rounded_down(void **state)
{
	static const struct {
		int64_t points;
		struct lot_refund r;
		int64_t share;
	} rows[] = {
		{ 19, { 1, 1999, false }, 0 },
		{ 19, { 1000, 1999, false }, 9 },
		{ 19, { 1998, 1999, false }, 18 },
		{ 19, { 1999, 1999, false }, 19 },
		{ 19, { 0, 0, true }, 19 },
		{ 999999, { 999999999998, 999999999999, false }, 999998 },
		{ 9999999999, { 999999999998, 999999999999, false }, 9999999998 },
		{ 0, { 5, 10, false }, 0 },
	};
	int64_t share;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lots_of_refund(rows[i].points, &rows[i].r, &share), OK);
		assert_int_equal(share, rows[i].share);
	}
	assert_int_equal(
		lots_of_refund(1, &(struct lot_refund){ 0, 0, false }, &share), ERR_INTERNAL);
	assert_int_equal(
		lots_of_refund(1, &(struct lot_refund){ -1, 5, false }, &share), ERR_INTERNAL);
}

static void impossible_arguments_change_nothing(void **state)
{
	static const struct lot_part absent[] = { { 9, 1 } }, much[] = { { 2, 5 } },
				     twice[] = { { 2, 3 }, { 2, 3 } };
	struct some s, was;

	(void)state;
	set(&s);
	was = s;
	assert_int_equal(lots_spend(&s.l, 0, NOW), ERR_INTERNAL);
	assert_int_equal(lots_hold(&s.l, -1, NOW), ERR_INTERNAL);
	assert_int_equal(lots_take_back(&s.l, 1, 0, NOW), ERR_INTERNAL);
	assert_int_equal(lots_add(&s.l, 5, NOW, 1, NOW), ERR_INTERNAL);
	assert_int_equal(lots_add(&s.l, 1, 2500, 1, NOW), ERR_INTERNAL);
	assert_int_equal(lots_add(&s.l, 5, 2500, 0, NOW), ERR_INTERNAL);
	assert_int_equal(lots_post(&s.l, &(struct lot_parts){ absent, 1 }), ERR_INTERNAL);
	assert_int_equal(lots_post(&s.l, &(struct lot_parts){ much, 1 }), ERR_INTERNAL);
	assert_int_equal(lots_release(&s.l, &(struct lot_parts){ twice, 2 }, NOW), ERR_INTERNAL);
	assert_int_equal(
		lots_return(&s.l, &(struct lot_parts){ absent, 1 }, 0, 1, NOW, 0), ERR_INTERNAL);
	assert_memory_equal(s.rows, was.rows, sizeof(s.rows));
	assert_int_equal(s.l.n, 4);
	assert_int_equal(s.l.debt, 0);
}

static void impossible_rows_are_recognised(void **state)
{
	struct some s;

	(void)state;
	set(&s);
	assert_true(lots_possible(&s.l));
	s.rows[1].held = 11;
	assert_false(lots_possible(&s.l));
	set(&s);
	s.rows[1].lot_id = 2;
	assert_false(lots_possible(&s.l));
	set(&s);
	s.rows[3].expires_ms = 1999;
	assert_false(lots_possible(&s.l));
	set(&s);
	s.rows[0].held = -1;
	assert_false(lots_possible(&s.l));
	set(&s);
	s.l.debt = -1;
	assert_false(lots_possible(&s.l));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b46_the_earliest_expiry_is_spent_first_then_the_lowest_number),
		cmocka_unit_test(b59_what_is_held_expires_once_it_is_released),
		cmocka_unit_test(b47_a_debt_is_covered_first_and_a_new_lot_keeps_its_expiry),
		cmocka_unit_test(b47_points_are_taken_from_the_lot_that_they_are),
		cmocka_unit_test(b47_points_return_to_their_lots_the_latest_last),
		cmocka_unit_test(b47_with_days_of_grace_a_returned_lot_lives_on),
		cmocka_unit_test(b47_the_share_of_a_refund_is_cumulative_and_rounded_down),
		cmocka_unit_test(impossible_arguments_change_nothing),
		cmocka_unit_test(impossible_rows_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

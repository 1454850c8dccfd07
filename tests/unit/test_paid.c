/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "shop/money/paid.h"

static enum err paid(money amount, struct payment p)
{
	struct ctx c = {
		.now_ms = 1
	}; /* without a database: a payment that can't be asks for none */

	return paid_tx(&c, &(struct charge){ PAYABLE_ORDER, 1, { .paid = amount } }, &p);
}

static void a_payment_has_somebody_who_says_so_and_a_time(void **state)
{
	(void)state;
	assert_int_equal(paid((money){ 1 }, (struct payment){ .by = PAID_BY_NONE, .at.ms = 1 }),
		ERR_INTERNAL);
	assert_int_equal(paid((money){ 1 }, (struct payment){ .by = PAID_OFFLINE }), ERR_INTERNAL);
}

static void what_costs_something_is_not_paid_with_nothing(void **state)
{
	(void)state;
	assert_int_equal(paid((money){ 1 }, (struct payment){ .by = PAID_NOTHING_DUE, .at.ms = 1 }),
		ERR_INTERNAL);
	assert_int_equal(
		paid((money){ 1 }, (struct payment){ .by = PAID_GIFT, .at.ms = 1 }), ERR_INTERNAL);
}

static void what_no_refund_gives_back_goes_back_wholly(void **state)
{
	struct ctx c = { .now_ms = 1 };
	bool all = false;

	(void)state;
	/* a membership's, which asks for no points */
	assert_int_equal(
		paid_refunded_tx(&c, &(struct charge){ PAYABLE_MEMBERSHIP, 1, { .paid = { 1 } } },
			PAID_OFFLINE, (money){ 1 }, &all),
		OK);
	assert_true(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_payment_has_somebody_who_says_so_and_a_time),
		cmocka_unit_test(what_costs_something_is_not_paid_with_nothing),
		cmocka_unit_test(what_no_refund_gives_back_goes_back_wholly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

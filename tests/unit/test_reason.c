/* SPDX-License-Identifier: MIT */
/* test_reason.c - stored reasons in words. */
#include "unit.h"

#include <string.h>

#include "shop/money/reason.h"

static void a_known_reason_has_words_and_another_is_itself(void **state)
{
	(void)state;
	assert_string_equal(reason_text("ALREADY_PAID"), "订单已用其他方式支付");
	assert_string_equal(reason_text("OF_ANOTHER_VERSION"), "OF_ANOTHER_VERSION");
	assert_null(reason_text(NULL));
}

static void each_reason_of_an_orphan_is_listed_once_with_words(void **state)
{
	(void)state;
	for (const char *const *one = orphan_reasons; *one != NULL; one++) {
		assert_string_not_equal(reason_text(*one), *one);
		for (const char *const *other = one + 1; *other != NULL; other++)
			assert_string_not_equal(*one, *other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_known_reason_has_words_and_another_is_itself),
		cmocka_unit_test(each_reason_of_an_orphan_is_listed_once_with_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "shop/loyalty/level.h"
#include "shop/people/member.h"

static struct level rows[] = { { .id = 1, .min_points = 0 }, { .id = 7, .min_points = 1000 },
	{ .id = 3, .min_points = 5000 } };
static const struct list levels = { rows, ARRAY_LEN(rows) };

static void points_reach_the_highest_level_whose_threshold_they_meet(void **state)
{
	static const struct {
		int64_t points, id;
	} cases[] = { { INT64_MIN, 1 }, { -1, 1 }, { 0, 1 }, { 999, 1 }, { 1000, 7 }, { 4999, 7 },
		{ 5000, 3 }, { INT64_MAX, 3 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(level_for(&levels, cases[i].points)->id, cases[i].id);
}

static void a_level_is_found_by_its_id(void **state)
{
	(void)state;
	assert_ptr_equal(level_of_id(&levels, 3), &rows[2]);
	assert_null(level_of_id(&levels, 2));
}

static void a_code_is_m_an_existing_day_and_a_number(void **state)
{
	static const char *const good[] = { "M202509180001", "M2025091800001", "M202402299999",
		"M20250918123456789" };
	static const char *const bad[] = { "", "M", "M20250918", "M20250918001", "m202509180001",
		"X202509180001", "202509180001", "M202502300001", "M202513010001", "M000001010001",
		"M20250918000A", "M202509180001 ", "M202509181234567890" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(member_code_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(member_code_is_valid(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_reach_the_highest_level_whose_threshold_they_meet),
		cmocka_unit_test(a_level_is_found_by_its_id),
		cmocka_unit_test(a_code_is_m_an_existing_day_and_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

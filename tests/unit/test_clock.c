/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

/* 9999-12-31T23:59:59.999Z */
#define LAST_MS INT64_C(253402300799999)

static int shanghai(void **state)
{
	(void)state;
	return clock_init("Asia/Shanghai", NULL) ? 0 : 1;
}

static void the_providers_days_are_those_of_china(void **state)
{
	const int64_t midnight = INT64_C(1694707200000); /* 2023-09-15T00:00:00+08:00 */
	char day[CLOCK_TEXT_MAX];
	int64_t ms;

	(void)state;
	clock_cst_day(midnight, day);
	assert_string_equal(day, "2023-09-15");
	clock_cst_day(midnight - 1, day);
	assert_string_equal(day, "2023-09-14");
	assert_int_equal(clock_cst_midnight(midnight), midnight);
	assert_int_equal(clock_cst_midnight(midnight + DAY_MS - 1), midnight);
	assert_int_equal(clock_cst_midnight(midnight - 1), midnight - DAY_MS);
	assert_true(clock_parse_cst_day("2023-09-15", &ms));
	assert_int_equal(ms, midnight);
	assert_false(clock_parse_cst_day("2023-09-31", &ms));
	assert_false(clock_parse_cst_day("2023-9-15", &ms));
	assert_false(clock_parse_cst_day("2023-09-15T", &ms));
	assert_false(clock_parse_cst_day("1970-01-01", &ms)); /* before 1970 UTC */
	/* in the shop's zone, here the same */
	assert_int_equal(
		clock_shop_time_of_day(midnight + 10 * HOUR_MS + 1500), 10 * HOUR_MS + SECOND_MS);
	assert_int_equal(clock_shop_time_of_day(midnight - SECOND_MS), DAY_MS - SECOND_MS);
}

static void timestamps_are_written_in_utc(void **state)
{
	static const struct {
		int64_t ms;
		const char *with_ms, *without;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z" },
		{ 1, "1970-01-01T00:00:00.001Z", "1970-01-01T00:00:00Z" },
		{ 1694764800000, "2023-09-15T08:00:00.000Z", "2023-09-15T08:00:00Z" },
		{ 1709164799999, "2024-02-28T23:59:59.999Z", "2024-02-28T23:59:59Z" },
		{ 1709164800000, "2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00Z" },
		{ 2147483648000, "2038-01-19T03:14:08.000Z", "2038-01-19T03:14:08Z" },
		{ LAST_MS, "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59Z" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_TEXT_MAX];

		clock_iso(cases[i].ms, true, text);
		assert_string_equal(text, cases[i].with_ms);
		clock_iso(cases[i].ms, false, text);
		assert_string_equal(text, cases[i].without);
	}
}

static void times_for_wechat_are_china_standard_time_in_any_zone(void **state)
{
	static const char *const zones[] = { "UTC", "Asia/Shanghai", "America/New_York" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
		char text[CLOCK_TEXT_MAX];

		assert_true(clock_init(zones[i], NULL));
		clock_rfc3339_cst(1694764800000, text);
		assert_string_equal(text, "2023-09-15T16:00:00+08:00");
		clock_rfc3339_cst(1704038400000, text); /* there the new year has begun */
		assert_string_equal(text, "2024-01-01T00:00:00+08:00");
		clock_rfc3339_cst(1704038399999, text);
		assert_string_equal(text, "2023-12-31T23:59:59+08:00");
	}
}

static void a_day_is_in_the_shops_zone(void **state)
{
	static const struct {
		const char *zone;
		int64_t ms;
		const char *day;
	} cases[] = {
		{ "Asia/Shanghai", 1694764800000, "20230915" },
		{ "Asia/Shanghai", 1694793599999, "20230915" }, /* 23:59:59.999 */
		{ "Asia/Shanghai", 1694793600000, "20230916" },
		{ "UTC", 1694793600000, "20230915" },
		{ "UTC", 1694822400000, "20230916" },
		{ "America/New_York", 1694822400000, "20230915" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_TEXT_MAX];

		assert_true(clock_init(cases[i].zone, NULL));
		clock_shop_day(cases[i].ms, text);
		assert_string_equal(text, cases[i].day);
	}
}

static void a_date_and_its_midnight_are_in_the_shops_zone(void **state)
{
	static const struct {
		const char *zone;
		int64_t ms, midnight, next; /* of the day, and of the day after */
		const char *date;
	} cases[] = {
		{ "Asia/Shanghai", 1694793599999, 1694707200000, 1694793600000, "2023-09-15" },
		{ "Asia/Shanghai", 1694793600000, 1694793600000, 1694880000000, "2023-09-16" },
		{ "UTC", 1694793600000, 1694736000000, 1694822400000, "2023-09-15" },
		/* 25 hours */
		{ "America/New_York", 1699200000000, 1699156800000, 1699246800000, "2023-11-05" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[CLOCK_TEXT_MAX];

		assert_true(clock_init(cases[i].zone, NULL));
		clock_shop_date(cases[i].ms, text);
		assert_string_equal(text, cases[i].date);
		assert_int_equal(clock_shop_midnight(cases[i].ms, 0), cases[i].midnight);
		assert_int_equal(clock_shop_midnight(cases[i].ms, 1), cases[i].next);
		assert_int_equal(clock_shop_midnight(cases[i].next, -1), cases[i].midnight);
	}
	assert_true(clock_init("Asia/Shanghai", NULL));
	assert_int_equal(clock_shop_midnight(1694764800000, 731),
		clock_shop_midnight(1694764800000, 0) + 731 * DAY_MS);
}

static void timestamps_are_read_with_any_offset(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} cases[] = {
		{ "2023-09-15T08:00:00Z", 1694764800000 },
		{ "2023-09-15T08:00:00.000Z", 1694764800000 },
		{ "2023-09-15t08:00:00z", 1694764800000 },
		{ "2023-09-15T16:00:00+08:00", 1694764800000 },
		{ "2023-09-15T02:30:00-05:30", 1694764800000 },
		{ "2023-09-15T08:00:00-00:00", 1694764800000 },
		{ "2023-09-15T08:00:00.5Z", 1694764800500 },
		{ "2023-09-15T08:00:00.05Z", 1694764800050 },
		{ "2023-09-15T08:00:00.123456789Z", 1694764800123 },
		{ "2023-09-15T08:00:00.999999Z", 1694764800999 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "2000-02-29T00:00:00Z", 951782400000 },
		{ "1970-01-01T00:00:00.001Z", 1 },
		{ "1970-01-01T08:00:00.001+08:00", 1 },
		{ "9999-12-31T23:59:59.999Z", LAST_MS },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = -1;

		if (!clock_parse(cases[i].text, &ms) || ms != cases[i].ms)
			fail_msg("%s became %lld", cases[i].text, (long long)ms);
	}
}

static void invalid_timestamps_are_refused(void **state)
{
	static const char *const cases[] = { "", "2023", "2023-09-15", "2023-09-15T08:00:00",
		"2023-09-15T08:00Z", "2023-09-15 08:00:00Z", "2023-09-15T08:00:00ZZ",
		"2023-09-15T08:00:00Z ", " 2023-09-15T08:00:00Z", "2023-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2200-02-29T00:00:00Z",
		"2023-04-31T00:00:00Z", "2023-00-10T00:00:00Z", "2023-13-10T00:00:00Z",
		"2023-01-00T00:00:00Z", "2023-01-32T00:00:00Z", "2023-09-15T24:00:00Z",
		"2023-09-15T23:60:00Z", "2023-09-15T23:59:60Z", "2023-9-15T08:00:00Z",
		"2023-09-15T8:00:00Z", "2023-09-15T08:00:00.Z", "2023-09-15T08:00:00.1234567890Z",
		"2023-09-15T08:00:00,5Z", "2023-09-15T08:00:00+8:00", "2023-09-15T08:00:00+0800",
		"2023-09-15T08:00:00+24:00", "2023-09-15T08:00:00+08:60", "2023-09-15T08:00:00+08",
		"+2023-09-15T08:00:00Z", "-2023-09-15T08:00:00Z", "12023-09-15T08:00:00Z",
		"1969-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "2023/09/15T08:00:00Z",
		"1694764800000", "now", "２023-09-15T08:00:00Z",
		/* in range as written, out of range in UTC */
		"1970-01-01T00:00:00+00:01", "1970-01-01T07:59:59.999+08:00",
		"9999-12-31T23:59:59-00:01" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = -1;

		if (clock_parse(cases[i], &ms) || ms != -1)
			fail_msg("\"%s\" became %lld", cases[i], (long long)ms);
	}
}

static void what_was_written_reads_back_under_every_zone(void **state)
{
	static const char *const zones[] = { "Asia/Shanghai", "UTC", "America/New_York",
		"Asia/Kathmandu" };
	uint64_t seed = 2463534242;

	(void)state;
	for (size_t z = 0; z < ARRAY_LEN(zones); z++) {
		assert_true(clock_init(zones[z], NULL));
		for (int i = 0; i < 20000; i++) {
			char text[CLOCK_TEXT_MAX];
			int64_t ms, back = -1;

			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			ms = (int64_t)(seed % (uint64_t)(LAST_MS + 1));
			clock_iso(ms, true, text);
			assert_true(clock_parse(text, &back));
			assert_int_equal(back, ms);
			if (ms > LAST_MS - DAY_MS)
				continue;
			clock_rfc3339_cst(ms, text);
			assert_true(clock_parse(text, &back));
			assert_int_equal(back, ms - ms % 1000);
		}
	}
}

static void a_day_begins_at_the_shops_midnight(void **state)
{
	static const struct {
		const char *zone, *day;
		int64_t ms;
	} cases[] = {
		{ "Asia/Shanghai", "2023-09-15", 1694707200000 },
		{ "UTC", "2023-09-15", 1694736000000 },
		{ "America/New_York", "2023-09-15", 1694750400000 }, /* summer: -4 */
		{ "America/New_York", "2023-12-15", 1702616400000 }, /* winter: -5 */
		{ "America/New_York", "2023-11-05", 1699156800000 }, /* the day of the DST change */
		{ "Asia/Shanghai", "2024-02-29", 1709136000000 },
	};
	static const char *const wrong[] = { "", "2023-09-15T00:00:00Z", "2023-9-15", "2023-02-29",
		"20230915", "2023-09-15 ", "1969-12-31", "2023-09-31", "today" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = -1;

		assert_true(clock_init(cases[i].zone, NULL));
		assert_true(clock_parse_day(cases[i].day, 0, &ms));
		assert_int_equal(ms, cases[i].ms);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (clock_parse_day(wrong[i], 0, &(int64_t){ 0 }))
			fail_msg("\"%s\" passed for a day", wrong[i]);
}

static void an_unknown_zone_is_refused(void **state)
{
	static const char *const wrong[] = { "Asia/Nowhere", "../../../etc/passwd",
		"/etc/localtime", "Mars", "Asia/../Nowhere" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (clock_init(wrong[i], NULL))
			fail_msg("%s passed for a zone", wrong[i]);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* The offset from the system's clock, in seconds. */
static int64_t offset_s(void)
{
	struct timespec before, after;
	int64_t now, offset;

	clock_gettime(CLOCK_REALTIME, &before);
	now = clock_now_ms();
	clock_gettime(CLOCK_REALTIME, &after);
	offset = (now - before.tv_sec * 1000) / 1000;
	/* a second may have passed between the two */
	if (after.tv_sec != before.tv_sec && offset * 1000 > now - after.tv_sec * 1000)
		offset = (now - after.tv_sec * 1000) / 1000;
	return offset;
}

static void the_test_clock_is_read_at_each_call(void **state)
{
	char path[] = "/tmp/minimall-clock-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_true(clock_init("Asia/Shanghai", path));
	assert_int_equal(offset_s(), 0); /* empty */
	write_file(path, "86400\n");
	assert_int_equal(offset_s(), 86400);
	write_file(path, "-3600");
	assert_in_range(offset_s() + 3600, 0, 1); /* a division rounds towards zero */
	write_file(path, "3153600000");
	assert_int_equal(offset_s(), 3153600000);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(offset_s(), 0); /* removed */
	write_file(path, "86400");
	assert_true(clock_init("Asia/Shanghai", NULL));
	assert_int_equal(offset_s(), 0); /* not configured */
	assert_int_equal(unlink(path), 0);
}

static void a_date_of_birth_is_an_existing_day_since_1900(void **state)
{
	static const char *const good[] = { "1900-01-01", "1969-12-31", "2000-02-29",
		"9999-12-31" };
	static const char *const bad[] = { "", "1899-12-31", "1900-02-29", "2023-02-29",
		"2023-04-31", "2023-00-10", "2023-13-01", "2023-1-01", "2023-01-01 ",
		"2023-01-01T00:00:00Z" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(clock_is_day(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(clock_is_day(bad[i]));
}

static void the_clock_for_durations_never_goes_back(void **state)
{
	int64_t last = clock_mono_ms();

	(void)state;
	for (int i = 0; i < 100000; i++) {
		int64_t now = clock_mono_ms();

		assert_true(now >= last);
		last = now;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_providers_days_are_those_of_china, shanghai),
		cmocka_unit_test(timestamps_are_written_in_utc),
		cmocka_unit_test(times_for_wechat_are_china_standard_time_in_any_zone),
		cmocka_unit_test(a_day_is_in_the_shops_zone),
		cmocka_unit_test(a_date_and_its_midnight_are_in_the_shops_zone),
		cmocka_unit_test_setup(timestamps_are_read_with_any_offset, shanghai),
		cmocka_unit_test_setup(invalid_timestamps_are_refused, shanghai),
		cmocka_unit_test(what_was_written_reads_back_under_every_zone),
		cmocka_unit_test(a_day_begins_at_the_shops_midnight),
		cmocka_unit_test(an_unknown_zone_is_refused),
		cmocka_unit_test(the_test_clock_is_read_at_each_call),
		cmocka_unit_test(a_date_of_birth_is_an_existing_day_since_1900),
		cmocka_unit_test(the_clock_for_durations_never_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/money.h"
#include "child.h"

static money fen(int64_t n)
{
	return (money){ n };
}

static void amounts_are_read_from_their_text_exactly(void **state)
{
	static const struct {
		const char *text;
		int64_t fen;
	} cases[] = {
		{ "0", 0 },
		{ "0.00", 0 },
		{ "0.01", 1 },
		{ "0.1", 10 },
		{ "0.10", 10 },
		{ "19.99", 1999 },
		{ "29", 2900 },
		{ "29.9", 2990 },
		{ "29.90", 2990 },
		{ "29.09", 2909 },
		{ "007", 700 }, /* allowed in a string; not a valid JSON number */
		{ "1000000.00", 100000000 },
		{ "9999999999", 999999999900 },
		{ "9999999999.99", MONEY_MAX_FEN },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		money m = { -1 };

		if (!money_parse(slice_of(cases[i].text), &m) || m.fen != cases[i].fen)
			fail_msg("%s became %lld", cases[i].text, (long long)m.fen);
	}
}

static void anything_else_is_not_an_amount(void **state)
{
	static const char *const cases[] = { "", ".", "1.", ".5", "29.905", "29.900", "-1", "-0.01",
		"+1", " 1", "1 ", "1\n", "1,5", "1,000.00", "1e3", "1E3", "NaN", "nan", "Infinity",
		"inf", "0x10", "1.2.3", "1..2", "1.-2", "1. 2", "1.+2", "12345678901",
		"10000000000.00", "99999999999999999999", "true", "null", "¥1", "１", "1.2e1",
		"--1", "1_000", "1'000", "\t1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		money m = { -1 };

		if (money_parse(slice_of(cases[i]), &m) || m.fen != -1)
			fail_msg("\"%s\" became %lld", cases[i], (long long)m.fen);
	}
	assert_false(money_parse((struct slice){ "1\0", 2 }, &(money){ 0 }));
	assert_false(money_parse((struct slice){ NULL, 0 }, &(money){ 0 }));
	/* a slice ends at its length */
	assert_true(money_parse((struct slice){ "1.50xyz", 4 }, &(money){ 0 }));
}

static void check_round_trip(int64_t n)
{
	for (int shortest = 0; shortest <= 1; shortest++) {
		char text[MONEY_TEXT_MAX];
		size_t len = money_text(fen(n), shortest, text);
		money back = { -1 };

		if (len != strlen(text) || !money_parse(slice_of(text), &back) || back.fen != n)
			fail_msg("%lld became \"%s\"", (long long)n, text);
	}
}

static void every_amount_survives_a_round_trip(void **state)
{
	uint64_t seed = 88172645463325252;

	(void)state;
	for (int64_t n = 0; n <= 100000; n++)
		check_round_trip(n);
	for (int64_t n = MONEY_MAX_FEN; n > MONEY_MAX_FEN - 1000; n--)
		check_round_trip(n);
	for (int i = 0; i < 100000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		check_round_trip((int64_t)(seed % (uint64_t)(MONEY_MAX_FEN + 1)));
	}
}

static void amounts_are_written_in_two_forms(void **state)
{
	static const struct {
		int64_t fen;
		const char *full, *shortest;
	} cases[] = {
		{ 0, "0.00", "0" },
		{ 1, "0.01", "0.01" },
		{ 10, "0.10", "0.1" },
		{ 100, "1.00", "1" },
		{ 2990, "29.90", "29.9" },
		{ 2999, "29.99", "29.99" },
		{ 2909, "29.09", "29.09" },
		{ -1, "-0.01", "-0.01" },
		{ -2990, "-29.90", "-29.9" },
		{ -100, "-1.00", "-1" },
		{ MONEY_MAX_FEN, "9999999999.99", "9999999999.99" },
		{ INT64_MAX, "92233720368547758.07", "92233720368547758.07" },
		{ INT64_MIN, "-92233720368547758.08", "-92233720368547758.08" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[MONEY_TEXT_MAX];

		(void)money_text(fen(cases[i].fen), false, text);
		assert_string_equal(text, cases[i].full);
		(void)money_text(fen(cases[i].fen), true, text);
		assert_string_equal(text, cases[i].shortest);
	}
}

static void amounts_add_subtract_multiply_and_compare(void **state)
{
	(void)state;
	assert_int_equal(money_add(fen(1999), fen(1)).fen, 2000);
	assert_int_equal(money_sub(fen(1), fen(1999)).fen, -1998);
	assert_int_equal(money_times(fen(1999), 3).fen, 5997);
	assert_int_equal(money_times(fen(1999), 0).fen, 0);
	assert_int_equal(money_times(fen(MONEY_MAX_FEN), 9999 * 100).fen, 999999999999 * 999900);
	assert_int_equal(money_add(fen(INT64_MAX), fen(0)).fen, INT64_MAX);
	assert_int_equal(money_sub(fen(INT64_MIN), fen(0)).fen, INT64_MIN);
	assert_true(money_cmp(fen(1), fen(2)) < 0);
	assert_true(money_cmp(fen(2), fen(1)) > 0);
	assert_true(money_cmp(fen(INT64_MIN), fen(INT64_MAX)) < 0); /* not by subtraction */
	assert_int_equal(money_cmp(fen(-5), fen(-5)), 0);
	assert_int_equal(money_cmp(MONEY_ZERO, fen(0)), 0);
}

struct sum {
	char op;
	int64_t a, b;
};

static void calculate(void *arg)
{
	const struct sum *s = arg;

	if (s->op == '+')
		(void)!money_add(fen(s->a), fen(s->b)).fen;
	else if (s->op == '-')
		(void)!money_sub(fen(s->a), fen(s->b)).fen;
	else
		(void)!money_times(fen(s->a), s->b).fen;
}

static void an_overflow_aborts_the_process(void **state)
{
	static struct sum wrong[] = {
		{ '+', INT64_MAX, 1 },
		{ '+', INT64_MIN, -1 },
		{ '-', INT64_MIN, 1 },
		{ '-', 0, INT64_MIN },
		{ '*', INT64_MAX / 2 + 1, 2 },
		{ '*', INT64_MIN, -1 },
	};
	static struct sum right = { '+', INT64_MAX - 1, 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		if (!child_aborts(calculate, &wrong[i]))
			fail_msg("%lld %c %lld went on", (long long)wrong[i].a, wrong[i].op,
				(long long)wrong[i].b);
	assert_false(child_aborts(calculate, &right));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amounts_are_read_from_their_text_exactly),
		cmocka_unit_test(anything_else_is_not_an_amount),
		cmocka_unit_test(every_amount_survives_a_round_trip),
		cmocka_unit_test(amounts_are_written_in_two_forms),
		cmocka_unit_test(amounts_add_subtract_multiply_and_compare),
		cmocka_unit_test(an_overflow_aborts_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

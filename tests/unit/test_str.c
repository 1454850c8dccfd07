/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>

#include "base/str.h"

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

static void an_empty_str_is_an_empty_text(void **state)
{
	struct str s = str_new(&arena, 10);

	(void)state;
	assert_string_equal(str_text(&s), "");
	str_adds(&s, "");
	assert_string_equal(str_text(&s), "");
	assert_false(s.overflow);
}

static void pieces_are_concatenated(void **state)
{
	struct str s = str_new(&arena, 1 << 20);
	char expected[32];
	size_t at = 0;

	(void)state;
	for (int i = -3000; i < 3000; i++) {
		str_addi(&s, i);
		str_addc(&s, ' ');
		str_addf(&s, "%x;", (unsigned)i);
	}
	for (int i = -3000; i < 3000; i++) {
		int n = snprintf(expected, sizeof(expected), "%d %x;", i, (unsigned)i);

		assert_memory_equal(str_text(&s) + at, expected, (size_t)n);
		at += (size_t)n;
	}
	assert_int_equal(s.len, at);
	assert_int_equal(strlen(str_text(&s)), at);
	str_addi(&s, INT64_MIN);
	assert_string_equal(str_text(&s) + at, "-9223372036854775808");
}

static void a_str_holds_exactly_its_maximum(void **state)
{
	(void)state;
	for (size_t max = 0; max < 600; max += 7) {
		struct str s = str_new(&arena, max);

		for (size_t i = 0; i < max; i++)
			str_addc(&s, 'x');
		assert_false(s.overflow);
		assert_int_equal(s.len, max);
		str_addc(&s, 'y');
		assert_true(s.overflow);
		assert_int_equal(strlen(str_text(&s)), max);
	}
}

static void nothing_is_added_after_an_overflow(void **state)
{
	struct str s = str_new(&arena, 5);

	(void)state;
	str_adds(&s, "abc");
	str_adds(&s, "defg");
	str_adds(&s, "x"); /* would fit, and leave a gap in the text */
	str_addf(&s, "%d", 1);
	assert_true(s.overflow);
	assert_string_equal(str_text(&s), "abc");
	s = str_new(&arena, 5);
	str_adds(&s, "abc");
	str_addf(&s, "%s", "def");
	assert_true(s.overflow);
	assert_string_equal(str_text(&s), "abc");
	s = str_new(&arena, 5);
	str_addf(&s, "%s", "123456");
	assert_true(s.overflow);
	assert_string_equal(str_text(&s), "");
}

static void a_text_may_be_as_long_as_most_of_an_arena(void **state)
{
	struct str s = str_new(&arena, (size_t)40 << 20);

	(void)state;
	while (!s.overflow)
		str_addf(&s, "%0*d", 100000, 1);
	assert_in_range(s.len, s.max - 100000, s.max);
	assert_false(arena.exhausted);
}

static void a_text_without_room_in_the_arena_overflows_and_short_ones_still_fit(void **state)
{
	struct str s = str_new(&arena, ARENA_MAX), answer = str_new(&arena, 1000);

	(void)state;
	while (!s.overflow)
		str_addf(&s, "%0*d", 100000, 1);
	assert_true(arena.exhausted);
	assert_int_equal(strlen(str_text(&s)), s.len);
	str_adds(&answer, "{\"message\":");
	str_add_json(&answer, "out", 3);
	str_addc(&answer, '}');
	assert_string_equal(str_text(&answer), "{\"message\":\"out\"}");
}

static void a_cut_removes_what_was_added_and_its_overflow(void **state)
{
	struct str s = str_new(&arena, 10);

	(void)state;
	str_cut(&s, 0);
	assert_string_equal(str_text(&s), "");
	str_adds(&s, "[1");
	str_adds(&s, ",2345");
	str_adds(&s, "67890");
	assert_true(s.overflow);
	str_cut(&s, 2);
	str_addc(&s, ']');
	assert_string_equal(str_text(&s), "[1]");
	assert_false(s.overflow);
}

static void json_strings_are_escaped_as_json_requires(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *json;
	} cases[] = {
		{ "", 0, "\"\"" },
		{ "plain", 5, "\"plain\"" },
		{ "\"\\/", 3, "\"\\\"\\\\/\"" },
		{ "a\nb\rc\td", 7, "\"a\\nb\\rc\\td\"" },
		{ "\x01\x1f\x7f", 3, "\"\\u0001\\u001f\x7f\"" },
		{ "\0x", 2, "\"\\u0000x\"" },
		{ "中文😀", 10, "\"中文😀\"" },
		{ "<script>'&", 10, "\"<script>'&\"" },
		{ "cut here", 3, "\"cut\"" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str s = str_new(&arena, 100);

		str_add_json(&s, cases[i].text, cases[i].len);
		assert_string_equal(str_text(&s), cases[i].json);
	}
}

static void urls_keep_only_unreserved_characters(void **state)
{
	static const char kept[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	(void)state;
	for (int ch = 1; ch < 256; ch++) {
		struct str s = str_new(&arena, 10);
		char expected[8];

		str_add_url(&s, (char[]){ (char)ch, '\0' });
		if (strchr(kept, ch) != NULL)
			snprintf(expected, sizeof(expected), "%c", ch);
		else
			snprintf(expected, sizeof(expected), "%%%02X", (unsigned)ch);
		assert_string_equal(str_text(&s), expected);
	}
}

/* ---- UTF-8 ---- */

/* An independent check: decode arithmetically, then test the code point. */
static bool is_one_code_point(const unsigned char *p, size_t n)
{
	static const unsigned lowest[] = { 0, 1, 0x80, 0x800, 0x10000 };
	static const unsigned lead[] = { 0, 0x00, 0xc0, 0xe0, 0xf0 };
	static const unsigned lead_mask[] = { 0, 0x80, 0xe0, 0xf0, 0xf8 };
	unsigned cp = p[0] & ~lead_mask[n];

	if ((p[0] & lead_mask[n]) != lead[n])
		return false;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	return cp >= lowest[n] && cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
}

/* A text of n bytes that is one code point, or several shorter ones, or no text. */
static int64_t count_by_hand(const unsigned char *p, size_t n)
{
	int64_t rest;

	if (n == 0)
		return 0;
	for (size_t step = 1; step <= 4 && step <= n; step++)
		if (is_one_code_point(p, step)) {
			rest = count_by_hand(p + step, n - step);
			return rest < 0 ? -1 : rest + 1;
		}
	return -1;
}

static void check_bytes(const unsigned char *p, size_t n)
{
	if (utf8_count((const char *)p, n) != count_by_hand(p, n))
		fail_msg("wrong about %zu bytes %02x %02x %02x %02x", n, p[0], p[1], p[2], p[3]);
}

static void every_text_of_up_to_three_bytes_is_classified_correctly(void **state)
{
	unsigned char p[4] = { 0 };

	(void)state;
	assert_int_equal(utf8_count("", 0), 0);
	for (unsigned i = 0; i < 1U << 8; i++) {
		p[0] = (unsigned char)i;
		check_bytes(p, 1);
	}
	for (unsigned i = 0; i < 1U << 16; i++) {
		p[0] = (unsigned char)(i >> 8);
		p[1] = (unsigned char)i;
		check_bytes(p, 2);
	}
	for (unsigned i = 0x40U << 16; i < 1U << 24; i++) {
		p[0] = (unsigned char)(i >> 16);
		p[1] = (unsigned char)(i >> 8);
		p[2] = (unsigned char)i;
		check_bytes(p, 3);
	}
}

static void four_bytes_are_classified_correctly_at_all_boundaries(void **state)
{
	static const unsigned char edges[] = { 0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x9f, 0xa0,
		0xbe, 0xbf, 0xc0, 0xc1, 0xc2, 0xed, 0xf0, 0xff };

	(void)state;
	for (unsigned lead = 0xe0; lead <= 0xff; lead++)
		for (size_t i = 0; i < sizeof(edges); i++)
			for (size_t j = 0; j < sizeof(edges); j++)
				for (size_t k = 0; k < sizeof(edges); k++) {
					unsigned char p[4] = { (unsigned char)lead, edges[i],
						edges[j], edges[k] };

					check_bytes(p, 4);
				}
}

static void a_truncated_sequence_is_refused_without_an_overread(void **state)
{
	static const char text[] = "x😀";

	(void)state;
	for (size_t len = 0; len <= 5; len++) {
		/* of exact size, so that a sanitizer detects an overread by one byte */
		char *copy = arena_alloc(&arena, len);

		memcpy(copy, text, len);
		assert_int_equal(utf8_count(copy, len), len < 2 ? (int64_t)len : len < 5 ? -1 : 2);
	}
}

/* ---- numbers and comparisons ---- */

static void decimal_numbers_have_one_canonical_form(void **state)
{
	static const struct {
		const char *text;
		int64_t max;
		int64_t n; /* -1: refused */
	} cases[] = {
		{ "0", 10, 0 }, { "10", 10, 10 }, { "11", 10, -1 },
		{ "9223372036854775807", INT64_MAX, INT64_MAX },
		{ "9223372036854775807", INT64_MAX - 1, -1 },
		{ "9223372036854775808", INT64_MAX, -1 },
		{ "18446744073709551617", INT64_MAX, -1 }, /* 1, if it wrapped */
		{ "99999999999999999999999999", INT64_MAX, -1 }, { "", 10, -1 }, { "00", 10, -1 },
		{ "01", 10, -1 }, { "-1", 10, -1 }, { "-0", 10, -1 }, { "+1", 10, -1 },
		{ " 1", 10, -1 }, { "1 ", 10, -1 }, { "1.0", 10, -1 }, { "1e1", 10, -1 },
		{ "0x1", 10, -1 }, { "１", 10, -1 }, /* full width */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t n = -7;
		bool good = str_to_i64(slice_of(cases[i].text), cases[i].max, &n);

		if (good != (cases[i].n >= 0) || n != (good ? cases[i].n : -7))
			fail_msg("\"%s\" became %lld", cases[i].text, (long long)n);
	}
	assert_false(str_to_i64((struct slice){ "1\0", 2 }, 10, &(int64_t){ 0 }));
}

static void slices_compare_by_their_whole_length(void **state)
{
	(void)state;
	assert_true(slice_is((struct slice){ "limits", 5 }, "limit"));
	assert_false(slice_is((struct slice){ "limits", 6 }, "limit"));
	assert_false(slice_is((struct slice){ "limi", 4 }, "limit"));
	assert_true(slice_is((struct slice){ "", 0 }, ""));
	assert_false(slice_is((struct slice){ "a\0b", 3 }, "a"));
}

static void texts_compare_as_documented(void **state)
{
	(void)state;
	assert_true(str_starts("PUB_KEY_ID_01", "PUB_KEY_ID_"));
	assert_true(str_starts("x", ""));
	assert_false(str_starts("PUB_KEY", "PUB_KEY_ID_"));
	assert_true(str_same_nocase("Content-Type", "content-tYPE"));
	assert_true(str_same_nocase("", ""));
	assert_false(str_same_nocase("abc", "abcd"));
	assert_false(str_same_nocase("abcd", "abc"));
	assert_false(str_same_nocase("@", "`")); /* 32 apart, but not letters */
	assert_true(bytes_equal("a\0b", "a\0b", 3));
	assert_false(bytes_equal("a\0b", "a\0c", 3));
	assert_true(bytes_equal("x", "y", 0));
}

static void hex_has_two_lower_case_digits_per_byte(void **state)
{
	unsigned char bytes[256];
	char out[513];

	(void)state;
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	hex_encode(bytes, sizeof(bytes), out);
	assert_int_equal(strlen(out), 512);
	for (int i = 0; i < 256; i++) {
		char expected[3];

		snprintf(expected, sizeof(expected), "%02x", (unsigned)i);
		assert_memory_equal(out + 2 * i, expected, 2);
	}
	hex_encode(bytes, 0, out);
	assert_string_equal(out, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(an_empty_str_is_an_empty_text, forget),
		cmocka_unit_test_teardown(pieces_are_concatenated, forget),
		cmocka_unit_test_teardown(a_str_holds_exactly_its_maximum, forget),
		cmocka_unit_test_teardown(nothing_is_added_after_an_overflow, forget),
		cmocka_unit_test_teardown(a_text_may_be_as_long_as_most_of_an_arena, forget),
		cmocka_unit_test_teardown(
			a_text_without_room_in_the_arena_overflows_and_short_ones_still_fit,
			forget),
		cmocka_unit_test_teardown(a_cut_removes_what_was_added_and_its_overflow, forget),
		cmocka_unit_test_teardown(json_strings_are_escaped_as_json_requires, forget),
		cmocka_unit_test_teardown(urls_keep_only_unreserved_characters, forget),
		cmocka_unit_test_teardown(
			every_text_of_up_to_three_bytes_is_classified_correctly, forget),
		cmocka_unit_test_teardown(
			four_bytes_are_classified_correctly_at_all_boundaries, forget),
		cmocka_unit_test_teardown(
			a_truncated_sequence_is_refused_without_an_overread, forget),
		cmocka_unit_test_teardown(decimal_numbers_have_one_canonical_form, forget),
		cmocka_unit_test_teardown(slices_compare_by_their_whole_length, forget),
		cmocka_unit_test_teardown(texts_compare_as_documented, forget),
		cmocka_unit_test_teardown(hex_has_two_lower_case_digits_per_byte, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

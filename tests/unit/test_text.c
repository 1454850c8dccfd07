/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "base/text.h"

/* BEHAVIOUR 65: texts shown to people. */
static void a_line_has_a_visible_character_and_no_control_or_direction_override(void **state)
{
	static const char *const lines[] = { "a", "张三", " 张 三 ", "👩‍👩‍👧 家庭",
		"❤️", "é", "e\u0301", "شركة", "\u200eabc", "x\u200b", "\ue000x", "\U0001facf",
		"\U0001faff", "ㄱ", "1️⃣", "🇨🇳", "买买提·吐尔逊", "张\U0002a6df", "\U0002ebf0",
		"\U000323b0" };
	static const char *const refused[] = { "", " ", "\u200b", "\u3164", "\u2060\u2060",
		"\u2800", "\u200e\u200f", "\u3000", "\u00a0", "\ufeff", "\ufe0f", "\u00ad",
		"\u115f", "\U000e0041", "a\tb", "a\nb", "a\rb", "a\x01", "a\x7f", "a\xc2\x85",
		"a\xc2\x9b", "a\u2028", "a\u2029", "a\u202e", "a\u202a", "a\u2066", "a\u2069",
		"a\u0378", "a\uffff", "a\U000effff", "a\U0003ffff", "a\U0004fffd" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (!text_is_line(lines[i]))
			fail_msg("refused: %s", lines[i]);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (text_is_line(refused[i]))
			fail_msg("taken: number %zu", i);
}

static void prose_may_have_lines_and_may_be_empty(void **state)
{
	static const char *const prose[] = { "", " ", "一行\n二行\r\n\t三行", "\u200b" };
	static const char *const refused[] = { "a\x0b", "a\u2028b", "\u202e", "\x1b[0m", "\u0378" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(prose); i++)
		assert_true(text_is_prose(prose[i]));
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		assert_false(text_is_prose(refused[i]));
	assert_true(text_is_visible("\u3000x"));
	assert_false(text_is_visible("\n\t"));
}

static void a_blank_has_its_width(void **state)
{
	static const struct {
		const char *text;
		size_t bytes;
	} cases[] = { { "", 0 }, { "a ", 0 }, { " a", 1 }, { "\t", 1 }, { "\u00a0", 2 },
		{ "\u3000x", 3 }, { "\u200b", 0 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(text_blank(cases[i].text, strlen(cases[i].text)), cases[i].bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_line_has_a_visible_character_and_no_control_or_direction_override),
		cmocka_unit_test(prose_may_have_lines_and_may_be_empty),
		cmocka_unit_test(a_blank_has_its_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

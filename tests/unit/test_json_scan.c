/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/json_scan.h"
#include "base/str.h"

static struct arena arena;

static int forget(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

/* Scan a copy of exact size, so that a sanitizer detects an overread by one byte. */
static enum json_fault scan(const char *text, size_t len, const char **what)
{
	char *copy = arena_alloc(&arena, len);

	memcpy(copy, text, len);
	return json_scan(copy, len, &arena, what);
}

static enum json_fault scan_text(const char *text)
{
	const char *what;

	return scan(text, strlen(text), &what);
}

static void json_is_accepted(void **state)
{
	static const char *const cases[] = { "{}", "[]", "0", "1", "-1", "10", "0.5", "-0.5",
		"1.5e3", "1E+3", "1e-3", "0e0", "123456789012345678901234567890", "1e400", "true",
		"false", "null", "\"\"", "\"text\"", " \t\r\n{ \t\r\n} \t\r\n", "[1,2,3]",
		"[ 1 , 2 ]", "[[],[[]],{}]", "{\"a\":1}", "{\"a\":{\"a\":{\"a\":1}}}", "{\"\":0}",
		"{\"a\":1,\"A\":2}", "[{\"a\":1},{\"a\":2}]", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\\u0001\\u001f\"", "\"\\u00e9\\u4e2d\"", "\"\\ud83d\\ude00\"",
		"\"\\uD83D\\uDE00\"", "\"😀\"", "\"\x7f\"", "\"\\ufffe\\uffff\"", "\"中文\"",
		"{\"订单\":\"号\"}", "\"\xf4\x8f\xbf\xbf\"", "\"/*no comment*/\"",
		"\"\xe2\x80\xa8\"" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (scan_text(cases[i]) != JSON_FINE)
			fail_msg("refused: %s", cases[i]);
}

struct bad {
	const char *text;
	enum json_fault fault;
};

static void check_bad(const struct bad *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		enum json_fault fault = scan_text(cases[i].text);

		if (fault != cases[i].fault)
			fail_msg("fault %d, not %d: %s", (int)fault, (int)cases[i].fault,
				cases[i].text);
	}
}

static void invalid_json_is_refused(void **state)
{
	static const struct bad cases[] = {
		{ "", JSON_SYNTAX }, { " ", JSON_SYNTAX }, { "{", JSON_SYNTAX },
		{ "}", JSON_SYNTAX }, { "[", JSON_SYNTAX }, { "[1", JSON_SYNTAX },
		{ "[1,", JSON_SYNTAX }, { "[1,]", JSON_SYNTAX }, { "[,1]", JSON_SYNTAX },
		{ "[1 2]", JSON_SYNTAX }, { "[1}", JSON_SYNTAX }, { "{\"a\":1,}", JSON_SYNTAX },
		{ "{,}", JSON_SYNTAX }, { "{\"a\"}", JSON_SYNTAX }, { "{\"a\":}", JSON_SYNTAX },
		{ "{\"a\" 1}", JSON_SYNTAX }, { "{a:1}", JSON_SYNTAX }, { "{1:1}", JSON_SYNTAX },
		{ "{\"a\":1 \"b\":2}", JSON_SYNTAX }, { "{\"a\":1]", JSON_SYNTAX },
		{ "{} {}", JSON_SYNTAX }, { "{}x", JSON_SYNTAX }, { "{};", JSON_SYNTAX },
		{ "-0", JSON_SYNTAX }, { "[-0]", JSON_SYNTAX }, { "-0 ", JSON_SYNTAX },
		{ "1 2", JSON_SYNTAX }, { "nul", JSON_SYNTAX }, { "nullx", JSON_SYNTAX },
		{ "TRUE", JSON_SYNTAX }, { "True", JSON_SYNTAX }, { "undefined", JSON_SYNTAX },
		{ "\"", JSON_SYNTAX }, { "\"abc", JSON_SYNTAX }, { "\"\\", JSON_SYNTAX },
		{ "\"\\x41\"", JSON_SYNTAX }, { "\"\\'\"", JSON_SYNTAX },
		{ "\"\\u12\"", JSON_SYNTAX }, { "\"\\u12g4\"", JSON_SYNTAX },
		{ "\"\\u 123\"", JSON_SYNTAX }, { "\"\\U0041\"", JSON_SYNTAX },
		{ "\"\\u004", JSON_SYNTAX }, { "// comment\n{}", JSON_SYNTAX },
		{ "{/* comment */}", JSON_SYNTAX }, { "{}#", JSON_SYNTAX },
		{ "\xef\xbb\xbf{}", JSON_SYNTAX }, /* a byte order mark */
		{ "\f{}", JSON_SYNTAX }, { "\v{}", JSON_SYNTAX },
		{ "\xc2\xa0{}", JSON_SYNTAX }, /* a no-break space */
	};

	(void)state;
	check_bad(cases, ARRAY_LEN(cases));
}

/* PLATFORM's list of what a strict json-c still accepts. */
static void extensions_of_the_parser_are_refused(void **state)
{
	static const struct bad cases[] = {
		{ "NaN", JSON_SYNTAX },
		{ "{\"a\":NaN}", JSON_SYNTAX },
		{ "Infinity", JSON_SYNTAX },
		{ "-Infinity", JSON_SYNTAX },
		{ "{\"a\":-Infinity}", JSON_SYNTAX },
		{ "{'a':1}", JSON_SYNTAX },
		{ "{\"a\":'b'}", JSON_SYNTAX },
		{ "{\"a\":1,\"a\":2}", JSON_DUPLICATE },
		{ "{\"a\":\"\\u0000\"}", JSON_NUL },
		{ "{\"\\u0000\":1}", JSON_NUL },
		{ "{\"a\":\"\n\"}", JSON_SYNTAX },
		{ "{\"a\":\"\t\"}", JSON_SYNTAX },
		{ "{\"a\":\"\x1f\"}", JSON_SYNTAX },
		{ "{\"a\":\"\xc0\x80\"}", JSON_ENCODING },
		{ "{\"a\":1.}", JSON_SYNTAX },
		{ "1.", JSON_SYNTAX },
		{ "[1.,2]", JSON_SYNTAX },
	};

	(void)state;
	check_bad(cases, ARRAY_LEN(cases));
}

static void numbers_have_the_standard_form(void **state)
{
	static const struct bad cases[] = {
		{ "01", JSON_SYNTAX },
		{ "-01", JSON_SYNTAX },
		{ "00", JSON_SYNTAX },
		{ "+1", JSON_SYNTAX },
		{ "-", JSON_SYNTAX },
		{ "--1", JSON_SYNTAX },
		{ ".5", JSON_SYNTAX },
		{ "-.5", JSON_SYNTAX },
		{ "1e", JSON_SYNTAX },
		{ "1e+", JSON_SYNTAX },
		{ "1e1.5", JSON_SYNTAX },
		{ "1ee1", JSON_SYNTAX },
		{ "e1", JSON_SYNTAX },
		{ "1.e1", JSON_SYNTAX },
		{ "1.2.3", JSON_SYNTAX },
		{ "0x10", JSON_SYNTAX },
		{ "1_000", JSON_SYNTAX },
		{ "1f", JSON_SYNTAX },
		{ "１", JSON_SYNTAX },
		{ "- 1", JSON_SYNTAX },
	};

	(void)state;
	check_bad(cases, ARRAY_LEN(cases));
}

static void texts_must_be_whole_utf8_without_nul(void **state)
{
	static const struct bad cases[] = {
		{ "\"\xff\"", JSON_ENCODING },
		{ "\"\x80\"", JSON_ENCODING },
		{ "\"\xe4\xb8\"", JSON_ENCODING },
		{ "\"\xed\xa0\x80\"", JSON_ENCODING }, /* a raw surrogate */
		{ "\"\xf4\x90\x80\x80\"", JSON_ENCODING },
		{ "\"\xe0\x80\xaf\"", JSON_ENCODING },
		{ "\"\\ud83d\"", JSON_ENCODING },
		{ "\"\\ude00\"", JSON_ENCODING },
		{ "\"\\ud83dx\"", JSON_ENCODING },
		{ "\"\\ud83d\\n\"", JSON_ENCODING },
		{ "\"\\ud83d\\ud83d\"", JSON_ENCODING },
		{ "\"\\ud83d\\u0041\"", JSON_ENCODING },
		{ "\"\\ude00\\ud83d\"", JSON_ENCODING },
		{ "\"\\ud83d\\u\"", JSON_SYNTAX },
		{ "{\"\\ud83d\":1}", JSON_ENCODING },
	};
	const char *what;

	(void)state;
	check_bad(cases, ARRAY_LEN(cases));
	assert_int_equal(scan("\"a\0b\"", 5, &what), JSON_NUL);
	assert_int_equal(scan("{}\0", 3, &what), JSON_NUL);
	assert_int_equal(scan("\0", 1, &what), JSON_NUL);
	assert_int_equal(scan("12", 1, &what), JSON_FINE); /* the length is the end */
}

static void a_duplicate_key_is_refused_in_any_spelling(void **state)
{
	static const struct bad cases[] = {
		{ "{\"a\":1,\"b\":2,\"a\":3}", JSON_DUPLICATE },
		{ "{\"a\":1,\"\\u0061\":2}", JSON_DUPLICATE },
		{ "{\"😀\":1,\"\\ud83d\\ude00\":2}", JSON_DUPLICATE },
		{ "{\"\\u00e9\":1,\"\xc3\xa9\":2}", JSON_DUPLICATE },
		{ "{\"/\":1,\"\\/\":2}", JSON_DUPLICATE },
		{ "{\"\":1,\"\":2}", JSON_DUPLICATE },
		{ "[{},{\"x\":{\"k\":1,\"k\":1}}]", JSON_DUPLICATE },
		{ "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", JSON_FINE },
		{ "{\"a\":1,\"a \":2}", JSON_FINE },
		{ "{\"ab\":1,\"a\":2}", JSON_FINE },
	};

	(void)state;
	check_bad(cases, ARRAY_LEN(cases));
}

static const char *nested(int depth, const char *open, const char *inner, const char *close)
{
	struct str s = str_new(&arena, 1 << 20);

	for (int i = 0; i < depth; i++)
		str_adds(&s, open);
	str_adds(&s, inner);
	for (int i = 0; i < depth; i++)
		str_adds(&s, close);
	return str_text(&s);
}

static void nesting_is_limited(void **state)
{
	(void)state;
	assert_int_equal(scan_text(nested(JSON_DEPTH_MAX, "[", "", "]")), JSON_FINE);
	assert_int_equal(scan_text(nested(JSON_DEPTH_MAX + 1, "[", "", "]")), JSON_DEPTH);
	assert_int_equal(scan_text(nested(JSON_DEPTH_MAX, "{\"a\":", "1", "}")), JSON_FINE);
	assert_int_equal(scan_text(nested(JSON_DEPTH_MAX + 1, "{\"a\":", "1", "}")), JSON_DEPTH);
	assert_int_equal(
		scan_text(nested(60000, "[", "", "")), JSON_DEPTH); /* without using the stack */
	/* siblings are not nesting */
	assert_int_equal(scan_text(nested(1, "[", nested(1000, "[],", "0", ""), "]")), JSON_FINE);
}

static void the_members_of_an_object_are_limited(void **state)
{
	(void)state;
	for (int n = JSON_MEMBERS_MAX - 1; n <= JSON_MEMBERS_MAX + 1; n++) {
		struct str s = str_new(&arena, 1 << 20);

		str_addc(&s, '{');
		for (int i = 0; i < n; i++)
			str_addf(&s, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
		str_addc(&s, '}');
		assert_int_equal(
			scan_text(str_text(&s)), n <= JSON_MEMBERS_MAX ? JSON_FINE : JSON_MEMBERS);
	}
}

static void a_fault_names_its_place(void **state)
{
	static const struct {
		const char *text, *what;
		enum json_fault fault;
	} cases[] = {
		{ "{\"items\":[{\"price\":1},{\"price\":1.}]}", "items[1].price", JSON_SYNTAX },
		{ "{\"name\":\"\\ud800\"}", "name", JSON_ENCODING },
		{ "{\"name\":\"a\xff\"}", "name", JSON_ENCODING },
		{ "{\"x\":[\"\xe8\x8c\"]}", "x[0]", JSON_ENCODING },
		{ "{\"a\":1,\"b\":2,\"a\":3}", "a", JSON_DUPLICATE },
		{ "{\"x\":{\"y\":{\"k\":1,\"k\":2}}}", "x.y.k", JSON_DUPLICATE },
		{ "[[0,0],[0,\"\\u0000\"]]", "[1][1]", JSON_NUL },
		{ "{\"done\":[1,2],\"next\":tru}", "next", JSON_SYNTAX },
		{ "{\"订单\":x}", "订单", JSON_SYNTAX },
		{ "{\"a\":1} x", "", JSON_SYNTAX },
		{ "x", "", JSON_SYNTAX },
		{ "{\"a\":1}", "", JSON_FINE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *what = NULL;

		assert_int_equal(scan(cases[i].text, strlen(cases[i].text), &what), cases[i].fault);
		assert_string_equal(what, cases[i].what);
	}
}

static const char document[] =
	"{\"order_id\":\"ORDER-7x\",\"items\":[{\"product_id\":1,\"quantity\":2,\"price\":29.90},"
	"{\"product_id\":18,\"quantity\":10,\"note\":\"\\u4e2d\\ud83d\\ude00 \\\"q\\\" 中文😀\"}],"
	"\"flags\":[true,false,null,-1.5e-3,0],\"empty\":{},\"none\":[]}";

static void a_document_truncated_anywhere_is_refused(void **state)
{
	const char *what;

	(void)state;
	assert_int_equal(scan(document, sizeof(document) - 1, &what), JSON_FINE);
	for (size_t len = 0; len < sizeof(document) - 1; len++)
		if (scan(document, len, &what) == JSON_FINE)
			fail_msg("accepted when cut at %zu", len);
}

static void no_change_of_two_bytes_causes_a_read_beyond_the_end(void **state)
{
	uint64_t seed = 88172645463325252;
	int fine = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char copy[sizeof(document)];
		const char *what = NULL;

		memcpy(copy, document, sizeof(document));
		for (int k = 0; k < 2; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			copy[seed % (sizeof(document) - 1)] = (char)(seed >> 32);
		}
		fine += scan(copy, sizeof(document) - 1, &what) == JSON_FINE;
		assert_non_null(what);
		assert_true(utf8_count(what, strlen(what)) >= 0);
		arena_reset(&arena);
	}
	/* changed letters and digits may stay valid, but most changes are detected */
	assert_in_range(fine, 1, 10000);
}

/* A provider's response may have many more objects than there is memory for keys (BEHAVIOUR 63). */
static void memory_use_depends_only_on_depth_and_is_freed(void **state)
{
	static const char object[] = "{\"a\":{\"b\":[[],{\"c\":1}]}},";
	struct str text = str_new(&arena, (size_t)2 << 20);
	const char *what;
	size_t used;

	(void)state;
	str_addc(&text, '[');
	for (int i = 0; i < 40000; i++)
		str_adds(&text, object);
	str_adds(&text, "0]");
	memset(arena_alloc(&arena, ARENA_MAX - arena.used - (1 << 20)), 1, 1);
	used = arena.used;
	assert_int_equal(json_scan(str_text(&text), text.len, &arena, &what), JSON_FINE);
	assert_false(arena.exhausted);
	assert_int_equal(arena.used, used);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(json_is_accepted, forget),
		cmocka_unit_test_teardown(invalid_json_is_refused, forget),
		cmocka_unit_test_teardown(extensions_of_the_parser_are_refused, forget),
		cmocka_unit_test_teardown(numbers_have_the_standard_form, forget),
		cmocka_unit_test_teardown(texts_must_be_whole_utf8_without_nul, forget),
		cmocka_unit_test_teardown(a_duplicate_key_is_refused_in_any_spelling, forget),
		cmocka_unit_test_teardown(nesting_is_limited, forget),
		cmocka_unit_test_teardown(the_members_of_an_object_are_limited, forget),
		cmocka_unit_test_teardown(a_fault_names_its_place, forget),
		cmocka_unit_test_teardown(a_document_truncated_anywhere_is_refused, forget),
		cmocka_unit_test_teardown(memory_use_depends_only_on_depth_and_is_freed, forget),
		cmocka_unit_test_teardown(
			no_change_of_two_bytes_causes_a_read_beyond_the_end, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

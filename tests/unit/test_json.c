/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <json-c/json.h>
#include <stdio.h>

#include "base/json_scan.h"
#include "ext/json.h"
#include "goods.h"

static struct ctx ctx;
static struct goods out;

static int forget(void **state)
{
	(void)state;
	arena_done(&ctx.arena);
	ctx.fault = NULL;
	return 0;
}

static enum err read_as(const char *text, enum json_mode mode)
{
	memset(&out, 0, sizeof(out));
	ctx.fault = NULL;
	return json_read(&ctx, slice_of(text), goods_fields, mode, &out);
}

static bool has(const char *name)
{
	return field_has(goods_fields, &out, name);
}

/* ---- reading ---- */

static void every_type_is_read(void **state)
{
	(void)state;
	assert_int_equal(
		read_as("{\"stock\":-5,\"category_id\":7,\"live\":true,\"name\":\"茶\",\"email\":"
			"\"A@B.CN\","
			"\"price\":29.9,\"total\":\"1999.00\",\"at\":\"2023-09-15T16:00:00.5+08:"
			"00\","
			"\"day\":null,\"place\":{\"city\":\"北京\"},\"items\":[{\"product_id\":1,"
			"\"quantity\":2},{\"product_id\":9007199254740993,\"quantity\":9999,"
			"\"note\":null}]}",
			JSON_MAKE),
		OK);
	assert_int_equal(out.stock, -5);
	assert_true(out.category_id.set);
	assert_int_equal(out.category_id.n, 7);
	assert_true(out.live);
	assert_string_equal(out.name, "茶");
	assert_string_equal(out.email, "a@b.cn");
	assert_int_equal(out.price.fen, 2990);
	assert_int_equal(out.total.fen, 199900);
	assert_int_equal(out.at.ms, 1694764800500);
	assert_int_equal(out.day.ms, 0);
	assert_string_equal(out.place.city, "北京");
	assert_int_equal(out.items.n, 2);
	/* beyond what a double holds exactly */
	assert_int_equal(((struct line *)out.items.rows)[1].product_id, 9007199254740993);
	assert_true(has("day"));
	assert_false(has("secret"));
}

static void absent_members_are_unchanged_and_not_present(void **state)
{
	(void)state;
	assert_int_equal(read_as("{}", JSON_CHANGE), OK);
	assert_int_equal(out.has, 0);
	assert_int_equal(read_as("{\"category_id\":null}", JSON_CHANGE), OK);
	assert_true(has("category_id"));
	assert_false(out.category_id.set);
	assert_int_equal(read_as("{\"name\":\"x\"}", JSON_MAKE), OK);
	assert_false(has("category_id"));
}

static void a_word_is_one_of_its_table(void **state)
{
	static const char *const words[] = { "my", "all", NULL };
	static const struct field word_fields[] = {
		INPUT(struct goods, name, 1, 9, F_LOWER, .words = words),
		FIELD_END,
	};
	static const struct {
		const char *text;
		enum err e;
	} cases[] = { { "my", OK }, { "ALL", OK }, { "", ERR_INVALID }, { "m", ERR_INVALID },
		{ "myx", ERR_INVALID }, { "my all", ERR_INVALID } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (field_from_text(&ctx, word_fields, cases[i].text, &out) != cases[i].e)
			fail_msg("%s", cases[i].text);
}

static void unknown_and_output_only_members_are_ignored(void **state)
{
	(void)state;
	assert_int_equal(read_as("{\"id\":99,\"name\":\"x\",\"role\":1,\"x\":{\"y\":[1,null]},"
				 "\"place\":{\"id\":5,\"city\":\"y\"},\"NAME\":\"z\"}",
				 JSON_MAKE),
		OK);
	assert_int_equal(out.id, 0);
	assert_int_equal(out.place.id, 0);
	assert_string_equal(out.name, "x");
	assert_false(has("id"));
}

static void texts_survive_a_round_trip(void **state)
{
	static const char *const cases[][2] = {
		{ "\"😀😀😀\"", "😀😀😀" },
		{ "\"\\ud83d\\ude00\"", "😀" },
		{ "\"\\u4e2d文\"", "中文" },
		{ "\"<b>&\"", "<b>&" },
		{ "\" a \"", " a " },
		{ "\"a\\n\\t\\\"\\\\\"", "a\n\t\"\\" },
		{ "\"'%s;\"", "'%s;" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str back = str_new(&ctx.arena, 1000);

		assert_int_equal(
			read_as(arena_printf(&ctx.arena, "{\"name\":%s}", cases[i][0]), JSON_MAKE),
			OK);
		assert_string_equal(out.name, cases[i][1]);
		json_write(&back, goods_fields, &out);
		assert_int_equal(read_as(str_text(&back), JSON_CHANGE), ERR_INVALID); /* price 0 */
		assert_string_equal(ctx.fault, "price");
		assert_string_equal(out.name, cases[i][1]);
	}
}

/* ---- refused input, and the field named ---- */

static void a_fault_names_its_field(void **state)
{
	static const struct {
		const char *text, *field;
	} cases[] = {
		/* required, and null where null is not allowed */
		{ "{}", "name" },
		{ "{\"name\":null}", "name" },
		{ "{\"name\":\"x\",\"live\":null}", "live" },
		{ "{\"name\":\"x\",\"stock\":null}", "stock" },
		{ "{\"name\":\"x\",\"price\":null}", "price" },
		{ "{\"name\":\"x\",\"items\":null}", "items" },
		{ "{\"name\":\"x\",\"place\":null}", "place" },
		/* types */
		{ "{\"name\":1}", "name" },
		{ "{\"name\":[\"x\"]}", "name" },
		{ "{\"name\":{}}", "name" },
		{ "{\"name\":true}", "name" },
		{ "{\"name\":\"x\",\"live\":1}", "live" },
		{ "{\"name\":\"x\",\"live\":\"true\"}", "live" },
		{ "{\"name\":\"x\",\"at\":1694764800}", "at" },
		{ "{\"name\":\"x\",\"at\":\"yesterday\"}", "at" },
		{ "{\"name\":\"x\",\"at\":\"2023-09-15\"}", "at" },
		{ "{\"name\":\"x\",\"day\":\"2023-09-15\"}", "day" }, /* in a query only */
		{ "{\"name\":\"x\",\"place\":[]}", "place" },
		{ "{\"name\":\"x\",\"place\":{}}", "place.city" },
		{ "{\"name\":\"x\",\"place\":{\"city\":\"12345678901\"}}", "place.city" },
		{ "{\"name\":\"x\",\"items\":{}}", "items" },
		{ "{\"name\":\"x\",\"items\":\"1\"}", "items" },
		{ "{\"name\":\"x\",\"items\":[1]}", "items[0]" },
		{ "{\"name\":\"x\",\"items\":[null]}", "items[0]" },
		{ "{\"name\":\"x\",\"items\":[{\"product_id\":1,\"quantity\":1},[]]}", "items[1]" },
		{ "{\"name\":\"x\",\"items\":[{\"product_id\":1}]}", "items[0].quantity" },
		{ "{\"name\":\"x\",\"items\":[{\"product_id\":1,\"quantity\":1},"
		  "{\"product_id\":1,\"quantity\":0}]}",
			"items[1].quantity" },
		/* lengths, in characters */
		{ "{\"name\":\"\"}", "name" },
		{ "{\"name\":\"123456\"}", "name" },
		{ "{\"name\":\"😀😀😀😀😀😀\"}", "name" },
		{ "{\"name\":\"   \"}", "name" },
		{ "{\"name\":\" \\n\\t\\r\"}", "name" },
		{ "{\"name\":\"x\",\"items\":[]}", "items" },
		{ "{\"name\":\"x\",\"items\":[{},{},{},{}]}", "items" },
		{ "{\"name\":\"x\",\"email\":\"nobody\"}", "email" },
		{ "{\"name\":\"x\",\"email\":\"\"}", "email" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (read_as(cases[i].text, JSON_MAKE) != ERR_INVALID)
			fail_msg("not INVALID: %s", cases[i].text);
		if (ctx.fault == NULL || strcmp(ctx.fault, cases[i].field) != 0)
			fail_msg("names %s: %s", ctx.fault, cases[i].text);
	}
	assert_int_equal(read_as("{\"name\":\"😀😀😀😀😀\"}", JSON_MAKE), OK);
}

static void integers_are_integers_in_their_range(void **state)
{
	static const char *const wrong[] = { "0", "-1", "10000", "1.5", "1.0", "1e2", "1E0",
		"\"2\"", "\"\"", "true", "null", "[1]", "{}", "2147483648", "4294967297",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"-9223372036854775809", "18446744073709551615", "18446744073709551617",
		"99999999999999999999999999", "-99999999999999999999999999", "1e400",
		"0.9999999999999999999999" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *text = arena_printf(&ctx.arena,
			"{\"name\":\"x\",\"items\":[{\"product_id\":1,\"quantity\":%s}]}",
			wrong[i]);

		if (read_as(text, JSON_MAKE) != ERR_INVALID ||
			strcmp(ctx.fault, "items[0].quantity") != 0)
			fail_msg("quantity %s", wrong[i]);
	}
	assert_int_equal(read_as("{\"stock\":-5}", JSON_CHANGE), OK);
	/* the same as 0 to json-c, so the scanner refuses it */
	assert_int_equal(read_as("{\"stock\":-0}", JSON_CHANGE), ERR_MALFORMED);
	assert_string_equal(ctx.fault, "stock");
	assert_int_equal(read_as("{\"stock\":-6}", JSON_CHANGE), ERR_INVALID);
	/* a number clamped by json-c is not accepted as the largest id */
	assert_int_equal(
		read_as("{\"items\":[{\"product_id\":9223372036854775806,\"quantity\":1}]}",
			JSON_CHANGE),
		OK);
	assert_int_equal(
		read_as("{\"items\":[{\"product_id\":9223372036854775807,\"quantity\":1}]}",
			JSON_CHANGE),
		ERR_INVALID);
}

static void numbers_that_the_parser_clamps_are_refused_even_without_limits(void **state)
{
	static const struct field unlimited[] = {
		INPUT(struct line, quantity, INT64_MIN, INT64_MAX, F_REQUIRED),
		FIELD_END,
	};
	static const struct {
		const char *text;
		enum err e;
	} cases[] = {
		{ "9223372036854775806", OK },
		{ "-9223372036854775807", OK },
		{ "9223372036854775808", ERR_INVALID },
		{ "18446744073709551616", ERR_INVALID },
		{ "99999999999999999999999", ERR_INVALID },
		{ "-9223372036854775809", ERR_INVALID },
		{ "-99999999999999999999999", ERR_INVALID },
	};
	struct line line;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *text = arena_printf(&ctx.arena, "{\"quantity\":%s}", cases[i].text);

		if (json_read(&ctx, slice_of(text), unlimited, JSON_MAKE, &line) != cases[i].e)
			fail_msg("%s became %lld", cases[i].text, (long long)line.quantity);
	}
}

static void money_is_taken_from_its_source_text(void **state)
{
	static const struct {
		const char *text;
		int64_t fen; /* -1: refused */
	} cases[] = {
		{ "29.9", 2990 },
		{ "29.90", 2990 },
		{ "29", 2900 },
		{ "\"29.90\"", 2990 },
		{ "\"29\"", 2900 },
		{ "19.99", 1999 }, /* 1998.9999999999998 as a double */
		{ "0.29", 29 },    /* 28.999999999999996 */
		{ "1.1", 110 },
		{ "0", 0 },
		{ "0.00", 0 },
		{ "9999999999.99", MONEY_MAX_FEN },
		{ "\"9999999999.99\"", MONEY_MAX_FEN },
		{ "29.905", -1 },
		{ "29.900", -1 },
		{ "29.9000000000000001", -1 },
		{ "-1", -1 },
		{ "-0.0", -1 },
		{ "-0.01", -1 },
		{ "1e3", -1 },
		{ "1E-2", -1 },
		{ "1e400", -1 },
		{ "10000000000", -1 },
		{ "99999999999999999999", -1 },
		{ "18446744073709551617", -1 },
		{ "\"NaN\"", -1 },
		{ "\" 1\"", -1 },
		{ "\"1 \"", -1 },
		{ "\"\"", -1 },
		{ "\"1e3\"", -1 },
		{ "\"+1\"", -1 },
		{ "\"1,00\"", -1 },
		{ "\"１\"", -1 },
		{ "true", -1 },
		{ "false", -1 },
		{ "null", -1 },
		{ "[1]", -1 },
		{ "{}", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum err e = read_as(
			arena_printf(&ctx.arena, "{\"total\":%s}", cases[i].text), JSON_CHANGE);

		if (e != (cases[i].fen < 0 ? ERR_INVALID : OK) ||
			(e == OK && out.total.fen != cases[i].fen))
			fail_msg("%s became %lld", cases[i].text, (long long)out.total.fen);
	}
	assert_int_equal(read_as("{\"total\":-0}", JSON_CHANGE), ERR_MALFORMED);
	assert_int_equal(read_as("{\"price\":0.01}", JSON_CHANGE), OK);
	assert_int_equal(read_as("{\"price\":1000.01}", JSON_CHANGE), ERR_INVALID);
	assert_int_equal(read_as("{\"price\":0}", JSON_CHANGE), ERR_INVALID);
}

static void anything_but_an_object_of_strict_json_is_malformed(void **state)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
		{ "", NULL },
		{ "null", NULL },
		{ "[]", NULL },
		{ "\"x\"", NULL },
		{ "1", NULL },
		{ "true", NULL },
		{ "{", NULL },
		{ "{} x", NULL },
		{ "{}{}", NULL },
		{ "{\"name\":\"x\",}", "name" },
		{ "{\"name\":\"x\",\"name\":\"y\"}", "name" },
		{ "{\"name\":\"\\u0000\"}", "name" },
		{ "{\"name\":\"\\ud83d\"}", "name" },
		{ "{\"name\":\"\xc0\x80\"}", "name" },
		{ "{\"name\":NaN}", "name" },
		{ "{\"price\":1.}", "price" },
		{ "{\"items\":[{\"product_id\":01}]}", "items[0].product_id" },
		{ "{'name':'x'}", NULL },
		{ "{\"unknown\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
			"unknown[0][0][0][0][0][0][0]"
			"[0][0][0][0][0][0][0][0]" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (read_as(cases[i].text, JSON_MAKE) != ERR_MALFORMED)
			fail_msg("not MALFORMED: %s", cases[i].text);
		if ((ctx.fault == NULL) != (cases[i].fault == NULL) ||
			(ctx.fault != NULL && strcmp(ctx.fault, cases[i].fault) != 0))
			fail_msg("names %s: %s", ctx.fault, cases[i].text);
	}
	assert_int_equal(json_read(&ctx, (struct slice){ "{\"name\":\"a\0b\"}", 14 }, goods_fields,
				 JSON_MAKE, &out),
		ERR_MALFORMED);
	assert_int_equal(
		read_as("{\"name\":\"x\",\"unknown\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", JSON_MAKE),
		OK);
}

static void the_parser_accepts_what_the_scanner_accepts(void **state)
{
	static const char document[] =
		"{\"name\":\"\\u4e2d\\ud83d\\ude00 \\\"q\\\" 文😀\",\"n\":[1,-2.5e3,0.5,1E+2],"
		"\"b\":[true,false,null],\"o\":{\"\":{},\"/\":[]}}";
	uint64_t seed = 88172645463325252;
	int passed = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char copy[sizeof(document)];
		struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
		const char *what;

		memcpy(copy, document, sizeof(document));
		for (int k = 0; k < i % 3; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			copy[seed % (sizeof(document) - 1)] =
				"\"\\{}[],:.0123456789eE+-untrfal u/"[(seed >> 32) % 34];
		}
		json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		if (json_scan(copy, sizeof(document) - 1, &ctx.arena, &what) == JSON_FINE) {
			struct json_object *o =
				json_tokener_parse_ex(t, copy, (int)sizeof(document) - 1);

			passed++;
			if (json_tokener_get_error(t) != json_tokener_success)
				fail_msg("not understood: %s", copy);
			json_object_put(o);
		}
		json_tokener_free(t);
		arena_reset(&ctx.arena);
	}
	assert_in_range(passed, 6667, 19999); /* at least the unchanged third */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(every_type_is_read, forget),
		cmocka_unit_test_teardown(absent_members_are_unchanged_and_not_present, forget),
		cmocka_unit_test_teardown(a_word_is_one_of_its_table, forget),
		cmocka_unit_test_teardown(unknown_and_output_only_members_are_ignored, forget),
		cmocka_unit_test_teardown(texts_survive_a_round_trip, forget),
		cmocka_unit_test_teardown(a_fault_names_its_field, forget),
		cmocka_unit_test_teardown(integers_are_integers_in_their_range, forget),
		cmocka_unit_test_teardown(
			numbers_that_the_parser_clamps_are_refused_even_without_limits, forget),
		cmocka_unit_test_teardown(money_is_taken_from_its_source_text, forget),
		cmocka_unit_test_teardown(
			anything_but_an_object_of_strict_json_is_malformed, forget),
		cmocka_unit_test_teardown(the_parser_accepts_what_the_scanner_accepts, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

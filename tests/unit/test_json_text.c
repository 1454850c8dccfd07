/* SPDX-License-Identifier: MIT */
#include "unit.h"

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

/* ---- query parameters ---- */

static const struct field *field_of(const char *name)
{
	const struct field *f = goods_fields;

	while (strcmp(f->name, name) != 0)
		f++;
	return f;
}

static void a_parameter_is_read_by_the_rules_of_its_field(void **state)
{
	static const struct {
		const char *field, *text;
		bool good;
	} cases[] = {
		{ "stock", "7", true },
		{ "stock", "-5", true },
		{ "stock", "-6", false },
		{ "stock", "101", false },
		{ "stock", "1.0", false },
		{ "stock", "01", false },
		{ "stock", "+1", false },
		{ "stock", "-", false },
		{ "stock", "1 ", false },
		{ "stock", "99999999999999999999", false },
		{ "category_id", "50", true },
		{ "category_id", "0", false },
		{ "category_id", "null", false },
		{ "live", "true", true },
		{ "live", "false", true },
		{ "live", "1", false },
		{ "live", "TRUE", false },
		{ "name", "12345", true },
		{ "name", "123456", false },
		{ "name", "  ", false },
		{ "email", "A@b", true },
		{ "email", "ab", false },
		{ "price", "0.01", true },
		{ "price", "1000.00", true },
		{ "price", "0", false }, /* the field begins at 0.01 */
		{ "price", "1000.01", false },
		{ "price", "1e2", false },
		{ "at", "2023-09-15T08:00:00Z", true },
		{ "at", "2023-09-15", false },
		{ "day", "2023-09-15", true },
		{ "day", "2023-09-15T08:00:00Z", true },
		{ "day", "2023-09-31", false },
		{ "items", "1", false },
		{ "place", "1", false },
	};

	(void)state;
	assert_true(clock_init("Asia/Shanghai", NULL));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum err e;

		ctx.fault = NULL;
		e = field_from_text(&ctx, field_of(cases[i].field), cases[i].text, &out);
		if (e != (cases[i].good ? OK : ERR_INVALID))
			fail_msg("%s=%s", cases[i].field, cases[i].text);
		if (e != OK)
			assert_string_equal(ctx.fault, cases[i].field);
	}
	assert_int_equal(out.stock, -5);
	assert_true(out.category_id.set);
	assert_false(out.live);
	assert_string_equal(out.email, "a@b");
	assert_int_equal(out.price.fen, 100000);
	assert_int_equal(out.day.ms, 1694764800000);
}

/* ---- writing ---- */

static const char *written(const struct goods *g)
{
	struct str s = str_new(&ctx.arena, 10000);

	json_write(&s, goods_fields, g);
	return str_text(&s);
}

static void every_type_is_written_by_its_field(void **state)
{
	struct line lines[] = { { .product_id = 1, .quantity = 2 },
		{ .product_id = INT64_MAX, .quantity = 1, .note = "轻放" } };
	const struct goods full = {
		.id = 7,
		.stock = -5,
		.category_id = { 3, true },
		.live = true,
		.name = "\"茶\"\n",
		.email = "a@b",
		.secret = "hidden",
		.price = { 2990 },
		.total = { 2990 },
		.at = { 1694764800500 },
		.day = { 1694764800500 },
		.place = { .id = 1, .city = "北京" },
		.items = { lines, 2 },
	};

	(void)state;
	assert_string_equal(written(&full),
		"{\"id\":7,\"stock\":-5,\"category_id\":3,\"live\":true,\"name\":\"\\\"茶\\\"\\n\","
		"\"email\":\"a@b\",\"price\":29.9,\"total\":\"29.90\","
		"\"at\":\"2023-09-15T08:00:00.500Z\",\"day\":\"2023-09-15T08:00:00Z\","
		"\"place\":{\"id\":1,\"city\":\"北京\"},\"items\":[{\"product_id\":1,\"quantity\":"
		"2},"
		"{\"product_id\":9223372036854775807,\"quantity\":1,\"note\":\"轻放\"}]}");
}

static void null_is_written_or_omitted(void **state)
{
	const struct goods none = { 0 };

	(void)state;
	assert_string_equal(written(&none),
		"{\"id\":0,\"stock\":0,\"category_id\":null,\"live\":false,\"name\":null,"
		"\"email\":null,\"price\":0,\"total\":\"0.00\",\"day\":null,\"place\":null,"
		"\"items\":[]}");
}

static void rows_are_written_as_an_array(void **state)
{
	const struct line lines[] = { { .product_id = 1, .quantity = 2 },
		{ .product_id = 3, .quantity = 4 } };
	struct str s = str_new(&ctx.arena, 1000);

	(void)state;
	json_write_rows(&s, line_fields, lines, sizeof(lines[0]), 2);
	json_write_rows(&s, line_fields, NULL, sizeof(lines[0]), 0);
	assert_string_equal(str_text(&s),
		"[{\"product_id\":1,\"quantity\":2},{\"product_id\":3,\"quantity\":4}][]");
}

struct figures {
	struct list names, counts;
	int64_t rate;
	struct place place;
};

static void a_list_may_be_of_values_or_an_object_by_names(void **state)
{
	static const struct field name_fields[] = { FIELD(struct line, note), FIELD_END };
	static const struct field count_fields[] = {
		FIELD(struct line, note),
		FIELD(struct line, quantity),
		FIELD_END,
	};
	static const struct field fields[] = {
		LIST(struct figures, names, struct line, name_fields, 0, 9, F_BARE),
		LIST(struct figures, counts, struct line, count_fields, 0, 9, F_KEYED),
		FIELD_WITH(struct figures, rate, .flags = F_PERMILLE),
		OBJECT(struct figures, place, place_fields, F_WHOLE),
		FIELD_END,
	};
	struct line lines[] = { { .note = "a", .quantity = 2 }, { .note = "\"", .quantity = 0 } };
	struct figures x = { { lines, 2 }, { lines, 2 }, 950, { 0 } };
	struct str s = str_new(&ctx.arena, 1000);

	(void)state;
	json_write(&s, fields, &x);
	x = (struct figures){ .rate = -1001 };
	json_write(&s, fields, &x);
	assert_string_equal(str_text(&s),
		"{\"names\":[\"a\",\"\\\"\"],\"counts\":{\"a\":2,\"\\\"\":0},\"rate\":0.950,"
		"\"place\":{\"id\":0,\"city\":null}}"
		"{\"names\":[],\"counts\":{},\"rate\":-1.001,\"place\":{\"id\":0,\"city\":null}}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_parameter_is_read_by_the_rules_of_its_field, forget),
		cmocka_unit_test_teardown(every_type_is_written_by_its_field, forget),
		cmocka_unit_test_teardown(null_is_written_or_omitted, forget),
		cmocka_unit_test_teardown(rows_are_written_as_an_array, forget),
		cmocka_unit_test_teardown(a_list_may_be_of_values_or_an_object_by_names, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

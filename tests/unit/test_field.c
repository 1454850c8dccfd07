/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "base/field.h"
#include "child.h"

struct goods {
	uint64_t has;
	int64_t id;
	opt_i64 category_id;
	bool live;
	const char *name;
	money price;
	timestamp at;
	struct list lines;
};

static const struct field goods_fields[] = {
	FIELD(struct goods, id),
	INPUT(struct goods, category_id, 1, 100, F_NULL),
	INPUT(struct goods, live, 0, 1, 0),
	INPUT(struct goods, name, 1, 100, F_NULL),
	INPUT(struct goods, price, 0, 100, 0),
	INPUT(struct goods, at, 0, 0, F_NULL),
	LIST(struct goods, lines, int64_t, NULL, 0, 9, F_IN),
	FIELD_END,
};

enum { ID = 1, CATEGORY = 2, LIVE = 4, NAME = 8, PRICE = 16, AT = 32, LINES = 64 };

static const struct goods row = {
	.id = 7,
	.category_id = { 3, true },
	.live = true,
	.name = "tea",
	.price = { 2990 },
	.at = { 1694764800000 },
};

static void types_and_offsets_come_from_the_members(void **state)
{
	static const enum field_type types[] = { F_I64, F_OPT_I64, F_BOOL, F_STR, F_MONEY, F_TIME,
		F_LIST };
	static const size_t offsets[] = { offsetof(struct goods, id),
		offsetof(struct goods, category_id), offsetof(struct goods, live),
		offsetof(struct goods, name), offsetof(struct goods, price),
		offsetof(struct goods, at), offsetof(struct goods, lines) };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_int_equal(goods_fields[i].type, types[i]);
		assert_int_equal(goods_fields[i].off, offsets[i]);
	}
	assert_string_equal(goods_fields[1].name, "category_id");
	assert_null(goods_fields[ARRAY_LEN(types)].name);
	assert_false(goods_fields[0].flags & F_IN); /* FIELD is output-only */
	assert_true(goods_fields[1].flags & F_IN);
}

static void presence_is_looked_up_by_name(void **state)
{
	const struct goods in = { .has = NAME | AT };

	(void)state;
	assert_true(field_has(goods_fields, &in, "name"));
	assert_true(field_has(goods_fields, &in, "at"));
	assert_false(field_has(goods_fields, &in, "id"));
	assert_false(field_has(goods_fields, &in, "price"));
	assert_false(field_has(goods_fields, &in, "lines"));
}

static void ask_for_an_unknown_field(void *arg)
{
	const struct goods in = { .has = ~UINT64_C(0) };

	(void)arg;
	(void)field_has(goods_fields, &in, "nmae");
}

static void a_misspelt_name_aborts_the_process(void **state)
{
	(void)state;
	assert_true(child_aborts(ask_for_an_unknown_field, NULL));
}

static void the_last_of_64_fields_can_be_present(void **state)
{
	struct field fields[65] = { 0 };
	char names[64][16];
	uint64_t has = UINT64_C(1) << 63;

	(void)state;
	for (int i = 0; i < 64; i++) {
		snprintf(names[i], sizeof(names[i]), "f%d", i);
		fields[i] = (struct field){ .name = names[i], .type = F_I64 };
	}
	assert_true(field_has(fields, &has, "f63"));
	assert_false(field_has(fields, &has, "f62"));
}

static void a_merge_changes_only_present_members(void **state)
{
	int64_t ids[] = { 1, 2 };
	const struct goods in = {
		.has = CATEGORY | PRICE | LINES,
		.id = 99,
		.name = "coffee",
		.price = { 1 },
		.lines = { ids, 2 },
	};
	struct goods merged = row;

	(void)state;
	field_merge(goods_fields, &merged, &in);
	assert_int_equal(merged.id, 7);
	assert_false(merged.category_id.set); /* null was present */
	assert_true(merged.live);
	assert_string_equal(merged.name, "tea");
	assert_int_equal(merged.price.fen, 1);
	assert_int_equal(merged.at.ms, row.at.ms);
	assert_ptr_equal(merged.lines.rows, ids);
	assert_int_equal(merged.lines.n, 2);
}

static void every_kind_of_member_can_be_merged(void **state)
{
	const struct goods in = {
		.has = ID | CATEGORY | LIVE | NAME | PRICE | AT,
		.id = -1,
		.category_id = { INT64_MAX, true },
		.live = false,
		.name = NULL,
		.price = { INT64_MIN },
		.at = { 1 },
	};
	struct goods merged = row;

	(void)state;
	field_merge(goods_fields, &merged, &in);
	assert_int_equal(merged.id, -1);
	assert_true(merged.category_id.set);
	assert_int_equal(merged.category_id.n, INT64_MAX);
	assert_false(merged.live);
	assert_null(merged.name);
	assert_int_equal(merged.price.fen, INT64_MIN);
	assert_int_equal(merged.at.ms, 1);
	assert_int_equal(merged.has, row.has); /* not a member */
}

static void an_empty_change_is_the_same_as_any_row(void **state)
{
	const struct goods nothing = { 0 };
	struct goods merged = row;

	(void)state;
	assert_true(field_same(goods_fields, &row, &nothing));
	field_merge(goods_fields, &merged, &nothing);
	assert_memory_equal(&merged, &row, sizeof(row));
}

static void sameness_compares_only_present_members(void **state)
{
	char tea[] = "tea"; /* another address */
	const struct {
		struct goods in;
		bool same;
	} cases[] = {
		{ { .has = ID, .id = 7 }, true }, { { .has = ID, .id = 8 }, false },
		{ { .has = CATEGORY, .category_id = { 3, true } }, true },
		{ { .has = CATEGORY, .category_id = { 4, true } }, false },
		{ { .has = CATEGORY, .category_id = { 3, false } }, false },
		{ { .has = LIVE, .live = true }, true }, { { .has = LIVE, .live = false }, false },
		{ { .has = NAME, .name = tea }, true }, { { .has = NAME, .name = "te" }, false },
		{ { .has = NAME, .name = NULL }, false },
		{ { .has = PRICE, .price = { 2990 } }, true },
		{ { .has = PRICE, .price = { 2991 } }, false },
		{ { .has = AT, .at = { 1694764800000 } }, true },
		{ { .has = AT, .at = { 1694764800001 } }, false },
		{ { .has = NAME | PRICE, .name = tea, .price = { 1 } }, false },
		{ { .has = NAME, .name = tea, .price = { 1 } }, true },
		{ { .has = LINES }, false }, /* lists never count as the same */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (field_same(goods_fields, &row, &cases[i].in) != cases[i].same)
			fail_msg("case %zu", i);
}

static void two_nulls_are_the_same_whatever_their_values(void **state)
{
	const struct goods none = { .category_id = { 3, false } };
	const struct goods in = { .has = CATEGORY | NAME | AT, .category_id = { 5, false } };

	(void)state;
	assert_true(field_same(goods_fields, &none, &in));
	assert_false(field_same(goods_fields, &none, &(struct goods){ .has = NAME, .name = "" }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_and_offsets_come_from_the_members),
		cmocka_unit_test(presence_is_looked_up_by_name),
		cmocka_unit_test(a_misspelt_name_aborts_the_process),
		cmocka_unit_test(the_last_of_64_fields_can_be_present),
		cmocka_unit_test(a_merge_changes_only_present_members),
		cmocka_unit_test(every_kind_of_member_can_be_merged),
		cmocka_unit_test(an_empty_change_is_the_same_as_any_row),
		cmocka_unit_test(sameness_compares_only_present_members),
		cmocka_unit_test(two_nulls_are_the_same_whatever_their_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

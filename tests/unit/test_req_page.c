/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "asked.h"
#include "web/resp.h"

static const struct conf conf = { .jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga" };
static const struct conf other_conf = { .jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Gb" };
static const struct route users = { .method = GET, .path = "/api/users" };
static struct ctx ctx = { .conf = &conf };

static int forget(void **state)
{
	(void)state;
	arena_done(&ctx.arena);
	ctx.conf = &conf;
	ctx.fault = NULL;
	return 0;
}

static void a_limit_is_capped_or_refused(void **state)
{
	static const struct {
		const char *query;
		int64_t limit; /* 0: refused */
	} cases[] = {
		{ "", 100 },
		{ "limit=1", 1 },
		{ "limit=100", 100 },
		{ "limit=500", 500 },
		{ "limit=501", 500 },
		{ "limit=2147483647", 500 },
		{ "limit=2147483648", 0 },
		{ "limit=9223372036854775808", 0 },
		{ "limit=0", 0 },
		{ "limit=-1", 0 },
		{ "limit=1.5", 0 },
		{ "limit=1e2", 0 },
		{ "limit=01", 0 },
		{ "limit=", 0 },
		{ "limit", 0 },
		{ "limit=abc", 0 },
		{ "limit=+1", 0 },
		{ "limit=10%00", 0 },
		{ "limit=ten", 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req r = asked(cases[i].query);
		struct page page;
		enum err e = req_list(&ctx, &r, query_fields, &(struct query){ 0 }, &page);

		if (e != (cases[i].limit == 0 ? ERR_INVALID : OK) ||
			(e == OK && page.limit != cases[i].limit))
			fail_msg("%s: %lld", cases[i].query, (long long)page.limit);
		if (e != OK)
			assert_string_equal(ctx.fault, "limit");
		else
			assert_int_equal(page.after[0], INT64_MAX);
	}
}

static enum err follow(const struct route *route, const char *cursor, struct page *page)
{
	struct req r = asked(arena_printf(&ctx.arena, "cursor=%s", cursor));

	r.route = route;
	return req_list(&ctx, &r, query_fields, &(struct query){ 0 }, page);
}

static void a_cursor_returns_its_key(void **state)
{
	static const int64_t keys[][2] = { { 1, 2 }, { 0, 0 }, { -1, 1 }, { INT64_MAX, INT64_MIN },
		{ 1694764800000, 4294967296 }, { INT64_MAX, INT64_MAX } };
	const struct req r = asked("");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *cursor = req_cursor(&ctx, &r, keys[i]);
		struct page page;

		assert_int_equal(follow(&orders, cursor, &page), OK);
		assert_int_equal(page.after[0], keys[i][0]);
		assert_int_equal(page.after[1], keys[i][1]);
		assert_int_equal(page.limit, 100);
		/* nothing in it needs encoding */
		assert_int_equal(strspn(cursor,
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					 "0123456789-_"),
			strlen(cursor));
	}
}

static void a_forged_cursor_is_refused(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.%2B";
	static const char *const cases[] = { "", "0", "1", "abc",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "eyJpZCI6MX0", "%00", "-1",
		"9223372036854775807", "%ff" };
	const struct req r = asked("");
	const char *cursor = req_cursor(&ctx, &r, (int64_t[]){ 1694764800000, 42 });
	size_t len = strlen(cursor);
	struct page page;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (follow(&orders, cases[i], &page) != ERR_INVALID)
			fail_msg("taken: %s", cases[i]);
	for (size_t at = 0; at < len; at++)
		for (const char *ch = alphabet; *ch != '\0'; ch++) {
			char *forged = arena_dup(&ctx.arena, cursor, len);

			forged[at] = *ch;
			if (*ch != cursor[at] && follow(&orders, forged, &page) != ERR_INVALID)
				fail_msg("taken: %s for %s", forged, cursor);
		}
	for (size_t cut = 1; cut <= len; cut++)
		assert_int_equal(follow(&orders, arena_dup(&ctx.arena, cursor, len - cut), &page),
			ERR_INVALID);
	assert_string_equal(ctx.fault, "cursor");
	assert_int_equal(
		follow(&orders, arena_printf(&ctx.arena, "%sAAAA", cursor), &page), ERR_INVALID);
}

/* query_fields has status, user_id and q; parameters of other lists are not ignored */
static void a_list_accepts_only_supported_parameters(void **state)
{
	static const char *const good[] = { "", "status=1&limit=5", "x=1&sort=name&_=5",
		"categoryx=1", "utm_source=x", "secret=1", "page=&category_id=&offset",
		"status=&user_id=&q=" };
	static const char *const cases[][2] = {
		{ "page=2", "page" },
		{ "page=1", "page" },
		{ "Page=2", "page" },
		{ "page_size=5", "page_size" },
		{ "pageSize=5", "page_size" },
		{ "offset=100", "offset" },
		{ "category_id=1", "category_id" },
		{ "category_id=%ff", "category_id" },
		{ "categoryId=1", "category_id" },
		{ "created_from=2026-01-01", "created_from" },
		{ "created%5Fto=2026-01-01", "created_to" },
		{ "Limit=5", "limit" },
		{ "CURSOR=x", "cursor" },
		{ "limit=5&limit=6", "limit" },
	};
	struct query in = { 0 };
	struct page page;
	struct page_number number;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct req r = asked(good[i]);

		assert_int_equal(req_list(&ctx, &r, query_fields, &in, &page), OK);
	}
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req r = asked(cases[i][0]);

		if (req_list(&ctx, &r, query_fields, &in, &page) != ERR_INVALID)
			fail_msg("taken: %s", cases[i][0]);
		assert_string_equal(ctx.fault, cases[i][1]);
	}
	for (size_t i = 0; i < 2; i++) {
		struct req r = asked(i == 0 ? "page=2&page_size=5" : "cursor=x");

		assert_int_equal(req_list_numbered(&ctx, &r, query_fields, &in, &number),
			i == 0 ? OK : ERR_INVALID);
	}
	assert_int_equal(number.page, 2);
	assert_int_equal(number.size, 5);
}

static void a_cursor_is_valid_only_for_its_list_and_shop(void **state)
{
	const struct req r = asked("");
	const char *cursor = req_cursor(&ctx, &r, (int64_t[]){ 1, 2 });
	struct page page;

	(void)state;
	assert_int_equal(follow(&users, cursor, &page), ERR_INVALID);
	ctx.conf = &other_conf;
	assert_int_equal(follow(&orders, cursor, &page), ERR_INVALID);
	ctx.conf = &conf;
	assert_int_equal(follow(&orders, cursor, &page), OK);
}

static void the_next_page_keeps_the_filters(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "limit=2&status=1", "limit=2&status=1&" },
		{ "cursor=old&status=1", "status=1&" },
		{ "status=1&cursor=old", "status=1&" },
		{ "q=a+b%26%E8%8C%B6", "q=a%20b%26%E8%8C%B6&" },
		{ "q=%3E%3B%20rel%3D%22x", "q=%3E%3B%20rel%3D%22x&" },
		{ "q=x>;\"<", "q=x%3E%3B%22%3C&" },
		{ "q=%0D%0ASet-Cookie:x", "q=%0D%0ASet-Cookie%3Ax&" },
		{ "flag&&x=", "flag=&x=&" },
		{ "q=%ff&status=1", "status=1&" }, /* invalid text is dropped */
		{ "a=1#b=2", "a=1&" },
	};
	static const struct field key_only[] = { FIELD_END };
	int64_t last[2] = { 7, 8 };
	const struct page_rows rows = { { last, 1 }, true, { 0, sizeof(last[0]) }, 2 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req r = asked(cases[i][0]);
		struct resp w = resp_new(&ctx);

		assert_int_equal(resp_page(&ctx, &r, &w, key_only, sizeof(last), &rows), OK);
		assert_string_equal(str_text(&w.headers),
			arena_printf(&ctx.arena,
				"Link: </api/orders?%scursor=%s>; rel=\"next\"\r\n", cases[i][1],
				req_cursor(&ctx, &r, last)));
		assert_string_equal(str_text(&w.body), "[{}]");
	}
}

static void the_last_page_has_no_next_one(void **state)
{
	const struct page_rows rows = { .more = false };
	struct req r = asked("limit=2");
	struct resp w = resp_new(&ctx);

	(void)state;
	assert_int_equal(resp_page(&ctx, &r, &w, query_fields, sizeof(struct query), &rows), OK);
	assert_string_equal(str_text(&w.headers), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_limit_is_capped_or_refused, forget),
		cmocka_unit_test_teardown(a_cursor_returns_its_key, forget),
		cmocka_unit_test_teardown(a_forged_cursor_is_refused, forget),
		cmocka_unit_test_teardown(a_list_accepts_only_supported_parameters, forget),
		cmocka_unit_test_teardown(a_cursor_is_valid_only_for_its_list_and_shop, forget),
		cmocka_unit_test_teardown(the_next_page_keeps_the_filters, forget),
		cmocka_unit_test_teardown(the_last_page_has_no_next_one, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

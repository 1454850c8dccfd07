/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <string.h>

#include "web/resp.h"

/* Responses whose size depends on rows: cut into pages, or refused (BEHAVIOUR 63). */

enum { ROWS = 500, TEXT_BYTES = 5000, ESCAPED_BYTES = 6 * TEXT_BYTES };

struct row {
	timestamp at;
	int64_t id;
	const char *text;
};
static const struct field row_fields[] = {
	FIELD(struct row, at),
	FIELD(struct row, id),
	FIELD(struct row, text),
	FIELD_END,
};

static const struct conf conf = { .jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga" };
static const struct route route = { .method = GET, .path = "/api/products" };
static struct ctx ctx = { .conf = &conf };
static struct row rows[ROWS];
static char text[TEXT_BYTES + 1];

static int forget(void **state)
{
	(void)state;
	arena_done(&ctx.arena);
	return 0;
}

/* A page of n rows, each of which expands sixfold when written. */
static struct page_rows page_of(int64_t n)
{
	memset(text, 1, TEXT_BYTES);
	for (int64_t i = 0; i < n; i++)
		rows[i] = (struct row){ { 1700000000000 + i }, 1000 + i, text };
	return (struct page_rows){ { rows, n }, false,
		{ offsetof(struct row, at.ms), offsetof(struct row, id) }, 2 };
}

static size_t count(const struct str *body, const char *what)
{
	size_t n = 0;

	for (const char *p = str_text(body); (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void a_list_too_long_to_write_is_cut_after_a_row(void **state)
{
	const struct page_rows page = page_of(ROWS);
	struct req r = { .method = GET, .path = "/api/products", .query = "q=x", .route = &route };
	struct resp w = resp_new(&ctx);
	const char *cursor;
	size_t n;

	(void)state;
	assert_int_equal(resp_page(&ctx, &r, &w, row_fields, sizeof(struct row), &page), OK);
	assert_false(w.body.overflow || ctx.arena.exhausted);
	n = count(&w.body, "\"id\":");
	assert_in_range(n, RESP_PAGE_MAX / (ESCAPED_BYTES + 100), RESP_PAGE_MAX / ESCAPED_BYTES);
	assert_in_range(w.body.len, 1, RESP_PAGE_MAX + 1);
	assert_string_equal(str_text(&w.body) + w.body.len - 3, "\"}]");
	cursor = req_cursor(&ctx, &r, (int64_t[]){ rows[n - 1].at.ms, rows[n - 1].id });
	assert_string_equal(str_text(&w.headers),
		arena_printf(&ctx.arena, "Link: </api/products?q=x&cursor=%s>; rel=\"next\"\r\n",
			cursor));
}

static void a_single_row_of_any_length_is_written(void **state)
{
	static char long_text[(RESP_PAGE_MAX >> 2) + 1];
	struct page_rows page = page_of(2);
	struct req r = { .method = GET, .path = "/api/products", .query = "", .route = &route };
	struct resp w = resp_new(&ctx);

	(void)state;
	memset(long_text, 1, sizeof(long_text) - 1);
	rows[0].text = rows[1].text = long_text;
	assert_int_equal(resp_page(&ctx, &r, &w, row_fields, sizeof(struct row), &page), OK);
	assert_false(w.body.overflow || ctx.arena.exhausted);
	assert_int_equal(count(&w.body, "\"id\":1000,"), 1);
	assert_int_equal(count(&w.body, "\"id\":1001,"), 0);
	assert_string_not_equal(str_text(&w.headers), "");
}

static void a_numbered_page_of_the_longest_texts_fits(void **state)
{
	const struct page_rows page = page_of(ROWS);
	struct resp w = resp_new(&ctx);

	(void)state;
	json_write_rows(&w.body, row_fields, page.list.rows, sizeof(struct row), page.list.n);
	assert_false(w.body.overflow || ctx.arena.exhausted);
	assert_int_equal(count(&w.body, "\"id\":"), ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_list_too_long_to_write_is_cut_after_a_row, forget),
		cmocka_unit_test_teardown(a_single_row_of_any_length_is_written, forget),
		cmocka_unit_test_teardown(a_numbered_page_of_the_longest_texts_fits, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ext/fcgi.h"
#include "web/req.h"
#include "web/resp.h"

static const struct conf conf = { .jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga" };
static const struct conf other_conf = { .jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Gb" };
static const struct route orders = { .method = GET, .path = "/api/orders" };
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

static struct req asked(const char *query)
{
	return (struct req){
		.method = GET, .path = "/api/orders", .query = query, .route = &orders
	};
}

/* ---- decoding ---- */

static void percent_encoded_text_is_decoded_or_refused(void **state)
{
	static const struct {
		const char *text, *path, *query; /* NULL: refused */
	} cases[] = {
		{ "", "", "" },
		{ "abc", "abc", "abc" },
		{ "%41%62c", "Abc", "Abc" },
		{ "a+b", "a+b", "a b" },
		{ "a%2Bb", "a+b", "a+b" },
		{ "a%2bb%20c", "a+b c", "a+b c" },
		{ "%e4%b8%ad%E6%96%87", "中文", "中文" },
		{ "中文", "中文", "中文" },
		{ "%F0%9F%98%80", "😀", "😀" },
		{ "%25%32%35", "%25", "%25" }, /* once, not twice */
		{ "%", NULL, NULL },
		{ "a%", NULL, NULL },
		{ "%4", NULL, NULL },
		{ "a%4", NULL, NULL },
		{ "%4g", NULL, NULL },
		{ "%g4", NULL, NULL },
		{ "%%41", NULL, NULL },
		{ "% 41", NULL, NULL },
		{ "%+1", NULL, NULL },
		{ "%00", NULL, NULL },
		{ "a%00b", NULL, NULL },
		{ "%ff", NULL, NULL },
		{ "%c0%80", NULL, NULL },
		{ "%ed%a0%80", NULL, NULL },
		{ "%e4%b8", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int plus = 0; plus <= 1; plus++) {
			const char *want = plus ? cases[i].query : cases[i].path;
			const char *have = req_decode(&ctx, slice_of(cases[i].text), plus);

			if ((have == NULL) != (want == NULL) ||
				(have != NULL && strcmp(have, want) != 0))
				fail_msg("%s became %s", cases[i].text, have);
		}
}

static void every_text_survives_encoding_and_decoding(void **state)
{
	(void)state;
	for (unsigned cp = 1; cp < 0x800; cp++) {
		const char *text =
			cp < 0x80 ? arena_printf(&ctx.arena, "x%c", (char)cp)
				  : arena_printf(&ctx.arena, "x%c%c", (char)(0xc0 | cp >> 6),
					    (char)(0x80 | (cp & 63)));
		struct str encoded = str_new(&ctx.arena, 100);

		str_add_url(&encoded, text);
		for (int plus = 0; plus <= 1; plus++)
			assert_string_equal(
				req_decode(&ctx, slice_of(str_text(&encoded)), plus), text);
	}
}

/* ---- the target ---- */

static struct fcgi *fcgi;

static void set(const char *name, const char *value)
{
	assert_int_equal(value != NULL ? setenv(name, value, 1) : unsetenv(name), 0);
}

static bool target(const char *method, const char *uri, struct req *r)
{
	*r = (struct req){ .fcgi = fcgi };
	set("REQUEST_METHOD", method);
	set("REQUEST_URI", uri);
	return req_read_target(&ctx, r);
}

static void a_target_is_split_and_decoded(void **state)
{
	struct req r;

	(void)state;
	assert_true(target("GET", "/api/orders?limit=5&q=a%2Fb", &r));
	assert_int_equal(r.method, GET);
	assert_false(r.head);
	assert_string_equal(r.path, "/api/orders");
	assert_string_equal(r.query, "limit=5&q=a%2Fb"); /* raw */
	assert_true(target("HEAD", "/api/orders", &r));
	assert_int_equal(r.method, GET);
	assert_true(r.head);
	assert_string_equal(r.query, "");
	assert_true(target("POST", "/api/%6frders/?", &r));
	assert_string_equal(r.path, "/api/orders/");
	assert_string_equal(r.query, "");
	assert_true(target("DELETE", "/x?a=1?b=2", &r));
	assert_string_equal(r.query, "a=1?b=2");
	assert_true(target("PATCH", "/x#y?z", &r));
	assert_string_equal(r.path, "/x");
	assert_string_equal(r.query, "");
	assert_true(target("BREW", "/x", &r));
	assert_int_equal(r.method, 0);
}

static void a_target_may_name_its_host(void **state)
{
	static const struct {
		const char *uri, *path, *query;
	} cases[] = { { "http://shop.example/api/x?a=1", "/api/x", "a=1" },
		{ "HTTPS://shop.example:8443/", "/", "" }, { "http://shop.example", "/", "" },
		{ "http://shop.example?a=/b", "/", "" },
		{ "ftp://shop.example/x", "ftp://shop.example/x", "" },
		{ "/http://shop.example/x", "/http://shop.example/x", "" } };
	struct req r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(target("GET", cases[i].uri, &r));
		assert_string_equal(r.path, cases[i].path);
		assert_string_equal(r.query, cases[i].query);
	}
}

static void a_target_that_no_path_can_be_is_refused(void **state)
{
	static const char *const uris[] = { "/api/orders/%2F", "/api%2forders", "/%00", "/a%00b",
		"/%ff", "/%", "/%4", "/%zz", "/%c0%af" };
	struct req r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++)
		if (target("GET", uris[i], &r))
			fail_msg("taken: %s", uris[i]);
	assert_false(target(NULL, "/", &r));
	assert_false(target("GET", NULL, &r));
	/* in the query an encoded slash is only a character */
	assert_true(target("GET", "/x?q=%2F", &r));
}

static void path_parameters_are_typed(void **state)
{
	struct req r = { .params = { { "42/x", 2 }, { "ORDER-9/x", 7 } } };

	(void)state;
	assert_int_equal(req_id(&r, 0), 42);
	assert_string_equal(req_no(&ctx, &r, 1), "ORDER-9");
}

/* ---- query parameters ---- */

static void a_parameter_is_found_by_its_whole_name(void **state)
{
	static const struct {
		const char *query, *text; /* text NULL: absent */
	} cases[] = {
		{ "", NULL }, { "q=1", "1" }, { "q=", "" }, { "q", "" }, { "a=0&q=1&b=2", "1" },
		{ "qq=0&q=1", "1" }, { "aq=0", NULL }, { "Q=0", NULL },
		{ "q=1&q=2", "1" }, /* the first */
		{ "&&q=1&&", "1" }, { "q=a=b", "a=b" }, { "q=a+b%26c", "a b&c" },
		{ "q=%E4%B8%AD", "中" }, { "x=q=1", NULL }, { "=1&q=2", "2" }, { "q=1#q=2", "1" },
		{ "a=1#&q=2", NULL },
		{ "other=%ff&q=1", "1" }, /* what nobody asks for is not looked at */
	};
	static const char *const wrong[] = { "q=%", "q=%f", "q=%ff", "q=a%00", "q=%ed%a0%80" };
	const char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req r = asked(cases[i].query);

		assert_int_equal(req_param(&ctx, &r, "q", &text), OK);
		if ((text == NULL) != (cases[i].text == NULL) ||
			(text != NULL && strcmp(text, cases[i].text) != 0))
			fail_msg("%s: %s", cases[i].query, text);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct req r = asked(wrong[i]);

		assert_int_equal(req_param(&ctx, &r, "q", &text), ERR_INVALID);
		assert_string_equal(ctx.fault, "q");
	}
}

struct query {
	uint64_t has;
	int64_t status;
	opt_i64 user_id;
	const char *q;
	money secret;
};

static const struct field query_fields[] = {
	INPUT(struct query, status, 0, 5, 0),
	INPUT(struct query, user_id, 1, 100, 0),
	INPUT(struct query, q, 1, 5, 0),
	FIELD(struct query, secret),
	FIELD_END,
};

static void a_query_is_read_as_a_struct(void **state)
{
	struct req r = asked("status=5&q=%E8%8C%B6&x=y&secret=1&user_id=");
	struct query in = { .secret = { 7 } };

	(void)state;
	assert_int_equal(req_query(&ctx, &r, query_fields, &in), OK);
	assert_int_equal(in.status, 5);
	assert_string_equal(in.q, "茶");
	assert_int_equal(in.secret.fen, 7); /* not from input */
	assert_int_equal(in.has, 1 | 4);    /* an empty parameter is as good as none */
	r = asked("");
	assert_int_equal(req_query(&ctx, &r, query_fields, &in), OK);
	assert_int_equal(in.has, 0);
}

static void a_wrong_parameter_is_named(void **state)
{
	static const char *const cases[][2] = {
		{ "status=6", "status" }, { "status=paid", "status" }, { "status=1.0", "status" },
		{ "user_id=0", "user_id" }, { "user_id=-1", "user_id" },
		{ "status=1&q=123456", "q" }, { "q=%ff", "q" }, { "q=++", "q" }, /* blanks */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req r = asked(cases[i][0]);
		struct query in = { 0 };

		assert_int_equal(req_query(&ctx, &r, query_fields, &in), ERR_INVALID);
		assert_string_equal(ctx.fault, cases[i][1]);
	}
}

/* ---- pages ---- */

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
		enum err e = req_page(&ctx, &r, &page);

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
	return req_page(&ctx, &r, page);
}

static void a_cursor_brings_its_key_back(void **state)
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

static void a_cursor_is_good_for_its_list_and_shop_only(void **state)
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
		{ "q=%ff&status=1", "status=1&" }, /* what is no text goes */
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
		cmocka_unit_test_teardown(percent_encoded_text_is_decoded_or_refused, forget),
		cmocka_unit_test_teardown(every_text_survives_encoding_and_decoding, forget),
		cmocka_unit_test_teardown(a_target_is_split_and_decoded, forget),
		cmocka_unit_test_teardown(a_target_may_name_its_host, forget),
		cmocka_unit_test_teardown(a_target_that_no_path_can_be_is_refused, forget),
		cmocka_unit_test_teardown(path_parameters_are_typed, forget),
		cmocka_unit_test_teardown(a_parameter_is_found_by_its_whole_name, forget),
		cmocka_unit_test_teardown(a_query_is_read_as_a_struct, forget),
		cmocka_unit_test_teardown(a_wrong_parameter_is_named, forget),
		cmocka_unit_test_teardown(a_limit_is_capped_or_refused, forget),
		cmocka_unit_test_teardown(a_cursor_brings_its_key_back, forget),
		cmocka_unit_test_teardown(a_forged_cursor_is_refused, forget),
		cmocka_unit_test_teardown(a_cursor_is_good_for_its_list_and_shop_only, forget),
		cmocka_unit_test_teardown(the_next_page_keeps_the_filters, forget),
		cmocka_unit_test_teardown(the_last_page_has_no_next_one, forget),
	};
	/* libfcgi takes a process for plain CGI unless its standard input is a socket */
	int null = open("/dev/null", O_RDONLY), failed;

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return 1;
	close(null);
	fcgi = fcgi_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fcgi_free(fcgi);
	return failed;
}

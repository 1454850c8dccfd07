/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "asked.h"
#include "ext/fcgi.h"

static const struct conf conf = { .jwt_secret = "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga" };
static struct ctx ctx = { .conf = &conf };

static int forget(void **state)
{
	(void)state;
	arena_done(&ctx.arena);
	ctx.fault = NULL;
	return 0;
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
			const char *have =
				str_url_decode(&ctx.arena, slice_of(cases[i].text), plus);

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
				str_url_decode(&ctx.arena, slice_of(str_text(&encoded)), plus),
				text);
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

static void a_target_may_be_absolute(void **state)
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

static void an_invalid_target_is_refused(void **state)
{
	/* and the readable part of it, which determines the family */
	static const char *const uris[][2] = { { "/api/orders/%2F", "/api/orders//" },
		{ "/api%2forders", "/api/orders" }, { "/%00", "//00" }, { "/a%00b", "/a/00b" },
		{ "/%ff", "//ff" }, { "/%", "//" }, { "/%4", "//4" }, { "/%6dx/%zz", "/mx//zz" },
		{ "/%c0%af", "//c0/af" }, { "/a\xff", "/a/" } };
	struct req r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
		if (target("GET", uris[i][0], &r))
			fail_msg("taken: %s", uris[i][0]);
		assert_string_equal(r.path, uris[i][1]);
	}
	assert_false(target(NULL, "/", &r));
	assert_false(target("GET", NULL, &r));
	/* in the query an encoded slash is only a character */
	assert_true(target("GET", "/x?q=%2F", &r));
}

/* ---- query parameters ---- */

static void a_parameter_is_found_by_its_exact_name(void **state)
{
	static const struct {
		const char *query, *text; /* text NULL: absent */
	} cases[] = {
		{ "", NULL }, { "q=1", "1" }, { "q=", "" }, { "q", "" }, { "a=0&q=1&b=2", "1" },
		{ "qq=0&q=1", "1" }, { "aq=0", NULL }, { "%71=1", "1" }, { "a%26q=1", NULL },
		{ "_=0&%5B%5D=0&茶=0&q=1", "1" }, /* names without a letter resemble no other */
		{ "&&q=1&&", "1" }, { "q=a=b", "a=b" }, { "q=a+b%26c", "a b&c" },
		{ "q=%E4%B8%AD", "中" }, { "x=q=1", NULL }, { "=1&q=2", "2" }, { "q=1#q=2", "1" },
		{ "a=1#&q=2", NULL },
		{ "other=%ff&q=1", "1" }, /* unused parameters are not checked */
	};
	static const char *const wrong[] = { "q=%", "q=%f", "q=%ff", "q=a%00", "q=%ed%a0%80",
		/* repeated, or equal except for case and punctuation */
		"q=1&q=2", "q=1&q=1", "q=&q=1", "q=1&%71=1", "Q=0", "q=1&Q=1", "q[]=1", "%5Bq%5D=1",
		"+q=1", "q%20=1", "q_=1", "_q", ".q=1", "q%C2%A0=1", "%51=1" };
	static const char *const no_name[] = { "%", "%4=1", "q=1&%zz=1", "%ff", "a%00=1",
		"x=1&%ed%a0%80=1" };
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

		if (req_param(&ctx, &r, "q", &text) != ERR_INVALID)
			fail_msg("taken: %s", wrong[i]);
		assert_string_equal(ctx.fault, "q");
	}
	for (size_t i = 0; i < ARRAY_LEN(no_name); i++) {
		struct req r = asked(no_name[i]);

		if (req_param(&ctx, &r, "q", &text) != ERR_MALFORMED)
			fail_msg("taken: %s", no_name[i]);
	}
}

static void a_query_is_read_as_a_struct(void **state)
{
	struct req r = asked("status=5&q=%E8%8C%B6&x=y&secret=1&user_id=");
	struct query in = { .secret = { 7 } };

	(void)state;
	assert_int_equal(req_query(&ctx, &r, query_fields, &in), OK);
	assert_int_equal(in.status, 5);
	assert_string_equal(in.q, "茶");
	assert_int_equal(in.secret.fen, 7); /* not from input */
	assert_int_equal(in.has, 1 | 4);    /* an empty parameter is treated as absent */
	r = asked("");
	assert_int_equal(req_query(&ctx, &r, query_fields, &in), OK);
	assert_int_equal(in.has, 0);
}

static void a_wrong_parameter_is_named(void **state)
{
	static const char *const cases[][2] = {
		{ "status=6", "status" },
		{ "status=paid", "status" },
		{ "status=1.0", "status" },
		{ "user_id=0", "user_id" },
		{ "user_id=-1", "user_id" },
		{ "status=1&q=123456", "q" },
		{ "q=%ff", "q" },
		{ "q=++", "q" }, /* blanks */
		{ "userId=1", "user_id" },
		{ "user_id[]=1", "user_id" },
		{ "userid=1", "user_id" },
		{ "USER-ID=1", "user_id" },
		{ "user%5Fid_=1", "user_id" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct req r = asked(cases[i][0]);
		struct query in = { 0 };

		assert_int_equal(req_query(&ctx, &r, query_fields, &in), ERR_INVALID);
		assert_string_equal(ctx.fault, cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(percent_encoded_text_is_decoded_or_refused, forget),
		cmocka_unit_test_teardown(every_text_survives_encoding_and_decoding, forget),
		cmocka_unit_test_teardown(a_target_is_split_and_decoded, forget),
		cmocka_unit_test_teardown(a_target_may_be_absolute, forget),
		cmocka_unit_test_teardown(an_invalid_target_is_refused, forget),
		cmocka_unit_test_teardown(a_parameter_is_found_by_its_exact_name, forget),
		cmocka_unit_test_teardown(a_query_is_read_as_a_struct, forget),
		cmocka_unit_test_teardown(a_wrong_parameter_is_named, forget),
	};
	/* libfcgi assumes plain CGI unless standard input is a socket */
	int null = open("/dev/null", O_RDONLY), failed;

	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		return 1;
	close(null);
	fcgi = fcgi_new();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fcgi_free(fcgi);
	return failed;
}

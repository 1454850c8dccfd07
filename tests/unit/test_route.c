/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "web/auth.h"
#include "web/resp.h"
#include "web/route.h"

static enum err nothing(struct ctx *c, struct call *k)
{
	(void)c;
	(void)k;
	return OK;
}

enum { LIST, MAKE, READ, CHANGE, PAY, ME, ONE_USER, NOTIFY, FORGOTTEN, ROOT };

static const struct route routes[] = {
	[LIST] = { GET, "/api/orders", ROLE_USER, RATE_READ, DO(nothing) },
	[MAKE] = { POST, "/api/orders", ROLE_USER, RATE_WRITE, DO(nothing), ROUTE_IDEMPOTENT },
	[READ] = { GET, "/api/orders/:no", ROLE_USER, RATE_READ, DO(nothing) },
	[CHANGE] = { PUT, "/api/orders/:no", ROLE_ADMIN, RATE_WRITE, DO(nothing) },
	[PAY] = { POST, "/api/orders/:no/lines/:id", ROLE_USER, RATE_WRITE, DO(nothing) },
	[ME] = { GET, "/api/users/me", ROLE_USER, RATE_READ, DO(nothing) },
	[ONE_USER] = { DELETE, "/api/users/:id", ROLE_ADMIN, RATE_WRITE, DO(nothing) },
	[NOTIFY] = { POST, "/notify", ROLE_PROVIDER, RATE_NOTIFY, DO(nothing) },
	[FORGOTTEN] = { .method = GET, .path = "/forgotten", .handler = nothing },
	[ROOT] = { GET, "/", ROLE_PUBLIC, RATE_NONE, DO(nothing) },
	{ .path = NULL },
};

#define NONE (-1)

static void check(enum method method, const char *path, int row, unsigned methods)
{
	const struct match m = route_match(routes, method, path);

	if (m.route != (row == NONE ? NULL : &routes[row]))
		fail_msg("%s %s: row %d", method_name(method), path,
			m.route == NULL ? NONE : (int)(m.route - routes));
	if (m.methods != methods || m.path_known != (methods != 0))
		fail_msg("%s %s: methods %#x", method_name(method), path, m.methods);
}

enum {
	GET_BIT = 1 << GET,
	POST_BIT = 1 << POST,
	PUT_BIT = 1 << PUT,
	DELETE_BIT = 1 << DELETE,
};

static void a_path_and_a_method_find_their_row(void **state)
{
	(void)state;
	check(GET, "/api/orders", LIST, GET_BIT | POST_BIT);
	check(POST, "/api/orders", MAKE, GET_BIT | POST_BIT);
	check(GET, "/api/orders/ORDER7x_-", READ, GET_BIT | PUT_BIT);
	check(PUT, "/api/orders/ORDER7x_-", CHANGE, GET_BIT | PUT_BIT);
	check(POST, "/api/orders/A/lines/1", PAY, POST_BIT);
	check(DELETE, "/api/users/12", ONE_USER, DELETE_BIT);
	check(GET, "/api/users/me", ME, GET_BIT);
	check(GET, "/", ROOT, GET_BIT);
}

static void a_trailing_slash_is_ignored(void **state)
{
	(void)state;
	check(GET, "/api/orders/", LIST, GET_BIT | POST_BIT);
	check(GET, "/api/orders/A/", READ, GET_BIT | PUT_BIT);
	check(POST, "/notify/", NOTIFY, POST_BIT);
	check(GET, "", ROOT, GET_BIT);
}

static void a_known_path_with_another_method_lists_the_allowed_ones(void **state)
{
	(void)state;
	check(DELETE, "/api/orders", NONE, GET_BIT | POST_BIT);
	check(POST, "/api/users/me", NONE, GET_BIT);
	check(GET, "/api/users/12", NONE, DELETE_BIT);
	check(OPTIONS, "/api/orders/A", NONE, GET_BIT | PUT_BIT);
}

static void an_unknown_path_finds_nothing(void **state)
{
	static const char *const cases[] = { "/api", "/api/order", "/api/orderss", "/Api/orders",
		"/api/orders/A/B", "/api/orders/A/lines", "/api/orders/A/lines/1/x", "/notify/x",
		"/api/users", "/x", "/:no", "/api/users/:id", "/api/users/:me", "/api/orders/:no",
		"/api/orders/A%", "/api/orders/A B", "/api/orders/A.B", "/api/orders/A:1",
		"/api/orders/订单", "/api/orders/A;x", "/api/orders/..", "/api/orders/A'",
		"/api/orders/A\nB" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(GET, cases[i], NONE, 0);
}

static void an_id_is_a_positive_integer_in_canonical_form(void **state)
{
	static const char *const wrong[] = { "0", "-1", "+1", "01", "1.0", "1e3", "0x1", " 1", "1 ",
		"abc", "1a", "me2", "9223372036854775807", "9223372036854775808",
		"18446744073709551617", "99999999999999999999999", "１", ":id", "null" };
	static const char *const right[] = { "1", "10", "4294967296", "9223372036854775806" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		snprintf(path, sizeof(path), "/api/users/%s", wrong[i]);
		check(DELETE, path, NONE, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(right); i++) {
		snprintf(path, sizeof(path), "/api/users/%s", right[i]);
		check(DELETE, path, ONE_USER, DELETE_BIT);
	}
}

static void an_order_number_has_1_to_64_characters_of_its_alphabet(void **state)
{
	char path[256];

	(void)state;
	for (int ch = 1; ch < 256; ch++) {
		const bool good = ch < 0x80 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
						      "mnopqrstuvwxyz0123456789_-",
						       ch) != NULL;

		if (ch == '/')
			continue;
		snprintf(path, sizeof(path), "/api/orders/A%cB", ch);
		check(GET, path, good ? READ : NONE, good ? GET_BIT | PUT_BIT : 0);
	}
	snprintf(path, sizeof(path), "/api/orders/%064d", 7);
	check(GET, path, READ, GET_BIT | PUT_BIT);
	snprintf(path, sizeof(path), "/api/orders/%065d", 7);
	check(GET, path, NONE, 0);
}

static void parameters_are_handed_over(void **state)
{
	const char *path = "/api/orders/ORDER9/lines/42/";
	const struct match m = route_match(routes, POST, path);

	(void)state;
	assert_non_null(m.route);
	assert_true(slice_is(m.no, "ORDER9"));
	assert_int_equal(m.id, 42);
}

static void a_row_without_a_role_denies(void **state)
{
	struct ctx c = { .actor = { .kind = ACTOR_USER, .user_id = 1, .administrator = true } };

	assert_int_equal(
		auth_check(&c, &(struct req){ .route = &routes[FORGOTTEN] }, NULL), ERR_FORBIDDEN);
	(void)state;
}

struct row {
	uint64_t has;
	int64_t id;
	struct page page;
};
static const struct field row_fields[] = { FIELD(struct row, id), FIELD_END };
struct small {
	uint64_t has;
};

static void a_row_that_lacks_what_its_kind_needs_is_named(void **state)
{
#define ROW(m, ...)                                                                                \
	{                                                                                          \
		m, "/x", ROLE_USER, RATE_NONE, DO(nothing), .summary = "x", __VA_ARGS__            \
	}
	static const struct {
		struct route route;
		const char *fault; /* NULL: none */
	} cases[] = {
		{ ROW(GET, .answer = ONE(struct row, row_fields)), NULL },
		{ ROW(GET, .query = LISTED(struct row, row_fields),
			  .answer = PAGE(struct row, row_fields)),
			NULL },
		{ ROW(PUT, .body = CHANGE(struct row, row_fields), .answer = EMPTY), NULL },
		{ ROW(POST, .answer = MESSAGE, .message = "x"), NULL },
		{ { .method = GET, .path = "/x" }, "no role" },
		{ { GET, "/x", ROLE_PUBLIC | ROLE_SYSTEM, .summary = "x" }, "no role" },
		{ ROW(GET, .answer = DATA_PAGE(struct row, row_fields)),
			"a page without a cursor" },
		{ { GET, "/x", ROLE_USER, .summary = "x" }, "no handler" },
		{ { GET, "/x", ROLE_USER, RATE_NONE, DO(nothing), .flags = 0 }, "no summary" },
		{ ROW(GET, .flags = 0), "no answer" },
		{ ROW(POST, .answer = MESSAGE), "no message" },
		{ ROW(POST, .answer = ENVELOPE_MESSAGE), "no message" },
		{ ROW(POST, .answer = RAW), "a raw answer to anybody" },
		{ ROW(GET, .answer = PAGE(struct row, row_fields)), "a page without a cursor" },
		{ ROW(GET, .answer = ENVELOPE_PAGE(struct row, row_fields)),
			"a page without a number" },
		{ ROW(GET, .body = NEW(struct row, row_fields), .answer = EMPTY),
			"a GET that changes something" },
		{ ROW(PATCH, .answer = EMPTY), "a change without a body" },
		{ ROW(GET, .answer = ONE(struct row, row_fields), .cached = "x"),
			"answers that can't be kept" },
		{ { GET, "/x/:no", ROLE_PUBLIC, RATE_NONE, DO(nothing), .summary = "x",
			  .answer = ONE(struct row, row_fields), .cached = "x" },
			"answers that can't be kept" },
		{ { GET, "/x/:id", ROLE_PUBLIC, RATE_NONE, DO(nothing), .summary = "x",
			  .answer = ONE(struct row, row_fields), .cached = "x" },
			NULL },
		{ ROW(GET, .answer = ONE(struct small, row_fields)), "a table of another struct" },
		{ ROW(POST, .body = NEW(struct small, row_fields), .answer = EMPTY),
			"a table of another struct" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *fault = route_fault(&cases[i].route);

		if ((fault == NULL) != (cases[i].fault == NULL) ||
			(fault != NULL && strcmp(fault, cases[i].fault) != 0))
			fail_msg("row %zu: %s", i, fault);
	}
}

static void only_known_method_names_are_accepted(void **state)
{
	static const char *const wrong[] = { "", "get", "Get", "GETS", "GE", "TRACE", "CONNECT",
		"PROPFIND", "HEADS", "head", " GET" };

	(void)state;
	for (int m = GET; m < METHOD_N; m++)
		assert_int_equal(method_of(method_name((enum method)m)), m);
	assert_int_equal(method_of("HEAD"), GET);
	assert_int_equal(method_of("DELETE"), DELETE);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(method_of(wrong[i]), 0);
	/* and 0 matches no row */
	check((enum method)0, "/notify", NONE, POST_BIT);
}

static void the_printed_table_has_a_line_for_each_row(void **state)
{
	static const char *const wanted[ARRAY_LEN(routes) - 1][5] = {
		{ "GET", "/api/orders", "user", "read" },
		{ "POST", "/api/orders", "user", "write", "idempotent" },
		{ "GET", "/api/orders/:no", "user", "read" },
		{ "PUT", "/api/orders/:no", "admin", "write" },
		{ "POST", "/api/orders/:no/lines/:id", "user", "write" },
		{ "GET", "/api/users/me", "user", "read" },
		{ "DELETE", "/api/users/:id", "admin", "write" },
		{ "POST", "/notify", "provider", "notify" },
		{ "GET", "/forgotten", "nobody", "none" },
		{ "GET", "/", "public", "none" },
	};
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	char line[256], *save;

	(void)state;
	assert_non_null(file);
	fflush(stdout);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	route_print(routes);
	fflush(stdout);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	close(saved);
	rewind(file);
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		assert_non_null(fgets(line, sizeof(line), file));
		for (size_t k = 0; k < 5 && wanted[i][k] != NULL; k++) {
			const char *word = strtok_r(k == 0 ? line : NULL, " \n", &save);

			assert_non_null(word);
			assert_string_equal(word, wanted[i][k]);
		}
		assert_null(strtok_r(NULL, " \n", &save));
	}
	assert_null(fgets(line, sizeof(line), file));
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_and_a_method_find_their_row),
		cmocka_unit_test(a_trailing_slash_is_ignored),
		cmocka_unit_test(a_known_path_with_another_method_lists_the_allowed_ones),
		cmocka_unit_test(an_unknown_path_finds_nothing),
		cmocka_unit_test(an_id_is_a_positive_integer_in_canonical_form),
		cmocka_unit_test(an_order_number_has_1_to_64_characters_of_its_alphabet),
		cmocka_unit_test(parameters_are_handed_over),
		cmocka_unit_test(a_row_without_a_role_denies),
		cmocka_unit_test(a_row_that_lacks_what_its_kind_needs_is_named),
		cmocka_unit_test(only_known_method_names_are_accepted),
		cmocka_unit_test(the_printed_table_has_a_line_for_each_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

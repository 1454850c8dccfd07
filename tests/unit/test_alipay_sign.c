/* SPDX-License-Identifier: MIT */
/* test_alipay_sign.c - Alipay's signatures, serial numbers and keys, with the vectors of its SDK. */
#include "unit.h"

#include <unistd.h>

#include "child.h"
#include "providers/alipay/call.h"
#include "providers/alipay/text.h"
#include "vectors.h"

static struct json_object *doc;
static struct alipay_keys keys;
static void *states[PROVIDER_N] = { [PROVIDER_ALIPAY] = &keys };
static struct conf conf;
static struct ctx ctx = { .conf = &conf, .provider_states = states };
static char dir[] = "/tmp/minimall-alipay-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	doc = data_json("alipay_nodejs_sdk.json");
	return mkdtemp(dir) == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	json_object_put(doc);
	arena_done(&ctx.arena);
	return rmdir(dir);
}

/* After each test. */
static int done(void **state)
{
	(void)state;
	alipay_keys_done(&keys);
	arena_reset(&ctx.arena);
	return 0;
}

static void use_alipay_key(const char *at)
{
	alipay_keys_done(&keys);
	keys.alipay = rsa_public_key(slice_at(doc, at));
	assert_non_null(keys.alipay);
}

/* The parameters of a vector, as they are there. */
static struct alipay_params params_at(const char *at)
{
	struct alipay_params p = { 0 };
	struct json_object *all = NULL;

	assert_int_equal(json_pointer_get(doc, at, &all), 0);
	json_object_object_foreach(all, name, value)
	{
		p.list[p.n++] = (struct alipay_param){ name, json_object_get_string(value) };
	}
	return p;
}

static void assert_text(struct slice text, const char *wanted)
{
	assert_string_equal(arena_dup(&ctx.arena, text.p, text.len), wanted);
}

/* A PEM text without its first and last line. */
static struct slice bare(const char *pem)
{
	const char *from = strchr(pem, '\n') + 1, *to = strstr(from, "-----END");

	return (struct slice){ from, (size_t)(to - from) };
}

static void a_request_is_signed_as_by_the_sdk(void **state)
{
	struct alipay_params p = params_at("/request_sign_derived/params");
	const struct slice text = alipay_signed_text(&ctx.arena, &p, ALIPAY_SIGN);
	const char *pem = text_at(doc, "/request_sign_derived/app_private_key_pem"), *sign;

	(void)state;
	assert_text(text, text_at(doc, "/request_sign_derived/sign_content"));
	keys.app = alipay_private_key(&ctx.arena, slice_of(pem));
	assert_int_equal(rsa_sign(&ctx.arena, keys.app, text, &sign), OK);
	assert_string_equal(sign, text_at(doc, "/request_sign_derived/sign"));
}

static void keys_are_read_without_the_lines_of_pem_too(void **state)
{
	struct rsa_key *public;

	(void)state;
	keys.app = alipay_private_key(&ctx.arena,
		bare(text_at(doc, "/request_sign_derived/app_private_key_pem"))); /* PKCS #1 */
	public = alipay_public_key(
		&ctx.arena, bare(text_at(doc, "/request_sign_derived/app_public_key_pem")));
	assert_true(keys.app != NULL && public != NULL && rsa_same_key(keys.app, public));
	rsa_key_free(public);
	assert_null(alipay_public_key(&ctx.arena, slice_of("bm90IGEga2V5")));
	assert_null(alipay_private_key(&ctx.arena, slice_of("")));
	assert_null(alipay_public_key(&ctx.arena, data_text(&ctx.arena, "rsa-1024-public.pem")));
}

static void a_parameter_without_a_value_is_neither_sent_nor_signed(void **state)
{
	struct alipay_params p = { 0 };

	(void)state;
	alipay_add(&p, "b", "x y&=%+\xe5\xba\x97");
	alipay_add(&p, "a", "1");
	alipay_add(&p, "c", "");
	alipay_add(&p, "d", NULL);
	assert_text(alipay_signed_text(&ctx.arena, &p, ALIPAY_SIGN), "a=1&b=x y&=%+\xe5\xba\x97");
	assert_string_equal(alipay_form(&ctx.arena, &p), "b=x%20y%26%3D%25%2B%E5%BA%97&a=1");
}

static void a_notification_of_alipay_is_verified(void **state)
{
	struct alipay_params p, weaker;

	(void)state;
	use_alipay_key("/notify_v1/alipay_public_key_pem");
	assert_true(
		alipay_read_form(&ctx.arena, slice_at(doc, "/notify_v1/form_body_derived"), &p));
	assert_text(alipay_signed_text(&ctx.arena, &p, ALIPAY_SIGN_TYPE),
		text_at(doc, "/notify_v1/sign_content"));
	assert_true(alipay_is_signed(&ctx, &p));
	weaker = p;
	for (size_t i = 0; i < p.n; i++) {
		struct alipay_params spoilt = p;

		if (strcmp(p.list[i].name, "sign_type") == 0)
			continue;
		spoilt.list[i].value = "x";
		if (alipay_is_signed(&ctx, &spoilt))
			fail_msg("%s may be anything", p.list[i].name);
		spoilt.list[i] = spoilt.list[--spoilt.n];
		if (alipay_is_signed(&ctx, &spoilt))
			fail_msg("%s may be left out", p.list[i].name);
	}
	/* sign_type itself isn't signed */
	for (size_t i = 0; i < p.n; i++)
		if (strcmp(weaker.list[i].name, "sign_type") == 0)
			weaker.list[i].value = "RSA";
	assert_false(alipay_is_signed(&ctx, &weaker));
	/* one without a value may have been left out of what was signed */
	p.list[p.n++] = (struct alipay_param){ "zero", "" };
	assert_true(alipay_is_signed(&ctx, &p));
	p.list[p.n - 1].value = "0";
	assert_false(alipay_is_signed(&ctx, &p));
	p.n--;
	use_alipay_key("/gateway_response/alipay_public_key_pem");
	assert_false(alipay_is_signed(&ctx, &p));
}

/* Some events that are no payments sign sign_type: a payment signed so is not Alipay's. */
static void a_notification_with_its_sign_type_signed_is_refused(void **state)
{
	struct alipay_params p = params_at("/notify_v2_sign_type_kept/params");

	(void)state;
	use_alipay_key("/notify_v2_sign_type_kept/alipay_public_key_pem");
	assert_text(alipay_signed_text(&ctx.arena, &p, ALIPAY_SIGN),
		text_at(doc, "/notify_v2_sign_type_kept/sign_content"));
	assert_false(alipay_is_signed(&ctx, &p));
}

static void a_form_is_decoded_once_and_strictly(void **state)
{
	static const char *const bad[] = { "a=%", "a=%2", "a=%zz", "%=1", "a=1&a=2", "a=1&%61=2",
		"a=%ff", "a=%00", "a=\xc3" };
	const char *many = "";
	struct alipay_params p;

	(void)state;
	assert_true(alipay_read_form(&ctx.arena, slice_of("&a=1+2%2B%2525&b&c=&=x&d=e=f&"), &p));
	assert_int_equal(p.n, 4);
	assert_string_equal(alipay_param(&p, "a"), "1 2+%25");
	assert_string_equal(alipay_param(&p, "b"), "");
	assert_string_equal(alipay_param(&p, "c"), "");
	assert_string_equal(alipay_param(&p, "d"), "e=f");
	assert_null(alipay_param(&p, "A"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (alipay_read_form(&ctx.arena, slice_of(bad[i]), &p))
			fail_msg("read: %s", bad[i]);
	for (int i = 0; i < ALIPAY_PARAMS_MAX; i++)
		many = arena_printf(&ctx.arena, "%sp%d=&", many, i);
	assert_true(alipay_read_form(&ctx.arena, slice_of(many), &p));
	many = arena_printf(&ctx.arena, "%sq=", many);
	assert_false(alipay_read_form(&ctx.arena, slice_of(many), &p));
	assert_true(alipay_read_form(&ctx.arena, (struct slice){ NULL, 0 }, &p));
	assert_int_equal(p.n, 0);
}

static void a_response_is_sliced_as_it_was_sent(void **state)
{
	struct slice node;

	(void)state;
	assert_true(alipay_node(slice_at(doc, "/gateway_response/raw_body"),
		text_at(doc, "/gateway_response/response_key"), &node));
	assert_text(node, text_at(doc, "/gateway_response/sign_content"));
	use_alipay_key("/gateway_response/alipay_public_key_pem");
	assert_true(
		rsa_verify(&ctx.arena, keys.alipay, node, slice_at(doc, "/gateway_response/sign")));
	/* blanks around the colon, and an inner member named sign */
	assert_true(alipay_node(slice_at(doc, "/response_slice_cases/0/raw_body"),
		text_at(doc, "/response_slice_cases/0/response_key"), &node));
	assert_text(node, text_at(doc, "/response_slice_cases/0/expected_slice"));
}

static void only_a_whole_object_that_is_a_member_is_a_response(void **state)
{
	static const struct {
		const char *body, *node;
	} cases[] = {
		{ "{\"r\":{}}", "{}" },
		{ "{\"r\" \n:\t{\"a\":\"}\\\"{\\\\\",\"b\":[{}]} }",
			"{\"a\":\"}\\\"{\\\\\",\"b\":[{}]}" },
		{ "{\"x\":\"r\",\"r\":{\"r\":{\"a\":1}}}", "{\"r\":{\"a\":1}}" },
		{ "{\"x\":{\"r\":{}}}", NULL }, /* of another object */
		{ "{\"x\":[{\"r\":{}}]}", NULL },
		{ "{\"x\":\"\\\"r\\\":{}\"}", NULL }, /* in a string */
		{ "{\"r\":\"{}\"}", NULL },
		{ "{\"r\":[]}", NULL },
		{ "{\"R\":{}}", NULL },
		{ "{\"rr\":{}}", NULL },
		{ "[\"r\",{}]", NULL },
		{ "\"r\":{}", NULL },
		{ "{\"r\":{\"a\":\"}", NULL },
		{ "{\"r\":{", NULL },
		{ "{\"r\":{]", NULL },
		{ "{\"r\":", NULL },
		{ "{\"r\"", NULL },
		{ "{\"r", NULL },
		{ "{\"r\\", NULL },
		{ "", NULL },
	};
	struct slice node;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (alipay_node(slice_of(cases[i].body), "r", &node) != (cases[i].node != NULL))
			fail_msg("%s", cases[i].body);
		if (cases[i].node != NULL)
			assert_text(node, cases[i].node);
	}
}

static void certificates_have_the_sdks_serial_numbers(void **state)
{
	const struct slice app = slice_at(doc, "/certificate_sn/app_cert_pem"),
			   alipay = slice_at(doc, "/certificate_sn/alipay_cert_pem");
	const char *two = arena_printf(&ctx.arena, "\n%s\n%s", alipay.p, app.p);

	(void)state;
	assert_string_equal(
		alipay_cert_sn(&ctx.arena, app), text_at(doc, "/certificate_sn/app_cert_sn"));
	assert_string_equal(
		alipay_cert_sn(&ctx.arena, alipay), text_at(doc, "/certificate_sn/alipay_cert_sn"));
	assert_string_equal(alipay_cert_sn(&ctx.arena, slice_of(two)),
		text_at(doc, "/certificate_sn/alipay_cert_sn"));
	/* two of the four are not signed by an RSA key */
	assert_string_equal(
		alipay_root_cert_sn(&ctx.arena, slice_at(doc, "/certificate_sn/root_bundle_pem")),
		text_at(doc, "/certificate_sn/alipay_root_cert_sn"));
	assert_null(alipay_cert_sn(&ctx.arena, slice_of("")));
	assert_null(
		alipay_root_cert_sn(&ctx.arena, slice_at(doc, "/notify_v1/alipay_public_key_pem")));
}

static void times_amounts_and_states_are_alipays(void **state)
{
	static const char *const bad_times[] = { "", "2026-11-27", "2026-11-27T12:00:00",
		"2026-11-27 12:00:00Z", "2026-13-27 12:00:00", "2026-11-27 12:00:0" };
	static const char *const bad_amounts[] = { "", ".1", "1.", "1.234", "-1", "1e2", " 1",
		"+1" };
	char text[CLOCK_TEXT_MAX];

	(void)state;
	alipay_time_text(INT64_C(1795752000999), text);
	assert_string_equal(text, "2026-11-27 12:00:00"); /* 04:00 UTC */
	assert_int_equal(alipay_time(text), INT64_C(1795752000000));
	assert_int_equal(alipay_time("2026-11-27 12:00:00.123"), INT64_C(1795752000000));
	assert_int_equal(alipay_time(NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad_times); i++)
		assert_int_equal(alipay_time(bad_times[i]), 0);
	assert_int_equal(alipay_fen("0.1"), 10);
	assert_int_equal(alipay_fen("88.80"), 8880);
	assert_int_equal(alipay_fen("100000000"), INT64_C(10000000000));
	assert_int_equal(alipay_fen(NULL), -1);
	for (size_t i = 0; i < ARRAY_LEN(bad_amounts); i++)
		assert_int_equal(alipay_fen(bad_amounts[i]), -1);
	assert_int_equal(alipay_trade_state("TRADE_SUCCESS", true), TRADE_PAID);
	assert_int_equal(alipay_trade_state("TRADE_FINISHED", true), TRADE_PAID);
	assert_int_equal(alipay_trade_state("WAIT_BUYER_PAY", false), TRADE_UNPAID);
	assert_int_equal(alipay_trade_state("TRADE_CLOSED", false), TRADE_CLOSED);
	assert_int_equal(alipay_trade_state("TRADE_CLOSED", true), TRADE_REFUNDED);
	assert_int_equal(alipay_trade_state("trade_success", true), TRADE_UNKNOWN);
}

/* ---- start ---- */

/* A file of a vector's text; remove_files() removes it. */
static const char *file_of(const char *name, const char *at)
{
	char *path = arena_printf(&ctx.arena, "%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	assert_true(f != NULL && fputs(text_at(doc, at), f) >= 0 && fclose(f) == 0);
	return path;
}

static void load_in_child(void *arg)
{
	const bool good = alipay_keys_load(&keys, arg, &ctx.arena);

	fflush(NULL);
	_exit(good ? 0 : 1);
}

/* What start() prints; "" when it accepts the configuration. */
static const char *complaint(struct conf c)
{
	char *said = arena_alloc(&ctx.arena, 4096);
	const int status = child_run(load_in_child, &c, said, 4096);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), said[0] == '\0' ? 0 : 1);
	return said;
}

static void assert_names(const char *said, const char *setting, const char *what)
{
	if (strstr(said, setting) == NULL || strstr(said, what) == NULL)
		fail_msg("no %s %s in: %s", setting, what, said);
}

static void keys_that_can_not_be_alipays_are_refused_at_the_start(void **state)
{
	const struct conf good = {
		.alipay_private_key_file =
			file_of("app", "/request_sign_derived/app_private_key_pem"),
		.alipay_public_key_file = file_of("alipay", "/notify_v1/alipay_public_key_pem"),
	};
	const char *app_cert = file_of("app.crt", "/certificate_sn/app_cert_pem"),
		   *cert = file_of("alipay.crt", "/certificate_sn/alipay_cert_pem"),
		   *roots = file_of("roots.crt", "/certificate_sn/root_bundle_pem");
	struct conf c = good;

	(void)state;
	assert_string_equal(complaint(good), "");
	/* the usual mistake */
	c.alipay_public_key_file = file_of("own", "/request_sign_derived/app_public_key_pem");
	assert_names(complaint(c), "ALIPAY_PUBLIC_KEY_FILE", "the app's own key");
	c.alipay_public_key_file = cert;
	assert_names(complaint(c), "ALIPAY_PUBLIC_KEY_FILE", "no RSA public key");
	c.alipay_public_key_file = NULL;
	assert_names(complaint(c), "ALIPAY_PUBLIC_KEY_FILE", "must be set");
	c = good;
	c.alipay_private_key_file = good.alipay_public_key_file;
	assert_names(complaint(c), "ALIPAY_PRIVATE_KEY_FILE", "no RSA private key");
	c = good;
	c.alipay_app_cert_file = app_cert;
	assert_names(complaint(c), "ALIPAY_PUBLIC_KEY_FILE", "must be set");
	c.alipay_public_key_file = NULL;
	c.alipay_cert_file = cert;
	assert_names(complaint(c), "ALIPAY_ROOT_CERT_FILE", "must be set");
	/* the vector's app certificate is of another key: nothing else is wrong */
	c.alipay_root_cert_file = roots;
	assert_names(complaint(c), "ALIPAY_APP_CERT_FILE", "not the certificate of");
	assert_null(strstr(complaint(c), "ALIPAY_CERT_FILE"));
	c.alipay_root_cert_file = good.alipay_public_key_file;
	c.alipay_cert_file = good.alipay_public_key_file;
	assert_names(complaint(c), "ALIPAY_ROOT_CERT_FILE", "no certificate");
	assert_names(complaint(c), "ALIPAY_CERT_FILE", "no certificate");
	for (size_t i = 0; i < 6; i++)
		unlink(arena_printf(&ctx.arena, "%s/%s", dir,
			((const char *const[]){ "app", "alipay", "app.crt", "alipay.crt",
				"roots.crt", "own" })[i]));
}

static void the_serial_numbers_of_certificates_are_sent(void **state)
{
	struct alipay_params p = { 0 };
	struct conf c = { .alipay_app_id = "2021000122671080" };

	(void)state;
	keys.app = alipay_private_key(
		&ctx.arena, slice_at(doc, "/request_sign_derived/app_private_key_pem"));
	keys.app_cert_sn = text_at(doc, "/certificate_sn/app_cert_sn");
	keys.root_cert_sn = text_at(doc, "/certificate_sn/alipay_root_cert_sn");
	ctx.conf = &c;
	assert_int_equal(alipay_sign(&ctx, &p), OK);
	ctx.conf = &conf;
	assert_string_equal(alipay_param(&p, "app_cert_sn"), keys.app_cert_sn);
	assert_string_equal(alipay_param(&p, "alipay_root_cert_sn"), keys.root_cert_sn);
	assert_string_equal(alipay_param(&p, "app_id"), "2021000122671080");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(a_request_is_signed_as_by_the_sdk, done),
		cmocka_unit_test_teardown(keys_are_read_without_the_lines_of_pem_too, done),
		cmocka_unit_test_teardown(
			a_parameter_without_a_value_is_neither_sent_nor_signed, done),
		cmocka_unit_test_teardown(a_notification_of_alipay_is_verified, done),
		cmocka_unit_test_teardown(
			a_notification_with_its_sign_type_signed_is_refused, done),
		cmocka_unit_test_teardown(a_form_is_decoded_once_and_strictly, done),
		cmocka_unit_test_teardown(a_response_is_sliced_as_it_was_sent, done),
		cmocka_unit_test_teardown(only_a_whole_object_that_is_a_member_is_a_response, done),
		cmocka_unit_test_teardown(certificates_have_the_sdks_serial_numbers, done),
		cmocka_unit_test_teardown(times_amounts_and_states_are_alipays, done),
		cmocka_unit_test_teardown(
			keys_that_can_not_be_alipays_are_refused_at_the_start, done),
		cmocka_unit_test_teardown(the_serial_numbers_of_certificates_are_sent, done),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

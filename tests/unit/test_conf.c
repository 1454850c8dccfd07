/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/conf.h"
#include "base/str.h"
#include "child.h"

#define SECRET "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Ga" /* 32 bytes */

static char dir[] = "/tmp/minimall-conf-XXXXXX";
static char key_file[64], conf_file[64], missing_file[64];

/* A valid configuration. */
static const char *const good[][2] = {
	{ "DB_SOCKET", "/run/db.sock" },
	{ "DB_USER", "shop" },
	{ "DB_NAME", "minimall_1" },
	{ "JWT_SECRET", SECRET },
	{ "WECHAT_APPID", "wx0123456789abcdef" },
	{ "WECHAT_SECRET", "0f3c9a7be2d84516" },
	{ "WECHAT_MCHID", "1900000001" },
	{ "WECHAT_API_V3_KEY", "Qz7Lw2Xc9Vb4Nm6Pa1Sd8Fg3Hj5Kl0Tr" },
	{ "WECHAT_MCH_SERIAL_NO", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C" },
	{ "WECHAT_MCH_PRIVATE_KEY_FILE", key_file },
	{ "WECHAT_PAY_PUBLIC_KEY_ID", "PUB_KEY_ID_0119000000012026" },
	{ "WECHAT_PAY_PUBLIC_KEY_FILE", key_file },
	{ "WECHAT_NOTIFY_URL", "https://shop.example.com/api/payment/wxpay/notify" },
};

struct change {
	const char *name, *value; /* value NULL: removed */
};

struct load {
	unsigned needs;
	const struct change *changes; /* end with a NULL name */
	const char *file;             /* the text of MINIMALL_CONFIG's file, or NULL */
	void (*look)(const struct conf *conf);
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static void set(const char *name, const char *value)
{
	if (value == NULL ? unsetenv(name) != 0 : setenv(name, value, 1) != 0)
		abort();
}

/* In the child: exits with 0 when the configuration was accepted, 1 when it was refused. */
static void load_in_child(void *arg)
{
	const struct load *l = arg;
	struct arena a = { 0 };
	struct conf conf;
	bool taken;

	if (clearenv() != 0)
		abort();
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		set(good[i][0], good[i][1]);
	for (const struct change *x = l->changes; x != NULL && x->name != NULL; x++)
		set(x->name, x->value);
	if (l->file != NULL) {
		write_file(conf_file, l->file);
		set("MINIMALL_CONFIG", conf_file);
	}
	taken = conf_load(&conf, l->needs, &a);
	if (taken && l->look != NULL)
		l->look(&conf);
	arena_done(&a);
	fflush(NULL);
	_exit(taken ? 0 : 1);
}

/* Load in a child; was it accepted? Its output is in `said`. */
static bool load(struct load *l, char *said, size_t size)
{
	int status = child_run(load_in_child, l, said, size);

	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		fail_msg("the child ended with %#x: %s", (unsigned)status, said);
	return WEXITSTATUS(status) == 0;
}

static bool load_with(const char *name, const char *value, char *said, size_t size)
{
	const struct change changes[] = { { name, value }, { NULL, NULL } };

	return load(&(struct load){ .needs = CONF_ALL, .changes = changes }, said, size);
}

static int count_lines(const char *text)
{
	int n = 0;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

static void look_at_defaults(const struct conf *c)
{
	const bool right = c->db_port == 3306 && c->db_password[0] == '\0' && c->db_host == NULL &&
			   strcmp(c->db_socket, "/run/db.sock") == 0 &&
			   strcmp(c->jwt_secret, SECRET) == 0 && c->cors_origins[0] == '\0' &&
			   strcmp(c->shop_tz, "Asia/Shanghai") == 0 &&
			   strcmp(c->shop_name, "minimall") == 0 && c->log_file == NULL &&
			   c->test_clock == NULL && c->order_pay_minutes == 30 &&
			   c->payment_query_gap_s == 5 && !c->payment_simulation &&
			   strcmp(c->wechat_login_base_url, "https://api.weixin.qq.com") == 0 &&
			   strcmp(c->public_url, "https://shop.example.com") == 0 &&
			   strcmp(c->wechat_pay_base_url, "https://api.mch.weixin.qq.com") == 0;

	if (!right)
		abort();
}

static void a_valid_configuration_is_accepted_silently(void **state)
{
	char said[4096];

	(void)state;
	assert_true(load(
		&(struct load){ .needs = CONF_ALL, .look = look_at_defaults }, said, sizeof(said)));
	assert_string_equal(said, "");
}

static void all_faults_are_reported_at_once(void **state)
{
	static const struct change changes[] = {
		{ "DB_SOCKET", NULL },
		{ "DB_PORT", "33o6" },
		{ "DB_NAME", "shop;drop" },
		{ "JWT_SECRET", "short" },
		{ "ORDER_PAY_MINUTES", "-5" },
		{ "WECHAT_API_V3_KEY", "31 bytes are one byte too few.." },
		{ "WECHAT_MCH_PRIVATE_KEY_FILE", missing_file },
		{ "WECHAT_PAY_PUBLIC_KEY_ID", "KEY_0119000000012026" },
		{ "WECHAT_MCHID", NULL },
		{ "WECHAT_PAY_BASE_URL", "http://api.mch.weixin.qq.com" },
		{ "PAYMENT_SIMULATION", "yes" },
		{ NULL, NULL },
	};
	char said[8192], line[128];

	(void)state;
	assert_false(
		load(&(struct load){ .needs = CONF_ALL, .changes = changes }, said, sizeof(said)));
	for (const struct change *x = changes; x->name != NULL; x++) {
		snprintf(line, sizeof(line), "configuration: %s ", x->name);
		if (strstr(said, line) == NULL)
			fail_msg("%s is not named in:\n%s", x->name, said);
	}
	assert_int_equal(count_lines(said), ARRAY_LEN(changes) - 1);
}

static void an_empty_configuration_reports_exactly_the_mandatory_settings(void **state)
{
	static struct change nothing[ARRAY_LEN(good) + 1];
	char said[8192];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		nothing[i].name = good[i][0];
	assert_false(
		load(&(struct load){ .needs = CONF_ALL, .changes = nothing }, said, sizeof(said)));
	/* except WeChat Pay's public key, whose two settings may both be omitted */
	assert_int_equal(count_lines(said), ARRAY_LEN(good) - 2);
	assert_null(strstr(said, "WECHAT_PAY_PUBLIC_KEY"));
	assert_false(
		load(&(struct load){ .needs = CONF_DB, .changes = nothing }, said, sizeof(said)));
	assert_int_equal(count_lines(said), 3);
	assert_false(
		load(&(struct load){ .needs = CONF_WEB, .changes = nothing }, said, sizeof(said)));
	assert_string_equal(said, "configuration: JWT_SECRET is missing\n");
}

static void each_invalid_value_is_the_only_fault_reported(void **state)
{
	static const struct change cases[] = {
		/* secrets: missing, empty, short, well-known, or a pattern */
		{ "JWT_SECRET", NULL },
		{ "JWT_SECRET", "" },
		{ "JWT_SECRET", "x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0G" },
		{ "JWT_SECRET", "your-256-bit-secret-your-256-bit" },
		{ "JWT_SECRET", "CHANGEME-x9Kq2mVb7Rt4Lp8Zs6Wd3Yf5" },
		{ "JWT_SECRET", "secretsecretsecretsecretsecretsec" },
		{ "JWT_SECRET", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
		{ "JWT_SECRET", "zyzyzyzyzyzyzyzyzyzyzyzyzyzyzyzyzyzy" },
		{ "JWT_SECRET", "12345678901234567890123456789012" },
		{ "JWT_SECRET", "\xffKq2mVb7Rt4Lp8Zs6Wd3Yf5Hj1Nc0Gaaa" },
		{ "WECHAT_API_V3_KEY", "Qz7Lw2Xc9Vb4Nm6Pa1Sd8Fg3Hj5Kl0Trx" },
		{ "WECHAT_API_V3_KEY", "a7cde1zjb1kg2e7vftS3jqz012345678" },
		{ "WECHAT_SECRET", "secret-0f3c9a7be2d84516" },
		/* numbers */
		{ "DB_PORT", "0" },
		{ "DB_PORT", "65536" },
		{ "DB_PORT", "3306 " },
		{ "DB_PORT", "+3306" },
		{ "DB_PORT", "0xCEA" },
		{ "DB_PORT", "18446744073709554922" },
		{ "ORDER_PAY_MINUTES", "0" },
		{ "ORDER_PAY_MINUTES", "121" },
		{ "ORDER_PAY_MINUTES", "1.5" },
		/* URLs */
		{ "WECHAT_NOTIFY_URL", "https://shop.example.com/notify?from=wechat" },
		{ "WECHAT_NOTIFY_URL", "https://shop.example.com/notify#x" },
		{ "WECHAT_NOTIFY_URL", "ftp://shop.example.com/" },
		{ "WECHAT_LOGIN_BASE_URL", "http://127.0.0.1.example.com" },
		{ "WECHAT_LOGIN_BASE_URL", "http://localhost.example.com/" },
		{ "WECHAT_LOGIN_BASE_URL", "http://localhost@example.com/" },
		{ "WECHAT_LOGIN_BASE_URL", "http://localhost:80@example.com/" },
		{ "WECHAT_LOGIN_BASE_URL", "api.weixin.qq.com" },
		/* the rest */
		{ "STATE_DIR", "shm/state" },
		{ "TRUSTED_PROXIES", "10.0.0.0/33" },
		{ "SHOP_TZ", "Asia/Nowhere" },
		{ "SHOP_TZ", "../../etc/passwd" },
		{ "DB_NAME", "minimall-1" },
		{ "WECHAT_MCH_SERIAL_NO", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8G" },
		{ "WECHAT_MCH_SERIAL_NO", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C0" },
		{ "WECHAT_PAY_PUBLIC_KEY_ID", "pub_key_id_0119000000012026" },
		{ "WECHAT_PAY_PUBLIC_KEY_FILE", missing_file },
		{ "PAYMENT_SIMULATION", "ON" },
	};
	char said[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (load_with(cases[i].name, cases[i].value, said, sizeof(said)))
			fail_msg("%s=%s was taken", cases[i].name, cases[i].value);
		if (strstr(said, cases[i].name) == NULL || count_lines(said) != 1)
			fail_msg("%s=%s: %s", cases[i].name, cases[i].value, said);
		if (cases[i].value != NULL && strlen(cases[i].value) > 8 &&
			strstr(said, cases[i].value) != NULL)
			fail_msg("the value is printed: %s", said); /* it may be a secret */
	}
}

static void values_at_the_limits_are_accepted(void **state)
{
	static const struct change cases[] = {
		{ "DB_PORT", "1" },
		{ "DB_PORT", "65535" },
		{ "ORDER_PAY_MINUTES", "120" },
		{ "PAYMENT_QUERY_GAP_S", "0" },
		{ "DB_PASSWORD", "" },
		{ "DB_PASSWORD", "p=w'\"#" },
		{ "SHOP_NAME", "小店" },
		{ "SHOP_NAME", "" }, /* treated as absent */
		{ "SHOP_TZ", "UTC" },
		{ "WECHAT_PAY_BASE_URL", "http://127.0.0.1:8081" },
		{ "WECHAT_PAY_BASE_URL", "http://localhost/pay" },
		{ "WECHAT_PAY_BASE_URL", "http://[::1]:8081" },
		{ "WECHAT_MCH_SERIAL_NO", "1dde55ad98ed71d6edd4a4a16996de7b47773a8c" },
		{ "CORS_ORIGINS", "https://a.example.com, https://b.example.com" },
	};
	char said[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (!load_with(cases[i].name, cases[i].value, said, sizeof(said)))
			fail_msg("%s=%s: %s", cases[i].name, cases[i].value, said);
}

static void test_settings_are_refused_with_real_providers(void **state)
{
	static const struct change real[][2] = {
		{ { "PAYMENT_SIMULATION", "on" }, { NULL, NULL } },
		{ { "MINIMALL_TEST_CLOCK", "/tmp/offset" }, { NULL, NULL } },
	};
	static const struct change sandbox[] = {
		{ "PAYMENT_SIMULATION", "on" },
		{ "MINIMALL_TEST_CLOCK", "/tmp/offset" },
		{ "WECHAT_LOGIN_BASE_URL", "http://127.0.0.1:9000" },
		{ "WECHAT_PAY_BASE_URL", "http://127.0.0.1:9000" },
		{ NULL, NULL },
	};
	char said[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(real); i++) {
		assert_false(load(&(struct load){ .needs = CONF_ALL, .changes = real[i] }, said,
			sizeof(said)));
		assert_non_null(strstr(said, "WECHAT_PAY_BASE_URL"));
		assert_non_null(strstr(said, "WECHAT_LOGIN_BASE_URL"));
		assert_int_equal(count_lines(said), 2);
	}
	if (!load(&(struct load){ .needs = CONF_ALL, .changes = sandbox }, said, sizeof(said)))
		fail_msg("%s", said);
}

/* ---- the file ---- */

static void look_at_the_files_values(const struct conf *c)
{
	const bool right = strcmp(c->shop_name, "小店 一") == 0 &&
			   strcmp(c->db_password, "p=w # 'x'") == 0 && c->db_port == 3307 &&
			   strcmp(c->db_user, "shop") == 0 &&
			   strcmp(c->cors_origins, "\"half") == 0;

	if (!right)
		abort();
}

static void look_at_public_url(const struct conf *c)
{
	if (strcmp(c->public_url, "https://www.example.com:8443") != 0)
		abort();
}

static void browsers_find_the_shop_at_a_scheme_and_a_host(void **state)
{
	static const char *const bad[] = { "http://shop.example.com", "https://shop.example.com/",
		"https://shop.example.com?x", "https://shop.example.com#x", "shop.example.com" };
	static const struct change own[] = { { "PUBLIC_URL", "https://www.example.com:8443" },
		{ NULL, NULL } };
	char said[4096];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (load_with("PUBLIC_URL", bad[i], said, sizeof(said)) ||
			!strstr(said, "PUBLIC_URL"))
			fail_msg("%s: %s", bad[i], said);
	assert_true(load(
		&(struct load){ .needs = CONF_ALL, .changes = own, .look = look_at_public_url },
		said, sizeof(said)));
}

static void a_gateway_has_all_of_its_settings_or_none(void **state)
{
	static const struct change all[] = {
		{ "GATEWAY_PAGE_URL", "https://pay.example.com/pay" },
		{ "GATEWAY_SECRET", "pX4vT9wLq2Zc7Rk1Bn5Hs8Jd" },
		{ "GATEWAY_NOTIFY_URL", "https://shop.example.com/v1/payment/notify" },
		{ NULL, NULL },
	};
	char said[4096];

	(void)state;
	if (!load(&(struct load){ .needs = CONF_ALL, .changes = all }, said, sizeof(said)))
		fail_msg("%s", said);
	for (size_t i = 1; i < 3; i++) {
		const struct change one[] = { all[i], { NULL, NULL } },
				    without[] = { all[0], all[3 - i], { NULL, NULL } };

		assert_false(load(
			&(struct load){ .needs = CONF_ALL, .changes = one }, said, sizeof(said)));
		assert_non_null(strstr(said, "is set without GATEWAY_PAGE_URL"));
		assert_int_equal(count_lines(said), 1);
		assert_false(load(&(struct load){ .needs = CONF_ALL, .changes = without }, said,
			sizeof(said)));
		assert_non_null(strstr(said, all[i].name));
		assert_int_equal(count_lines(said), 1);
	}
}

static void the_file_is_read_and_the_environment_wins(void **state)
{
	static const char text[] =
		"# a comment\n"
		"\n"
		"  SHOP_NAME = \"小店 一\"\r\n"
		"DB_PASSWORD='p=w # 'x''\n"
		"   # DB_PORT=1\n"
		"DB_PORT=3307\n"
		"DB_USER=somebody_else\n"
		"CORS_ORIGINS=\"half\n"
		"SOMETHING_ELSE=is ignored";
	char said[4096];

	(void)state;
	if (!load(
		    &(struct load){
			    .needs = CONF_ALL, .file = text, .look = look_at_the_files_values },
		    said, sizeof(said)))
		fail_msg("%s", said);
	assert_string_equal(said, "");
}

static void faults_of_the_file_are_named_with_the_others(void **state)
{
	static const struct change changes[] = { { "DB_USER", NULL }, { NULL, NULL } };
	char said[4096];

	(void)state;
	assert_false(load(&(struct load){ .needs = CONF_ALL,
				  .changes = changes,
				  .file = "no equals sign\n=no name\nDB_PORT=x\n" },
		said, sizeof(said)));
	assert_non_null(strstr(said, "MINIMALL_CONFIG has a line without '='"));
	assert_non_null(strstr(said, "MINIMALL_CONFIG has a line without a name"));
	assert_non_null(strstr(said, "DB_PORT is not"));
	assert_non_null(strstr(said, "DB_USER is missing"));
	assert_int_equal(count_lines(said), 4);
	assert_false(load_with("MINIMALL_CONFIG", missing_file, said, sizeof(said)));
	assert_non_null(strstr(said, "MINIMALL_CONFIG names a file that can't be read"));
}

static int make_files(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(key_file, sizeof(key_file), "%s/key.pem", dir);
	snprintf(conf_file, sizeof(conf_file), "%s/conf", dir);
	snprintf(missing_file, sizeof(missing_file), "%s/missing", dir);
	write_file(key_file, "any readable file\n");
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	unlink(key_file);
	unlink(conf_file);
	return rmdir(dir);
}

static void look_for_no_alipay(const struct conf *c)
{
	if (c->alipay_app_id != NULL || c->alipay_gateway != NULL)
		abort();
}

static void look_for_alipay(const struct conf *c)
{
	if (strcmp(c->alipay_gateway, "https://openapi.alipay.com/gateway.do") != 0)
		abort();
}

static void settings_of_a_provider_count_only_with_its_first(void **state)
{
	static const struct change half[] = { { "ALIPAY_APP_ID", "2021000122671080" },
		{ NULL, NULL } };
	static const struct change whole[] = {
		{ "ALIPAY_APP_ID", "2021000122671080" },
		{ "ALIPAY_SELLER_ID", "2088531891668739" },
		{ "ALIPAY_PRIVATE_KEY_FILE", key_file },
		{ "ALIPAY_NOTIFY_URL", "https://shop.example.com/api/payment/alipay/notify" },
		{ NULL, NULL },
	};
	struct change simulated[ARRAY_LEN(whole) + 3] = {
		{ "PAYMENT_SIMULATION", "on" },
		{ "WECHAT_PAY_BASE_URL", "http://127.0.0.1:1" },
		{ "WECHAT_LOGIN_BASE_URL", "http://127.0.0.1:1" },
	};
	char said[4096];

	(void)state;
	assert_true(load(&(struct load){ .needs = CONF_ALL, .look = look_for_no_alipay }, said,
		sizeof(said)));
	assert_false(
		load(&(struct load){ .needs = CONF_ALL, .changes = half }, said, sizeof(said)));
	assert_int_equal(count_lines(said), 3);
	for (size_t i = 1; i < 4; i++)
		assert_non_null(strstr(said, whole[i].name));
	assert_true(load(&(struct load){ .needs = CONF_DB, .changes = half }, said, sizeof(said)));
	assert_true(
		load(&(struct load){ .needs = CONF_ALL, .changes = whole, .look = look_for_alipay },
			said, sizeof(said)));
	assert_false(load(
		&(struct load){ .needs = CONF_ALL, .changes = whole + 1 }, said, sizeof(said)));
	assert_int_equal(count_lines(said), 3);
	assert_non_null(strstr(said, "ALIPAY_SELLER_ID is set without ALIPAY_APP_ID"));
	assert_true(load(
		&(struct load){ .needs = CONF_ALL, .changes = simulated }, said, sizeof(said)));
	memcpy(simulated + 3, whole, sizeof(whole));
	assert_false(load(
		&(struct load){ .needs = CONF_ALL, .changes = simulated }, said, sizeof(said)));
	assert_int_equal(count_lines(said), 1);
	assert_non_null(strstr(said, "ALIPAY_GATEWAY must be loopback"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_valid_configuration_is_accepted_silently),
		cmocka_unit_test(all_faults_are_reported_at_once),
		cmocka_unit_test(settings_of_a_provider_count_only_with_its_first),
		cmocka_unit_test(an_empty_configuration_reports_exactly_the_mandatory_settings),
		cmocka_unit_test(each_invalid_value_is_the_only_fault_reported),
		cmocka_unit_test(values_at_the_limits_are_accepted),
		cmocka_unit_test(test_settings_are_refused_with_real_providers),
		cmocka_unit_test(browsers_find_the_shop_at_a_scheme_and_a_host),
		cmocka_unit_test(a_gateway_has_all_of_its_settings_or_none),
		cmocka_unit_test(the_file_is_read_and_the_environment_wins),
		cmocka_unit_test(faults_of_the_file_are_named_with_the_others),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}

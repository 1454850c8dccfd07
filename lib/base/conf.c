/* SPDX-License-Identifier: MIT */
#include "base/conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/redis_url.h"
#include "base/str.h"
#include "base/url.h"

#define FILE_MAX_BYTES ((size_t)64 << 10)

enum kind {
	TEXT,   /* min..max bytes */
	SECRET, /* the same, and not a well-known one */
	NUMBER, /* min..max */
	SWITCH, /* on, off */
	PATH,   /* a readable file */
	URL,    /* https, or http to this host */
	NOTIFY, /* the same without a query: where a provider sends notifications */
	PEER,   /* the same: a provider's, loopback while anything is simulated */
	HEX,    /* min..max hexadecimal digits */
};

struct row {
	const char *name;
	enum kind kind;
	unsigned need; /* mandatory when the program needs any of these */
	int64_t min, max;
	const char *fallback; /* NULL with a need: the setting is mandatory */
	size_t off;
	const char *with; /* it counts only with this other setting; NULL: always */
};

#define AT(m)   .off = offsetof(struct conf, m)
#define ALIPAY  "ALIPAY_APP_ID"
#define GATEWAY "GATEWAY_PAGE_URL"
#define REDIS   "REDIS_URL"

/* clang-format off */
static const struct row rows[] = {
	{ "DB_SOCKET", TEXT, 0, 1, 107, NULL, AT(db_socket) },
	{ "DB_HOST", TEXT, 0, 1, 255, NULL, AT(db_host) },
	{ "DB_PORT", NUMBER, CONF_DB, 1, 65535, "3306", AT(db_port) },
	{ "DB_USER", TEXT, CONF_DB, 1, 80, NULL, AT(db_user) },
	{ "DB_PASSWORD", TEXT, CONF_DB, 0, 256, "", AT(db_password) },
	{ "DB_NAME", TEXT, CONF_DB, 1, 64, NULL, AT(db_name) },
	{ "JWT_SECRET", SECRET, CONF_WEB, 32, 512, NULL, AT(jwt_secret) },
	{ "CORS_ORIGINS", TEXT, CONF_WEB, 0, 4096, "", AT(cors_origins) },
	{ "TRUSTED_PROXIES", TEXT, CONF_WEB, 0, 4096, "", AT(trusted_proxies) },
	{ "SHOP_TZ", TEXT, CONF_DB, 1, 64, "Asia/Shanghai", AT(shop_tz) },
	{ "SHOP_NAME", TEXT, CONF_DB, 1, 60, "minimall", AT(shop_name) },
	{ "LOG_FILE", TEXT, 0, 1, 512, NULL, AT(log_file) },
	{ "MINIMALL_TEST_CLOCK", TEXT, 0, 1, 512, NULL, AT(test_clock) },
	{ "STATE_DIR", TEXT, 0, 2, 200, NULL, AT(state_dir) },
	{ "SHARED_HOSTS", SWITCH, CONF_DB, 0, 0, "off", AT(shared_hosts) },
	{ "REDIS_URL", TEXT, 0, 8, 1024, NULL, AT(redis_url) },
	{ "REDIS_PREFIX", TEXT, 0, 1, 64, NULL, AT(redis_prefix), .with = REDIS },
	{ "REDIS_CA_FILE", PATH, 0, 1, 512, NULL, AT(redis_ca_file), .with = REDIS },
	{ "REDIS_TIMEOUT_MS", NUMBER, 0, 5, 1000, "25", AT(redis_timeout_ms), .with = REDIS },
	{ "ORDER_PAY_MINUTES", NUMBER, CONF_DB, 1, 120, "30", AT(order_pay_minutes) },
	{ "PENDING_ORDERS_MAX", NUMBER, CONF_DB, 0, 10000, "20", AT(pending_orders_max) },
	{ "POINTS_VALID_DAYS", NUMBER, CONF_DB, 1, 3660, "730", AT(points_valid_days) },
	{ "POINTS_RETURN_GRACE_DAYS", NUMBER, CONF_DB, 0, 3660, "0", AT(points_return_grace_days) },
	{ "PAYMENT_CREATE_PER_HOUR", NUMBER, CONF_WEB, 0, 100, "5", AT(payment_create_per_hour) },
	{ "FORGED_PER_MINUTE", NUMBER, CONF_WEB, 0, 100, "60", AT(forged_per_minute) },
	{ "PAYMENT_REQUESTS_PER_MINUTE", NUMBER, CONF_WEB, 0, 1000000, "100", AT(payment_requests_per_minute) },
	{ "USER_REQUESTS_PER_MINUTE", NUMBER, CONF_WEB, 0, 1000000, "100", AT(user_requests_per_minute) },
	{ "ADDRESS_REQUESTS_PER_MINUTE", NUMBER, CONF_WEB, 0, 1000000, "1000", AT(address_requests_per_minute) },
	{ "REQUESTS_PER_SECOND", NUMBER, CONF_WEB, 0, 1000000, "1000", AT(requests_per_second) },
	{ "PREPAY_INTERVAL_SECONDS", NUMBER, CONF_WEB, 0, 60, "3", AT(prepay_interval_s) },
	{ "PAYMENTS_IN_FLIGHT_PER_USER", NUMBER, CONF_WEB, 0, 100, "4", AT(payments_in_flight) },
	{ "SIGN_IN_FAILURES_PER_ACCOUNT", NUMBER, CONF_WEB, 0, 25, "5", AT(account_failures) },
	{ "SIGN_IN_FAILURES_PER_ADDRESS", NUMBER, CONF_WEB, 0, 25, "20", AT(address_failures) },
	{ "PUBLIC_URL", URL, 0, 8, 255, NULL, AT(public_url) },
	{ "LEVEL_DISCOUNT", SWITCH, CONF_DB, 0, 0, "off", AT(level_discount) },
	{ "POINTS_PER_YUAN", NUMBER, CONF_DB, 1, 100000, "100", AT(points_per_yuan) },
	{ "POINTS_MAX_PERCENT", NUMBER, CONF_DB, 0, 100, "100", AT(points_max_percent) },
	{ "POINTS_EARNED_PER_YUAN", NUMBER, CONF_DB, 0, 1000, "1", AT(points_earned_per_yuan) },
	{ "WEBHOOK_PORTS", TEXT, CONF_DB, 1, 60, "443", AT(webhook_ports) },
	{ "WECHAT_APPID", TEXT, CONF_PROVIDER, 4, 32, NULL, AT(wechat_appid) },
	{ "WECHAT_SECRET", SECRET, CONF_PROVIDER, 16, 128, NULL, AT(wechat_secret) },
	{ "WECHAT_MCHID", TEXT, CONF_PROVIDER, 4, 32, NULL, AT(wechat_mchid) },
	{ "WECHAT_API_V3_KEY", SECRET, CONF_PROVIDER, 32, 32, NULL, AT(wechat_api_v3_key) },
	{ "WECHAT_MCH_SERIAL_NO", HEX, CONF_PROVIDER, 8, 40, NULL, AT(wechat_mch_serial_no) },
	{ "WECHAT_MCH_PRIVATE_KEY_FILE", PATH, CONF_PROVIDER, 1, 512, NULL, AT(wechat_mch_private_key_file) },
	{ "WECHAT_MCH_CERT_FILE", PATH, 0, 1, 512, NULL, AT(wechat_mch_cert_file) },
	{ "WECHAT_PAY_PUBLIC_KEY_ID", TEXT, 0, 12, 64, NULL, AT(wechat_pay_public_key_id) },
	{ "WECHAT_PAY_PUBLIC_KEY_FILE", PATH, 0, 1, 512, NULL, AT(wechat_pay_public_key_file) },
	{ "WECHAT_NOTIFY_URL", NOTIFY, CONF_PROVIDER, 8, 255, NULL, AT(wechat_notify_url) },
	{ "WECHAT_LOGIN_BASE_URL", PEER, CONF_PROVIDER, 8, 255, "https://api.weixin.qq.com", AT(wechat_login_base_url) },
	{ "WECHAT_PAY_BASE_URL", PEER, CONF_PROVIDER, 8, 255, "https://api.mch.weixin.qq.com", AT(wechat_pay_base_url) },
	{ "ALIPAY_APP_ID", TEXT, 0, 8, 32, NULL, AT(alipay_app_id) },
	{ "ALIPAY_SELLER_ID", TEXT, CONF_PROVIDER, 16, 16, NULL, AT(alipay_seller_id), .with = ALIPAY },
	{ "ALIPAY_PRIVATE_KEY_FILE", PATH, CONF_PROVIDER, 1, 512, NULL, AT(alipay_private_key_file), .with = ALIPAY },
	{ "ALIPAY_PUBLIC_KEY_FILE", PATH, 0, 1, 512, NULL, AT(alipay_public_key_file), .with = ALIPAY },
	{ "ALIPAY_APP_CERT_FILE", PATH, 0, 1, 512, NULL, AT(alipay_app_cert_file), .with = ALIPAY },
	{ "ALIPAY_CERT_FILE", PATH, 0, 1, 512, NULL, AT(alipay_cert_file), .with = ALIPAY },
	{ "ALIPAY_ROOT_CERT_FILE", PATH, 0, 1, 512, NULL, AT(alipay_root_cert_file), .with = ALIPAY },
	{ "ALIPAY_NOTIFY_URL", NOTIFY, CONF_PROVIDER, 8, 255, NULL, AT(alipay_notify_url), .with = ALIPAY },
	{ "ALIPAY_RETURN_URL", URL, 0, 8, 255, NULL, AT(alipay_return_url), .with = ALIPAY },
	{ "ALIPAY_GATEWAY", PEER, CONF_PROVIDER, 8, 255, "https://openapi.alipay.com/gateway.do", AT(alipay_gateway), .with = ALIPAY },
	{ "GATEWAY_PAGE_URL", PEER, 0, 8, 255, NULL, AT(gateway_page_url) },
	{ "GATEWAY_SECRET", SECRET, CONF_PROVIDER, 24, 512, NULL, AT(gateway_secret), .with = GATEWAY },
	{ "GATEWAY_PREVIOUS_SECRET", SECRET, 0, 24, 512, NULL, AT(gateway_previous_secret), .with = GATEWAY },
	{ "GATEWAY_NOTIFY_URL", NOTIFY, CONF_PROVIDER, 8, 255, NULL, AT(gateway_notify_url), .with = GATEWAY },
	{ "CLIENT_URL_HOSTS", TEXT, CONF_WEB, 0, 4096, "", AT(client_url_hosts) },
	{ "CLIENT_NOTIFY_SECRET", SECRET, 0, 24, 512, NULL, AT(client_notify_secret) },
	{ "PAYMENT_QUERY_GAP_S", NUMBER, CONF_PROVIDER, 0, 60, "5", AT(payment_query_gap_s) },
	{ "METRICS_ALLOW", TEXT, CONF_WEB, 0, 4096, "127.0.0.0/8,::1", AT(metrics_allow) },
	{ "METRICS_TOKEN", SECRET, 0, 24, 512, NULL, AT(metrics_token) },
	{ "RECONCILE", SWITCH, CONF_PROVIDER, 0, 0, "on", AT(reconcile) },
	{ "REQUIRE_HTTPS", SWITCH, CONF_DB, 0, 0, "off", AT(require_https) },
	{ "PAYMENT_SIMULATION", SWITCH, CONF_DB, 0, 0, "off", AT(payment_simulation) },
};
/* clang-format on */

/* Prefixes of secrets printed in manuals; compared case-insensitively. */
static const char *const well_known[] = { "changeme", "change-me", "change_me", "secret", "your-",
	"your_", "yoursecret", "default", "password", "example", "minimall", "test", "01234567",
	"12345678", "abcdefgh", "jwt_secret", "jwt-secret", "a7cde1zjb1kg2e7vftS3jqz" };

struct faults {
	int n;
};

static void fault(struct faults *f, const char *name, const char *what)
{
	f->n++;
	fprintf(stderr, "configuration: %s %s\n", name, what);
}

static bool is_well_known(const char *secret)
{
	size_t len = strlen(secret);

	for (size_t i = 0; i < ARRAY_LEN(well_known); i++)
		if (strncasecmp(secret, well_known[i], strlen(well_known[i])) == 0)
			return true;
	/* one character or a short string, repeated */
	for (size_t period = 1; period <= 8; period++) {
		size_t i = period;

		while (i < len && secret[i] == secret[i - period])
			i++;
		if (i == len)
			return true;
	}
	return false;
}

static void check_text(struct faults *f, const struct row *r, const char *v)
{
	char what[96];
	size_t len = strlen(v);

	if (r->min == r->max && len != (size_t)r->min)
		snprintf(what, sizeof(what), "must be exactly %d bytes long, not %zu", (int)r->min,
			len);
	else if (len < (size_t)r->min || len > (size_t)r->max)
		snprintf(what, sizeof(what), "must be %d to %d bytes long, not %zu", (int)r->min,
			(int)r->max, len);
	else
		what[0] = '\0';
	if (what[0] != '\0')
		fault(f, r->name, what);
	else if (utf8_count(v, len) < 0)
		fault(f, r->name, "must be UTF-8");
	else if (r->kind == SECRET && is_well_known(v))
		fault(f, r->name,
			"is a well-known default; make one with: openssl rand -base64 33");
	else if (r->kind == PATH && access(v, R_OK) != 0)
		fault(f, r->name, "names a file that can't be read");
	else if ((r->kind == URL || r->kind == NOTIFY || r->kind == PEER) &&
		 strncmp(v, "https://", 8) != 0 && !url_is_loopback(v))
		fault(f, r->name, "must begin with https:// (http:// only for loopback)");
	else if (r->kind == NOTIFY && strpbrk(v, "?#") != NULL)
		fault(f, r->name, "must have no query");
	else if (r->kind == HEX && strspn(v, "0123456789abcdefABCDEF") != len)
		fault(f, r->name, "must be hexadecimal digits");
}

static void set_value(struct faults *f, const struct row *r, const char *v, struct conf *conf)
{
	void *at = (char *)conf + r->off;
	int64_t n;

	switch (r->kind) {
	case NUMBER:
		if (!str_to_i64(slice_of(v), r->max, &n) || n < r->min)
			fault(f, r->name, "is not an integer in its range");
		else
			*(int64_t *)at = n;
		return;
	case SWITCH:
		if (strcmp(v, "on") != 0 && strcmp(v, "off") != 0)
			fault(f, r->name, "must be on or off");
		*(bool *)at = strcmp(v, "on") == 0;
		return;
	case TEXT:
	case SECRET:
	case PATH:
	case URL:
	case NOTIFY:
	case PEER:
	case HEX:
		check_text(f, r, v);
		*(const char **)at = v;
		return;
	}
}

static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (isspace((unsigned char)*s))
		s++;
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s;
}

/* The file's text, NUL-terminated; NULL when it can't be read. */
static char *read_file(struct faults *f, struct arena *a)
{
	const char *path = getenv("MINIMALL_CONFIG");
	FILE *file;
	char *text;
	size_t n;

	if (path == NULL || path[0] == '\0')
		return NULL;
	file = fopen(path, "re");
	if (file == NULL) {
		fault(f, "MINIMALL_CONFIG", "names a file that can't be read");
		return NULL;
	}
	text = arena_alloc(a, FILE_MAX_BYTES + 1);
	n = fread(text, 1, FILE_MAX_BYTES, file);
	fclose(file);
	text[n] = '\0';
	return text;
}

/* Put the file's lines into the environment; existing variables win. */
static void load_file(struct faults *f, struct arena *a)
{
	char *text = read_file(f, a), *save = NULL;

	if (text == NULL)
		return;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *eq, *name = trim(line), *value;
		size_t len;

		if (name[0] == '\0' || name[0] == '#')
			continue;
		eq = strchr(name, '=');
		if (eq == NULL) {
			fault(f, "MINIMALL_CONFIG", "has a line without '='");
			continue;
		}
		*eq = '\0';
		name = trim(name);
		value = trim(eq + 1);
		len = strlen(value);
		if (len >= 2 && (value[0] == '\'' || value[0] == '"') &&
			value[len - 1] == value[0]) {
			value[len - 1] = '\0';
			value++;
		}
		if (setenv(name, value, 0) != 0)
			fault(f, "MINIMALL_CONFIG", "has a line without a name");
	}
}

/* The length of a URL's scheme and host. */
static size_t origin_len(const char *url)
{
	const char *host = strstr(url, "://");

	return host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/?#") : strlen(url);
}

/* The shop is where its notifications go, unless PUBLIC_URL says otherwise. */
static void set_public_url(struct faults *f, struct conf *conf, struct arena *a)
{
	const char *notify = conf->wechat_notify_url;

	if (conf->public_url != NULL && conf->public_url[origin_len(conf->public_url)] != '\0')
		fault(f, "PUBLIC_URL", "must be a scheme and a host, without a path");
	if (conf->public_url == NULL && notify != NULL)
		conf->public_url = arena_dup(a, notify, origin_len(notify));
}

static const char *text_of(const struct conf *conf, const struct row *r)
{
	return *(const char *const *)((const char *)conf + r->off);
}

/* Who checks our notifications must not be able to sign the gateway's, or tokens. */
static void check_client_secret(struct faults *f, const struct conf *conf)
{
	const char *const others[] = { conf->gateway_secret, conf->gateway_previous_secret,
		conf->jwt_secret };

	for (size_t i = 0; conf->client_notify_secret != NULL && i < ARRAY_LEN(others); i++)
		if (others[i] != NULL && strcmp(others[i], conf->client_notify_secret) == 0)
			fault(f, "CLIENT_NOTIFY_SECRET", "must not be another secret of the shop");
}

static void check_redis(struct faults *f, const struct conf *conf, struct arena *a)
{
	struct redis_url server = { 0 };
	const char *why =
		conf->redis_url != NULL ? redis_url_read(a, conf->redis_url, &server) : NULL;

	if (why != NULL)
		fault(f, "REDIS_URL", why);
	if (conf->redis_ca_file != NULL && conf->redis_url != NULL && !server.tls && why == NULL)
		fault(f, "REDIS_CA_FILE", "is for rediss://");
	if (conf->redis_prefix != NULL &&
		!str_is_id(conf->redis_prefix, strlen(conf->redis_prefix)))
		fault(f, "REDIS_PREFIX", "must be visible ASCII");
}

static void check_together(struct faults *f, const struct conf *conf, unsigned needs)
{
	const bool toy = conf->payment_simulation || conf->test_clock != NULL;

	if ((needs & CONF_DB) && conf->db_socket == NULL && conf->db_host == NULL)
		fault(f, "DB_SOCKET", "or DB_HOST must be set");
	if (conf->db_name != NULL &&
		conf->db_name[strspn(conf->db_name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] != '\0')
		fault(f, "DB_NAME", "may hold letters, digits and _ only");
	if (conf->state_dir != NULL && conf->state_dir[0] != '/')
		fault(f, "STATE_DIR", "must begin with /");
	if (conf->trusted_proxies != NULL && !address_are_ranges(conf->trusted_proxies))
		fault(f, "TRUSTED_PROXIES",
			"must be addresses or ranges (10.0.0.0/8) between commas");
	if (conf->metrics_allow != NULL && !address_are_ranges(conf->metrics_allow))
		fault(f, "METRICS_ALLOW",
			"must be addresses or ranges (10.0.0.0/8) between commas");
	if (conf->webhook_ports != NULL && !url_are_ports(conf->webhook_ports))
		fault(f, "WEBHOOK_PORTS", "must be one to eight ports between commas");
	if (conf->wechat_pay_public_key_id != NULL &&
		!str_starts(conf->wechat_pay_public_key_id, "PUB_KEY_ID_"))
		fault(f, "WECHAT_PAY_PUBLIC_KEY_ID", "must begin with PUB_KEY_ID_");
	if ((conf->wechat_pay_public_key_id == NULL) != (conf->wechat_pay_public_key_file == NULL))
		fault(f,
			conf->wechat_pay_public_key_id == NULL ? "WECHAT_PAY_PUBLIC_KEY_ID"
							       : "WECHAT_PAY_PUBLIC_KEY_FILE",
			"is missing; without both, platform certificates are used");
	check_client_secret(f, conf);
	if (conf->gateway_page_url != NULL && strpbrk(conf->gateway_page_url, "?#") != NULL)
		fault(f, "GATEWAY_PAGE_URL", "must have no query");
	for (size_t i = 0; toy && i < ARRAY_LEN(rows); i++)
		if (rows[i].kind == PEER && text_of(conf, &rows[i]) != NULL &&
			!url_is_loopback(text_of(conf, &rows[i])))
			fault(f, rows[i].name,
				"must be loopback while PAYMENT_SIMULATION or MINIMALL_TEST_CLOCK is set");
	if (conf->shop_tz != NULL && !clock_init(conf->shop_tz, conf->test_clock))
		fault(f, "SHOP_TZ", "is not a known time zone");
}

/* A variable's value; NULL: not set, or empty where that is no value. */
static const char *value_of(const char *name, int64_t min)
{
	const char *v = getenv(name);

	return v != NULL && v[0] == '\0' && min > 0 ? NULL : v;
}

bool conf_load(struct conf *conf, unsigned needs, struct arena *a)
{
	struct faults f = { 0 };

	*conf = (struct conf){ 0 };
	load_file(&f, a);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		const bool counts = r->with == NULL || value_of(r->with, 1) != NULL;
		const char *v = value_of(r->name, r->min);

		if (v != NULL && !counts)
			fault(&f, r->name, arena_printf(a, "is set without %s", r->with));
		if (v == NULL && counts)
			v = r->fallback;
		if (v != NULL)
			set_value(&f, r, arena_dup(a, v, strlen(v)), conf);
		else if (counts && (r->need & needs))
			fault(&f, r->name, "is missing");
	}
	set_public_url(&f, conf, a);
	check_redis(&f, conf, a);
	check_together(&f, conf, needs);
	return f.n == 0;
}

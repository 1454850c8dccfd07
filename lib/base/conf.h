/* SPDX-License-Identifier: MIT */
/*
 * conf.h - the configuration: environment variables, or the same names in the
 * file that MINIMALL_CONFIG names (KEY=VALUE lines; the environment wins).
 *
 * conf_load checks everything and reports all faults at once; no program starts
 * with a missing, short or well-known secret (BEHAVIOUR 1).
 */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/arena.h"

/* What a program needs; settings that it doesn't need are optional. */
enum conf_need {
	CONF_DB = 1,       /* the database */
	CONF_WEB = 2,      /* tokens, CORS, limits */
	CONF_PROVIDER = 4, /* sign-in and payment providers */
	CONF_ALL = 7,
};

struct conf {
	const char *db_socket, *db_host, *db_user, *db_password, *db_name;
	int64_t db_port;

	const char *jwt_secret;
	const char *cors_origins;    /* comma-separated; "" allows none */
	const char *trusted_proxies; /* address.h; "": none */

	const char *webhook_ports; /* url.h */
	const char *public_url; /* where browsers find the shop: scheme and host; NULL: unknown */

	const char *shop_tz, *shop_name;
	const char *log_file;      /* NULL: standard error */
	const char *test_clock;    /* NULL: none */
	const char *state_dir;     /* NULL: ext/state.h chooses one */
	bool shared_hosts;         /* other hosts serve the same shop */
	const char *redis_url;     /* redis_url.h; NULL: the shared state is in state_dir */
	const char *redis_prefix;  /* of all its keys; NULL: made of the database's name */
	const char *redis_ca_file; /* NULL: the system's */
	int64_t redis_timeout_ms;  /* for one operation, with connecting */
	int64_t order_pay_minutes;
	int64_t pending_orders_max; /* per user; 0: no limit */
	int64_t points_valid_days;  /* after the day on which they were earned */
	int64_t points_return_grace_days; /* of points returned after their expiry; 0: they expire at once */
	int64_t payment_create_per_hour;            /* per user; 0: no limit */
	int64_t forged_per_minute;                  /* failed signatures per address; 0: no limit */
	int64_t account_failures, address_failures; /* throttle.h; 0: no limit */
	/* requests; 0: no limit */
	int64_t payment_requests_per_minute; /* per address, of payments */
	int64_t user_requests_per_minute;    /* per user, of the others */
	int64_t address_requests_per_minute; /* per address, of the others */
	int64_t requests_per_second;         /* of all */
	int64_t prepay_interval_s;           /* of an order's payment, after the third time */
	int64_t payments_in_flight;          /* per user */

	bool level_discount;            /* of shop orders */
	int64_t points_per_yuan;        /* so many points pay one yuan of a shop order */
	int64_t points_max_percent;     /* the part of a shop order that points may pay; 0: none */
	int64_t points_earned_per_yuan; /* paid for a shop order; 0: none */

	const char *wechat_appid, *wechat_secret, *wechat_mchid;
	const char *wechat_api_v3_key;
	const char *wechat_mch_serial_no, *wechat_mch_private_key_file;
	const char *wechat_mch_cert_file; /* NULL: its expiry is unknown */
	/* both NULL: platform certificates only */
	const char *wechat_pay_public_key_id, *wechat_pay_public_key_file;
	const char *wechat_notify_url;
	const char *wechat_login_base_url, *wechat_pay_base_url;

	/* NULL: no Alipay */
	const char *alipay_app_id, *alipay_seller_id;
	const char *alipay_private_key_file;
	const char *alipay_public_key_file; /* or, in certificate mode: */
	const char *alipay_app_cert_file, *alipay_cert_file, *alipay_root_cert_file;
	const char *alipay_notify_url, *alipay_return_url, *alipay_gateway;

	const char *gateway_page_url; /* NULL: no hosted gateway */
	const char *gateway_secret, *gateway_previous_secret, *gateway_notify_url;
	const char *client_url_hosts; /* comma-separated; "" allows none */
	const char
		*client_notify_secret; /* signs what clients are notified of; NULL: they aren't */
	const char
		*metrics_allow; /* address.h: who may read /metrics; "": nobody without a token */
	const char *metrics_token; /* NULL: only service tokens */
	int64_t payment_query_gap_s;
	bool require_https;
	bool reconcile; /* jobs compare yesterday's bills */
	bool payment_simulation;
};

/*
 * Read and check the configuration; texts are in the arena.
 * On faults: false, after one line per fault on standard error.
 */
bool conf_load(struct conf *conf, unsigned needs, struct arena *a) MUST;

/* A number for a table's row, by offsetof(struct conf, ...). */
static inline int64_t conf_number(const struct conf *conf, size_t off)
{
	return *(const int64_t *)(const void *)((const char *)conf + off);
}

#endif

/* SPDX-License-Identifier: MIT */
/* alipay.c - Alipay's row, and parsing of its notifications (PAYMENTS.md 3.4). */
#include <strings.h>

#include "base/log.h"
#include "providers/alipay/bill.h"
#include "providers/alipay/pay.h"
#include "providers/alipay/text.h"

/* An address is signed with its time: after this it is made anew, for the same trade. */
#define ADDRESS_MS (15 * MINUTE_MS)

/* ---- keys ---- */

static bool start(const struct conf *conf, struct arena *a, learn_fn *learn, void **state)
{
	struct alipay_keys *keys;

	(void)learn; /* all keys are from the configuration */
	if (conf->alipay_app_id == NULL)
		return true;
	keys = arena_alloc(a, sizeof(*keys));
	if (!alipay_keys_load(keys, conf, a))
		return false;
	*state = keys;
	return true;
}

static void stop(void *state)
{
	alipay_keys_done(state);
}

static bool usable(const struct ctx *c)
{
	return alipay_keys_of(c)->alipay != NULL;
}

static void list_certificates(struct ctx *c, struct list *out)
{
	const struct alipay_keys *keys = alipay_keys_of(c);
	const struct provider_certificate both[] = {
		{ "the app's certificate", keys->app_cert_to_s * SECOND_MS,
			"renew it in the open platform's console (ALIPAY_APP_CERT_FILE)" },
		{ "its own certificate", keys->alipay_cert_to_s * SECOND_MS,
			"download the new one from the open platform's console (ALIPAY_CERT_FILE)" },
	};

	*out = (struct list){ 0 };
	if (keys->app_cert_sn == NULL) /* public-key mode */
		return;
	out->rows = arena_alloc(&c->arena, sizeof(both));
	memcpy(out->rows, both, sizeof(both));
	out->n = ARRAY_LEN(both);
}

/* ---- notifications ---- */

enum { REFUND_NO_MAX = 64 };

static bool param_is(const struct alipay_params *p, const char *name, const char *wanted)
{
	const char *value = alipay_param(p, name);

	return value != NULL && strcmp(value, wanted) == 0;
}

static const char *mismatch(const struct ctx *c, const struct alipay_params *p)
{
	if (!param_is(p, "app_id", c->conf->alipay_app_id))
		return "APPID";
	return param_is(p, "seller_id", c->conf->alipay_seller_id) ? NULL : "SELLER_ID";
}

static void read_trade(
	const struct ctx *c, const struct alipay_params *p, struct provider_notice *out)
{
	const char *status = alipay_param(p, "trade_status");

	out->why = "TRADE_STATUS";
	if (status == NULL)
		return;
	out->kind = NOTICE_TRADE;
	out->trade = (struct provider_trade){
		.out_trade_no = alipay_param(p, "out_trade_no"),
		.transaction_id = alipay_param(p, "trade_no"),
		.state = alipay_trade_state(status, false),
		.total_fen = alipay_fen(alipay_param(p, "total_amount")),
		.currency = "CNY",
		.paid_ms = alipay_time(alipay_param(p, "gmt_payment")),
		.mismatch = mismatch(c, p),
	};
}

/* The trade's status says nothing about it: TRADE_SUCCESS after a part, TRADE_CLOSED after the last. */
static void read_refund(
	const struct ctx *c, const struct alipay_params *p, struct provider_notice *out)
{
	const char *number = alipay_param(p, "out_biz_no");

	out->why = "REFUND_NO";
	if (!str_is_id(number, REFUND_NO_MAX))
		return;
	out->kind = NOTICE_REFUND;
	out->refund = (struct provider_refund){
		.out_trade_no = alipay_param(p, "out_trade_no"),
		.transaction_id = alipay_param(p, "trade_no"),
		.refund_no = number,
		.state = REFUND_SUCCESS,
		.refund_fen = -1,
		.refunded_fen = alipay_fen(alipay_param(p, "refund_fee")),
		.total_fen = alipay_fen(alipay_param(p, "total_amount")),
		.mismatch = mismatch(c, p),
	};
}

static bool is_proved(struct ctx *c, const struct notification *n, struct alipay_params *p)
{
	const bool read = alipay_read_form(&c->arena, n->body, p);

	if (read && alipay_is_signed(c, p))
		return true;
	log_line(LOG_WARN, "alipay", "notification refused: %s",
		read ? "the signature does not match" : "not a form");
	return false;
}

static void read_notice(struct ctx *c, const struct notification *n, struct provider_notice *out)
{
	struct alipay_params p;
	const char *id, *charset;

	*out = (struct provider_notice){ 0 };
	if (!is_proved(c, n, &p))
		return;
	out->kind = NOTICE_UNREADABLE;
	out->why = "MALFORMED";
	id = alipay_param(&p, "notify_id");
	if (!str_is_id(id, EVENT_ID_MAX))
		return;
	out->event_id = id;
	out->why = "CHARSET";
	charset = alipay_param(&p, "charset");
	if (charset == NULL || strcasecmp(charset, "utf-8") != 0)
		return;
	if (alipay_fen(alipay_param(&p, "refund_fee")) > 0)
		read_refund(c, &p, out);
	else
		read_trade(c, &p, out);
}

/* ---- the row ---- */

const struct channel channel_alipay_page = {
	.number = 5,
	.trade_type = "PAGE",
	.provider = &provider_alipay,
	.is_url = true,
	.handle_ms = ADDRESS_MS,
	.request = alipay_page_request,
	.prepare = alipay_page_prepare,
};

const struct channel channel_alipay_wap = {
	.number = 6,
	.trade_type = "WAP",
	.provider = &provider_alipay,
	.is_url = true,
	.handle_ms = ADDRESS_MS,
	.request = alipay_wap_request,
	.prepare = alipay_wap_prepare,
};

static const struct channel *const channels[] = { &channel_alipay_page, &channel_alipay_wap, NULL };

const struct provider provider_alipay = {
	.id = PROVIDER_ALIPAY,
	.name = "Alipay",
	.key = "alipay",
	.method = "支付宝",
	.channels = channels,
	.start = start,
	.stop = stop,
	.usable = usable,
	.certificates = list_certificates,
	.query = alipay_query,
	.close = alipay_close,
	.refund = alipay_refund,
	.query_refund = alipay_query_refund,
	.bill = alipay_bill,
	.read = read_notice,
	.notifies_all = true,
	.acknowledgement = "success",
	.acknowledgement_type = "text/plain; charset=utf-8",
};

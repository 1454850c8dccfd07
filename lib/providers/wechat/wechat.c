/* SPDX-License-Identifier: MIT */
/* wechat.c - WeChat Pay's row, and parsing of its notifications (PAYMENTS.md 2.14). */
#include "base/log.h"
#include "providers/wechat/bill.h"
#include "providers/wechat/cert.h"
#include "providers/wechat/refund.h"

/* A prepay_id and a code are valid for two hours (PAYMENTS.md 2.7, 2.9). */
#define PREPAY_ID_MS (2 * HOUR_MS)
/* An address is valid for five minutes: made anew in the last of them. */
#define H5_URL_MS (4 * MINUTE_MS)

/* ---- keys ---- */

static bool start(const struct conf *conf, struct arena *a, learn_fn *learn, void **state)
{
	struct wx_keys *keys = arena_alloc(a, sizeof(*keys));

	if (!wx_keys_load(keys, conf, a))
		return false;
	keys->learn = learn;
	*state = keys;
	return true;
}

static void stop(void *state)
{
	wx_keys_done(state);
}

static bool usable(const struct ctx *c)
{
	const struct wx_keys *keys = wx_keys_of(c);

	return keys->merchant != NULL && keys->verify_n > 0;
}

static bool add_certificate(struct ctx *c, const struct sealed_certificate *kept)
{
	return wxcert_add(c, wx_keys_of(c), kept, ctx_now_s(c));
}

/* ---- for a checkup ---- */

static void list_certificates(struct ctx *c, struct list *out)
{
	const struct wx_keys *keys = wx_keys_of(c);
	struct provider_certificate *rows =
		arena_array(&c->arena, keys->verify_n + 1, sizeof(*rows));

	*out = (struct list){ rows, 1 };
	rows[0] = (struct provider_certificate){
		.name = "the merchant certificate",
		.expires_ms = keys->merchant_to_s * SECOND_MS,
		.advice =
			keys->merchant_to_s != 0
				? "renew it in the merchant console, and set its key and serial number"
				: "set WECHAT_MCH_CERT_FILE",
	};
	for (size_t i = 0; i < keys->verify_n; i++) {
		if (keys->verify[i].to_s == INT64_MAX) /* the public key */
			continue;
		rows[out->n++] = (struct provider_certificate){
			.name = arena_printf(
				&c->arena, "platform certificate %s", keys->verify[i].serial),
			.expires_ms = keys->verify[i].to_s * SECOND_MS,
			.advice =
				"minimall jobs fetches its successor: see the log, or switch to "
				"WECHAT_PAY_PUBLIC_KEY_FILE",
		};
	}
}

/* A cheap request. It is signed, so that one that WeChat Pay refuses is in the log. */
static bool ask_clock(struct ctx *c, int64_t *now_ms)
{
	const struct wx_reply reply = wx_send(c, "GET", "/v3/certificates", (struct slice){ 0 });

	*now_ms = reply.date_ms;
	return reply.date_ms != 0;
}

/* ---- notifications ---- */

static bool is_verified(struct ctx *c, const struct wx_signed *m)
{
	const enum wx_verdict signature = wx_check(c, wx_keys_of(c), m, ctx_now_s(c));

	if (signature != WX_VALID)
		log_line(LOG_WARN, "wxpay", "notification refused: %s", wx_verdict_text(signature));
	return signature == WX_VALID;
}

/* The encrypted resource decides what it is about, not event_type. */
static enum notice_kind read_sealed(
	struct ctx *c, const struct wx_event *e, struct provider_notice *out)
{
	const struct wx_keys *keys = wx_keys_of(c);

	if (wxrefund_is_event(e))
		return wxrefund_of_event(c, keys, e, &out->refund) ? NOTICE_REFUND
								   : NOTICE_UNREADABLE;
	return wxpay_event_trade(c, keys, e, &out->trade) ? NOTICE_TRADE : NOTICE_UNREADABLE;
}

static void read_notice(struct ctx *c, const struct notification *n, struct provider_notice *out)
{
	const struct wx_signed m = {
		.timestamp = n->header(n->from, "HTTP_WECHATPAY_TIMESTAMP"),
		.nonce = n->header(n->from, "HTTP_WECHATPAY_NONCE"),
		.serial = n->header(n->from, "HTTP_WECHATPAY_SERIAL"),
		.signature = n->header(n->from, "HTTP_WECHATPAY_SIGNATURE"),
		.signature_type = n->header(n->from, "HTTP_WECHATPAY_SIGNATURE_TYPE"),
		.body = n->body,
	};
	struct wx_event e = { 0 };

	*out = (struct provider_notice){ .serial = m.serial };
	if (!is_verified(c, &m))
		return;
	out->kind = NOTICE_UNREADABLE;
	out->why = "MALFORMED";
	if (!wxpay_event(c, m.body, &e) || !str_is_id(e.id, EVENT_ID_MAX))
		return;
	out->event_id = e.id;
	out->why = "UNDECRYPTABLE";
	out->kind = read_sealed(c, &e, out);
}

/* ---- the row ---- */

const struct channel channel_wechat_jsapi = {
	.number = 1,
	.trade_type = "JSAPI",
	.provider = &provider_wechat,
	.needs_openid = true,
	.handle_ms = PREPAY_ID_MS,
	.request = wxpay_jsapi_request,
	.prepare = wxpay_jsapi,
	.fill_checkout = wxpay_fill_checkout,
};

static const struct channel channel_native = {
	.number = 3,
	.trade_type = "NATIVE",
	.provider = &provider_wechat,
	.is_code = true,
	.one_handle = true,
	.handle_ms = PREPAY_ID_MS,
	.request = wxpay_native_request,
	.prepare = wxpay_native,
};

static const struct channel channel_h5 = {
	.number = 4,
	.trade_type = "H5",
	.provider = &provider_wechat,
	.needs_client_ip = true,
	.is_url = true,
	.handle_ms = H5_URL_MS,
	.request = wxpay_h5_request,
	.prepare = wxpay_h5,
};

static const struct channel *const channels[] = { &channel_wechat_jsapi, &channel_native,
	&channel_h5, NULL };

const struct provider provider_wechat = {
	.id = PROVIDER_WECHAT,
	.name = "WeChat Pay",
	.key = "wechat",
	.method = "微信支付",
	.channels = channels,
	.start = start,
	.stop = stop,
	.usable = usable,
	.fetch_certificates = wxcert_download,
	.add_certificate = add_certificate,
	.certificates = list_certificates,
	.clock = ask_clock,
	.query = wxpay_query,
	.close = wxpay_close,
	.refund = wxrefund_create,
	.query_refund = wxrefund_query,
	.bill = wxbill,
	.read = read_notice,
	.acknowledgement = "{\"code\":\"SUCCESS\",\"message\":\"成功\"}",
	.acknowledgement_type = "application/json; charset=utf-8",
};

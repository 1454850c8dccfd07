/* SPDX-License-Identifier: MIT */
#include "providers/wechat/pay.h"

#include <assert.h>

#include "base/log.h"
#include "base/url.h"
#include "ext/http.h"
#include "ext/json.h"
#include "providers/common.h"

/* A prepay's tries, the pause after the first (doubled after each), and the total time.
 */
enum { PREPAY_TRIES = 3, PREPAY_PAUSE_MS = 1000, PREPAY_TOTAL_MS = 8000 };
enum { URL_MAX = 1024, REQUEST_MAX = 16 << 10 };
enum { DESCRIPTION_MAX = 127, PREPAY_ID_MAX = 64, TEXT_MAX = 1024, CIPHERTEXT_MAX = 256 << 10 };

#define CURRENCY  "CNY"
#define ALGORITHM "AEAD_AES_256_GCM"

/* ---- the prepay's request ---- */

struct amount_out {
	int64_t total;
	const char *currency;
};

struct payer_out {
	const char *openid;
};

struct h5_info_out {
	const char *type;
};

struct scene_info_out {
	const char *payer_client_ip;
	struct h5_info_out h5_info;
};

struct prepay_out {
	const char *appid, *mchid, *description, *out_trade_no, *time_expire, *notify_url;
	struct amount_out amount;
	struct payer_out payer;
	struct scene_info_out scene_info;
};

static const struct field amount_out_fields[] = {
	FIELD(struct amount_out, total),
	FIELD(struct amount_out, currency),
	FIELD_END,
};

static const struct field payer_out_fields[] = {
	FIELD(struct payer_out, openid),
	FIELD_END,
};

static const struct field h5_info_out_fields[] = {
	FIELD(struct h5_info_out, type),
	FIELD_END,
};

static const struct field scene_info_out_fields[] = {
	FIELD(struct scene_info_out, payer_client_ip),
	OBJECT(struct scene_info_out, h5_info, h5_info_out_fields, 0),
	FIELD_END,
};

/* payer and scene_info: absent where the way of paying knows no such member */
static const struct field prepay_out_fields[] = {
	FIELD(struct prepay_out, appid),
	FIELD(struct prepay_out, mchid),
	FIELD(struct prepay_out, description),
	FIELD(struct prepay_out, out_trade_no),
	FIELD(struct prepay_out, time_expire),
	FIELD(struct prepay_out, notify_url),
	OBJECT(struct prepay_out, amount, amount_out_fields, 0),
	OBJECT(struct prepay_out, payer, payer_out_fields, F_OMIT),
	OBJECT(struct prepay_out, scene_info, scene_info_out_fields, F_OMIT),
	FIELD_END,
};

static const char *request(struct ctx *c, const struct purchase *p, struct payer_out payer,
	struct scene_info_out scene_info)
{
	struct str json = str_new(&c->arena, REQUEST_MAX);
	char time_expire[CLOCK_TEXT_MAX];
	struct prepay_out out = {
		.appid = c->conf->wechat_appid,
		.mchid = c->conf->wechat_mchid,
		.description = provider_line(&c->arena, p->description, DESCRIPTION_MAX, ""),
		.out_trade_no = p->out_trade_no,
		.time_expire = time_expire,
		.notify_url = c->conf->wechat_notify_url,
		.amount = { .total = p->total.fen, .currency = CURRENCY },
		.payer = payer,
		.scene_info = scene_info,
	};

	assert(p->total.fen >= 1);
	clock_rfc3339_cst(p->expires_ms, time_expire);
	json_write(&json, prepay_out_fields, &out);
	assert(!json.overflow);
	return str_text(&json);
}

const char *wxpay_jsapi_request(struct ctx *c, const struct purchase *p)
{
	assert(p->payer_openid != NULL);
	return request(
		c, p, (struct payer_out){ p->payer_openid }, (struct scene_info_out){ NULL });
}

const char *wxpay_native_request(struct ctx *c, const struct purchase *p)
{
	return request(c, p, (struct payer_out){ NULL }, (struct scene_info_out){ NULL });
}

const char *wxpay_h5_request(struct ctx *c, const struct purchase *p)
{
	assert(p->client_ip != NULL);
	return request(c, p, (struct payer_out){ NULL },
		(struct scene_info_out){ p->client_ip, { "Wap" } });
}

/* ---- parsing ---- */

struct amount_in {
	uint64_t has;
	int64_t total;
	const char *currency;
};

struct payer_in {
	uint64_t has;
	const char *openid;
};

struct transaction_in {
	uint64_t has;
	const char *appid, *mchid, *out_trade_no, *transaction_id, *trade_state;
	const char *success_time;
	struct amount_in amount;
	struct payer_in payer;
};

static const struct field amount_in_fields[] = {
	INPUT(struct amount_in, total, 0, INT64_MAX, 0),
	INPUT(struct amount_in, currency, 0, TEXT_MAX, F_NULL),
	FIELD_END,
};

static const struct field payer_in_fields[] = {
	INPUT(struct payer_in, openid, 0, TEXT_MAX, F_NULL),
	FIELD_END,
};

static const struct field transaction_in_fields[] = {
	INPUT(struct transaction_in, appid, 0, TEXT_MAX, F_NULL),
	INPUT(struct transaction_in, mchid, 0, TEXT_MAX, F_NULL),
	INPUT(struct transaction_in, out_trade_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct transaction_in, transaction_id, 0, TEXT_MAX, F_NULL),
	INPUT(struct transaction_in, trade_state, 0, TEXT_MAX, F_NULL),
	INPUT(struct transaction_in, success_time, 0, TEXT_MAX, F_NULL),
	OBJECT(struct transaction_in, amount, amount_in_fields, F_IN | F_NULL),
	OBJECT(struct transaction_in, payer, payer_in_fields, F_IN | F_NULL),
	FIELD_END,
};

struct resource_in {
	uint64_t has;
	const char *original_type, *algorithm, *ciphertext, *nonce, *associated_data;
};

struct event_in {
	uint64_t has;
	const char *id, *event_type, *resource_type;
	struct resource_in resource;
};

static const struct field resource_in_fields[] = {
	INPUT(struct resource_in, original_type, 0, TEXT_MAX, F_NULL),
	INPUT(struct resource_in, algorithm, 0, TEXT_MAX, F_NULL),
	INPUT(struct resource_in, ciphertext, 0, CIPHERTEXT_MAX, F_NULL),
	INPUT(struct resource_in, nonce, 0, TEXT_MAX, F_NULL),
	INPUT(struct resource_in, associated_data, 0, TEXT_MAX, F_NULL),
	FIELD_END,
};

static const struct field event_in_fields[] = {
	INPUT(struct event_in, id, 0, TEXT_MAX, F_NULL),
	INPUT(struct event_in, event_type, 0, TEXT_MAX, F_NULL),
	INPUT(struct event_in, resource_type, 0, TEXT_MAX, F_NULL),
	OBJECT(struct event_in, resource, resource_in_fields, F_IN | F_NULL),
	FIELD_END,
};

struct prepay_in {
	uint64_t has;
	const char *handle;
};

static bool is_prepay_id(const char *s)
{
	return str_is_id(s, PREPAY_ID_MAX);
}

static bool is_code_url(const char *s)
{
	return strncmp(s, "weixin://", 9) == 0 && str_is_id(s, TEXT_MAX);
}

static bool is_h5_url(const char *s)
{
	return url_is_web(s) || url_is_loopback(s);
}

/* What a way of paying answers. */
#define HANDLE(wire_name, rule)                                                                    \
	{                                                                                          \
		.name = (wire_name), FIELD_AT(struct prepay_in, handle), .flags = F_IN, .min = 1,  \
		.max = TEXT_MAX, .valid = (rule)                                                   \
	}
static const struct field jsapi_in_fields[] = { HANDLE("prepay_id", is_prepay_id), FIELD_END };
static const struct field native_in_fields[] = { HANDLE("code_url", is_code_url), FIELD_END };
static const struct field h5_in_fields[] = { HANDLE("h5_url", is_h5_url), FIELD_END };

static bool text_is(const char *s, const char *wanted)
{
	return s != NULL && strcmp(s, wanted) == 0;
}

/* WeChat's states of a payment (PAYMENTS.md 2.10). */
static const struct {
	const char *word;
	enum trade_state state;
} states[] = {
	{ "SUCCESS", TRADE_PAID },
	{ "REFUND", TRADE_REFUNDED },
	{ "NOTPAY", TRADE_UNPAID },
	{ "USERPAYING", TRADE_PAYING },
	{ "ACCEPT", TRADE_PAYING },
	{ "CLOSED", TRADE_CLOSED },
	{ "REVOKED", TRADE_CLOSED },
	{ "PAYERROR", TRADE_CLOSED },
};

static enum trade_state state_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].word, word) == 0)
			return states[i].state;
	return TRADE_UNKNOWN;
}

static const char other_merchant[] = "MCHID", other_app[] = "APPID";

static bool read_trade(struct ctx *c, struct slice text, struct provider_trade *out)
{
	struct transaction_in in = { .amount.total = -1 };

	if (!provider_json(c, text, transaction_in_fields, &in) || in.out_trade_no == NULL ||
		in.trade_state == NULL)
		return false;
	*out = (struct provider_trade){
		.out_trade_no = in.out_trade_no,
		.transaction_id = in.transaction_id,
		.state = state_of(in.trade_state),
		.total_fen = in.amount.total,
		.currency = in.amount.currency,
		.payer_openid = in.payer.openid,
	};
	if (in.success_time == NULL || !clock_parse(in.success_time, &out->paid_ms))
		out->paid_ms = 0;
	if (!text_is(in.mchid, c->conf->wechat_mchid))
		out->mismatch = other_merchant;
	else if (!text_is(in.appid, c->conf->wechat_appid))
		out->mismatch = other_app;
	return true;
}

/* ---- notifications ---- */

bool wxpay_event(struct ctx *c, struct slice body, struct wx_event *out)
{
	struct event_in in = { 0 };

	if (!provider_json(c, body, event_in_fields, &in))
		return false;
	*out = (struct wx_event){
		.id = in.id,
		.event_type = in.event_type,
		.resource_type = in.resource_type,
		.original_type = in.resource.original_type,
		.algorithm = in.resource.algorithm,
		.ciphertext = in.resource.ciphertext,
		.nonce = in.resource.nonce,
		.associated_data = in.resource.associated_data,
	};
	return true;
}

bool wxpay_event_open(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	const char *original_type, struct slice *plain)
{
	return text_is(e->algorithm, ALGORITHM) && text_is(e->original_type, original_type) &&
	       e->ciphertext != NULL && e->nonce != NULL &&
	       wx_open(&c->arena, keys, e->nonce, e->associated_data ? e->associated_data : "",
		       e->ciphertext, plain);
}

bool wxpay_event_trade(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	struct provider_trade *out)
{
	struct slice plain;

	return wxpay_event_open(c, keys, e, "transaction", &plain) && read_trade(c, plain, out);
}

/* ---- calls ---- */

/* A valid signature over an inconsistent response: ignored, and logged. */
static enum outcome inconsistent_reply(const char *target, const char *what)
{
	log_line(LOG_ALARM, "wxpay", "%.*s: %s", (int)strcspn(target, "?"), target, what);
	return OUTCOME_UNKNOWN;
}

static enum outcome prepay(struct ctx *c, const char *target, const struct field *answer,
	const char *request, const char **handle)
{
	const int64_t deadline_ms = c->deadline_ms, until_ms = clock_mono_ms() + PREPAY_TOTAL_MS;
	struct prepay_in in = { 0 };
	struct wx_reply r;

	if (deadline_ms == 0 || until_ms < deadline_ms)
		c->deadline_ms = until_ms;
	for (int i = 1, pause_ms = PREPAY_PAUSE_MS;; i++, pause_ms *= 2) {
		r = wx_call(c, "POST", target, slice_of(request));
		if (!r.temporary || i == PREPAY_TRIES || !http_pause(c, pause_ms))
			break;
	}
	c->deadline_ms = deadline_ms;
	if (r.outcome != OUTCOME_OK)
		return r.outcome;
	if (r.status != 200 || !provider_json(c, r.body, answer, &in) || in.handle == NULL)
		return inconsistent_reply(target, "a response without what the payer needs");
	*handle = in.handle;
	return OUTCOME_OK;
}

#define TRANSACTIONS "/v3/pay/transactions/"
enum outcome wxpay_jsapi(struct ctx *c, const char *request, const char **prepay_id)
{
	return prepay(c, TRANSACTIONS "jsapi", jsapi_in_fields, request, prepay_id);
}

enum outcome wxpay_native(struct ctx *c, const char *request, const char **code_url)
{
	return prepay(c, TRANSACTIONS "native", native_in_fields, request, code_url);
}

enum outcome wxpay_h5(struct ctx *c, const char *request, const char **h5_url)
{
	return prepay(c, TRANSACTIONS "h5", h5_in_fields, request, h5_url);
}

enum err wxpay_fill_checkout(struct ctx *c, struct checkout *out)
{
	out->timeStamp = arena_printf(&c->arena, "%lld", (long long)ctx_now_s(c));
	out->nonceStr = wx_nonce(&c->arena);
	out->package = arena_printf(&c->arena, "prepay_id=%s", out->handle);
	out->signType = "RSA";
	return wx_pay_sign(&c->arena, wx_keys_of(c), c->conf->wechat_appid, out->timeStamp,
		out->nonceStr, out->package, &out->paySign);
}

static const char *order_target(struct ctx *c, const char *out_trade_no, const char *tail)
{
	struct str target = str_new(&c->arena, URL_MAX);

	str_adds(&target, TRANSACTIONS "out-trade-no/");
	str_add_url(&target, out_trade_no);
	str_adds(&target, tail);
	return str_text(&target);
}

enum outcome wxpay_query(struct ctx *c, const char *out_trade_no, struct provider_trade *out)
{
	struct str query = str_new(&c->arena, URL_MAX);
	struct provider_trade t;
	struct wx_reply r;
	const char *target;

	str_adds(&query, "?mchid=");
	str_add_url(&query, c->conf->wechat_mchid);
	target = order_target(c, out_trade_no, str_text(&query));
	r = wx_call(c, "GET", target, (struct slice){ 0 });
	if (r.outcome != OUTCOME_OK)
		return r.outcome;
	if (r.status != 200 || !read_trade(c, r.body, &t))
		return inconsistent_reply(target, "a response that is not a transaction");
	if (strcmp(t.out_trade_no, out_trade_no) != 0 || t.mismatch == other_merchant)
		return inconsistent_reply(target, "a response about another order or merchant");
	*out = t;
	return OUTCOME_OK;
}

struct close_out {
	const char *mchid;
};

static const struct field close_out_fields[] = {
	FIELD(struct close_out, mchid),
	FIELD_END,
};

enum outcome wxpay_close(struct ctx *c, const char *out_trade_no)
{
	const struct close_out out = { .mchid = c->conf->wechat_mchid };
	const char *target = order_target(c, out_trade_no, "/close");
	struct str json = str_new(&c->arena, REQUEST_MAX);
	struct wx_reply r;

	json_write(&json, close_out_fields, &out);
	r = wx_call(c, "POST", target, (struct slice){ str_text(&json), json.len });
	if (r.outcome == OUTCOME_OK && r.status != 204)
		return inconsistent_reply(target, "a response that confirms nothing");
	return r.outcome;
}

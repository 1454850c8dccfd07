/* SPDX-License-Identifier: MIT */
#include "providers/wechat/refund.h"

#include <assert.h>

#include "base/log.h"
#include "ext/json.h"
#include "providers/wechat/call.h"

enum { TEXT_MAX = 1024, REQUEST_MAX = 4096, URL_MAX = 256 };

/* ---- what we send ---- */

struct amount_out {
	int64_t refund, total;
	const char *currency;
};

struct refund_out {
	const char *out_trade_no, *out_refund_no, *reason, *notify_url;
	struct amount_out amount;
};

static const struct field amount_out_fields[] = {
	FIELD(struct amount_out, refund),
	FIELD(struct amount_out, total),
	FIELD(struct amount_out, currency),
	FIELD_END,
};

static const struct field refund_out_fields[] = {
	FIELD(struct refund_out, out_trade_no),
	FIELD(struct refund_out, out_refund_no),
	FIELD(struct refund_out, reason),
	FIELD(struct refund_out, notify_url),
	OBJECT(struct refund_out, amount, amount_out_fields, 0),
	FIELD_END,
};

/* ---- what WeChat sends ---- */

struct amount_in {
	uint64_t has;
	int64_t total, refund;
};

/* An answer says `status`, a notification `refund_status`. */
struct refund_in {
	uint64_t has;
	const char *mchid, *out_trade_no, *transaction_id, *out_refund_no, *refund_id;
	const char *status, *refund_status;
	struct amount_in amount;
};

static const struct field amount_in_fields[] = {
	INPUT(struct amount_in, total, 0, INT64_MAX, 0),
	INPUT(struct amount_in, refund, 0, INT64_MAX, 0),
	FIELD_END,
};

static const struct field refund_in_fields[] = {
	INPUT(struct refund_in, mchid, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, out_trade_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, transaction_id, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, out_refund_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, refund_id, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, status, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, refund_status, 0, TEXT_MAX, F_NULL),
	OBJECT(struct refund_in, amount, amount_in_fields, F_IN | F_NULL),
	FIELD_END,
};

static bool read_refund(struct ctx *c, struct slice text, struct wx_refund *out)
{
	struct refund_in in = { .amount = { .total = -1, .refund = -1 } };

	if (!wx_read(c, text, refund_in_fields, &in) || in.out_refund_no == NULL)
		return false;
	*out = (struct wx_refund){
		.mchid = in.mchid,
		.out_trade_no = in.out_trade_no,
		.transaction_id = in.transaction_id,
		.out_refund_no = in.out_refund_no,
		.refund_id = in.refund_id,
		.status = in.refund_status != NULL ? in.refund_status : in.status,
		.total_fen = in.amount.total,
		.refund_fen = in.amount.refund,
	};
	return out->status != NULL;
}

/* ---- calls ---- */

/* A good signature over something else than was asked: nothing to act upon. */
static enum wx_answer classify(
	struct ctx *c, const struct wx_reply *r, const char *out_refund_no, struct wx_refund *out)
{
	if (r->answer != WX_OK)
		return r->answer;
	if (r->status != 200 || !read_refund(c, r->body, out) ||
		strcmp(out->out_refund_no, out_refund_no) != 0) {
		log_line(LOG_ALARM, "wxpay", "an answer about another refund, or about none");
		return WX_UNKNOWN;
	}
	return WX_OK;
}

enum wx_answer wxrefund_create(struct ctx *c, const struct wx_keys *keys,
	const struct wx_refund_request *request, struct wx_refund *out)
{
	const struct refund_out body = {
		.out_trade_no = request->out_trade_no,
		.out_refund_no = request->out_refund_no,
		.reason = request->reason,
		.notify_url = c->conf->wechat_notify_url,
		.amount = { request->refund.fen, request->total.fen, "CNY" },
	};
	struct str json = str_new(&c->arena, REQUEST_MAX);
	struct wx_reply r;

	assert(request->refund.fen >= 1 && request->refund.fen <= request->total.fen);
	json_write(&json, refund_out_fields, &body);
	r = wx_call(c, keys, "POST", "/v3/refund/domestic/refunds",
		(struct slice){ str_text(&json), json.len });
	return classify(c, &r, request->out_refund_no, out);
}

enum wx_answer wxrefund_query(
	struct ctx *c, const struct wx_keys *keys, const char *out_refund_no, struct wx_refund *out)
{
	struct str target = str_new(&c->arena, URL_MAX);
	struct wx_reply r;

	str_adds(&target, "/v3/refund/domestic/refunds/");
	str_add_url(&target, out_refund_no);
	r = wx_call(c, keys, "GET", str_text(&target), (struct slice){ 0 });
	return classify(c, &r, out_refund_no, out);
}

/* ---- notifications ---- */

bool wxrefund_is_event(const struct wx_event *e)
{
	return e->original_type != NULL && strcmp(e->original_type, "refund") == 0;
}

bool wxrefund_of_event(
	struct ctx *c, const struct wx_keys *keys, const struct wx_event *e, struct wx_refund *out)
{
	struct slice plain;

	if (e->algorithm == NULL || strcmp(e->algorithm, "AEAD_AES_256_GCM") != 0 ||
		e->ciphertext == NULL || e->nonce == NULL)
		return false;
	return wx_open(&c->arena, keys, e->nonce, e->associated_data ? e->associated_data : "",
		       e->ciphertext, &plain) &&
	       read_refund(c, plain, out);
}

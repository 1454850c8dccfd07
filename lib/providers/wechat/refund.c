/* SPDX-License-Identifier: MIT */
#include "providers/wechat/refund.h"

#include <assert.h>

#include "base/log.h"
#include "ext/json.h"
#include "providers/common.h"
#include "providers/wechat/call.h"

enum { TEXT_MAX = 1024, REQUEST_MAX = 4096, URL_MAX = 256 };

/* ---- requests ---- */

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

/* ---- parsing ---- */

struct amount_in {
	uint64_t has;
	int64_t total, refund;
};

/* A response has `status`, a notification `refund_status`. */
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

static const struct {
	const char *word;
	enum refund_state state;
} states[] = {
	{ "PROCESSING", REFUND_PROCESSING },
	{ "SUCCESS", REFUND_SUCCESS },
	{ "CLOSED", REFUND_CLOSED },
	{ "ABNORMAL", REFUND_ABNORMAL },
};

static enum refund_state state_of(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (strcmp(states[i].word, word) == 0)
			return states[i].state;
	return REFUND_UNKNOWN;
}

static bool read_refund(struct ctx *c, struct slice text, struct provider_refund *out)
{
	struct refund_in in = { .amount = { .total = -1, .refund = -1 } };
	const char *word;

	if (!provider_json(c, text, refund_in_fields, &in) || in.out_refund_no == NULL)
		return false;
	word = in.refund_status != NULL ? in.refund_status : in.status;
	*out = (struct provider_refund){
		.out_trade_no = in.out_trade_no,
		.transaction_id = in.transaction_id,
		.refund_no = in.out_refund_no,
		.refund_id = in.refund_id,
		.state = word != NULL ? state_of(word) : REFUND_UNKNOWN,
		.total_fen = in.amount.total,
		.refund_fen = in.amount.refund,
	};
	if (in.mchid == NULL || strcmp(in.mchid, c->conf->wechat_mchid) != 0)
		out->mismatch = "MCHID";
	return word != NULL;
}

/* ---- calls ---- */

/* A valid signature over a response to something else: ignored. */
static enum outcome classify(
	struct ctx *c, const struct wx_reply *r, const char *refund_no, struct provider_refund *out)
{
	if (r->outcome != OUTCOME_OK)
		return r->outcome;
	if (r->status != 200 || !read_refund(c, r->body, out) ||
		strcmp(out->refund_no, refund_no) != 0) {
		log_line(LOG_ALARM, "wxpay", "a response about another refund, or about none");
		return OUTCOME_UNKNOWN;
	}
	out->mismatch = NULL; /* a response has no mchid: it is the requesting merchant's */
	return OUTCOME_OK;
}

enum outcome wxrefund_create(
	struct ctx *c, const struct refund_request *request, struct provider_refund *out)
{
	const struct refund_out body = {
		.out_trade_no = request->out_trade_no,
		.out_refund_no = request->refund_no,
		.reason = request->reason,
		.notify_url = c->conf->wechat_notify_url,
		.amount = { request->refund.fen, request->total.fen, "CNY" },
	};
	struct str json = str_new(&c->arena, REQUEST_MAX);
	struct wx_reply r;

	assert(request->refund.fen >= 1 && request->refund.fen <= request->total.fen);
	json_write(&json, refund_out_fields, &body);
	r = wx_call(c, "POST", "/v3/refund/domestic/refunds",
		(struct slice){ str_text(&json), json.len });
	return classify(c, &r, request->refund_no, out);
}

enum outcome wxrefund_query(
	struct ctx *c, const char *out_trade_no, const char *refund_no, struct provider_refund *out)
{
	struct str target = str_new(&c->arena, URL_MAX);
	struct wx_reply r;

	(void)out_trade_no;
	str_adds(&target, "/v3/refund/domestic/refunds/");
	str_add_url(&target, refund_no);
	r = wx_call(c, "GET", str_text(&target), (struct slice){ 0 });
	return classify(c, &r, refund_no, out);
}

/* ---- notifications ---- */

bool wxrefund_is_event(const struct wx_event *e)
{
	return e->original_type != NULL && strcmp(e->original_type, "refund") == 0;
}

bool wxrefund_of_event(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	struct provider_refund *out)
{
	struct slice plain;

	return wxpay_event_open(c, keys, e, "refund", &plain) && read_refund(c, plain, out);
}

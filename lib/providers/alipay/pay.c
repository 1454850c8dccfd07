/* SPDX-License-Identifier: MIT */
#include "providers/alipay/pay.h"

#include <assert.h>

#include "base/log.h"
#include "ext/json.h"
#include "providers/alipay/text.h"
#include "providers/common.h"

/* A subject is percent-encoded in an address, of which browsers take 2 KiB. */
enum { SUBJECT_MAX = 60, REQUEST_MAX = 4096, TEXT_MAX = 1024, URL_MAX = 4096 };

#define PAGE "alipay.trade.page.pay"
#define WAP  "alipay.trade.wap.pay"

/* ---- addresses ---- */

struct pay_out {
	const char *out_trade_no, *product_code, *subject, *time_expire;
	money total_amount;
};

static const struct field pay_out_fields[] = {
	FIELD(struct pay_out, out_trade_no),
	FIELD(struct pay_out, product_code),
	FIELD_WITH(struct pay_out, total_amount, .flags = F_TEXT),
	FIELD(struct pay_out, subject),
	FIELD(struct pay_out, time_expire),
	FIELD_END,
};

static const char *request(struct ctx *c, const struct purchase *p, const char *product_code)
{
	struct str json = str_new(&c->arena, REQUEST_MAX);
	char time_expire[CLOCK_TEXT_MAX];
	const struct pay_out out = {
		.out_trade_no = p->out_trade_no,
		.product_code = product_code,
		.subject = provider_line(&c->arena, p->description, SUBJECT_MAX, "/=&"),
		.time_expire = time_expire,
		.total_amount = p->total,
	};

	assert(p->total.fen >= 1);
	alipay_time_text(p->expires_ms, time_expire);
	json_write(&json, pay_out_fields, &out);
	assert(!json.overflow);
	return str_text(&json);
}

const char *alipay_page_request(struct ctx *c, const struct purchase *p)
{
	return request(c, p, "FAST_INSTANT_TRADE_PAY");
}

const char *alipay_wap_request(struct ctx *c, const struct purchase *p)
{
	return request(c, p, "QUICK_WAP_WAY");
}

static enum outcome prepare(
	struct ctx *c, const char *method, const char *content, const char **url)
{
	struct alipay_params p = { 0 };

	alipay_add(&p, "method", method);
	alipay_add(&p, "biz_content", content);
	alipay_add(&p, "notify_url", c->conf->alipay_notify_url);
	alipay_add(&p, "return_url", c->conf->alipay_return_url);
	if (alipay_sign(c, &p) != OK)
		return OUTCOME_UNKNOWN;
	*url = arena_printf(
		&c->arena, "%s?%s", c->conf->alipay_gateway, alipay_form(&c->arena, &p));
	if (strlen(*url) <= URL_MAX)
		return OUTCOME_OK;
	log_line(LOG_ALARM, "alipay", "%s: an address of %zu bytes", method, strlen(*url));
	return OUTCOME_REFUSED;
}

enum outcome alipay_page_prepare(struct ctx *c, const char *content, const char **url)
{
	return prepare(c, PAGE, content, url);
}

enum outcome alipay_wap_prepare(struct ctx *c, const char *content, const char **url)
{
	return prepare(c, WAP, content, url);
}

/* ---- query and close ---- */

struct number_out {
	const char *out_trade_no;
};

static const struct field number_out_fields[] = {
	FIELD(struct number_out, out_trade_no),
	FIELD_END,
};

struct trade_in {
	uint64_t has;
	const char *out_trade_no, *trade_no, *trade_status, *total_amount, *send_pay_date;
};

static const struct field trade_in_fields[] = {
	INPUT(struct trade_in, out_trade_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct trade_in, trade_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct trade_in, trade_status, 0, TEXT_MAX, F_NULL),
	INPUT(struct trade_in, total_amount, 0, TEXT_MAX, F_NULL),
	INPUT(struct trade_in, send_pay_date, 0, TEXT_MAX, F_NULL),
	FIELD_END,
};

static bool is_about(const char *number, const char *wanted)
{
	return number != NULL && strcmp(number, wanted) == 0;
}

enum outcome alipay_query(struct ctx *c, const char *out_trade_no, struct provider_trade *out)
{
	static const char method[] = "alipay.trade.query";
	const struct number_out content = { out_trade_no };
	struct trade_in in = { 0 };
	struct slice node;
	const enum outcome outcome = alipay_call(c, method, number_out_fields, &content, &node);

	if (outcome != OUTCOME_OK)
		return outcome;
	if (!provider_json(c, node, trade_in_fields, &in) ||
		!is_about(in.out_trade_no, out_trade_no) || in.trade_status == NULL)
		return alipay_nonsense(method, "a response about another trade, or about none");
	*out = (struct provider_trade){
		.out_trade_no = in.out_trade_no,
		.transaction_id = in.trade_no,
		.state = alipay_trade_state(in.trade_status, in.send_pay_date != NULL),
		.total_fen = alipay_fen(in.total_amount),
		.currency = "CNY",
		.paid_ms = alipay_time(in.send_pay_date),
	};
	return OUTCOME_OK;
}

enum outcome alipay_close(struct ctx *c, const char *out_trade_no)
{
	static const char method[] = "alipay.trade.close";
	const struct number_out content = { out_trade_no };
	struct trade_in in = { 0 };
	struct slice node;
	const enum outcome outcome = alipay_call(c, method, number_out_fields, &content, &node);

	if (outcome != OUTCOME_OK)
		return outcome;
	return provider_json(c, node, trade_in_fields, &in) &&
			       is_about(in.out_trade_no, out_trade_no)
		       ? OUTCOME_OK
		       : alipay_nonsense(method, "a response about another trade, or about none");
}

/* ---- refunds ---- */

struct refund_out {
	const char *out_trade_no, *out_request_no, *refund_reason;
	money refund_amount;
};

static const struct field refund_out_fields[] = {
	FIELD(struct refund_out, out_trade_no),
	FIELD(struct refund_out, out_request_no),
	FIELD_WITH(struct refund_out, refund_amount, .flags = F_TEXT),
	FIELD(struct refund_out, refund_reason),
	FIELD_END,
};

struct refund_query_out {
	const char *out_trade_no, *out_request_no;
};

static const struct field refund_query_out_fields[] = {
	FIELD(struct refund_query_out, out_trade_no),
	FIELD(struct refund_query_out, out_request_no),
	FIELD_END,
};

/* A refund's response has fund_change and the trade's refund_fee so far, a query's the others. */
struct refund_in {
	uint64_t has;
	const char *out_trade_no, *trade_no, *fund_change, *refund_fee;
	const char *out_request_no, *refund_status, *refund_amount, *total_amount;
};

static const struct field refund_in_fields[] = {
	INPUT(struct refund_in, out_trade_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, trade_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, fund_change, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, refund_fee, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, out_request_no, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, refund_status, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, refund_amount, 0, TEXT_MAX, F_NULL),
	INPUT(struct refund_in, total_amount, 0, TEXT_MAX, F_NULL),
	FIELD_END,
};

static enum refund_state refund_state(const char *status)
{
	if (status == NULL)
		return REFUND_PROCESSING;
	return strcmp(status, "REFUND_SUCCESS") == 0 ? REFUND_SUCCESS : REFUND_UNKNOWN;
}

enum outcome alipay_query_refund(
	struct ctx *c, const char *out_trade_no, const char *refund_no, struct provider_refund *out)
{
	static const char method[] = "alipay.trade.fastpay.refund.query";
	const struct refund_query_out content = { out_trade_no, refund_no };
	struct refund_in in = { 0 };
	struct slice node;
	enum outcome outcome;

	if (out_trade_no == NULL)
		return OUTCOME_NONE;
	outcome = alipay_call(c, method, refund_query_out_fields, &content, &node);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!provider_json(c, node, refund_in_fields, &in))
		return alipay_nonsense(method, "a response that is not a refund");
	if (in.out_request_no == NULL) /* success without any fact: it was never requested */
		return OUTCOME_NONE;
	if (!is_about(in.out_request_no, refund_no) || !is_about(in.out_trade_no, out_trade_no))
		return alipay_nonsense(method, "a response about another refund");
	*out = (struct provider_refund){
		.out_trade_no = in.out_trade_no,
		.transaction_id = in.trade_no,
		.refund_no = in.out_request_no,
		.state = refund_state(in.refund_status),
		.refund_fen = alipay_fen(in.refund_amount),
		.total_fen = alipay_fen(in.total_amount),
	};
	return OUTCOME_OK;
}

/*
 * fund_change Y: this request refunded it. N: it did not, since an earlier one did or it is under way; the
 * query says which.
 */
static enum outcome refunded(struct ctx *c, const struct refund_request *r,
	const struct refund_in *in, struct provider_refund *out)
{
	if (in->fund_change == NULL || strcmp(in->fund_change, "Y") != 0) {
		const enum outcome outcome =
			alipay_query_refund(c, r->out_trade_no, r->refund_no, out);

		return outcome == OUTCOME_NONE ? OUTCOME_UNKNOWN : outcome;
	}
	*out = (struct provider_refund){
		.out_trade_no = in->out_trade_no,
		.transaction_id = in->trade_no,
		.refund_no = r->refund_no,
		.state = REFUND_SUCCESS,
		.refund_fen = r->refund.fen,
		.total_fen = r->total.fen,
	};
	return OUTCOME_OK;
}

enum outcome alipay_refund(
	struct ctx *c, const struct refund_request *r, struct provider_refund *out)
{
	static const char method[] = "alipay.trade.refund";
	const struct refund_out content = { r->out_trade_no, r->refund_no, r->reason, r->refund };
	struct refund_in in = { 0 };
	struct slice node;
	enum outcome outcome;

	assert(r->refund.fen >= 1 && r->refund.fen <= r->total.fen);
	outcome = alipay_call(c, method, refund_out_fields, &content, &node);
	if (outcome != OUTCOME_OK)
		return outcome;
	if (!provider_json(c, node, refund_in_fields, &in) ||
		!is_about(in.out_trade_no, r->out_trade_no))
		return alipay_nonsense(method, "a response about another trade, or about none");
	/* of all refunds of the trade so far: less than this one can't be */
	if (alipay_fen(in.refund_fee) > r->total.fen)
		return alipay_nonsense(method, "more was refunded than was paid");
	return refunded(c, r, &in, out);
}

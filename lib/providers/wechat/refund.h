/* SPDX-License-Identifier: MIT */
/*
 * refund.h - WeChat Pay v3 refunds: request, query, and what a notification says
 * (PAYMENTS.md 2.11). Idempotent by out_refund_no: a repeat is the same refund.
 */
#ifndef PROVIDERS_WECHAT_REFUND_H
#define PROVIDERS_WECHAT_REFUND_H

#include "providers/wechat/pay.h"

struct wx_refund_request {
	const char *out_trade_no, *out_refund_no;
	const char *reason;  /* at most 80 characters */
	money refund, total; /* total: what was paid */
};

/* The facts of a refund. NULL, or -1 for amounts, where absent. */
struct wx_refund {
	const char *mchid; /* notifications only */
	const char *out_trade_no, *transaction_id, *out_refund_no, *refund_id;
	const char *status; /* SUCCESS, CLOSED, PROCESSING, ABNORMAL */
	int64_t total_fen, refund_fen;
};

/* POST /v3/refund/domestic/refunds. WX_LATER: not enough money now; the same number again. */
enum wx_answer wxrefund_create(struct ctx *c, const struct wx_keys *keys,
	const struct wx_refund_request *r, struct wx_refund *out) MUST;
/* GET /v3/refund/domestic/refunds/{out_refund_no}. */
enum wx_answer wxrefund_query(struct ctx *c, const struct wx_keys *keys, const char *out_refund_no,
	struct wx_refund *out) MUST;

bool wxrefund_is_event(const struct wx_event *e);
/* Open and parse a sealed refund. False: undecryptable, or not a refund. */
bool wxrefund_of_event(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	struct wx_refund *out) MUST;

#endif

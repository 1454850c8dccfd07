/* SPDX-License-Identifier: MIT */
/*
 * pay.h - WeChat Pay v3 for mini-programs: prepay, query, close, and what a
 * notification says (PAYMENTS.md 2.7 to 2.14). Knows nothing of orders.
 */
#ifndef PROVIDERS_WECHAT_PAY_H
#define PROVIDERS_WECHAT_PAY_H

#include "providers/wechat/call.h"

/* What a prepay asks for. Frozen as JSON in the attempt, so that a repeat is byte-equal. */
struct wx_prepay {
	const char *description;  /* at most 127 characters */
	const char *out_trade_no; /* 6-32 of [0-9A-Za-z_-] */
	const char *payer_openid;
	money total; /* at least 1 fen */
	int64_t expires_ms;
};
/* The request's JSON for this merchant, without null members. */
const char *wxpay_prepay_json(struct ctx *c, const struct wx_prepay *p) MUST;

/*
 * POST /v3/pay/transactions/jsapi with a frozen request. *prepay_id only on WX_OK.
 * Within the call a refusal of the moment (429, 5xx, no connection) is tried again
 * with a new signature, at most 3 times in all and 8 s in total.
 */
enum wx_answer wxpay_prepay(struct ctx *c, const struct wx_keys *keys, const char *request_json,
	const char **prepay_id) MUST;

/* The facts of a transaction, from a query's answer or a notification. NULL or 0 where absent. */
struct wx_transaction {
	const char *appid, *mchid, *out_trade_no, *transaction_id, *trade_type, *trade_state;
	const char *success_time; /* RFC 3339, as sent */
	int64_t total_fen;        /* amount.total; -1 when absent */
	const char *currency;     /* amount.currency */
	const char *payer_openid; /* payer.openid */
};

/* GET /v3/pay/transactions/out-trade-no/{no}?mchid=: the facts only on WX_OK. */
enum wx_answer wxpay_query(struct ctx *c, const struct wx_keys *keys, const char *out_trade_no,
	struct wx_transaction *out) MUST;
/* POST …/{no}/close. */
enum wx_answer wxpay_close(
	struct ctx *c, const struct wx_keys *keys, const char *out_trade_no) MUST;

/* The outer, signed part of a notification. */
struct wx_event {
	const char *id, *event_type, *resource_type;
	const char *original_type, *algorithm, *ciphertext, *nonce, *associated_data;
};
/* Parse a verified body. False when it isn't such a JSON object. */
bool wxpay_event(struct ctx *c, struct slice body, struct wx_event *out) MUST;
/* Open and parse the sealed transaction. False: undecryptable, or not a transaction. */
bool wxpay_event_transaction(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	struct wx_transaction *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * pay.h - WeChat Pay v3 in mini-programs (JSAPI), by a code that is scanned (Native) and in
 * browsers (H5): prepay, query, close, and payment notifications (PAYMENTS.md 2.7 to 2.14). The calls are those of providers/provider.h.
 */
#ifndef PROVIDERS_WECHAT_PAY_H
#define PROVIDERS_WECHAT_PAY_H

#include "providers/wechat/call.h"

/* The prepay's JSON for this merchant, without null members. */
const char *wxpay_jsapi_request(struct ctx *c, const struct purchase *p) MUST;
const char *wxpay_native_request(struct ctx *c, const struct purchase *p) MUST;
const char *wxpay_h5_request(struct ctx *c, const struct purchase *p) MUST;
/*
 * POST /v3/pay/transactions/jsapi, …/native, …/h5. Temporary failures (429, 5xx, no connection) are retried
 * within the call with a new signature, at most 3 tries and 8 s in total.
 */
enum outcome wxpay_jsapi(struct ctx *c, const char *request, const char **prepay_id) MUST;
enum outcome wxpay_native(struct ctx *c, const char *request, const char **code_url) MUST;
enum outcome wxpay_h5(struct ctx *c, const char *request, const char **h5_url) MUST;
/* Sign its prepay_id for wx.requestPayment (PAYMENTS.md 2.8). */
enum err wxpay_fill_checkout(struct ctx *c, struct checkout *out) MUST;

/* GET /v3/pay/transactions/out-trade-no/{no}?mchid= */
enum outcome wxpay_query(struct ctx *c, const char *out_trade_no, struct provider_trade *out) MUST;
/* POST …/{no}/close. */
enum outcome wxpay_close(struct ctx *c, const char *out_trade_no) MUST;

/* The outer, signed part of a notification. */
struct wx_event {
	const char *id, *event_type, *resource_type;
	const char *original_type, *algorithm, *ciphertext, *nonce, *associated_data;
};
/* Parse a verified body. False when it isn't such a JSON object. */
bool wxpay_event(struct ctx *c, struct slice body, struct wx_event *out) MUST;
/* Decrypt its resource, which must have this type. False: it hasn't, or can't be decrypted. */
bool wxpay_event_open(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	const char *original_type, struct slice *plain) MUST;
/* Decrypt and parse the transaction. False: undecryptable, or not a transaction. */
bool wxpay_event_trade(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	struct provider_trade *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * pay.h - Alipay's cashier on the web: addresses of payments, query, close, refunds
 * (PAYMENTS.md 3.3, 3.5). The calls are those of providers/provider.h.
 */
#ifndef PROVIDERS_ALIPAY_PAY_H
#define PROVIDERS_ALIPAY_PAY_H

#include "providers/alipay/call.h"

/* biz_content, for a desktop's browser and for a telephone's. */
const char *alipay_page_request(struct ctx *c, const struct purchase *p) MUST;
const char *alipay_wap_request(struct ctx *c, const struct purchase *p) MUST;
/*
 * The signed address that the buyer opens, made without a call: at Alipay the trade exists only
 * once it has been opened.
 */
enum outcome alipay_page_prepare(struct ctx *c, const char *request, const char **url) MUST;
enum outcome alipay_wap_prepare(struct ctx *c, const char *request, const char **url) MUST;

enum outcome alipay_query(struct ctx *c, const char *out_trade_no, struct provider_trade *out) MUST;
enum outcome alipay_close(struct ctx *c, const char *out_trade_no) MUST;

/* out_request_no is our refund's number. */
enum outcome alipay_refund(
	struct ctx *c, const struct refund_request *r, struct provider_refund *out) MUST;
/* A refund's number is unique only within its trade: without out_trade_no there is none. */
enum outcome alipay_query_refund(struct ctx *c, const char *out_trade_no, const char *refund_no,
	struct provider_refund *out) MUST;

#endif

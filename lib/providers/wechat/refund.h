/* SPDX-License-Identifier: MIT */
/*
 * refund.h - WeChat Pay v3 refunds: request, query, and refund notifications
 * (PAYMENTS.md 2.11). Idempotent by out_refund_no: a repeat is the same refund.
 */
#ifndef PROVIDERS_WECHAT_REFUND_H
#define PROVIDERS_WECHAT_REFUND_H

#include "providers/wechat/pay.h"

/* POST /v3/refund/domestic/refunds. OUTCOME_LATER: insufficient funds; retry with the same number. */
enum outcome wxrefund_create(
	struct ctx *c, const struct refund_request *r, struct provider_refund *out) MUST;
/* GET /v3/refund/domestic/refunds/{refund_no}; out_trade_no isn't needed. */
enum outcome wxrefund_query(struct ctx *c, const char *out_trade_no, const char *refund_no,
	struct provider_refund *out) MUST;

bool wxrefund_is_event(const struct wx_event *e);
/* Decrypt and parse a refund. False: undecryptable, or not a refund. */
bool wxrefund_of_event(struct ctx *c, const struct wx_keys *keys, const struct wx_event *e,
	struct provider_refund *out) MUST;

#endif

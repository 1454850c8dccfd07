/* SPDX-License-Identifier: MIT */
/*
 * prepay.h - preparing a payment that the mini-program then makes with wx.requestPayment,
 * asking how it stands, and paying from a card.
 */
#ifndef FLOW_PREPAY_H
#define FLOW_PREPAY_H

#include "base/ctx.h"
#include "base/field.h"

/* POST /api/payment/wxpay: its body and its answer. */
struct prepay_request {
	uint64_t has;
	const char *order_id;
};
extern const struct field prepay_request_fields[];

struct prepay {
	const char *timeStamp, *nonceStr, *package, *signType,
		*paySign; /* wx.requestPayment's names */
};
extern const struct field prepay_fields[];

/*
 * Prepare the payment of one's own payable at WeChat Pay, or answer the one that is open.
 * Honours c->idem. Fails: NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING, ORDER_PAID,
 * ORDER_EXPIRED, PAYER_UNKNOWN, PROVIDER_REFUSED, PROVIDER_UNKNOWN (try again: it is the
 * same payment).
 */
enum err prepay_wechat(struct ctx *c, const char *no, struct prepay *out) MUST;

/* GET /api/payment/wxpay/:order_id */
struct payment_status {
	const char *order_id;
	/* the payable's own: a shop order's is a number, a membership order's a text */
	opt_i64 status;
	const char *status_name;
	money total_amount;
	const char *
		trade_state; /* WeChat's word: NOTPAY, SUCCESS, CLOSED, ...; NOTPAY before a prepay */
	const char *transaction_id;
	timestamp paid_at;
};
extern const struct field payment_status_fields[];

/*
 * How the payment of one's own payable stands; asks WeChat Pay where nothing was heard yet,
 * at most once in PAYMENT_QUERY_GAP_S (BEHAVIOUR 44). Fails: NOT_FOUND, FORBIDDEN.
 */
enum err payment_status_wechat(struct ctx *c, const char *no, struct payment_status *out) MUST;

/*
 * POST /api/payment/card: pay one's own payable from one's card, all in one transaction.
 * Honours c->idem. Fails: NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING, ORDER_PAID,
 * ORDER_EXPIRED, CARD_NONE, CARD_DISABLED, INSUFFICIENT_BALANCE.
 */
enum err pay_by_card(struct ctx *c, const char *no, struct payment_status *out) MUST;

#endif

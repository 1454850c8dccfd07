/* SPDX-License-Identifier: MIT */
/*
 * prepay.h - preparing a payment at a provider, which the client then makes there; asking how it
 * stands, and paying from a card.
 */
#ifndef FLOW_PREPAY_H
#define FLOW_PREPAY_H

#include "providers/provider.h"

struct prepay_request {
	uint64_t has;
	const char *order_id;
};
extern const struct field prepay_request_fields[];

/* Of struct checkout, what wx.requestPayment takes. */
extern const struct field request_payment_fields[];

/*
 * Prepare the payment of one's own payable by a channel, or answer the one that is open.
 * Honours c->idem. Fails: NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING, ORDER_PAID,
 * ORDER_EXPIRED, PAYER_UNKNOWN, PROVIDER_CONFIG, PROVIDER_REFUSED, PROVIDER_UNKNOWN (try again:
 * it is the same payment).
 */
enum err prepay_by(
	struct ctx *c, const struct channel *channel, const char *no, struct checkout *out) MUST;

struct payment_status {
	const char *order_id;
	/* the payable's own: a shop order's is a number, a membership order's a text */
	opt_i64 status;
	const char *status_name;
	money total_amount;
	const char *trade_state; /* NOTPAY (before a prepay, too), SUCCESS, CLOSED, REFUND */
	const char *transaction_id;
	timestamp paid_at;
};
extern const struct field payment_status_fields[];

/*
 * How the payment of one's own payable stands; asks its provider where nothing was heard yet,
 * at most once in PAYMENT_QUERY_GAP_S (BEHAVIOUR 44). Fails: NOT_FOUND, FORBIDDEN, PROVIDER_CONFIG.
 */
enum err payment_status(struct ctx *c, const char *no, struct payment_status *out) MUST;

/*
 * POST /api/payment/card: pay one's own payable from one's card, all in one transaction.
 * Honours c->idem. Fails: NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING, ORDER_PAID,
 * ORDER_EXPIRED, CARD_NONE, CARD_DISABLED, INSUFFICIENT_BALANCE.
 */
enum err pay_by_card(struct ctx *c, const char *no, struct payment_status *out) MUST;

#endif

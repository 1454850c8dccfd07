/* SPDX-License-Identifier: MIT */
/*
 * prepay.h - preparing a payment at a provider, which the client then makes there; its status;
 * and paying by card.
 */
#ifndef FLOW_PREPAY_H
#define FLOW_PREPAY_H

#include "providers/provider.h"

struct prepay_request {
	uint64_t has;
	const char *order_id;
};
extern const struct field prepay_request_fields[];

/* Of struct checkout, the parameters of wx.requestPayment. */
extern const struct field request_payment_fields[];
/* Of struct checkout, {payment_url}: the user pays there. */
extern const struct field payment_url_fields[];

/* A payment to prepare. */
struct prepay {
	const struct channel *channel;
	const char *no;        /* of the payable, on the wire */
	const char *client_ip; /* the payer's; NULL: unknown, and no channel that needs it */
	/* NULL where the client doesn't say */
	const money *amount;    /* must be the payable's (BEHAVIOUR 14) */
	const char *subject;    /* what the payer reads */
	const char *return_url; /* where the payer goes afterwards; checked */
	const char *notify_url; /* where the client is told how it ended; checked */
};

/*
 * Prepare the payment of the user's own payable by a channel, or return the open one.
 * Honours c->idem. Fails: NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING, ORDER_PAID,
 * ORDER_EXPIRED, PAYER_UNKNOWN, PAYMENT_OPEN (by another channel, which can't be closed before its
 * deadline), PROVIDER_CONFIG, PROVIDER_REFUSED, PROVIDER_UNKNOWN (retry: it is the same payment).
 */
enum err prepay(struct ctx *c, const struct prepay *p, struct checkout *out) MUST;

struct payment_status {
	const char *order_id;
	/* the payable's status: a number for a shop order, a text for a membership order */
	opt_i64 status;
	const char *status_name;
	money total_amount;
	const char *trade_state; /* NOTPAY (before a prepay, too), SUCCESS, CLOSED, REFUND */
	const char *transaction_id;
	timestamp paid_at;
};
extern const struct field payment_status_fields[];

/*
 * The status of the payment of the user's own payable; queries its provider if there was no
 * notification yet, at most once in PAYMENT_QUERY_GAP_S (BEHAVIOUR 44). Fails: NOT_FOUND, FORBIDDEN, PROVIDER_CONFIG.
 */
enum err payment_status(struct ctx *c, const char *no, struct payment_status *out) MUST;

/*
 * POST /api/payment/card: pay the user's own payable by the user's card, in one transaction.
 * Honours c->idem. Fails: NOT_FOUND, FORBIDDEN, ORDER_NOT_PENDING, ORDER_PAID,
 * ORDER_EXPIRED, CARD_NONE, CARD_DISABLED, INSUFFICIENT_BALANCE.
 */
enum err pay_by_card(struct ctx *c, const char *no, struct payment_status *out) MUST;

#endif

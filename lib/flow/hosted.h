/* SPDX-License-Identifier: MIT */
/*
 * hosted.h - POST /v1/payment/create: a payment at the hosted gateway's page (contract renewal-payments).
 */
#ifndef FLOW_HOSTED_H
#define FLOW_HOSTED_H

#include "base/ctx.h"
#include "base/field.h"

struct hosted_request {
	uint64_t has;
	const char *order_id; /* of a shop order or a membership order */
	money amount;
	const char *currency, *subject;
	const char *return_url, *notify_url;
};
extern const struct field hosted_request_fields[];

struct hosted_payment {
	bool success;
	const char *transaction_id; /* the attempt's out_trade_no */
	const char *payment_url;
	const char *message;
};
extern const struct field hosted_payment_fields[];

/*
 * Prepare the payment of the user's own payable, or return the open one. Fails as prepay() does;
 * INVALID: another amount (BEHAVIOUR 14), or an address that isn't allowed (BEHAVIOUR 15). Its client
 * is told at notify_url how the payment ended (payment_notice.h).
 */
enum err hosted_create(
	struct ctx *c, const struct hosted_request *in, struct hosted_payment *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * payment_notice.h - tells the client that created a payment how it ended: the notification of
 * contract renewal-payments, to the notify_url that the client named (BEHAVIOUR 15).
 */
#ifndef SHOP_MONEY_PAYMENT_NOTICE_H
#define SHOP_MONEY_PAYMENT_NOTICE_H

#include "base/ctx.h"
#include "base/money.h"

enum payment_end {
	PAYMENT_SUCCESS,  /* it was granted */
	PAYMENT_CLOSED,   /* without payment; a late one may still be granted */
	PAYMENT_REFUNDED, /* all or a part of it went back */
};

struct payment_notice {
	const char *notify_url, *out_trade_no;
	enum payment_end what;
	money amount; /* of the payment, or of what went back */
};

/* Deliver it after this commit (webhook_delivery.h). Fails: DB, DB_LOST, BUSY. */
enum err payment_notice_tx(struct ctx *c, const struct payment_notice *n) MUST;

#endif

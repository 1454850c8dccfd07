/* SPDX-License-Identifier: MIT */
/*
 * payment_notice.h - tells the client that created a payment how it ended: the notification of
 * contract renewal-payments, to the notify_url that the client named (BEHAVIOUR 15).
 */
#ifndef SHOP_MONEY_PAYMENT_NOTICE_H
#define SHOP_MONEY_PAYMENT_NOTICE_H

#include "base/ctx.h"
#include "base/money.h"

enum payment_notice {
	PAYMENT_SUCCESS,  /* it was granted */
	PAYMENT_CLOSED,   /* without payment; a late one may still be granted */
	PAYMENT_REFUNDED, /* all or a part of it went back */
};

/*
 * Deliver it after this commit (webhook_delivery.h), if the attempt has a notify_url. amount: NULL
 * for the whole payment's. Fails: DB, DB_LOST, BUSY.
 */
enum err payment_notify_tx(
	struct ctx *c, int64_t attempt_id, enum payment_notice what, const money *amount) MUST;

#endif

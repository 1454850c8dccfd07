/* SPDX-License-Identifier: MIT */
#include "shop/money/payment_notice.h"

#include "shop/books/webhook_delivery.h"

/* The contract's members, and no others. */
struct notice {
	const char *transaction_id; /* as the client knows it: the out_trade_no */
	const char *status;
	money amount;
	const char *currency;
	timestamp timestamp;
};
static const struct field notice_fields[] = {
	FIELD(struct notice, transaction_id),
	FIELD(struct notice, status),
	FIELD(struct notice, amount),
	FIELD(struct notice, currency),
	FIELD(struct notice, timestamp),
	FIELD_END,
};

/* On the wire, and in the list of deliveries. */
static const struct {
	const char *status, *type;
} words[] = {
	[PAYMENT_SUCCESS] = { "success", "payment.success" },
	[PAYMENT_CLOSED] = { "closed", "payment.closed" },
	[PAYMENT_REFUNDED] = { "refunded", "payment.refunded" },
};

enum err payment_notice_tx(struct ctx *c, const struct payment_notice *n)
{
	const struct notice notice = {
		.transaction_id = n->out_trade_no,
		.status = words[n->what].status,
		.amount = n->amount,
		.currency = "CNY",
		.timestamp.ms = c->now_ms,
	};

	return delivery_to_client_tx(c, n->notify_url, words[n->what].type, notice_fields, &notice);
}

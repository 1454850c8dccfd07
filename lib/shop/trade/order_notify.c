/* SPDX-License-Identifier: MIT */
/* order_notify.c - notifies webhooks of an order, without personal data. */
#include "shop/books/webhook_delivery.h"
#include "shop/trade/order_sql.h"

static const struct field notification_fields[] = {
	FIELD(struct order, order_id),
	FIELD(struct order, user_id),
	FIELD(struct order, status),
	FIELD_WITH(struct order, total_amount, .flags = F_TEXT),
	{ .name = "payment_method", FIELD_AT(struct order, payment.method), .flags = F_NULL },
	{ .name = "payment_id", FIELD_AT(struct order, payment.id), .flags = F_NULL },
	{ .name = "paid_at", FIELD_AT(struct order, payment.at), .flags = F_NULL },
	FIELD(struct order, created_at),
	FIELD(struct order, updated_at),
	FIELD_END,
};

enum err order_notify_tx(struct ctx *c, const struct order *o)
{
	static const enum webhook_type types[] = {
		[ORDER_PAID] = WEBHOOK_ORDER_PAID,
		[ORDER_SHIPPED] = WEBHOOK_ORDER_SHIPPED,
		[ORDER_COMPLETED] = WEBHOOK_ORDER_COMPLETED,
		[ORDER_CANCELLED] = WEBHOOK_ORDER_CANCELLED,
		[ORDER_REFUNDED] = WEBHOOK_ORDER_REFUNDED,
	};

	return webhook_notify_tx(c, types[o->status], notification_fields, o);
}

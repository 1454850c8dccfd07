/* SPDX-License-Identifier: MIT */
/* orders.c - /api/orders: users place, read, cancel and complete their own; administrators manage all. */
#include "shop/books/epoch.h"
#include "shop/people/session.h"
#include "shop/trade/order.h"
#include "web/app.h"

static enum err list_orders(struct ctx *c, struct call *k)
{
	return order_list(c, k->query, k->answer);
}

static enum err place_order(struct ctx *c, struct call *k)
{
	return order_place(c, k->body, k->answer);
}

static enum err read_order(struct ctx *c, struct call *k)
{
	return order_get(c, k->no, k->answer);
}

static enum err update_order(struct ctx *c, struct call *k)
{
	return order_update(c, k->no, k->body, k->answer);
}

static enum err delete_order(struct ctx *c, struct call *k)
{
	return order_delete(c, k->no);
}

static enum err cancel_order(struct ctx *c, struct call *k)
{
	return order_cancel(c, k->no, k->answer);
}

static enum err complete_order(struct ctx *c, struct call *k)
{
	return order_complete(c, k->no, k->answer);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET, "/api/orders", ROLE_USER, RATE_READ, DO(list_orders),
		.query = LISTED(struct order_query, order_query_fields),
		.answer = PAGE(struct order, order_full_fields),
		.summary = "List the user's orders, or as administrator all" },
	{ POST, "/api/orders", ROLE_USER, RATE_WRITE, DO(place_order), ROUTE_IDEMPOTENT,
		.body = NEW(struct order_new, order_new_fields),
		.answer = ONE(struct order, order_fields), .status = 201,
		.summary = "Place an order" },
	{ GET, "/api/orders/:no", ROLE_USER, RATE_READ, DO(read_order),
		.answer = ONE(struct order, order_full_fields),
		.summary = "Read an order" },
	{ PUT, "/api/orders/:no", ROLE_ADMIN, RATE_WRITE, DO(update_order),
		.body = CHANGE(struct order_change, order_change_fields),
		.answer = ONE(struct order, order_fields),
		.summary = "Change an order's status" },
	{ DELETE, "/api/orders/:no", ROLE_ADMIN, RATE_WRITE, DO(delete_order),
		.answer = EMPTY,
		.summary = "Delete an order; a pending one is cancelled" },
	{ POST, "/api/orders/:no/cancel", ROLE_USER, RATE_WRITE, DO(cancel_order),
		.answer = ONE(struct order, order_fields),
		.summary = "Cancel a pending order of the user" },
	{ POST, "/api/orders/:no/complete", ROLE_USER, RATE_WRITE, DO(complete_order),
		.answer = ONE(struct order, order_fields),
		.summary = "Confirm receipt of an order" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "orders",
		.routes = routes,
		.identify = session_identify,
		.epoch = &epoch_hooks };

	return app_main(argc, argv, &app);
}

/* SPDX-License-Identifier: MIT */
/* orders.c - /api/orders: place, read, cancel and complete one's own; administrators keep all. */
#include "shop/people/session.h"
#include "shop/trade/order.h"
#include "web/app.h"

static enum err list_orders(struct ctx *c, struct req *r, struct resp *w)
{
	struct order_query q = { 0 };
	struct page_rows rows;

	TRY(req_list(c, r, order_query_fields, &q, &q.page));
	TRY(order_list(c, &q, &rows));
	return resp_page(c, r, w, order_full_fields, sizeof(struct order), &rows);
}

static enum err place_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct order_new in = { 0 };
	struct order out = { 0 };

	TRY(req_body(c, r, order_new_fields, JSON_MAKE, &in));
	TRY(order_place(c, &in, &out));
	return resp_one(w, 201, order_fields, &out);
}

static enum err read_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct order out = { 0 };

	TRY(order_get(c, req_no(c, r, 0), &out));
	return resp_one(w, 200, order_full_fields, &out);
}

static enum err update_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct order_change in = { 0 };
	struct order out = { 0 };

	TRY(req_body(c, r, order_change_fields, JSON_CHANGE, &in));
	TRY(order_update(c, req_no(c, r, 0), &in, &out));
	return resp_one(w, 200, order_fields, &out);
}

static enum err delete_order(struct ctx *c, struct req *r, struct resp *w)
{
	TRY(order_delete(c, req_no(c, r, 0)));
	return resp_empty(w);
}

static enum err cancel_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct order out = { 0 };

	TRY(order_cancel(c, req_no(c, r, 0), &out));
	return resp_one(w, 200, order_fields, &out);
}

static enum err complete_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct order out = { 0 };

	TRY(order_complete(c, req_no(c, r, 0), &out));
	return resp_one(w, 200, order_fields, &out);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET,    "/api/orders",              ROLE_USER,  RATE_READ,  list_orders,    0 },
	{ POST,   "/api/orders",              ROLE_USER,  RATE_WRITE, place_order,    ROUTE_IDEMPOTENT },
	{ GET,    "/api/orders/:no",          ROLE_USER,  RATE_READ,  read_order,     0 },
	{ PUT,    "/api/orders/:no",          ROLE_ADMIN, RATE_WRITE, update_order,   0 },
	{ DELETE, "/api/orders/:no",          ROLE_ADMIN, RATE_WRITE, delete_order,   0 },
	{ POST,   "/api/orders/:no/cancel",   ROLE_USER,  RATE_WRITE, cancel_order,   0 },
	{ POST,   "/api/orders/:no/complete", ROLE_USER,  RATE_WRITE, complete_order, 0 },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "orders", .routes = routes, .identify = session_identify };

	return app_main(argc, argv, &app);
}

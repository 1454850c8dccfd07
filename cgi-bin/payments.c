/* SPDX-License-Identifier: MIT */
/* payments.c - /api/payment: what may call a provider. notify.c hears from them. */
#include "flow/prepay.h"
#include "flow/provider_keys.h"
#include "flow/refund.h"
#include "shop/people/session.h"
#include "web/app.h"

static enum err prepay(struct ctx *c, struct req *r, struct resp *w)
{
	struct prepay_request in = { 0 };
	struct prepay out = { 0 };

	TRY(req_body(c, r, prepay_request_fields, JSON_MAKE, &in));
	TRY(prepay_wechat(c, in.order_id, &out));
	return resp_one(w, 200, prepay_fields, &out);
}

static enum err read_status(struct ctx *c, struct req *r, struct resp *w)
{
	struct payment_status out = { 0 };

	TRY(payment_status_wechat(c, req_no(c, r, 0), &out));
	return resp_one(w, 200, payment_status_fields, &out);
}

static enum err pay_card(struct ctx *c, struct req *r, struct resp *w)
{
	struct prepay_request in = { 0 };
	struct payment_status out = { 0 };

	TRY(req_body(c, r, prepay_request_fields, JSON_MAKE, &in));
	TRY(pay_by_card(c, in.order_id, &out));
	return resp_one(w, 200, payment_status_fields, &out);
}

static enum err request_refund(struct ctx *c, struct req *r, struct resp *w)
{
	struct refund in = { 0 }, out = { 0 };

	TRY(req_body(c, r, refund_new_fields, JSON_MAKE, &in));
	TRY(refund_request(c, &in, &out));
	return resp_one(w, 201, refund_fields, &out);
}

static enum err list_refunds(struct ctx *c, struct req *r, struct resp *w)
{
	struct refund_query q = { 0 };
	struct page_rows rows;

	TRY(req_list(c, r, refund_query_fields, &q, &q.page));
	TRY(refund_list(c, &q, &rows));
	return resp_page(c, r, w, refund_fields, sizeof(struct refund), &rows);
}

static enum err read_refund(struct ctx *c, struct req *r, struct resp *w)
{
	struct refund out = { 0 };

	TRY(refund_find(c, req_no(c, r, 0), &out));
	return resp_one(w, 200, refund_fields, &out);
}

/* clang-format off */
static const struct route routes[] = {
	{ POST, "/api/payment/wxpay",     ROLE_USER, RATE_PAYMENT, prepay,        ROUTE_IDEMPOTENT },
	{ GET,  "/api/payment/wxpay/:no", ROLE_USER, RATE_READ,    read_status, 0 },
	{ POST, "/api/payment/card",      ROLE_USER, RATE_PAYMENT, pay_card,      ROUTE_IDEMPOTENT },
	{ GET,  "/api/payment/refunds",     ROLE_ADMIN, RATE_READ,    list_refunds,   0 },
	{ POST, "/api/payment/refunds",     ROLE_ADMIN, RATE_PAYMENT, request_refund, ROUTE_IDEMPOTENT },
	{ GET,  "/api/payment/refunds/:no", ROLE_ADMIN, RATE_READ,    read_refund,    0 },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "payments",
		.routes = routes,
		.identify = session_identify,
		.start = keys_start,
		.budget_ms = 15000 }; /* a prepay alone may take 8 s */

	return app_main(argc, argv, &app);
}

/* SPDX-License-Identifier: MIT */
/* memberships.c - /api/membership/plans, /api/membership/orders and /membership: VIP membership. */
#include "flow/refund.h"
#include "shop/membership/membership.h"
#include "shop/membership/plan.h"
#include "shop/membership/vip.h"
#include "shop/people/session.h"
#include "web/app.h"
#include "web/envelope.h"

/* ---- plans ---- */

/* The list of one, with the tag that a PATCH of it may name in If-Match. */
static enum err list_one_plan(
	struct ctx *c, int64_t id, const struct page_number *page, struct resp *w)
{
	struct plan plan = { 0 };
	struct page_counted rows = { { &plan, 1 }, 1 };
	const enum err e = plan_get(c, id, &plan);

	if (e != OK && e != ERR_NOT_FOUND)
		return e;
	if (e == OK)
		resp_about(c, w, plan_fields, &plan);
	rows.total = e == OK;
	rows.list.n = page->page == 1 ? rows.total : 0;
	return envelope_page(w, plan_fields, sizeof(plan), page, &rows);
}

static enum err list_plans(struct ctx *c, struct req *r, struct resp *w)
{
	struct plan_id id;
	struct page_number page;
	struct page_counted rows;

	TRY(req_list_numbered(c, r, plan_id_fields, &id, &page));
	if (field_has(plan_id_fields, &id, "id"))
		return list_one_plan(c, id.id, &page, w);
	TRY(plan_list(c, &page, &rows));
	return envelope_page(w, plan_fields, sizeof(struct plan), &page, &rows);
}

static enum err create_plan(struct ctx *c, struct req *r, struct resp *w)
{
	struct plan in = { 0 }, out = { 0 };

	TRY(req_body(c, r, plan_fields, JSON_MAKE, &in));
	TRY(plan_create(c, &in, &out));
	return envelope_one(w, plan_fields, &out, NULL);
}

static enum err update_plan(struct ctx *c, struct req *r, struct resp *w)
{
	struct plan_id id;
	struct plan in = { 0 }, out = { 0 };

	TRY(req_query(c, r, plan_id_fields, &id));
	if (!field_has(plan_id_fields, &id, "id"))
		TRY(req_body(c, r, plan_id_fields, JSON_MAKE, &id));
	TRY(req_body(c, r, plan_fields, JSON_CHANGE, &in));
	TRY(plan_update(c, id.id, &in, &out));
	return envelope_one(w, plan_fields, &out, NULL);
}

static enum err delete_plan(struct ctx *c, struct req *r, struct resp *w)
{
	struct plan_id id;
	bool kept;

	TRY(req_query(c, r, plan_id_fields, &id));
	if (!field_has(plan_id_fields, &id, "id"))
		return fail(c, ERR_INVALID, "id");
	TRY(plan_delete(c, id.id, &kept));
	return envelope_message(w, kept ? "套餐已有订单，已下架" : "套餐已删除");
}

/* ---- orders ---- */

static enum err show_quote(struct ctx *c, struct req *r, struct resp *w)
{
	struct membership_request in;
	struct membership_quote out = { 0 };

	TRY(req_query(c, r, membership_create_fields, &in));
	if (!field_has(membership_create_fields, &in, "plan_id"))
		return fail(c, ERR_INVALID, "plan_id");
	TRY(membership_quote(c, in.plan_id, &out));
	return envelope_one(w, membership_quote_fields, &out, NULL);
}

static enum err create_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct membership_request in = { 0 };
	struct membership_order out = { 0 };

	TRY(req_body(c, r, membership_create_fields, JSON_MAKE, &in));
	TRY(membership_create(c, in.plan_id, &out));
	return envelope_one(w, membership_order_fields, &out, NULL);
}

static enum err show_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct membership_request in;
	struct membership_order out = { 0 };

	TRY(req_query(c, r, membership_detail_query_fields, &in));
	if (!field_has(membership_detail_query_fields, &in, "order_no"))
		return fail(c, ERR_INVALID, "order_no");
	TRY(membership_get(c, in.order_no, &out));
	return envelope_one(w, membership_order_fields, &out, NULL);
}

static enum err list_orders(struct ctx *c, struct req *r, struct resp *w)
{
	struct membership_query q = { 0 };
	struct page_counted rows;

	TRY(req_list_numbered(c, r, membership_query_fields, &q, &q.page));
	TRY(membership_list(c, &q, &rows));
	return envelope_page(
		w, membership_order_fields, sizeof(struct membership_order), &q.page, &rows);
}

static enum err pay_order(struct ctx *c, struct req *r, struct resp *w)
{
	struct membership_request in = { 0 };
	struct membership_order out = { 0 };

	TRY(req_body(c, r, membership_pay_fields, JSON_MAKE, &in));
	TRY(membership_pay_simulated(c, in.order_no, in.payment_method, &out));
	return envelope_one(w, membership_order_fields, &out, "支付成功，会员已开通");
}

static enum err cancel_order(struct ctx *c, const char *order_no, struct resp *w)
{
	struct membership_order out = { 0 };

	TRY(membership_cancel(c, order_no, &out));
	return envelope_one(w, membership_order_fields, &out, "订单已取消");
}

static enum err refund_order(struct ctx *c, const char *order_no, struct resp *w)
{
	struct membership_order out = { 0 };

	if (!c->actor.administrator)
		return ERR_FORBIDDEN;
	TRY(refund_membership(c, order_no, &out));
	return envelope_one(w, membership_order_fields, &out,
		out.status == MEMBERSHIP_REFUNDED ? "订单已退款，会员权益已扣除"
						  : "退款处理中，会员权益已扣除");
}

static enum err act_on_order(struct ctx *c, struct req *r, struct resp *w)
{
	static const struct {
		const char *name;
		enum err (*act)(struct ctx *c, const char *order_no, struct resp *w);
	} actions[] = { { "cancel", cancel_order }, { "refund", refund_order } };
	struct membership_request in = { 0 };

	TRY(req_body(c, r, membership_action_fields, JSON_MAKE, &in));
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (strcmp(actions[i].name, in.action) == 0)
			return actions[i].act(c, in.order_no, w);
	return fail(c, ERR_INVALID, "action");
}

/* ---- status ---- */

static enum err show_status(struct ctx *c, struct req *r, struct resp *w)
{
	struct vip_query q;
	struct vip_status out;

	TRY(req_query(c, r, vip_query_fields, &q));
	if (!field_has(vip_query_fields, &q, "member_id"))
		return fail(c, ERR_INVALID, "member_id");
	TRY(vip_status_of(c, q.member_id, &out));
	return resp_one(w, 200, vip_status_fields, &out);
}

/* The contract doesn't say where member_id stands: in the query, as for the status, or in the body. */
static enum err clear_cache(struct ctx *c, struct req *r, struct resp *w)
{
	struct vip_query q = { 0 }, body = { 0 };

	TRY(req_query(c, r, vip_query_fields, &q));
	if (r->body.len > 0)
		TRY(req_body(c, r, vip_query_fields, JSON_CHANGE, &body));
	if (q.member_id != 0 && body.member_id != 0 && q.member_id != body.member_id)
		return fail(c, ERR_INVALID, "member_id");
	TRY(vip_forget(c, q.member_id != 0 ? q.member_id : body.member_id));
	return resp_message(w, "Cache cleared successfully");
}

/* clang-format off */
#define ORDERS "/api/membership/orders"
static const struct route routes[] = {
	{ GET,    "/api/membership/plans",   ROLE_PUBLIC, RATE_READ,    list_plans,   0 },
	{ POST,   "/api/membership/plans",   ROLE_ADMIN,  RATE_WRITE,   create_plan,  0 },
	{ PATCH,  "/api/membership/plans",   ROLE_ADMIN,  RATE_WRITE,   update_plan,  0 },
	{ DELETE, "/api/membership/plans",   ROLE_ADMIN,  RATE_WRITE,   delete_plan,  0 },
	{ GET,    ORDERS "/quote",           ROLE_USER,   RATE_READ,    show_quote,   0 },
	{ POST,   ORDERS "/create",          ROLE_USER,   RATE_WRITE,   create_order, ROUTE_IDEMPOTENT },
	{ GET,    ORDERS "/detail",          ROLE_USER,   RATE_READ,    show_order,   0 },
	{ GET,    ORDERS "/list",            ROLE_USER,   RATE_READ,    list_orders,  0 },
	{ POST,   ORDERS "/pay",             ROLE_USER,   RATE_PAYMENT, pay_order,    ROUTE_IDEMPOTENT },
	{ POST,   ORDERS "/action",          ROLE_USER,   RATE_WRITE,   act_on_order, ROUTE_IDEMPOTENT },
	{ GET,    "/membership/status",      ROLE_USER,   RATE_READ,    show_status,  0 },
	{ POST,   "/membership/clear-cache", ROLE_USER,   RATE_WRITE,   clear_cache,  0 },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = {
		.name = "memberships", .routes = routes, .identify = session_identify
	};

	return app_main(argc, argv, &app);
}

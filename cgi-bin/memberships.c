/* SPDX-License-Identifier: MIT */
/* memberships.c - /api/membership/plans, /api/membership/orders and /membership: VIP membership. */
#include "flow/refund.h"
#include "shop/books/epoch.h"
#include "shop/membership/membership.h"
#include "shop/membership/plan.h"
#include "shop/membership/vip.h"
#include "shop/people/session.h"
#include "web/app.h"
#include "web/envelope.h"

/* ---- plans ---- */

/* A list of one plan carries its tag, for the If-Match of a PATCH. */
static enum err list_plans(struct ctx *c, struct call *k)
{
	const struct plan_query *q = k->query;
	struct page_counted *out = k->answer;

	TRY(plan_list(c, q, out));
	if (field_has(plan_query_fields, q, "id") && out->total == 1)
		call_about(c, k, plan_fields, out->list.rows);
	return OK;
}

static enum err create_plan(struct ctx *c, struct call *k)
{
	return plan_create(c, k->body, k->answer);
}

static enum err update_plan(struct ctx *c, struct call *k)
{
	const struct plan_query *q = k->query;
	const struct plan *in = k->body;

	if (field_has(plan_query_fields, q, "id"))
		return plan_update(c, q->id, in, k->answer);
	if (field_has(plan_change_fields, in, "id"))
		return plan_update(c, in->id, in, k->answer);
	return fail(c, ERR_INVALID, "id");
}

static enum err delete_plan(struct ctx *c, struct call *k)
{
	const struct plan_query *q = k->query;
	bool kept;

	TRY(plan_delete(c, q->id, &kept));
	if (kept)
		k->message = "套餐已有订单，已下架";
	return OK;
}

/* ---- orders ---- */

static enum err quote_membership(struct ctx *c, struct call *k)
{
	const struct membership_request *in = k->query;

	return membership_quote(c, in->plan_id, k->answer);
}

static enum err create_membership(struct ctx *c, struct call *k)
{
	const struct membership_request *in = k->body;

	return membership_create(c, in->plan_id, k->answer);
}

static enum err read_membership(struct ctx *c, struct call *k)
{
	const struct membership_request *in = k->query;

	return membership_get(c, in->order_no, k->answer);
}

static enum err list_memberships(struct ctx *c, struct call *k)
{
	return membership_list(c, k->query, k->answer);
}

static enum err pay_membership(struct ctx *c, struct call *k)
{
	const struct membership_request *in = k->body;

	return membership_pay_simulated(c, in->order_no, in->payment_method, k->answer);
}

static enum err refund(struct ctx *c, const char *order_no, struct call *k)
{
	const struct membership_order *out = k->answer;

	if (!c->actor.administrator)
		return ERR_FORBIDDEN;
	TRY(refund_membership(c, order_no, k->answer));
	k->message = out->status == MEMBERSHIP_REFUNDED ? "订单已退款，会员权益已扣除"
							: "退款处理中，会员权益已扣除";
	return OK;
}

static enum err act_on_membership(struct ctx *c, struct call *k)
{
	const struct membership_request *in = k->body;

	if (strcmp(in->action, "refund") == 0)
		return refund(c, in->order_no, k);
	return membership_cancel(c, in->order_no, k->answer);
}

/* ---- status ---- */

static enum err read_membership_status(struct ctx *c, struct call *k)
{
	const struct vip_query *q = k->query;

	return vip_status_of(c, q->member_id, k->answer);
}

/* The contract doesn't say where member_id is: in the query, as for the status, or in the body. */
static enum err clear_membership_cache(struct ctx *c, struct call *k)
{
	const struct vip_query *q = k->query, *body = k->body;

	if (q->member_id != 0 && body->member_id != 0 && q->member_id != body->member_id)
		return fail(c, ERR_INVALID, "member_id");
	return vip_invalidate(c, q->member_id != 0 ? q->member_id : body->member_id);
}

/* clang-format off */
#define PLANS  "/api/membership/plans"
#define ORDERS "/api/membership/orders"
static const struct route routes[] = {
	{ GET, PLANS, ROLE_PUBLIC, RATE_READ, DO(list_plans),
		.query = LISTED(struct plan_query, plan_query_fields),
		.answer = ENVELOPE_PAGE(struct plan, plan_fields),
		.summary = "List plans" },
	{ POST, PLANS, ROLE_ADMIN, RATE_WRITE, DO(create_plan),
		.body = NEW(struct plan, plan_fields),
		.answer = ENVELOPE(struct plan, plan_fields),
		.summary = "Create a plan" },
	{ PATCH, PLANS, ROLE_ADMIN, RATE_WRITE, DO(update_plan),
		.query = FILTER(struct plan_query, plan_query_fields),
		.body = CHANGE(struct plan, plan_change_fields),
		.answer = ENVELOPE(struct plan, plan_fields),
		.summary = "Change the plan with the id in the query, otherwise in the body" },
	{ DELETE, PLANS, ROLE_ADMIN, RATE_WRITE, DO(delete_plan),
		.query = QUERY(struct plan_query, plan_query_fields),
		.answer = ENVELOPE_MESSAGE, .message = "套餐已删除",
		.summary = "Delete a plan; one with orders is only deactivated" },
	{ GET, ORDERS "/quote", ROLE_USER, RATE_READ, DO(quote_membership),
		.query = QUERY(struct membership_request, membership_create_fields),
		.answer = ENVELOPE(struct membership_quote, membership_quote_fields),
		.summary = "Quote a plan for the user" },
	{ POST, ORDERS "/create", ROLE_USER, RATE_WRITE, DO(create_membership), ROUTE_IDEMPOTENT,
		.body = NEW(struct membership_request, membership_create_fields),
		.answer = ENVELOPE(struct membership_order, membership_order_fields),
		.summary = "Order a plan" },
	{ GET, ORDERS "/detail", ROLE_USER, RATE_READ, DO(read_membership),
		.query = QUERY(struct membership_request, membership_detail_query_fields),
		.answer = ENVELOPE(struct membership_order, membership_order_fields),
		.summary = "Read a membership order" },
	{ GET, ORDERS "/list", ROLE_USER, RATE_READ, DO(list_memberships),
		.query = LISTED(struct membership_query, membership_query_fields),
		.answer = ENVELOPE_PAGE(struct membership_order, membership_order_fields),
		.summary = "List the user's membership orders, or as administrator all" },
	{ POST, ORDERS "/pay", ROLE_USER, RATE_PAYMENT, DO(pay_membership), ROUTE_IDEMPOTENT,
		.body = NEW(struct membership_request, membership_pay_fields),
		.answer = ENVELOPE(struct membership_order, membership_order_fields),
		.message = "支付成功，会员已开通",
		.summary = "Pay a membership order by simulation" },
	{ POST, ORDERS "/action", ROLE_USER, RATE_WRITE, DO(act_on_membership), ROUTE_IDEMPOTENT,
		.body = NEW(struct membership_request, membership_action_fields),
		.answer = ENVELOPE(struct membership_order, membership_order_fields),
		.message = "订单已取消",
		.summary = "Cancel a membership order; administrators can also refund it" },
	{ GET, "/membership/status", ROLE_USER, RATE_READ, DO(read_membership_status),
		.query = QUERY(struct vip_query, vip_query_fields),
		.answer = ONE(struct vip_status, vip_status_fields),
		.summary = "Read a member's VIP status" },
	{ POST, "/membership/clear-cache", ROLE_USER, RATE_WRITE, DO(clear_membership_cache),
		.query = FILTER(struct vip_query, vip_query_fields),
		.body = MAYBE(struct vip_query, vip_query_fields),
		.answer = MESSAGE, .message = "Cache cleared successfully",
		.summary = "Clear a member's cached status, or as administrator all" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "memberships",
		.routes = routes,
		.identify = session_identify,
		.epoch = &epoch_hooks };

	return app_main(argc, argv, &app);
}

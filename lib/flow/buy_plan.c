/* SPDX-License-Identifier: MIT */
#include "flow/buy_plan.h"

#include "flow/prepay.h"
#include "shop/membership/membership.h"

/* A handle is at most 4096 characters, each of which may become three. */
enum { CODE_PAGE_MAX = 16 << 10 };

static const char *const methods[] = { "wechat", "alipay", NULL };
static const char *const trade_types[] = { "H5", "NATIVE", "PAGE", "WAP", NULL };

const struct field buy_plan_request_fields[] = {
	INPUT(struct buy_plan_request, plan_id, 1, INT64_MAX - 1, F_REQUIRED),
	INPUT(struct buy_plan_request, payment_method, 1, 20, F_REQUIRED, .words = methods),
	INPUT(struct buy_plan_request, trade_type, 1, 20, 0, .words = trade_types),
	FIELD_END,
};

const struct field plan_payment_fields[] = {
	FIELD(struct plan_payment, success),
	FIELD(struct plan_payment, message),
	FIELD_WITH(struct plan_payment, payment_url, .flags = F_NULL),
	FIELD_WITH(struct plan_payment, code_url, .flags = F_OMIT),
	FIELD(struct plan_payment, order_id),
	FIELD_END,
};

static enum err find_channel(
	struct ctx *c, const struct buy_plan_request *in, const struct channel **out)
{
	const struct provider *p = provider_find(in->payment_method);

	if (p == NULL || provider_state(c, p->id) == NULL)
		return fail(c, ERR_METHOD_OFF, "payment_method");
	*out = provider_channel(p, in->trade_type);
	return *out != NULL ? OK : fail(c, ERR_INVALID, "trade_type");
}

/*
 * The page that shows a code (htdocs/pay/pay.mjs). What it shows is behind the #: no browser sends that
 * anywhere, and the page asks the shop only about an order of whoever is signed in.
 */
static const char *code_page(
	struct ctx *c, const char *code_url, const struct membership_order *order)
{
	struct str s = str_new(&c->arena, CODE_PAGE_MAX);
	char amount[MONEY_TEXT_MAX];

	money_text(order->amount, false, amount);
	str_addf(&s, "%s/pay/#order=%s&amount=%s&until=%lld&title=", c->conf->public_url,
		order->order_no, amount, (long long)(order->expires_at.ms / SECOND_MS));
	str_add_url(&s, order->plan_name);
	str_adds(&s, "&code_url=");
	str_add_url(&s, code_url);
	return str_text(&s);
}

enum err buy_plan(struct ctx *c, const struct buy_plan_request *in, const char *client_ip,
	struct plan_payment *out)
{
	struct prepay p = { .client_ip = client_ip };
	struct membership_order order = { 0 };
	struct checkout checkout = { 0 };

	TRY(find_channel(c, in, &p.channel));
	TRY(membership_create_or_reuse(c, in->plan_id, &order));
	p.no = order.order_no;
	*out = (struct plan_payment){
		.success = true, .message = "无需支付，会员已开通", .order_id = order.order_no
	};
	if (order.amount.fen == 0)
		return OK;
	TRY(prepay(c, &p, &checkout));
	out->message = "支付订单创建成功";
	out->payment_url = checkout.handle;
	out->order_id = checkout.out_trade_no;
	if (!p.channel->is_code)
		return OK;
	out->code_url = checkout.handle;
	out->payment_url = code_page(c, checkout.handle, &order);
	return OK;
}

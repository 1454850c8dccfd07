/* SPDX-License-Identifier: MIT */
/* payments.c - /api/payment, /payment and /v1/payment: routes that may call a provider. Their notifications: notify.c. */
#include "flow/buy_plan.h"
#include "flow/hosted.h"
#include "flow/oversight.h"
#include "flow/prepay.h"
#include "flow/provider_keys.h"
#include "flow/refund.h"
#include "shop/books/epoch.h"
#include "shop/money/reconciliation.h"
#include "shop/people/session.h"
#include "web/app.h"

struct alipay_request {
	uint64_t has;
	const char *order_id, *trade_type;
};

static const char *const alipay_trade_types[] = { "PAGE", "WAP", NULL };
static const struct field alipay_request_fields[] = {
	INPUT(struct alipay_request, order_id, 1, 64, F_REQUIRED),
	INPUT(struct alipay_request, trade_type, 1, 8, 0, .words = alipay_trade_types),
	FIELD_END,
};

/* What an administrator notes about what needs a person. */
struct resolution {
	uint64_t has;
	const char *note;
};

static const struct field resolution_fields[] = {
	INPUT(struct resolution, note, 1, 500, F_REQUIRED | F_TRIM | F_PROSE),
	FIELD_END,
};

static enum err prepay_wechat(struct ctx *c, struct call *k)
{
	const struct prepay_request *in = k->body;
	const struct prepay p = { .channel = &channel_wechat_jsapi, .no = in->order_id };

	return prepay(c, &p, k->answer);
}

static enum err create_payment(struct ctx *c, struct call *k)
{
	return buy_plan(c, k->body, req_client_ip(c, k->req), k->answer);
}

static enum err create_hosted(struct ctx *c, struct call *k)
{
	return hosted_create(c, k->body, k->answer);
}

static enum err prepay_alipay(struct ctx *c, struct call *k)
{
	const struct alipay_request *in = k->body;
	const struct prepay p = {
		.channel = provider_channel(&provider_alipay, in->trade_type),
		.no = in->order_id,
	};

	return prepay(c, &p, k->answer);
}

static enum err read_payment(struct ctx *c, struct call *k)
{
	return payment_status(c, k->no, k->answer);
}

static enum err pay_card(struct ctx *c, struct call *k)
{
	const struct prepay_request *in = k->body;

	return pay_by_card(c, in->order_id, k->answer);
}

static enum err request_refund(struct ctx *c, struct call *k)
{
	return refund_request(c, k->body, k->answer);
}

static enum err list_refunds(struct ctx *c, struct call *k)
{
	return refund_list(c, k->query, k->answer);
}

static enum err read_refund(struct ctx *c, struct call *k)
{
	return refund_find(c, k->no, k->answer);
}

static enum err resolve_refund(struct ctx *c, struct call *k)
{
	const struct resolution *in = k->body;

	return refund_resolve(c, k->no, in->note, k->answer);
}

static enum err list_attempts(struct ctx *c, struct call *k)
{
	return oversight_attempts(c, k->query, k->answer);
}

static enum err list_orphans(struct ctx *c, struct call *k)
{
	return oversight_orphans(c, k->query, k->answer);
}

static enum err resolve_orphan(struct ctx *c, struct call *k)
{
	const struct resolution *in = k->body;

	return oversight_resolve(c, k->id, in->note, k->answer);
}

static enum err list_reconciliations(struct ctx *c, struct call *k)
{
	return reconciliation_list(c, k->query, k->answer);
}

static enum err read_reconciliation(struct ctx *c, struct call *k)
{
	return reconciliation_get(c, k->id, k->answer);
}

static enum err list_findings(struct ctx *c, struct call *k)
{
	return finding_list(c, k->id, k->query, k->answer);
}

/* clang-format off */
#define RECONCILIATIONS "/api/payment/reconciliations"
static const struct route routes[] = {
	{ POST, "/api/payment/wxpay", ROLE_USER, RATE_PREPAY, DO(prepay_wechat), ROUTE_IDEMPOTENT,
		.body = NEW(struct prepay_request, prepay_request_fields),
		.answer = ONE(struct checkout, request_payment_fields),
		.summary = "Prepare a WeChat payment for wx.requestPayment" },
	{ POST, "/api/payment/alipay", ROLE_USER, RATE_PREPAY, DO(prepay_alipay), ROUTE_IDEMPOTENT,
		.body = NEW(struct alipay_request, alipay_request_fields),
		.answer = ONE(struct checkout, payment_url_fields),
		.summary = "Prepare an Alipay payment, which the user makes at a URL" },
	{ POST, "/payment/create", ROLE_USER, RATE_CREATE, DO(create_payment), ROUTE_IDEMPOTENT,
		.body = NEW(struct buy_plan_request, buy_plan_request_fields),
		.answer = ONE(struct plan_payment, plan_payment_fields),
		.summary = "Order a plan and prepare its payment at a provider" },
	{ POST, "/v1/payment/create", ROLE_USER, RATE_CREATE, DO(create_hosted), ROUTE_IDEMPOTENT,
		.body = NEW(struct hosted_request, hosted_request_fields),
		.answer = ONE(struct hosted_payment, hosted_payment_fields),
		.summary = "Prepare a payment at the hosted gateway's page" },
	{ GET, "/api/payment/wxpay/:no", ROLE_USER, RATE_QUERY, DO(read_payment),
		.answer = ONE(struct payment_status, payment_status_fields),
		.summary = "Read the payment status of an order of the user" },
	{ POST, "/api/payment/card", ROLE_USER, RATE_PAYMENT, DO(pay_card), ROUTE_IDEMPOTENT,
		.body = NEW(struct prepay_request, prepay_request_fields),
		.answer = ONE(struct payment_status, payment_status_fields),
		.summary = "Pay an order from the user's card" },
	{ GET, "/api/payment/refunds", ROLE_ADMIN, RATE_READ, DO(list_refunds),
		.query = LISTED(struct refund_query, refund_query_fields),
		.answer = PAGE(struct refund, refund_fields),
		.summary = "List refunds" },
	{ POST, "/api/payment/refunds", ROLE_ADMIN, RATE_PAYMENT, DO(request_refund), ROUTE_IDEMPOTENT,
		.body = NEW(struct refund, refund_new_fields),
		.answer = ONE(struct refund, refund_fields), .status = 201,
		.summary = "Request a refund" },
	{ GET, "/api/payment/refunds/:no", ROLE_ADMIN, RATE_READ, DO(read_refund),
		.answer = ONE(struct refund, refund_fields),
		.summary = "Read a refund" },
	{ POST, "/api/payment/refunds/:no/resolve", ROLE_ADMIN, RATE_WRITE, DO(resolve_refund),
		.body = NEW(struct resolution, resolution_fields),
		.answer = ONE(struct refund, refund_fields),
		.summary = "Note that a refund was made by hand, or that a refused one is given up" },
	{ GET, "/api/payment/attempts", ROLE_ADMIN, RATE_READ, DO(list_attempts),
		.query = LISTED(struct attempt_query, attempt_query_fields),
		.answer = PAGE(struct attempt_view, attempt_view_fields),
		.summary = "List payments prepared at providers, or made by card" },
	{ GET, "/api/payment/orphans", ROLE_ADMIN, RATE_READ, DO(list_orphans),
		.query = LISTED(struct orphan_query, orphan_query_fields),
		.answer = PAGE(struct orphan, orphan_fields),
		.summary = "List providers' messages that match nothing" },
	{ POST, "/api/payment/orphans/:id/resolve", ROLE_ADMIN, RATE_WRITE, DO(resolve_orphan),
		.body = NEW(struct resolution, resolution_fields),
		.answer = ONE(struct orphan, orphan_fields),
		.summary = "Note what became of a message that matches nothing, once" },
	{ GET, RECONCILIATIONS, ROLE_ADMIN, RATE_READ, DO(list_reconciliations),
		.query = LISTED(struct reconciliation_query, reconciliation_query_fields),
		.answer = PAGE(struct reconciliation, reconciliation_fields),
		.summary = "List comparisons of the providers' bills with the books" },
	{ GET, RECONCILIATIONS "/:id", ROLE_ADMIN, RATE_READ, DO(read_reconciliation),
		.answer = ONE(struct reconciliation, reconciliation_fields),
		.summary = "Read a comparison" },
	{ GET, RECONCILIATIONS "/:id/findings", ROLE_ADMIN, RATE_READ, DO(list_findings),
		.query = LISTED(struct finding_query, finding_query_fields),
		.answer = PAGE(struct billed_finding, billed_finding_fields),
		.summary = "List what a comparison found" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "payments",
		.routes = routes,
		.identify = session_identify,
		.epoch = &epoch_hooks,
		.start = keys_start,
		.budget_ms = 15000 }; /* a prepay alone may take 8 s */

	return app_main(argc, argv, &app);
}

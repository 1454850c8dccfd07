/* SPDX-License-Identifier: MIT */
/*
 * buy_plan.h - POST /payment/create of contract membership-status: order a plan, and prepare its
 * payment at a provider.
 */
#ifndef FLOW_BUY_PLAN_H
#define FLOW_BUY_PLAN_H

#include "base/ctx.h"
#include "base/field.h"

struct buy_plan_request {
	uint64_t has;
	int64_t plan_id;
	const char *payment_method; /* the key of a provider */
	const char *trade_type;     /* of its channel; NULL: one that any browser can open */
};
extern const struct field buy_plan_request_fields[];

struct plan_payment {
	bool success;
	const char *message;
	/* for a browser; NULL: nothing is due, the membership is granted */
	const char *payment_url;
	const char *code_url; /* what that page shows as a QR code; NULL: it isn't such a page */
	const char
		*order_id; /* the attempt's out_trade_no; if nothing is due, the order's number */
};
extern const struct field plan_payment_fields[];

/*
 * Order the plan for the actor, or take the pending order of this plan, and prepare its payment for
 * the client at this address (prepay.h). Honours c->idem. Fails: as membership_create() and prepay();
 * INVALID ("trade_type": not one of this provider's), METHOD_OFF (no such provider here).
 */
enum err buy_plan(struct ctx *c, const struct buy_plan_request *in, const char *client_ip,
	struct plan_payment *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
#include "flow/hosted.h"

#include "base/url.h"
#include "flow/prepay.h"
#include "shop/books/webhook.h"

enum { ORDER_NO_MAX = 64, SUBJECT_MAX = 100, URL_MAX = 500 };

static const char *const currencies[] = { "CNY", NULL };

/* clang-format off */
const struct field hosted_request_fields[] = {
	INPUT(struct hosted_request, order_id, 1, ORDER_NO_MAX, F_REQUIRED),
	INPUT(struct hosted_request, amount, 1, MONEY_MAX_FEN, F_REQUIRED),
	INPUT(struct hosted_request, currency, 3, 3, F_NULL, .words = currencies),
	INPUT(struct hosted_request, subject, 1, SUBJECT_MAX, F_NULL),
	INPUT(struct hosted_request, return_url, 1, URL_MAX, F_NULL, .valid = url_is_web, .format = "uri"),
	INPUT(struct hosted_request, notify_url, 1, URL_MAX, F_NULL, .valid = url_is_web, .format = "uri"),
	FIELD_END,
};
/* clang-format on */

const struct field hosted_payment_fields[] = {
	FIELD(struct hosted_payment, success),
	FIELD(struct hosted_payment, transaction_id),
	FIELD(struct hosted_payment, payment_url),
	FIELD(struct hosted_payment, message),
	FIELD_END,
};

static enum err check_addresses(struct ctx *c, const struct hosted_request *in)
{
	if (in->return_url != NULL && !url_is_https_on(in->return_url, c->conf->client_url_hosts))
		return fail(c, ERR_INVALID, "return_url");
	/* without a secret nothing would ever be sent there */
	if (in->notify_url != NULL && (c->conf->client_notify_secret == NULL ||
					      !webhook_may_call_client(c, in->notify_url)))
		return fail(c, ERR_INVALID, "notify_url");
	return OK;
}

enum err hosted_create(struct ctx *c, const struct hosted_request *in, struct hosted_payment *out)
{
	const struct prepay p = {
		.channel = &channel_gateway_page,
		.no = in->order_id,
		.amount = &in->amount,
		.subject = in->subject != NULL ? in->subject : "Membership Renewal",
		.return_url = in->return_url,
		.notify_url = in->notify_url,
	};
	struct checkout checkout = { 0 };

	TRY(check_addresses(c, in));
	TRY(prepay(c, &p, &checkout));
	*out = (struct hosted_payment){ true, checkout.out_trade_no, checkout.handle,
		"Payment order created successfully" };
	return OK;
}

/* SPDX-License-Identifier: MIT */
#include "flow/hosted.h"

#include "base/url.h"
#include "flow/prepay.h"

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

static enum err check_address(struct ctx *c, const char *url, const char *field)
{
	if (url == NULL || url_is_https_on(url, c->conf->client_url_hosts))
		return OK;
	return fail(c, ERR_INVALID, field);
}

enum err hosted_create(struct ctx *c, const struct hosted_request *in, struct hosted_payment *out)
{
	const struct prepay p = {
		.channel = &channel_gateway_page,
		.no = in->order_id,
		.amount = &in->amount,
		.subject = in->subject != NULL ? in->subject : "Membership Renewal",
		.return_url = in->return_url,
	};
	struct checkout checkout = { 0 };

	TRY(check_address(c, in->return_url, "return_url"));
	TRY(check_address(c, in->notify_url, "notify_url"));
	TRY(prepay(c, &p, &checkout));
	*out = (struct hosted_payment){ true, checkout.out_trade_no, checkout.handle,
		"Payment order created successfully" };
	return OK;
}

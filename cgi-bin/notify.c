/* SPDX-License-Identifier: MIT */
/*
 * notify.c - providers' notifications. Makes no outgoing calls, and answers within 5 s whatever
 * hangs: its database waits are short, and no retry starts after two seconds.
 */
#include "ext/db.h" /* db_limits_notify */
#include "flow/provider_keys.h"
#include "flow/settle.h"
#include "shop/books/epoch.h"
#include "web/app.h"

static const char *header(const void *req, const char *cgi_name)
{
	return req_header(req, cgi_name);
}

static enum err notify(struct ctx *c, struct call *k, const struct provider *p)
{
	TRY(settle_notification(c, p, &(struct notification){ header, k->req, k->req->body }));
	*(struct raw *)k->answer = (struct raw){ p->acknowledgement_type, p->acknowledgement };
	return OK;
}

static enum err notify_wechat(struct ctx *c, struct call *k)
{
	return notify(c, k, &provider_wechat);
}

static enum err notify_alipay(struct ctx *c, struct call *k)
{
	return notify(c, k, &provider_alipay);
}

static enum err notify_gateway(struct ctx *c, struct call *k)
{
	return notify(c, k, &provider_gateway);
}

/* clang-format off */
static const struct route routes[] = {
	{ POST, "/api/payment/wxpay/notify", ROLE_PROVIDER, RATE_NOTIFY, DO(notify_wechat),
		.answer = RAW,
		.summary = "Receive a WeChat Pay notification" },
	{ POST, "/api/payment/alipay/notify", ROLE_PROVIDER, RATE_NOTIFY, DO(notify_alipay),
		.answer = RAW,
		.summary = "Receive an Alipay notification" },
	{ POST, "/v1/payment/notify", ROLE_PROVIDER, RATE_NOTIFY, DO(notify_gateway),
		.answer = RAW,
		.summary = "Receive a notification of the hosted gateway" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "notify",
		.routes = routes,
		.epoch = &epoch_hooks,
		.start = keys_start,
		.db_limits = &db_limits_notify,
		.budget_ms = 2000 };

	return app_main(argc, argv, &app);
}

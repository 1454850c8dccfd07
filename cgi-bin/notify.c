/* SPDX-License-Identifier: MIT */
/*
 * notify.c - what providers tell us. Never calls out, and answers within 5 s whatever
 * hangs: its database waits are short, and no retry begins after two seconds.
 */
#include "ext/db.h" /* db_limits_notify */
#include "flow/provider_keys.h"
#include "flow/settle.h"
#include "web/app.h"

static enum err notify_wechat(struct ctx *c, struct call *k)
{
	const struct wx_signed message = {
		.timestamp = req_header(k->req, "HTTP_WECHATPAY_TIMESTAMP"),
		.nonce = req_header(k->req, "HTTP_WECHATPAY_NONCE"),
		.serial = req_header(k->req, "HTTP_WECHATPAY_SERIAL"),
		.signature = req_header(k->req, "HTTP_WECHATPAY_SIGNATURE"),
		.signature_type = req_header(k->req, "HTTP_WECHATPAY_SIGNATURE_TYPE"),
		.body = k->req->body,
	};

	TRY(settle_wechat_notification(c, &message));
	*(struct raw *)k->answer = (struct raw){ "application/json; charset=utf-8",
		"{\"code\":\"SUCCESS\",\"message\":\"成功\"}" };
	return OK;
}

/* clang-format off */
static const struct route routes[] = {
	{ POST, "/api/payment/wxpay/notify", ROLE_PROVIDER, RATE_NOTIFY, DO(notify_wechat),
		.answer = RAW,
		.summary = "WeChat Pay's notification of a payment or a refund" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "notify",
		.routes = routes,
		.start = keys_start,
		.db_limits = &db_limits_notify,
		.budget_ms = 2000 };

	return app_main(argc, argv, &app);
}

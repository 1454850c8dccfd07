/* SPDX-License-Identifier: MIT */
/*
 * notify.c - what providers tell us. Never calls out, and answers within 5 s whatever
 * hangs: its database waits are short, and no retry begins after two seconds.
 */
#include "ext/db.h" /* db_limits_notify */
#include "flow/provider_keys.h"
#include "flow/settle.h"
#include "web/app.h"

static enum err notify_wechat(struct ctx *c, struct req *r, struct resp *w)
{
	const struct wx_signed message = {
		.timestamp = req_header(r, "HTTP_WECHATPAY_TIMESTAMP"),
		.nonce = req_header(r, "HTTP_WECHATPAY_NONCE"),
		.serial = req_header(r, "HTTP_WECHATPAY_SERIAL"),
		.signature = req_header(r, "HTTP_WECHATPAY_SIGNATURE"),
		.signature_type = req_header(r, "HTTP_WECHATPAY_SIGNATURE_TYPE"),
		.body = r->body,
	};

	TRY(settle_wechat_notification(c, &message));
	return resp_json(w, 200, "{\"code\":\"SUCCESS\",\"message\":\"成功\"}");
}

static const struct route routes[] = {
	{ POST, "/api/payment/wxpay/notify", ROLE_PROVIDER, RATE_NOTIFY, notify_wechat, 0 },
	{ .path = NULL },
};

int main(int argc, char **argv)
{
	const struct app app = { .name = "notify",
		.routes = routes,
		.start = keys_start,
		.db_limits = &db_limits_notify,
		.budget_ms = 2000 };

	return app_main(argc, argv, &app);
}

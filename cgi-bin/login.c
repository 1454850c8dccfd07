/* SPDX-License-Identifier: MIT */
/* login.c - /weixin-login: signing in with WeChat. A separate executable, since it calls WeChat. */
#include "flow/signin.h"
#include "shop/books/epoch.h"
#include "web/app.h"
#include "web/jwt.h"

static enum err sign_in_weixin(struct ctx *c, struct call *k)
{
	const struct sign_in *in = k->body;
	struct session *out = k->answer;

	TRY(signin_wechat(c, in->code, out));
	out->token = jwt_issue(c, out->user.user_id, out->session_id);
	out->expires_in = JWT_LIFETIME_S;
	return OK;
}

/* clang-format off */
static const struct route routes[] = {
	{ POST, "/weixin-login", ROLE_PUBLIC, RATE_LOGIN, DO(sign_in_weixin),
		.body = NEW(struct sign_in, sign_in_code_fields),
		.answer = ONE(struct session, session_fields),
		.summary = "Sign in with a wx.login code" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = {
		.name = "login", .routes = routes, .epoch = &epoch_hooks, .budget_ms = 15000
	};

	return app_main(argc, argv, &app);
}

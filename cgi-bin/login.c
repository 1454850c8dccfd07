/* SPDX-License-Identifier: MIT */
/* login.c - /weixin-login: signing in with WeChat. Calls WeChat, so it stands alone. */
#include "flow/signin.h"
#include "web/app.h"
#include "web/jwt.h"

static enum err login_weixin(struct ctx *c, struct req *r, struct resp *w)
{
	struct sign_in in = { 0 };
	struct session out = { 0 };

	TRY(req_body(c, r, sign_in_code_fields, JSON_MAKE, &in));
	TRY(signin_wechat(c, in.code, &out));
	out.token = jwt_issue(c, out.user.user_id, out.session_id);
	out.expires_in = JWT_LIFETIME_S;
	return resp_one(w, 200, session_fields, &out);
}

static const struct route routes[] = {
	{ POST, "/weixin-login", ROLE_PUBLIC, RATE_LOGIN, login_weixin, 0 },
	{ .path = NULL },
};

int main(int argc, char **argv)
{
	const struct app app = { .name = "login", .routes = routes, .budget_ms = 15000 };

	return app_main(argc, argv, &app);
}

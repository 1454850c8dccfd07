/* SPDX-License-Identifier: MIT */
/*
 * passwords.c - /api/auth/login: signing in with a password. A separate executable, since hashing keeps a process
 * and a core busy on purpose: only other sign-ins wait for it (BEHAVIOUR 54).
 */
#include <unistd.h>

#include "shop/books/epoch.h"
#include "shop/people/session.h"
#include "web/app.h"
#include "web/jwt.h"

enum { NICENESS = 5 }; /* other programs come first where cores are few */

static enum err sign_in(struct ctx *c, struct call *k)
{
	struct session *out = k->answer;

	TRY(session_open_password(c, k->body, req_client_ip(c, k->req), out));
	out->token = jwt_issue(c, out->user.user_id, out->session_id);
	out->expires_in = JWT_LIFETIME_S;
	return OK;
}

/* clang-format off */
static const struct route routes[] = {
	{ POST, "/api/auth/login", ROLE_PUBLIC, RATE_LOGIN, DO(sign_in),
		.body = NEW(struct sign_in, sign_in_password_fields),
		.answer = ONE(struct session, session_fields),
		.summary = "Sign in with e-mail or phone and password" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "passwords", .routes = routes, .epoch = &epoch_hooks };

	(void)!nice(NICENESS); /* only a wish */
	return app_main(argc, argv, &app);
}

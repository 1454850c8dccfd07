/* SPDX-License-Identifier: MIT */
/* users.c - /api/users for administrators, /api/auth for the user's own account (signing in: passwords.c). */
#include "flow/user_close.h"
#include "shop/books/epoch.h"
#include "shop/people/session.h"
#include "shop/people/user.h"
#include "web/app.h"
#include "web/jwt.h"

/* ---- administrators ---- */

static enum err list_users(struct ctx *c, struct call *k)
{
	return user_list(c, k->query, k->answer);
}

static enum err read_user(struct ctx *c, struct call *k)
{
	return user_get(c, k->id, k->answer);
}

static enum err update_user(struct ctx *c, struct call *k)
{
	return user_update(c, k->id, k->body);
}

static enum err delete_user(struct ctx *c, struct call *k)
{
	return user_close(c, k->id);
}

/* ---- own account ---- */

static enum err refresh_session(struct ctx *c, struct call *k)
{
	const struct sign_in *in = k->body;
	struct session *out = k->answer;

	TRY(session_refresh(c, in->refresh_token, out));
	out->token = jwt_issue(c, out->user.user_id, out->session_id);
	out->expires_in = JWT_LIFETIME_S;
	return OK;
}

static enum err sign_out(struct ctx *c, struct call *k)
{
	const struct sign_in *in = k->body;

	return session_end(c, in->all);
}

static enum err read_me(struct ctx *c, struct call *k)
{
	return user_get(c, c->actor.user_id, k->answer);
}

static enum err update_me(struct ctx *c, struct call *k)
{
	return user_update_self(c, k->body, req_client_ip(c, k->req), k->answer);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET, "/api/users", ROLE_ADMIN, RATE_READ, DO(list_users),
		.query = LISTED(struct user_query, user_query_fields),
		.answer = PAGE(struct user, user_fields),
		.summary = "List users" },
	{ GET, "/api/users/:id", ROLE_ADMIN, RATE_READ, DO(read_user),
		.answer = ONE(struct user, user_fields),
		.summary = "Read a user" },
	{ PUT, "/api/users/:id", ROLE_ADMIN, RATE_WRITE, DO(update_user),
		.body = CHANGE(struct user, user_admin_input),
		.answer = MESSAGE, .message = "用户信息更新成功",
		.summary = "Change a user" },
	{ DELETE, "/api/users/:id", ROLE_ADMIN, RATE_WRITE, DO(delete_user),
		.answer = EMPTY,
		.summary = "Delete a user without open obligations" },
	{ POST, "/api/auth/refresh", ROLE_PUBLIC, RATE_LOGIN, DO(refresh_session),
		.body = NEW(struct sign_in, sign_in_refresh_fields),
		.answer = ONE(struct session, session_refresh_fields),
		.summary = "Exchange a refresh token for new tokens" },
	{ POST, "/api/auth/logout", ROLE_USER, RATE_WRITE, DO(sign_out),
		.body = MAYBE(struct sign_in, sign_out_fields),
		.answer = EMPTY,
		.summary = "End this session, or all sessions of the user" },
	{ GET, "/api/auth/me", ROLE_USER, RATE_READ, DO(read_me),
		.answer = ONE(struct user, user_member_fields),
		.summary = "Read the user's own account" },
	{ PUT, "/api/auth/me", ROLE_USER, RATE_WRITE, DO(update_me),
		.body = CHANGE(struct user, user_self_input),
		.answer = ONE(struct user, user_member_fields),
		.summary = "Change the user's own account" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "users",
		.routes = routes,
		.identify = session_identify,
		.epoch = &epoch_hooks };

	return app_main(argc, argv, &app);
}

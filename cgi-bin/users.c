/* SPDX-License-Identifier: MIT */
/* users.c - /api/users for administrators, /api/auth for oneself. */
#include "flow/user_close.h"
#include "shop/people/session.h"
#include "shop/people/user.h"
#include "web/app.h"
#include "web/jwt.h"

/* ---- administrators ---- */

static enum err list_users(struct ctx *c, struct req *r, struct resp *w)
{
	struct user_query q = { 0 };
	struct page_rows rows;

	TRY(req_list(c, r, user_query_fields, &q, &q.page));
	TRY(user_list(c, &q, &rows));
	return resp_page(c, r, w, user_fields, sizeof(struct user), &rows);
}

static enum err read_user(struct ctx *c, struct req *r, struct resp *w)
{
	struct user out = { 0 };

	TRY(user_get(c, req_id(r, 0), &out));
	return resp_one(w, 200, user_fields, &out);
}

static enum err update_user(struct ctx *c, struct req *r, struct resp *w)
{
	struct user in = { 0 };

	TRY(req_body(c, r, user_admin_input, JSON_CHANGE, &in));
	TRY(user_update(c, req_id(r, 0), &in));
	return resp_message(w, "用户信息更新成功");
}

static enum err delete_user(struct ctx *c, struct req *r, struct resp *w)
{
	TRY(user_close(c, req_id(r, 0)));
	return resp_empty(w);
}

/* ---- oneself ---- */

static void add_token(struct ctx *c, struct session *s)
{
	s->token = jwt_issue(c, s->user.user_id, s->session_id);
	s->expires_in = JWT_LIFETIME_S;
}

static enum err sign_in(struct ctx *c, struct req *r, struct resp *w)
{
	struct sign_in in = { 0 };
	struct session out = { 0 };

	TRY(req_body(c, r, sign_in_password_fields, JSON_MAKE, &in));
	TRY(session_open_password(c, in.account, in.password, &out));
	add_token(c, &out);
	return resp_one(w, 200, session_fields, &out);
}

static enum err refresh(struct ctx *c, struct req *r, struct resp *w)
{
	struct sign_in in = { 0 };
	struct session out = { 0 };

	TRY(req_body(c, r, sign_in_refresh_fields, JSON_MAKE, &in));
	TRY(session_refresh(c, in.refresh_token, &out));
	add_token(c, &out);
	return resp_one(w, 200, session_refresh_fields, &out);
}

static enum err sign_out(struct ctx *c, struct req *r, struct resp *w)
{
	struct sign_in in = { 0 };

	if (r->body.len > 0)
		TRY(req_body(c, r, sign_out_fields, JSON_CHANGE, &in));
	TRY(session_end(c, in.all));
	return resp_empty(w);
}

static enum err read_me(struct ctx *c, struct req *r, struct resp *w)
{
	struct user out = { 0 };

	(void)r;
	TRY(user_get(c, c->actor.user_id, &out));
	return resp_one(w, 200, user_member_fields, &out);
}

static enum err update_me(struct ctx *c, struct req *r, struct resp *w)
{
	struct user in = { 0 }, out = { 0 };

	TRY(req_body(c, r, user_self_input, JSON_CHANGE, &in));
	TRY(user_update_self(c, &in, &out));
	return resp_one(w, 200, user_member_fields, &out);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET,    "/api/users",        ROLE_ADMIN,  RATE_READ,  list_users,  0 },
	{ GET,    "/api/users/:id",    ROLE_ADMIN,  RATE_READ,  read_user,   0 },
	{ PUT,    "/api/users/:id",    ROLE_ADMIN,  RATE_WRITE, update_user, 0 },
	{ DELETE, "/api/users/:id",    ROLE_ADMIN,  RATE_WRITE, delete_user, 0 },
	{ POST,   "/api/auth/login",   ROLE_PUBLIC, RATE_LOGIN, sign_in,     0 },
	{ POST,   "/api/auth/refresh", ROLE_PUBLIC, RATE_LOGIN, refresh,     0 },
	{ POST,   "/api/auth/logout",  ROLE_USER,   RATE_WRITE, sign_out,    0 },
	{ GET,    "/api/auth/me",      ROLE_USER,   RATE_READ,  read_me,     0 },
	{ PUT,    "/api/auth/me",      ROLE_USER,   RATE_WRITE, update_me,   0 },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "users", .routes = routes, .identify = session_identify };

	return app_main(argc, argv, &app);
}

/* SPDX-License-Identifier: MIT */
/* categories.c - /api/categories: the tree, read by anyone, kept by administrators. */
#include "shop/catalogue/category.h"
#include "shop/people/session.h"
#include "web/app.h"

static enum err list_categories(struct ctx *c, struct req *r, struct resp *w)
{
	struct category_query q = { 0 };
	struct page_rows rows;

	TRY(req_list(c, r, category_query_fields, &q, &q.page));
	TRY(category_list(c, &q, &rows));
	return resp_page(c, r, w, category_fields, sizeof(struct category), &rows);
}

static enum err create_category(struct ctx *c, struct req *r, struct resp *w)
{
	struct category in = { 0 }, out = { 0 };

	TRY(req_body(c, r, category_fields, JSON_MAKE, &in));
	TRY(category_create(c, &in, &out));
	return resp_one(w, 201, category_fields, &out);
}

static enum err read_category(struct ctx *c, struct req *r, struct resp *w)
{
	struct category out = { 0 };

	TRY(category_get(c, req_id(r, 0), &out));
	return resp_one(w, 200, category_fields, &out);
}

static enum err update_category(struct ctx *c, struct req *r, struct resp *w)
{
	struct category in = { 0 }, out = { 0 };

	TRY(req_body(c, r, category_fields, JSON_CHANGE, &in));
	TRY(category_update(c, req_id(r, 0), &in, &out));
	return resp_one(w, 200, category_fields, &out);
}

static enum err delete_category(struct ctx *c, struct req *r, struct resp *w)
{
	TRY(category_delete(c, req_id(r, 0)));
	return resp_empty(w);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET,    "/api/categories",     ROLE_PUBLIC, RATE_READ,  list_categories, 0 },
	{ POST,   "/api/categories",     ROLE_ADMIN,  RATE_WRITE, create_category, 0 },
	{ GET,    "/api/categories/:id", ROLE_PUBLIC, RATE_READ,  read_category,   0 },
	{ PUT,    "/api/categories/:id", ROLE_ADMIN,  RATE_WRITE, update_category, 0 },
	{ DELETE, "/api/categories/:id", ROLE_ADMIN,  RATE_WRITE, delete_category, 0 },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = {
		.name = "categories", .routes = routes, .identify = session_identify
	};

	return app_main(argc, argv, &app);
}

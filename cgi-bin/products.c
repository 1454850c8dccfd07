/* SPDX-License-Identifier: MIT */
/* products.c - /api/products: the shelf, read by anyone, kept by administrators. */
#include "shop/catalogue/product.h"
#include "shop/people/session.h"
#include "web/app.h"

static enum err list_products(struct ctx *c, struct req *r, struct resp *w)
{
	struct product_query q = { 0 };
	struct page_rows rows;

	TRY(req_list(c, r, product_query_fields, &q, &q.page));
	TRY(product_list(c, &q, &rows));
	return resp_page(c, r, w, product_full_fields, sizeof(struct product), &rows);
}

static enum err create_product(struct ctx *c, struct req *r, struct resp *w)
{
	struct product in = { 0 }, out = { 0 };

	TRY(req_body(c, r, product_fields, JSON_MAKE, &in));
	TRY(product_create(c, &in, &out));
	return resp_one(w, 201, product_fields, &out);
}

static enum err read_product(struct ctx *c, struct req *r, struct resp *w)
{
	struct product out = { 0 };

	TRY(product_get(c, req_id(r, 0), &out));
	return resp_one(w, 200, product_full_fields, &out);
}

static enum err update_product(struct ctx *c, struct req *r, struct resp *w)
{
	struct product in = { 0 }, out = { 0 };

	TRY(req_body(c, r, product_change_fields, JSON_CHANGE, &in));
	TRY(product_update(c, req_id(r, 0), &in, &out));
	return resp_one(w, 200, product_fields, &out);
}

static enum err delete_product(struct ctx *c, struct req *r, struct resp *w)
{
	TRY(product_delete(c, req_id(r, 0)));
	return resp_empty(w);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET,    "/api/products",     ROLE_PUBLIC, RATE_READ,  list_products,  0 },
	{ POST,   "/api/products",     ROLE_ADMIN,  RATE_WRITE, create_product, 0 },
	{ GET,    "/api/products/:id", ROLE_PUBLIC, RATE_READ,  read_product,   0 },
	{ PUT,    "/api/products/:id", ROLE_ADMIN,  RATE_WRITE, update_product, ROUTE_IDEMPOTENT },
	{ DELETE, "/api/products/:id", ROLE_ADMIN,  RATE_WRITE, delete_product, 0 },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = {
		.name = "products", .routes = routes, .identify = session_identify
	};

	return app_main(argc, argv, &app);
}

/* SPDX-License-Identifier: MIT */
/* products.c - /api/products: the shelf, read by anyone, kept by administrators. */
#include "shop/catalogue/product.h"
#include "shop/people/session.h"
#include "web/app.h"

static enum err list_products(struct ctx *c, struct call *k)
{
	return product_list(c, k->query, k->answer);
}

static enum err create_product(struct ctx *c, struct call *k)
{
	return product_create(c, k->body, k->answer);
}

static enum err read_product(struct ctx *c, struct call *k)
{
	return product_get(c, k->id, k->answer);
}

static enum err update_product(struct ctx *c, struct call *k)
{
	return product_update(c, k->id, k->body, k->answer);
}

static enum err delete_product(struct ctx *c, struct call *k)
{
	return product_delete(c, k->id);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET, "/api/products", ROLE_PUBLIC, RATE_READ, DO(list_products),
		.query = LISTED(struct product_query, product_query_fields),
		.answer = PAGE(struct product, product_full_fields),
		.summary = "List products" },
	{ POST, "/api/products", ROLE_ADMIN, RATE_WRITE, DO(create_product),
		.body = NEW(struct product, product_fields),
		.answer = ONE(struct product, product_fields), .status = 201,
		.summary = "Create a product" },
	{ GET, "/api/products/:id", ROLE_PUBLIC, RATE_READ, DO(read_product),
		.answer = ONE(struct product, product_full_fields),
		.summary = "Read a product" },
	{ PUT, "/api/products/:id", ROLE_ADMIN, RATE_WRITE, DO(update_product), ROUTE_IDEMPOTENT,
		.body = CHANGE(struct product, product_change_fields),
		.answer = ONE(struct product, product_fields),
		.summary = "Change a product, or its stock by stock_delta" },
	{ DELETE, "/api/products/:id", ROLE_ADMIN, RATE_WRITE, DO(delete_product),
		.answer = EMPTY,
		.summary = "Delete a product; orders go on showing it" },
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

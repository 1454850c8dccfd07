/* SPDX-License-Identifier: MIT */
/* catalogue.c - /api/categories and /api/products: read by anyone, edited by administrators. */
#include "shop/books/epoch.h"
#include "shop/catalogue/answers.h"
#include "shop/catalogue/product.h"
#include "shop/people/session.h"
#include "web/app.h"

/* ---- categories ---- */

static enum err list_categories(struct ctx *c, struct call *k)
{
	return category_list(c, k->query, k->answer);
}

static enum err create_category(struct ctx *c, struct call *k)
{
	return category_create(c, k->body, k->answer);
}

static enum err read_category(struct ctx *c, struct call *k)
{
	return category_get(c, k->id, k->answer);
}

static enum err update_category(struct ctx *c, struct call *k)
{
	return category_update(c, k->id, k->body, k->answer);
}

static enum err delete_category(struct ctx *c, struct call *k)
{
	return category_delete(c, k->id);
}

/* ---- products ---- */

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
	{ GET, "/api/categories", ROLE_PUBLIC, RATE_READ, DO(list_categories),
		.query = LISTED(struct category_query, category_query_fields),
		.answer = PAGE(struct category, category_fields),
		.cached = ANSWERS_CATEGORIES,
		.summary = "List categories" },
	{ POST, "/api/categories", ROLE_ADMIN, RATE_WRITE, DO(create_category),
		.body = NEW(struct category, category_fields),
		.answer = ONE(struct category, category_fields), .status = 201,
		.summary = "Create a category" },
	{ GET, "/api/categories/:id", ROLE_PUBLIC, RATE_READ, DO(read_category),
		.answer = ONE(struct category, category_fields),
		.cached = ANSWERS_CATEGORY,
		.summary = "Read a category" },
	{ PUT, "/api/categories/:id", ROLE_ADMIN, RATE_WRITE, DO(update_category),
		.body = CHANGE(struct category, category_fields),
		.answer = ONE(struct category, category_fields),
		.summary = "Change a category, or move it below another" },
	{ DELETE, "/api/categories/:id", ROLE_ADMIN, RATE_WRITE, DO(delete_category),
		.answer = EMPTY,
		.summary = "Delete an empty category" },

	{ GET, "/api/products", ROLE_PUBLIC, RATE_READ, DO(list_products),
		.query = LISTED(struct product_query, product_query_fields),
		.answer = PAGE(struct product, product_full_fields),
		.cached = ANSWERS_PRODUCTS,
		.summary = "List products" },
	{ POST, "/api/products", ROLE_ADMIN, RATE_WRITE, DO(create_product),
		.body = NEW(struct product, product_fields),
		.answer = ONE(struct product, product_fields), .status = 201,
		.summary = "Create a product" },
	{ GET, "/api/products/:id", ROLE_PUBLIC, RATE_READ, DO(read_product),
		.answer = ONE(struct product, product_full_fields),
		.cached = ANSWERS_PRODUCT,
		.summary = "Read a product" },
	{ PUT, "/api/products/:id", ROLE_ADMIN, RATE_WRITE, DO(update_product), ROUTE_IDEMPOTENT,
		.body = CHANGE(struct product, product_change_fields),
		.answer = ONE(struct product, product_fields),
		.summary = "Change a product, or its stock by stock_delta" },
	{ DELETE, "/api/products/:id", ROLE_ADMIN, RATE_WRITE, DO(delete_product),
		.answer = EMPTY,
		.summary = "Delete a product; orders still show it" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "catalogue",
		.routes = routes,
		.identify = session_identify,
		.epoch = &epoch_hooks };

	return app_main(argc, argv, &app);
}

/* SPDX-License-Identifier: MIT */
#include "shop/catalogue/answers.h"

#include "ext/state.h"
#include "shop/catalogue/product.h"

/* Beyond, all are deleted in one step, which costs less. */
enum { SINGLE_MAX = 10 };

static void note_all_tx(struct ctx *c, const char *family)
{
	state_note_tx(c, (struct state_key){ family, { "", 0 } });
}

/* As web/cache.c names the answer to a path with an id and no query. */
static void note_one_tx(struct ctx *c, const char *family, int64_t id)
{
	state_note_tx(c, state_key_of(c, family, id));
}

void answers_note_product_tx(struct ctx *c, int64_t id)
{
	note_all_tx(c, ANSWERS_PRODUCTS);
	note_one_tx(c, ANSWERS_PRODUCT, id);
}

void answers_note_stock_tx(struct ctx *c, const struct stock_line *lines, size_t n)
{
	note_all_tx(c, ANSWERS_PRODUCTS);
	if (n > SINGLE_MAX)
		note_all_tx(c, ANSWERS_PRODUCT);
	else
		for (size_t i = 0; i < n; i++)
			note_one_tx(c, ANSWERS_PRODUCT, lines[i].product_id);
}

void answers_note_category_tx(struct ctx *c, int64_t id)
{
	note_all_tx(c, ANSWERS_CATEGORIES);
	note_one_tx(c, ANSWERS_CATEGORY, id);
	note_all_tx(c, ANSWERS_PRODUCTS);
	note_all_tx(c, ANSWERS_PRODUCT);
}

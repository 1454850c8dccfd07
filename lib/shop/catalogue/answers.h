/* SPDX-License-Identifier: MIT */
/*
 * answers.h - the cached answers that show products and categories (web/cache.h), and what invalidates them. Whatever
 * writes one of those tables calls one of these functions in its transaction (tests/lint/cached.mjs).
 */
#ifndef SHOP_CATALOGUE_ANSWERS_H
#define SHOP_CATALOGUE_ANSWERS_H

#include "base/ctx.h"

/* Lists, and single ones by their id: an order changes few products, but every list may show one of them. */
#define ANSWERS_PRODUCTS   "products"
#define ANSWERS_PRODUCT    "product"
#define ANSWERS_CATEGORIES "categories"
#define ANSWERS_CATEGORY   "category"

/* A product is created, changed or deleted, also in its stock alone. */
void answers_note_product_tx(struct ctx *c, int64_t id);
struct stock_line;
/* The stock of n of them. */
void answers_note_stock_tx(struct ctx *c, const struct stock_line *lines, size_t n);
/* The same of a category, which every product of it shows. */
void answers_note_category_tx(struct ctx *c, int64_t id);

#endif

/* SPDX-License-Identifier: MIT */
/* cards.c - /api/membership/cards and their ledger, /api/membership/transactions. */
#include "shop/money/card.h"
#include "shop/people/session.h"
#include "web/app.h"

static enum err list_cards(struct ctx *c, struct req *r, struct resp *w)
{
	struct card_query q = { 0 };
	struct page_rows rows;

	TRY(req_list(c, r, card_query_fields, &q, &q.page));
	TRY(card_list(c, &q, &rows));
	return resp_page(c, r, w, card_full_fields, sizeof(struct card), &rows);
}

static enum err create_card(struct ctx *c, struct req *r, struct resp *w)
{
	struct card in = { 0 }, out = { 0 };

	TRY(req_body(c, r, card_new_fields, JSON_MAKE, &in));
	TRY(card_create(c, in.user_id, &out));
	return resp_one(w, 201, card_fields, &out);
}

static enum err read_card(struct ctx *c, struct req *r, struct resp *w)
{
	struct card out = { 0 };

	TRY(card_get(c, req_id(r, 0), &out));
	return resp_one(w, 200, card_full_fields, &out);
}

static enum err update_card(struct ctx *c, struct req *r, struct resp *w)
{
	struct card in = { 0 }, out = { 0 };

	TRY(req_body(c, r, card_change_fields, JSON_CHANGE, &in));
	TRY(card_update(c, req_id(r, 0), &in, &out));
	return resp_one(w, 200, card_fields, &out);
}

static enum err delete_card(struct ctx *c, struct req *r, struct resp *w)
{
	TRY(card_delete(c, req_id(r, 0)));
	return resp_empty(w);
}

static enum err transact(struct ctx *c, struct req *r, struct resp *w)
{
	struct card_entry in = { 0 }, out = { 0 };

	TRY(req_body(c, r, card_entry_new_fields, JSON_MAKE, &in));
	TRY(card_transact(c, &in, &out));
	return resp_one(w, 201, card_entry_fields, &out);
}

static enum err read_ledger(struct ctx *c, struct req *r, struct resp *w)
{
	struct card_entry_query q = { 0 };
	struct page_rows rows;

	TRY(req_list(c, r, card_entry_query_fields, &q, &q.page));
	TRY(card_ledger(c, &q, &rows));
	return resp_page(c, r, w, card_entry_fields, sizeof(struct card_entry), &rows);
}

/* clang-format off */
static const struct route routes[] = {
	{ GET,    "/api/membership/cards",        ROLE_USER,  RATE_READ,  list_cards,  0 },
	{ POST,   "/api/membership/cards",        ROLE_ADMIN, RATE_WRITE, create_card, 0 },
	{ GET,    "/api/membership/cards/:id",    ROLE_USER,  RATE_READ,  read_card,   0 },
	{ PUT,    "/api/membership/cards/:id",    ROLE_ADMIN, RATE_WRITE, update_card, ROUTE_IDEMPOTENT },
	{ DELETE, "/api/membership/cards/:id",    ROLE_ADMIN, RATE_WRITE, delete_card, 0 },
	{ GET,    "/api/membership/transactions", ROLE_USER,  RATE_READ,  read_ledger, 0 },
	{ POST,   "/api/membership/transactions", ROLE_ADMIN, RATE_WRITE, transact,    ROUTE_IDEMPOTENT },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "cards", .routes = routes, .identify = session_identify };

	return app_main(argc, argv, &app);
}

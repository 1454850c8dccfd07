/* SPDX-License-Identifier: MIT */
/* cards.c - /api/membership/cards and their ledger, /api/membership/transactions. */
#include "shop/books/epoch.h"
#include "shop/money/card.h"
#include "shop/people/session.h"
#include "web/app.h"

static enum err list_cards(struct ctx *c, struct call *k)
{
	return card_list(c, k->query, k->answer);
}

static enum err create_card(struct ctx *c, struct call *k)
{
	const struct card *in = k->body;

	return card_create(c, in->user_id, k->answer);
}

static enum err read_card(struct ctx *c, struct call *k)
{
	return card_get(c, k->id, k->answer);
}

static enum err update_card(struct ctx *c, struct call *k)
{
	return card_update(c, k->id, k->body, k->answer);
}

static enum err delete_card(struct ctx *c, struct call *k)
{
	return card_delete(c, k->id);
}

static enum err create_card_transaction(struct ctx *c, struct call *k)
{
	return card_transact(c, k->body, k->answer);
}

static enum err list_card_transactions(struct ctx *c, struct call *k)
{
	return card_ledger(c, k->query, k->answer);
}

/* clang-format off */
#define CARDS        "/api/membership/cards"
#define TRANSACTIONS "/api/membership/transactions"
static const struct route routes[] = {
	{ GET, CARDS, ROLE_USER, RATE_READ, DO(list_cards),
		.query = LISTED(struct card_query, card_query_fields),
		.answer = PAGE(struct card, card_full_fields),
		.summary = "List the user's card, or as administrator all" },
	{ POST, CARDS, ROLE_ADMIN, RATE_WRITE, DO(create_card),
		.body = NEW(struct card, card_new_fields),
		.answer = ONE(struct card, card_fields), .status = 201,
		.summary = "Issue a card to a user" },
	{ GET, CARDS "/:id", ROLE_USER, RATE_READ, DO(read_card),
		.answer = ONE(struct card, card_full_fields),
		.summary = "Read a card" },
	{ PUT, CARDS "/:id", ROLE_ADMIN, RATE_WRITE, DO(update_card), ROUTE_IDEMPOTENT,
		.body = CHANGE(struct card, card_change_fields),
		.answer = ONE(struct card, card_fields),
		.summary = "Adjust a card's balance, or disable it" },
	{ DELETE, CARDS "/:id", ROLE_ADMIN, RATE_WRITE, DO(delete_card),
		.answer = EMPTY,
		.summary = "Delete a card without a balance" },
	{ GET, TRANSACTIONS, ROLE_USER, RATE_READ, DO(list_card_transactions),
		.query = LISTED(struct card_entry_query, card_entry_query_fields),
		.answer = PAGE(struct card_entry, card_entry_fields),
		.summary = "List the transactions of the user's card, or as administrator of all" },
	{ POST, TRANSACTIONS, ROLE_ADMIN, RATE_WRITE, DO(create_card_transaction), ROUTE_IDEMPOTENT,
		.body = NEW(struct card_entry, card_entry_new_fields),
		.answer = ONE(struct card_entry, card_entry_fields), .status = 201,
		.summary = "Top up a card, spend from it or refund to it" },
	{ .path = NULL },
};
/* clang-format on */

int main(int argc, char **argv)
{
	const struct app app = { .name = "cards",
		.routes = routes,
		.identify = session_identify,
		.epoch = &epoch_hooks };

	return app_main(argc, argv, &app);
}

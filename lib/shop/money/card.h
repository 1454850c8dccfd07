/* SPDX-License-Identifier: MIT */
/*
 * card.h - stored-value cards: a balance that changes only together with a ledger row.
 * Owns tables: cards, card_transactions.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 *
 * Ledger amounts are stored signed; on the wire top-ups, spending and refunds are positive and
 * adjustments signed (BEHAVIOUR 21, 22).
 */
#ifndef SHOP_MONEY_CARD_H
#define SHOP_MONEY_CARD_H

#include "base/ctx.h"
#include "base/page.h"
#include "ext/sql.h"

#define CARD_DISABLED 0
#define CARD_IN_USE   1
enum card_status { STORED(CARD_DISABLED), STORED(CARD_IN_USE) };

#define CARD_TOP_UP     1
#define CARD_SPEND      2
#define CARD_REFUND     3
#define CARD_ADJUSTMENT 4 /* only through an administrator's new balance */
enum card_entry_type {
	STORED(CARD_TOP_UP),
	STORED(CARD_SPEND),
	STORED(CARD_REFUND),
	STORED(CARD_ADJUSTMENT),
};

struct card {
	uint64_t has;
	int64_t card_id, user_id;
	const char *card_number; /* 16 digits, the last a Luhn check digit */
	money balance;
	int64_t status;
	timestamp created_at, updated_at, deleted_at;
	struct card_user {
		int64_t user_id;
		const char *nickname, *email, *phone;
	} user;
};
extern const struct field card_fields[];
extern const struct field card_full_fields[];   /* with its user */
extern const struct field card_new_fields[];    /* POST: user_id */
extern const struct field card_change_fields[]; /* PUT: balance, status */

struct card_query {
	uint64_t has;
	int64_t user_id, status;
	struct page page;
};
extern const struct field card_query_fields[];

struct card_entry {
	uint64_t has;
	int64_t transaction_id, card_id, type;
	money amount; /* as on the wire */
	money balance_after;
	const char *description;
	timestamp created_at, updated_at;
};
extern const struct field card_entry_fields[];
extern const struct field card_entry_new_fields[];

struct card_entry_query {
	uint64_t has;
	int64_t card_id;
	struct page page;
};
extern const struct field card_entry_query_fields[];

/* Fails: NOT_FOUND (user), CARD_EXISTS. */
enum err card_create(struct ctx *c, int64_t user_id, struct card *out) MUST;
/* The user's own; for administrators all. */
enum err card_list(struct ctx *c, const struct card_query *q, struct page_rows *out) MUST;
/* Fails: NOT_FOUND, FORBIDDEN. */
enum err card_get(struct ctx *c, int64_t id, struct card *out) MUST;
/* A new balance becomes an adjustment row. Honours c->idem. Fails: NOT_FOUND. */
enum err card_update(struct ctx *c, int64_t id, const struct card *in, struct card *out) MUST;
/* Fails: NOT_FOUND, CARD_NOT_EMPTY. */
enum err card_delete(struct ctx *c, int64_t id) MUST;

/*
 * An administrator's top-up, spending or refund. Honours c->idem. A refund to a deleted
 * card is credited to its user's live one. Fails: NOT_FOUND, CARD_DISABLED, INSUFFICIENT_BALANCE,
 * INVALID (more than a card can hold).
 */
enum err card_transact(struct ctx *c, const struct card_entry *in, struct card_entry *out) MUST;
/* A card's ledger, for its owner or an administrator. Fails: NOT_FOUND, FORBIDDEN. */
enum err card_ledger(struct ctx *c, const struct card_entry_query *q, struct page_rows *out) MUST;

/* ---- paying by card, in the payment's transaction (cards are locked before orders) ---- */

/* Lock a user's live card. Fails: CARD_NONE. */
enum err card_lock_of_user_tx(struct ctx *c, int64_t user_id, struct card *out) MUST;
/* Spend from a locked card. Fails: CARD_DISABLED, INSUFFICIENT_BALANCE. */
enum err card_spend_tx(struct ctx *c, struct card *locked, money amount, const char *description,
	int64_t attempt_id) MUST;
/* Refund to a user's live card, even a disabled one. Fails: CARD_NONE. */
enum err card_refund_tx(struct ctx *c, int64_t user_id, money amount, const char *description,
	int64_t attempt_id) MUST;
/* Before a user is deleted: delete the user's empty card. Fails: USER_IN_USE while it has a balance. */
enum err card_delete_of_user_tx(struct ctx *c, int64_t user_id) MUST;

#endif

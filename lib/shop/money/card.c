/* SPDX-License-Identifier: MIT */
#include "shop/money/card.h"

#include <assert.h>

#include "ext/crypto.h"
#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/idempotency.h"
#include "shop/books/journal.h"
#include "shop/people/user.h"

static const struct field card_user_fields[] = {
	FIELD(struct card_user, user_id),
	FIELD(struct card_user, nickname),
	FIELD_WITH(struct card_user, email, .flags = F_NULL),
	FIELD_WITH(struct card_user, phone, .flags = F_NULL),
	FIELD_END,
};

/* clang-format off */
#define CARD_FIELDS                                                                            \
	FIELD(struct card, card_id),                                                           \
	FIELD(struct card, user_id),                                                           \
	FIELD(struct card, card_number),                                                       \
	FIELD_WITH(struct card, balance, .flags = F_TEXT),                                     \
	FIELD(struct card, status),                                                            \
	FIELD(struct card, created_at),                                                        \
	FIELD(struct card, updated_at),                                                        \
	FIELD_WITH(struct card, deleted_at, .flags = F_HIDDEN)
/* clang-format on */

const struct field card_fields[] = { CARD_FIELDS, FIELD_END };
const struct field card_full_fields[] = {
	CARD_FIELDS,
	OBJECT(struct card, user, card_user_fields, 0),
	FIELD_END,
};
const struct field card_new_fields[] = {
	INPUT(struct card, user_id, 1, INT64_MAX - 1, F_REQUIRED),
	FIELD_END,
};
const struct field card_change_fields[] = {
	INPUT(struct card, balance, 0, MONEY_MAX_FEN, 0),
	INPUT(struct card, status, CARD_DISABLED, CARD_IN_USE, 0),
	FIELD_END,
};
const struct field card_query_fields[] = {
	INPUT(struct card_query, user_id, 1, INT64_MAX - 1, 0),
	INPUT(struct card_query, status, CARD_DISABLED, CARD_IN_USE, 0),
	FIELD_END,
};

const struct field card_entry_fields[] = {
	FIELD(struct card_entry, transaction_id),
	FIELD(struct card_entry, card_id),
	FIELD(struct card_entry, type),
	FIELD_WITH(struct card_entry, amount, .flags = F_TEXT),
	FIELD_WITH(struct card_entry, balance_after, .flags = F_TEXT),
	FIELD_WITH(struct card_entry, description, .flags = F_NULL),
	FIELD(struct card_entry, created_at),
	FIELD(struct card_entry, updated_at),
	FIELD_END,
};
const struct field card_entry_new_fields[] = {
	INPUT(struct card_entry, card_id, 1, INT64_MAX - 1, F_REQUIRED),
	INPUT(struct card_entry, type, CARD_TOP_UP, CARD_REFUND, F_REQUIRED),
	INPUT(struct card_entry, amount, 1, MONEY_MAX_FEN, F_REQUIRED),
	INPUT(struct card_entry, description, 0, 500, F_NULL | F_PROSE),
	FIELD_END,
};
const struct field card_entry_query_fields[] = {
	INPUT(struct card_entry_query, card_id, 1, INT64_MAX - 1, 0),
	FIELD_END,
};

#define COLUMNS                                                                                    \
	"k.card_id, k.user_id, k.card_number, k.balance, k.status, k.created_at, "                 \
	"k.updated_at, k.deleted_at"
#define WITH_USER                                                                                  \
	COLUMNS ", u.user_id AS `user.user_id`, u.nickname AS `user.nickname`, "                   \
		"u.email AS `user.email`, u.phone AS `user.phone`"
#define JOIN_USER " LEFT JOIN users u ON u.user_id = k.user_id "
#define LIST_BY(index, where)                                                                      \
	"SELECT " WITH_USER " FROM cards k FORCE INDEX (" index ")" JOIN_USER "WHERE " where       \
	" k.deleted_at IS NULL AND k.card_id < ? AND (? IS NULL OR k.status = ?) "                 \
	"ORDER BY k.card_id DESC LIMIT ?"
static const char SQL_LIST[] = LIST_BY("PRIMARY", "");
static const char SQL_LIST_USER[] = LIST_BY("by_user", "k.user_id = ? AND");
static const char SQL_LIST_STATUS[] = LIST_BY("by_status", "k.status = ? AND");
static const char SQL_GET[] = "SELECT " WITH_USER " FROM cards k" JOIN_USER "WHERE k.card_id = ?";
static const char SQL_LOCK[] = "SELECT " COLUMNS " FROM cards k WHERE k.card_id = ? FOR UPDATE";
static const char SQL_LOCK_OF_USER[] =
	"SELECT " COLUMNS " FROM cards k WHERE k.live_user_id = ? FOR UPDATE";
static const char SQL_INSERT[] =
	"INSERT INTO cards (user_id, live_user_id, card_number, balance, status, created_at, "
	"updated_at) VALUES (?, ?, ?, 0, " SQL(CARD_IN_USE) ", ?, ?)";
/* the balance is the guard: concurrent changes can't make it negative */
static const char SQL_MOVE[] =
	"UPDATE cards SET balance = balance + ?, updated_at = ? "
	"WHERE card_id = ? AND deleted_at IS NULL AND balance + ? BETWEEN 0 AND ?";
static const char SQL_SET_STATUS[] =
	"UPDATE cards SET status = ?, updated_at = ? WHERE card_id = ? AND deleted_at IS NULL";
static const char SQL_DELETE[] =
	"UPDATE cards SET deleted_at = ?, live_user_id = NULL, updated_at = ? "
	"WHERE card_id = ? AND deleted_at IS NULL AND balance = 0";
/* clang-format off */
#define ENTRY_ROW(X)                                                                           \
	X(card_id) X(type) X(amount) X(balance_after) X(description) X(created_at)
/* clang-format on */
static const char SQL_ENTER[] =
	"INSERT INTO card_transactions (" ENTRY_ROW(SQL_NAME) "attempt_id, actor_user_id) "
	"VALUES (" ENTRY_ROW(SQL_MARK) "?, ?)";
#define ENTRY                                                                                      \
	"t.transaction_id, t.card_id, t.type, "                                                    \
	"IF(t.type = " SQL(CARD_SPEND) ", -t.amount, t.amount) AS amount, "                        \
	"t.balance_after, t.description, t.created_at, t.created_at AS updated_at"
static const char SQL_ENTRY[] =
	"SELECT " ENTRY " FROM card_transactions t WHERE t.transaction_id = ?";
static const char SQL_LEDGER[] =
	"SELECT " ENTRY
	" FROM card_transactions t FORCE INDEX (by_card) "
	"WHERE t.card_id = ? AND t.transaction_id < ? ORDER BY t.transaction_id DESC LIMIT ?";

/* ---- reading ---- */

static const struct db_listed listed = DB_LISTED(card_full_fields, struct card, card_id);
static const struct db_listed entries =
	DB_LISTED(card_entry_fields, struct card_entry, transaction_id);

enum err card_list(struct ctx *c, const struct card_query *q, struct page_rows *out)
{
	const bool by_user = !c->actor.administrator || field_has(card_query_fields, q, "user_id");
	const bool by_status = field_has(card_query_fields, q, "status");
	const struct db_arg user = I64(c->actor.administrator ? q->user_id : c->actor.user_id),
			    status = OPT((opt_i64){ q->status, by_status }),
			    after = I64(q->page.after[0]), n = I64(q->page.limit + 1);

	if (by_user)
		return db_page(c, SQL_LIST_USER, ARGS(user, after, status, status, n), &listed,
			q->page.limit, out);
	if (by_status)
		return db_page(c, SQL_LIST_STATUS, ARGS(status, after, status, status, n), &listed,
			q->page.limit, out);
	return db_page(c, SQL_LIST, ARGS(after, status, status, n), &listed, q->page.limit, out);
}

/* A visible card, even if deleted. Fails: NOT_FOUND, FORBIDDEN. */
static enum err get_own(struct ctx *c, int64_t id, struct card *out)
{
	TRY(db_one(c, SQL_GET, ARGS(I64(id)), card_full_fields, out));
	return c->actor.administrator || out->user_id == c->actor.user_id ? OK : ERR_FORBIDDEN;
}

enum err card_get(struct ctx *c, int64_t id, struct card *out)
{
	TRY(get_own(c, id, out));
	return out->deleted_at.ms == 0 ? OK : ERR_NOT_FOUND;
}

enum err card_ledger(struct ctx *c, const struct card_entry_query *q, struct page_rows *out)
{
	struct card card = { 0 };

	if (!field_has(card_entry_query_fields, q, "card_id"))
		return fail(c, ERR_INVALID, "card_id");
	TRY(get_own(c, q->card_id, &card));
	return db_page(c, SQL_LEDGER,
		ARGS(I64(q->card_id), I64(q->page.after[0]), I64(q->page.limit + 1)), &entries,
		q->page.limit, out);
}

/* ---- creating and deleting ---- */

/* Fifteen random digits and the Luhn check digit. */
static const char *new_card_number(struct ctx *c)
{
	char *number =
		arena_printf(&c->arena, "%s%s0", crypto_random_text(&c->arena, "123456789", 1),
			crypto_random_text(&c->arena, "0123456789", 14));
	int sum = 0;

	for (int i = 0; i < 15; i++) {
		int digit = number[i] - '0';

		if (i % 2 == 0) /* every second digit, from the check digit leftwards */
			digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
		sum += digit;
	}
	number[15] = (char)('0' + (10 - sum % 10) % 10);
	return number;
}

struct card_making {
	int64_t user_id;
	struct card *out;
};

static enum err create_tx(struct ctx *c, void *arg)
{
	struct card_making *x = arg;
	struct card *k = x->out;
	enum err e;

	TRY(user_hold_tx(c, x->user_id));
	*k = (struct card){
		.user_id = x->user_id,
		.card_number = new_card_number(c),
		.status = CARD_IN_USE,
		.created_at.ms = c->now_ms,
		.updated_at.ms = c->now_ms,
	};
	e = db_insert(c, SQL_INSERT,
		ARGS(I64(x->user_id), I64(x->user_id), TEXT(k->card_number), I64(c->now_ms),
			I64(c->now_ms)),
		&k->card_id);
	if (e == ERR_DUPLICATE && db_duplicate_of(c, "card_number"))
		return db_retry(c); /* retry with another number */
	return e == ERR_DUPLICATE ? fail(c, ERR_CARD_EXISTS, "user_id") : e;
}

enum err card_create(struct ctx *c, int64_t user_id, struct card *out)
{
	return db_tx(c, create_tx, &(struct card_making){ user_id, out });
}

/* Lock a live card. Fails: NOT_FOUND. */
static enum err lock_live_tx(struct ctx *c, int64_t id, struct card *out)
{
	TRY(db_one(c, SQL_LOCK, ARGS(I64(id)), card_fields, out));
	return out->deleted_at.ms == 0 ? OK : ERR_NOT_FOUND;
}

static enum err delete_locked_tx(struct ctx *c, const struct card *k, enum err not_empty)
{
	if (k->balance.fen != 0)
		return fail(c, not_empty, NULL);
	TRY(journal_add_tx(
		c, "delete", arena_printf(&c->arena, "card %lld", (long long)k->card_id), NULL));
	return db_exec_one(c, SQL_DELETE, ARGS(I64(c->now_ms), I64(c->now_ms), I64(k->card_id)));
}

static enum err delete_tx(struct ctx *c, void *arg)
{
	struct card k = { 0 };

	TRY(lock_live_tx(c, *(const int64_t *)arg, &k));
	return delete_locked_tx(c, &k, ERR_CARD_NOT_EMPTY);
}

enum err card_delete(struct ctx *c, int64_t id)
{
	return db_tx(c, delete_tx, &id);
}

enum err card_delete_of_user_tx(struct ctx *c, int64_t user_id)
{
	struct card k = { 0 };
	bool found;

	TRY(db_find(c, SQL_LOCK_OF_USER, ARGS(I64(user_id)), card_fields, &k, &found));
	return found ? delete_locked_tx(c, &k, ERR_USER_IN_USE) : OK;
}

/* ---- the ledger ---- */

/* Move a locked card's balance by the signed amount of a new entry, which says its type and description. */
static enum err enter_tx(struct ctx *c, struct card *k, struct card_entry *row, opt_i64 attempt_id)
{
	const opt_i64 actor = { c->actor.user_id, c->actor.user_id != 0 };
	int64_t matched;

	assert(db_in_tx(c->db));
	row->card_id = k->card_id;
	row->balance_after = money_add(k->balance, row->amount);
	row->created_at.ms = c->now_ms;
	if (row->amount.fen == 0)
		return invariant_violated(c, "a card's ledger has an entry of 0");
	if (row->balance_after.fen < 0)
		return fail(c, ERR_INSUFFICIENT_BALANCE, "amount");
	if (row->balance_after.fen > MONEY_MAX_FEN)
		return fail(c, ERR_INVALID, "amount");
	TRY(db_exec(c, SQL_MOVE,
		ARGS(FEN(row->amount), I64(c->now_ms), I64(k->card_id), FEN(row->amount),
			I64(MONEY_MAX_FEN)),
		&matched));
	if (matched != 1)
		return db_retry(c);
	k->balance = row->balance_after;
	k->updated_at.ms = c->now_ms;
	return db_insert(c, SQL_ENTER, ARGS(ENTRY_ROW(ROW_VALUE) OPT(attempt_id), OPT(actor)),
		&row->transaction_id);
}

struct card_change {
	int64_t id;
	const struct card *in;
	struct card *out;
};

/* Does a locked card match the request's If-Match? */
static enum err check_unchanged_tx(struct ctx *c, int64_t id)
{
	struct card now = { 0 };

	if (c->if_match == NULL)
		return OK;
	TRY(card_get(c, id, &now));
	return entity_unchanged(c, card_full_fields, &now);
}

static enum err update_tx(struct ctx *c, void *arg)
{
	const struct card_change *x = arg;
	struct card *k = x->out;
	bool done;

	TRY(idempotency_begin_change_tx(c, x->id, &done));
	if (done)
		return db_one(c, SQL_GET, ARGS(I64(x->id)), card_full_fields, k);
	TRY(lock_live_tx(c, x->id, k));
	TRY(check_unchanged_tx(c, x->id));
	if (field_has(card_change_fields, x->in, "balance") &&
		money_cmp(x->in->balance, k->balance)) {
		struct card_entry entry = { .type = CARD_ADJUSTMENT,
			.amount = money_sub(x->in->balance, k->balance),
			.description = "管理员调整余额" };

		TRY(enter_tx(c, k, &entry, (opt_i64){ 0 }));
		TRY(journal_add_tx(c, "card-balance",
			arena_printf(&c->arena, "card %lld", (long long)k->card_id),
			arena_printf(&c->arena, "to %lld fen", (long long)k->balance.fen)));
	}
	if (field_has(card_change_fields, x->in, "status") && x->in->status != k->status) {
		k->status = x->in->status;
		k->updated_at.ms = c->now_ms;
		TRY(db_exec_one(
			c, SQL_SET_STATUS, ARGS(I64(k->status), I64(c->now_ms), I64(k->card_id))));
	}
	return idempotency_end_tx(c, k->card_id, 200);
}

enum err card_update(struct ctx *c, int64_t id, const struct card *in, struct card *out)
{
	return db_tx(c, update_tx, &(struct card_change){ id, in, out });
}

struct transacting {
	const struct card_entry *in;
	struct card_entry *out;
};

/* The card of a transaction; for a refund to a deleted one, its user's live card. */
static enum err lock_for_entry_tx(struct ctx *c, const struct card_entry *in, struct card *k)
{
	TRY(db_one(c, SQL_LOCK, ARGS(I64(in->card_id)), card_fields, k));
	if (k->deleted_at.ms != 0 && in->type == CARD_REFUND)
		return card_lock_of_user_tx(c, k->user_id, k);
	if (k->deleted_at.ms != 0)
		return ERR_NOT_FOUND;
	if (k->status == CARD_DISABLED && in->type != CARD_REFUND)
		return fail(c, ERR_CARD_DISABLED, "card_id");
	return OK;
}

static enum err transact_tx(struct ctx *c, void *arg)
{
	const struct transacting *x = arg;
	struct card_entry entry = *x->in;
	struct card k = { 0 };
	int64_t replayed_id;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0)
		return db_one(c, SQL_ENTRY, ARGS(I64(replayed_id)), card_entry_fields, x->out);
	TRY(lock_for_entry_tx(c, x->in, &k));
	if (entry.type == CARD_SPEND)
		entry.amount = money_sub(MONEY_ZERO, entry.amount);
	TRY(enter_tx(c, &k, &entry, (opt_i64){ 0 }));
	TRY(idempotency_end_tx(c, entry.transaction_id, 201));
	return db_one(c, SQL_ENTRY, ARGS(I64(entry.transaction_id)), card_entry_fields, x->out);
}

enum err card_transact(struct ctx *c, const struct card_entry *in, struct card_entry *out)
{
	return db_tx(c, transact_tx, &(struct transacting){ in, out });
}

/* ---- paying by card ---- */

enum err card_lock_of_user_tx(struct ctx *c, int64_t user_id, struct card *out)
{
	bool found;

	TRY(db_find(c, SQL_LOCK_OF_USER, ARGS(I64(user_id)), card_fields, out, &found));
	return found ? OK : fail(c, ERR_CARD_NONE, NULL);
}

enum err card_spend_tx(struct ctx *c, struct card *locked, money amount, const char *description,
	int64_t attempt_id)
{
	struct card_entry entry = { .type = CARD_SPEND,
		.amount = money_sub(MONEY_ZERO, amount),
		.description = description };

	if (locked->status == CARD_DISABLED)
		return fail(c, ERR_CARD_DISABLED, NULL);
	return enter_tx(c, locked, &entry, (opt_i64){ attempt_id, true });
}

enum err card_refund_tx(
	struct ctx *c, int64_t user_id, money amount, const char *description, int64_t attempt_id)
{
	struct card k = { 0 };
	struct card_entry entry = {
		.type = CARD_REFUND, .amount = amount, .description = description
	};

	TRY(card_lock_of_user_tx(c, user_id, &k));
	return enter_tx(c, &k, &entry, (opt_i64){ attempt_id, true });
}

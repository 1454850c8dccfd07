/* SPDX-License-Identifier: MIT */
#include "shop/membership/plan.h"

#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/journal.h"

/* clang-format off */
/* What is given of a plan: column, its value in SQL (an amount of 0 is NULL), and limits. */
#define PLAN_ROW(X)                                                                            \
	X(name, "?", 1, 100, F_REQUIRED)                                                       \
	X(price, "?", 1, PLAN_PRICE_MAX_FEN, F_REQUIRED | F_TEXT)                              \
	X(original_price, "NULLIF(?, 0)", 1, PLAN_PRICE_MAX_FEN, F_NULL | F_TEXT)              \
	X(duration_days, "?", 1, PLAN_DAYS_MAX, F_REQUIRED)                                    \
	X(level, "?", 1, PLAN_LEVEL_MAX, F_REQUIRED)                                           \
	X(is_active, "?", 0, 1, 0)                                                             \
	X(description, "?", 0, 5000, F_NULL | F_PROSE)

#define PLAN_INPUT(m, value, ...) INPUT(struct plan, m, __VA_ARGS__),
#define PLAN_FIELDS PLAN_ROW(PLAN_INPUT) FIELD(struct plan, created_at), FIELD(struct plan, updated_at)
/* clang-format on */

const struct field plan_fields[] = { FIELD(struct plan, id), PLAN_FIELDS, FIELD_END };
const struct field plan_change_fields[] = {
	INPUT(struct plan, id, 1, INT64_MAX - 1, 0),
	PLAN_FIELDS,
	FIELD_END,
};

const struct field plan_query_fields[] = {
	INPUT(struct plan_query, id, 1, INT64_MAX - 1, F_REQUIRED),
	FIELD_END,
};

#define COLUMNS "id, " PLAN_ROW(SQL_NAME) "created_at, updated_at"
static const char SQL_LIST[] = "SELECT " COLUMNS " FROM plans ORDER BY id LIMIT ? OFFSET ?";
static const char SQL_LIST_ACTIVE[] = "SELECT " COLUMNS
				      " FROM plans FORCE INDEX (by_active) WHERE is_active = TRUE "
				      "ORDER BY id LIMIT ? OFFSET ?";
static const char SQL_COUNT[] = "SELECT COUNT(*) FROM plans";
static const char SQL_COUNT_ACTIVE[] = "SELECT COUNT(*) FROM plans WHERE is_active = TRUE";
static const char SQL_READ[] = "SELECT " COLUMNS " FROM plans WHERE id = ?";
static const char SQL_LOCK[] = "SELECT " COLUMNS " FROM plans WHERE id = ? FOR UPDATE";
/* written, which also locks: on Galera a lock alone would not prevent its deletion */
static const char SQL_HOLD[] = "UPDATE plans SET holds = holds + 1 WHERE id = ?";
#define PLAN_MARK(column, mark, ...) mark ", "
#define PLAN_SET(column, mark, ...)  #column " = " mark ", "
static const char SQL_INSERT[] =
	"INSERT INTO plans (" PLAN_ROW(SQL_NAME) "created_at, updated_at) "
	"VALUES (" PLAN_ROW(PLAN_MARK) "?, ?)";
static const char SQL_UPDATE[] =
	"UPDATE plans SET " PLAN_ROW(PLAN_SET) "updated_at = ? WHERE id = ?";
static const char SQL_USED[] = "SELECT id FROM membership_orders WHERE plan_id = ? LIMIT 1";
static const char SQL_DELETE[] = "DELETE FROM plans WHERE id = ?";

/* ---- reading ---- */

/* One of the list. Fails: NOT_FOUND. */
static enum err get_listed(struct ctx *c, int64_t id, struct plan *out)
{
	TRY(db_one(c, SQL_READ, ARGS(I64(id)), plan_fields, out));
	return out->is_active || c->actor.administrator ? OK : ERR_NOT_FOUND;
}

static enum err list_one(struct ctx *c, const struct plan_query *q, struct page_counted *out)
{
	struct plan *plan = arena_alloc(&c->arena, sizeof(*plan));
	const enum err e = get_listed(c, q->id, plan);

	if (e != OK && e != ERR_NOT_FOUND)
		return e;
	out->total = e == OK;
	out->list = (struct list){ plan, q->page.page == 1 ? out->total : 0 };
	return OK;
}

enum err plan_list(struct ctx *c, const struct plan_query *q, struct page_counted *out)
{
	const bool all = c->actor.administrator;
	const struct page_number *page = &q->page;
	struct db_rows rows;
	int64_t total;

	if (field_has(plan_query_fields, q, "id"))
		return list_one(c, q, out);
	TRY(db_int64(c, all ? SQL_COUNT : SQL_COUNT_ACTIVE, NO_ARGS, &total));
	TRY(db_all(c, all ? SQL_LIST : SQL_LIST_ACTIVE,
		ARGS(I64(page->size), I64((page->page - 1) * page->size)), plan_fields,
		sizeof(struct plan), page->size, &rows));
	*out = (struct page_counted){ rows.list, total };
	return OK;
}

static enum err offered(enum err e, const struct plan *plan)
{
	TRY(e);
	return plan->is_active ? OK : ERR_NOT_FOUND;
}

enum err plan_offered(struct ctx *c, int64_t id, struct plan *out)
{
	return offered(db_one(c, SQL_READ, ARGS(I64(id)), plan_fields, out), out);
}

enum err plan_offered_tx(struct ctx *c, int64_t id, struct plan *out)
{
	int64_t matched;

	TRY(db_exec(c, SQL_HOLD, ARGS(I64(id)), &matched));
	return matched == 1 ? plan_offered(c, id, out) : ERR_NOT_FOUND;
}

/* ---- changes ---- */

static const char *subject(struct ctx *c, int64_t id)
{
	return arena_printf(&c->arena, "plan %lld", (long long)id);
}

enum err plan_create(struct ctx *c, const struct plan *in, struct plan *out)
{
	struct plan *row = out;

	*row = *in;
	row->is_active = !field_has(plan_fields, in, "is_active") || in->is_active;
	TRY(db_insert(
		c, SQL_INSERT, ARGS(PLAN_ROW(ROW_VALUE) I64(c->now_ms), I64(c->now_ms)), &row->id));
	return db_one(c, SQL_READ, ARGS(I64(row->id)), plan_fields, out);
}

struct changing {
	int64_t id;
	struct plan in;
	struct plan *out;
	bool kept;
};

static enum err write_tx(struct ctx *c, struct plan *row)
{
	row->updated_at.ms = c->now_ms;
	return db_exec_one(c, SQL_UPDATE, ARGS(PLAN_ROW(ROW_VALUE) I64(c->now_ms), I64(row->id)));
}

static enum err update_tx(struct ctx *c, void *arg)
{
	const struct changing *x = arg;
	const struct plan *in = &x->in;
	struct plan *row = x->out;

	TRY(db_one(c, SQL_LOCK, ARGS(I64(x->id)), plan_fields, row));
	TRY(entity_unchanged(c, plan_fields, row));
	if (field_same(plan_fields, row, in))
		return OK;
	if (field_has(plan_fields, in, "price") && money_cmp(row->price, in->price) != 0)
		TRY(journal_add_tx(c, "plan-price", subject(c, x->id),
			arena_printf(&c->arena, "%lld fen, before %lld", (long long)in->price.fen,
				(long long)row->price.fen)));
	field_merge(plan_fields, row, in);
	return write_tx(c, row);
}

enum err plan_update(struct ctx *c, int64_t id, const struct plan *in, struct plan *out)
{
	struct changing x = { .id = id, .in = *in, .out = out };

	x.in.id = id; /* not the body's */
	return db_tx(c, update_tx, &x);
}

static enum err delete_tx(struct ctx *c, void *arg)
{
	struct changing *x = arg;
	struct plan row = { 0 };
	int64_t order;

	TRY(db_one(c, SQL_LOCK, ARGS(I64(x->id)), plan_fields, &row));
	TRY(db_int64(c, SQL_USED, ARGS(I64(x->id)), &order));
	x->kept = order != 0;
	TRY(journal_add_tx(c, x->kept ? "take-off-shelf" : "delete", subject(c, x->id), NULL));
	if (!x->kept)
		return db_exec_one(c, SQL_DELETE, ARGS(I64(x->id)));
	row.is_active = false;
	return write_tx(c, &row);
}

enum err plan_delete(struct ctx *c, int64_t id, bool *kept)
{
	struct changing x = { .id = id };

	TRY(db_tx(c, delete_tx, &x));
	*kept = x.kept;
	return OK;
}

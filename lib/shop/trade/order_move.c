/* SPDX-License-Identifier: MIT */
/* order_move.c - locks orders, and moves them from one status to the next. */
#include "ext/db.h"
#include "shop/catalogue/product.h"
#include "shop/money/paid.h"
#include "shop/people/user.h"
#include "shop/trade/order_sql.h"

static const struct field line_fields[] = {
	FIELD(struct stock_line, product_id),
	FIELD(struct stock_line, quantity),
	FIELD_END,
};

/* ---- the transitions (BEHAVIOUR 18) ---- */

enum stock_effect { STOCK_STAYS, STOCK_BACK, STOCK_TAKEN };

struct transition {
	enum order_status from, to;
	unsigned by;
	enum stock_effect stock;
	/*
	 * Only if no provider has the money: an offline payment is refunded in person. The same
	 * for an order of 0.00, which has no payment to refund.
	 */
	bool not_by_provider;
};

static const struct transition transitions[] = {
	{ ORDER_PENDING, ORDER_PAID, BY_ADMIN | BY_SETTLEMENT, STOCK_STAYS, false },
	{ ORDER_PENDING, ORDER_CANCELLED, BY_ADMIN | BY_OWNER | BY_TIMEOUT, STOCK_BACK, false },
	{ ORDER_CANCELLED, ORDER_PAID, BY_SETTLEMENT, STOCK_TAKEN, false },
	{ ORDER_PAID, ORDER_SHIPPED, BY_ADMIN, STOCK_STAYS, false },
	{ ORDER_SHIPPED, ORDER_COMPLETED, BY_ADMIN | BY_OWNER, STOCK_STAYS, false },
	{ ORDER_PAID, ORDER_REFUNDED, BY_ADMIN, STOCK_BACK, true },
	{ ORDER_SHIPPED, ORDER_REFUNDED, BY_ADMIN, STOCK_STAYS, true },
	{ ORDER_COMPLETED, ORDER_REFUNDED, BY_ADMIN, STOCK_STAYS, true },
	{ ORDER_PAID, ORDER_REFUNDED, BY_REFUND, STOCK_BACK, false },
	{ ORDER_SHIPPED, ORDER_REFUNDED, BY_REFUND, STOCK_STAYS, false },
	{ ORDER_COMPLETED, ORDER_REFUNDED, BY_REFUND, STOCK_STAYS, false },
};

static const struct transition *find_transition(
	const struct order *o, enum order_status to, enum mover by)
{
	for (size_t i = 0; i < ARRAY_LEN(transitions); i++) {
		const struct transition *t = &transitions[i];

		if ((int64_t)t->from == o->status && t->to == to && (t->by & by) &&
			!(t->not_by_provider && o->payment.by == PAID_BY_PROVIDER))
			return t;
	}
	return NULL;
}

/* ---- statements ---- */

static const char SQL_FIND[] = "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.order_no = ?";
static const char SQL_READ[] = "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.id = ?";
static const char SQL_LOCK[] = "SELECT " ORDER_COLUMNS " FROM orders o WHERE o.id = ? FOR UPDATE";
static const char SQL_LINES[] =
	"SELECT product_id, quantity FROM order_items WHERE order_id = ? ORDER BY product_id";
/* the current status is the guard: of two concurrent changes the second has no effect */
static const char SQL_WRITE[] =
	"UPDATE orders SET " ORDER_CHANGES(SQL_SET) "updated_at = ? WHERE id = ? AND status = ?";
/* to a new value, even twice in one millisecond: an unchanged row is not replicated */
static const char SQL_TOUCH[] =
	"UPDATE orders SET updated_at = GREATEST(?, updated_at + 1) WHERE id = ?";

/* ---- locking ---- */

enum err order_find(struct ctx *c, const char *order_id, struct order *out)
{
	return db_one(c, SQL_FIND, ARGS(TEXT(order_id)), order_fields, out);
}

enum err order_read(struct ctx *c, int64_t id, struct order *out)
{
	return db_one(c, SQL_READ, ARGS(I64(id)), order_fields, out);
}

enum err order_lines(struct ctx *c, int64_t id, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_LINES, ARGS(I64(id)), line_fields, sizeof(struct stock_line),
		ORDER_LINES_MAX, &rows));
	*out = rows.list;
	return OK;
}

enum err order_lock_products_tx(struct ctx *c, int64_t id, struct list *lines)
{
	TRY(order_lines(c, id, lines));
	return stock_lock_tx(c, lines->rows, (size_t)lines->n);
}

enum err order_lock_tx(struct ctx *c, const struct order *before, unsigned with, struct order *out)
{
	struct list lines;

	/* the points that were held for it are posted, released or returned */
	if ((with & WITH_MEMBER) || before->points_used > 0)
		TRY(reward_lock_tx(c, before->user_id));
	if (with & WITH_PRODUCTS)
		TRY(order_lock_products_tx(c, before->id, &lines));
	return db_one(c, SQL_LOCK, ARGS(I64(before->id)), order_fields, out);
}

enum err order_lock_to_cancel_tx(struct ctx *c, int64_t id, struct order *out)
{
	struct order before = { 0 };

	TRY(order_read(c, id, &before));
	return order_lock_tx(c, &before, WITH_PRODUCTS, out);
}

enum err order_lock_to_refund_tx(struct ctx *c, int64_t id, struct order *out)
{
	struct order before = { 0 };

	TRY(order_read(c, id, &before));
	return order_lock_tx(c, &before, WITH_MEMBER | WITH_PRODUCTS, out);
}

/* The owner may be deleted, while the order is still to be cancelled: nothing is granted without an owner. */
enum err order_lock_for_grant_tx(struct ctx *c, int64_t id, struct order *out)
{
	struct order before = { 0 };
	bool cancelled, live;

	TRY(order_read(c, id, &before));
	cancelled = before.status == ORDER_CANCELLED;
	TRY(user_lock_tx(c, before.user_id, &live));
	TRY(order_lock_tx(c, &before, WITH_MEMBER | (cancelled ? WITH_PRODUCTS : 0), out));
	if (out->status == ORDER_CANCELLED && !cancelled)
		return db_retry(c); /* cancelled in between: its products must be locked first */
	out->ownerless = !live;
	return OK;
}

enum err order_write_tx(struct ctx *c, const struct order *row, int64_t from)
{
	return db_exec_one(c, SQL_WRITE,
		ARGS(ORDER_CHANGES(ROW_MEMBER) AT(row->updated_at), I64(row->id), I64(from)));
}

enum err order_touch_tx(struct ctx *c, const struct order *locked)
{
	return db_exec_one(c, SQL_TOUCH, ARGS(I64(c->now_ms), I64(locked->id)));
}

/* ---- moving ---- */

bool order_can_move(const struct order *o, enum order_status to, enum mover by)
{
	return find_transition(o, to, by) != NULL;
}

static struct charge charge_of(const struct order *o)
{
	return (struct charge){ PAYABLE_ORDER, o->id,
		{ o->user_id, o->order_id, o->total_amount, o->points_used, o->rewarded } };
}

enum err order_hold_points_tx(struct ctx *c, const struct order *o)
{
	const struct charge x = charge_of(o);

	return reward_hold_tx(c, &x.order);
}

enum err order_paid_tx(struct ctx *c, const struct order *o)
{
	const struct charge x = charge_of(o);

	return paid_tx(c, &x, &o->payment);
}

enum err order_move_tx(struct ctx *c, struct order *o, enum order_status to, enum mover by)
{
	const struct transition *t = find_transition(o, to, by);
	const int64_t from = o->status;
	const struct charge x = charge_of(o);
	struct list lines;

	if (t == NULL)
		return fail(c, ERR_ORDER_TRANSITION, "status");
	if (t->stock != STOCK_STAYS) {
		TRY(order_lines(c, o->id, &lines));
		if (t->stock == STOCK_BACK)
			TRY(stock_return_tx(c, lines.rows, (size_t)lines.n, o->id));
		else
			TRY(stock_take_tx(c, lines.rows, (size_t)lines.n, o->id));
		o->stock_held = t->stock == STOCK_TAKEN;
	}
	if (to == ORDER_PAID)
		o->rewarded = true;
	o->status = to;
	o->updated_at.ms = c->now_ms;
	TRY(order_write_tx(c, o, from));
	TRY(order_notify_tx(c, o));
	if (to == ORDER_PAID)
		return paid_tx(c, &x, &o->payment);
	return to == ORDER_CANCELLED ? paid_not_tx(c, &x) : OK;
}

enum err order_refunded_tx(struct ctx *c, struct order *o, money amount)
{
	const bool by_refund = o->payment.by == PAID_BY_PROVIDER;
	const struct charge x = charge_of(o);
	bool all;

	TRY(paid_refunded_tx(c, &x, (enum paid_by)o->payment.by, amount, &all));
	return all ? order_move_tx(c, o, ORDER_REFUNDED, by_refund ? BY_REFUND : BY_ADMIN) : OK;
}

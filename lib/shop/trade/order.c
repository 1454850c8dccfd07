/* SPDX-License-Identifier: MIT */
/* order.c - changes of orders. order_place.c creates them, order_view.c reads them. */
#include "shop/trade/order.h"

#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/journal.h"
#include "shop/books/outbox.h"
#include "shop/catalogue/product.h"
#include "shop/money/paid.h"
#include "shop/money/refund.h"
#include "shop/people/user.h"
#include "shop/trade/order_sql.h"

const struct field order_change_fields[] = {
	INPUT(struct order_change, status, ORDER_PENDING, ORDER_REFUNDED, 0),
	INPUT(struct order_change, payment_method, 1, 50, 0),
	INPUT(struct order_change, payment_id, 1, 64, 0),
	OBJECT(struct order_change, shipment, shipment_fields, F_IN),
	FIELD_END,
};

static const struct field line_fields[] = {
	FIELD(struct stock_line, product_id),
	FIELD(struct stock_line, quantity),
	FIELD_END,
};

/* ---- the transitions (BEHAVIOUR 18) ---- */

enum mover { BY_ADMIN = 1, BY_OWNER = 2, BY_SETTLEMENT = 4, BY_TIMEOUT = 8, BY_REFUND = 16 };
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
static const char SQL_DELETE[] =
	"UPDATE orders SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL";
static const char SQL_BUSY[] =
	"SELECT o.id FROM orders o FORCE INDEX (by_user_status) WHERE o.user_id = ? "
	"AND o.status IN (" SQL(ORDER_IN_PROGRESS_SET) ") LIMIT 1";
static const char SQL_OVERDUE[] =
	"SELECT o.id AS ref_id FROM orders o FORCE INDEX (by_deadline) LEFT JOIN outbox b "
	"ON b.kind = " SQL(OUTBOX_CLOSE_ORDER) " AND b.ref_id = o.id "
	"WHERE o.status = " SQL(ORDER_PENDING) " AND o.expires_at <= ? AND b.outbox_id IS NULL "
	"AND NOT EXISTS (SELECT 1 FROM payment_attempts a "
	"WHERE a.payable_kind = " SQL(PAYABLE_ORDER) " AND a.open_payable_id = o.id) "
	"ORDER BY o.expires_at LIMIT ?";

/* ---- locking and moving ---- */

enum err order_find(struct ctx *c, const char *order_id, struct order *out)
{
	return db_one(c, SQL_FIND, ARGS(TEXT(order_id)), order_fields, out);
}

enum err order_read(struct ctx *c, int64_t id, struct order *out)
{
	return db_one(c, SQL_READ, ARGS(I64(id)), order_fields, out);
}

/* An order's lines never change, so they are read without a lock. */
static enum err read_lines(struct ctx *c, int64_t id, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_LINES, ARGS(I64(id)), line_fields, sizeof(struct stock_line),
		ORDER_LINES_MAX, &rows));
	*out = rows.list;
	return OK;
}

static enum err lock_products_tx(struct ctx *c, int64_t id, struct list *lines)
{
	TRY(read_lines(c, id, lines));
	return stock_lock_tx(c, lines->rows, (size_t)lines->n);
}

enum err order_lock_tx(struct ctx *c, int64_t id, bool with_products, struct order *out)
{
	struct list lines;

	if (with_products)
		TRY(lock_products_tx(c, id, &lines));
	return db_one(c, SQL_LOCK, ARGS(I64(id)), order_fields, out);
}

/* The owner may be deleted, while the order is still to be cancelled: nothing is granted without an owner. */
enum err order_lock_for_grant_tx(struct ctx *c, int64_t id, struct order *out)
{
	struct order before = { 0 };
	bool cancelled, live;

	TRY(order_read(c, id, &before));
	cancelled = before.status == ORDER_CANCELLED;
	TRY(user_lock_tx(c, before.user_id, &live));
	TRY(order_lock_tx(c, id, cancelled, out));
	if (out->status == ORDER_CANCELLED && !cancelled)
		return db_retry(c); /* cancelled in between: its products must be locked first */
	out->ownerless = !live;
	return OK;
}

static enum err write_order_tx(struct ctx *c, const struct order *row, int64_t from)
{
	return db_exec_one(c, SQL_WRITE,
		ARGS(ORDER_CHANGES(ROW_MEMBER) AT(row->updated_at), I64(row->id), I64(from)));
}

/* Move a locked order (with its products, if stock moves) and write it. */
static enum err move_tx(struct ctx *c, struct order *o, enum order_status to, enum mover by)
{
	const struct transition *t = find_transition(o, to, by);
	const int64_t from = o->status;
	struct list lines;

	if (t == NULL)
		return fail(c, ERR_ORDER_TRANSITION, "status");
	if (t->stock != STOCK_STAYS) {
		TRY(read_lines(c, o->id, &lines));
		if (t->stock == STOCK_BACK)
			TRY(stock_return_tx(c, lines.rows, (size_t)lines.n, o->id));
		else
			TRY(stock_take_tx(c, lines.rows, (size_t)lines.n, o->id));
		o->stock_held = t->stock == STOCK_TAKEN;
	}
	o->status = to;
	o->updated_at.ms = c->now_ms;
	TRY(write_order_tx(c, o, from));
	TRY(order_notify_tx(c, o));
	if (to == ORDER_PAID)
		return paid_tx(c, PAYABLE_ORDER, o->id, o->total_amount, &o->payment);
	return to == ORDER_CANCELLED ? payment_release_tx(c, PAYABLE_ORDER, o->id) : OK;
}

enum err order_refunded_tx(struct ctx *c, struct order *o)
{
	const bool by_refund = o->payment.by == PAID_BY_PROVIDER;
	bool all;

	TRY(paid_refunded_tx(c, PAYABLE_ORDER, o->id, (enum paid_by)o->payment.by, &all));
	return all ? move_tx(c, o, ORDER_REFUNDED, by_refund ? BY_REFUND : BY_ADMIN) : OK;
}

/* ---- changes by users and administrators ---- */

struct moving {
	const char *order_id;
	const struct order_change *in; /* update only */
	enum order_status to;          /* the others */
	enum mover by;
	struct order *out;
};

/* Find a live order for a change. Fails: NOT_FOUND. */
static enum err find_live(struct ctx *c, const char *order_id, struct order *out)
{
	TRY(order_find(c, order_id, out));
	return out->deleted_at.ms == 0 ? OK : ERR_NOT_FOUND;
}

/* A deleted user's pending orders can't be paid: they are being cancelled. */
static enum err check_owner_tx(struct ctx *c, const struct moving *m)
{
	struct order found = { 0 };
	enum err e;

	TRY(find_live(c, m->order_id, &found));
	e = user_hold_tx(c, found.user_id);
	return e == ERR_NOT_FOUND && found.status == ORDER_PENDING
		       ? fail(c, ERR_ORDER_TRANSITION, "status")
	       : e == ERR_NOT_FOUND ? OK
				    : e;
}

/* Lock a live order with its products. */
static enum err lock_live_tx(struct ctx *c, const char *order_id, struct order *out)
{
	struct order found = { 0 };

	TRY(find_live(c, order_id, &found));
	TRY(order_lock_tx(c, found.id, true, out));
	return out->deleted_at.ms == 0 ? OK : ERR_NOT_FOUND;
}

static enum err note_offline_tx(struct ctx *c, const struct order *o)
{
	return journal_add_tx(c, "offline-payment", o->order_id,
		arena_printf(&c->arena, "%s %s", o->payment.method, o->payment.id));
}

/* An administrator's offline payment: both fields are mandatory, and it is journalled. */
static enum err pay_offline_tx(struct ctx *c, const struct order_change *in, struct order *o)
{
	if (!field_has(order_change_fields, in, "payment_method"))
		return fail(c, ERR_INVALID, "payment_method");
	if (!field_has(order_change_fields, in, "payment_id"))
		return fail(c, ERR_INVALID, "payment_id");
	o->payment.by = PAID_OFFLINE;
	o->payment.at.ms = c->now_ms;
	return note_offline_tx(c, o);
}

/* Copy a text that the change names. Did it differ? */
static bool take_text(
	const struct order_change *in, const char *field, const char *text, const char **at)
{
	if (!field_has(order_change_fields, in, field) || (*at != NULL && strcmp(*at, text) == 0))
		return false;
	*at = text;
	return true;
}

/* Shipment data requires status 2; an order being refunded must not be shipped. */
static enum err ship_tx(
	struct ctx *c, const struct order_change *in, bool moves, struct order *o, bool *changed)
{
	const int64_t status = moves ? in->status : o->status;
	struct refund_totals back;
	bool completing;

	if (field_has(order_change_fields, in, "shipment")) {
		if (status != ORDER_SHIPPED)
			return fail(c, ERR_ORDER_TRANSITION, "shipment");
		o->shipment = in->shipment;
		*changed = true;
	}
	if (!moves || status != ORDER_SHIPPED)
		return OK;
	TRY(refund_total(c, PAYABLE_ORDER, o->id, &back));
	completing = back.under_way.fen > 0 &&
		     money_cmp(money_add(back.done, back.under_way), back.paid) == 0;
	return completing ? fail(c, ERR_REFUND_IN_FLIGHT, "status") : OK;
}

/* Does a locked order match the request's If-Match? */
static enum err check_unchanged_tx(struct ctx *c, const char *order_id)
{
	struct order now = { 0 };

	if (c->if_match == NULL)
		return OK;
	TRY(order_get(c, order_id, &now));
	return entity_unchanged(c, order_full_fields, &now);
}

static enum err update_tx(struct ctx *c, void *arg)
{
	const struct moving *m = arg;
	const struct order_change *in = m->in;
	struct order *o = m->out;
	bool moves, fixed, changed;

	if (field_has(order_change_fields, in, "status") && in->status == ORDER_PAID)
		TRY(check_owner_tx(c, m));
	TRY(lock_live_tx(c, m->order_id, o));
	TRY(check_unchanged_tx(c, m->order_id));
	moves = field_has(order_change_fields, in, "status") && in->status != o->status;
	if (moves && find_transition(o, (enum order_status)in->status, BY_ADMIN) == NULL)
		return fail(c, ERR_ORDER_TRANSITION, "status");
	changed = take_text(in, "payment_method", in->payment_method, &o->payment.method);
	changed |= take_text(in, "payment_id", in->payment_id, &o->payment.id);
	fixed = changed; /* the provider's data is fixed, an administrator's is journalled */
	if (fixed && o->payment.by == PAID_BY_PROVIDER)
		return fail(c, ERR_PAYMENT_FIXED, NULL);
	TRY(ship_tx(c, in, moves, o, &changed));
	if (moves && in->status == ORDER_PAID)
		TRY(pay_offline_tx(c, in, o));
	if (moves && in->status == ORDER_REFUNDED)
		return order_refunded_tx(c, o);
	if (moves)
		return move_tx(c, o, (enum order_status)in->status, BY_ADMIN);
	if (!changed)
		return OK;
	if (o->payment.by == PAID_OFFLINE && fixed)
		TRY(note_offline_tx(c, o));
	o->updated_at.ms = c->now_ms;
	return write_order_tx(c, o, o->status);
}

enum err order_update(
	struct ctx *c, const char *order_id, const struct order_change *in, struct order *out)
{
	return db_tx(c, update_tx, &(struct moving){ .order_id = order_id, .in = in, .out = out });
}

static enum err step_tx(struct ctx *c, void *arg)
{
	const struct moving *m = arg;

	TRY(lock_live_tx(c, m->order_id, m->out));
	return move_tx(c, m->out, m->to, m->by);
}

/* A step that the owner may take; ownership is checked before state (BEHAVIOUR 4). */
static enum err step(struct ctx *c, const char *order_id, enum order_status to, struct order *out)
{
	struct moving m = { .order_id = order_id, .to = to, .out = out };

	TRY(find_live(c, order_id, out));
	if (!c->actor.administrator && out->user_id != c->actor.user_id)
		return ERR_FORBIDDEN;
	m.by = out->user_id == c->actor.user_id ? BY_OWNER : BY_ADMIN;
	return db_tx(c, step_tx, &m);
}

enum err order_cancel(struct ctx *c, const char *order_id, struct order *out)
{
	return step(c, order_id, ORDER_CANCELLED, out);
}

enum err order_complete(struct ctx *c, const char *order_id, struct order *out)
{
	return step(c, order_id, ORDER_COMPLETED, out);
}

static enum err delete_tx(struct ctx *c, void *arg)
{
	struct order o = { 0 };

	TRY(lock_live_tx(c, arg, &o));
	if (o.status == ORDER_PAID || o.status == ORDER_SHIPPED)
		return fail(c, ERR_ORDER_TRANSITION, "status");
	if (o.status == ORDER_PENDING)
		TRY(move_tx(c, &o, ORDER_CANCELLED, BY_ADMIN));
	TRY(journal_add_tx(c, "delete", o.order_id, NULL));
	return db_exec_one(c, SQL_DELETE, ARGS(I64(c->now_ms), I64(o.id)));
}

enum err order_delete(struct ctx *c, const char *order_id)
{
	return db_tx(c, delete_tx, (void *)(uintptr_t)order_id);
}

enum err order_check_user_deletion_tx(struct ctx *c, int64_t user_id)
{
	int64_t busy;

	TRY(db_int64(c, SQL_BUSY, ARGS(I64(user_id)), &busy));
	return busy != 0 ? fail(c, ERR_USER_IN_USE, NULL) : OK;
}

static enum err abandon_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;
	struct order o = { 0 };

	TRY(order_lock_tx(c, id, true, &o));
	return o.status == ORDER_PENDING ? move_tx(c, &o, ORDER_CANCELLED, BY_ADMIN) : OK;
}

enum err order_cancel_abandoned(struct ctx *c, int64_t id)
{
	return db_tx(c, abandon_tx, &id);
}

/* ---- settlement and jobs ---- */

enum err order_touch_tx(struct ctx *c, const struct order *locked)
{
	return db_exec_one(c, SQL_TOUCH, ARGS(I64(c->now_ms), I64(locked->id)));
}

/* Why a payment of a locked order can't be granted; NULL: it can. Its products are locked if it was cancelled. */
static enum err refusal_tx(struct ctx *c, const struct order *o, const char **why)
{
	const bool cancelled = o->status == ORDER_CANCELLED;
	const struct stock_line *l;
	struct list lines;

	*why = o->deleted_at.ms != 0                      ? "ORDER_DELETED"
	       : o->status == ORDER_REFUNDED              ? "ALREADY_REFUNDED"
	       : o->status != ORDER_PENDING && !cancelled ? "ALREADY_PAID"
	       : o->ownerless                             ? "USER_DELETED"
							  : NULL;
	if (*why != NULL || !cancelled)
		return OK;
	TRY(lock_products_tx(c, o->id, &lines)); /* already locked by us */
	l = lines.rows;
	for (int64_t i = 0; i < lines.n; i++)
		if (l[i].status == PRODUCT_DELETED || l[i].stock < l[i].quantity)
			*why = "OUT_OF_STOCK";
	return OK;
}

enum err order_grant_tx(
	struct ctx *c, const struct order *locked, const struct payment *p, struct granting *out)
{
	struct order o = *locked;

	*out = (struct granting){ .grant = NOT_GRANTED };
	TRY(refusal_tx(c, &o, &out->reason));
	if (out->reason != NULL)
		return OK;
	out->grant = o.status == ORDER_PENDING ? GRANTED : GRANTED_LATE;
	o.payment = *p;
	return move_tx(c, &o, ORDER_PAID, BY_SETTLEMENT);
}

enum err order_list_overdue(struct ctx *c, int64_t limit, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_OVERDUE, ARGS(I64(c->now_ms), I64(limit)), outbox_found_fields,
		sizeof(struct outbox), limit, &rows));
	*out = rows.list;
	return OK;
}

struct timing_out {
	int64_t id;
	bool done;
};

static enum err time_out_tx(struct ctx *c, void *arg)
{
	struct timing_out *x = arg;
	struct order o = { 0 };
	bool open;

	x->done = false;
	TRY(order_lock_tx(c, x->id, true, &o));
	TRY(payment_has_open(c, PAYABLE_ORDER, x->id, &open));
	if (o.status != ORDER_PENDING || o.expires_at.ms > c->now_ms || open)
		return OK;
	x->done = true;
	return move_tx(c, &o, ORDER_CANCELLED, BY_TIMEOUT);
}

enum err order_time_out(struct ctx *c, int64_t id, bool *done)
{
	struct timing_out x = { .id = id };

	TRY(db_tx(c, time_out_tx, &x));
	*done = x.done;
	return OK;
}

/* SPDX-License-Identifier: MIT */
/* order.c - changes of orders by users and administrators. order_place.c creates them, order_view.c reads them. */
#include "shop/trade/order.h"

#include "ext/db.h"
#include "ext/entity.h"
#include "shop/books/journal.h"
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

static const char SQL_DELETE[] =
	"UPDATE orders SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL";

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

/* Lock a live order with its products, and with what else is told (order_lock_tx). */
static enum err lock_live_tx(struct ctx *c, const char *order_id, unsigned with, struct order *out)
{
	struct order found = { 0 };

	TRY(find_live(c, order_id, &found));
	TRY(order_lock_tx(c, &found, with | WITH_PRODUCTS, out));
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
	const bool given = field_has(order_change_fields, in, "status");
	const bool pays = given && in->status == ORDER_PAID;
	const bool refunds = given && in->status == ORDER_REFUNDED;
	bool moves, fixed, changed;

	if (pays)
		TRY(check_owner_tx(c, m));
	TRY(lock_live_tx(c, m->order_id, pays || refunds ? WITH_MEMBER : 0, o));
	TRY(check_unchanged_tx(c, m->order_id));
	moves = given && in->status != o->status;
	if (moves && !order_can_move(o, (enum order_status)in->status, BY_ADMIN))
		return fail(c, ERR_ORDER_TRANSITION, "status");
	changed = take_text(in, "payment_method", in->payment_method, &o->payment.method);
	changed |= take_text(in, "payment_id", in->payment_id, &o->payment.id);
	fixed = changed; /* the provider's data is fixed, an administrator's is journalled */
	if (fixed && o->payment.by == PAID_BY_PROVIDER)
		return fail(c, ERR_PAYMENT_FIXED, NULL);
	TRY(ship_tx(c, in, moves, o, &changed));
	if (moves && pays)
		TRY(pay_offline_tx(c, in, o));
	if (moves && refunds)
		return order_refunded_tx(c, o, o->total_amount);
	if (moves)
		return order_move_tx(c, o, (enum order_status)in->status, BY_ADMIN);
	if (!changed)
		return OK;
	if (o->payment.by == PAID_OFFLINE && fixed)
		TRY(note_offline_tx(c, o));
	o->updated_at.ms = c->now_ms;
	return order_write_tx(c, o, o->status);
}

enum err order_update(
	struct ctx *c, const char *order_id, const struct order_change *in, struct order *out)
{
	return db_tx(c, update_tx, &(struct moving){ .order_id = order_id, .in = in, .out = out });
}

static enum err step_tx(struct ctx *c, void *arg)
{
	const struct moving *m = arg;

	TRY(lock_live_tx(c, m->order_id, 0, m->out));
	return order_move_tx(c, m->out, m->to, m->by);
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

	TRY(lock_live_tx(c, arg, 0, &o));
	if (o.status == ORDER_PAID || o.status == ORDER_SHIPPED)
		return fail(c, ERR_ORDER_TRANSITION, "status");
	if (o.status == ORDER_PENDING)
		TRY(order_move_tx(c, &o, ORDER_CANCELLED, BY_ADMIN));
	TRY(journal_add_tx(c, "delete", o.order_id, NULL));
	return db_exec_one(c, SQL_DELETE, ARGS(I64(c->now_ms), I64(o.id)));
}

enum err order_delete(struct ctx *c, const char *order_id)
{
	return db_tx(c, delete_tx, (void *)(uintptr_t)order_id);
}

/* SPDX-License-Identifier: MIT */
/* order_settle.c - what settlement and jobs do with orders: payments granted, deadlines passed. */
#include "ext/db.h"
#include "shop/books/outbox.h"
#include "shop/catalogue/product.h"
#include "shop/trade/order_sql.h"

static const char SQL_OVERDUE[] =
	"SELECT o.id AS ref_id FROM orders o FORCE INDEX (by_deadline) LEFT JOIN outbox b "
	"ON b.kind = " SQL(OUTBOX_CLOSE_ORDER) " AND b.ref_id = o.id "
	"WHERE o.status = " SQL(ORDER_PENDING) " AND o.expires_at <= ? AND b.outbox_id IS NULL "
	"AND NOT EXISTS (SELECT 1 FROM payment_attempts a "
	"WHERE a.payable_kind = " SQL(PAYABLE_ORDER) " AND a.open_payable_id = o.id) "
	"ORDER BY o.expires_at LIMIT ?";

/* The points that a cancelled order released are held again, if its buyer still has them. */
static enum err hold_again_tx(struct ctx *c, const struct order *o, const char **why)
{
	const enum err e = order_hold_points_tx(c, o);

	if (e != ERR_INSUFFICIENT_POINTS && e != ERR_POINTS_EXPIRED && e != ERR_MEMBER_STATUS)
		return e;
	c->fault = NULL;
	*why = err_info(e)->code;
	return OK;
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
	TRY(order_lock_products_tx(c, o->id, &lines)); /* already locked by us */
	l = lines.rows;
	for (int64_t i = 0; i < lines.n; i++)
		if (l[i].status == PRODUCT_DELETED || l[i].stock < l[i].quantity)
			*why = "OUT_OF_STOCK";
	return *why == NULL ? hold_again_tx(c, o, why) : OK;
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
	return order_move_tx(c, &o, ORDER_PAID, BY_SETTLEMENT);
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
	TRY(order_lock_to_cancel_tx(c, x->id, &o));
	TRY(payment_has_open(c, PAYABLE_ORDER, x->id, &open));
	if (o.status != ORDER_PENDING || o.expires_at.ms > c->now_ms || open)
		return OK;
	x->done = true;
	return order_move_tx(c, &o, ORDER_CANCELLED, BY_TIMEOUT);
}

enum err order_time_out(struct ctx *c, int64_t id, bool *done)
{
	struct timing_out x = { .id = id };

	TRY(db_tx(c, time_out_tx, &x));
	*done = x.done;
	return OK;
}

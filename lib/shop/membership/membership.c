/* SPDX-License-Identifier: MIT */
/*
 * membership.c - locking and writing of membership orders. They are quoted and created in
 * membership_create.c, paid in membership_pay.c, closed in membership_close.c, and read in
 * membership_view.c.
 */
#include "ext/db.h"
#include "shop/books/webhook_delivery.h"
#include "shop/membership/membership_internal.h"
#include "shop/money/payment.h"

static const struct field notification_fields[] = {
	FIELD(struct membership_order, order_no),
	FIELD(struct membership_order, user_id),
	FIELD_WITH(struct membership_order, plan_id, .flags = F_NULL),
	FIELD(struct membership_order, plan_name),
	FIELD(struct membership_order, order_type),
	FIELD(struct membership_order, level),
	FIELD(struct membership_order, days),
	FIELD_WITH(struct membership_order, amount, .flags = F_TEXT),
	{ .name = "paid_at", FIELD_AT(struct membership_order, payment.at), .flags = F_NULL },
	FIELD(struct membership_order, updated_at),
	FIELD_END,
};

static const char SQL_LOCK[] =
	"SELECT " MEMBERSHIP_COLUMNS " FROM membership_orders o WHERE o.id = ? FOR UPDATE";
static const char SQL_PENDING[] =
	"SELECT " MEMBERSHIP_COLUMNS
	" FROM membership_orders o WHERE o.pending_user_id = ? FOR UPDATE";
static const char SQL_REFUNDING[] =
	"SELECT id FROM membership_orders FORCE INDEX (by_user_status) WHERE user_id = ? "
	"AND status = " SQL(MEMBERSHIP_REFUNDING) " LIMIT 1";
/* the current status is the guard: of two concurrent changes the second has no effect */
static const char SQL_WRITE[] =
	"UPDATE membership_orders SET " MEMBERSHIP_STATE(SQL_SET) "pending_user_id = NULL, "
	"updated_at = ? WHERE id = ? AND status = ?";

enum err membership_is_refunding(struct ctx *c, int64_t user_id, bool *refunding)
{
	int64_t order;

	TRY(db_int64(c, SQL_REFUNDING, ARGS(I64(user_id)), &order));
	*refunding = order != 0;
	return OK;
}

enum err membership_pending_tx(
	struct ctx *c, int64_t user_id, struct membership_order *out, bool *found)
{
	*out = (struct membership_order){ 0 };
	return db_find(c, SQL_PENDING, ARGS(I64(user_id)), membership_order_fields, out, found);
}

enum err membership_lock_tx(struct ctx *c, int64_t id, struct membership *out)
{
	/* *out may be the order asked for, and is needed again on a retry */
	struct membership m = { 0 };

	TRY(membership_read(c, id, &m.order)); /* its user never changes */
	TRY(entitlement_lock_tx(c, m.order.user_id, &m.entitlement));
	TRY(db_one(c, SQL_LOCK, ARGS(I64(id)), membership_order_fields, &m.order));
	membership_show(c, &m.order);
	TRY(membership_is_refunding(c, m.order.user_id, &m.refunding));
	*out = m;
	return OK;
}

enum err membership_move_tx(struct ctx *c, struct membership_order *row, enum membership_status to)
{
	const int64_t from = row->status;

	row->status = to;
	row->updated_at.ms = c->now_ms;
	TRY(db_exec_one(c, SQL_WRITE,
		ARGS(MEMBERSHIP_STATE(ROW_MEMBER) AT(row->updated_at), I64(row->id), I64(from))));
	membership_show(c, row);
	return OK;
}

enum err membership_notify_tx(
	struct ctx *c, enum webhook_type type, const struct membership_order *o)
{
	return webhook_notify_tx(c, type, notification_fields, o);
}

enum err membership_cancel_pending_tx(struct ctx *c, struct membership_order *o)
{
	TRY(membership_move_tx(c, o, MEMBERSHIP_CANCELLED));
	return payment_release_tx(c, PAYABLE_MEMBERSHIP, o->id);
}

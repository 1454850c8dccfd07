/* SPDX-License-Identifier: MIT */
/* membership_close.c - cancels, expires and refunds membership orders. */
#include "ext/db.h"
#include "shop/books/idempotency.h"
#include "shop/books/journal.h"
#include "shop/books/outbox.h"
#include "shop/membership/membership_internal.h"
#include "shop/membership/vip.h"
#include "shop/money/paid.h"

static const char SQL_OVERDUE[] =
	"SELECT m.id AS ref_id FROM membership_orders m FORCE INDEX (by_deadline) "
	"LEFT JOIN outbox b ON b.kind = " SQL(OUTBOX_CLOSE_MEMBERSHIP) " AND b.ref_id = m.id "
	"WHERE m.status = " SQL(MEMBERSHIP_PENDING) " AND m.expires_at <= ? "
	"AND b.outbox_id IS NULL "
	"ORDER BY m.expires_at LIMIT ?";
static const char SQL_EXPIRE[] =
	"UPDATE membership_orders "
	"SET status = " SQL(MEMBERSHIP_EXPIRED) ", pending_user_id = NULL, updated_at = ? "
	"WHERE id = ? AND status = " SQL(MEMBERSHIP_PENDING) " AND expires_at <= ?";

/* ---- cancelling ---- */

static enum err cancel_tx(struct ctx *c, void *arg)
{
	struct membership_order *o = arg;
	struct membership m;
	int64_t replayed_id;
	enum err e;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0)
		return membership_read(c, replayed_id, o);
	TRY(membership_lock_tx(c, o->id, &m));
	*o = m.order;
	e = membership_pay_error(c, o);
	if (e != OK)
		return fail(c, e, NULL);
	TRY(membership_cancel_pending_tx(c, o));
	return idempotency_end_tx(c, o->id, 200);
}

enum err membership_cancel(struct ctx *c, const char *order_no, struct membership_order *out)
{
	TRY(membership_get(c, order_no, out));
	return db_tx(c, cancel_tx, out);
}

enum err membership_user_close_tx(struct ctx *c, int64_t user_id)
{
	struct membership_order pending;
	bool refunding, vip, found;

	TRY(membership_is_refunding(c, user_id, &refunding));
	TRY(vip_is_live(c, user_id, &vip));
	if (refunding || vip)
		return fail(c, ERR_USER_IN_USE, NULL);
	TRY(membership_pending_tx(c, user_id, &pending, &found));
	return found ? membership_cancel_pending_tx(c, &pending) : OK;
}

enum err membership_list_overdue(struct ctx *c, int64_t limit, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_OVERDUE, ARGS(I64(c->now_ms), I64(limit)), outbox_found_fields,
		sizeof(struct outbox), limit, &rows));
	*out = rows.list;
	return OK;
}

enum err membership_expire(struct ctx *c, int64_t id, bool *done)
{
	int64_t matched;

	TRY(db_exec(c, SQL_EXPIRE, ARGS(I64(c->now_ms), I64(id), I64(c->now_ms)), &matched));
	*done = matched == 1;
	return OK;
}

/* ---- refunding ---- */

enum err membership_begin_refund_tx(struct ctx *c, struct membership *m)
{
	if (m->refunding)
		return fail(c, ERR_REFUND_UNDER_WAY, NULL);
	if (m->order.status != MEMBERSHIP_PAID)
		return fail(c, ERR_ORDER_TRANSITION, "action");
	TRY(invariant_checked(c,
		entitlement_refund(
			&m->entitlement.now, m->order.id, ctx_now_s(c), m->entitlement.version + 1),
		"a change of segments without a new version"));
	TRY(entitlement_save_tx(c, &m->entitlement));
	m->refunding = true;
	TRY(journal_add_tx(c, "refund", m->order.order_no, NULL));
	return membership_move_tx(c, &m->order, MEMBERSHIP_REFUNDING);
}

enum err membership_refunded_tx(struct ctx *c, struct membership *m)
{
	bool all;

	TRY(paid_refunded_tx(c,
		&(struct charge){ PAYABLE_MEMBERSHIP, m->order.id, { .paid = m->order.amount } },
		(enum paid_by)m->order.payment.by, MONEY_ZERO, &all));
	if (!all)
		return OK;
	/* a refund made elsewhere has not revoked the grant yet */
	if (m->order.status == MEMBERSHIP_PAID)
		TRY(membership_begin_refund_tx(c, m));
	if (m->order.status != MEMBERSHIP_REFUNDING)
		return fail(c, ERR_ORDER_TRANSITION, "action");
	m->refunding = false;
	TRY(membership_move_tx(c, &m->order, MEMBERSHIP_REFUNDED));
	return membership_notify_tx(c, WEBHOOK_MEMBERSHIP_REFUNDED, &m->order);
}

enum err membership_undo_refund_tx(struct ctx *c, struct membership *m)
{
	if (m->order.status != MEMBERSHIP_REFUNDING)
		return fail(c, ERR_ORDER_TRANSITION, "action");
	TRY(invariant_checked(c, entitlement_refund_undo(&m->entitlement.now, m->order.id),
		"a refund that is not the latest change is undone"));
	TRY(entitlement_save_tx(c, &m->entitlement));
	m->refunding = false;
	return membership_move_tx(c, &m->order, MEMBERSHIP_PAID);
}

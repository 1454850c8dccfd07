/* SPDX-License-Identifier: MIT */
#include "flow/payable.h"

#include "shop/people/user.h"

enum { NO_MAX = 64 };

/* The operations of a kind. */
struct ops {
	enum err (*find)(struct ctx *c, const char *no, struct payable *out);
	enum err (*read)(struct ctx *c, int64_t id, struct payable *out);
	enum err (*lock_tx)(struct ctx *c, int64_t id, struct payable *out);
	enum err (*touch_tx)(
		struct ctx *c, const struct payable *p); /* NULL: locking also writes */
	enum err (*grant_tx)(
		struct ctx *c, struct payable *p, const struct payment *paid, struct granting *out);
	enum err (*lock_all_tx)(struct ctx *c, int64_t id, struct payable *out);
	enum err (*back_tx)(struct ctx *c, struct payable *p, money amount);
	enum err (*restore_tx)(struct ctx *c, struct payable *p); /* NULL: nothing was revoked */
	/* NULL: it expires by the clock alone, independent of attempts */
	enum err (*time_out)(struct ctx *c, int64_t id, bool *done);
};

/* ---- shop orders ---- */

static enum err pay_error(const struct ctx *c, const struct order *o)
{
	if (o->status == ORDER_PAID || o->status == ORDER_SHIPPED || o->status == ORDER_COMPLETED)
		return ERR_ORDER_PAID;
	if (o->status != ORDER_PENDING || o->deleted_at.ms != 0)
		return ERR_ORDER_NOT_PENDING;
	return o->expires_at.ms <= c->now_ms ? ERR_ORDER_EXPIRED : OK;
}

static void fill_order(struct ctx *c, struct payable *p)
{
	const struct order *o = &p->order;

	p->kind = PAYABLE_ORDER;
	p->id = o->id;
	p->no = o->order_id;
	p->title = arena_printf(&c->arena, "订单 %s", o->order_id);
	p->user_id = o->user_id;
	p->status = (opt_i64){ o->status, true };
	p->amount = o->total_amount;
	p->deadline_ms = o->expires_at.ms;
	p->pending = o->status == ORDER_PENDING;
	p->refunded = o->status == ORDER_REFUNDED;
	p->pay_error = pay_error(c, o);
}

static enum err find_order(struct ctx *c, const char *no, struct payable *out)
{
	TRY(order_find(c, no, &out->order));
	if (out->order.deleted_at.ms != 0)
		return ERR_NOT_FOUND;
	fill_order(c, out);
	return OK;
}

static enum err read_order(struct ctx *c, int64_t id, struct payable *out)
{
	TRY(order_read(c, id, &out->order));
	fill_order(c, out);
	return OK;
}

static enum err lock_order_tx(struct ctx *c, int64_t id, struct payable *out)
{
	TRY(order_lock_for_grant_tx(c, id, &out->order));
	fill_order(c, out);
	return OK;
}

static enum err touch_order_tx(struct ctx *c, const struct payable *p)
{
	return order_touch_tx(c, &p->order);
}

static enum err grant_order_tx(
	struct ctx *c, struct payable *p, const struct payment *paid, struct granting *out)
{
	return order_grant_tx(c, &p->order, paid, out);
}

static enum err lock_order_all_tx(struct ctx *c, int64_t id, struct payable *out)
{
	TRY(order_lock_to_refund_tx(c, id, &out->order));
	fill_order(c, out);
	return OK;
}

static enum err refunded_order_tx(struct ctx *c, struct payable *p, money amount)
{
	return order_refunded_tx(c, &p->order, amount);
}

/* ---- membership orders ---- */

static void fill_membership(struct ctx *c, struct payable *p)
{
	const struct membership_order *o = &p->membership.order;

	p->kind = PAYABLE_MEMBERSHIP;
	p->id = o->id;
	p->no = o->order_no;
	p->title = arena_printf(&c->arena, "会员 %s", o->plan_name);
	p->user_id = o->user_id;
	p->status_name = o->status_name;
	p->amount = o->amount;
	p->deadline_ms = o->expires_at.ms;
	p->pending = o->status == MEMBERSHIP_PENDING;
	p->refunded = o->status == MEMBERSHIP_REFUNDED;
	p->pay_error = membership_pay_error(c, o);
}

static enum err find_membership(struct ctx *c, const char *no, struct payable *out)
{
	TRY(membership_find(c, no, &out->membership.order));
	fill_membership(c, out);
	return OK;
}

static enum err read_membership(struct ctx *c, int64_t id, struct payable *out)
{
	TRY(membership_read(c, id, &out->membership.order));
	fill_membership(c, out);
	return OK;
}

static enum err lock_membership_tx(struct ctx *c, int64_t id, struct payable *out)
{
	TRY(membership_lock_tx(c, id, &out->membership));
	fill_membership(c, out);
	out->pay_error = membership_pay_error_locked(c, &out->membership);
	return OK;
}

static enum err grant_membership_tx(
	struct ctx *c, struct payable *p, const struct payment *paid, struct granting *out)
{
	return membership_grant_tx(c, &p->membership, paid, out);
}

static enum err refunded_membership_tx(struct ctx *c, struct payable *p, money amount)
{
	(void)amount;
	return membership_refunded_tx(c, &p->membership);
}

static enum err restore_membership_tx(struct ctx *c, struct payable *p)
{
	return membership_undo_refund_tx(c, &p->membership);
}

/* ---- the table ---- */

static const struct ops kinds[] = {
	[PAYABLE_ORDER] = { find_order, read_order, lock_order_tx, touch_order_tx, grant_order_tx,
		lock_order_all_tx, refunded_order_tx, NULL, order_time_out },
	[PAYABLE_MEMBERSHIP] = { find_membership, read_membership, lock_membership_tx, NULL,
		grant_membership_tx, lock_membership_tx, refunded_membership_tx,
		restore_membership_tx, NULL },
};

enum err payable_find(struct ctx *c, const char *no, struct payable *out)
{
	/* numbers are ASCII; comparing other text would be a collation error */
	if (!str_is_id(no, NO_MAX))
		return ERR_NOT_FOUND;
	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
		enum err e;

		if (kinds[kind].find == NULL)
			continue;
		e = kinds[kind].find(c, no, out);
		if (e != ERR_NOT_FOUND)
			return e;
	}
	return ERR_NOT_FOUND;
}

/* The kind in a row may be invalid. */
static enum err ops_of(const struct ctx *c, enum payable_kind kind, const struct ops **out)
{
	if ((size_t)kind >= ARRAY_LEN(kinds) || kinds[kind].read == NULL)
		return invariant_violated(c, "a payment of an unknown kind of payable");
	*out = &kinds[kind];
	return OK;
}

enum err payable_read(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out)
{
	const struct ops *ops = NULL;

	TRY(ops_of(c, kind, &ops));
	return ops->read(c, id, out);
}

enum err payable_lock_tx(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out)
{
	const struct ops *ops = NULL;

	TRY(ops_of(c, kind, &ops));
	return ops->lock_tx(c, id, out);
}

enum err payable_lock_user_tx(struct ctx *c, const struct payable *p)
{
	bool live;

	return user_lock_tx(c, p->user_id, &live);
}

enum err payable_touch_tx(struct ctx *c, const struct payable *p)
{
	return kinds[p->kind].touch_tx != NULL ? kinds[p->kind].touch_tx(c, p) : OK;
}

enum err payable_grant_tx(
	struct ctx *c, struct payable *p, const struct payment *paid, struct granting *out)
{
	return kinds[p->kind].grant_tx(c, p, paid, out);
}

enum err payable_lock_all_tx(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out)
{
	const struct ops *ops = NULL;

	TRY(ops_of(c, kind, &ops));
	return ops->lock_all_tx(c, id, out);
}

enum err payable_refunded_tx(struct ctx *c, struct payable *p, money amount)
{
	return kinds[p->kind].back_tx(c, p, amount);
}

enum err payable_restore_tx(struct ctx *c, struct payable *p)
{
	return kinds[p->kind].restore_tx != NULL ? kinds[p->kind].restore_tx(c, p) : OK;
}

enum err payable_time_out(struct ctx *c, enum payable_kind kind, int64_t id, bool *done)
{
	*done = false;
	return kinds[kind].time_out != NULL ? kinds[kind].time_out(c, id, done) : OK;
}

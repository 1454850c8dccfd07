/* SPDX-License-Identifier: MIT */
/* membership_pay.c - grants for a payment: through a provider, by card, or simulated. */
#include "ext/db.h"
#include "shop/books/idempotency.h"
#include "shop/membership/membership_internal.h"
#include "shop/money/paid.h"

/* ---- checks ---- */

/* Is the quote still valid for the current entitlement (BEHAVIOUR 28)? *q is the one to grant by. */
static bool quote_is_valid(const struct ctx *c, const struct membership *m, struct quote *q)
{
	const struct membership_order *o = &m->order;
	const struct offer offer = { o->price, o->plan_days, o->level };

	*q = (struct quote){ o->kind, o->level, o->days, o->price, o->discount, o->amount,
		o->value };
	if (m->entitlement.version == o->quote_version)
		return true;
	return entitlement_quote(&m->entitlement.now, &offer, ctx_now_s(c), q) == OK &&
	       q->kind == o->kind && money_cmp(q->amount, o->amount) <= 0;
}

enum err membership_pay_error(const struct ctx *c, const struct membership_order *o)
{
	if (o->status == MEMBERSHIP_PAID)
		return ERR_ORDER_PAID;
	if (o->status == MEMBERSHIP_EXPIRED ||
		(o->status == MEMBERSHIP_PENDING && o->expires_at.ms <= c->now_ms))
		return ERR_ORDER_EXPIRED;
	return o->status == MEMBERSHIP_PENDING ? OK : ERR_ORDER_NOT_PENDING;
}

static enum err pay_error_now(const struct ctx *c, const struct membership *m)
{
	TRY(membership_pay_error(c, &m->order));
	return m->refunding ? ERR_REFUND_UNDER_WAY : OK;
}

enum err membership_pay_error_locked(const struct ctx *c, const struct membership *m)
{
	struct quote q;

	TRY(pay_error_now(c, m));
	return quote_is_valid(c, m, &q) && money_cmp(q.amount, m->order.amount) == 0
		       ? OK
		       : ERR_QUOTE_CHANGED;
}

/* ---- granting ---- */

/* Why a payment can't be granted, regardless of the quote; NULL: it can. */
static const char *blocked_by(const struct membership *m)
{
	switch ((enum membership_status)m->order.status) {
	case MEMBERSHIP_PAID:
		return "ALREADY_PAID";
	case MEMBERSHIP_REFUNDING:
	case MEMBERSHIP_REFUNDED:
		return "ALREADY_REFUNDED";
	case MEMBERSHIP_PENDING:
	case MEMBERSHIP_CANCELLED:
	case MEMBERSHIP_EXPIRED:
		break;
	}
	if (!m->entitlement.live)
		return "USER_DELETED";
	return m->refunding ? "REFUND_UNDER_WAY" : NULL;
}

/* Why a payment can't be granted now; NULL: it can, by *q. */
static const char *refusal(const struct ctx *c, const struct membership *m, struct quote *q)
{
	const char *why = blocked_by(m);

	return why == NULL && !quote_is_valid(c, m, q) ? "QUOTE_CHANGED" : why;
}

/* Now; or the time of the quote, if the clock was set back before it. */
static int64_t granted_s(const struct ctx *c, const struct membership *m, const struct quote *q)
{
	const int64_t now_s = ctx_now_s(c), quoted_s = m->order.created_at.ms / SECOND_MS;

	return now_s < quoted_s && !entitlement_quote_is_valid(&m->entitlement.now, q, now_s)
		       ? quoted_s
		       : now_s;
}

enum err membership_grant_tx(
	struct ctx *c, struct membership *m, const struct payment *p, struct granting *out)
{
	struct membership_order *o = &m->order;
	const bool pending = o->status == MEMBERSHIP_PENDING;
	const bool late = !pending || o->expires_at.ms <= c->now_ms;
	struct quote q;

	*out = (struct granting){ .grant = NOT_GRANTED, .reason = refusal(c, m, &q) };
	if (out->reason != NULL) /* the money is refunded; the order is no longer pending */
		return pending ? membership_cancel_pending_tx(c, o) : OK;
	TRY(invariant_checked(c,
		entitlement_grant(&m->entitlement.now, o->id, &q, q.amount, granted_s(c, m, &q),
			m->entitlement.version + 1),
		"a quote that can't be granted"));
	TRY(entitlement_save_tx(c, &m->entitlement));
	o->kind = m->entitlement.now.rows[m->entitlement.now.n - 1].kind;
	out->overpaid = money_sub(o->amount, q.amount);
	o->discount = q.discount;
	o->amount = q.amount;
	o->days = q.days;
	o->value = q.value;
	o->payment = *p;
	out->grant = late ? GRANTED_LATE : GRANTED;
	TRY(membership_move_tx(c, o, MEMBERSHIP_PAID));
	TRY(membership_notify_tx(c, WEBHOOK_MEMBERSHIP_GRANTED, o));
	return paid_tx(c, &(struct charge){ PAYABLE_MEMBERSHIP, o->id, { .paid = o->amount } },
		&o->payment);
}

/* ---- the simulated payment ---- */

struct paying {
	const char *payment_method;
	struct membership m;
};

static enum err pay_tx(struct ctx *c, void *arg)
{
	struct paying *x = arg;
	struct payment paid = { .by = PAID_OFFLINE, .method = x->payment_method };
	struct granting g;
	int64_t replayed_id;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0)
		return membership_read(c, replayed_id, &x->m.order);
	TRY(membership_lock_tx(c, x->m.order.id, &x->m));
	TRY(pay_error_now(c, &x->m));
	paid.at.ms = c->now_ms; /* set by entitlement_lock_tx */
	TRY(membership_grant_tx(c, &x->m, &paid, &g));
	if (g.grant == NOT_GRANTED)
		return ERR_QUOTE_CHANGED;
	return idempotency_end_tx(c, x->m.order.id, 200);
}

/*
 * Cancel an order that can never be granted. In its own transaction: the one that detected
 * it is rolled back, with its idempotency key.
 */
static enum err drop_tx(struct ctx *c, void *arg)
{
	struct membership *m = arg;
	struct quote q;

	TRY(membership_lock_tx(c, m->order.id, m));
	if (pay_error_now(c, m) != OK || refusal(c, m, &q) == NULL)
		return OK;
	return membership_cancel_pending_tx(c, &m->order);
}

enum err membership_pay_simulated(struct ctx *c, const char *order_no, const char *payment_method,
	struct membership_order *out)
{
	struct paying x = { .payment_method = payment_method };
	enum err e;

	if (!c->conf->payment_simulation)
		return ERR_SIMULATION_OFF;
	TRY(membership_find(c, order_no, &x.m.order));
	if (x.m.order.user_id != c->actor.user_id)
		return ERR_FORBIDDEN;
	if (strcmp(payment_method, "ALIPAY") != 0 && strcmp(payment_method, "WECHAT") != 0)
		return fail(c, ERR_PAYMENT_METHOD, "payment_method");
	e = db_tx(c, pay_tx, &x);
	if (e == ERR_QUOTE_CHANGED)
		TRY(db_tx(c, drop_tx, &x.m));
	*out = x.m.order;
	return e;
}

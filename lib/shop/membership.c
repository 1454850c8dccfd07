/* membership.c - how membership orders come into being and change. membership_view.c shows them. */
#include "shop/membership.h"

#include <assert.h>

#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/idempotency.h"
#include "shop/journal.h"
#include "shop/membership_sql.h"
#include "shop/payment.h"
#include "shop/plan.h"

#define GIFT_NAME "赠送"

static const char SQL_LOCK[] =
	"SELECT " MEMBERSHIP_COLUMNS " FROM membership_orders o WHERE o.id = ? FOR UPDATE";
static const char SQL_PENDING[] =
	"SELECT " MEMBERSHIP_COLUMNS
	" FROM membership_orders o WHERE o.pending_user_id = ? FOR UPDATE";
static const char SQL_REFUNDING[] = "SELECT " MEMBERSHIP_COLUMNS
				    " FROM membership_orders o FORCE INDEX (by_user_status) "
				    "WHERE o.user_id = ? AND o.status = 4 LIMIT 1";
static const char SQL_INSERT[] =
	"INSERT INTO membership_orders (order_no, user_id, plan_id, plan_name, kind, level, price, "
	"plan_days, discount, amount, days, value, quote_version, status, pending_user_id, "
	"expires_at, created_at, updated_at) "
	"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
/* the present status is the guard: whoever comes second changes nothing */
static const char SQL_WRITE[] =
	"UPDATE membership_orders SET kind = ?, discount = ?, amount = ?, days = ?, value = ?, "
	"pending_user_id = NULL, status = ?, paid_by = ?, payment_method = ?, payment_id = ?, "
	"paid_at = ?, updated_at = ? WHERE id = ? AND status = ?";
static const char SQL_EXPIRE[] =
	"UPDATE membership_orders SET status = 3, pending_user_id = NULL, updated_at = ? "
	"WHERE status = 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?";

/* ---- locking and writing ---- */

static enum err is_refunding(struct ctx *c, int64_t user_id, bool *refunding)
{
	struct membership_order o = { 0 };

	return db_find(
		c, SQL_REFUNDING, ARGS(I64(user_id)), membership_order_fields, &o, refunding);
}

enum err membership_lock_tx(struct ctx *c, int64_t id, struct membership *out)
{
	*out = (struct membership){ 0 };
	TRY(membership_read(c, id, &out->order)); /* whose it is never changes */
	TRY(vip_lock_tx(c, out->order.user_id, &out->vip));
	TRY(db_one(c, SQL_LOCK, ARGS(I64(id)), membership_order_fields, &out->order));
	membership_show(c, &out->order);
	return is_refunding(c, out->order.user_id, &out->refunding);
}

/* Write a locked order that moves to another status. */
static enum err move_tx(struct ctx *c, struct membership_order *o, enum membership_status to)
{
	const int64_t from = o->status;

	o->status = to;
	o->updated_at.ms = c->now_ms;
	TRY(db_hit(c, SQL_WRITE,
		ARGS(I64(o->kind), FEN(o->discount), FEN(o->amount), I64(o->days), FEN(o->value),
			I64(to), I64(o->paid_by), TEXT(o->payment_method), TEXT(o->payment_id),
			AT(o->paid_at), AT(o->updated_at), I64(o->id), I64(from))));
	membership_show(c, o);
	return OK;
}

/* ---- quoting ---- */

static int64_t now_s(const struct ctx *c)
{
	return c->now_ms / SECOND_MS;
}

/* Does what was quoted still hold for what is entitled now (BEHAVIOUR 28)? *q is what to grant by. */
static bool quote_holds(const struct ctx *c, const struct membership *m, struct quote *q)
{
	const struct membership_order *o = &m->order;
	const struct offer offer = { o->price, o->plan_days, o->level };

	*q = (struct quote){ o->kind, o->level, o->days, o->price, o->discount, o->amount,
		o->value };
	if (m->vip.version == o->quote_version)
		return true;
	return entitlement_quote(&m->vip.now, &offer, now_s(c), q) == OK && q->kind == o->kind &&
	       money_cmp(q->amount, o->amount) <= 0;
}

enum err membership_why_not(const struct ctx *c, const struct membership_order *o)
{
	if (o->status == MEMBERSHIP_PAID)
		return ERR_ORDER_PAID;
	if (o->status == MEMBERSHIP_EXPIRED ||
		(o->status == MEMBERSHIP_PENDING && o->expires_at.ms <= c->now_ms))
		return ERR_ORDER_EXPIRED;
	return o->status == MEMBERSHIP_PENDING ? OK : ERR_ORDER_NOT_PENDING;
}

enum err membership_why_not_locked(const struct ctx *c, const struct membership *m)
{
	const enum err e = membership_why_not(c, &m->order);
	struct quote q;

	if (e != OK)
		return e;
	if (m->refunding)
		return ERR_REFUND_UNDER_WAY;
	return quote_holds(c, m, &q) && money_cmp(q.amount, m->order.amount) == 0
		       ? OK
		       : ERR_QUOTE_CHANGED;
}

static enum err quote_plan(
	struct ctx *c, const struct vip *v, const struct plan *plan, struct quote *out)
{
	const struct offer offer = { plan->price, plan->duration_days, plan->level };

	if (v->now.n == ENTITLEMENT_SEGMENTS_MAX)
		return fail(c, ERR_ENTITLEMENT_TOO_LONG, "plan_id");
	return entitlement_quote(&v->now, &offer, now_s(c), out);
}

enum err membership_quote(struct ctx *c, int64_t plan_id, struct membership_quote *out)
{
	struct plan plan = { 0 };
	bool refunding;
	struct quote q;
	struct vip v;

	TRY(plan_offered(c, plan_id, &plan));
	TRY(is_refunding(c, c->actor.user_id, &refunding));
	if (refunding)
		return fail(c, ERR_REFUND_UNDER_WAY, NULL);
	TRY(vip_read(c, c->actor.user_id, &v));
	TRY(quote_plan(c, &v, &plan, &q));
	*out = (struct membership_quote){
		.plan_id = plan.id,
		.plan_name = plan.name,
		.order_type = membership_kind_name(q.kind),
		.level = q.level,
		.days = q.days,
		.price = q.price,
		.discount = q.discount,
		.amount = q.amount,
	};
	return OK;
}

/* ---- coming into being ---- */

struct making {
	int64_t user_id, plan_id;
	struct offer gift;
	struct membership_order *out;
};

/* VIP, the day in the shop's zone, and 80 random bits: neither guessed nor counted (BEHAVIOUR 8). */
static const char *new_order_no(struct ctx *c)
{
	char day[CLOCK_TEXT_MAX];

	clock_shop_day(c->now_ms, day);
	return arena_printf(&c->arena, "VIP%s%s", day,
		crypto_random_text(&c->arena, "0123456789ABCDEFGHJKMNPQRSTVWXYZ", 16));
}

/* One pending order a user; one whose time is over doesn't block (BEHAVIOUR 23). */
static enum err make_way_tx(struct ctx *c, int64_t user_id)
{
	struct membership_order before = { 0 };
	bool found;

	TRY(db_find(c, SQL_PENDING, ARGS(I64(user_id)), membership_order_fields, &before, &found));
	if (!found)
		return OK;
	if (before.expires_at.ms > c->now_ms)
		return fail(c, ERR_PENDING_EXISTS, NULL);
	return move_tx(c, &before, MEMBERSHIP_EXPIRED);
}

/* An order of status PENDING or, where nothing waits for it, CANCELLED. */
static enum err insert_tx(
	struct ctx *c, const struct vip *v, const struct quote *q, struct membership_order *o)
{
	const opt_i64 pending = { v->user_id, o->status == MEMBERSHIP_PENDING };

	o->order_no = new_order_no(c);
	o->user_id = v->user_id;
	o->kind = q->kind;
	o->level = q->level;
	o->price = q->price;
	o->discount = q->discount;
	o->amount = q->amount;
	o->value = q->value;
	o->days = q->days;
	o->quote_version = v->version;
	o->expires_at.ms = c->now_ms + c->conf->order_pay_minutes * MINUTE_MS;
	o->created_at.ms = o->updated_at.ms = c->now_ms;
	TRY(db_insert(c, SQL_INSERT,
		ARGS(TEXT(o->order_no), I64(o->user_id), OPT(o->plan_id), TEXT(o->plan_name),
			I64(o->kind), I64(o->level), FEN(o->price), I64(o->plan_days),
			FEN(o->discount), FEN(o->amount), I64(o->days), FEN(o->value),
			I64(o->quote_version), I64(o->status), OPT(pending), AT(o->expires_at),
			AT(o->created_at), AT(o->updated_at)),
		&o->id));
	membership_show(c, o);
	return OK;
}

/* Where nothing is due, what was ordered is granted at once. */
static enum err grant_free_tx(
	struct ctx *c, struct vip *v, enum membership_paid_by by, struct membership_order *o)
{
	struct membership m = { .order = *o, .vip = *v };
	const struct membership_payment paid = { .by = by, .paid_ms = c->now_ms };
	struct membership_outcome outcome;

	TRY(membership_grant_tx(c, &m, &paid, &outcome));
	assert(outcome.grant != MEMBERSHIP_NOT_GRANTED);
	*o = m.order;
	return OK;
}

static enum err check_refunding_tx(struct ctx *c, int64_t user_id)
{
	bool refunding;

	TRY(is_refunding(c, user_id, &refunding));
	return refunding ? fail(c, ERR_REFUND_UNDER_WAY, NULL) : OK;
}

static enum err create_tx(struct ctx *c, void *arg)
{
	struct making *x = arg;
	struct plan plan = { 0 };
	struct quote q;
	struct vip v;
	int64_t made;

	TRY(idempotency_begin_tx(c, &made));
	if (made != 0)
		return membership_read(c, made, x->out);
	TRY(vip_lock_tx(c, x->user_id, &v));
	TRY(check_refunding_tx(c, x->user_id));
	TRY(make_way_tx(c, x->user_id));
	TRY(plan_offered_tx(c, x->plan_id, &plan));
	TRY(quote_plan(c, &v, &plan, &q));
	*x->out = (struct membership_order){
		.plan_id = { plan.id, true },
		.plan_name = plan.name,
		.plan_days = plan.duration_days,
	};
	TRY(insert_tx(c, &v, &q, x->out));
	if (q.amount.fen == 0)
		TRY(grant_free_tx(c, &v, MEMBERSHIP_NOTHING_DUE, x->out));
	return idempotency_end_tx(c, x->out->id, 200);
}

enum err membership_create(struct ctx *c, int64_t plan_id, struct membership_order *out)
{
	return db_tx(c, create_tx,
		&(struct making){ .user_id = c->actor.user_id, .plan_id = plan_id, .out = out });
}

static enum err give_tx(struct ctx *c, void *arg)
{
	struct making *x = arg;
	struct quote q;
	struct vip v;

	TRY(vip_lock_tx(c, x->user_id, &v));
	if (!v.live)
		return ERR_NOT_FOUND;
	TRY(check_refunding_tx(c, x->user_id));
	if (v.now.n == ENTITLEMENT_SEGMENTS_MAX)
		return fail(c, ERR_ENTITLEMENT_TOO_LONG, NULL);
	TRY(entitlement_quote_gift(&v.now, &x->gift, now_s(c), &q));
	/* it never waits, and so has room beside what this user has pending */
	*x->out = (struct membership_order){
		.plan_name = GIFT_NAME, .plan_days = x->gift.days, .status = MEMBERSHIP_CANCELLED
	};
	TRY(insert_tx(c, &v, &q, x->out));
	TRY(grant_free_tx(c, &v, MEMBERSHIP_GIFT, x->out));
	return journal_add_tx(c, "grant-vip", x->out->order_no,
		arena_printf(&c->arena, "user %lld, level %lld, %lld days", (long long)x->user_id,
			(long long)x->gift.level, (long long)x->gift.days));
}

enum err membership_give(
	struct ctx *c, int64_t user_id, int64_t level, int64_t days, struct membership_order *out)
{
	return db_tx(c, give_tx,
		&(struct making){
			.user_id = user_id, .gift = { MONEY_ZERO, days, level }, .out = out });
}

/* ---- being paid ---- */

/* Why a payment can't be granted, whatever was quoted; NULL: it can. */
static const char *obstacle(const struct membership *m)
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
	if (!m->vip.live)
		return "USER_DELETED";
	if (m->refunding)
		return "REFUND_UNDER_WAY";
	return m->vip.now.n == ENTITLEMENT_SEGMENTS_MAX ? "ENTITLEMENT_FULL" : NULL;
}

enum err membership_grant_tx(struct ctx *c, struct membership *m,
	const struct membership_payment *p, struct membership_outcome *out)
{
	struct membership_order *o = &m->order;
	const bool pending = o->status == MEMBERSHIP_PENDING;
	const bool late = !pending || o->expires_at.ms <= c->now_ms;
	struct quote q;

	*out = (struct membership_outcome){ .grant = MEMBERSHIP_NOT_GRANTED };
	out->reason = obstacle(m);
	if (out->reason == NULL && !quote_holds(c, m, &q))
		out->reason = "QUOTE_CHANGED";
	if (out->reason != NULL) /* the money goes back; nothing waits for it any more */
		return pending ? move_tx(c, o, MEMBERSHIP_CANCELLED) : OK;
	entitlement_grant(&m->vip.now, o->id, &q, q.amount, now_s(c), m->vip.version + 1);
	TRY(vip_save_tx(c, &m->vip));
	o->kind = m->vip.now.rows[m->vip.now.n - 1].kind;
	out->back = money_sub(o->amount, q.amount);
	o->discount = q.discount;
	o->amount = q.amount;
	o->days = q.days;
	o->value = q.value;
	o->paid_by = p->by;
	o->payment_method = p->method;
	o->payment_id = p->id;
	o->paid_at.ms = p->paid_ms;
	out->grant = late ? MEMBERSHIP_GRANTED_LATE : MEMBERSHIP_GRANTED;
	return move_tx(c, o, MEMBERSHIP_PAID);
}

struct paying {
	const char *payment_method;
	struct membership m;
};

static enum err pay_tx(struct ctx *c, void *arg)
{
	struct paying *x = arg;
	const struct membership_payment paid = { MEMBERSHIP_SIMULATED, x->payment_method, NULL,
		c->now_ms };
	struct membership_outcome outcome;
	int64_t made;
	enum err e;

	TRY(idempotency_begin_tx(c, &made));
	if (made != 0)
		return membership_read(c, made, &x->m.order);
	TRY(membership_lock_tx(c, x->m.order.id, &x->m));
	e = membership_why_not_locked(c, &x->m);
	if (e != OK)
		return fail(c, e, NULL);
	TRY(membership_grant_tx(c, &x->m, &paid, &outcome));
	assert(outcome.grant == MEMBERSHIP_GRANTED);
	TRY(payment_release_tx(c, PAYABLE_MEMBERSHIP, x->m.order.id));
	return idempotency_end_tx(c, x->m.order.id, 200);
}

/*
 * What could never be granted again waits for no money. A transaction of its own: the one
 * that found it out keeps nothing, and so no key.
 */
static enum err drop_tx(struct ctx *c, void *arg)
{
	struct membership *m = arg;

	TRY(membership_lock_tx(c, m->order.id, m));
	if (membership_why_not_locked(c, m) != ERR_QUOTE_CHANGED)
		return OK;
	TRY(move_tx(c, &m->order, MEMBERSHIP_CANCELLED));
	return payment_release_tx(c, PAYABLE_MEMBERSHIP, m->order.id);
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

/* ---- being cancelled ---- */

static enum err cancel_tx(struct ctx *c, void *arg)
{
	struct membership_order *o = arg;
	struct membership m;
	int64_t made;
	enum err e;

	TRY(idempotency_begin_tx(c, &made));
	if (made != 0)
		return membership_read(c, made, o);
	TRY(membership_lock_tx(c, o->id, &m));
	*o = m.order;
	e = membership_why_not(c, o);
	if (e != OK)
		return fail(c, e, NULL);
	TRY(move_tx(c, o, MEMBERSHIP_CANCELLED));
	TRY(payment_release_tx(c, PAYABLE_MEMBERSHIP, o->id));
	return idempotency_end_tx(c, o->id, 200);
}

enum err membership_cancel(struct ctx *c, const char *order_no, struct membership_order *out)
{
	TRY(membership_get(c, order_no, out));
	return db_tx(c, cancel_tx, out);
}

enum err membership_leave_user_tx(struct ctx *c, int64_t user_id)
{
	struct membership_order pending = { 0 };
	bool refunding, vip, found;

	TRY(is_refunding(c, user_id, &refunding));
	TRY(vip_is_live(c, user_id, &vip));
	if (refunding || vip)
		return fail(c, ERR_USER_IN_USE, NULL);
	TRY(db_find(c, SQL_PENDING, ARGS(I64(user_id)), membership_order_fields, &pending, &found));
	if (!found)
		return OK;
	TRY(move_tx(c, &pending, MEMBERSHIP_CANCELLED));
	return payment_release_tx(c, PAYABLE_MEMBERSHIP, pending.id);
}

enum err membership_expire(struct ctx *c, int64_t limit, int64_t *expired)
{
	return db_exec(c, SQL_EXPIRE, ARGS(I64(c->now_ms), I64(c->now_ms), I64(limit)), expired);
}

/* ---- being refunded ---- */

enum err membership_begin_refund_tx(struct ctx *c, struct membership *m)
{
	if (m->refunding)
		return fail(c, ERR_REFUND_UNDER_WAY, NULL);
	if (m->order.status != MEMBERSHIP_PAID)
		return fail(c, ERR_ORDER_TRANSITION, "action");
	TRY(entitlement_refund(&m->vip.now, m->order.id, now_s(c), m->vip.version + 1));
	TRY(vip_save_tx(c, &m->vip));
	m->refunding = true;
	TRY(journal_add_tx(c, "refund", m->order.order_no, NULL));
	return move_tx(c, &m->order, MEMBERSHIP_REFUNDING);
}

enum err membership_end_refund_tx(struct ctx *c, struct membership *m)
{
	if (m->order.status != MEMBERSHIP_REFUNDING)
		return fail(c, ERR_ORDER_TRANSITION, "action");
	m->refunding = false;
	return move_tx(c, &m->order, MEMBERSHIP_REFUNDED);
}

enum err membership_undo_refund_tx(struct ctx *c, struct membership *m)
{
	if (m->order.status != MEMBERSHIP_REFUNDING)
		return fail(c, ERR_ORDER_TRANSITION, "action");
	entitlement_refund_undo(&m->vip.now, m->order.id);
	TRY(vip_save_tx(c, &m->vip));
	m->refunding = false;
	return move_tx(c, &m->order, MEMBERSHIP_PAID);
}

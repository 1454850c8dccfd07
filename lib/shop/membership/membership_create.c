/* SPDX-License-Identifier: MIT */
/* membership_create.c - quotes and creates membership orders. */
#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/books/idempotency.h"
#include "shop/books/journal.h"
#include "shop/membership/membership_internal.h"
#include "shop/membership/plan.h"

#define GIFT_NAME "赠送"

static const char SQL_INSERT[] =
	"INSERT INTO membership_orders (" MEMBERSHIP_ROW(SQL_NAME) "pending_user_id, updated_at) "
	"VALUES (" MEMBERSHIP_ROW(SQL_MARK) "?, ?)";

/* ---- quoting ---- */

static enum err check_refunding(struct ctx *c, int64_t user_id)
{
	bool refunding;

	TRY(membership_is_refunding(c, user_id, &refunding));
	return refunding ? fail(c, ERR_REFUND_UNDER_WAY, NULL) : OK;
}

static enum err quote_plan(
	struct ctx *c, const struct entitlement_rows *v, const struct plan *plan, struct quote *out)
{
	const struct offer offer = { plan->price, plan->duration_days, plan->level };
	const enum err e =
		invariant_checked(c, entitlement_quote(&v->now, &offer, ctx_now_s(c), out),
			"an impossible plan or time in a quote");

	return e == OK ? OK : fail(c, e, "plan_id");
}

enum err membership_quote(struct ctx *c, int64_t plan_id, struct membership_quote *out)
{
	struct plan plan = { 0 };
	struct quote q;
	struct entitlement_rows v;

	TRY(plan_offered(c, plan_id, &plan));
	TRY(check_refunding(c, c->actor.user_id));
	TRY(entitlement_read(c, c->actor.user_id, &v));
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

/* ---- creating ---- */

struct making {
	int64_t user_id, plan_id;
	bool reuse; /* a pending order of this plan will do */
	const char *
		step; /* of a request that goes on with its payment; NULL: it ends with the order */
	struct offer gift;
	struct membership_order *out;
};

/* VIP, the day in the shop's zone, and 80 random bits: can't be guessed or enumerated (BEHAVIOUR 8). */
static const char *new_order_no(struct ctx *c)
{
	char day[CLOCK_TEXT_MAX];

	clock_shop_day(c->now_ms, day);
	return arena_printf(&c->arena, "VIP%s%s", day, crypto_random_text(&c->arena, BASE32, 16));
}

/*
 * One pending order per user (BEHAVIOUR 23); an expired one doesn't block, nor does one that
 * can't be paid any more because the entitlement changed.
 */
static enum err clear_pending_tx(
	struct ctx *c, const struct entitlement_rows *v, const struct making *x, bool *reused)
{
	struct membership before = { .entitlement = *v };
	enum err pay_error;
	bool found;

	*reused = false;

	TRY(membership_pending_tx(c, v->user_id, &before.order, &found));
	if (!found)
		return OK;
	if (before.order.expires_at.ms <= c->now_ms)
		return membership_move_tx(c, &before.order, MEMBERSHIP_EXPIRED);
	pay_error = membership_pay_error_locked(c, &before);
	if (pay_error == ERR_QUOTE_CHANGED)
		return membership_cancel_pending_tx(c, &before.order);
	*reused = x->reuse && pay_error == OK && before.order.plan_id.n == x->plan_id;
	if (!*reused)
		return fail(c, ERR_PENDING_EXISTS, NULL);
	*x->out = before.order;
	membership_show(c, x->out);
	return OK;
}

/* An order of status PENDING or, for a payment without an order, CANCELLED. */
static enum err insert_tx(struct ctx *c, const struct entitlement_rows *v, const struct quote *q,
	struct membership_order *row)
{
	const opt_i64 pending = { v->user_id, row->status == MEMBERSHIP_PENDING };

	row->order_no = new_order_no(c);
	row->user_id = v->user_id;
	row->kind = q->kind;
	row->level = q->level;
	row->price = q->price;
	row->discount = q->discount;
	row->amount = q->amount;
	row->value = q->value;
	row->days = q->days;
	row->quote_version = v->version;
	row->expires_at.ms = c->now_ms + c->conf->order_pay_minutes * MINUTE_MS;
	row->created_at.ms = row->updated_at.ms = c->now_ms;
	TRY(db_insert(c, SQL_INSERT,
		ARGS(MEMBERSHIP_ROW(ROW_MEMBER) OPT(pending), AT(row->updated_at)), &row->id));
	membership_show(c, row);
	return OK;
}

/* An order with nothing due is granted at once. */
static enum err grant_free_tx(
	struct ctx *c, struct entitlement_rows *v, enum paid_by by, struct membership_order *o)
{
	struct membership m = { .order = *o, .entitlement = *v };
	struct granting g;

	TRY(membership_grant_tx(c, &m, &(struct payment){ .by = by, .at.ms = c->now_ms }, &g));
	if (g.grant == NOT_GRANTED)
		return invariant_violated(c, "an order with nothing due can't be granted");
	*o = m.order;
	return OK;
}

static enum err create_tx(struct ctx *c, void *arg)
{
	struct making *x = arg;
	struct plan plan = { 0 };
	struct quote q;
	struct entitlement_rows v;
	int64_t replayed_id;
	bool reused;

	TRY(idempotency_begin_step_tx(c, x->step, &replayed_id));
	if (replayed_id != 0)
		return membership_read(c, replayed_id, x->out);
	TRY(entitlement_lock_tx(c, x->user_id, &v));
	if (!v.live) /* deleted while waiting for the lock */
		return ERR_UNAUTHENTICATED;
	TRY(check_refunding(c, x->user_id));
	TRY(clear_pending_tx(c, &v, x, &reused));
	if (reused)
		return idempotency_end_step_tx(c, x->step, x->out->id, 200);
	TRY(plan_offered_tx(c, x->plan_id, &plan));
	TRY(quote_plan(c, &v, &plan, &q));
	*x->out = (struct membership_order){
		.plan_id = { plan.id, true },
		.plan_name = plan.name,
		.plan_days = plan.duration_days,
	};
	TRY(insert_tx(c, &v, &q, x->out));
	if (q.amount.fen == 0)
		TRY(grant_free_tx(c, &v, PAID_NOTHING_DUE, x->out));
	return idempotency_end_step_tx(c, x->step, x->out->id, 200);
}

enum err membership_create(struct ctx *c, int64_t plan_id, struct membership_order *out)
{
	return db_tx(c, create_tx,
		&(struct making){ .user_id = c->actor.user_id, .plan_id = plan_id, .out = out });
}

enum err membership_create_or_reuse(struct ctx *c, int64_t plan_id, struct membership_order *out)
{
	return db_tx(c, create_tx,
		&(struct making){ .user_id = c->actor.user_id,
			.plan_id = plan_id,
			.reuse = true,
			.step = "order",
			.out = out });
}

static enum err give_tx(struct ctx *c, void *arg)
{
	struct making *x = arg;
	struct quote q;
	struct entitlement_rows v;

	TRY(entitlement_lock_tx(c, x->user_id, &v));
	if (!v.live)
		return ERR_NOT_FOUND;
	TRY(check_refunding(c, x->user_id));
	TRY(invariant_checked(c, entitlement_quote_gift(&v.now, &x->gift, ctx_now_s(c), &q),
		"an impossible gift or time in a quote"));
	/* never pending, so it doesn't conflict with the user's pending order */
	*x->out = (struct membership_order){
		.plan_name = GIFT_NAME, .plan_days = x->gift.days, .status = MEMBERSHIP_CANCELLED
	};
	TRY(insert_tx(c, &v, &q, x->out));
	TRY(grant_free_tx(c, &v, PAID_GIFT, x->out));
	return journal_add_tx(c, "grant-vip", x->out->order_no,
		arena_printf(&c->arena, "user %lld, level %lld, %lld days", (long long)x->user_id,
			(long long)x->gift.level, (long long)x->gift.days));
}

enum err membership_gift(
	struct ctx *c, int64_t user_id, int64_t level, int64_t days, struct membership_order *out)
{
	return db_tx(c, give_tx,
		&(struct making){
			.user_id = user_id, .gift = { MONEY_ZERO, days, level }, .out = out });
}

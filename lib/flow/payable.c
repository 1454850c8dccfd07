#include "flow/payable.h"

enum { NO_MAX = 64 };

/* What a kind must be able to do. */
struct ops {
	enum err (*find)(struct ctx *c, const char *no, struct payable *out);
	enum err (*read)(struct ctx *c, int64_t id, struct payable *out);
	enum err (*lock_tx)(struct ctx *c, int64_t id, struct payable *out);
	enum err (*grant_tx)(struct ctx *c, const struct payable *p,
		const struct order_payment *paid, enum grant *grant, const char **reason);
	enum err (*lock_all_tx)(struct ctx *c, int64_t id, struct payable *out);
	enum err (*revoke_tx)(struct ctx *c, const struct payable *p);
	enum err (*time_out)(struct ctx *c, int64_t id, bool *done);
};

/* ---- shop orders ---- */

static enum err why_not(const struct ctx *c, const struct order *o)
{
	if (o->status == ORDER_PAID || o->status == ORDER_SHIPPED || o->status == ORDER_COMPLETED)
		return ERR_ORDER_PAID;
	if (o->status != ORDER_PENDING || o->deleted_at.ms != 0)
		return ERR_ORDER_NOT_PENDING;
	return o->expires_at.ms <= c->now_ms ? ERR_ORDER_EXPIRED : OK;
}

static void fill_order(const struct ctx *c, struct payable *p)
{
	const struct order *o = &p->order;

	p->kind = PAYABLE_ORDER;
	p->id = o->id;
	p->no = o->order_id;
	p->user_id = o->user_id;
	p->status = o->status;
	p->amount = o->total_amount;
	p->deadline_ms = o->expires_at.ms;
	p->pending = o->status == ORDER_PENDING;
	p->why_not = why_not(c, o);
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

static enum err grant_order_tx(struct ctx *c, const struct payable *p,
	const struct order_payment *paid, enum grant *grant, const char **reason)
{
	static const enum grant grants[] = {
		[ORDER_GRANTED] = GRANTED,
		[ORDER_GRANTED_LATE] = GRANTED_LATE,
		[ORDER_NOT_GRANTED] = NOT_GRANTED,
	};
	enum order_grant got;

	TRY(order_grant_tx(c, &p->order, paid, &got, reason));
	*grant = grants[got];
	return OK;
}

static enum err lock_order_all_tx(struct ctx *c, int64_t id, struct payable *out)
{
	TRY(order_lock_tx(c, id, true, &out->order));
	fill_order(c, out);
	return OK;
}

static enum err revoke_order_tx(struct ctx *c, const struct payable *p)
{
	return order_revoke_tx(c, &p->order);
}

/* ---- the table ---- */

static const struct ops kinds[] = {
	[PAYABLE_ORDER] = { find_order, read_order, lock_order_tx, grant_order_tx,
		lock_order_all_tx, revoke_order_tx, order_time_out },
};

enum err payable_find(struct ctx *c, const char *no, struct payable *out)
{
	/* numbers are ASCII; the database can't even compare another text with them */
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

enum err payable_read(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out)
{
	return kinds[kind].read(c, id, out);
}

enum err payable_lock_tx(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out)
{
	return kinds[kind].lock_tx(c, id, out);
}

enum err payable_grant_tx(struct ctx *c, const struct payable *p, const struct order_payment *paid,
	enum grant *grant, const char **reason)
{
	return kinds[p->kind].grant_tx(c, p, paid, grant, reason);
}

enum err payable_lock_all_tx(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out)
{
	return kinds[kind].lock_all_tx(c, id, out);
}

enum err payable_revoke_tx(struct ctx *c, const struct payable *p)
{
	return kinds[p->kind].revoke_tx(c, p);
}

enum err payable_time_out(struct ctx *c, enum payable_kind kind, int64_t id, bool *done)
{
	return kinds[kind].time_out(c, id, done);
}

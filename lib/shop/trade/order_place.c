/* SPDX-License-Identifier: MIT */
/* order_place.c - places an order: merges lines, prices them, takes the stock. */
#include <stdlib.h>

#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/books/idempotency.h"
#include "shop/catalogue/product.h"
#include "shop/loyalty/level.h"
#include "shop/loyalty/points.h"
#include "shop/loyalty/reward.h"
#include "shop/people/user.h"
#include "shop/trade/order_price.h"
#include "shop/trade/order_sql.h"

static const struct field order_line_new_fields[] = {
	INPUT(struct order_line_new, product_id, 1, INT64_MAX - 1, F_REQUIRED),
	INPUT(struct order_line_new, quantity, 1, ORDER_QUANTITY_MAX, F_REQUIRED),
	FIELD_END,
};

const struct field order_new_fields[] = {
	LIST(struct order_new, items, struct order_line_new, order_line_new_fields, 1,
		ORDER_LINES_MAX, F_IN | F_REQUIRED),
	INPUT(struct order_new, payment_method, 1, 50, F_NULL),
	OBJECT(struct order_new, consignee, consignee_fields, F_IN | F_NULL),
	INPUT(struct order_new, remark, 0, 500, F_NULL | F_PROSE),
	INPUT(struct order_new, points, 0, POINTS_MAX, 0),
	FIELD_END,
};

static const char SQL_INSERT[] =
	"INSERT INTO orders (" ORDER_NEW(SQL_NAME) "updated_at) "
	"VALUES (" ORDER_NEW(SQL_MARK) "?)";
#define ORDER_LINE(X) X(order_id) X(product_id) X(name) X(quantity) X(unit_price) X(total_price)
static const char SQL_INSERT_ITEM[] = "INSERT INTO order_items (" ORDER_LINE(
	SQL_NAME) "discount_amount) VALUES (" ORDER_LINE(SQL_MARK) "?)";
/* counts at most up to the limit */
static const char SQL_PENDING[] =
	"SELECT COUNT(*) FROM (SELECT 1 FROM orders FORCE INDEX (by_user_status) "
	"WHERE user_id = ? AND status = " SQL(ORDER_PENDING) " LIMIT ?) o";

struct placing {
	const struct order_new *in;
	struct stock_line *lines;  /* merged, in product order */
	struct price_line *prices; /* of the same lines */
	size_t n;
	money total; /* of the lines, less the discount and what the points pay */
	money discount, points_amount;
	int64_t points;       /* that are taken */
	int64_t pending_most; /* of the actor's orders wait for payment, with this one */
	struct order *out;
};

static int by_product(const void *a, const void *b)
{
	const struct stock_line *x = a, *y = b;

	return (x->product_id > y->product_id) - (x->product_id < y->product_id);
}

/* Merge lines of one product, so that the stock is checked against their sum. */
static void merge_lines(struct ctx *c, struct placing *p)
{
	const struct order_line_new *in = p->in->items.rows;
	const size_t n = (size_t)p->in->items.n;

	p->lines = arena_array(&c->arena, n, sizeof(*p->lines));
	p->prices = arena_array(&c->arena, n, sizeof(*p->prices));
	p->n = 0;
	for (size_t i = 0; i < n; i++) {
		size_t at = 0;

		while (at < p->n && p->lines[at].product_id != in[i].product_id)
			at++;
		if (at == p->n)
			p->lines[p->n++].product_id = in[i].product_id;
		p->lines[at].quantity += in[i].quantity;
	}
	qsort(p->lines, p->n, sizeof(*p->lines), by_product);
}

/* Raise e about the first line that names a product. */
static enum err fail_line(struct ctx *c, enum err e, const struct placing *p, int64_t product_id)
{
	const struct order_line_new *in = p->in->items.rows;
	int64_t i = 0;

	while (in[i].product_id != product_id)
		i++;
	return fail(c, e, arena_printf(&c->arena, "items[%lld].product_id", (long long)i));
}

/* Check the locked lines and add them up. */
static enum err price_lines(struct ctx *c, struct placing *p)
{
	p->total = MONEY_ZERO;
	for (size_t i = 0; i < p->n; i++)
		if (p->lines[i].status != PRODUCT_ON)
			return fail_line(c, ERR_PRODUCT_NOT_FOUND, p, p->lines[i].product_id);
	for (size_t i = 0; i < p->n; i++) {
		const struct stock_line *l = &p->lines[i];

		if (l->stock < l->quantity)
			return fail_line(c, ERR_INSUFFICIENT_STOCK, p, l->product_id);
		if (l->price.fen < 0 || l->price.fen > MONEY_MAX_FEN)
			return invariant_violated(c, "a product's price is above the maximum");
		/* at most 10^12 fen times 10^6: no overflow, but possibly above the wire's maximum */
		p->prices[i] = (struct price_line){ .product_id = l->product_id,
			.total = money_times(l->price, l->quantity) };
		p->total = money_add(p->total, p->prices[i].total);
		if (p->total.fen > MONEY_MAX_FEN)
			return fail(c, ERR_INVALID, "items");
	}
	return OK;
}

/* The discount of the buyer's level, which is read without a lock: it is the one of this moment. */
static enum err apply_discount(struct ctx *c, struct placing *p)
{
	int64_t paid_permille;

	p->discount = MONEY_ZERO;
	if (!c->conf->level_discount)
		return OK;
	TRY(level_discount(c, c->actor.member_id, &paid_permille));
	p->discount = price_discount(p->prices, p->n, PRICE_PERMILLE - paid_permille);
	p->total = money_sub(p->total, p->discount);
	return OK;
}

/* The part that points pay. Fails: POINTS_EXCEED, naming the most that they may be. */
static enum err apply_points(struct ctx *c, struct placing *p)
{
	const int64_t per_yuan = c->conf->points_per_yuan;
	const int64_t most = price_points_max(p->total, c->conf->points_max_percent, per_yuan);

	if (p->in->points > most)
		return fail_above(c, ERR_POINTS_EXCEED, "points", most);
	p->points = price_points_taken(p->in->points, per_yuan);
	p->points_amount = price_of_points(p->points, per_yuan);
	p->total = money_sub(p->total, p->points_amount);
	return OK;
}

static enum err price_tx(struct ctx *c, struct placing *p)
{
	TRY(price_lines(c, p));
	TRY(apply_discount(c, p));
	return apply_points(c, p);
}

/* The merged line of a product. */
static const struct stock_line *line_of(const struct placing *p, int64_t product_id)
{
	const struct stock_line key = { .product_id = product_id };

	return bsearch(&key, p->lines, p->n, sizeof(*p->lines), by_product);
}

/* The lines are written in the order of the products' first occurrence in the request. */
static enum err insert_items_tx(struct ctx *c, const struct placing *p, int64_t id)
{
	enum { ROW_ARGS = 7 };
	const struct order_line_new *in = p->in->items.rows;
	struct db_arg *args = arena_array(&c->arena, p->n, ROW_ARGS * sizeof(*args)), *next = args;

	for (int64_t i = 0; i < p->in->items.n; i++) {
		const struct stock_line *l = line_of(p, in[i].product_id);
		const struct price_line *price = &p->prices[l - p->lines];
		const struct db_arg row[ROW_ARGS] = { I64(id), I64(l->product_id), TEXT(l->name),
			I64(l->quantity), FEN(l->price), FEN(price->total), FEN(price->discount) };
		int64_t first = 0;

		while (in[first].product_id != in[i].product_id)
			first++;
		if (first < i)
			continue;
		memcpy(next, row, sizeof(row));
		next += ROW_ARGS;
	}
	return db_insert_rows(c, SQL_INSERT_ITEM, args, ROW_ARGS, p->n);
}

/* ORDER and 100 random bits: can't be guessed or enumerated (BEHAVIOUR 8). */
static const char *new_order_id(struct ctx *c)
{
	return arena_printf(&c->arena, "ORDER%s", crypto_random_text(&c->arena, BASE32, 20));
}

/*
 * With the actor's row locked, so that concurrent orders count each other. They are counted only where what is known of
 * them doesn't tell that there are few enough.
 */
static enum err check_pending_tx(struct ctx *c, const struct placing *p)
{
	const int64_t most = c->conf->pending_orders_max, user_id = c->actor.user_id;
	int64_t n;

	if (most == 0 || p->pending_most <= most)
		return OK;
	TRY(db_int64(c, SQL_PENDING, ARGS(I64(user_id), I64(most)), &n));
	if (n >= most)
		return fail(c, ERR_PENDING_ORDERS, NULL);
	return user_set_pending_tx(c, user_id, n + 1);
}

static enum err place_tx(struct ctx *c, void *arg)
{
	struct placing *p = arg;
	struct order *row = p->out;
	int64_t replayed_id;
	enum err e;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0)
		return order_read(c, replayed_id, row);
	/* not concurrently with the user's deletion: its address would never be removed */
	e = user_hold_to_order_tx(c, c->actor.user_id, &p->pending_most);
	if (e != OK)
		return e == ERR_NOT_FOUND ? ERR_UNAUTHENTICATED : e;
	if (p->in->points > 0)
		TRY(reward_lock_tx(c, c->actor.user_id));
	TRY(stock_lock_tx(c, p->lines, p->n));
	TRY(price_tx(c, p));
	if (p->total.fen > 0)
		TRY(check_pending_tx(c, p));
	*row = (struct order){
		.order_id = new_order_id(c),
		.user_id = c->actor.user_id,
		.total_amount = p->total,
		.discount_amount = p->discount,
		.points_used = p->points,
		.points_amount = p->points_amount,
		.status = p->total.fen == 0 ? ORDER_PAID : ORDER_PENDING,
		.payment = { .method = p->in->payment_method },
		.stock_held = true,
		.consignee = p->in->consignee,
		.remark = p->in->remark,
		.expires_at.ms = c->now_ms + c->conf->order_pay_minutes * MINUTE_MS,
		.created_at.ms = c->now_ms,
		.updated_at.ms = c->now_ms,
	};
	if (row->status == ORDER_PAID) {
		row->rewarded = true;
		row->payment.by = PAID_NOTHING_DUE;
		row->payment.at.ms = c->now_ms;
	}
	TRY(db_insert(c, SQL_INSERT, ARGS(ORDER_NEW(ROW_MEMBER) AT(row->updated_at)), &row->id));
	TRY(stock_take_tx(c, p->lines, p->n, row->id));
	TRY(insert_items_tx(c, p, row->id));
	TRY(order_hold_points_tx(c, row));
	if (row->status == ORDER_PAID) {
		TRY(order_notify_tx(c, row));
		TRY(order_paid_tx(c, row));
	}
	return idempotency_end_tx(c, row->id, 201);
}

enum err order_place(struct ctx *c, const struct order_new *in, struct order *out)
{
	struct placing p = { .in = in, .out = out };

	merge_lines(c, &p);
	return db_tx(c, place_tx, &p);
}

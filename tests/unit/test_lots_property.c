/* SPDX-License-Identifier: MIT */
/*
 * Random histories of a member's points, each step of which is compared with a formulation that moves
 * one point at a time. LOTS_SEED=n LOTS_LIVES=1 repeats one of them.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "shop/loyalty/lots.h"

enum {
	LOTS = 12,
	ORDERS = 8,
	STEPS = 20,
	POINTS = 9, /* at most, of one order */
#ifdef __SANITIZE_ADDRESS__
	LIVES = 60000,
#else
	LIVES = 300000,
#endif
};

/* A lot in the other formulation. */
struct plain_lot {
	int64_t expires, free, held;
	int64_t ledger; /* Σ of the changes of its unspent points */
};

enum order_state { NO_ORDER, HOLDS, POSTED, RELEASED };

struct order {
	enum order_state state;
	struct lot_part parts[LOTS];
	int64_t parts_n, used, returned;
	int64_t lot_id, earned, taken; /* lot_id 0: it earned nothing */
	int64_t paid, refunded;
};

/* All of a member, so that a copy is another history. */
struct books {
	struct lot rows[LOTS + 1];
	int64_t n, debt;
	struct plain_lot plain[LOTS + 1]; /* by lot_id */
	int64_t lots, plain_debt, ledger, ledger_debt;
	struct order orders[ORDERS];
	int64_t orders_n;
};

struct life {
	struct books b;
	struct lots l;
	int64_t now, grace;
	uint64_t seed, random;
	const char *step;
};

static uint64_t mixed(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* 0 … n - 1 */
static int64_t any(struct life *x, int64_t n)
{
	x->random += UINT64_C(0x9e3779b97f4a7c15);
	return (int64_t)(mixed(x->random) % (uint64_t)n);
}

static void must(const struct life *x, bool holds, const char *what)
{
	if (holds)
		return;
	print_error("LOTS_SEED=%llu: %s, after %s at %lld, debt %lld\n",
		(unsigned long long)x->seed, what, x->step, (long long)x->now,
		(long long)x->l.debt);
	for (int64_t i = 0; i < x->l.n; i++)
		print_error("lot %lld until %lld: %lld, held %lld\n",
			(long long)x->b.rows[i].lot_id, (long long)x->b.rows[i].expires_ms,
			(long long)x->b.rows[i].unspent, (long long)x->b.rows[i].held);
	fail_msg("%s", what);
}

/* ---- the other formulation: one point at a time ---- */

/* The lot whose point is next: the earliest expiry, then the smallest number; 0: none. */
static int64_t next(const struct life *x)
{
	int64_t best = 0;

	for (int64_t id = 1; id <= x->b.lots; id++) {
		const struct plain_lot *p = &x->b.plain[id];

		if (p->free > 0 && p->expires > x->now &&
			(best == 0 || p->expires < x->b.plain[best].expires))
			best = id;
	}
	return best;
}

static void pay_debt(struct life *x)
{
	for (int64_t id; x->b.plain_debt > 0 && (id = next(x)) != 0; x->b.plain_debt--)
		x->b.plain[id].free--;
}

static int64_t plain_free(const struct life *x)
{
	int64_t sum = 0;

	for (int64_t id = 1; id <= x->b.lots; id++)
		sum += x->b.plain[id].expires > x->now ? x->b.plain[id].free : 0;
	return sum;
}

/* Both agree, and the row of the ledger has these points. */
static void check(struct life *x, const char *step, int64_t points)
{
	int64_t sum = 0, balance = 0;

	x->step = step;
	x->b.n = x->l.n;
	x->b.debt = x->l.debt;
	must(x, lots_possible(&x->l), "the lots are possible");
	for (int64_t i = 0; i < x->l.n; i++) {
		const struct lot *lot = &x->b.rows[i];
		struct plain_lot *p = &x->b.plain[lot->lot_id];

		must(x, lot->unspent >= 0, "no lot is below zero");
		must(x, lot->unspent == p->free + p->held && lot->held == p->held, "as one by one");
		must(x, lot->expires_ms == p->expires, "a lot's end");
		sum += lot->unspent - lot->was_unspent;
		p->ledger += lot->unspent - lot->was_unspent;
		must(x, p->ledger == lot->unspent, "recalculating a lot changes nothing");
		balance += lot->unspent;
	}
	must(x, x->l.debt == x->b.plain_debt, "the debt as one by one");
	must(x, x->l.debt == 0 || plain_free(x) == 0, "with a debt nothing is free");
	must(x, sum - (x->l.debt - x->l.was_debt) == points, "the row's points");
	x->b.ledger += points;
	x->b.ledger_debt += x->l.debt - x->l.was_debt;
	must(x, x->b.ledger_debt == x->l.debt, "recalculating the debt changes nothing");
	must(x, lots_balance(&x->l) == balance - x->l.debt, "the sum of the lots less the debt");
	must(x, lots_balance(&x->l) == x->b.ledger, "the sum of the ledger");
	must(x, lots_available(&x->l, x->now) == plain_free(x) - x->l.debt, "what is available");
	lots_mark(&x->l);
}

static void expire(struct life *x)
{
	int64_t gone = 0;

	for (int64_t id = 1; id <= x->b.lots; id++)
		if (x->b.plain[id].expires <= x->now) {
			gone += x->b.plain[id].free;
			x->b.plain[id].free = 0;
		}
	must(x, lots_expire(&x->l, x->now) == gone, "what expires");
	check(x, "expiry", -gone);
	must(x, lots_expire(&x->l, x->now) == 0, "it expires once");
}

/* ---- steps ---- */

static void earn(struct life *x, struct order *o)
{
	const int64_t points = 1 + any(x, POINTS);
	const bool more = x->b.lots > 0 && any(x, 5) == 0;
	int64_t id = more ? 1 + any(x, x->b.lots) : x->b.lots + 1;
	struct plain_lot *p = &x->b.plain[id];

	if (!more) {
		if (x->b.lots == LOTS)
			return;
		x->b.lots++;
		*p = (struct plain_lot){ .expires = x->now + 1 + any(x, 12) };
	} else if (p->expires <= x->now) {
		must(x, lots_add(&x->l, id, p->expires, points, x->now) == ERR_INTERNAL,
			"too late");
		return;
	}
	p->free += points;
	pay_debt(x);
	must(x, lots_add(&x->l, id, p->expires, points, x->now) == OK, "earned");
	check(x, "earning", points);
	o->lot_id = id;
	o->earned = points;
}

static bool is_refused(struct life *x, int64_t points, bool hold)
{
	const struct books was = x->b;
	const enum err e =
		hold ? lots_hold(&x->l, points, x->now) : lots_spend(&x->l, points, x->now);

	if (points <= plain_free(x) - x->b.plain_debt) {
		must(x, e == OK, "there is enough");
		return false;
	}
	must(x, e == ERR_INSUFFICIENT_POINTS, "more than is available");
	must(x, memcmp(was.rows, x->b.rows, sizeof(was.rows)) == 0, "refused, nothing changes");
	return true;
}

/* Spend, or hold; the parts are what changed in the order of the lots. */
static void use(struct life *x, struct order *o, bool hold)
{
	const int64_t points = 1 + any(x, POINTS);

	if (is_refused(x, points, hold))
		return;
	o->state = hold ? HOLDS : POSTED;
	for (int64_t i = 0; i < points; i++) {
		const int64_t id = next(x);

		x->b.plain[id].free--;
		x->b.plain[id].held += hold;
		if (o->parts_n > 0 && o->parts[o->parts_n - 1].lot_id == id)
			o->parts[o->parts_n - 1].points++;
		else
			o->parts[o->parts_n++] = (struct lot_part){ id, 1 };
	}
	o->used = points;
	check(x, hold ? "holding" : "spending", hold ? 0 : -points);
}

static void end_hold(struct life *x, struct order *o, bool post)
{
	const struct lot_parts parts = { o->parts, o->parts_n };

	for (int64_t i = 0; i < o->parts_n; i++) {
		x->b.plain[o->parts[i].lot_id].held -= o->parts[i].points;
		if (!post)
			x->b.plain[o->parts[i].lot_id].free += o->parts[i].points;
	}
	o->state = post ? POSTED : RELEASED;
	if (post) {
		must(x, lots_post(&x->l, &parts) == OK, "posted");
		check(x, "posting", -o->used);
		return;
	}
	must(x, lots_release(&x->l, &parts, x->now) == OK, "released");
	pay_debt(x);
	check(x, "releasing", 0);
	expire(x);
}

static void give_back(struct life *x, struct order *o, int64_t points)
{
	const struct lot_parts parts = { o->parts, o->parts_n };
	const int64_t until = x->grace > 0 ? x->now + x->grace : 0;

	must(x, lots_return(&x->l, &parts, o->returned, points, x->now, until) == OK, "returned");
	for (int64_t i = 0, at = 0; i < o->parts_n; i++)
		for (int64_t j = 0; j < o->parts[i].points; j++, at++) {
			struct plain_lot *p = &x->b.plain[o->parts[i].lot_id];

			if (at < o->returned || at >= o->returned + points)
				continue;
			p->free++;
			if (p->expires <= x->now && until > 0)
				p->expires = until;
		}
	o->returned += points;
	pay_debt(x);
	check(x, "returning", points);
	expire(x);
}

static void take_back(struct life *x, struct order *o, int64_t points)
{
	must(x, lots_take_back(&x->l, o->lot_id, points, x->now) == OK, "taken back");
	for (int64_t i = 0; i < points; i++) {
		struct plain_lot *own = &x->b.plain[o->lot_id];
		const int64_t id = own->free > 0 && own->expires > x->now ? o->lot_id : next(x);

		if (id != 0)
			x->b.plain[id].free--;
		else
			x->b.plain_debt++;
	}
	o->taken += points;
	check(x, "taking back", -points);
}

/* Refund so many fen of an order: each time what is due in total, less what was done before. */
static void refund(struct life *x, struct order *o, int64_t fen)
{
	struct lot_refund r = { o->refunded + fen, o->paid, o->refunded + fen == o->paid };
	int64_t back = 0, taken = 0;

	o->refunded += fen;
	must(x, lots_of_refund(o->state == POSTED ? o->used : 0, &r, &back) == OK, "a share");
	must(x, lots_of_refund(o->earned, &r, &taken) == OK, "a share");
	must(x, taken == o->earned * o->refunded / o->paid, "the share of what was refunded");
	if (back > o->returned)
		give_back(x, o, back - o->returned);
	if (taken > o->taken)
		take_back(x, o, taken - o->taken);
	must(x, o->taken == taken && o->returned == back, "never less than before");
}

/* The same refunds in another order, from the same state: the same figures. */
static void check_any_order(struct life *x)
{
	static struct life other;
	struct {
		int64_t order, fen;
	} made[4];
	const int64_t n = 2 + any(x, 3);
	int64_t left[ORDERS];

	if (x->b.orders_n == 0)
		return;
	for (int64_t i = 0; i < x->b.orders_n; i++)
		left[i] = x->b.orders[i].paid - x->b.orders[i].refunded;
	for (int64_t i = 0; i < n; i++) {
		made[i].order = any(x, x->b.orders_n);
		made[i].fen = any(x, left[made[i].order] + 1);
		left[made[i].order] -= made[i].fen;
	}
	other = *x;
	other.l.rows = other.b.rows;
	for (int64_t i = 0; i < n; i++)
		refund(x, &x->b.orders[made[i].order], made[i].fen);
	for (int64_t i = n - 1; i >= 0; i--)
		refund(&other, &other.b.orders[made[i].order], made[i].fen);
	must(x, lots_balance(&other.l) == lots_balance(&x->l), "in any order the same balance");
	must(x, other.l.debt == x->l.debt, "in any order the same debt");
	must(x, lots_available(&other.l, x->now) == lots_available(&x->l, x->now),
		"in any order the same points");
	must(x, memcmp(other.b.orders, x->b.orders, sizeof(x->b.orders)) == 0, "the same orders");
}

static void order(struct life *x)
{
	struct order *o = &x->b.orders[x->b.orders_n];
	const int64_t what = any(x, 4);

	if (x->b.orders_n == ORDERS)
		return;
	*o = (struct order){ .paid = 1 + any(x, 5000) };
	if (what < 2)
		use(x, o, what == 0);
	if (what > 0)
		earn(x, o);
	x->b.orders_n += o->state != NO_ORDER || o->earned > 0;
}

static void live(struct life *x, uint64_t seed)
{
	memset(x, 0, sizeof(*x));
	x->l.rows = x->b.rows;
	x->now = 100;
	x->seed = seed;
	x->random = mixed(seed);
	x->grace = any(x, 2) ? 0 : 1 + any(x, 6);
	for (int i = 0; i < STEPS; i++) {
		struct order *o = &x->b.orders[x->b.orders_n > 0 ? any(x, x->b.orders_n) : 0];

		if (any(x, 3) == 0) {
			x->now += any(x, 5);
			expire(x);
		}
		switch (any(x, 5)) {
		case 0:
		case 1:
			order(x);
			break;
		case 2:
			if (o->state == HOLDS)
				end_hold(x, o, any(x, 2));
			break;
		case 3:
			if (o->paid > o->refunded)
				refund(x, o, 1 + any(x, o->paid - o->refunded));
			break;
		default:
			if (any(x, 3) == 0)
				check_any_order(x);
		}
	}
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void b46_b47_b59_hold_after_every_step_of_any_history(void **state)
{
	uint64_t seed = from_environment("LOTS_SEED", 20250918);
	uint64_t lives = from_environment("LOTS_LIVES", LIVES);
	static struct life x;

	(void)state;
	print_message("# LOTS_SEED=%llu LOTS_LIVES=%llu\n", (unsigned long long)seed,
		(unsigned long long)lives);
	for (uint64_t i = 0; i < lives; i++)
		live(&x, seed + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b46_b47_b59_hold_after_every_step_of_any_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

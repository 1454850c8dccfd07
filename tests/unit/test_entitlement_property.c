/* SPDX-License-Identifier: MIT */
/*
 * Random histories, each step of which is compared with another formulation of BEHAVIOUR 24 to 30.
 * ENTITLEMENT_SEED=n ENTITLEMENT_LIVES=1 repeats one of them.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "shop/membership/entitlement.h"

#define DAY ENTITLEMENT_DAY_S

__extension__ typedef __int128 wide; /* the formulas as written, for all numbers */

enum {
	ROWS_MAX = 16,
	STEPS = 16,
#ifdef __SANITIZE_ADDRESS__
	LIVES = 30000,
#else
	LIVES = 200000,
#endif
};

struct life {
	struct segment rows[ROWS_MAX];
	struct entitlement e;
	int64_t now_s, version;
	uint64_t seed, random;
	const char *step;
	/* before the latest change, whose number is was_version */
	struct segment was[ROWS_MAX];
	int64_t was_n, was_version;
	/*
	 * An ended segment was refunded while later ones of its chain were folded: it took no days
	 * from them, and when they are restored and shift, they may leave a gap in the past.
	 */
	bool torn;
};

static uint64_t mixed(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* 0 … n - 1 */
static int64_t any(struct life *l, int64_t n)
{
	l->random += UINT64_C(0x9e3779b97f4a7c15);
	return (int64_t)(mixed(l->random) % (uint64_t)n);
}

static void must(const struct life *l, bool holds, const char *what)
{
	if (holds)
		return;
	print_error("ENTITLEMENT_SEED=%llu: %s, after %s at %lld\n", (unsigned long long)l->seed,
		what, l->step, (long long)l->now_s);
	for (int64_t i = 0; i < l->e.n; i++) {
		const int64_t *member = (const int64_t *)&l->rows[i];

		for (size_t j = 0; j < sizeof(struct segment) / sizeof(int64_t); j++)
			print_error("%lld ", (long long)member[j]);
		print_error("\n");
	}
	fail_msg("%s", what);
}

static int64_t end_of(const struct segment *s)
{
	return s->start_s + s->days * 86400;
}

static bool is_live(const struct segment *s, int64_t at_s)
{
	return s->state == SEGMENT_ACTIVE && end_of(s) > at_s;
}

static const struct segment *around(const struct entitlement *e, int64_t at_s)
{
	for (int64_t i = 0; i < e->n; i++)
		if (is_live(&e->rows[i], at_s) && e->rows[i].start_s <= at_s)
			return &e->rows[i];
	return NULL;
}

static int64_t latest_end(const struct segment *rows, int64_t n, int64_t chain)
{
	int64_t end_s = 0;

	for (int64_t i = 0; i < n; i++)
		if (rows[i].state == SEGMENT_ACTIVE && (chain == 0 || rows[i].chain == chain) &&
			end_of(&rows[i]) > end_s)
			end_s = end_of(&rows[i]);
	return end_s;
}

/* C of BEHAVIOUR 26, as written there. */
static int64_t credit(const struct entitlement *e, int64_t at_s)
{
	wide sum = 0;

	for (int64_t i = 0; i < e->n; i++) {
		const struct segment *s = &e->rows[i];
		int64_t left_s = end_of(s) - (at_s > s->start_s ? at_s : s->start_s);
		int64_t rem = left_s / 86400 + (left_s % 86400 > 0);

		rem = rem < 0 ? 0 : rem > s->days ? s->days : rem;
		if (is_live(s, at_s))
			sum += (2 * (wide)s->value.fen * rem + s->days) / (2 * s->days);
	}
	return (int64_t)sum;
}

/* Advance the time: not at all, to a boundary, by days, or arbitrarily. */
static int64_t later(struct life *l)
{
	int64_t to_s = l->now_s, edge_s;

	switch (any(l, 6)) {
	case 0:
		return to_s;
	case 1:
		return to_s + 1 + any(l, 2 * DAY);
	case 2:
		return to_s + DAY * any(l, 40);
	case 3:
		return to_s + any(l, 40 * DAY);
	case 4:
		return any(l, 8) > 0 ? to_s : to_s + any(l, 4000 * DAY);
	default:
		if (l->e.n > 0) {
			const struct segment *s = &l->rows[any(l, l->e.n)];

			edge_s = (any(l, 2) ? s->start_s + DAY * any(l, s->days) : end_of(s)) +
				 any(l, 3) - 1;
			to_s = edge_s > to_s ? edge_s : to_s;
		}
		return to_s;
	}
}

static struct offer any_offer(struct life *l)
{
	static const int64_t days[] = { 1, 2, 3, 7, 10, 30, 30, 31, 365, 3660 };
	static const int64_t fen[] = { 1, 2, 3, 5, 10, 99, 100, 101, 3000, 30000, 100000000 };
	const struct segment *live = around(&l->e, l->now_s);
	struct offer o = { { fen[any(l, ARRAY_LEN(fen))] }, days[any(l, ARRAY_LEN(days))],
		1 + any(l, 3) };

	if (any(l, 4) == 0)
		o.price.fen += any(l, 5000);
	if (any(l, 64) == 0)
		o.days = 36600 - any(l, 40);
	if (live != NULL && any(l, 4) > 0)
		o.level = live->level + (any(l, 3) == 0);
	return o;
}

/* What the order must cost and give, by BEHAVIOUR 24 to 27. */
static enum err expected(const struct life *l, struct offer o, struct quote *q)
{
	const struct segment *live = around(&l->e, l->now_s);
	wide days = o.days, from_s = l->now_s, c = credit(&l->e, l->now_s), p = o.price.fen;

	*q = (struct quote){ SEGMENT_NEW, o.level, o.days, o.price, { 0 }, o.price, o.price };
	if (live != NULL && p == 0 && live->level != o.level)
		return ERR_PLAN_LEVEL_OTHER;
	if (live != NULL && live->level > o.level)
		return ERR_PLAN_LEVEL_LOWER;
	if (live != NULL && live->level == o.level) {
		q->kind = SEGMENT_RENEWAL;
		from_s = latest_end(l->rows, l->e.n, 0);
	} else if (live != NULL) {
		q->kind = SEGMENT_UPGRADE;
		q->discount.fen = (int64_t)(c < p ? c : p);
		q->amount.fen = (int64_t)(c < p ? p - c : 0);
		q->value.fen = (int64_t)(c < p ? p : c);
		if (c > p)
			days += (c - p) * o.days / p;
	}
	if (from_s + days * 86400 > l->now_s + (wide)36600 * 86400)
		return ERR_ENTITLEMENT_TOO_LONG;
	q->days = (int64_t)days;
	return OK;
}

static void remember(struct life *l)
{
	memcpy(l->was, l->rows, sizeof(l->was));
	l->was_n = l->e.n;
	l->was_version = ++l->version;
}

/* The rows changed as BEHAVIOUR 26 and 27 say, and in no other way. */
static void check_grant(struct life *l, const struct quote *q, int64_t cash)
{
	struct segment *rows = l->was, *s = &rows[l->was_n];
	int64_t expire_s = latest_end(rows, l->was_n, 0);
	static struct segment kept[ROWS_MAX];

	memcpy(kept, l->was, sizeof(kept));
	*s = (struct segment){ .order_id = l->version, .kind = q->kind, .level = q->level };
	s->state = SEGMENT_ACTIVE;
	s->days = q->days;
	s->value = q->value;
	s->cash.fen = cash;
	s->granted_s = s->start_s = l->now_s;
	s->granted_version = s->chain = l->version;
	if (expire_s <= l->now_s)
		s->kind = SEGMENT_NEW;
	for (int64_t i = 0; i < l->was_n; i++) {
		if (s->kind == SEGMENT_RENEWAL && rows[i].state == SEGMENT_ACTIVE &&
			end_of(&rows[i]) == expire_s) {
			s->start_s = expire_s;
			s->chain = rows[i].chain;
		}
		if (s->kind == SEGMENT_UPGRADE && is_live(&rows[i], l->now_s)) {
			rows[i].state = SEGMENT_FOLDED;
			rows[i].folded_by = s->order_id;
		}
	}
	must(l, l->e.n == l->was_n + 1, "one more segment");
	must(l, memcmp(l->was, l->rows, sizeof(l->was)) == 0, "what is granted, and no more");
	memcpy(l->was, kept, sizeof(kept));
}

static void buy(struct life *l)
{
	struct offer o = any_offer(l);
	struct quote should, q = { 0 };
	int64_t cash;
	enum err e;

	l->step = "buying";
	o.price.fen *= any(l, 8) != 0;
	e = (o.price.fen > 0 ? entitlement_quote : entitlement_quote_gift)(&l->e, &o, l->now_s, &q);
	must(l, e == expected(l, o, &should), "the refusal of a quote");
	must(l, memcmp(&q, e == OK ? &should : &(struct quote){ 0 }, sizeof(q)) == 0, "the quote");
	if (e != OK)
		return;
	must(l, q.discount.fen + q.amount.fen == q.price.fen, "discount + amount = price");
	must(l, q.kind != SEGMENT_UPGRADE || q.value.fen == q.amount.fen + credit(&l->e, l->now_s),
		"an upgrade is worth what it costs and what it is credited");
	if (any(l, 3) == 0)
		l->now_s = later(l); /* a stored quote */
	cash = any(l, 4) == 0 ? any(l, q.amount.fen + 1) : q.amount.fen;
	remember(l);
	e = entitlement_grant(&l->e, l->version, &q, (money){ cash }, l->now_s, l->version);
	must(l, e == OK, "what was quoted is granted");
	check_grant(l, &q, cash);
}

static enum err may_refund(const struct life *l, const struct segment *s)
{
	if (s->state != SEGMENT_ACTIVE)
		return s->state == SEGMENT_FOLDED ? ERR_SEGMENT_FOLDED : ERR_REFUNDED_ALREADY;
	for (const struct segment *t = s + 1; s->kind == SEGMENT_UPGRADE && t < l->rows + l->e.n;
		t++)
		if (t->state != SEGMENT_REFUNDED)
			return ERR_GRANTED_LATER;
	return OK;
}

/* The rows changed as BEHAVIOUR 29 says, and in no other way. */
static void check_refund(struct life *l, int64_t at)
{
	static struct segment rows[ROWS_MAX];
	struct segment *s = &rows[at];
	int64_t now_s = l->now_s, end_s, d, lost_s;

	memcpy(rows, l->was, sizeof(rows));
	end_s = latest_end(rows, l->was_n, s->chain);
	d = end_s > now_s ? end_s - now_s : 0;
	d = d < s->days * 86400 ? d : s->days * 86400;
	for (int64_t i = 0; i < l->was_n; i++) {
		if (rows[i].state == SEGMENT_ACTIVE && rows[i].chain == s->chain &&
			rows[i].start_s >= end_of(s))
			rows[i].start_s -= d;
		if (rows[i].state == SEGMENT_FOLDED && rows[i].folded_by == s->order_id) {
			rows[i].state = SEGMENT_ACTIVE;
			rows[i].folded_by = 0;
		} else if (rows[i].state == SEGMENT_FOLDED && rows[i].chain == s->chain) {
			l->torn = true;
		}
	}
	s->state = SEGMENT_REFUNDED;
	s->cut_s = now_s < s->start_s ? s->start_s : now_s > end_of(s) ? end_of(s) : now_s;
	s->taken_s = d;
	s->refunded_s = now_s;
	s->refunded_version = l->version;
	must(l, memcmp(rows, l->rows, sizeof(rows)) == 0, "what is refunded, and no more");
	lost_s = latest_end(l->rows, l->e.n, s->chain);
	lost_s = (end_s > now_s ? end_s : now_s) - (lost_s > now_s ? lost_s : now_s);
	must(l, lost_s == d, "the days taken are those that its chain lost");
}

static void refund(struct life *l)
{
	static struct segment former[ROWS_MAX];
	int64_t at = any(l, l->e.n), order_id = l->rows[at].order_id;
	enum err e = may_refund(l, &l->rows[at]);
	bool last = at == l->e.n - 1 && l->was_version == order_id, torn = l->torn;

	l->step = "a refund";
	must(l, entitlement_refundable(&l->e, order_id) == e, "may it be refunded");
	must(l,
		entitlement_refund(&l->e, l->version + 1, l->now_s, l->version + 1) ==
			ERR_NOT_FOUND,
		"a refund of what never was");
	memcpy(former, l->was, sizeof(former));
	if (e == OK)
		remember(l);
	must(l, entitlement_refund(&l->e, order_id, l->now_s, l->version + (e != OK)) == e,
		"a refund");
	if (e != OK)
		return;
	check_refund(l, at);
	must(l, !last || memcmp(former, l->rows, (size_t)at * sizeof(former[0])) == 0,
		"the refund of the latest grant leaves what was before it");
	if (any(l, 3) > 0)
		return;
	l->step = "a refund undone";
	l->now_s = later(l);
	assert_true(!entitlement_refund_undo(&l->e, order_id));
	must(l, memcmp(l->was, l->rows, sizeof(l->was)) == 0, "a refund undone never happened");
	l->was_version = 0;
	l->torn = torn;
}

/* Does the second before a segment also belong to its chain, unless the chain begins with it? */
static bool follows(const struct life *l, const struct segment *s)
{
	bool begins = true;

	for (int64_t i = 0; i < l->e.n; i++) {
		const struct segment *t = &l->rows[i];

		if (t->chain != s->chain || t->start_s >= s->start_s)
			continue;
		if (s->start_s <= (t->state == SEGMENT_REFUNDED ? t->cut_s : end_of(t)))
			return true;
		begins = false;
	}
	return begins;
}

static void check_time_line(const struct life *l)
{
	const struct segment *live = around(&l->e, l->now_s);
	int64_t expire_s = 0, shown_s = 0, left_s = 0;

	for (int64_t i = 0; i < l->e.n; i++) {
		const struct segment *s = &l->rows[i];
		bool active = s->state == SEGMENT_ACTIVE;

		if (active && end_of(s) > expire_s)
			expire_s = end_of(s);
		if (active && end_of(s) > shown_s)
			shown_s = end_of(s);
		if (s->state == SEGMENT_REFUNDED && s->cut_s > s->start_s && s->cut_s > shown_s)
			shown_s = s->cut_s;
		for (int64_t j = 0; active && j < i; j++)
			must(l,
				l->rows[j].state != SEGMENT_ACTIVE ||
					s->start_s >= end_of(&l->rows[j]),
				"ACTIVE segments follow one another as they were granted");
		must(l, l->torn || s->state == SEGMENT_REFUNDED || follows(l, s),
			"no hole in a chain");
		if (!is_live(s, l->now_s))
			continue;
		must(l, live != NULL && live->chain == s->chain && live->level == s->level,
			"what is_live is of the live chain and level");
		left_s += end_of(s) - (s->start_s > l->now_s ? s->start_s : l->now_s);
	}
	must(l, (live != NULL) == (expire_s > l->now_s), "live until expire_at");
	must(l, left_s == (live ? expire_s - l->now_s : 0), "no hole from now on");
	must(l, entitlement_expire_s(&l->e) == expire_s, "expire_at");
	must(l, entitlement_shown_until_s(&l->e) == shown_s, "vip_expire_at");
	must(l, entitlement_level(&l->e, l->now_s) == (live ? live->level : 0), "level");
}

static void check_credit(struct life *l)
{
	const struct offer dear = { { MONEY_MAX_FEN }, 1, 999 };
	int64_t later_s = later(l), value = 0;
	struct quote now = { 0 }, then = { 0 };

	for (int64_t i = 0; i < l->e.n; i++)
		value += is_live(&l->rows[i], l->now_s) ? l->rows[i].value.fen : 0;
	must(l, entitlement_quote(&l->e, &dear, l->now_s, &now) == OK, "a dear plan");
	must(l, entitlement_quote(&l->e, &dear, later_s, &then) == OK, "a dear plan later");
	must(l, now.discount.fen <= value, "no more credit than the value of what is_live");
	must(l, then.discount.fen <= now.discount.fen, "credit only falls");
	must(l, then.discount.fen == credit(&l->e, later_s), "credit by the formula");
}

/* A to C by way of B in one second, where B does not cost more than C. */
static void check_path(struct life *l)
{
	static struct segment rows[ROWS_MAX + 1];
	const struct segment *live = around(&l->e, l->now_s);
	struct entitlement e = { rows, l->e.n };
	struct offer b = any_offer(l), c = any_offer(l);
	struct quote direct, first, second;
	const int64_t v = l->version + 1;

	if (live == NULL)
		return;
	b.level = live->level + 1;
	c.level = live->level + 2;
	c.price = b.price.fen > c.price.fen ? b.price : c.price;
	memcpy(rows, l->rows, sizeof(l->rows));
	if (entitlement_quote(&l->e, &c, l->now_s, &direct) != OK ||
		entitlement_quote(&e, &b, l->now_s, &first) != OK)
		return;
	must(l, entitlement_grant(&e, v, &first, first.amount, l->now_s, v) == OK, "B is granted");
	must(l, entitlement_quote(&e, &c, l->now_s, &second) == OK, "B on the way refuses nothing");
	must(l, first.amount.fen + second.amount.fen == direct.amount.fen,
		"B on the way costs nothing");
	must(l, second.days == direct.days && second.value.fen == direct.value.fen,
		"B on the way gives what is given without it");
}

static void check_replay(struct life *l)
{
	static struct segment work[ROWS_MAX];
	static const size_t derived[] = { offsetof(struct segment, kind),
		offsetof(struct segment, state), offsetof(struct segment, chain),
		offsetof(struct segment, start_s), offsetof(struct segment, folded_by),
		offsetof(struct segment, cut_s), offsetof(struct segment, taken_s) };
	int64_t at = 0;

	must(l, entitlement_replay(&l->e, work, &at) == NULL, "derived anew, it is the same");
	must(l, memcmp(work, l->rows, (size_t)l->e.n * sizeof(work[0])) == 0, "all of it");
	if (any(l, 64) > 0)
		return;
	for (int64_t i = 0; i < l->e.n; i++)
		for (size_t j = 0; j < ARRAY_LEN(derived); j++) {
			int64_t *member = (void *)((char *)&l->rows[i] + derived[j]), was = *member;

			*member += any(l, 2) ? 1 + any(l, 3) : -1 - any(l, 3);
			at = 0;
			must(l, entitlement_replay(&l->e, work, &at) != NULL, "a false member");
			must(l, at == l->rows[i].order_id, "where it is false");
			*member = was;
		}
}

static void live(struct life *l, uint64_t seed)
{
	memset(l, 0, sizeof(*l));
	l->e.rows = l->rows;
	l->now_s = 1700000000;
	l->seed = seed;
	l->random = mixed(seed);
	for (int i = 0; i < STEPS && l->e.n < ROWS_MAX - 1; i++) {
		l->now_s = later(l);
		if (l->e.n > 0 && any(l, 3) == 0)
			refund(l);
		else
			buy(l);
		check_time_line(l);
		check_credit(l);
		check_path(l);
		check_replay(l);
	}
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void b24_to_b30_hold_after_every_step_of_any_history(void **state)
{
	uint64_t seed = from_environment("ENTITLEMENT_SEED", 20240229);
	uint64_t lives = from_environment("ENTITLEMENT_LIVES", LIVES);
	static struct life l;

	(void)state;
	print_message("# ENTITLEMENT_SEED=%llu ENTITLEMENT_LIVES=%llu\n", (unsigned long long)seed,
		(unsigned long long)lives);
	for (uint64_t i = 0; i < lives; i++)
		live(&l, seed + i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b24_to_b30_hold_after_every_step_of_any_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

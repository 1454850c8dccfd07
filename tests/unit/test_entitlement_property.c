/*
 * The arithmetic of VIP membership in random histories: what must hold after every step,
 * whatever was bought, given, refunded and taken back before (BEHAVIOUR 25 to 30).
 * ENTITLEMENT_SEED replays a run.
 */
#include <stdio.h>
#include <stdlib.h>

#include "entitled.h"

#ifdef __SANITIZE_ADDRESS__
enum { HISTORIES = 30000 };
#else
enum { HISTORIES = 250000 };
#endif
enum { STEPS = 12 };

static uint64_t seed, random_state;
static struct user u, before;
static int64_t now_s;

static uint64_t draw(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

static void snapshot(void)
{
	before = u;
	before.e.rows = before.rows;
}

static bool unchanged(int64_t i)
{
	return memcmp(&u.rows[i], &before.rows[i], sizeof(u.rows[i])) == 0;
}

static bool is_open(const struct segment *s)
{
	return s->state == SEGMENT_ACTIVE && entitlement_end_s(s) > now_s;
}

/* ---- what always holds ---- */

/* What is ACTIVE never overlaps, and from now on has no hole: so there is a level while it lasts. */
static void check_future(void)
{
	int64_t at = now_s, open = 0, end = entitlement_expire_s(&u.e);

	for (int64_t i = 0; i < u.e.n; i++)
		for (int64_t j = 0; j < i; j++)
			if (u.rows[i].state == SEGMENT_ACTIVE && u.rows[j].state == SEGMENT_ACTIVE)
				assert_true(u.rows[i].start_s >= entitlement_end_s(&u.rows[j]) ||
					    u.rows[j].start_s >= entitlement_end_s(&u.rows[i]));
	for (int64_t i = 0; i < u.e.n; i++)
		open += is_open(&u.rows[i]);
	for (bool moved = true; moved && at < end;) {
		moved = false;
		for (int64_t i = 0; i < u.e.n && !moved; i++)
			if (is_open(&u.rows[i]) && u.rows[i].start_s <= at &&
				entitlement_end_s(&u.rows[i]) > at) {
				at = entitlement_end_s(&u.rows[i]);
				open--;
				moved = true;
			}
	}
	assert_true(at >= end);
	assert_int_equal(open, 0);
	assert_int_equal(entitlement_level(&u.e, now_s) > 0, end > now_s);
}

/* What a chain has been and will be is one piece: a refunded part counts until where it was cut. */
static void check_chain(int64_t chain)
{
	int64_t first = INT64_MAX, last = 0, at;

	for (int64_t i = 0; i < u.e.n; i++) {
		const struct segment *s = &u.rows[i];

		if (s->chain != chain || s->state == SEGMENT_FOLDED)
			continue;
		first = s->start_s < first ? s->start_s : first;
		last = entitlement_end_s(s) > last ? entitlement_end_s(s) : last;
	}
	at = first;
	for (bool moved = true; moved && at < last;) {
		moved = false;
		for (int64_t i = 0; i < u.e.n; i++) {
			const struct segment *s = &u.rows[i];

			if (s->chain == chain && s->state != SEGMENT_FOLDED && s->start_s <= at &&
				entitlement_end_s(s) > at) {
				at = entitlement_end_s(s);
				moved = true;
			}
		}
	}
	/* parts that were cut before they began leave no piece */
	if (last > first && at < last)
		for (int64_t i = 0; i < u.e.n; i++)
			assert_true(u.rows[i].chain != chain || u.rows[i].state != SEGMENT_ACTIVE ||
				    entitlement_end_s(&u.rows[i]) <= at);
}

static void check_replay(void)
{
	static struct segment work[ENTITLEMENT_SEGMENTS_MAX];
	int64_t order_id;
	const char *what = entitlement_replay(&u.e, work, &order_id);

	if (what != NULL)
		fail_msg("seed %llu: order %lld: %s", (unsigned long long)seed, (long long)order_id,
			what);
}

/* The price of going up: what of a very dear plan is paid by credit. */
static int64_t credit_at(int64_t s)
{
	struct offer dear = { { INT64_C(1) << 50 }, 1, 1000 };
	struct quote q;

	if (entitlement_expire_s(&u.e) <= s)
		return 0;
	assert_int_equal(entitlement_quote(&u.e, &dear, s, &q), OK);
	return q.discount.fen;
}

static void check_credit(void)
{
	int64_t value = 0, last = INT64_MAX;

	for (int64_t i = 0; i < u.e.n; i++)
		value += is_open(&u.rows[i]) ? u.rows[i].value.fen : 0;
	for (int i = 0; i < 4; i++) {
		const int64_t credit = credit_at(now_s + i * (int64_t)draw(40) * D / 3);

		if (i == 0)
			assert_true(credit <= value);
		(void)last;
	}
	for (int64_t s = now_s, i = 0; i < 4; i++, s += (int64_t)draw(3 * D)) {
		const int64_t credit = credit_at(s);

		assert_true(credit <= last); /* monotone in time */
		last = credit;
	}
}

/* ---- what is done ---- */

static struct offer random_offer(void)
{
	return (struct offer){ { (int64_t)(draw(4) == 0 ? 1 + draw(9) : 1 + draw(50000)) },
		(int64_t)(draw(3) == 0 ? 1 + draw(3) : 1 + draw(400)), (int64_t)(1 + draw(4)) };
}

/* Time passes: not at all, a little, much, or to the very second of an end or next to it. */
static void pass_time(void)
{
	switch (draw(5)) {
	case 0:
		break;
	case 1:
		now_s += (int64_t)draw(5);
		break;
	case 2:
		now_s += (int64_t)draw(D * 2);
		break;
	case 3:
		now_s += (int64_t)draw(90) * D;
		break;
	default:
		if (u.e.n > 0) {
			const int64_t end = entitlement_end_s(&u.rows[draw((uint64_t)u.e.n)]) +
					    (int64_t)draw(3) - 1;

			now_s = end > now_s ? end : now_s;
		}
	}
}

/* Up by way of B costs what up at once costs, if B costs no more (B26). */
static void check_path(void)
{
	static struct user steps;
	struct offer b = random_offer(), c = random_offer();
	const int64_t level = entitlement_level(&u.e, now_s);
	struct quote qb, qc, at_once;

	b.level = level + 1;
	c.level = level + 2;
	if (level == 0 || b.price.fen > c.price.fen ||
		entitlement_quote(&u.e, &c, now_s, &at_once) != OK ||
		entitlement_quote(&u.e, &b, now_s, &qb) != OK)
		return;
	steps = u;
	steps.e.rows = steps.rows;
	entitlement_grant(&steps.e, 1000, &qb, qb.amount, now_s, 1000);
	assert_int_equal(entitlement_quote(&steps.e, &c, now_s, &qc), OK);
	assert_int_equal(qb.amount.fen + qc.amount.fen, at_once.amount.fen);
	assert_int_equal(qc.days, at_once.days);
	assert_int_equal(qc.value.fen, at_once.value.fen);
}

static void check_grant(const struct segment *s, const struct quote *q)
{
	const int64_t was = entitlement_expire_s(&before.e);

	assert_int_equal(s->kind, was > now_s ? q->kind : SEGMENT_NEW);
	assert_int_equal(s->start_s, s->kind == SEGMENT_RENEWAL ? was : now_s);
	assert_int_equal(entitlement_end_s(s) - s->start_s, q->days * D);
	for (int64_t i = 0; i < before.e.n; i++) {
		const bool folds = s->kind == SEGMENT_UPGRADE && is_open(&before.rows[i]);

		assert_int_equal(u.rows[i].state == SEGMENT_FOLDED,
			folds || before.rows[i].state == SEGMENT_FOLDED);
		assert_true(folds || unchanged(i));
	}
}

/* Quote, let time pass, and grant by the kept quote; sometimes take it back as if it had never been. */
static void buy_something(bool gift)
{
	struct offer o = random_offer();
	const struct segment *s;
	enum err e;
	struct quote q;

	if (gift)
		o.price = MONEY_ZERO;
	e = gift ? entitlement_quote_gift(&u.e, &o, now_s, &q)
		 : entitlement_quote(&u.e, &o, now_s, &q);
	if (e != OK)
		return;
	assert_int_equal(q.discount.fen + q.amount.fen, o.price.fen);
	if (draw(4) == 0)
		pass_time();
	snapshot();
	s = granted(&u, &q, now_s);
	check_grant(s, &q);
	if (draw(3) > 0)
		return;
	/* the last grant goes back: an upgrade, or what has not begun, leaves all as it was */
	pass_time();
	assert_int_equal(refund(&u, s->order_id, now_s), OK);
	for (int64_t i = 0; i < before.e.n; i++)
		assert_true(unchanged(i));
	if (s->kind != SEGMENT_UPGRADE)
		assert_int_equal(s->taken_s,
			entitlement_end_s(s) == s->start_s && now_s <= s->start_s ? s->days * D
			: s->start_s + s->days * D > now_s ? s->start_s + s->days * D - now_s
							   : 0);
}

/* How much a chain has left. */
static int64_t left_of(const struct user *x, int64_t chain)
{
	int64_t sum = 0;

	for (int64_t i = 0; i < x->e.n; i++) {
		const struct segment *s = &x->rows[i];

		if (s->chain == chain && is_open(s))
			sum += entitlement_end_s(s) - (s->start_s > now_s ? s->start_s : now_s);
	}
	return sum;
}

static void check_refund(const struct segment *s)
{
	assert_true(s->cut_s >= s->start_s && s->cut_s <= s->start_s + s->days * D);
	if (s->kind != SEGMENT_UPGRADE)
		assert_int_equal(left_of(&before, s->chain) - left_of(&u, s->chain), s->taken_s);
	for (int64_t i = 0; i < u.e.n; i++) {
		const bool own = &u.rows[i] == s, folded = before.rows[i].folded_by == s->order_id;

		if (s->kind == SEGMENT_UPGRADE
				? !own && !folded
				: u.rows[i].chain != s->chain ||
					  u.rows[i].granted_version < s->granted_version)
			assert_true(unchanged(i)); /* no other purchase is touched */
	}
}

static void refund_something(void)
{
	const struct segment *s;
	static struct user undone;

	if (u.e.n == 0)
		return;
	s = &u.rows[draw((uint64_t)u.e.n)];
	snapshot();
	if (refund(&u, s->order_id, now_s) != OK) {
		for (int64_t i = 0; i < u.e.n; i++)
			assert_true(unchanged(i));
		return;
	}
	check_refund(s);
	/* refused for good, at once or later: as if it had never been */
	undone = u;
	undone.e.rows = undone.rows;
	entitlement_refund_undo(&undone.e, s->order_id);
	assert_memory_equal(undone.rows, before.rows, (size_t)u.e.n * sizeof(u.rows[0]));
	if (draw(4) == 0) {
		entitlement_refund_undo(&u.e, s->order_id);
		u.version++;
	}
}

/* ---- histories ---- */

static void step(void)
{
	pass_time();
	switch (draw(6)) {
	case 0:
	case 1:
	case 2:
		buy_something(false);
		break;
	case 3:
		buy_something(true);
		break;
	default:
		refund_something();
	}
	check_future();
	for (int64_t i = 0; i < u.e.n; i++)
		if (u.rows[i].chain == u.rows[i].order_id)
			check_chain(u.rows[i].chain);
	check_credit();
	check_path();
	check_replay();
}

static void begin_history(int64_t number)
{
	random_state = (seed + (uint64_t)number) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	begin(&u);
	now_s = DAY0;
}

static void every_history_keeps_the_rules_b25_to_b30(void **state)
{
	(void)state;
	for (int64_t i = 0; i < HISTORIES; i++) {
		begin_history(i);
		for (int j = 0; j < STEPS; j++)
			step();
	}
}

/* A field of a segment changed behind the shop's back is found, whatever came before. */
static void whatever_is_changed_the_replay_finds_it_b25(void **state)
{
	static const size_t fields[] = { offsetof(struct segment, kind),
		offsetof(struct segment, state), offsetof(struct segment, chain),
		offsetof(struct segment, start_s), offsetof(struct segment, folded_by),
		offsetof(struct segment, cut_s), offsetof(struct segment, taken_s) };
	static struct segment work[ENTITLEMENT_SEGMENTS_MAX];
	int64_t order_id;

	(void)state;
	for (int64_t i = 0; i < HISTORIES / 20; i++) {
		begin_history(i);
		for (int j = 0; j < STEPS; j++)
			step();
		for (int64_t row = 0; row < u.e.n; row++)
			for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
				int64_t *at = (int64_t *)((char *)&u.rows[row] + fields[f]),
					was = *at;

				*at = f < 2 ? 1 + was % 3 : was + 1;
				if (entitlement_replay(&u.e, work, &order_id) == NULL)
					fail_msg("seed %llu history %lld: field %zu of row %lld",
						(unsigned long long)seed, (long long)i, f,
						(long long)row);
				*at = was;
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_history_keeps_the_rules_b25_to_b30),
		cmocka_unit_test(whatever_is_changed_the_replay_finds_it_b25),
	};
	const char *given = getenv("ENTITLEMENT_SEED");

	seed = given != NULL ? strtoull(given, NULL, 10) : 20261125;
	printf("# ENTITLEMENT_SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

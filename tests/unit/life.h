/* SPDX-License-Identifier: MIT */
/*
 * life.h - a user's purchase history for the unit tests of shop/membership/entitlement.h.
 */
#ifndef UNIT_LIFE_H
#define UNIT_LIFE_H

#include <string.h>

#include "shop/membership/entitlement.h"
#include "unit.h"

#define DAY      ENTITLEMENT_DAY_S
#define BEGIN    INT64_C(1700000000) /* day 0 of every history; not the start of a calendar day */
#define ON(days) (BEGIN + (days)*DAY)

/* A user's history: the segments, and the number of the latest change. */
struct life {
	struct segment rows[ENTITLEMENT_SEGMENTS_MAX];
	struct entitlement e;
	int64_t version;
};

static inline struct life *born(void)
{
	static struct life life;

	memset(&life, 0, sizeof(life));
	life.e.rows = life.rows;
	return &life;
}

static inline struct offer offer(int64_t fen, int64_t days, int64_t level)
{
	return (struct offer){ { fen }, days, level };
}

static inline struct quote quoted(const struct life *l, struct offer o, int64_t now_s)
{
	struct quote q = { 0 };

	assert_int_equal((o.price.fen > 0 ? entitlement_quote : entitlement_quote_gift)(
				 &l->e, &o, now_s, &q),
		OK);
	return q;
}

static inline void check_ok(enum err e)
{
	assert_int_equal(e, OK);
}

/* The order's id is its position in the history: 101, 102, … */
static inline int64_t granted(struct life *l, const struct quote *q, int64_t now_s)
{
	check_ok(entitlement_grant(&l->e, 101 + l->e.n, q, q->amount, now_s, ++l->version));
	return 100 + l->e.n;
}

static inline int64_t bought(struct life *l, struct offer o, int64_t now_s)
{
	struct quote q = quoted(l, o, now_s);

	return granted(l, &q, now_s);
}

static inline const struct segment *row(const struct life *l, int64_t order_id)
{
	return &l->rows[order_id - 101];
}

static inline void check_segment(const struct segment *s, int64_t kind, int64_t state,
	int64_t chain, int64_t start_s, int64_t days)
{
	if (s->kind != kind || s->state != state || s->chain != chain || s->start_s != start_s ||
		s->days != days)
		fail_msg("order %lld: kind %lld state %lld chain %lld start %lld days %lld",
			(long long)s->order_id, (long long)s->kind, (long long)s->state,
			(long long)s->chain, (long long)(s->start_s - BEGIN), (long long)s->days);
}

#endif

/*
 * entitled.h - a user's segments for tests, and the few words in which they are told:
 * moments in days and seconds after DAY0, prices in yuan.
 */
#ifndef UNIT_ENTITLED_H
#define UNIT_ENTITLED_H

#include <string.h>

#include "shop/entitlement.h"
#include "unit.h"

#define DAY0      INT64_C(1800000000)
#define D         ENTITLEMENT_DAY_S
#define AT_DAY(d) (DAY0 + (int64_t)(d)*D)

struct user {
	struct segment rows[ENTITLEMENT_SEGMENTS_MAX + 1];
	struct entitlement e;
	int64_t version;
};

static inline void begin(struct user *u)
{
	memset(u, 0, sizeof(*u));
	u->e.rows = u->rows;
}

static inline struct offer yuan(int64_t price, int64_t days, int64_t level)
{
	return (struct offer){ { price * 100 }, days, level };
}

static inline struct quote quoted(struct user *u, struct offer o, int64_t now_s)
{
	struct quote q;

	assert_int_equal(entitlement_quote(&u->e, &o, now_s, &q), OK);
	return q;
}

/* Order ids are 1, 2, 3 in the order of granting. */
static inline struct segment *granted(struct user *u, const struct quote *q, int64_t now_s)
{
	entitlement_grant(&u->e, u->e.n + 1, q, q->amount, now_s, ++u->version);
	return &u->rows[u->e.n - 1];
}

static inline struct segment *buy(struct user *u, struct offer o, int64_t now_s)
{
	const struct quote q = quoted(u, o, now_s);

	return granted(u, &q, now_s);
}

static inline enum err refund(struct user *u, int64_t order_id, int64_t now_s)
{
	const enum err e = entitlement_refund(&u->e, order_id, now_s, u->version + 1);

	u->version += e == OK;
	return e;
}

#define assert_segment(which, k, st, from, to)                                                     \
	do {                                                                                       \
		const struct segment *s_ = (which);                                                \
                                                                                                   \
		assert_int_equal(s_->kind, SEGMENT_##k);                                           \
		assert_int_equal(s_->state, SEGMENT_##st);                                         \
		assert_int_equal(s_->start_s, (from));                                             \
		assert_int_equal(entitlement_end_s(s_), (to));                                     \
	} while (0)

#endif

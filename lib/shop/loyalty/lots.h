/* SPDX-License-Identifier: MIT */
/*
 * lots.h - a member's points as lots that expire, and all arithmetic on them (BEHAVIOUR 46, 47, 59).
 * Pure: no I/O, no clock, integers only. Units: points; times in ms since 1970 UTC.
 *
 * A lot is spent, held, released, and expires. What is taken back beyond the free points is a debt, which
 * free points cover at once: with a debt nothing is free. Σ unspent - debt is the member's balance,
 * and every change of it is a row of the ledger with the changes of the lots: Σ of its lots - the
 * change of the debt = its points. A change is what differs from the latest lots_mark().
 *
 * All functions that return an enum err fail with INTERNAL for impossible arguments, and then and
 * for any other failure change nothing.
 */
#ifndef SHOP_LOYALTY_LOTS_H
#define SHOP_LOYALTY_LOTS_H

#include "base/base.h"

struct lot {
	int64_t lot_id, expires_ms;
	int64_t unspent; /* what is left of it, including what is held */
	int64_t held;    /* part of it is promised to orders not yet paid; doesn't expire */
	int64_t was_expires_ms, was_unspent, was_held; /* at the latest lots_mark() */
};

/* A member's lots, by expiry, then lot_id; those with nothing left may be absent. The caller owns the rows. */
struct lots {
	struct lot *rows;
	int64_t n;
	int64_t debt, was_debt; /* what is owed; never below 0 */
};

/* Points of a lot: of a hold, or spent and so to be returned. */
struct lot_part {
	int64_t lot_id, points;
};
/* In the order in which they were taken: by expiry at that time, then lot_id. */
struct lot_parts {
	const struct lot_part *rows;
	int64_t n;
};

/* Are these possible lots, in order? Of rows that were read; the functions below expect it. */
bool lots_possible(const struct lots *l) MUST;
/* Put a lot in its place, unless it is there (the caller provides room): one with nothing left may be absent. */
void lots_include(struct lots *l, const struct lot *lot);
/* From here on the changes are counted. */
void lots_mark(struct lots *l);

/* Σ unspent - debt. */
int64_t lots_balance(const struct lots *l);
/* Σ held. */
int64_t lots_held(const struct lots *l);
/* What may be spent: neither held nor expired; minus the debt, so it may be below 0. */
int64_t lots_available(const struct lots *l, int64_t now_ms);

/*
 * Earn: a new lot (the caller provides room for one more), or more of a known one. It covers the
 * debt first. Fails: INTERNAL for a lot that has expired already.
 */
enum err lots_add(
	struct lots *l, int64_t lot_id, int64_t expires_ms, int64_t points, int64_t now_ms) MUST;
/* Spend the free points that expire first. Fails: INSUFFICIENT_POINTS. */
enum err lots_spend(struct lots *l, int64_t points, int64_t now_ms) MUST;
/* Expire what is unspent and not held of lots whose time is over: how much. Held points expire once they are released. */
int64_t lots_expire(struct lots *l, int64_t now_ms);

/* Hold the free points that expire first. Fails: INSUFFICIENT_POINTS. */
enum err lots_hold(struct lots *l, int64_t points, int64_t now_ms) MUST;
/* Spend what is held. */
enum err lots_post(struct lots *l, const struct lot_parts *held) MUST;
/* The hold ends: its points are free again, and cover a debt unless they have expired (lots_expire is next). */
enum err lots_release(struct lots *l, const struct lot_parts *held, int64_t now_ms) MUST;

/*
 * Return `points` of what was spent, after the first `returned`, to the lots they came from, those that
 * expire last coming last. They cover a debt, unless they have expired meanwhile: then their
 * lot lives until until_ms, or if that isn't later than now_ms they expire by the lots_expire that is next.
 */
enum err lots_return(struct lots *l, const struct lot_parts *spent, int64_t returned,
	int64_t points, int64_t now_ms, int64_t until_ms) MUST;
/*
 * Take points back: from the lot that they are (own; 0: unknown), then from those that expire first,
 * never what is held or expired; the rest becomes a debt.
 */
enum err lots_take_back(struct lots *l, int64_t own, int64_t points, int64_t now_ms) MUST;

/* How much of an order's points its refunds concern in total (BEHAVIOUR 47). */
struct lot_refund {
	int64_t refunded, paid; /* fen, cumulative over all refunds of the order */
	bool all;               /* nothing is left of it; paid may be 0 only then */
};
/* floor(points * refunded / paid), all of them when everything was refunded. Fails: INTERNAL for impossible amounts. */
enum err lots_of_refund(int64_t points, const struct lot_refund *r, int64_t *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * reward.h - what a shop order means for its buyer's points and total_spent (BEHAVIOUR 47, 58, 59): points that
 * pay part of it are held until it is paid or given up, what is paid in cash earns points, and a
 * refund takes back and returns in proportion.
 * Memory: nothing is kept. Fails everywhere: DB, DB_LOST, BUSY, INTERNAL.
 *
 * The source of its points in the ledger is REWARD_SOURCE and the order's number. The caller has locked the member
 * (reward_lock_tx) before its products and the order.
 */
#ifndef SHOP_LOYALTY_REWARD_H
#define SHOP_LOYALTY_REWARD_H

#include "base/ctx.h"
#include "base/money.h"
#include "shop/loyalty/points.h"

#define REWARD_SOURCE POINTS_OWN "order"

struct rewarded {
	int64_t user_id;
	const char *no; /* the order's number */
	money paid;     /* in cash; due, until it is paid */
	int64_t points; /* that pay the rest */
	bool counted;   /* since it was paid; not if a program of an earlier version set it paid */
};

/* Lock the user's member until the transaction ends. */
enum err reward_lock_tx(struct ctx *c, int64_t user_id) MUST;
/*
 * Hold the order's points, if any. Fails: MEMBER_STATUS, INSUFFICIENT_POINTS, POINTS_EXPIRED.
 * Of an order that was given up: hold them again.
 */
enum err reward_hold_tx(struct ctx *c, const struct rewarded *r) MUST;
/* The order was paid; `gone` of the cash was refunded before. */
enum err reward_paid_tx(struct ctx *c, const struct rewarded *r, money gone) MUST;
/* It was given up unpaid. */
enum err reward_dropped_tx(struct ctx *c, const struct rewarded *r) MUST;
/* `amount` of the cash was refunded, `refunded` in all; all: nothing is left of it. */
enum err reward_refunded_tx(
	struct ctx *c, const struct rewarded *r, money amount, money refunded, bool all) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * paid.h - hooks when a payable, an order or a membership, becomes paid, is given up or is refunded: the
 * consequences common to all ways of paying.
 *
 * Those of a shop order change its buyer's points and total_spent (loyalty/reward.h), so its member is locked before
 * its products and the order (HACKING.md, lock order).
 */
#ifndef SHOP_MONEY_PAID_H
#define SHOP_MONEY_PAID_H

#include "shop/loyalty/reward.h"
#include "shop/money/payment.h"

/* A payable, and what is paid for it. */
struct charge {
	enum payable_kind kind;
	int64_t id;
	struct rewarded order; /* of a membership order only the amount paid */
};

/*
 * It was set paid: through a provider, by card, by an administrator (offline)
 * or simulated, because nothing was due, or as a gift. Its other payments prepared at a provider
 * must not be payable any more. Call in the transaction that set it.
 * Fails: INTERNAL (an impossible payment), DB, DB_LOST, BUSY.
 */
enum err paid_tx(struct ctx *c, const struct charge *x, const struct payment *p) MUST;

/* It was cancelled while unpaid. Call in the transaction that set it. Fails: DB, DB_LOST, BUSY. */
enum err paid_not_tx(struct ctx *c, const struct charge *x) MUST;

/*
 * `amount` (of a shop order) of it was refunded. Payments through a provider or by card are refunded by
 * requested refunds; *all: nothing is left (BEHAVIOUR 43). Other payments (by) are always refunded in
 * full, in person if it was money. Call in the transaction that wrote the refund.
 * Fails: DB, DB_LOST, BUSY.
 */
enum err paid_refunded_tx(
	struct ctx *c, const struct charge *x, enum paid_by by, money amount, bool *all) MUST;

#endif

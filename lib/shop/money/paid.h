/* SPDX-License-Identifier: MIT */
/*
 * paid.h - hooks when a payable, an order or a membership, becomes paid or is refunded: the
 * consequences common to all ways of paying.
 */
#ifndef SHOP_MONEY_PAID_H
#define SHOP_MONEY_PAID_H

#include "shop/money/payment.h"

/*
 * It was set paid, for this amount: through a provider, by card, by an administrator (offline)
 * or simulated, because nothing was due, or as a gift. Its other payments prepared at a provider
 * must not be payable any more. Call in the transaction that set it.
 * Fails: INTERNAL (an impossible payment), DB, DB_LOST, BUSY.
 */
enum err paid_tx(struct ctx *c, enum payable_kind kind, int64_t payable_id, money amount,
	const struct payment *p) MUST;

/*
 * It was refunded, in full or in part. Payments through a provider or by card are refunded by
 * requested refunds; *all: nothing is left (BEHAVIOUR 43). Other payments (by) are always refunded in
 * full, in person if it was money. Call in the transaction that wrote the refund.
 * Fails: DB, DB_LOST, BUSY.
 */
enum err paid_refunded_tx(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, enum paid_by by, bool *all) MUST;

#endif

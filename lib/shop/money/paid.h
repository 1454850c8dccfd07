/* SPDX-License-Identifier: MIT */
/*
 * paid.h - what follows when something payable becomes paid, and when money for it goes back, be it
 * an order or a membership and whatever the way of paying: what all have in common is here.
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
 * Some of what was paid for it has gone back. What a provider or the card paid goes back by refunds
 * that were asked for; *all: no more is left (BEHAVIOUR 43). Anything else (by) is given back wholly,
 * at the till if it was money. In the transaction that wrote the refund.
 * Fails: DB, DB_LOST, BUSY.
 */
enum err paid_back_tx(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, enum paid_by by, bool *all) MUST;

#endif

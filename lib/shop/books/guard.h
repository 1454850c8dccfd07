/* SPDX-License-Identifier: MIT */
/*
 * guard.h - rules about many rows: code that relies on one writes its row (BEHAVIOUR 61).
 * Owns tables: guards.
 *
 * A rule about one row is guarded by a change of that row (user_hold_tx, plan_offered_tx,
 * order_touch_tx, payment_touch_tx). A locking read guards nothing: another node of a Galera
 * cluster doesn't see the lock, only writes, and refuses the later COMMIT.
 */
#ifndef SHOP_BOOKS_GUARD_H
#define SHOP_BOOKS_GUARD_H

#include "base/ctx.h"

enum guard {
	GUARD_ADMINISTRATORS, /* at least one remains */
	GUARD_CATEGORIES,     /* a tree; the category of a product or category is not deleted */
	GUARD_WEBHOOKS,       /* there are at most so many */
};

/*
 * Until the transaction ends, no other one relies on this rule, on any node: what is read
 * about it after this, without locks, is valid at the COMMIT. Before any row of the lock order.
 * Fails: DB, DB_LOST, BUSY.
 */
enum err guard_tx(struct ctx *c, enum guard guard) MUST;

#endif

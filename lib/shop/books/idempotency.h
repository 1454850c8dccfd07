/* SPDX-License-Identifier: MIT */
/*
 * idempotency.h - a write that moves value and carries an Idempotency-Key happens once.
 * Owns tables: idempotency_keys.
 *
 * The key's row is written inside the operation's own transaction: parallel twins wait
 * on it, a failure leaves none, and a replay finds the resource that was made
 * (DESIGN.md 1, "Writes that move value"). Without a key all of this is nothing.
 */
#ifndef SHOP_BOOKS_IDEMPOTENCY_H
#define SHOP_BOOKS_IDEMPOTENCY_H

#include "base/ctx.h"

/*
 * First thing in the transaction. *resource_id is 0 for a new key; for a known one it is
 * what was made, c->idem.replayed is set, and the transaction has nothing to do.
 * Fails: IDEMPOTENCY_MISMATCH (same key, another body).
 */
enum err idempotency_begin_tx(struct ctx *c, int64_t *resource_id) MUST;
/*
 * The same for a change of what is there already: *done says that it was made.
 * Fails: also IDEMPOTENCY_MISMATCH for a key that another one was changed by, since a key's scope
 * is the route, whatever it is about.
 */
enum err idempotency_begin_change_tx(struct ctx *c, int64_t resource_id, bool *done) MUST;
/* The first without a transaction, before work that takes long: a known key's resource, or 0. */
enum err idempotency_find(struct ctx *c, int64_t *resource_id) MUST;
/* Last thing: what was made, and with which status it was answered. */
enum err idempotency_end_tx(struct ctx *c, int64_t resource_id, int status) MUST;
/* Forget keys older than a day, at most `limit`. */
enum err idempotency_purge(struct ctx *c, int64_t limit, int64_t *purged) MUST;

#endif

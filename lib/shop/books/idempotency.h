/* SPDX-License-Identifier: MIT */
/*
 * idempotency.h - a write that moves value and carries an Idempotency-Key is executed once.
 * Owns tables: idempotency_keys.
 *
 * The key's row is written in the operation's own transaction: concurrent duplicates wait
 * on it, a failure leaves none, and a replay finds the resource that was created
 * (DESIGN.md 1, "Writes that move value"). Without a key these functions do nothing.
 */
#ifndef SHOP_BOOKS_IDEMPOTENCY_H
#define SHOP_BOOKS_IDEMPOTENCY_H

#include "base/ctx.h"

/*
 * First in the transaction. *resource_id is 0 for a new key; for a known one it is the
 * resource created, c->idem.replayed is set, and the transaction has nothing to do.
 * Fails: IDEMPOTENCY_MISMATCH (same key, another body).
 */
enum err idempotency_begin_tx(struct ctx *c, int64_t *resource_id) MUST;
/*
 * For a request that does two things, each in its own transaction: the first of them, under a name of
 * its own beside the request's. So a retry goes on where the request failed.
 */
enum err idempotency_begin_step_tx(struct ctx *c, const char *step, int64_t *resource_id) MUST;
enum err idempotency_end_step_tx(
	struct ctx *c, const char *step, int64_t resource_id, int status) MUST;
/*
 * The same for a change of an existing resource: *done if it was made.
 * Also fails: IDEMPOTENCY_MISMATCH for a key used for another resource, since a key's scope
 * is the route, not the resource.
 */
enum err idempotency_begin_change_tx(struct ctx *c, int64_t resource_id, bool *done) MUST;
/* As the first, without a transaction, before slow work: a known key's resource, or 0. */
enum err idempotency_find(struct ctx *c, int64_t *resource_id) MUST;
/* Last: the resource created, and the status of the response. */
enum err idempotency_end_tx(struct ctx *c, int64_t resource_id, int status) MUST;
/* Delete keys older than a day, at most `limit`. */
enum err idempotency_purge(struct ctx *c, int64_t limit, int64_t *purged) MUST;

#endif

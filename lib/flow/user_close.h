/* SPDX-License-Identifier: MIT */
/*
 * user_close.h - deletes a user: remaining obligations forbid it, everything else is closed
 * (DESIGN.md 2, Deleting).
 */
#ifndef FLOW_USER_CLOSE_H
#define FLOW_USER_CLOSE_H

#include "shop/books/outbox.h"

/*
 * Delete a user with the user's card and pending orders; other orders remain, without addresses.
 * Fails: NOT_FOUND, LAST_ADMINISTRATOR, USER_IN_USE (a balance, orders to be delivered, a live
 * membership, a refund in progress).
 *
 * One transaction refuses or deletes. Then each pending order is cancelled in its own transaction,
 * and addresses are removed some at a time; jobs do what isn't done at once. Until an order is
 * cancelled, a payment for it is refunded automatically.
 */
enum err user_close(struct ctx *c, int64_t user_id) MUST;

/* For `minimall jobs` (outbox_fn): the rest of a deletion; `done` counts completed ones. */
enum err user_close_rest(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

#endif

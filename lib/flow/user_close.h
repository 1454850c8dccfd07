/* SPDX-License-Identifier: MIT */
/*
 * user_close.h - a user leaves: what he still has or waits for forbids it, or goes with him
 * (DESIGN.md 2, Deleting).
 */
#ifndef FLOW_USER_CLOSE_H
#define FLOW_USER_CLOSE_H

#include "shop/books/outbox.h"

/*
 * Delete a user with his card and what he has pending; his orders stay in the books, without
 * the addresses. Fails: NOT_FOUND, LAST_ADMINISTRATOR, USER_IN_USE (a balance, orders to be
 * delivered, a live membership, money on its way back).
 *
 * One transaction refuses or deletes. Then each pending order is cancelled in one of its own, and
 * addresses are forgotten some at a time; what that doesn't get done at once, jobs does. Until an
 * order is cancelled, whatever is paid for it goes back.
 */
enum err user_close(struct ctx *c, int64_t user_id) MUST;

/* For `minimall jobs` (outbox_fn): the rest of a deletion; done counts those of whom nothing is left. */
enum err user_close_rest(struct ctx *c, struct outbox *row, struct outbox_report *report) MUST;

#endif

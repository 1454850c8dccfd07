/*
 * leave.h - a user leaves: what he still has or waits for forbids it, or goes with him
 * (DESIGN.md 2, Deleting).
 */
#ifndef FLOW_LEAVE_H
#define FLOW_LEAVE_H

#include "base/ctx.h"

/*
 * Delete a user with his card and what he has pending; his orders stay in the books, without
 * the addresses. Fails: NOT_FOUND, LAST_ADMINISTRATOR, USER_IN_USE (a balance, orders to be
 * delivered, a live membership, money on its way back).
 */
enum err leave(struct ctx *c, int64_t user_id) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * member.h - members: one row per user, created with the user.
 * Owns tables: members, member_days.
 */
#ifndef SHOP_PEOPLE_MEMBER_H
#define SHOP_PEOPLE_MEMBER_H

#include "base/ctx.h"

/* Create a new user's member; its code is M + the day in the shop's zone + a number. */
enum err member_create_tx(struct ctx *c, int64_t user_id, int64_t *member_id) MUST;
/* Set last_active; writes at most once in five minutes. */
enum err member_touch(struct ctx *c, int64_t member_id, int64_t last_active_ms) MUST;
/* The member's user. Fails: NOT_FOUND. */
enum err member_user(struct ctx *c, int64_t member_id, int64_t *user_id) MUST;

#endif

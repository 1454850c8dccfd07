/* SPDX-License-Identifier: MIT */
/*
 * member.h - members: one row per user, created with the user.
 * Owns tables: members, member_days.
 *
 * Whoever changes a member's points or level locks its row first (BEHAVIOUR 58). The figures of
 * member_count.h about levels and activity are kept here, by what writes the row.
 */
#ifndef SHOP_PEOPLE_MEMBER_H
#define SHOP_PEOPLE_MEMBER_H

#include "base/ctx.h"
#include "base/field.h"
#include "ext/sql.h"

#define MEMBER_FROZEN 0 /* by an administrator: its points can't be earned or used */
#define MEMBER_ACTIVE 1
#define MEMBER_CLOSED 2 /* its user is deleted */
enum member_status { STORED(MEMBER_FROZEN), STORED(MEMBER_ACTIVE), STORED(MEMBER_CLOSED) };

/* A member's row. What people see of it is loyalty/profile.h. */
struct member {
	int64_t member_id, user_id;
	const char *member_code;
	int64_t status;
	const char *birthday; /* "1990-05-20", or NULL */
	bool newsletter, sms_notification, promotion_notification;
	int64_t level_id;        /* the higher of the next two */
	int64_t earned_level_id; /* follows the points earned */
	opt_i64 manual_level_id; /* given by an administrator */
	const char *manual_reason;
	opt_i64 manual_by; /* the administrator */
	timestamp manual_at;
	money total_spent; /* what paid orders cost, less what was refunded */
	bool counted;      /* in the figures of member_count.h; jobs count those that aren't */
	int64_t active_day;
};

/* The new member's level: no points are needed for it (member_levels). */
#define MEMBER_FIRST_LEVEL 1

/* The longest code: M, a day, nine digits. */
#define MEMBER_CODE_MAX 18
/* M, an existing day and a number of four to nine digits? */
bool member_code_is_valid(const char *code);

/* Create a new user's member; its code is M + the day in the shop's zone + a number. */
enum err member_create_tx(struct ctx *c, int64_t user_id, int64_t *member_id) MUST;
/* A deleted user's member: it is closed, and counted no more. */
enum err member_close_tx(struct ctx *c, int64_t user_id) MUST;
/* Would member_touch write? */
bool member_touch_due(const struct ctx *c, int64_t last_active_ms, int64_t active_day);
/* Set last_active; writes at most once in five minutes. Both are as in the row, and updated to what it then has. */
enum err member_touch(
	struct ctx *c, int64_t member_id, int64_t *last_active_ms, int64_t *active_day) MUST;
/* The member's user. Fails: NOT_FOUND. */
enum err member_user(struct ctx *c, int64_t member_id, int64_t *user_id) MUST;
/* The user's member. Fails: MEMBER_NOT_FOUND. */
enum err member_of_user(struct ctx *c, int64_t user_id, int64_t *member_id) MUST;
/* The member's code. Fails: MEMBER_NOT_FOUND. */
enum err member_code_of(struct ctx *c, int64_t member_id, const char **code) MUST;
/* The member with a code; 0: none. */
enum err member_of_code(struct ctx *c, const char *code, int64_t *member_id) MUST;

/*
 * Keep a member as it is until the end of the transaction, on any node: the row is written, which
 * also locks it (BEHAVIOUR 61). The caller checks its status. Fails: MEMBER_NOT_FOUND.
 */
enum err member_lock_tx(struct ctx *c, int64_t member_id, struct member *out) MUST;
/* Add to a locked member's total_spent; below 0 of a refund. */
enum err member_spend_tx(struct ctx *c, int64_t member_id, money amount) MUST;
/*
 * Write what has changed of a locked member, and keep the figures. `before`: as member_lock_tx gave
 * it. Fails: MEMBER_CODE_TAKEN.
 */
enum err member_write_tx(struct ctx *c, const struct member *before, const struct member *m) MUST;

/* Count members whom a program of an earlier version created; at most `limit`. For jobs. */
enum err member_count_missed(struct ctx *c, int64_t limit, int64_t *counted) MUST;

#endif

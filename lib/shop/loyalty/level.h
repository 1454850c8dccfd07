/* SPDX-License-Identifier: MIT */
/*
 * level.h - levels of members: each from a number of points on. A member's level is the higher of
 * the one that follows its points earned, up and down, and one that an administrator gave it
 * (DESIGN.md 2, BEHAVIOUR 58).
 * Owns tables: member_levels.
 */
#ifndef SHOP_LOYALTY_LEVEL_H
#define SHOP_LOYALTY_LEVEL_H

#include "base/ctx.h"
#include "base/field.h"

struct level_benefit {
	const char *text;
};

struct level {
	int64_t id;
	const char *name;
	int64_t min_points;
	int64_t discount_permille; /* what of a price is paid; on the wire discount_rate */
	struct list benefits;      /* of struct level_benefit */
	const char *benefit_lines; /* rows only */
};
extern const struct field level_fields[];
extern const struct field level_brief_fields[]; /* without threshold and benefits */

/* All levels, the lowest first (struct level). */
enum err level_list(struct ctx *c, struct list *out) MUST;

/* Of a list as level_list gives it: the highest level that so many points reach; never NULL. */
const struct level *level_for(const struct list *levels, int64_t points);
/* The level with this id; NULL: none. */
const struct level *level_of_id(const struct list *levels, int64_t id);

/* What of a price a member pays, in thousandths, read without a lock. */
enum err level_discount(struct ctx *c, int64_t member_id, int64_t *permille) MUST;

/*
 * Of a locked member (member_lock_tx) whose points earned have changed: set the level that follows
 * them. A manual level stays.
 */
enum err level_follow_tx(struct ctx *c, int64_t member_id, int64_t total_earned) MUST;

/* ---- by an administrator ---- */

struct upgrade_request {
	uint64_t has;
	int64_t target_level_id;
	const char *reason;
};
extern const struct field upgrade_request_fields[];

struct upgrade {
	int64_t member_id;
	struct level previous_level, level;
	const char *reason;
	int64_t operator_id; /* the administrator's user */
	timestamp upgraded_at;
};
extern const struct field upgrade_fields[];

/*
 * Give a member a level for good; it is in the member's log. Fails: MEMBER_NOT_FOUND, MEMBER_STATUS
 * (only an active member is upgraded), INVALID naming target_level_id, LEVEL_UPGRADE (not higher, or its threshold is
 * met neither by points earned nor by total_spent in yuan).
 */
enum err level_upgrade(struct ctx *c, int64_t member_id, const struct upgrade_request *in,
	struct upgrade *out) MUST;

#endif

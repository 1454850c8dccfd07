/* SPDX-License-Identifier: MIT */
/*
 * member_count.h - figures about all members, kept with each change, so that reading them costs the
 * same with a million members (loyalty/stats.h). Each is a sum of shards: changes of different
 * members rarely wait for one row. `minimall audit` compares them with a recomputation.
 * Owns tables: member_counts.
 */
#ifndef SHOP_PEOPLE_MEMBER_COUNT_H
#define SHOP_PEOPLE_MEMBER_COUNT_H

#include "base/ctx.h"
#include "ext/sql.h"

#define COUNT_LEVEL         1 /* members who aren't closed, by level */
#define COUNT_DAY           2 /* the same by the day that they were last active */
#define COUNT_POINTS_EARNED 3 /* the sum of every account's total_earned; subject 0 */
#define COUNT_POINTS_USED   4 /* of total_used; subject 0 */
enum count_figure {
	STORED(COUNT_LEVEL),
	STORED(COUNT_DAY),
	STORED(COUNT_POINTS_EARNED),
	STORED(COUNT_POINTS_USED),
};

/* In the transaction that changes the member: add to a figure. */
enum err member_count_tx(struct ctx *c, int64_t member_id, enum count_figure figure,
	int64_t subject, int64_t change) MUST;

/* The day `later` days after a time, in the shop's zone, as a number such as 20230915. */
int64_t member_day(int64_t ms, int later);

#endif

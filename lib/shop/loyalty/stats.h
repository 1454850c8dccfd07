/* SPDX-License-Identifier: MIT */
/*
 * stats.h - figures about all members, read from those that are kept (people/member_count.h): a
 * few hundred rows, however many members there are. Owns no table.
 */
#ifndef SHOP_LOYALTY_STATS_H
#define SHOP_LOYALTY_STATS_H

#include "base/ctx.h"
#include "base/field.h"

struct level_count {
	const char *level; /* "level_1" */
	int64_t n;
};

struct points_stats {
	int64_t total_points_issued, total_points_used;
	int64_t avg_points_per_member; /* issued, rounded down; 0 without members */
};

struct member_stats {
	int64_t total_members;      /* of users who aren't deleted */
	int64_t active_members_30d; /* active today or on the 29 days before, in the shop's zone */
	struct list level_distribution; /* of struct level_count, every level */
	struct points_stats points_statistics;
};
extern const struct field member_stats_fields[];

enum err member_stats(struct ctx *c, struct member_stats *out) MUST;

#endif

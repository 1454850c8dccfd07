/* SPDX-License-Identifier: MIT */
/*
 * points_internal.h - a locked member with its lots, between the files of points.
 */
#ifndef SHOP_LOYALTY_POINTS_INTERNAL_H
#define SHOP_LOYALTY_POINTS_INTERNAL_H

#include "shop/loyalty/points.h"
#include "shop/people/member.h"

/* A member whose row is locked and written; nothing of its free points has expired. */
struct points_account {
	struct member member;
	struct lots lots;
	int64_t room; /* for so many lots */
	int64_t total_earned, total_used;
	timestamp updated_at;
};

/* A row of the ledger. Set by the caller: type, points (signed), and what applies of the others. */
struct points_entry {
	int64_t entry_id;
	const char *transaction_id;
	int64_t member_id, type, points;
	int64_t debt; /* the change of the debt */
	int64_t balance_after;
	const char *reference_type, *reference_id; /* NULL: none */
	opt_i64 once; /* 1: the only row of its type and reference, by a unique key */
	const char *description;
	opt_i64 lot_id;      /* POINTS_EARN: that was earned */
	opt_i64 of_entry_id; /* POINTS_RETURN, POINTS_TAKE_BACK: of what */
	opt_i64 actor_user_id, token_id;
	timestamp created_at;
};
extern const struct field points_entry_fields[];

/* Lock a member, read its lots, and expire what is due. Fails: MEMBER_NOT_FOUND. */
enum err points_open_tx(struct ctx *c, int64_t member_id, struct points_account *a) MUST;
/* Make room for more lots. */
void points_reserve(struct ctx *c, struct points_account *a, int64_t more);
/* Include the lots of these parts, also those with nothing left. */
enum err points_include_tx(
	struct ctx *c, struct points_account *a, const struct lot_parts *parts) MUST;
/*
 * Write what changed of the lots, with its row of the ledger, whose points the changes must add up to; the
 * level and the kept figures follow. A row that exists already (once) runs the transaction again, which
 * must look for it first.
 */
enum err points_enter_tx(struct ctx *c, struct points_account *a, struct points_entry *row) MUST;
/* Write what changed of the lots without a row of the ledger: what is held. */
enum err points_save_tx(struct ctx *c, struct points_account *a) MUST;
/* Expire the free points of lots whose time is over, as a row of the ledger. */
enum err points_expire_tx(struct ctx *c, struct points_account *a) MUST;
/* Of what lots_spend and lots_hold return: INSUFFICIENT_POINTS, or POINTS_EXPIRED if with the expired ones there were enough. */
enum err points_refused(
	struct ctx *c, const struct points_account *a, enum err e, int64_t points) MUST;
/* The row of the ledger of this type that exists once for a source; entry_id 0: none. */
enum err points_find_entry(struct ctx *c, int64_t type, const struct points_source *source,
	struct points_entry *out) MUST;
/* The lots that a posted use took, in that order. */
enum err points_parts_of_entry(struct ctx *c, int64_t entry_id, struct lot_parts *out) MUST;
/* "[[lot_id, place, points], …]", for JSON_TABLE: POINTS_PARTS. */
struct db_arg points_parts_arg(struct ctx *c, const struct lot_parts *parts);

#define POINTS_PARTS                                                                               \
	"JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', a BIGINT PATH '$[1]', "              \
	"b BIGINT PATH '$[2]')) l "

/* At most so many lots of a member are read at once. */
enum { LOTS_MAX = 20000 };
extern const struct field lot_part_fields[];

#endif

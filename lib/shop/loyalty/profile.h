/* SPDX-License-Identifier: MIT */
/*
 * profile.h - a member as people see it: itself, or an administrator any; and the list of all.
 * Owns no table: members are people/member.h, points points.h.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_LOYALTY_PROFILE_H
#define SHOP_LOYALTY_PROFILE_H

#include "base/page.h"
#include "shop/loyalty/level.h"
#include "shop/loyalty/points.h"
#include "shop/people/member.h"

struct preferences {
	uint64_t has;
	bool newsletter, sms_notification, promotion_notification;
};

struct profile_data {
	timestamp joined_at;
	const char *join_date; /* of it, in the shop's zone */
	money total_spent;
	int64_t status; /* enum member_status */
	timestamp last_active;
	const char *birthday; /* NULL: none */
	struct preferences preferences;
};

struct profile {
	int64_t member_id;
	const char *member_code;
	int64_t user_id;
	struct level level;
	struct points_totals points;
	struct profile_data profile;
};
extern const struct field profile_fields[];
/* What a PUT can change of it: its tag for If-Match. Points and the last activity change by themselves. */
extern const struct field profile_tag_fields[];

/* Fails: MEMBER_NOT_FOUND. */
enum err profile_get(struct ctx *c, int64_t member_id, struct profile *out) MUST;

/* The bodies of the changes; absent members stay as they are. */
struct profile_change {
	uint64_t has;
	const char *birthday;
	struct preferences preferences;
	int64_t status; /* MEMBER_FROZEN or MEMBER_ACTIVE */
	const char *member_code;
	const char *reason; /* of a new status or code, which needs one */
};
extern const struct field profile_change_fields[];       /* by the member itself */
extern const struct field profile_admin_change_fields[]; /* by an administrator */

/* Change the actor's own. Fails: PRECONDITION, INVALID naming birthday. */
enum err profile_update_self(
	struct ctx *c, const struct profile_change *in, struct profile *out) MUST;
/*
 * Change a member as administrator. A new status or code is in its log. Fails: MEMBER_NOT_FOUND,
 * MEMBER_STATUS (it is closed), MEMBER_CODE_TAKEN, PRECONDITION, INVALID.
 */
enum err profile_update(struct ctx *c, int64_t member_id, const struct profile_change *in,
	struct profile *out) MUST;

/* ---- the list ---- */

struct member_row {
	int64_t member_id;
	const char *member_code;
	int64_t user_id;
	const char *nickname, *phone, *email;
	struct level level;
	int64_t status;
	money total_spent;
	timestamp joined_at, last_active;
};
extern const struct field member_row_fields[];

struct member_query {
	uint64_t has;
	int64_t level, status;
	const char *q; /* part of the code, nickname, phone or e-mail */
	struct page page;
};
extern const struct field member_query_fields[];

/* Newest first; closed members only where the status asks for them. */
enum err member_list(struct ctx *c, const struct member_query *q, struct page_rows *out) MUST;

#endif

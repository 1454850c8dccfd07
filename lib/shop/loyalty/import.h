/* SPDX-License-Identifier: MIT */
/*
 * import.h - members that a shop brings along: a line of a file is a member and one lot of its points.
 * Owns no table.
 *
 * A line names a person by phone or e-mail, whose user is created where there is none, gives its member a
 * code, and earns points that expire at the end of a day. Lines are independent; a lot is earned once per
 * code and day of expiry, so that a line that was imported before changes nothing.
 * Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_LOYALTY_IMPORT_H
#define SHOP_LOYALTY_IMPORT_H

#include "base/ctx.h"
#include "base/field.h"

struct import_line {
	uint64_t has;
	const char *member_code;
	const char *phone, *email; /* at least one */
	int64_t points;            /* 0: none */
	const char
		*expires_on; /* the last day of its points; NULL: POINTS_VALID_DAYS from now on */
};
extern const struct field
	import_fields[]; /* its columns by name; F_REQUIRED: a cell must not be empty */

/* What a line does, or would. */
struct import_outcome {
	bool creates_user, changes_code;
	bool earns;  /* its points */
	bool earned; /* an earlier import did */
};

/*
 * Without changing anything. Fails: INVALID naming the column and why, MEMBER_CODE_TAKEN (by somebody
 * else), DUPLICATE (that lot was imported before with other points).
 */
enum err import_check(
	struct ctx *c, const struct import_line *line, struct import_outcome *out) MUST;
/* In one transaction; what it changed is in the member's log. Fails also: EMAIL_TAKEN, PHONE_TAKEN. */
enum err import_apply(
	struct ctx *c, const struct import_line *line, struct import_outcome *out) MUST;

#endif

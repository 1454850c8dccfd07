/* SPDX-License-Identifier: MIT */
/*
 * member_log.h - what staff, another system or the command changed of a member: its status, level,
 * points, code. Append-only; an entry is written in the transaction of its change.
 * Owns tables: member_log.
 */
#ifndef SHOP_PEOPLE_MEMBER_LOG_H
#define SHOP_PEOPLE_MEMBER_LOG_H

#include "base/ctx.h"
#include "base/page.h"
#include "ext/sql.h"

#define OPERATOR_ADMINISTRATOR 1
#define OPERATOR_SYSTEM        2
#define OPERATOR_COMMAND       3
enum operator_kind {
	STORED(OPERATOR_ADMINISTRATOR),
	STORED(OPERATOR_SYSTEM),
	STORED(OPERATOR_COMMAND),
};

struct member_entry {
	int64_t log_id, member_id;
	const char *action;                /* "freeze", "thaw", "upgrade", "earn", ... */
	const char *old_value, *new_value; /* of what it changed; NULL: none */
	const char *reason;                /* as the operator gave it; NULL: none */
	int64_t operator_kind;
	const char *operator_type; /* the kind's word */
	opt_i64 operator_id;       /* the administrator's user, or the service token */
	timestamp created_at;
};
extern const struct field member_entry_fields[];

struct member_entry_query {
	uint64_t has;
	struct page page;
};
extern const struct field member_entry_query_fields[];

/*
 * Add an entry about a member in the current transaction; the operator is c->actor. The values and
 * the reason may be NULL; they are borrowed.
 */
enum err member_log_tx(struct ctx *c, int64_t member_id, const char *action, const char *old_value,
	const char *new_value, const char *reason) MUST;

/* A member's entries, newest first. Fails: MEMBER_NOT_FOUND. */
enum err member_log_list(struct ctx *c, int64_t member_id, const struct member_entry_query *q,
	struct page_rows *out) MUST;

#endif

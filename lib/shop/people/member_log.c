/* SPDX-License-Identifier: MIT */
#include "shop/people/member_log.h"

#include <assert.h>

#include "ext/db.h"
#include "shop/people/member.h"

static const char *const operator_words[] = { "administrator", "system", "command", NULL };

const struct field member_entry_fields[] = {
	FIELD(struct member_entry, log_id),
	FIELD(struct member_entry, member_id),
	FIELD(struct member_entry, action),
	FIELD_WITH(struct member_entry, old_value, .flags = F_NULL),
	FIELD_WITH(struct member_entry, new_value, .flags = F_NULL),
	FIELD_WITH(struct member_entry, reason, .flags = F_NULL),
	FIELD_WITH(struct member_entry, operator_kind, .flags = F_HIDDEN,
		.min = OPERATOR_ADMINISTRATOR, .max = OPERATOR_COMMAND),
	FIELD_WITH(
		struct member_entry, operator_type, .flags = F_NO_COLUMN, .words = operator_words),
	FIELD(struct member_entry, operator_id),
	FIELD(struct member_entry, created_at),
	FIELD_END,
};
const struct field member_entry_query_fields[] = { FIELD_END };

static const char SQL_ADD[] =
	"INSERT INTO member_log (member_id, action, old_value, new_value, reason, "
	"created_at, operator_kind, operator_id) VALUES (?, ?, ?, ?, ?, ?, "
	"?, ?)";
static const char SQL_LIST[] =
	"SELECT log_id, member_id, action, old_value, new_value, reason, operator_kind, "
	"operator_id, created_at FROM member_log FORCE INDEX (by_member) "
	"WHERE member_id = ? AND log_id < ? ORDER BY log_id DESC LIMIT ?";

static const struct db_listed listed = DB_LISTED(member_entry_fields, struct member_entry, log_id);

enum err member_log_tx(struct ctx *c, int64_t member_id, const char *action, const char *old_value,
	const char *new_value, const char *reason)
{
	const struct actor *by = &c->actor;
	int64_t kind = OPERATOR_COMMAND;
	opt_i64 id = { 0 };

	assert(db_in_tx(c->db));
	if (by->kind == ACTOR_USER) {
		kind = OPERATOR_ADMINISTRATOR;
		id = (opt_i64){ by->user_id, true };
	} else if (by->kind == ACTOR_SYSTEM) {
		kind = OPERATOR_SYSTEM;
		id = (opt_i64){ by->token_id, true };
	}
	return db_exec(c, SQL_ADD,
		ARGS(I64(member_id), TEXT(action), TEXT(old_value), TEXT(new_value), TEXT(reason),
			I64(c->now_ms), I64(kind), OPT(id)),
		NULL);
}

enum err member_log_list(
	struct ctx *c, int64_t member_id, const struct member_entry_query *q, struct page_rows *out)
{
	struct member_entry *rows;
	int64_t user_id;

	if (member_user(c, member_id, &user_id) == ERR_NOT_FOUND)
		return ERR_MEMBER_NOT_FOUND;
	TRY(db_page(c, SQL_LIST,
		ARGS(I64(member_id), I64(q->page.after[0]), I64(q->page.limit + 1)), &listed,
		q->page.limit, out));
	rows = out->list.rows;
	for (int64_t i = 0; i < out->list.n; i++)
		rows[i].operator_type = operator_words[rows[i].operator_kind - 1];
	return OK;
}

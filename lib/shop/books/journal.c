/* SPDX-License-Identifier: MIT */
#include "shop/books/journal.h"

#include <assert.h>

#include "ext/db.h"

static const char SQL_ADD[] =
	"INSERT INTO journal (at, actor_user_id, action, subject, detail) VALUES (?, ?, ?, ?, ?)";

enum err journal_add_tx(struct ctx *c, const char *action, const char *subject, const char *detail)
{
	const opt_i64 actor = { c->actor.user_id, c->actor.user_id != 0 };

	assert(db_in_tx(c->db));
	return db_exec(c, SQL_ADD,
		ARGS(I64(c->now_ms), OPT(actor), TEXT(action), TEXT(subject), TEXT(detail)), NULL);
}

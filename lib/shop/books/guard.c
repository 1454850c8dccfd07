/* SPDX-License-Identifier: MIT */
#include "shop/books/guard.h"

#include <assert.h>

#include "ext/db.h"

static const char *const names[] = {
	[GUARD_ADMINISTRATORS] = "administrators",
	[GUARD_CATEGORIES] = "categories",
	[GUARD_WEBHOOKS] = "webhooks",
};

/* to a new value: an unchanged row is not replicated */
static const char SQL_WRITE[] = "UPDATE guards SET version = version + 1 WHERE name = ?";

enum err guard_tx(struct ctx *c, enum guard guard)
{
	assert(db_in_tx(c->db));
	return db_exec_one(c, SQL_WRITE, ARGS(TEXT(names[guard])));
}

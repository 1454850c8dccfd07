/* SPDX-License-Identifier: MIT */
#include "shop/books/epoch.h"

#include "ext/db.h"

static const char SQL_READ[] = "SELECT epoch FROM state_epochs WHERE id = 1";
static const char SQL_RAISE[] = "UPDATE state_epochs SET epoch = epoch + 1 WHERE id = 1";

static enum err epoch_read(struct ctx *c, int64_t *out)
{
	TRY(db_int64(c, SQL_READ, NO_ARGS, out));
	return *out > 0 ? OK : invariant_violated(c, "state_epochs has its row");
}

static enum err epoch_raise(struct ctx *c)
{
	return db_exec_one(c, SQL_RAISE, NO_ARGS);
}

const struct state_epoch epoch_hooks = { epoch_read, epoch_raise };

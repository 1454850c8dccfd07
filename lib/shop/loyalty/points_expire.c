/* SPDX-License-Identifier: MIT */
/* points_expire.c - the pass of jobs over points that have expired. Reads never depend on it (BEHAVIOUR 46). */
#include "ext/db.h"
#include "shop/loyalty/points_internal.h"

/* a member once for each of its lots; all of them expire with the first */
static const char SQL_DUE[] =
	"SELECT l.member_id AS ref_id FROM point_lots l FORCE INDEX (by_due) LEFT JOIN outbox b "
	"ON b.kind = " SQL(OUTBOX_EXPIRE_POINTS) " AND b.ref_id = l.member_id "
	"WHERE l.due_at <= ? AND b.outbox_id IS NULL ORDER BY l.due_at LIMIT ?";
static const char SQL_IS_DUE[] =
	"SELECT lot_id FROM point_lots FORCE INDEX (by_open) WHERE open_member_id = ? "
	"AND expires_at <= ? AND unspent > held LIMIT 1";

enum err points_list_due(struct ctx *c, int64_t limit, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_DUE, ARGS(I64(c->now_ms), I64(limit)), outbox_found_fields,
		sizeof(struct outbox), limit, &rows));
	*out = rows.list;
	return OK;
}

static enum err expire_tx(struct ctx *c, void *arg)
{
	struct points_account a;

	return points_open_tx(c, *(const int64_t *)arg, &a);
}

enum err points_expire(struct ctx *c, struct outbox *row, struct outbox_report *report)
{
	int64_t due;

	TRY(db_int64(c, SQL_IS_DUE, ARGS(I64(row->ref_id), I64(c->now_ms)), &due));
	if (due == 0) /* with another of its lots, or by a request */
		return OK;
	TRY(db_tx(c, expire_tx, &row->ref_id));
	report->done++;
	return OK;
}

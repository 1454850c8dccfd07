/* SPDX-License-Identifier: MIT */
/* order_abandoned.c - the orders of a deleted user: cancelled and anonymised, some at a time. */
#include "ext/db.h"
#include "shop/trade/order_sql.h"

static const char SQL_BUSY[] =
	"SELECT o.id FROM orders o FORCE INDEX (by_user_status) WHERE o.user_id = ? "
	"AND o.status IN (" SQL(ORDER_IN_PROGRESS_SET) ") LIMIT 1";
static const char SQL_SOME[] =
	"SELECT o.id, o.status, o.created_at FROM orders o FORCE INDEX (by_user) "
	"WHERE o.user_id = ? AND o.created_at <= ? AND (o.created_at < ? OR o.id < ?) "
	"ORDER BY o.created_at DESC, o.id DESC LIMIT ?";
/* addresses of orders still to be delivered are kept; only data not needed for the records is removed */
static const char SQL_ERASE[] =
	"UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$')) l "
	"STRAIGHT_JOIN orders o FORCE INDEX (PRIMARY) ON o.id = l.id "
	"SET o.consignee_name = NULL, o.consignee_phone = NULL, o.consignee_address = NULL, "
	"o.remark = NULL WHERE o.status IN (" SQL(ORDER_FINAL_SET) ")";

enum err order_check_user_deletion_tx(struct ctx *c, int64_t user_id)
{
	int64_t busy;

	TRY(db_int64(c, SQL_BUSY, ARGS(I64(user_id)), &busy));
	return busy != 0 ? fail(c, ERR_USER_IN_USE, NULL) : OK;
}

static enum err abandon_tx(struct ctx *c, void *arg)
{
	const int64_t id = *(const int64_t *)arg;
	struct order o = { 0 };

	TRY(order_lock_to_cancel_tx(c, id, &o));
	return o.status == ORDER_PENDING ? order_move_tx(c, &o, ORDER_CANCELLED, BY_ADMIN) : OK;
}

enum err order_cancel_abandoned(struct ctx *c, int64_t id)
{
	return db_tx(c, abandon_tx, &id);
}

enum err order_erase_some(struct ctx *c, int64_t user_id, int64_t until_ms, struct order_walk *at)
{
	int64_t ids[ORDER_WALK_STEP];
	const struct order *found;
	struct db_rows rows;
	int64_t n = 0;

	TRY(db_all(c, SQL_SOME,
		ARGS(I64(user_id), I64(at->before_ms), I64(at->before_ms), I64(at->before_id),
			I64(ORDER_WALK_STEP + 1)),
		order_fields, sizeof(*found), ORDER_WALK_STEP, &rows));
	found = rows.list.rows;
	for (; n < rows.list.n && clock_mono_ms() < until_ms; n++) {
		const struct arena_mark mark = arena_mark(&c->arena);
		enum err e = OK;

		if (found[n].status == ORDER_PENDING)
			e = order_cancel_abandoned(c, found[n].id);
		arena_rewind(&c->arena, mark);
		if (e == ERR_DB_LOST || e == ERR_UNKNOWN_OUTCOME)
			return e;
		at->left += e != OK; /* one that can't be cancelled now doesn't block others */
		ids[n] = found[n].id;
	}
	at->more = rows.more || n < rows.list.n;
	if (n == 0)
		return OK;
	at->before_ms = found[n - 1].created_at.ms;
	at->before_id = ids[n - 1];
	return db_exec(c, SQL_ERASE, ARGS(TEXT(db_id_list(c, ids, (size_t)n))), NULL);
}

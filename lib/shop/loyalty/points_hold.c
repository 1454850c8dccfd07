/* SPDX-License-Identifier: MIT */
/* points_hold.c - points held for an order until it is paid, or won't be (BEHAVIOUR 59). */
#include <assert.h>

#include "ext/db.h"
#include "shop/loyalty/points_internal.h"

struct hold {
	int64_t hold_id, member_id, state, points;
};
static const struct field hold_fields[] = {
	FIELD(struct hold, hold_id),
	FIELD(struct hold, member_id),
	FIELD_WITH(struct hold, state, .min = HOLD_HELD, .max = HOLD_RELEASED),
	FIELD(struct hold, points),
	FIELD_END,
};

static const char SQL_INSERT[] =
	"INSERT INTO point_holds (member_id, reference_type, reference_id, live, state, points, "
	"created_at) VALUES (?, ?, ?, TRUE, " SQL(HOLD_HELD) ", ?, ?)";
static const char SQL_INSERT_LOTS[] =
	"INSERT INTO point_hold_lots (hold_id, lot_id, place, points) "
	"SELECT ?, l.id, l.a, l.b FROM " POINTS_PARTS;
static const char SQL_LATEST[] =
	"SELECT hold_id, member_id, state, points FROM point_holds FORCE INDEX (reference) "
	"WHERE reference_type = ? AND reference_id = ? ORDER BY hold_id DESC LIMIT 1";
static const char SQL_PARTS[] =
	"SELECT lot_id, points FROM point_hold_lots FORCE INDEX (PRIMARY) WHERE hold_id = ? "
	"ORDER BY place LIMIT ?";
static const char SQL_POST[] =
	"UPDATE point_holds SET state = " SQL(HOLD_POSTED) ", entry_id = ?, ended_at = ? "
	"WHERE hold_id = ? AND state = " SQL(HOLD_HELD);
static const char SQL_RELEASE[] =
	"UPDATE point_holds SET state = " SQL(HOLD_RELEASED) ", live = NULL, ended_at = ? "
	"WHERE hold_id = ? AND state = " SQL(HOLD_HELD);

/* What was held just now. */
static struct lot_parts parts_held(struct ctx *c, const struct lots *l)
{
	struct lot_part *rows = arena_array(&c->arena, (size_t)l->n + 1, sizeof(*rows));
	struct lot_parts out = { rows, 0 };

	for (int64_t i = 0; i < l->n; i++)
		if (l->rows[i].held != l->rows[i].was_held)
			rows[out.n++] = (struct lot_part){ l->rows[i].lot_id,
				l->rows[i].held - l->rows[i].was_held };
	return out;
}

enum err points_hold_tx(
	struct ctx *c, int64_t member_id, const struct points_source *source, int64_t points)
{
	struct points_account a;
	struct lot_parts parts;
	int64_t hold_id;
	enum err e;

	TRY(points_open_tx(c, member_id, &a));
	if (a.member.status != MEMBER_ACTIVE)
		return fail(c, ERR_MEMBER_STATUS, NULL);
	e = lots_hold(&a.lots, points, c->now_ms);
	if (e != OK)
		return points_refused(c, &a, e, points);
	TRY(db_insert(c, SQL_INSERT,
		ARGS(I64(member_id), TEXT(source->type), TEXT(source->id), I64(points),
			I64(c->now_ms)),
		&hold_id));
	parts = parts_held(c, &a.lots);
	TRY(db_exec(c, SQL_INSERT_LOTS, ARGS(I64(hold_id), points_parts_arg(c, &parts)), NULL));
	return points_save_tx(c, &a);
}

/* The latest hold of a source, with its member locked and its lots, if it is still held. */
static enum err open_hold_tx(struct ctx *c, const struct points_source *source, struct hold *h,
	struct points_account *a, struct lot_parts *parts)
{
	const struct db_arg type = TEXT(source->type), id = TEXT(source->id);
	struct db_rows rows;
	bool found;

	assert(db_in_tx(c->db));
	*h = (struct hold){ 0 };
	TRY(db_find(c, SQL_LATEST, ARGS(type, id), hold_fields, h, &found));
	if (!found || h->state != HOLD_HELD)
		return OK;
	TRY(points_open_tx(c, h->member_id, a));
	/* it may have ended until the member was locked */
	TRY(db_one(c, SQL_LATEST, ARGS(type, id), hold_fields, h));
	if (h->member_id != a->member.member_id)
		return db_retry(c);
	if (h->state != HOLD_HELD)
		return OK;
	TRY(db_all(c, SQL_PARTS, ARGS(I64(h->hold_id), I64(LOTS_MAX + 1)), lot_part_fields,
		sizeof(struct lot_part), LOTS_MAX, &rows));
	*parts = (struct lot_parts){ rows.list.rows, rows.list.n };
	return OK;
}

enum err points_post_tx(
	struct ctx *c, const struct points_source *source, const char *description, int64_t *state)
{
	struct points_account a;
	struct lot_parts parts;
	struct points_entry row;
	struct hold h;

	TRY(open_hold_tx(c, source, &h, &a, &parts));
	*state = h.state;
	if (h.state != HOLD_HELD)
		return OK;
	TRY(invariant_checked(c, lots_post(&a.lots, &parts), "a hold's points are held"));
	row = (struct points_entry){
		.type = POINTS_USE,
		.points = -h.points,
		.reference_type = source->type,
		.reference_id = source->id,
		.once = { 1, true },
		.description = description,
	};
	TRY(points_enter_tx(c, &a, &row));
	*state = HOLD_POSTED;
	return db_exec_one(c, SQL_POST, ARGS(I64(row.entry_id), I64(c->now_ms), I64(h.hold_id)));
}

enum err points_release_tx(struct ctx *c, const struct points_source *source, int64_t *state)
{
	struct points_account a;
	struct lot_parts parts;
	struct points_entry row;
	struct hold h;

	TRY(open_hold_tx(c, source, &h, &a, &parts));
	*state = h.state;
	if (h.state != HOLD_HELD)
		return OK;
	TRY(invariant_checked(
		c, lots_release(&a.lots, &parts, c->now_ms), "a hold's points are held"));
	row = (struct points_entry){
		.type = POINTS_COVER,
		.reference_type = source->type,
		.reference_id = source->id,
		.description = "释放的积分抵扣欠分",
	};
	TRY(a.lots.debt != a.lots.was_debt ? points_enter_tx(c, &a, &row) : points_save_tx(c, &a));
	TRY(db_exec_one(c, SQL_RELEASE, ARGS(I64(c->now_ms), I64(h.hold_id))));
	*state = HOLD_RELEASED;
	return points_expire_tx(c, &a);
}

/* SPDX-License-Identifier: MIT */
/* points_recalculate.c - what is kept of a member's points, made anew from the ledger and the holds (BEHAVIOUR 48). */
#include "ext/db.h"
#include "shop/loyalty/level.h"
#include "shop/loyalty/points_internal.h"
#include "shop/people/member_log.h"

const struct field points_recalculate_fields[] = {
	INPUT(struct points_recalculation, recalculate_points, 0, 0, 0),
	INPUT(struct points_recalculation, recalculate_level, 0, 0, 0),
	INPUT(struct points_recalculation, reason, 1, 500, F_REQUIRED | F_PROSE),
	FIELD_END,
};
static const struct field drift_fields[] = {
	FIELD(struct points_drift, figure),
	FIELD(struct points_drift, stored),
	FIELD(struct points_drift, actual),
	FIELD_END,
};
const struct field points_recalculated_fields[] = {
	FIELD(struct points_recalculated, member_id),
	FIELD(struct points_recalculated, changed),
	LIST(struct points_recalculated, drift, struct points_drift, drift_fields, 0,
		POINTS_DRIFTS_MAX, 0),
	OBJECT(struct points_recalculated, points, points_totals_fields, 0),
	FIELD(struct points_recalculated, level_id),
	FIELD_END,
};

struct lot_drift {
	int64_t lot_id, unspent, held, actual_unspent, actual_held;
};
static const struct field lot_drift_fields[] = {
	FIELD(struct lot_drift, lot_id),
	FIELD(struct lot_drift, unspent),
	FIELD(struct lot_drift, held),
	FIELD(struct lot_drift, actual_unspent),
	FIELD(struct lot_drift, actual_held),
	FIELD_END,
};

/* The figures of an account, in the order of the names. */
enum { FIGURES = 5 };
static const char *const figure_names[FIGURES] = { "balance", "frozen", "debt", "total_earned",
	"total_used" };
struct figures {
	int64_t n[FIGURES];
};
/* clang-format off */
static const struct field figures_fields[] = {
	{ .name = "balance", FIELD_AT(struct figures, n[0]) },
	{ .name = "frozen", FIELD_AT(struct figures, n[1]) },
	{ .name = "debt", FIELD_AT(struct figures, n[2]) },
	{ .name = "total_earned", FIELD_AT(struct figures, n[3]) },
	{ .name = "total_used", FIELD_AT(struct figures, n[4]) },
	FIELD_END,
};
/* clang-format on */

static const char SQL_KEPT[] =
	"SELECT balance, frozen, debt, total_earned, total_used "
	"FROM point_accounts WHERE member_id = ?";
static const char SQL_ACTUAL[] =
	"SELECT CAST(COALESCE(SUM(e.points), 0) AS SIGNED) AS balance, "
	"CAST(COALESCE((SELECT SUM(h.points) FROM point_holds h FORCE INDEX (by_member) "
	"WHERE h.member_id = ? AND h.state = " SQL(HOLD_HELD) "), 0) AS SIGNED) AS frozen, "
	"CAST(COALESCE(SUM(e.debt), 0) AS SIGNED) AS debt, "
	"CAST(COALESCE(SUM(IF(e.type IN (" SQL(POINTS_EARN, POINTS_TAKE_BACK) "), e.points, 0)), 0) "
	"AS SIGNED) AS total_earned, "
	"CAST(COALESCE(SUM(IF(e.type IN (" SQL(POINTS_USE, POINTS_RETURN) "), -e.points, 0)), 0) "
	"AS SIGNED) AS total_used FROM point_entries e FORCE INDEX (by_member) WHERE e.member_id = ?";
static const char SQL_LOT_DRIFT[] =
	"SELECT x.lot_id, x.unspent, x.held, x.actual_unspent, x.actual_held FROM (SELECT l.lot_id, "
	"l.unspent, l.held, (SELECT CAST(COALESCE(SUM(p.points), 0) AS SIGNED) "
	"FROM point_entry_lots p FORCE INDEX (by_lot) WHERE p.lot_id = l.lot_id) AS actual_unspent, "
	"(SELECT CAST(COALESCE(SUM(g.points), 0) AS SIGNED) FROM point_hold_lots g FORCE INDEX (by_lot) "
	"STRAIGHT_JOIN point_holds h FORCE INDEX (PRIMARY) ON h.hold_id = g.hold_id "
	"AND h.state = " SQL(HOLD_HELD) " WHERE g.lot_id = l.lot_id) AS actual_held "
	"FROM point_lots l FORCE INDEX (by_member) WHERE l.member_id = ?) x "
	"WHERE x.unspent <> x.actual_unspent OR x.held <> x.actual_held LIMIT ?";
static const char SQL_SET_LOT[] = "UPDATE point_lots SET held = ?, unspent = ? WHERE lot_id = ?";
static const char SQL_DROP_KEPT[] = "DELETE FROM point_accounts WHERE member_id = ?";

struct work {
	int64_t member_id;
	const struct points_recalculation *in;
	struct points_recalculated *out;
};

static void note(
	struct points_recalculated *out, const char *figure, int64_t stored, int64_t actual)
{
	struct points_drift *rows = out->drift.rows;

	if (out->drift.n < POINTS_DRIFTS_MAX)
		rows[out->drift.n++] = (struct points_drift){ figure, stored, actual };
}

/* Lots first: the account is written with them. */
static enum err correct_lots_tx(struct ctx *c, const struct work *x)
{
	const struct lot_drift *lots;
	struct db_rows rows;

	TRY(db_all(c, SQL_LOT_DRIFT, ARGS(I64(x->member_id), I64(LOTS_MAX + 1)), lot_drift_fields,
		sizeof(*lots), LOTS_MAX, &rows));
	lots = rows.list.rows;
	for (int64_t i = 0; i < rows.list.n; i++) {
		const struct lot_drift *l = &lots[i];
		const long long id = (long long)l->lot_id;

		if (l->actual_held < 0 || l->actual_unspent < l->actual_held)
			return invariant_violated(c, "the ledger leaves no lot below zero");
		if (l->unspent != l->actual_unspent)
			note(x->out, arena_printf(&c->arena, "lot %lld unspent", id), l->unspent,
				l->actual_unspent);
		if (l->held != l->actual_held)
			note(x->out, arena_printf(&c->arena, "lot %lld held", id), l->held,
				l->actual_held);
		TRY(db_exec_one(c, SQL_SET_LOT,
			ARGS(I64(l->actual_held), I64(l->actual_unspent), I64(l->lot_id))));
	}
	return OK;
}

static enum err correct_points_tx(struct ctx *c, const struct work *x)
{
	struct figures kept = { 0 }, actual = { 0 };
	struct points_account a;
	bool found, same = true;

	TRY(correct_lots_tx(c, x));
	TRY(db_find(c, SQL_KEPT, ARGS(I64(x->member_id)), figures_fields, &kept, &found));
	TRY(db_one(c, SQL_ACTUAL, ARGS(I64(x->member_id), I64(x->member_id)), figures_fields,
		&actual));
	for (size_t i = 0; i < FIGURES; i++)
		if (kept.n[i] != actual.n[i]) {
			note(x->out, figure_names[i], kept.n[i], actual.n[i]);
			same = false;
		}
	if (same)
		return OK;
	TRY(db_exec(c, SQL_DROP_KEPT, ARGS(I64(x->member_id)), NULL));
	TRY(points_open_tx(c, x->member_id, &a)); /* sums up the ledger */
	return points_save_tx(c, &a);
}

static enum err recalculate_tx(struct ctx *c, void *arg)
{
	const struct work *x = arg;
	const bool points = !field_has(points_recalculate_fields, x->in, "recalculate_points") ||
			    x->in->recalculate_points,
		   level = !field_has(points_recalculate_fields, x->in, "recalculate_level") ||
			   x->in->recalculate_level;
	struct points_recalculated *out = x->out;
	struct member before, after;

	*out = (struct points_recalculated){ .member_id = x->member_id };
	out->drift.rows = arena_array(&c->arena, POINTS_DRIFTS_MAX, sizeof(struct points_drift));
	TRY(member_lock_tx(c, x->member_id, &before));
	if (points)
		TRY(correct_points_tx(c, x));
	TRY(points_totals(c, x->member_id, &out->points));
	if (level)
		TRY(level_follow_tx(c, x->member_id, out->points.total_earned));
	TRY(member_lock_tx(c, x->member_id, &after));
	if (before.level_id != after.level_id)
		note(out, "level_id", before.level_id, after.level_id);
	out->level_id = after.level_id;
	out->changed = out->drift.n > 0;
	return member_log_tx(c, x->member_id, "recalculate", NULL,
		out->changed ? arena_printf(&c->arena, "%lld corrected", (long long)out->drift.n)
			     : "unchanged",
		x->in->reason);
}

enum err points_recalculate(struct ctx *c, int64_t member_id, const struct points_recalculation *in,
	struct points_recalculated *out)
{
	return db_tx(c, recalculate_tx, &(struct work){ member_id, in, out });
}

/* SPDX-License-Identifier: MIT */
/* points_refund.c - what a refund does to the points of its order (BEHAVIOUR 47). */
#include "ext/db.h"
#include "shop/loyalty/points_internal.h"

/* what was returned or taken back of a row, over all refunds */
static const char SQL_DONE[] =
	"SELECT ABS(CAST(COALESCE(SUM(points), 0) AS SIGNED)) FROM point_entries "
	"FORCE INDEX (by_origin) WHERE of_entry_id = ?";

/* How many points of a row are due now, under the lock of its member. */
static enum err due_tx(struct ctx *c, const struct points_entry *of, const struct lot_refund *r,
	int64_t *done, int64_t *due)
{
	int64_t total;

	TRY(db_int64(c, SQL_DONE, ARGS(I64(of->entry_id)), done));
	TRY(invariant_checked(c,
		lots_of_refund(of->points < 0 ? -of->points : of->points, r, &total),
		"a refund is of no more than was paid"));
	*due = total > *done ? total - *done : 0;
	return OK;
}

static enum err return_tx(struct ctx *c, const struct points_source *source,
	const struct points_entry *of, const struct lot_refund *r)
{
	const int64_t grace = c->conf->points_return_grace_days;
	const int64_t until_ms = grace > 0 ? clock_shop_midnight(c->now_ms, (int)grace + 1) : 0;
	struct points_account a;
	struct points_entry row;
	struct lot_parts parts;
	int64_t done, due;

	TRY(points_open_tx(c, of->member_id, &a));
	TRY(due_tx(c, of, r, &done, &due));
	if (due == 0)
		return OK;
	TRY(points_parts_of_entry(c, of->entry_id, &parts));
	TRY(points_include_tx(c, &a, &parts));
	TRY(invariant_checked(c, lots_return(&a.lots, &parts, done, due, c->now_ms, until_ms),
		"returned points were spent"));
	row = (struct points_entry){
		.type = POINTS_RETURN,
		.points = due,
		.reference_type = source->type,
		.reference_id = source->id,
		.of_entry_id = { of->entry_id, true },
		.description = "退款退回积分",
	};
	TRY(points_enter_tx(c, &a, &row));
	return points_expire_tx(c, &a); /* those of lots that have expired meanwhile */
}

static enum err take_back_tx(struct ctx *c, const struct points_source *source,
	const struct points_entry *of, const struct lot_refund *r)
{
	struct points_account a;
	struct points_entry row;
	int64_t done, due;

	TRY(points_open_tx(c, of->member_id, &a));
	TRY(due_tx(c, of, r, &done, &due));
	if (due == 0)
		return OK;
	TRY(invariant_checked(
		c, lots_take_back(&a.lots, of->lot_id.n, due, c->now_ms), "points are taken back"));
	row = (struct points_entry){
		.type = POINTS_TAKE_BACK,
		.points = -due,
		.reference_type = source->type,
		.reference_id = source->id,
		.of_entry_id = { of->entry_id, true },
		.description = "退款扣回积分",
	};
	return points_enter_tx(c, &a, &row);
}

enum err points_refund_tx(
	struct ctx *c, const struct points_source *source, const struct lot_refund *r)
{
	struct points_entry used, earned;

	TRY(points_find_entry(c, POINTS_USE, source, &used));
	TRY(points_find_entry(c, POINTS_EARN, source, &earned));
	if (used.entry_id != 0)
		TRY(return_tx(c, source, &used, r));
	if (earned.entry_id != 0)
		TRY(take_back_tx(c, source, &earned, r));
	return OK;
}

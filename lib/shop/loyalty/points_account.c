/* SPDX-License-Identifier: MIT */
/* points_account.c - a locked member's lots, read and written with rows of the ledger. */
#include <assert.h>

#include "ext/crypto.h"
#include "ext/db.h"
#include "shop/loyalty/level.h"
#include "shop/loyalty/points_internal.h"
#include "shop/people/member_count.h"

/* ---- rows ---- */

/* clang-format off */
#define ENTRY_ROW(X)                                                                           \
	X(transaction_id) X(member_id) X(type) X(points) X(debt) X(balance_after)              \
	X(reference_type) X(reference_id) X(once) X(description) X(lot_id) X(of_entry_id)      \
	X(actor_user_id) X(token_id)
#define FIGURES_ROW(X) X(balance) X(frozen) X(debt) X(total_earned) X(total_used)
/* clang-format on */

struct figures {
	int64_t balance, frozen, debt, total_earned, total_used;
	timestamp updated_at;
};
static const struct field figures_fields[] = {
	FIELD(struct figures, debt),
	FIELD(struct figures, total_earned),
	FIELD(struct figures, total_used),
	FIELD(struct figures, updated_at),
	FIELD_END,
};
static const struct field lot_fields[] = {
	FIELD(struct lot, lot_id),
	FIELD_WITH(struct lot, expires_ms, .column = "expires_at"),
	FIELD(struct lot, unspent),
	FIELD(struct lot, held),
	FIELD_END,
};
const struct field lot_part_fields[] = {
	FIELD(struct lot_part, lot_id),
	FIELD(struct lot_part, points),
	FIELD_END,
};
const struct field points_entry_fields[] = {
	FIELD(struct points_entry, entry_id),
	FIELD(struct points_entry, transaction_id),
	FIELD(struct points_entry, member_id),
	FIELD(struct points_entry, points),
	FIELD(struct points_entry, balance_after),
	FIELD(struct points_entry, lot_id),
	FIELD(struct points_entry, created_at),
	FIELD_END,
};

static const char SQL_FIGURES[] =
	"SELECT debt, total_earned, total_used, updated_at "
	"FROM point_accounts WHERE member_id = ?";
/* where the kept figures are missing */
static const char SQL_SUMS[] =
	"SELECT CAST(COALESCE(SUM(debt), 0) AS SIGNED) AS debt, "
	"CAST(COALESCE(SUM(IF(type IN (" SQL(POINTS_EARN, POINTS_TAKE_BACK) "), points, 0)), 0) "
	"AS SIGNED) AS total_earned, "
	"CAST(COALESCE(SUM(IF(type IN (" SQL(POINTS_USE, POINTS_RETURN) "), -points, 0)), 0) "
	"AS SIGNED) AS total_used, COALESCE(MAX(created_at), 0) AS updated_at "
	"FROM point_entries FORCE INDEX (by_member) WHERE member_id = ?";
static const char SQL_OPEN_LOTS[] =
	"SELECT lot_id, expires_at, unspent, held FROM point_lots FORCE INDEX (by_open) "
	"WHERE open_member_id = ? ORDER BY expires_at, lot_id LIMIT ?";
static const char SQL_LOTS[] =
	"SELECT p.lot_id, p.expires_at, p.unspent, p.held FROM " POINTS_PARTS
	"STRAIGHT_JOIN point_lots p FORCE INDEX (PRIMARY) ON p.lot_id = l.id LIMIT ?";
static const char SQL_SAVE_LOTS[] = "UPDATE " POINTS_PARTS
				    "STRAIGHT_JOIN point_lots p FORCE INDEX (PRIMARY) "
				    "ON p.lot_id = l.id SET p.held = l.a, p.unspent = l.b";
static const char SQL_EXTEND[] = "UPDATE point_lots SET expires_at = ? WHERE lot_id = ?";
static const char SQL_SAVE_FIGURES[] =
	"INSERT INTO point_accounts (" FIGURES_ROW(SQL_NAME) "updated_at, member_id) "
	"VALUES (" FIGURES_ROW(SQL_MARK) "?, ?) ON DUPLICATE KEY UPDATE "
	FIGURES_ROW(SQL_REPLACE) "updated_at = VALUES(updated_at)";
static const char SQL_ENTER[] =
	"INSERT INTO point_entries (" ENTRY_ROW(SQL_NAME) "created_at) "
	"VALUES (" ENTRY_ROW(SQL_MARK) "?)";
static const char SQL_LINK[] =
	"INSERT INTO point_entry_lots (entry_id, lot_id, place, points) "
	"SELECT ?, l.id, l.a, l.b FROM " POINTS_PARTS;
static const char SQL_FIND_ENTRY[] =
	"SELECT entry_id, transaction_id, member_id, points, balance_after, lot_id, created_at "
	"FROM point_entries FORCE INDEX (source) WHERE reference_type = ? AND reference_id = ? "
	"AND type = ? AND once = TRUE";
/* what a use took, as positive numbers */
static const char SQL_PARTS_OF_ENTRY[] =
	"SELECT lot_id, -points AS points FROM point_entry_lots FORCE INDEX (PRIMARY) "
	"WHERE entry_id = ? ORDER BY place LIMIT ?";

/* ---- reading ---- */

static enum err read_figures(struct ctx *c, int64_t member_id, struct figures *out)
{
	bool found;

	TRY(db_find(c, SQL_FIGURES, ARGS(I64(member_id)), figures_fields, out, &found));
	return found ? OK : db_one(c, SQL_SUMS, ARGS(I64(member_id)), figures_fields, out);
}

void points_reserve(struct ctx *c, struct points_account *a, int64_t more)
{
	struct lot *rows;

	if (a->lots.n + more <= a->room)
		return;
	a->room = a->lots.n + more;
	rows = arena_array(&c->arena, (size_t)a->room, sizeof(*rows));
	if (a->lots.n > 0)
		memcpy(rows, a->lots.rows, (size_t)a->lots.n * sizeof(*rows));
	a->lots.rows = rows;
}

enum err points_open_tx(struct ctx *c, int64_t member_id, struct points_account *a)
{
	struct figures f = { 0 };
	struct db_rows rows;

	*a = (struct points_account){ 0 };
	TRY(member_lock_tx(c, member_id, &a->member));
	TRY(read_figures(c, member_id, &f));
	TRY(db_all(c, SQL_OPEN_LOTS, ARGS(I64(member_id), I64(LOTS_MAX + 1)), lot_fields,
		sizeof(struct lot), LOTS_MAX, &rows));
	if (rows.more)
		return invariant_violated(c, "a member has no more lots of points than are read");
	a->lots = (struct lots){ rows.list.rows, rows.list.n, f.debt, f.debt };
	a->room = rows.list.n;
	a->total_earned = f.total_earned;
	a->total_used = f.total_used;
	a->updated_at = f.updated_at;
	if (!lots_possible(&a->lots))
		return invariant_violated(c, "a member's lots of points are possible");
	lots_mark(&a->lots);
	return points_expire_tx(c, a);
}

struct db_arg points_parts_arg(struct ctx *c, const struct lot_parts *parts)
{
	struct str s = str_new(&c->arena, 64 + (size_t)parts->n * 72);

	str_addc(&s, '[');
	for (int64_t i = 0; i < parts->n; i++)
		str_addf(&s, "%s[%lld,%lld,%lld]", i > 0 ? "," : "",
			(long long)parts->rows[i].lot_id, (long long)i,
			(long long)parts->rows[i].points);
	str_addc(&s, ']');
	return TEXT(str_text(&s));
}

enum err points_include_tx(struct ctx *c, struct points_account *a, const struct lot_parts *parts)
{
	const struct lot *found;
	struct db_rows rows;

	TRY(db_all(c, SQL_LOTS, ARGS(points_parts_arg(c, parts), I64(parts->n + 1)), lot_fields,
		sizeof(*found), parts->n, &rows));
	found = rows.list.rows;
	points_reserve(c, a, rows.list.n);
	for (int64_t i = 0; i < rows.list.n; i++)
		lots_include(&a->lots, &found[i]);
	lots_mark(&a->lots);
	return OK;
}

enum err points_find_entry(
	struct ctx *c, int64_t type, const struct points_source *source, struct points_entry *out)
{
	bool found;

	*out = (struct points_entry){ 0 };
	return db_find(c, SQL_FIND_ENTRY, ARGS(TEXT(source->type), TEXT(source->id), I64(type)),
		points_entry_fields, out, &found);
}

enum err points_parts_of_entry(struct ctx *c, int64_t entry_id, struct lot_parts *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_PARTS_OF_ENTRY, ARGS(I64(entry_id), I64(LOTS_MAX + 1)), lot_part_fields,
		sizeof(struct lot_part), LOTS_MAX, &rows));
	*out = (struct lot_parts){ rows.list.rows, rows.list.n };
	return OK;
}

enum err points_refused(struct ctx *c, const struct points_account *a, enum err e, int64_t points)
{
	/* what was earned, and neither used nor left */
	const int64_t expired = a->total_earned - a->total_used - lots_balance(&a->lots);

	if (e != ERR_INSUFFICIENT_POINTS)
		return invariant_checked(c, e, "points are spent or held");
	return fail(c,
		points <= lots_available(&a->lots, c->now_ms) + expired ? ERR_POINTS_EXPIRED
									: ERR_INSUFFICIENT_POINTS,
		"points");
}

/* ---- writing ---- */

/* "[[lot_id, held, unspent], …]" of the lots that changed; *n of them. */
static struct db_arg changed_lots(struct ctx *c, const struct lots *l, int64_t *n)
{
	struct str s = str_new(&c->arena, 64 + (size_t)l->n * 72);

	*n = 0;
	str_addc(&s, '[');
	for (int64_t i = 0; i < l->n; i++) {
		const struct lot *lot = &l->rows[i];

		if (lot->unspent == lot->was_unspent && lot->held == lot->was_held)
			continue;
		str_addf(&s, "%s[%lld,%lld,%lld]", *n > 0 ? "," : "", (long long)lot->lot_id,
			(long long)lot->held, (long long)lot->unspent);
		++*n;
	}
	str_addc(&s, ']');
	return TEXT(str_text(&s));
}

enum err points_save_tx(struct ctx *c, struct points_account *a)
{
	const struct lots *l = &a->lots;
	const struct figures f = {
		.balance = lots_balance(l),
		.frozen = lots_held(l),
		.debt = l->debt,
		.total_earned = a->total_earned,
		.total_used = a->total_used,
	}, *row = &f;
	struct db_arg lots;
	int64_t n;

	assert(db_in_tx(c->db));
	if (c->now_ms > a->updated_at.ms)
		a->updated_at.ms = c->now_ms;
	lots = changed_lots(c, l, &n);
	if (n > 0)
		TRY(db_exec(c, SQL_SAVE_LOTS, ARGS(lots), NULL));
	for (int64_t i = 0; i < l->n; i++)
		if (l->rows[i].expires_ms != l->rows[i].was_expires_ms)
			TRY(db_exec_one(c, SQL_EXTEND,
				ARGS(I64(l->rows[i].expires_ms), I64(l->rows[i].lot_id))));
	lots_mark(&a->lots);
	return db_exec(c, SQL_SAVE_FIGURES,
		ARGS(FIGURES_ROW(ROW_VALUE) AT(a->updated_at), I64(a->member.member_id)), NULL);
}

/* What the row changes of the lots: their numbers and points, and the sum. */
static struct lot_parts changes_of(struct ctx *c, const struct lots *l, int64_t *sum)
{
	struct lot_part *rows = arena_array(&c->arena, (size_t)l->n + 1, sizeof(*rows));
	struct lot_parts out = { rows, 0 };

	*sum = 0;
	for (int64_t i = 0; i < l->n; i++) {
		const int64_t points = l->rows[i].unspent - l->rows[i].was_unspent;

		if (points != 0)
			rows[out.n++] = (struct lot_part){ l->rows[i].lot_id, points };
		*sum += points;
	}
	return out;
}

/* The sums of all members, and the level. */
static enum err follow_tx(struct ctx *c, struct points_account *a, const struct points_entry *row)
{
	const int64_t member_id = a->member.member_id;

	switch ((enum points_type)row->type) {
	case POINTS_EARN_:
	case POINTS_TAKE_BACK_:
		TRY(member_count_tx(c, member_id, COUNT_POINTS_EARNED, 0, row->points));
		return level_follow_tx(c, member_id, a->total_earned);
	case POINTS_USE_:
	case POINTS_RETURN_:
		return member_count_tx(c, member_id, COUNT_POINTS_USED, 0, -row->points);
	case POINTS_EXPIRE_:
	case POINTS_COVER_:
		break;
	}
	return OK;
}

enum err points_enter_tx(struct ctx *c, struct points_account *a, struct points_entry *row)
{
	char day[CLOCK_TEXT_MAX];
	struct lot_parts changes;
	int64_t sum;
	enum err e;

	assert(db_in_tx(c->db));
	changes = changes_of(c, &a->lots, &sum);
	row->debt = a->lots.debt - a->lots.was_debt;
	if (sum - row->debt != row->points)
		return invariant_violated(c, "a row of points adds up to its changes");
	if (row->type == POINTS_EARN || row->type == POINTS_TAKE_BACK)
		a->total_earned += row->points;
	if (row->type == POINTS_USE || row->type == POINTS_RETURN)
		a->total_used -= row->points;
	row->member_id = a->member.member_id;
	row->balance_after = lots_balance(&a->lots);
	/* its rows are in the order of their time, also if the clock was set back */
	row->created_at.ms = c->now_ms > a->updated_at.ms ? c->now_ms : a->updated_at.ms;
	clock_shop_day(c->now_ms, day);
	row->transaction_id =
		arena_printf(&c->arena, "PT_%s%s", day, crypto_random_text(&c->arena, BASE32, 10));
	e = db_insert(c, SQL_ENTER, ARGS(ENTRY_ROW(ROW_VALUE) AT(row->created_at)), &row->entry_id);
	if (e == ERR_DUPLICATE)
		return db_retry(c);
	TRY(e);
	if (changes.n > 0)
		TRY(db_exec(c, SQL_LINK, ARGS(I64(row->entry_id), points_parts_arg(c, &changes)),
			NULL));
	TRY(points_save_tx(c, a));
	return follow_tx(c, a, row);
}

enum err points_expire_tx(struct ctx *c, struct points_account *a)
{
	struct points_entry row = { .type = POINTS_EXPIRE, .description = "积分过期" };

	row.points = -lots_expire(&a->lots, c->now_ms);
	return row.points != 0 ? points_enter_tx(c, a, &row) : OK;
}

/* SPDX-License-Identifier: MIT */
/* points_view.c - a member's figures and ledger, for output. */
#include "ext/db.h"
#include "shop/loyalty/points_internal.h"

/* from POINTS_EARN on */
static const char *const type_names[] = { "earn", "use", "expire", "return", "take_back", "cover",
	NULL };

/* ---- the balance ---- */

static const struct field expiry_fields[] = {
	FIELD(struct points_expiry, points),
	FIELD_WITH(struct points_expiry, expire_date, .flags = F_NO_COLUMN),
	FIELD_WITH(struct points_expiry, expires_at, .flags = F_HIDDEN),
	FIELD_END,
};
/* clang-format off */
const struct field points_balance_fields[] = {
	{ .name = "current_points", FIELD_AT(struct points_balance, totals.current) },
	{ .name = "frozen_points", FIELD_AT(struct points_balance, totals.frozen) },
	{ .name = "available_points", FIELD_AT(struct points_balance, totals.available) },
	{ .name = "total_earned", FIELD_AT(struct points_balance, totals.total_earned) },
	{ .name = "total_used", FIELD_AT(struct points_balance, totals.total_used) },
	LIST(struct points_balance, pending_expiry, struct points_expiry, expiry_fields, 0, POINTS_EXPIRIES_MAX, 0),
	FIELD_END,
};
/* clang-format on */
const struct field points_totals_fields[] = {
	FIELD(struct points_totals, current),
	FIELD(struct points_totals, total_earned),
	FIELD(struct points_totals, total_used),
	FIELD_WITH(struct points_totals, frozen, .flags = F_HIDDEN),
	FIELD_WITH(struct points_totals, available, .flags = F_HIDDEN),
	FIELD_END,
};

/* what has expired is no longer there, although jobs have not run (BEHAVIOUR 46) */
static const char SQL_TOTALS[] =
	"SELECT a.balance - a.overdue AS current, a.frozen, a.balance - a.overdue - a.frozen "
	"AS available, a.total_earned, a.total_used FROM (SELECT x.balance, x.frozen, "
	"x.total_earned, x.total_used, (SELECT CAST(COALESCE(SUM(l.unspent - l.held), 0) "
	"AS SIGNED) FROM point_lots l FORCE INDEX (by_open) WHERE l.open_member_id = x.member_id "
	"AND l.expires_at <= ?) AS overdue FROM point_accounts x WHERE x.member_id = ?) a";
static const char SQL_EXPIRIES[] =
	"SELECT CAST(SUM(unspent - held) AS SIGNED) AS points, expires_at "
	"FROM point_lots FORCE INDEX (by_open) WHERE open_member_id = ? AND expires_at > ? "
	"GROUP BY expires_at HAVING points > 0 ORDER BY expires_at LIMIT ?";

enum err points_totals(struct ctx *c, int64_t member_id, struct points_totals *out)
{
	bool found;

	*out = (struct points_totals){ 0 };
	return db_find(c, SQL_TOTALS, ARGS(I64(c->now_ms), I64(member_id)), points_totals_fields,
		out, &found);
}

/* The same day's are one: at first one per moment. A day is that of the last moment at which they can be used. */
static int64_t by_day(struct ctx *c, struct points_expiry *rows, int64_t n)
{
	int64_t days = 0;

	for (int64_t i = 0; i < n; i++) {
		char day[CLOCK_TEXT_MAX];

		clock_shop_date(rows[i].expires_at.ms - 1, day);
		if (days > 0 && strcmp(rows[days - 1].expire_date, day) == 0) {
			rows[days - 1].points += rows[i].points;
			continue;
		}
		rows[days] = rows[i];
		rows[days++].expire_date = arena_printf(&c->arena, "%s", day);
	}
	return days;
}

enum err points_balance(struct ctx *c, int64_t member_id, struct points_balance *out)
{
	struct db_rows rows;

	TRY(points_totals(c, member_id, &out->totals));
	TRY(db_all(c, SQL_EXPIRIES, ARGS(I64(member_id), I64(c->now_ms), I64(POINTS_EXPIRIES_MAX)),
		expiry_fields, sizeof(struct points_expiry), POINTS_EXPIRIES_MAX, &rows));
	out->pending_expiry = rows.list;
	out->pending_expiry.n = by_day(c, rows.list.rows, rows.list.n);
	return OK;
}

/* ---- the ledger ---- */

struct points_line {
	int64_t id;
	const char *transaction_id;
	int64_t type;
	const char *type_name;
	int64_t points_change, balance_after;
	const char *description;
	timestamp created_at;
	const char *reference_type, *reference_id;
};
/* clang-format off */
static const struct field line_fields[] = {
	FIELD_WITH(struct points_line, id, .column = "entry_id"),
	FIELD(struct points_line, transaction_id),
	{ .name = "type", .column = "-", FIELD_AT(struct points_line, type_name), .flags = F_NO_COLUMN, .words = type_names },
	FIELD_WITH(struct points_line, points_change, .column = "points"),
	FIELD(struct points_line, balance_after),
	FIELD_WITH(struct points_line, description, .flags = F_NULL),
	FIELD_WITH(struct points_line, created_at, .flags = F_SECONDS),
	FIELD_WITH(struct points_line, reference_type, .flags = F_NULL),
	FIELD_WITH(struct points_line, reference_id, .flags = F_NULL),
	{ .name = "type", FIELD_AT(struct points_line, type), .flags = F_HIDDEN, .min = POINTS_EARN, .max = POINTS_COVER },
	FIELD_END,
};
/* clang-format on */
static const struct field pagination_fields[] = {
	FIELD(struct points_pagination, page),
	FIELD(struct points_pagination, limit),
	FIELD(struct points_pagination, total),
	FIELD(struct points_pagination, total_pages),
	FIELD_END,
};
const struct field points_page_fields[] = {
	LIST(struct points_page, transactions, struct points_line, line_fields, 0, PAGE_MAX, 0),
	OBJECT(struct points_page, pagination, pagination_fields, 0),
	FIELD_END,
};
const struct field points_query_fields[] = {
	INPUT(struct points_query, type, 1, 20, 0, .words = type_names),
	INPUT(struct points_query, start_date, 0, 0, F_DAY_OR_TIME),
	INPUT(struct points_query, end_date, 0, 0, F_DAY_OR_TIME | F_DAY_END),
	FIELD_END,
};

/* The page's ids are read first, from a covering index. */
#define LINES_BY(index, where)                                                                     \
	"SELECT e.entry_id, e.transaction_id, e.type, e.points, e.balance_after, e.description, "  \
	"e.created_at, e.reference_type, e.reference_id FROM (SELECT p.entry_id, p.created_at "    \
	"FROM point_entries p FORCE INDEX (" index ") WHERE " where                                \
	" ORDER BY p.created_at DESC, p.entry_id DESC LIMIT ? OFFSET ?) q "                        \
	"STRAIGHT_JOIN point_entries e FORCE INDEX (PRIMARY) ON e.entry_id = q.entry_id "          \
	"ORDER BY q.created_at DESC, q.entry_id DESC"
#define COUNT_BY(index, where)                                                                     \
	"SELECT COUNT(*) FROM point_entries p FORCE INDEX (" index ") WHERE " where
#define OF_MEMBER "p.member_id = ? AND p.created_at >= ? AND p.created_at < ?"
#define OF_TYPE   "p.member_id = ? AND p.type = ? AND p.created_at >= ? AND p.created_at < ?"
static const char SQL_LINES[] = LINES_BY("by_time", OF_MEMBER);
static const char SQL_COUNT[] = COUNT_BY("by_time", OF_MEMBER);
static const char SQL_LINES_TYPE[] = LINES_BY("by_type", OF_TYPE);
static const char SQL_COUNT_TYPE[] = COUNT_BY("by_type", OF_TYPE);

/* The arguments of the filter; returns their number. */
static size_t filter_of(const struct ctx *c, const struct points_query *q, struct db_arg *args)
{
	const bool ends = field_has(points_query_fields, q, "end_date");
	size_t n = 0;

	args[n++] = I64(c->actor.member_id);
	if (q->type != NULL)
		args[n++] = I64(POINTS_EARN + str_index(q->type, type_names));
	args[n++] = I64(q->start_date.ms);
	args[n++] = I64(ends ? q->end_date.ms : INT64_MAX);
	return n;
}

enum err points_list(struct ctx *c, const struct points_query *q, struct points_page *out)
{
	const int64_t size = q->page.size;
	struct points_line *lines;
	struct db_arg args[6];
	struct db_rows rows;
	int64_t total;
	size_t n = filter_of(c, q, args);

	TRY(db_int64(c, q->type != NULL ? SQL_COUNT_TYPE : SQL_COUNT, args, n, &total));
	args[n++] = I64(size);
	args[n++] = I64((q->page.page - 1) * size);
	TRY(db_all(c, q->type != NULL ? SQL_LINES_TYPE : SQL_LINES, args, n, line_fields,
		sizeof(*lines), size, &rows));
	lines = rows.list.rows;
	for (int64_t i = 0; i < rows.list.n; i++) {
		lines[i].type_name = type_names[lines[i].type - POINTS_EARN];
		if (lines[i].reference_type != NULL &&
			str_starts(lines[i].reference_type, POINTS_OWN))
			lines[i].reference_type += strlen(POINTS_OWN);
	}
	out->transactions = rows.list;
	out->pagination =
		(struct points_pagination){ q->page.page, size, total, (total + size - 1) / size };
	return OK;
}

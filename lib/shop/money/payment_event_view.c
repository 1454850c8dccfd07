/* SPDX-License-Identifier: MIT */
#include "shop/money/payment_event_view.h"

#include "base/str.h"
#include "ext/db.h"
#include "shop/books/journal.h"
#include "shop/money/reason.h"

/* by orphan.resolved */
static const char *const status_names[] = { "OPEN", "RESOLVED", NULL };

const struct field orphan_fields[] = {
	FIELD_WITH(struct orphan, orphan_id, .column = "event_no"),
	FIELD_WITH(struct orphan, channel, .flags = F_HIDDEN),
	FIELD_WITH(struct orphan, provider, .flags = F_NO_COLUMN),
	FIELD(struct orphan, event_id),
	FIELD(struct orphan, reason),
	FIELD_WITH(struct orphan, reason_text, .flags = F_NO_COLUMN),
	FIELD_WITH(struct orphan, out_trade_no, .flags = F_NULL),
	FIELD_WITH(struct orphan, transaction_id, .flags = F_NULL),
	FIELD_WITH(struct orphan, amount, .flags = F_TEXT | F_NULL),
	FIELD(struct orphan, copies),
	FIELD_WITH(struct orphan, resolved, .flags = F_HIDDEN),
	FIELD_WITH(struct orphan, status, .flags = F_NO_COLUMN, .words = status_names),
	FIELD_WITH(struct orphan, note, .flags = F_NULL),
	FIELD_WITH(struct orphan, resolved_at, .flags = F_NULL),
	FIELD_WITH(struct orphan, resolved_by, .flags = F_NULL),
	FIELD(struct orphan, received_at),
	FIELD_END,
};

const struct field orphan_query_fields[] = {
	INPUT(struct orphan_query, status, 1, 20, 0, .words = status_names),
	INPUT(struct orphan_query, provider, 1, 20, 0),
	INPUT(struct orphan_query, reason, 1, 64, 0, .words = orphan_reasons),
	INPUT(struct orphan_query, received_from, 0, 0, F_DAY_OR_TIME),
	INPUT(struct orphan_query, received_to, 0, 0, F_DAY_OR_TIME | F_DAY_END),
	FIELD_END,
};

#define COLUMNS                                                                                    \
	"event_no, channel, event_id, reason, out_trade_no, transaction_id, amount, copies, "      \
	"resolved, note, resolved_at, resolved_by, received_at"
/*
 * The key is (received_at, event_no). The redundant `received_at <= ?` gives the index its range.
 * Orphans are few: those of other providers and reasons are passed over.
 */
#define LIST_BY(index, where)                                                                      \
	"SELECT " COLUMNS " FROM payment_events FORCE INDEX (" index                               \
	") "                                                                                       \
	"WHERE verdict = " SQL(EVENT_ORPHAN) where                                                 \
		" AND received_at <= ? AND received_at >= ? "                                      \
		"AND (received_at < ? OR event_no < ?) AND (? IS NULL OR channel = ?) "            \
		"AND (? IS NULL OR reason = ?) ORDER BY received_at DESC, event_no DESC LIMIT ?"
static const char SQL_LIST[] = LIST_BY("by_verdict", "");
static const char SQL_LIST_RESOLVED[] = LIST_BY("by_resolution", " AND resolved = ?");
static const char SQL_READ[] =
	"SELECT " COLUMNS
	" FROM payment_events WHERE event_no = ? AND verdict = " SQL(EVENT_ORPHAN);
static const char SQL_RESOLVE[] =
	"UPDATE payment_events SET resolved = TRUE, note = ?, resolved_at = ?, resolved_by = ? "
	"WHERE event_no = ? AND verdict = " SQL(EVENT_ORPHAN) " AND resolved = FALSE";
static const char SQL_COUNT[] =
	"SELECT COUNT(*) FROM (SELECT event_no FROM payment_events FORCE INDEX (by_resolution) "
	"WHERE verdict = " SQL(EVENT_ORPHAN) " AND resolved = FALSE LIMIT ?) w";
static const char SQL_OLDEST[] =
	"SELECT received_at FROM payment_events FORCE INDEX (by_resolution) "
	"WHERE verdict = " SQL(EVENT_ORPHAN) " AND resolved = FALSE ORDER BY received_at LIMIT 1";

static void put_into_words(struct orphan *o)
{
	o->status = status_names[o->resolved];
	o->reason_text = reason_text(o->reason);
}

enum err orphan_list(struct ctx *c, const struct orphan_query *q, struct page_rows *out)
{
	const int64_t n = q->page.limit, newest = field_has(orphan_query_fields, q, "received_to")
							  ? q->received_to.ms - 1
							  : INT64_MAX;
	const struct db_arg to = I64(newest < q->page.after[0] ? newest : q->page.after[0]),
			    from = I64(q->received_from.ms), at = I64(q->page.after[0]),
			    id = I64(q->page.after[1]), provider = OPT(q->of_provider),
			    reason = TEXT(q->reason), limit = I64(n + 1);
	struct orphan *rows;
	struct db_rows found;

	if (q->status != NULL)
		TRY(db_all(c, SQL_LIST_RESOLVED,
			ARGS(I64(str_index(q->status, status_names)), to, from, at, id, provider,
				provider, reason, reason, limit),
			orphan_fields, sizeof(*rows), n, &found));
	else
		TRY(db_all(c, SQL_LIST,
			ARGS(to, from, at, id, provider, provider, reason, reason, limit),
			orphan_fields, sizeof(*rows), n, &found));
	rows = found.list.rows;
	for (int64_t i = 0; i < found.list.n; i++)
		put_into_words(&rows[i]);
	*out = (struct page_rows){ found.list, found.more,
		{ offsetof(struct orphan, received_at.ms), offsetof(struct orphan, orphan_id) },
		2 };
	return OK;
}

struct resolving {
	int64_t orphan_id;
	const char *note;
	struct orphan *out;
};

static enum err resolve_tx(struct ctx *c, void *arg)
{
	const struct resolving *x = arg;
	struct orphan *out = x->out;
	const opt_i64 by = { c->actor.user_id, c->actor.user_id != 0 };
	int64_t matched;

	TRY(db_exec(c, SQL_RESOLVE, ARGS(TEXT(x->note), I64(c->now_ms), OPT(by), I64(x->orphan_id)),
		&matched));
	*out = (struct orphan){ 0 };
	TRY(db_one(c, SQL_READ, ARGS(I64(x->orphan_id)), orphan_fields, out));
	put_into_words(out);
	if (matched != 1)
		return fail(c, ERR_ORPHAN_RESOLVED, NULL);
	return journal_add_tx(c, "orphan-resolve",
		arena_printf(&c->arena, "event %lld", (long long)x->orphan_id), x->note);
}

enum err orphan_resolve(struct ctx *c, int64_t orphan_id, const char *note, struct orphan *out)
{
	return db_tx(c, resolve_tx, &(struct resolving){ orphan_id, note, out });
}

enum err orphan_count(struct ctx *c, int64_t limit, int64_t *n)
{
	return db_int64(c, SQL_COUNT, ARGS(I64(limit)), n);
}

enum err orphan_oldest(struct ctx *c, int64_t *ms)
{
	return db_int64(c, SQL_OLDEST, NO_ARGS, ms);
}

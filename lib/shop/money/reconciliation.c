/* SPDX-License-Identifier: MIT */
/* reconciliation.c - the runs: one at a time of a provider, on all hosts. */
#include "shop/money/reconciliation.h"

#include <assert.h>

#include "base/log.h"
#include "base/str.h"
#include "ext/db.h"

/* longer than a download and any step */
#define LEASE_MS (5 * MINUTE_MS)

/* The gaps between the tries of jobs, in minutes. */
static const int64_t gaps_min[] = { 10, 30, 60, 120, 240 };

enum { CLEAR_STEP = 2000 };

static const char *const outcome_names[] = { "RUNNING", "CLEAN", "REPAIRED", "FINDINGS",
	"NOT_READY", "FAILED", NULL };

static bool is_day(const char *text)
{
	int64_t ms;

	return clock_parse_cst_day(text, &ms);
}

const struct field reconciliation_fields[] = {
	FIELD(struct reconciliation, reconciliation_id),
	FIELD(struct reconciliation, provider),
	FIELD_WITH(struct reconciliation, date, .flags = F_NO_COLUMN, .format = "date"),
	FIELD_WITH(struct reconciliation, starts_at, .flags = F_HIDDEN),
	{ .name = "outcome",
		FIELD_AT(struct reconciliation, outcome_name),
		.flags = F_NO_COLUMN,
		.words = outcome_names },
	{ .name = "outcome", FIELD_AT(struct reconciliation, outcome), .flags = F_HIDDEN },
	FIELD_WITH(struct reconciliation, error, .flags = F_NULL),
	FIELD(struct reconciliation, automatic),
	FIELD(struct reconciliation, repairs),
	FIELD(struct reconciliation, payments),
	FIELD_WITH(struct reconciliation, paid, .flags = F_TEXT, .max = DB_FEN_MAX),
	FIELD(struct reconciliation, refunds),
	FIELD_WITH(struct reconciliation, refunded, .flags = F_TEXT, .max = DB_FEN_MAX),
	FIELD(struct reconciliation, findings),
	FIELD(struct reconciliation, repaired),
	FIELD(struct reconciliation, created_at),
	FIELD_WITH(struct reconciliation, ended_at, .flags = F_NULL),
	FIELD_END,
};

const struct field reconciliation_query_fields[] = {
	INPUT(struct reconciliation_query, provider, 1, 16, 0),
	INPUT(struct reconciliation_query, date, 10, 10, 0, .valid = is_day, .format = "date"),
	INPUT(struct reconciliation_query, outcome, 1, 16, 0, .words = outcome_names),
	FIELD_END,
};

static const struct field due_fields[] = {
	FIELD(struct reconciliation_due, tries),
	FIELD_WITH(struct reconciliation_due, due_at, .flags = F_NULL),
	FIELD(struct reconciliation_due, compared),
	FIELD(struct reconciliation_due, running),
	FIELD_END,
};

/* clang-format off */
#define RUN_NEW(X)                                                                             \
	X(provider) X(starts_at) X(outcome) X(automatic) X(repairs) X(created_at)
#define RUN_TOTALS(X) X(payments) X(paid) X(refunds) X(refunded)
/* clang-format on */
#define COLUMNS                                                                                    \
	RUN_NEW(SQL_NAME)                                                                          \
	RUN_TOTALS(SQL_NAME) "findings, repaired, error, ended_at, reconciliation_id"
static const char SQL_BEGIN[] =
	"INSERT INTO reconciliations (" RUN_NEW(SQL_NAME) "running, lease_at) "
	"VALUES (" RUN_NEW(SQL_MARK) "?, ?)";
static const char SQL_KILLED[] =
	"SELECT reconciliation_id FROM reconciliations WHERE running = ? AND lease_at < ?";
static const char SQL_TAKE[] =
	"UPDATE reconciliations SET lease_at = ? "
	"WHERE reconciliation_id = ? AND running IS NOT NULL AND lease_at < ?";
/* to a new value, even twice in one millisecond: an unchanged row is not replicated */
static const char SQL_GO_ON[] =
	"UPDATE reconciliations SET lease_at = GREATEST(?, lease_at + 1) "
	"WHERE reconciliation_id = ? AND running IS NOT NULL";
static const char SQL_CLEAR[] =
	"DELETE FROM reconciliation_lines WHERE reconciliation_id = ? "
	"ORDER BY line_no LIMIT ?";
static const char SQL_END[] = "UPDATE reconciliations SET outcome = ?, error = ?, " RUN_TOTALS(
	SQL_SET) "running = NULL, ended_at = ? WHERE reconciliation_id = ? AND running IS NOT NULL";
static const char SQL_GET[] = "SELECT " COLUMNS " FROM reconciliations WHERE reconciliation_id = ?";
static const char SQL_LAST[] =
	"SELECT outcome FROM reconciliations FORCE INDEX (by_day) "
	"WHERE starts_at = ? AND provider = ? ORDER BY reconciliation_id DESC LIMIT 1";
static const char SQL_COUNT_OPEN[] =
	"SELECT COUNT(*) FROM reconciliations r FORCE INDEX (by_day) WHERE r.starts_at >= ? "
	"AND r.outcome IN (" SQL(RECONCILIATION_FINDINGS, RECONCILIATION_FAILED) ") "
	"AND NOT EXISTS (SELECT n.reconciliation_id FROM reconciliations n FORCE INDEX (by_day) "
	"WHERE n.starts_at = r.starts_at AND n.provider = r.provider "
	"AND n.reconciliation_id > r.reconciliation_id)";
static const char SQL_DUE[] =
	"SELECT CAST(COALESCE(SUM(automatic = TRUE AND running IS NULL), 0) AS SIGNED) AS tries, "
	"MAX(IF(automatic = TRUE, ended_at, NULL)) AS due_at, "
	"COALESCE(SUM(outcome IN (" SQL(RECONCILIATION_COMPARED_SET) ")), 0) > 0 AS compared, "
	"COALESCE(SUM(running IS NOT NULL AND lease_at >= ?), 0) > 0 AS running "
	"FROM reconciliations FORCE INDEX (by_day) WHERE starts_at = ? AND provider = ?";

/* A shop has two providers with bills: a filter by provider passes over every second row. */
#define LIST_BY(index, where)                                                                      \
	"SELECT " COLUMNS " FROM reconciliations FORCE INDEX (" index ") WHERE " where             \
	" reconciliation_id < ? AND (? IS NULL OR provider = ?) "                                  \
	"ORDER BY reconciliation_id DESC LIMIT ?"
static const char SQL_LIST[] = LIST_BY("PRIMARY", "");
static const char SQL_LIST_OUTCOME[] = LIST_BY("by_outcome", "outcome = ? AND");
static const char SQL_LIST_DAY[] =
	LIST_BY("by_day", "starts_at = ? AND (? IS NULL OR outcome = ?) AND");

/* ---- reading ---- */

static void name_all(struct ctx *c, const struct list *list)
{
	struct reconciliation *rows = list->rows;

	for (int64_t i = 0; i < list->n; i++) {
		char day[CLOCK_TEXT_MAX];

		clock_cst_day(rows[i].starts_at.ms, day);
		rows[i].date = arena_printf(&c->arena, "%s", day);
		rows[i].outcome_name = outcome_names[rows[i].outcome];
	}
}

enum err reconciliation_list(
	struct ctx *c, const struct reconciliation_query *q, struct page_rows *out)
{
	static const struct db_listed listed =
		DB_LISTED(reconciliation_fields, struct reconciliation, reconciliation_id);
	const struct db_arg after = I64(q->page.after[0]), n = I64(q->page.limit + 1);
	const struct db_arg provider = TEXT(q->provider);
	const bool by_outcome = field_has(reconciliation_query_fields, q, "outcome");
	const opt_i64 outcome = { by_outcome ? str_index(q->outcome, outcome_names) : 0,
		by_outcome };
	int64_t day_ms;

	*out = (struct page_rows){ 0 };
	if (q->provider != NULL && !str_is_id(q->provider, 16)) /* it would be a collation error */
		return OK;
	if (q->date != NULL && clock_parse_cst_day(q->date, &day_ms))
		TRY(db_page(c, SQL_LIST_DAY,
			ARGS(I64(day_ms), OPT(outcome), OPT(outcome), after, provider, provider, n),
			&listed, q->page.limit, out));
	else if (by_outcome)
		TRY(db_page(c, SQL_LIST_OUTCOME, ARGS(OPT(outcome), after, provider, provider, n),
			&listed, q->page.limit, out));
	else
		TRY(db_page(c, SQL_LIST, ARGS(after, provider, provider, n), &listed, q->page.limit,
			out));
	name_all(c, &out->list);
	return OK;
}

enum err reconciliation_get(struct ctx *c, int64_t id, struct reconciliation *out)
{
	TRY(db_one(c, SQL_GET, ARGS(I64(id)), reconciliation_fields, out));
	name_all(c, &(struct list){ out, 1 });
	return OK;
}

enum err reconciliation_last(
	struct ctx *c, const char *provider, int64_t starts_ms, int64_t *outcome)
{
	return db_int64(c, SQL_LAST, ARGS(I64(starts_ms), TEXT(provider)), outcome);
}

enum err reconciliation_due(
	struct ctx *c, const char *provider, int64_t starts_ms, struct reconciliation_due *out)
{
	const int64_t last = (int64_t)ARRAY_LEN(gaps_min) - 1;

	TRY(db_one(
		c, SQL_DUE, ARGS(I64(c->now_ms), I64(starts_ms), TEXT(provider)), due_fields, out));
	if (out->tries > 0)
		out->due_at.ms += gaps_min[out->tries <= last ? out->tries - 1 : last] * MINUTE_MS;
	return OK;
}

/* ---- a run ---- */

/* Take over what a killed run left, and end it. Killed again here, it is still to be ended. */
static enum err end_killed(struct ctx *c, const char *provider)
{
	struct reconciliation run = { 0 };
	int64_t id, taken;

	TRY(db_int64(c, SQL_KILLED, ARGS(TEXT(provider), I64(c->now_ms)), &id));
	if (id == 0)
		return OK;
	TRY(db_exec(c, SQL_TAKE, ARGS(I64(c->now_ms + LEASE_MS), I64(id), I64(c->now_ms)), &taken));
	if (taken == 0)
		return OK;
	log_line(LOG_WARN, "reconcile", "run %lld of %s was killed", (long long)id, provider);
	TRY(reconciliation_get(c, id, &run));
	TRY(reconciliation_clear(c, &run));
	run.outcome = RECONCILIATION_FAILED;
	run.error = "KILLED";
	return reconciliation_end(c, &run);
}

struct beginning {
	struct reconciliation *run;
	bool due;
};

/* The row is inserted first: from then on no other of this provider runs, or ends, on any node. */
static enum err begin_tx(struct ctx *c, void *arg)
{
	struct beginning *x = arg;
	struct reconciliation *row = x->run;
	struct reconciliation_due due = { 0 };

	row->outcome = RECONCILIATION_RUNNING;
	row->created_at.ms = c->now_ms;
	TRY(db_insert(c, SQL_BEGIN,
		ARGS(RUN_NEW(ROW_VALUE) TEXT(row->provider), I64(c->now_ms + LEASE_MS)),
		&row->reconciliation_id));
	if (!row->automatic)
		return OK;
	TRY(reconciliation_due(c, row->provider, row->starts_at.ms, &due));
	x->due = !due.compared && (due.tries == 0 || due.due_at.ms <= c->now_ms);
	return x->due ? OK : ERR_CONFLICT; /* rolled back */
}

enum err reconciliation_begin(struct ctx *c, struct reconciliation *out, bool *due)
{
	struct beginning x = { out, true };
	enum err e;

	TRY(end_killed(c, out->provider));
	e = db_tx(c, begin_tx, &x);
	*due = x.due;
	if (e == ERR_CONFLICT && !x.due)
		return OK;
	if (e == ERR_DUPLICATE)
		return fail(c, ERR_RECONCILING, out->provider);
	TRY(e);
	return reconciliation_get(c, out->reconciliation_id, out);
}

enum err reconciliation_go_on(struct ctx *c, const struct reconciliation *run)
{
	c->now_ms = clock_now_ms();
	return db_exec_one(
		c, SQL_GO_ON, ARGS(I64(c->now_ms + LEASE_MS), I64(run->reconciliation_id)));
}

struct clearing {
	const struct reconciliation *run;
	int64_t removed;
};

static enum err clear_tx(struct ctx *c, void *arg)
{
	struct clearing *x = arg;

	TRY(reconciliation_go_on(c, x->run));
	return db_exec(
		c, SQL_CLEAR, ARGS(I64(x->run->reconciliation_id), I64(CLEAR_STEP)), &x->removed);
}

enum err reconciliation_clear(struct ctx *c, const struct reconciliation *run)
{
	struct clearing x = { run, CLEAR_STEP };

	while (x.removed == CLEAR_STEP)
		TRY(db_tx(c, clear_tx, &x));
	return OK;
}

enum err reconciliation_end(struct ctx *c, struct reconciliation *row)
{
	c->now_ms = clock_now_ms();
	TRY(db_exec_one(c, SQL_END,
		ARGS(I64(row->outcome), TEXT(row->error), RUN_TOTALS(ROW_VALUE) I64(c->now_ms),
			I64(row->reconciliation_id))));
	return reconciliation_get(c, row->reconciliation_id, row);
}

enum err reconciliation_count_open(struct ctx *c, int64_t since_ms, int64_t *n)
{
	return db_int64(c, SQL_COUNT_OPEN, ARGS(I64(since_ms)), n);
}

/* SPDX-License-Identifier: MIT */
/* reconciliation_finding.c - the findings of a run. */
#include "base/json_out.h"
#include "ext/db.h"
#include "shop/money/reconciliation_internal.h"

#define JSON_MAX_BYTES ((size_t)512 << 10)

const struct field billed_finding_fields[] = {
	FIELD(struct billed_finding, finding_id),
	FIELD_WITH(struct billed_finding, reconciliation_id, .flags = F_HIDDEN),
	{ .name = "reason", FIELD_AT(struct billed_finding, reason), .flags = F_HIDDEN },
	FIELD_WITH(struct billed_finding, subject, .flags = F_NO_COLUMN),
	FIELD_WITH(struct billed_finding, kind, .flags = F_NO_COLUMN),
	FIELD_WITH(struct billed_finding, code, .flags = F_NO_COLUMN),
	{ .name = "reason", FIELD_AT(struct billed_finding, words), .flags = F_NO_COLUMN },
	FIELD(struct billed_finding, number),
	FIELD(struct billed_finding, out_trade_no),
	FIELD_WITH(struct billed_finding, transaction_id, .flags = F_NULL),
	FIELD_WITH(struct billed_finding, billed, .flags = F_TEXT | F_NULL, .max = DB_FEN_MAX),
	FIELD_WITH(struct billed_finding, booked, .flags = F_TEXT | F_NULL),
	FIELD_WITH(struct billed_finding, repaired, .flags = F_NO_COLUMN),
	FIELD_WITH(struct billed_finding, repaired_at, .flags = F_NULL),
	FIELD(struct billed_finding, created_at),
	FIELD_END,
};

const struct field finding_query_fields[] = { FIELD_END };

#define COLUMNS                                                                                    \
	"finding_id, reconciliation_id, reason, number, out_trade_no, transaction_id, billed, "    \
	"booked, repaired_at, created_at"
/* JSON_TABLE gives no NULL for a null that is the same on both servers */
static const char SQL_ADD[] =
	"INSERT INTO reconciliation_findings (reconciliation_id, reason, number, out_trade_no, "
	"transaction_id, billed, booked, created_at) SELECT ?, l.reason, l.number, l.out_trade_no, "
	"NULLIF(l.transaction_id, ''), NULLIF(l.billed, 0), NULLIF(l.booked, 0), ? "
	"FROM JSON_TABLE(?, '$[*]' COLUMNS (reason BIGINT PATH '$[0]', "
	"number VARCHAR(64) PATH '$[1]', out_trade_no VARCHAR(64) PATH '$[2]', "
	"transaction_id VARCHAR(64) PATH '$[3]', billed BIGINT PATH '$[4]', "
	"booked BIGINT PATH '$[5]')) l";
static const char SQL_COUNT[] =
	"UPDATE reconciliations SET findings = findings + ? "
	"WHERE reconciliation_id = ? AND running IS NOT NULL";
static const char SQL_LIST[] =
	"SELECT " COLUMNS
	" FROM reconciliation_findings FORCE INDEX (by_run) WHERE reconciliation_id = ? "
	"AND finding_id < ? ORDER BY finding_id DESC LIMIT ?";
static const char SQL_NEXT[] =
	"SELECT " COLUMNS
	" FROM reconciliation_findings FORCE INDEX (by_run) WHERE reconciliation_id = ? "
	"AND finding_id > ? ORDER BY finding_id LIMIT ?";
static const char SQL_REPAIRED[] =
	"UPDATE reconciliation_findings SET repaired_at = ? "
	"WHERE finding_id = ? AND repaired_at IS NULL";
static const char SQL_COUNT_REPAIRED[] =
	"UPDATE reconciliations SET repaired = repaired + 1 "
	"WHERE reconciliation_id = ? AND running IS NOT NULL";

/* ---- storing ---- */

struct adding {
	struct reconciliation *run;
	const char *json;
	int64_t n;
};

static enum err add_tx(struct ctx *c, void *arg)
{
	const struct adding *x = arg;
	const struct db_arg id = I64(x->run->reconciliation_id);

	TRY(reconciliation_go_on(c, x->run));
	TRY(db_exec_one(c, SQL_COUNT, ARGS(I64(x->n), id)));
	return db_exec(c, SQL_ADD, ARGS(id, I64(c->now_ms), TEXT(x->json)), NULL);
}

enum err finding_add(
	struct ctx *c, struct reconciliation *run, const struct finding_new *rows, int64_t n)
{
	struct str s = str_new(&c->arena, JSON_MAX_BYTES);

	json_put_array(&s, NULL);
	for (int64_t i = 0; i < n && run->findings + i < FINDINGS_STORED_MAX; i++) {
		json_put_array(&s, NULL);
		json_put_int(&s, NULL, rows[i].reason);
		json_put_text(&s, NULL, rows[i].number);
		json_put_text(&s, NULL, rows[i].out_trade_no);
		json_put_text(
			&s, NULL, rows[i].transaction_id != NULL ? rows[i].transaction_id : "");
		json_put_int(&s, NULL, rows[i].billed.fen);
		json_put_int(&s, NULL, rows[i].booked.fen);
		json_end_array(&s);
	}
	json_end_array(&s);
	if (s.overflow)
		return invariant_violated(c, "findings of a piece of a bill are of limited size");
	TRY(db_tx(c, add_tx, &(struct adding){ run, str_text(&s), n }));
	run->findings += n;
	return OK;
}

/* ---- reading ---- */

static void name_all(const struct list *list)
{
	struct billed_finding *rows = list->rows;

	for (int64_t i = 0; i < list->n; i++) {
		const struct finding_reason *reason = &finding_reasons[rows[i].reason];

		rows[i].subject = reason->subject;
		rows[i].kind = reason->kind;
		rows[i].code = reason->name;
		rows[i].words = reason->words;
		rows[i].repaired = rows[i].repaired_at.ms != 0;
	}
}

static bool are_known(const struct list *list)
{
	const struct billed_finding *rows = list->rows;

	for (int64_t i = 0; i < list->n; i++)
		if (rows[i].reason <= FINDING_AGREES || rows[i].reason >= FINDING_N)
			return false;
	return true;
}

static enum err named(struct ctx *c, const struct list *list)
{
	if (!are_known(list))
		return invariant_violated(c, "a finding has a known reason");
	name_all(list);
	return OK;
}

enum err finding_list(struct ctx *c, int64_t reconciliation_id, const struct finding_query *q,
	struct page_rows *out)
{
	static const struct db_listed listed =
		DB_LISTED(billed_finding_fields, struct billed_finding, finding_id);
	struct reconciliation run = { 0 };

	TRY(reconciliation_get(c, reconciliation_id, &run));
	TRY(db_page(c, SQL_LIST,
		ARGS(I64(reconciliation_id), I64(q->page.after[0]), I64(q->page.limit + 1)),
		&listed, q->page.limit, out));
	return named(c, &out->list);
}

enum err finding_next(
	struct ctx *c, int64_t reconciliation_id, int64_t after, int64_t limit, struct list *out)
{
	struct db_rows rows;

	TRY(db_all(c, SQL_NEXT, ARGS(I64(reconciliation_id), I64(after), I64(limit)),
		billed_finding_fields, sizeof(struct billed_finding), limit, &rows));
	*out = rows.list;
	return named(c, out);
}

/* ---- repairs ---- */

struct repair {
	const struct reconciliation *run;
	const struct billed_finding *finding;
};

static enum err repaired_tx(struct ctx *c, void *arg)
{
	const struct repair *x = arg;

	TRY(reconciliation_go_on(c, x->run));
	TRY(db_exec_one(c, SQL_COUNT_REPAIRED, ARGS(I64(x->run->reconciliation_id))));
	return db_exec_one(c, SQL_REPAIRED, ARGS(I64(c->now_ms), I64(x->finding->finding_id)));
}

enum err finding_repaired(struct ctx *c, struct reconciliation *run, const struct billed_finding *f)
{
	TRY(db_tx(c, repaired_tx, &(struct repair){ run, f }));
	run->repaired++;
	return OK;
}

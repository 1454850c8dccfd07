/* SPDX-License-Identifier: MIT */
/* reconciliation_bill.c - stages a bill's lines, and compares them with the books in pieces. */
#include <assert.h>

#include "base/json_out.h"
#include "ext/db.h"
#include "shop/money/payment_event.h"
#include "shop/money/reconciliation_internal.h"
#include "shop/money/refund.h"

/* Lines staged by a statement, lines compared by one, and what is looked for in the bill by one. */
enum { BATCH = 200, PIECE = 1000, PAGE = 500 };

/* By how much a provider's clock and ours may differ: signatures are refused beyond it (PAYMENTS.md 2.3). */
#define SKEW_MS (5 * MINUTE_MS)

#define BATCH_MAX_BYTES ((size_t)128 << 10)

struct staged {
	int64_t subject, amount, state;
	char number[BILLED_ID_MAX + 1], out_trade_no[BILLED_ID_MAX + 1],
		transaction_id[BILLED_ID_MAX + 1];
};

struct billed_batch {
	int64_t n, lines; /* in it, and in all with those before */
	struct staged rows[BATCH];
};

static const struct field match_fields[] = {
	FIELD(struct billed_match, line_no),
	FIELD(struct billed_match, number),
	FIELD(struct billed_match, out_trade_no),
	FIELD(struct billed_match, transaction_id),
	FIELD_WITH(struct billed_match, amount, .max = DB_FEN_MAX),
	FIELD(struct billed_match, state),
	FIELD(struct billed_match, attempt_id),
	FIELD(struct billed_match, booked_id),
	FIELD(struct billed_match, booked),
	FIELD(struct billed_match, booked_state),
	FIELD_WITH(struct billed_match, booked_transaction, .flags = F_NULL),
	FIELD(struct billed_match, orphan),
	FIELD(struct billed_match, certain),
	FIELD_END,
};

/* What the books have and the bill lacks. */
struct unbilled {
	int64_t id, at;
	const char *number, *out_trade_no, *transaction_id;
	money booked;
};
static const struct field unbilled_fields[] = {
	FIELD(struct unbilled, id),
	FIELD(struct unbilled, at),
	FIELD(struct unbilled, number),
	FIELD(struct unbilled, out_trade_no),
	FIELD_WITH(struct unbilled, transaction_id, .flags = F_NULL),
	FIELD(struct unbilled, booked),
	FIELD_END,
};

/* a number that is listed twice: its amounts are added, which differs from the books */
static const char SQL_STAGE[] =
	"INSERT INTO reconciliation_lines (reconciliation_id, line_no, subject, number, "
	"out_trade_no, transaction_id, amount, state) "
	"SELECT ?, l.line_no, l.subject, l.number, l.out_trade_no, l.transaction_id, l.amount, l.state "
	"FROM JSON_TABLE(?, '$[*]' COLUMNS (line_no BIGINT PATH '$[0]', subject BIGINT PATH '$[1]', "
	"number VARCHAR(64) PATH '$[2]', out_trade_no VARCHAR(64) PATH '$[3]', "
	"transaction_id VARCHAR(64) PATH '$[4]', amount BIGINT PATH '$[5]', "
	"state BIGINT PATH '$[6]')) l "
	"ON DUPLICATE KEY UPDATE amount = reconciliation_lines.amount + VALUES(amount)";

/* an orphan's number may be any text: the line's is converted, so that the index is used; the number is of enum billed_orphan */
#define ORPHAN                                                                                     \
	"COALESCE((SELECT 1 + MIN(e.resolved) FROM payment_events e FORCE INDEX (by_trade) "       \
	"WHERE e.out_trade_no = CONVERT(l.out_trade_no USING utf8mb4) COLLATE utf8mb4_unicode_ci " \
	"AND e.channel = ? AND e.verdict = " SQL(EVENT_ORPHAN) "), 0) AS orphan"
#define PIECE_OF(subject)                                                                          \
	"l.reconciliation_id = ? AND l.line_no >= ? AND l.line_no <= ? AND l.subject = " SQL(      \
		subject) " "
/* Equal rows are passed over here; what differs in the others is judged by billed_judge. */
static const char SQL_PAYMENTS[] =
	"SELECT l.line_no, l.number, l.out_trade_no, l.transaction_id, l.amount, l.state, "
	"COALESCE(a.attempt_id, 0) AS attempt_id, COALESCE(a.attempt_id, 0) AS booked_id, "
	"COALESCE(a.amount, 0) AS booked, COALESCE(a.state, 0) AS booked_state, "
	"a.transaction_id AS booked_transaction, " ORPHAN ", "
	"COALESCE(a.created_at >= ? AND a.paid_at < ?, FALSE) AS certain "
	"FROM reconciliation_lines l FORCE INDEX (PRIMARY) "
	"LEFT JOIN payment_attempts a FORCE INDEX (out_trade_no) "
	"ON a.out_trade_no = l.number AND a.provider = ? WHERE " PIECE_OF(BILLED_PAYMENT)
	"AND NOT COALESCE(a.amount = l.amount AND a.transaction_id = l.transaction_id "
	"AND a.state IN (" SQL(ATTEMPT_SETTLED_SET) ") AND l.state = " SQL(BILLED_PAID) " "
	"AND a.created_at >= ? AND a.paid_at < ?, FALSE) ORDER BY l.line_no LIMIT ?";
/* A refund made elsewhere was learnt of later: it is as old as its payment, at most. */
#define REFUND_BEGAN "IF(r.origin = " SQL(REFUND_MADE_ELSEWHERE) ", a.created_at, r.created_at)"
static const char SQL_REFUNDS[] =
	"SELECT l.line_no, l.number, l.out_trade_no, l.transaction_id, l.amount, l.state, "
	"COALESCE(a.attempt_id, 0) AS attempt_id, COALESCE(r.refund_id, 0) AS booked_id, "
	"COALESCE(r.amount, 0) AS booked, COALESCE(r.state, 0) AS booked_state, "
	"a.transaction_id AS booked_transaction, " ORPHAN ", "
	"COALESCE(" REFUND_BEGAN " >= ? AND r.updated_at < ?, FALSE) AS certain "
	"FROM reconciliation_lines l FORCE INDEX (PRIMARY) "
	"LEFT JOIN payment_attempts a FORCE INDEX (out_trade_no) "
	"ON a.out_trade_no = l.out_trade_no AND a.provider = ? "
	"LEFT JOIN refunds r FORCE INDEX (refund_no) "
	"ON r.refund_no = l.number AND r.attempt_id = a.attempt_id "
	"WHERE " PIECE_OF(BILLED_REFUND)
	"AND NOT COALESCE(r.amount = l.amount AND r.state = l.state "
	"AND r.state = " SQL(REFUND_SUCCESS) " AND " REFUND_BEGAN " >= ? AND r.updated_at < ?, FALSE) "
	"ORDER BY l.line_no LIMIT ?";
static const char SQL_MARK_BILLED[] =
	"INSERT INTO billed (provider, subject, number, starts_at) SELECT ?, ?, l.number, ? "
	"FROM JSON_TABLE(?, '$[*]' COLUMNS (number VARCHAR(64) PATH '$')) l "
	"ON DUPLICATE KEY UPDATE starts_at = VALUES(starts_at)";

/*
 * Of what ended on the bill's day, that which isn't in it, nor in an earlier one if it began before. That is
 * judged only if the bills of all days from then on were compared.
 */
#define DAY_OF(ms) "((" ms " - ? + 28800000) DIV 86400000 * 86400000 - 28800000)"
#define NOT_BILLED(subject, number, began)                                                         \
	"AND l.line_no IS NULL AND b.number IS NULL AND (" began " >= ? OR (SELECT "               \
	"COUNT(DISTINCT d.starts_at) FROM reconciliations d FORCE INDEX (by_day) "                 \
	"WHERE d.provider = ? AND d.outcome IN (" SQL(RECONCILIATION_COMPARED_SET) ") "            \
	"AND d.starts_at < ? AND d.starts_at >= " DAY_OF(began) ") * 86400000 = ? - " DAY_OF(      \
		began) ") "
#define NOT_LISTED(sort, no)                                                                       \
	"LEFT JOIN reconciliation_lines l FORCE INDEX (number) ON l.reconciliation_id = ? "        \
	"AND l.subject = " SQL(sort) " AND l.number = " no                                         \
				     " "                                                           \
				     "LEFT JOIN billed b FORCE INDEX (PRIMARY) ON b.provider = ? " \
				     "AND b.subject = " SQL(sort) " AND b.number = " no " "
static const char SQL_NO_PAYMENT[] =
	"SELECT a.attempt_id AS id, a.paid_at AS at, a.out_trade_no AS number, a.out_trade_no, "
	"a.transaction_id, a.amount AS booked FROM payment_attempts a FORCE INDEX (by_paid) "
	NOT_LISTED(BILLED_PAYMENT, "a.out_trade_no")
	"WHERE a.provider = ? AND a.paid_at >= ? AND a.paid_at < ? "
	"AND (a.paid_at > ? OR a.attempt_id > ?) AND a.state IN (" SQL(ATTEMPT_SETTLED_SET) ") "
	NOT_BILLED(BILLED_PAYMENT, "a.out_trade_no", "a.created_at")
	"ORDER BY a.paid_at, a.attempt_id LIMIT ?";
static const char SQL_NO_REFUND[] =
	"SELECT r.refund_id AS id, r.updated_at AS at, r.refund_no AS number, a.out_trade_no, "
	"a.transaction_id, r.amount AS booked FROM refunds r FORCE INDEX (by_end) "
	"STRAIGHT_JOIN payment_attempts a FORCE INDEX (PRIMARY) ON a.attempt_id = r.attempt_id "
	NOT_LISTED(BILLED_REFUND, "r.refund_no")
	"WHERE a.provider = ? AND r.state = " SQL(REFUND_SUCCESS) " AND r.updated_at >= ? AND r.updated_at < ? "
	"AND (r.updated_at > ? OR r.refund_id > ?) "
	NOT_BILLED(BILLED_REFUND, "r.refund_no", REFUND_BEGAN)
	"ORDER BY r.updated_at, r.refund_id LIMIT ?";

/* ---- staging ---- */

struct billed_batch *billed_batch_new(struct ctx *c)
{
	return arena_array(&c->arena, 1, sizeof(struct billed_batch));
}

int64_t billed_lines(const struct billed_batch *b)
{
	return b->lines;
}

/* What is no id is none of ours, but it is compared and shown. */
static void copy_id(char out[static BILLED_ID_MAX + 1], const char *text)
{
	size_t n = 0;

	for (; text != NULL && text[n] != '\0' && n < BILLED_ID_MAX; n++)
		out[n] = (char)(text[n] > ' ' && text[n] <= '~' ? text[n] : '?');
	out[n] = '\0';
}

struct staging {
	const struct reconciliation *run;
	const char *json;
};

static enum err stage_tx(struct ctx *c, void *arg)
{
	const struct staging *x = arg;

	TRY(reconciliation_go_on(c, x->run));
	return db_exec(c, SQL_STAGE, ARGS(I64(x->run->reconciliation_id), TEXT(x->json)), NULL);
}

enum err billed_flush(struct ctx *c, const struct reconciliation *run, struct billed_batch *b)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	struct str s = str_new(&c->arena, BATCH_MAX_BYTES);
	enum err e;

	if (b->n == 0)
		return OK;
	json_put_array(&s, NULL);
	for (int64_t i = 0; i < b->n; i++) {
		const struct staged *row = &b->rows[i];

		json_put_array(&s, NULL);
		json_put_int(&s, NULL, b->lines - b->n + i);
		json_put_int(&s, NULL, row->subject);
		json_put_text(&s, NULL, row->number);
		json_put_text(&s, NULL, row->out_trade_no);
		json_put_text(&s, NULL, row->transaction_id);
		json_put_int(&s, NULL, row->amount);
		json_put_int(&s, NULL, row->state);
		json_end_array(&s);
	}
	json_end_array(&s);
	e = s.overflow ? invariant_violated(c, "a batch of a bill's lines is of limited size")
		       : db_tx(c, stage_tx, &(struct staging){ run, str_text(&s) });
	arena_rewind(&c->arena, mark);
	b->n = 0;
	return e;
}

enum err billed_add(struct ctx *c, struct reconciliation *run, struct billed_batch *b,
	const struct billed *line)
{
	struct staged *row = &b->rows[b->n];

	if (line->amount.fen < 0 || line->amount.fen > MONEY_MAX_FEN)
		return invariant_violated(
			c, "a bill's amount is positive, and one that can be paid");
	row->subject = line->subject;
	row->amount = line->amount.fen;
	row->state = line->state;
	copy_id(row->number, line->number);
	copy_id(row->out_trade_no, line->out_trade_no);
	copy_id(row->transaction_id, line->transaction_id);
	b->n++;
	b->lines++;
	if (line->subject == BILLED_PAYMENT) {
		run->payments++;
		run->paid = money_add(run->paid, line->amount);
	} else {
		run->refunds++;
		run->refunded = money_add(run->refunded, line->amount);
	}
	return b->n < BATCH ? OK : billed_flush(c, run, b);
}

/* ---- comparing ---- */

struct comparing {
	struct reconciliation *run;
	int64_t provider;
	int64_t starts_ms, ends_ms;
};

/* What is compared, and how. */
static const struct comparison {
	enum billed_subject subject;
	const char *sql, *unbilled_sql;
	int64_t (*judge)(const struct billed_match *m);
	int64_t unbilled;
} comparisons[] = {
	{ BILLED_PAYMENT, SQL_PAYMENTS, SQL_NO_PAYMENT, billed_judge_payment,
		FINDING_PAYMENT_NOT_BILLED },
	{ BILLED_REFUND, SQL_REFUNDS, SQL_NO_REFUND, billed_judge_refund,
		FINDING_REFUND_NOT_BILLED },
};

/* The books may place it on another day, or learn of it later. */
static enum err mark_billed(struct ctx *c, const struct comparing *x, const struct comparison *how,
	const struct list *list)
{
	const struct billed_match *rows = list->rows;
	struct str s = str_new(&c->arena, BATCH_MAX_BYTES);
	bool any = false;

	json_put_array(&s, NULL);
	for (int64_t i = 0; i < list->n; i++)
		if (rows[i].attempt_id != 0 && !rows[i].certain) {
			json_put_text(&s, NULL, rows[i].number);
			any = true;
		}
	json_end_array(&s);
	if (s.overflow)
		return invariant_violated(
			c, "the numbers of a piece of a bill are of limited size");
	return any ? db_exec(c, SQL_MARK_BILLED,
			     ARGS(TEXT(x->run->provider), I64(how->subject), I64(x->starts_ms),
				     TEXT(str_text(&s))),
			     NULL)
		   : OK;
}

static enum err compare_piece(
	struct ctx *c, const struct comparing *x, const struct comparison *how, int64_t from)
{
	const struct db_arg first = I64(x->starts_ms + SKEW_MS), end = I64(x->ends_ms - SKEW_MS);
	const struct billed_match *rows;
	struct finding_new *found;
	struct db_rows differing;
	int64_t n = 0;

	TRY(reconciliation_go_on(c, x->run));
	TRY(db_all(c, how->sql,
		ARGS(I64(x->provider), first, end, I64(x->provider), I64(x->run->reconciliation_id),
			I64(from), I64(from + PIECE - 1), first, end, I64(PIECE + 1)),
		match_fields, sizeof(*rows), PIECE, &differing));
	if (differing.more)
		return invariant_violated(c, "a piece of a bill has its lines once");
	if (differing.list.n == 0)
		return OK;
	rows = differing.list.rows;
	found = arena_array(&c->arena, (size_t)differing.list.n, sizeof(*found));
	for (int64_t i = 0; i < differing.list.n; i++) {
		const int64_t reason = how->judge(&rows[i]);

		if (reason != FINDING_AGREES)
			found[n++] =
				(struct finding_new){ reason, rows[i].number, rows[i].out_trade_no,
					rows[i].transaction_id, rows[i].amount, rows[i].booked };
	}
	TRY(mark_billed(c, x, how, &differing.list));
	return n > 0 ? finding_add(c, x->run, found, n) : OK;
}

static enum err compare_bill(
	struct ctx *c, const struct comparing *x, const struct comparison *how, int64_t lines)
{
	for (int64_t from = 0; from < lines; from += PIECE) {
		const struct arena_mark mark = arena_mark(&c->arena);

		TRY(compare_piece(c, x, how, from));
		arena_rewind(&c->arena, mark);
	}
	return OK;
}

/* One page of what is unbilled after *at and *id and before `end`; *n is its length. */
static enum err find_unbilled(struct ctx *c, const struct comparing *x,
	const struct comparison *how, int64_t end, int64_t *at, int64_t *id, int64_t *n)
{
	const struct db_arg provider = I64(x->provider), name = TEXT(x->run->provider);
	const struct db_arg run = I64(x->run->reconciliation_id), start = I64(x->starts_ms);
	const struct unbilled *rows;
	struct finding_new *found;
	struct db_rows unbilled;

	TRY(reconciliation_go_on(c, x->run));
	TRY(db_all(c, how->unbilled_sql,
		ARGS(run, name, provider, I64(*at), I64(end), I64(*at), I64(*id),
			I64(x->starts_ms + SKEW_MS), name, start, I64(SKEW_MS), start, I64(SKEW_MS),
			I64(PAGE + 1)),
		unbilled_fields, sizeof(*rows), PAGE, &unbilled));
	rows = unbilled.list.rows;
	*n = unbilled.list.n;
	if (*n == 0)
		return OK;
	found = arena_array(&c->arena, (size_t)*n, sizeof(*found));
	for (int64_t i = 0; i < *n; i++)
		found[i] = (struct finding_new){ .reason = how->unbilled,
			.number = rows[i].number,
			.out_trade_no = rows[i].out_trade_no,
			.transaction_id = rows[i].transaction_id,
			.booked = rows[i].booked };
	*at = rows[*n - 1].at;
	*id = rows[*n - 1].id;
	return finding_add(c, x->run, found, *n);
}

/* Hour by hour, of what ended on that day by our clock and the difference to theirs. */
static enum err compare_books(
	struct ctx *c, const struct comparing *x, const struct comparison *how)
{
	for (int64_t hour = x->starts_ms - SKEW_MS; hour < x->ends_ms - SKEW_MS; hour += HOUR_MS) {
		int64_t at = hour, id = 0, n = PAGE;

		while (n == PAGE) {
			const struct arena_mark mark = arena_mark(&c->arena);

			TRY(find_unbilled(c, x, how, hour + HOUR_MS, &at, &id, &n));
			arena_rewind(&c->arena, mark);
		}
	}
	return OK;
}

enum err reconciliation_compare(
	struct ctx *c, struct reconciliation *run, int64_t provider, int64_t lines)
{
	const struct comparing x = { run, provider, run->starts_at.ms, run->starts_at.ms + DAY_MS };

	for (size_t i = 0; i < ARRAY_LEN(comparisons); i++) {
		TRY(compare_bill(c, &x, &comparisons[i], lines));
		TRY(compare_books(c, &x, &comparisons[i]));
	}
	return OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * reconciliation.h - a provider's bill of a day compared with our books (PAYMENTS.md 7.1, rule 9).
 * Owns tables: reconciliations, reconciliation_lines, reconciliation_findings, billed.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 *
 * The bill's lines are staged in a table and compared there in pieces, so that memory is bounded
 * and no statement takes long. They are removed when the run ends; a killed run ends with the next one.
 *
 * Only what was certainly paid or refunded on the bill's day is missing in it: between the first and the last moment at
 * which the provider can have counted it there may be a midnight (its clock differs, a refund takes a while). That is
 * judged with the bill of its last day, once those of the days between were compared; what they listed is in `billed`.
 */
#ifndef SHOP_MONEY_RECONCILIATION_H
#define SHOP_MONEY_RECONCILIATION_H

#include "base/ctx.h"
#include "base/page.h"
#include "base/provided.h"
#include "ext/sql.h"

#define RECONCILIATION_RUNNING   0
#define RECONCILIATION_CLEAN     1
#define RECONCILIATION_REPAIRED  2
#define RECONCILIATION_FINDINGS  3
#define RECONCILIATION_NOT_READY 4 /* the bill is not made yet */
#define RECONCILIATION_FAILED    5
enum reconciliation_outcome {
	STORED(RECONCILIATION_RUNNING),
	STORED(RECONCILIATION_CLEAN),
	STORED(RECONCILIATION_REPAIRED),
	STORED(RECONCILIATION_FINDINGS),
	STORED(RECONCILIATION_NOT_READY),
	STORED(RECONCILIATION_FAILED),
};
#define RECONCILIATION_COMPARED_SET                                                                \
	RECONCILIATION_CLEAN, RECONCILIATION_REPAIRED, RECONCILIATION_FINDINGS

struct reconciliation {
	uint64_t has;
	int64_t reconciliation_id;
	const char *provider; /* its key */
	timestamp starts_at;  /* of the bill's day */
	const char *date;     /* that day, as on the wire */
	int64_t outcome;
	const char *outcome_name; /* as on the wire */
	const char *error;        /* why it failed */
	bool automatic;           /* by jobs */
	bool repairs;
	int64_t payments, refunds; /* of the bill */
	money paid, refunded;
	int64_t findings, repaired;
	timestamp created_at, ended_at;
};
extern const struct field reconciliation_fields[];

struct reconciliation_query {
	uint64_t has;
	const char *provider, *date, *outcome;
	struct page page;
};
extern const struct field reconciliation_query_fields[];

/* Newest first. */
enum err reconciliation_list(
	struct ctx *c, const struct reconciliation_query *q, struct page_rows *out) MUST;
/* Fails: NOT_FOUND. */
enum err reconciliation_get(struct ctx *c, int64_t id, struct reconciliation *out) MUST;

/* ---- a run ---- */

/*
 * Begin a run of out's provider, day, automatic and repairs; ends a killed one first. For an automatic run, *due
 * false: another has compared that day meanwhile, or tried to. Fails: RECONCILING (there is another of this provider).
 */
enum err reconciliation_begin(struct ctx *c, struct reconciliation *out, bool *due) MUST;
/* It goes on: called between steps that may take minutes. Fails: CONFLICT (it was taken for dead). */
enum err reconciliation_go_on(struct ctx *c, const struct reconciliation *run) MUST;
/* Remove the staged lines, in steps. Fails: CONFLICT. */
enum err reconciliation_clear(struct ctx *c, const struct reconciliation *run) MUST;
/* End a cleared run with its outcome and totals. Fails: CONFLICT. */
enum err reconciliation_end(struct ctx *c, struct reconciliation *run) MUST;

/* When jobs reconcile a day of a provider. */
struct reconciliation_due {
	int64_t tries;          /* of jobs, all in vain */
	timestamp due_at;       /* of the next try; with tries 0: at once */
	bool compared, running; /* by jobs or the command */
};
enum err reconciliation_due(struct ctx *c, const char *provider, int64_t starts_ms,
	struct reconciliation_due *out) MUST;

/* The outcome of the latest run of a provider's day; RECONCILIATION_RUNNING: it has none, or has not ended. */
enum err reconciliation_last(
	struct ctx *c, const char *provider, int64_t starts_ms, int64_t *outcome) MUST;

/* How far back people are told of what is left. */
enum { BILL_DAYS = 30 };
/* The number of providers' days since then whose latest run found differences that are left, or failed. */
enum err reconciliation_count_open(struct ctx *c, int64_t since_ms, int64_t *n) MUST;

/* ---- the bill ---- */

#define BILLED_PAYMENT 1
#define BILLED_REFUND  2
enum billed_subject { STORED(BILLED_PAYMENT), STORED(BILLED_REFUND) };

#define BILLED_PAID     1
#define BILLED_NOT_PAID 2
enum billed_state { STORED(BILLED_PAID), STORED(BILLED_NOT_PAID) };

/* A line; texts that are no ids (str_is_id) are replaced by ids of the same length at most. */
enum { BILLED_ID_MAX = 64 };
struct billed {
	enum billed_subject subject;
	const char *number; /* the payment's or the refund's; compared by it */
	const char *out_trade_no, *transaction_id; /* of the payment; NULL: not said */
	money amount;
	int64_t state; /* enum billed_state; of a refund enum refund_state */
};

/* Lines that are staged at once. */
struct billed_batch;
struct billed_batch *billed_batch_new(struct ctx *c) MUST;
/* Stage a line, sooner or later; counts it in the run's totals. Allocates nothing that stays. Fails: CONFLICT. */
enum err billed_add(struct ctx *c, struct reconciliation *run, struct billed_batch *b,
	const struct billed *line) MUST;
/* Stage the rest. Fails: CONFLICT. */
enum err billed_flush(struct ctx *c, const struct reconciliation *run, struct billed_batch *b) MUST;

/*
 * Compare the staged lines with the books of that provider (payment_attempts.provider) and store
 * the findings. lines: how many were staged. Fails: CONFLICT.
 */
enum err reconciliation_compare(
	struct ctx *c, struct reconciliation *run, int64_t provider, int64_t lines) MUST;
int64_t billed_lines(const struct billed_batch *b);

/* ---- findings ---- */

/* clang-format off */
#define FINDING_AGREES                0
#define FINDING_PAYMENT_UNKNOWN       1
#define FINDING_PAYMENT_UNSETTLED     2
#define FINDING_PAYMENT_ORPHAN        3
#define FINDING_PAYMENT_AMOUNT        4
#define FINDING_PAYMENT_TRANSACTION   5
#define FINDING_PAYMENT_NOT_PAID      6
#define FINDING_PAYMENT_NOT_BILLED    7
#define FINDING_REFUND_UNKNOWN        8
#define FINDING_REFUND_OF_ORPHAN      9
#define FINDING_REFUND_AMOUNT        10
#define FINDING_REFUND_UNFINISHED    11
#define FINDING_REFUND_CLOSED_HERE   12
#define FINDING_REFUND_FAILED_THERE  13
#define FINDING_REFUND_STATE         14
#define FINDING_REFUND_NOT_BILLED    15
/* clang-format on */
enum { FINDING_N = 16 };

/* What a reason is: for the wire, and in words for the staff and for the command. */
struct finding_reason {
	const char *name, *subject, *kind;
	const char *words;  /* in Chinese */
	const char *spoken; /* in English */
	bool repairable;    /* by a query of the provider */
};
extern const struct finding_reason finding_reasons[FINDING_N];

struct billed_finding {
	uint64_t has;
	int64_t finding_id, reconciliation_id, reason;
	const char *subject, *kind, *code, *words; /* of the reason */
	const char *number;                        /* out_trade_no, or the refund's */
	const char *out_trade_no, *transaction_id;
	money billed, booked; /* 0: not there */
	bool repaired;
	timestamp created_at, repaired_at;
};
extern const struct field billed_finding_fields[];

struct finding_query {
	uint64_t has;
	struct page page;
};
extern const struct field finding_query_fields[];

/* How many findings of a run are stored; the rest is only counted. */
#define FINDINGS_STORED_MAX 10000

/* Of a run, newest first. Fails: NOT_FOUND. */
enum err finding_list(struct ctx *c, int64_t reconciliation_id, const struct finding_query *q,
	struct page_rows *out) MUST;
/* Those of a run after one of them, at most `limit`: a list of struct billed_finding. */
enum err finding_next(struct ctx *c, int64_t reconciliation_id, int64_t after, int64_t limit,
	struct list *out) MUST;
/* It doesn't differ any more. Fails: CONFLICT. */
enum err finding_repaired(
	struct ctx *c, struct reconciliation *run, const struct billed_finding *f) MUST;

/* ---- the judgement ---- */

/* Is the payment stored as an orphan? Once an administrator has resolved it, it is no finding. */
enum billed_orphan { BILLED_NO_ORPHAN = 0, BILLED_ORPHAN = 1, BILLED_ORPHAN_RESOLVED = 2 };

/* A line of the bill and what the books have under its number. */
struct billed_match {
	int64_t line_no;
	const char *number, *out_trade_no, *transaction_id; /* "": the bill doesn't say it */
	money amount;
	int64_t state;
	int64_t attempt_id; /* of the payment, in both cases; 0: there is none */
	int64_t booked_id;  /* attempt_id or refund_id; 0: there is none */
	money booked;
	int64_t booked_state;
	const char *booked_transaction;
	int64_t orphan; /* enum billed_orphan */
	bool certain;   /* the books place it on the bill's day */
};
/* In what they differ: one of FINDING_…. Pure. */
int64_t billed_judge_payment(const struct billed_match *m);
int64_t billed_judge_refund(const struct billed_match *m);

#endif

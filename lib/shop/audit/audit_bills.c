/* SPDX-License-Identifier: MIT */
/* audit_bills.c - rules about comparisons with the providers' bills. */
#include "shop/audit/audit_sql.h"
#include "shop/money/reconciliation.h"

static const char SQL_STAGED[] =
	"SELECT CONCAT('reconciliation ', l.reconciliation_id) AS subject, "
	"CONCAT('line ', l.line_no, ' of its bill was left') AS problem FROM reconciliation_lines l "
	"LEFT JOIN reconciliations r FORCE INDEX (PRIMARY) "
	"ON r.reconciliation_id = l.reconciliation_id AND r.running IS NOT NULL "
	"WHERE r.reconciliation_id IS NULL LIMIT ?";
/* what it counted, and what its outcome says; one that was killed counted nothing at its end */
#define COUNT_OF(what)                                                                             \
	"(SELECT " what                                                                            \
	" FROM reconciliation_findings f FORCE INDEX (by_run) "                                    \
	"WHERE f.reconciliation_id = r.reconciliation_id)"
static const char SQL_RUN[] =
	"SELECT CONCAT('reconciliation ', r.reconciliation_id) AS subject, "
	"CONCAT('outcome ', r.outcome, ', ', r.kept, ' of ', r.findings, ' findings, ', r.mended, ' of ', "
	"r.repaired, ' repaired') AS problem FROM (SELECT r.reconciliation_id, r.outcome, r.findings, "
	"r.repaired, r.running, r.provider, r.ended_at, " COUNT_OF("COUNT(*)") " AS kept, "
	COUNT_OF("COUNT(f.repaired_at)") " AS mended FROM reconciliations r) r "
	"WHERE r.kept <> LEAST(r.findings, " SQL(FINDINGS_STORED_MAX) ") "
	"OR r.mended <> r.repaired OR r.repaired > r.findings "
	"OR (r.outcome = " SQL(RECONCILIATION_RUNNING) ") <> (r.ended_at IS NULL) "
	"OR (r.outcome = " SQL(RECONCILIATION_RUNNING) ") <> (r.running IS NOT NULL) "
	"OR r.running <> r.provider "
	"OR (r.outcome = " SQL(RECONCILIATION_CLEAN) " AND r.findings > 0) "
	"OR (r.outcome = " SQL(RECONCILIATION_REPAIRED) " AND (r.findings = 0 "
	"OR r.findings > r.repaired)) "
	"OR (r.outcome = " SQL(RECONCILIATION_FINDINGS) " AND r.findings = r.repaired) LIMIT ?";

const struct audit_rule audit_bill_rules[] = {
	{ "only a running reconciliation has a bill's lines", SQL_STAGED, false, NULL },
	{ "a reconciliation's outcome follows from its findings", SQL_RUN, false, NULL },
	{ NULL, NULL, false, NULL },
};

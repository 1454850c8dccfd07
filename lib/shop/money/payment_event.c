/* SPDX-License-Identifier: MIT */
#include "shop/money/payment_event.h"

#include "base/log.h"
#include "ext/db.h"

static const char SQL_FIND[] =
	"SELECT verdict FROM payment_events WHERE channel = ? AND event_id = ?";

/* clang-format off */
/*
 * Column, its value in SQL and in C. The copy evaluated last is stored; the verdict is the
 * condition, so it is set last.
 */
#define EVENT_ROW(X)                                                                           \
	X(reason, "?", TEXT(reason))                                                           \
	X(out_trade_no, "LEFT(?, 64)", TEXT(e->out_trade_no))                                  \
	X(transaction_id, "LEFT(?, 64)", TEXT(e->transaction_id))                              \
	X(amount, "?", OPT(e->amount))                                                         \
	X(serial, "?", TEXT(e->serial))                                                        \
	X(body, "?", BYTES(e->body.p, e->body.len))                                            \
	X(judged_at, "?", I64(c->now_ms))                                                      \
	X(verdict, "?", I64(verdict))

#define EVENT_MARK(column, mark, value)  mark ", "
#define EVENT_VALUE(column, mark, value) value,
/* Does an orphan's copy report what the one before did, or nothing new? Then it stays resolved. */
#define IS_SAME                                                                                \
	"(verdict IN (" SQL(EVENT_FINAL_SET) ") OR (verdict = " SQL(EVENT_ORPHAN) " "          \
	"AND VALUES(verdict) = " SQL(EVENT_ORPHAN) " "                                         \
	"AND reason <=> VALUES(reason) AND amount <=> VALUES(amount) "                         \
	"AND transaction_id <=> VALUES(transaction_id)))"
#define RESOLUTION(column) #column " = IF(" IS_SAME ", " #column ", NULL), "
#define UNLESS_FINAL(column, mark, value)                                                      \
	#column " = IF(verdict IN (" SQL(EVENT_FINAL_SET) "), " #column ", VALUES(" #column ")), "
/* clang-format on */
static const char SQL_RECORD[] =
	"INSERT INTO payment_events (" EVENT_ROW(SQL_NAME) "channel, event_id, received_at) "
	"VALUES (" EVENT_ROW(EVENT_MARK) "?, ?, ?) "
	"ON DUPLICATE KEY UPDATE resolved = IF(" IS_SAME ", resolved, FALSE), "
	RESOLUTION(note) RESOLUTION(resolved_at) RESOLUTION(resolved_by) EVENT_ROW(UNLESS_FINAL) "copies = copies + 1";

bool payment_event_is_final(enum payment_event_verdict v)
{
	return (v >= EVENT_GRANTED && v <= EVENT_REPEAT) || v == EVENT_REFUND;
}

enum err payment_event_find(
	struct ctx *c, int64_t channel, const char *event_id, enum payment_event_verdict *verdict)
{
	int64_t found; /* 0, EVENT_UNKNOWN, if there is none */

	TRY(db_int64(c, SQL_FIND, ARGS(I64(channel), TEXT(event_id)), &found));
	*verdict = (enum payment_event_verdict)found;
	return OK;
}

enum err payment_event_record(struct ctx *c, const struct payment_event *e,
	enum payment_event_verdict verdict, const char *reason)
{
	return db_exec(c, SQL_RECORD,
		ARGS(EVENT_ROW(EVENT_VALUE) I64(e->channel), TEXT(e->event_id), I64(c->now_ms)),
		NULL);
}

enum err payment_event_orphan(struct ctx *c, const struct payment_event *e, const char *reason,
	enum payment_event_verdict *verdict)
{
	log_line(LOG_ALARM, "event", "orphan payment stored: %s, event %.64s, out_trade_no %.64s",
		reason, e->event_id, e->out_trade_no != NULL ? e->out_trade_no : "unknown");
	*verdict = EVENT_ORPHAN;
	TRY(payment_event_record(c, e, EVENT_ORPHAN, reason));
	db_count(c, METRIC_ORPHANS, NULL, NULL, NULL);
	return OK;
}

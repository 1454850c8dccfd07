/* SPDX-License-Identifier: MIT */
#include "shop/money/payment_event.h"

#include "base/log.h"
#include "ext/db.h"

static const char SQL_FIND[] =
	"SELECT verdict FROM payment_events WHERE channel = ? AND event_id = ?";
/* The copy evaluated last is stored; the verdict is the condition, so it is set last. */
#define UNLESS_FINAL(column)                                                                       \
	column " = IF(verdict IN (" SQL(EVENT_FINAL_SET) "), " column ", VALUES(" column ")), "
static const char SQL_RECORD[] =
	"INSERT INTO payment_events (channel, event_id, verdict, reason, out_trade_no, "
	"transaction_id, amount, serial, body, received_at, judged_at) "
	"VALUES (?, ?, ?, ?, LEFT(?, 64), LEFT(?, 64), ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE " UNLESS_FINAL(
		"reason") UNLESS_FINAL("out_trade_no") UNLESS_FINAL("transaction_id")
		UNLESS_FINAL("amount") UNLESS_FINAL("serial") UNLESS_FINAL("body")
			UNLESS_FINAL("judged_at") UNLESS_FINAL("verdict") "copies = copies + 1";

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
		ARGS(I64(e->channel), TEXT(e->event_id), I64(verdict), TEXT(reason),
			TEXT(e->out_trade_no), TEXT(e->transaction_id), OPT(e->amount),
			TEXT(e->serial), BYTES(e->body.p, e->body.len), I64(c->now_ms),
			I64(c->now_ms)),
		NULL);
}

enum err payment_event_orphan(struct ctx *c, const struct payment_event *e, const char *reason,
	enum payment_event_verdict *verdict)
{
	log_line(LOG_ALARM, "event", "orphan payment kept: %s, event %.64s, out_trade_no %.64s",
		reason, e->event_id, e->out_trade_no != NULL ? e->out_trade_no : "unknown");
	*verdict = EVENT_ORPHAN;
	return payment_event_record(c, e, EVENT_ORPHAN, reason);
}

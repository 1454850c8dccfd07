/* SPDX-License-Identifier: MIT */
/* audit_open.c - what is not wrong, but waits for a person. */
#include "ext/db.h"
#include "shop/audit/audit_sql.h"
#include "shop/books/webhook.h"
#include "shop/money/payment_event.h"
#include "shop/money/refund.h"

static const char SQL_REFUND_DUE[] =
	"SELECT CONCAT('payment ', out_trade_no) AS subject, "
	"CONCAT('refund due: ', amount, ' fen, ', COALESCE(reason, '')) AS problem "
	"FROM payment_attempts WHERE state = " SQL(ATTEMPT_REFUND_DUE) " ORDER BY attempt_id "
	"LIMIT ?";
static const char SQL_HELD_PAYMENT[] =
	"SELECT CONCAT('payment ', out_trade_no) AS subject, "
	"CONCAT('held: of ', amount, ' fen something went back elsewhere, see the merchant "
	"console') AS problem FROM payment_attempts "
	"WHERE state IN (" SQL(ATTEMPT_UNSETTLED_SET) ") AND held_at IS NOT NULL "
	"ORDER BY attempt_id LIMIT ?";
static const char SQL_ABNORMAL[] =
	"SELECT CONCAT('refund ', refund_no) AS subject, "
	"CONCAT('abnormal: ', amount, ' fen, resolve it in the merchant console') AS problem "
	"FROM refunds WHERE state = " SQL(REFUND_ABNORMAL) " ORDER BY refund_id LIMIT ?";
/* an abnormal one has its own rule, by its state */
static const char SQL_REFUND_WAITS[] =
	"SELECT CONCAT('refund ', refund_no) AS subject, CONCAT(CASE attention "
	"WHEN " SQL(REFUND_BY_HAND) " THEN 'make it in the provider''s console, then note-refund: ' "
	"WHEN " SQL(REFUND_IN_DOUBT) " THEN 'no result for a day, see the merchant console: ' "
	"ELSE 'refused for good: ' END, amount, ' fen of ', payable_no) AS problem FROM refunds "
	"WHERE attention IN (" SQL(REFUND_BY_HAND, REFUND_IN_DOUBT, REFUND_REFUSED) ") "
	"ORDER BY refund_id LIMIT ?";
static const char SQL_ORPHAN[] =
	"SELECT CONCAT('event ', event_id) AS subject, "
	"CONCAT('orphan: ', COALESCE(reason, ''), ', ', COALESCE(out_trade_no, 'no order'), "
	"', ', COALESCE(amount, '?'), ' fen') AS problem FROM payment_events "
	"WHERE verdict = " SQL(EVENT_ORPHAN) " AND resolved = FALSE ORDER BY event_no LIMIT ?";

static const char SQL_WEBHOOK_OFF[] =
	"SELECT CONCAT('webhook ', webhook_id) AS subject, "
	"CONCAT('switched off: ', reason) AS problem FROM webhooks "
	"WHERE status = " SQL(WEBHOOK_OFF) " AND deleted_at IS NULL ORDER BY webhook_id LIMIT ?";

const struct audit_rule audit_open_rules[] = {
	{ "refund due", SQL_REFUND_DUE, true, NULL },
	{ "held payment", SQL_HELD_PAYMENT, true, NULL },
	{ "abnormal refund", SQL_ABNORMAL, true, NULL },
	{ "refund that needs a person", SQL_REFUND_WAITS, true, NULL },
	{ "orphan payment", SQL_ORPHAN, true, NULL },
	{ "webhook switched off", SQL_WEBHOOK_OFF, true, NULL },
	{ NULL, NULL, false, NULL },
};

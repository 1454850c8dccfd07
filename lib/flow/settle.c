/* SPDX-License-Identifier: MIT */
#include "flow/settle.h"

#include "base/log.h"
#include "ext/crypto.h"
#include "ext/db.h"
#include "flow/attempt.h"
#include "flow/payable.h"
#include "flow/refund.h"
#include "shop/people/user.h"

/* How long after its deadline an attempt unknown to the provider counts as closed (BEHAVIOUR 20). */
#define UNKNOWN_GRACE_MS (5 * MINUTE_MS)

enum { TRANSACTION_ID_MAX = 64, OUT_TRADE_NO_MAX = 32 };

struct settling {
	const struct provider *provider;
	const struct provider_trade *t;
	struct payment_event *event; /* the message, stored with its facts */
	struct attempt attempt;      /* as read before the locks */
	bool refund_reported;        /* the provider reports a refund of it */
	money gone;                  /* what was refunded elsewhere before it is granted */
	int64_t paid_ms;
	enum payment_event_verdict verdict;
};

/* The new state of the attempt, the verdict on the message, and what is counted. */
static const struct {
	enum attempt_state state;
	enum payment_event_verdict verdict;
	enum attempt_event event;
} outcomes[] = {
	[GRANTED] = { ATTEMPT_GRANTED, EVENT_GRANTED, EVENT_OF_PAYMENT },
	[GRANTED_LATE] = { ATTEMPT_GRANTED_LATE, EVENT_GRANTED_LATE, EVENT_OF_LATE_PAYMENT },
	[NOT_GRANTED] = { ATTEMPT_REFUND_DUE, EVENT_REFUND_DUE, EVENT_OF_RETURN },
};

static bool text_is(const char *text, const char *expected)
{
	return text != NULL && strcmp(text, expected) == 0;
}

/* A success for a settled attempt: a duplicate, or a second transaction. */
static enum err settle_again(struct ctx *c, struct settling *s, const struct attempt *settled)
{
	if (!text_is(s->t->transaction_id, settled->transaction_id))
		return payment_event_orphan(c, s->event, "SECOND_TRANSACTION", &s->verdict);
	s->verdict = EVENT_REPEAT;
	if (s->refund_reported) /* refunded by us meanwhile: nothing new */
		return OK;
	return payment_event_record(c, s->event, s->verdict, NULL);
}

/* ---- refunds made elsewhere before settlement (BEHAVIOUR 62) ---- */

enum back { BACK_SOME, BACK_ALL, BACK_UNKNOWN };

/*
 * How much of a locked attempt was refunded elsewhere; *rest was not. The provider reports partial
 * and full refunds of a payment alike, without an amount: that comes with each refund's own
 * notification or query.
 */
static enum err sum_elsewhere_tx(
	struct ctx *c, struct settling *s, const struct attempt *a, enum back *back, money *rest)
{
	struct refund_sums sums;

	TRY(refund_sum(c, a->attempt_id, &sums));
	*rest = refund_rest(a->amount, &sums);
	s->gone = sums.done;
	*back = BACK_SOME;
	if ((s->refund_reported || a->held_at.ms != 0) && sums.known == 0)
		*back = BACK_UNKNOWN;
	else if (money_cmp(sums.done, a->amount) == 0)
		*back = BACK_ALL;
	else if (rest->fen == 0) /* it may still fail */
		*back = BACK_UNKNOWN;
	return OK;
}

/* Neither granted nor closed: jobs keep querying, and audit lists it until the amount is known. */
static enum err hold_tx(struct ctx *c, struct settling *s, const struct attempt *a)
{
	if (a->held_at.ms == 0)
		log_line(LOG_ALARM, "settle",
			"%s: something went back elsewhere, how much is not known",
			a->out_trade_no);
	TRY(payment_hold_tx(c, a, c->now_ms + SETTLE_HELD_GAP_MS));
	s->verdict = EVENT_HELD;
	return payment_event_record(c, s->event, s->verdict, "REFUNDED_ELSEWHERE");
}

/* Nothing to grant, and nothing left to refund: the payable stays unpaid, as if there had been no payment. */
static enum err refunded_elsewhere_tx(struct ctx *c, struct settling *s, const struct attempt *a)
{
	static const char why[] = "REFUNDED_ELSEWHERE";

	TRY(payment_settle_tx(c, a, ATTEMPT_REFUNDED, s->t->transaction_id, why, s->paid_ms));
	attempt_count(c, a, EVENT_OF_RETURN);
	s->verdict = EVENT_REFUND_DUE;
	return payment_event_record(c, s->event, s->verdict, why);
}

/* ---- settling ---- */

/* `rest` of a locked attempt was not refunded. */
static enum err grant_tx(
	struct ctx *c, struct settling *s, struct payable *p, struct attempt *a, money rest)
{
	const money gone = money_sub(a->amount, rest);
	struct granting g;

	TRY(payable_grant_tx(c, p,
		&(struct payment){ PAID_BY_PROVIDER, s->provider->method, s->t->transaction_id,
			{ s->paid_ms }, s->gone },
		&g));
	TRY(payment_settle_tx(
		c, a, outcomes[g.grant].state, s->t->transaction_id, g.reason, s->paid_ms));
	if (g.grant == NOT_GRANTED) {
		a->state = ATTEMPT_REFUND_DUE;
		TRY(refund_automatically_tx(c, a, rest, g.reason, 0));
	} else if (money_cmp(g.overpaid, gone) > 0) { /* overpaid (BEHAVIOUR 28) */
		TRY(refund_automatically_tx(c, a, money_sub(g.overpaid, gone), OVERPAID_REASON, 0));
	}
	attempt_count(c, a, outcomes[g.grant].event);
	s->verdict = outcomes[g.grant].verdict;
	return payment_event_record(c, s->event, s->verdict, g.reason);
}

/* Lock in the fixed order (payable, then attempt), check again, settle, and write everything. */
static enum err settle_tx(struct ctx *c, void *arg)
{
	struct settling *s = arg;
	struct payable p = { 0 };
	struct attempt a = { 0 };
	enum back back;
	money rest;

	TRY(payable_lock_tx(
		c, (enum payable_kind)s->attempt.payable_kind, s->attempt.payable_id, &p));
	TRY(payment_lock_tx(c, s->attempt.attempt_id, &a));
	if (payment_is_settled(&a))
		return settle_again(c, s, &a);
	TRY(sum_elsewhere_tx(c, s, &a, &back, &rest));
	switch (back) {
	case BACK_UNKNOWN:
		return hold_tx(c, s, &a);
	case BACK_ALL:
		return refunded_elsewhere_tx(c, s, &a);
	case BACK_SOME:
		break;
	}
	return grant_tx(c, s, &p, &a, rest);
}

/* Why a success can't be ours, before any lock; NULL: it can. */
static const char *mismatch(const struct provider_trade *t, const struct attempt *a)
{
	if (!str_is_id(t->transaction_id, TRANSACTION_ID_MAX))
		return "TRANSACTION_ID";
	if (a == NULL)
		return "UNKNOWN_ORDER";
	if (t->currency == NULL || strcmp(t->currency, "CNY") != 0)
		return "CURRENCY";
	if (t->total_fen != a->amount.fen)
		return "AMOUNT";
	return NULL;
}

/* The payer may differ from the user: accepted, but logged (PAYMENTS.md 2.14). */
static enum err log_other_payer(struct ctx *c, const struct settling *s)
{
	struct user user = { 0 };
	enum err e;

	if (s->t->payer_openid == NULL)
		return OK;
	e = user_get(c, s->attempt.user_id, &user);
	if (e == ERR_NOT_FOUND) /* deleted meanwhile */
		return OK;
	TRY(e);
	if (user.openid != NULL && strcmp(user.openid, s->t->payer_openid) != 0)
		log_line(LOG_WARN, "settle", "%s was paid by another than its buyer",
			s->attempt.out_trade_no);
	return OK;
}

static bool is_granted(const struct attempt *a)
{
	return a->state == ATTEMPT_GRANTED || a->state == ATTEMPT_GRANTED_LATE;
}

/* Process a provider's facts about a transaction, if it is one of ours. */
static enum err settle(struct ctx *c, struct settling *s, enum payment_event_verdict *verdict)
{
	const struct provider_trade *t = s->t;
	const char *why;
	bool found = false;
	enum err e;

	s->event->out_trade_no = t->out_trade_no;
	s->event->transaction_id = t->transaction_id;
	s->event->amount = (opt_i64){ t->total_fen, t->total_fen >= 0 };
	if (t->mismatch != NULL)
		return payment_event_orphan(c, s->event, t->mismatch, verdict);
	if (str_is_id(t->out_trade_no, OUT_TRADE_NO_MAX))
		TRY(attempt_find(c, s->provider, t->out_trade_no, &s->attempt, &found));
	if (t->state != (s->refund_reported ? TRADE_REFUNDED : TRADE_PAID)) {
		/* nothing else ever pays, or takes back (BEHAVIOUR 35, 41) */
		if (t->state == TRADE_CLOSED && found && is_granted(&s->attempt))
			log_line(LOG_ALARM, "settle", "%s was paid, and is reported as closed",
				t->out_trade_no);
		/* there is nothing better than its word, and another can be opened then */
		if (t->state == TRADE_CLOSED && found && s->provider->query == NULL)
			TRY(attempt_close(c, &s->attempt));
		*verdict = EVENT_NOTHING;
		return payment_event_record(c, s->event, EVENT_NOTHING, "TRADE_STATE");
	}
	why = mismatch(t, found ? &s->attempt : NULL);
	if (why != NULL)
		return payment_event_orphan(c, s->event, why, verdict);
	s->paid_ms = t->paid_ms != 0 ? t->paid_ms : c->now_ms;
	TRY(log_other_payer(c, s));
	e = payment_is_settled(&s->attempt) ? settle_again(c, s, &s->attempt)
					    : db_tx(c, settle_tx, s);
	if (e == ERR_DUPLICATE) /* the transaction settled another attempt */
		return payment_event_orphan(c, s->event, "TRANSACTION_TAKEN", verdict);
	*verdict = s->verdict;
	return e;
}

/* ---- notifications ---- */

/* A signed message without id is stored under the hash of its bytes. */
static const char *id_of_bytes(struct ctx *c, struct slice body)
{
	unsigned char sha256[SHA256_LEN];
	char hex[SHA256_HEX_LEN + 1];

	crypto_sha256(body.p, body.len, sha256);
	hex_encode(sha256, SHA256_LEN, hex);
	return arena_printf(&c->arena, "%s", hex);
}

/* Process a verified notification. */
static enum err settle_notice(struct ctx *c, const struct provider *p,
	const struct provider_notice *notice, struct payment_event *event,
	enum payment_event_verdict *verdict)
{
	switch (notice->kind) {
	case NOTICE_TRADE:
		return settle(c,
			&(struct settling){ .provider = p, .t = &notice->trade, .event = event },
			verdict);
	case NOTICE_REFUND:
		return notify_refund(c, p, &notice->refund, event, verdict);
	case NOTICE_UNREADABLE:
	case NOTICE_FORGED:
		break;
	}
	return payment_event_orphan(c, event, notice->why, verdict);
}

enum err settle_notification(struct ctx *c, const struct provider *p, const struct notification *n)
{
	struct provider_notice notice = { 0 };
	enum payment_event_verdict verdict;
	struct payment_event event = { .channel = p->channels[0]->number, .body = n->body };

	if (provider_state(c, p->id) != NULL) /* otherwise nothing can verify it */
		p->read(c, n, &notice);
	if (notice.kind == NOTICE_FORGED)
		return ERR_SIGNATURE;
	event.event_id = notice.event_id != NULL ? notice.event_id : id_of_bytes(c, n->body);
	event.serial = notice.serial;
	TRY(payment_event_find(c, event.channel, event.event_id, &verdict));
	if (payment_event_is_final(verdict))
		return OK;
	TRY(settle_notice(c, p, &notice, &event, &verdict));
	/* a held payment is recorded, and queried by jobs */
	return payment_event_is_final(verdict) || verdict == EVENT_HELD ||
			       (verdict == EVENT_NOTHING && p->notifies_all)
		       ? OK
		       : ERR_NOTIFICATION;
}

/* ---- queries ---- */

/* A response has no id. */
static enum err settle_answer(
	struct ctx *c, const struct provider *p, const struct provider_trade *t)
{
	struct payment_event event = {
		.channel = p->channels[0]->number,
		.event_id = arena_printf(&c->arena, "query %s", t->out_trade_no),
		.body = { "", 0 },
	};
	struct settling s = {
		.provider = p,
		.t = t,
		.event = &event,
		.refund_reported = t->state == TRADE_REFUNDED,
	};
	enum payment_event_verdict verdict;

	return settle(c, &s, &verdict);
}

/* Process a query's result. An attempt unknown to the provider counts as closed some minutes after its deadline. */
static enum outcome ask(struct ctx *c, const struct provider *p, const struct attempt *a,
	struct provider_trade *out)
{
	const enum outcome answer = provider_query(c, p, a->out_trade_no, out);

	if (answer != OUTCOME_NONE)
		return answer;
	*out = (struct provider_trade){
		.state = c->now_ms < a->expires_at.ms + UNKNOWN_GRACE_MS ? TRADE_UNPAID
									 : TRADE_CLOSED,
	};
	return OUTCOME_OK;
}

enum err settle_by_query(struct ctx *c, const struct attempt *a, enum trade_state *state)
{
	const struct provider *p = NULL;
	struct provider_trade t = { 0 };

	*state = TRADE_NONE;
	TRY(attempt_provider(c, a, &p));
	if (ask(c, p, a, &t) != OUTCOME_OK)
		return OK;
	*state = t.state;
	switch (t.state) {
	case TRADE_PAID:
	case TRADE_REFUNDED:
		return settle_answer(c, p, &t);
	case TRADE_CLOSED:
		return attempt_close(c, a);
	case TRADE_UNKNOWN:
		log_line(LOG_ALARM, "settle", "%s reports an unknown state of %s", p->name,
			a->out_trade_no);
		break;
	case TRADE_NONE:
	case TRADE_UNPAID:
	case TRADE_PAYING:
		break;
	}
	return OK;
}

enum err settle_unknown(struct ctx *c, const struct provider *p, const char *out_trade_no)
{
	struct provider_trade t = { 0 };

	if (provider_query(c, p, out_trade_no, &t) != OUTCOME_OK ||
		(t.state != TRADE_PAID && t.state != TRADE_REFUNDED))
		return OK;
	return settle_answer(c, p, &t);
}

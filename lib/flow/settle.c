#include "flow/settle.h"

#include "base/log.h"
#include "ext/db.h"
#include "flow/payable.h"
#include "flow/refund.h"

/* How long after its deadline an attempt that the provider never heard of is closed (BEHAVIOUR 20). */
#define UNKNOWN_GRACE_MS (5 * MINUTE_MS)

enum { TRANSACTION_ID_MAX = 64, EVENT_ID_MAX = 64, OUT_TRADE_NO_MAX = 32 };

#define WECHAT_METHOD "微信支付"

struct settling {
	const struct wx_transaction *t;
	const struct event *event;
	struct attempt attempt; /* as read before the locks */
	int64_t paid_ms;
	enum event_verdict verdict;
};

static enum attempt_state state_of(enum grant grant)
{
	switch (grant) {
	case GRANTED:
		return ATTEMPT_GRANTED;
	case GRANTED_LATE:
		return ATTEMPT_GRANTED_LATE;
	case NOT_GRANTED:
		break;
	}
	return ATTEMPT_REFUND_DUE;
}

static enum event_verdict verdict_of(enum attempt_state state)
{
	switch (state) {
	case ATTEMPT_GRANTED:
		return EVENT_GRANTED;
	case ATTEMPT_GRANTED_LATE:
		return EVENT_GRANTED_LATE;
	case ATTEMPT_REFUND_DUE:
	case ATTEMPT_REFUNDED:
		return EVENT_REFUND_DUE;
	case ATTEMPT_OPEN:
	case ATTEMPT_CLOSED:
		break;
	}
	return EVENT_UNKNOWN;
}

static bool is_settled(const struct attempt *a)
{
	return verdict_of((enum attempt_state)a->state) != EVENT_UNKNOWN;
}

static bool text_is(const char *text, const char *expected)
{
	return text != NULL && strcmp(text, expected) == 0;
}

/* A success for what is settled: the same one again, or one transaction too many. */
static enum err hear_again(struct ctx *c, struct settling *s, const struct attempt *settled)
{
	if (!text_is(s->t->transaction_id, settled->transaction_id))
		return event_orphan(c, s->event, "SECOND_TRANSACTION", &s->verdict);
	s->verdict = EVENT_REPEAT;
	return event_record(c, s->event, s->verdict, NULL);
}

/* Lock in the fixed order (payable, then attempt), look again, grant, and write all at once. */
static enum err settle_tx(struct ctx *c, void *arg)
{
	struct settling *s = arg;
	struct payable p = { 0 };
	struct attempt a = { 0 };
	struct granting g;

	TRY(payable_lock_tx(
		c, (enum payable_kind)s->attempt.payable_kind, s->attempt.payable_id, &p));
	TRY(payment_lock_tx(c, s->attempt.attempt_id, &a));
	if (is_settled(&a))
		return hear_again(c, s, &a);
	TRY(payable_grant_tx(c, &p,
		&(struct order_payment){ WECHAT_METHOD, s->t->transaction_id, s->paid_ms }, &g));
	if (g.grant != NOT_GRANTED)
		g.reason = NULL;
	TRY(payment_settle_tx(
		c, a.attempt_id, state_of(g.grant), s->t->transaction_id, g.reason, s->paid_ms));
	if (g.grant == NOT_GRANTED) {
		a.state = ATTEMPT_REFUND_DUE;
		TRY(refund_automatically_tx(c, &a, a.amount, g.reason, 0));
	} else if (g.back.fen > 0) { /* it costs less than was paid (BEHAVIOUR 28) */
		TRY(refund_automatically_tx(c, &a, g.back, PAID_TOO_MUCH, 0));
	}
	/* another attempt of the same payable may be open: it must not be payable any more */
	TRY(payment_release_tx(c, p.kind, p.id));
	s->verdict = verdict_of(state_of(g.grant));
	return event_record(c, s->event, s->verdict, g.reason);
}

/* Why a success can't be ours, before any lock; NULL: it can. */
static const char *misfit(const struct wx_transaction *t, const struct attempt *a)
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

enum err settle(struct ctx *c, const struct wx_transaction *t, const struct event *event,
	enum event_verdict *verdict)
{
	struct settling s = { .t = t, .event = event, .paid_ms = c->now_ms };
	const char *why;
	bool found = false;
	enum err e;

	if (!text_is(t->mchid, c->conf->wechat_mchid))
		return event_orphan(c, event, "MCHID", verdict);
	if (!text_is(t->appid, c->conf->wechat_appid))
		return event_orphan(c, event, "APPID", verdict);
	if (!text_is(t->trade_state, "SUCCESS")) { /* nothing else ever pays (BEHAVIOUR 35) */
		*verdict = EVENT_NOTHING;
		return event_record(c, event, EVENT_NOTHING, "TRADE_STATE");
	}
	if (str_is_id(t->out_trade_no, OUT_TRADE_NO_MAX))
		TRY(payment_find(c, CHANNEL_WECHAT_JSAPI, t->out_trade_no, &s.attempt, &found));
	why = misfit(t, found ? &s.attempt : NULL);
	if (why != NULL)
		return event_orphan(c, event, why, verdict);
	if (t->success_time != NULL && !clock_parse(t->success_time, &s.paid_ms))
		s.paid_ms = c->now_ms;
	e = is_settled(&s.attempt) ? hear_again(c, &s, &s.attempt) : db_tx(c, settle_tx, &s);
	if (e == ERR_DUPLICATE) /* the transaction settled another attempt */
		return event_orphan(c, event, "TRANSACTION_TAKEN", verdict);
	*verdict = s.verdict;
	return e;
}

/* ---- notifications ---- */

/* Open a verified notification and settle what is in it. */
static enum err settle_event(
	struct ctx *c, const struct wx_event *we, struct event *event, enum event_verdict *verdict)
{
	struct wx_transaction t = { 0 };

	if (wxrefund_is_event(we)) /* told by what is sealed, not by event_type */
		return refund_heard(c, we, event, verdict);
	if (!wxpay_event_transaction(c, c->wx_keys, we, &t))
		return event_orphan(c, event, "UNDECRYPTABLE", verdict);
	event->out_trade_no = t.out_trade_no;
	event->transaction_id = t.transaction_id;
	event->amount = (opt_i64){ t.total_fen, t.total_fen >= 0 };
	return settle(c, &t, event, verdict);
}

/* Signed, but not what a notification is: kept under the hash of its bytes. */
static const char *id_of_bytes(struct ctx *c, struct slice body)
{
	unsigned char sha256[SHA256_LEN];
	char hex[SHA256_HEX_LEN + 1];

	crypto_sha256(body.p, body.len, sha256);
	hex_encode(sha256, SHA256_LEN, hex);
	return arena_printf(&c->arena, "%s", hex);
}

enum err settle_wechat_notification(struct ctx *c, const struct wx_signed *m)
{
	struct event event = {
		.channel = CHANNEL_WECHAT_JSAPI, .serial = m->serial, .body = m->body
	};
	enum wx_verdict signature = wx_check(c, c->wx_keys, m, ctx_now_s(c));
	enum event_verdict verdict;
	struct wx_event we = { 0 };

	if (signature != WX_VALID) {
		log_line(
			LOG_WARN, "settle", "notification refused: %s", wx_verdict_text(signature));
		return ERR_SIGNATURE;
	}
	if (!wxpay_event(c, m->body, &we) || !str_is_id(we.id, EVENT_ID_MAX)) {
		event.event_id = id_of_bytes(c, m->body);
		TRY(event_orphan(c, &event, "MALFORMED", &verdict));
		return ERR_NOTIFICATION;
	}
	event.event_id = we.id;
	TRY(event_find(c, event.channel, event.event_id, &verdict));
	if (event_is_final(verdict))
		return OK;
	TRY(settle_event(c, &we, &event, &verdict));
	return event_is_final(verdict) ? OK : ERR_NOTIFICATION;
}

/* ---- queries ---- */

/* A query's answer as an event of its own: an answer has no id. */
static struct event event_of_answer(struct ctx *c, const struct wx_transaction *t)
{
	return (struct event){
		.channel = CHANNEL_WECHAT_JSAPI,
		.event_id = arena_printf(&c->arena, "query %s", t->out_trade_no),
		.out_trade_no = t->out_trade_no,
		.transaction_id = t->transaction_id,
		.amount = { t->total_fen, t->total_fen >= 0 },
		.body = { "", 0 },
	};
}

static enum err settle_answer(struct ctx *c, const struct wx_transaction *t)
{
	const struct event event = event_of_answer(c, t);
	enum event_verdict verdict;

	return settle(c, t, &event, &verdict);
}

/*
 * Paid and refunded behind our back: it pays nothing here, and somebody must look. What was settled
 * while the answer was on its way is refunded by ourselves.
 */
static enum err refunded_elsewhere(
	struct ctx *c, const struct attempt *a, const struct wx_transaction *t)
{
	const struct event event = event_of_answer(c, t);
	enum event_verdict verdict;
	struct attempt now = { 0 };

	TRY(payment_read(c, a->attempt_id, &now));
	if (is_settled(&now))
		return OK;
	TRY(event_orphan(c, &event, "REFUNDED_ELSEWHERE", &verdict));
	return payment_close(c, a->attempt_id);
}

static bool is_any_of(const char *text, const char *const *list)
{
	for (; *list != NULL; list++)
		if (text_is(text, *list))
			return true;
	return false;
}

enum err settle_by_query(struct ctx *c, const struct attempt *a, const char **trade_state)
{
	static const char *const dead[] = { "CLOSED", "REVOKED", "PAYERROR", NULL };
	static const char *const waiting[] = { "NOTPAY", "USERPAYING", "ACCEPT", NULL };
	struct wx_transaction t = { 0 };

	*trade_state = NULL;
	switch (wxpay_query(c, c->wx_keys, a->out_trade_no, &t)) {
	case WX_OK:
		break;
	case WX_NOT_EXIST:
		*trade_state = "NOTPAY";
		if (c->now_ms < a->expires_at.ms + UNKNOWN_GRACE_MS)
			return OK;
		*trade_state = "CLOSED";
		return payment_close(c, a->attempt_id);
	case WX_ALREADY_PAID:
	case WX_CLOSED:
	case WX_LATER:
	case WX_REFUSED:
	case WX_UNKNOWN:
		return OK;
	}
	*trade_state = t.trade_state;
	if (text_is(t.trade_state, "SUCCESS"))
		return settle_answer(c, &t);
	if (text_is(t.trade_state, "REFUND"))
		return refunded_elsewhere(c, a, &t);
	if (is_any_of(t.trade_state, dead))
		return payment_close(c, a->attempt_id);
	if (!is_any_of(t.trade_state, waiting))
		log_line(LOG_ALARM, "settle", "unknown trade_state of an attempt");
	return OK;
}

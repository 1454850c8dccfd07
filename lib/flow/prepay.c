/* SPDX-License-Identifier: MIT */
#include "flow/prepay.h"

#include "base/log.h"
#include "ext/db.h"
#include "ext/http.h"
#include "flow/attempt.h"
#include "flow/payable.h"
#include "flow/settle.h"
#include "shop/books/idempotency.h"
#include "shop/people/user.h"

const struct field prepay_request_fields[] = {
	INPUT(struct prepay_request, order_id, 1, 64, F_REQUIRED),
	FIELD_END,
};

const struct field request_payment_fields[] = {
	FIELD(struct checkout, timeStamp),
	FIELD(struct checkout, nonceStr),
	FIELD(struct checkout, package),
	FIELD(struct checkout, signType),
	FIELD(struct checkout, paySign),
	FIELD_END,
};

const struct field payment_url_fields[] = {
	{ .name = "payment_url", FIELD_AT(struct checkout, handle) },
	FIELD_END,
};

const struct field payment_status_fields[] = {
	FIELD(struct payment_status, order_id),
	FIELD_WITH(struct payment_status, status, .flags = F_OMIT),
	{ .name = "status", FIELD_AT(struct payment_status, status_name), .flags = F_OMIT },
	FIELD_WITH(struct payment_status, total_amount, .flags = F_TEXT),
	FIELD(struct payment_status, trade_state),
	FIELD_WITH(struct payment_status, transaction_id, .flags = F_NULL),
	FIELD_WITH(struct payment_status, paid_at, .flags = F_NULL),
	FIELD_END,
};

enum { DESCRIPTION_MAX = 127, ROUNDS = 3 };
/* How long another request may take to prepare an attempt that it created. */
enum { PREPARING_MS = 8000, PREPARING_STEP_MS = 200 };

struct preparing {
	const struct channel *channel;
	const struct prepay *asked;
	struct payable payable;
	const char *openid;
	struct attempt attempt;
	bool created; /* by this request */
	bool ordered; /* the provider has answered: its handle is to be stored */
	bool replayed;
};

/* One's own only: ownership is checked before state (BEHAVIOUR 4). */
static enum err find_own(struct ctx *c, const char *no, struct payable *out)
{
	TRY(payable_find(c, no, out));
	return out->user_id == c->actor.user_id ? OK : ERR_FORBIDDEN;
}

/* The shop and what is bought: the provider takes 127 characters. */
static const char *description(struct ctx *c, const struct preparing *x)
{
	const char *subject = x->asked->subject;
	char *text = subject != NULL ? arena_dup(&c->arena, subject, strlen(subject))
				     : arena_printf(&c->arena, "%s %s", c->conf->shop_name,
					       x->payable.title);
	size_t at = 0;

	for (int64_t n = 0; text[at] != '\0'; at++)
		if (((unsigned char)text[at] & 0xc0) != 0x80 && ++n > DESCRIPTION_MAX) {
			text[at] = '\0';
			break;
		}
	return text;
}

static struct purchase purchase_of(
	struct ctx *c, const struct preparing *x, const char *out_trade_no)
{
	return (struct purchase){
		.description = description(c, x),
		.out_trade_no = out_trade_no,
		.order_no = x->payable.no,
		.return_url = x->asked->return_url,
		.payer_openid = x->openid,
		.client_ip = x->asked->client_ip,
		.total = x->payable.amount,
		.expires_ms = x->payable.deadline_ms,
	};
}

/* A held one was paid, and possibly refunded. Its client may want to be told elsewhere by now. */
static enum err use_open_tx(struct ctx *c, struct preparing *x)
{
	struct attempt *a = &x->attempt;
	const char *url = x->asked->notify_url;

	if (a->held_at.ms != 0)
		return fail(c, ERR_ORDER_PAID, NULL);
	if (url == NULL || a->channel != x->channel->number ||
		(a->notify_url != NULL && strcmp(a->notify_url, url) == 0))
		return OK;
	a->notify_url = url;
	return payment_set_notify_url_tx(c, a);
}

/* The open attempt of a payable that can still be paid, by any channel; a new one if there is none. */
static enum err open_attempt_tx(struct ctx *c, void *arg)
{
	struct preparing *x = arg;
	struct attempt *a = &x->attempt;
	struct purchase purchase;
	bool found;

	TRY(payable_lock_tx(c, x->payable.kind, x->payable.id, &x->payable));
	if (x->payable.pay_error != OK)
		return fail(c, x->payable.pay_error, NULL);
	*a = (struct attempt){ 0 };
	x->created = false;
	TRY(payment_current(c, x->payable.kind, x->payable.id, a, &found));
	if (found && a->state == ATTEMPT_OPEN)
		return use_open_tx(c, x);
	*a = (struct attempt){
		.payable_kind = x->payable.kind,
		.payable_id = x->payable.id,
		.payable_no = x->payable.no,
		.user_id = x->payable.user_id,
		.channel = x->channel->number,
		.provider = x->channel->provider->channels[0]->number,
		.out_trade_no = payment_new_out_trade_no(c, x->channel->number_prefix),
		.amount = x->payable.amount,
		.expires_at.ms = x->payable.deadline_ms,
		.notify_url = x->asked->notify_url,
	};
	if (a->amount.fen < 1)
		return invariant_violated(c, "a pending payable has nothing due");
	purchase = purchase_of(c, x, a->out_trade_no);
	a->request = x->channel->request(c, &purchase);
	/* a concurrent cancellation or deletion of its user on another node must see this attempt or conflict */
	TRY(payable_touch_tx(c, &x->payable));
	x->created = true;
	attempt_count(c, a, EVENT_OF_CREATION);
	return payment_create_tx(c, a);
}

/*
 * Store the provider's response, if the payable is still unpaid. If it isn't,
 * the change has already scheduled the closing of the attempt.
 */
static enum err store_tx(struct ctx *c, void *arg)
{
	struct preparing *x = arg;
	int64_t replayed_id;

	TRY(idempotency_begin_tx(c, &replayed_id));
	if (replayed_id != 0) {
		x->replayed = true;
		return payment_read(c, replayed_id, &x->attempt);
	}
	TRY(payable_lock_tx(c, x->payable.kind, x->payable.id, &x->payable));
	if (x->payable.pay_error != OK)
		return fail(c, x->payable.pay_error, NULL);
	if (x->ordered)
		TRY(payment_set_handle_tx(c, &x->attempt));
	return idempotency_end_tx(c, x->attempt.attempt_id, 200);
}

/*
 * A refused request is refused permanently: retry with a new attempt, once the provider
 * confirms that it doesn't know this one (a lost response may have been a success).
 */
static enum err forget_refused(struct ctx *c, const struct provider *p, const struct attempt *a)
{
	struct provider_trade t = { 0 };

	if (provider_query(c, p, a->out_trade_no, &t) == OUTCOME_NONE)
		TRY(attempt_close(c, a));
	return ERR_PROVIDER_REFUSED;
}

/*
 * Close an open attempt, so that another one can be created: no provider may keep a second payable
 * order (BEHAVIOUR 39). The query decides: a payment is settled, and the payable decides the rest.
 * A payment that arrives for a closed one is settled as a late one.
 * Fails: e (the query says nothing about it), PAYMENT_OPEN (the payer is paying, or its provider
 * can't close it), PROVIDER_UNKNOWN.
 */
static enum err abandon(struct ctx *c, struct attempt *a, enum err e)
{
	const struct provider *p = NULL;
	enum trade_state state;
	enum outcome closed;

	TRY(attempt_provider(c, a, &p));
	TRY(settle_by_query(c, a, &state));
	TRY(payment_read(c, a->attempt_id, a));
	if (a->state != ATTEMPT_OPEN)
		return OK;
	if (state == TRADE_PAYING)
		return fail_until(c, ERR_PAYMENT_OPEN, a->expires_at.ms);
	if (state != TRADE_UNPAID)
		return fail(c, e, NULL);
	closed = provider_close(c, p, a->out_trade_no);
	if (closed == OUTCOME_REFUSED)
		return fail_until(c, ERR_PAYMENT_OPEN, a->expires_at.ms);
	if (closed == OUTCOME_NONE)
		return attempt_abandon(c, a);
	if (closed != OUTCOME_OK && closed != OUTCOME_CLOSED)
		return ERR_PROVIDER_UNKNOWN;
	return attempt_close(c, a);
}

/* Prepare it at the provider. *again: this attempt is unusable, create another. */
static enum err order_at_provider(struct ctx *c, struct preparing *x, bool *again)
{
	*again = false;
	switch (x->channel->prepare(c, x->attempt.request, &x->attempt.handle)) {
	case OUTCOME_OK:
		x->attempt.handle_expires_at.ms = c->now_ms + x->channel->handle_ms;
		x->ordered = true;
		return OK;
	case OUTCOME_PAID: /* if the query contradicts that, this number is unusable */
		*again = true;
		return abandon(c, &x->attempt, ERR_ORDER_PAID);
	case OUTCOME_CLOSED:
		*again = true;
		return attempt_close(c, &x->attempt);
	case OUTCOME_LATER:
	case OUTCOME_NONE:
	case OUTCOME_REFUSED:
		return forget_refused(c, x->channel->provider, &x->attempt);
	case OUTCOME_UNKNOWN:
		break;
	}
	TRY(payment_set_unanswered(c, x->attempt.attempt_id));
	return ERR_PROVIDER_UNKNOWN;
}

static enum err fill_checkout(
	struct ctx *c, const struct channel *channel, const struct attempt *a, struct checkout *out)
{
	*out = (struct checkout){ .out_trade_no = a->out_trade_no, .handle = a->handle };
	return channel->fill_checkout != NULL ? channel->fill_checkout(c, out) : OK;
}

/* Is the stored handle still valid, or must the same be prepared again? */
static bool is_ready(const struct ctx *c, const struct attempt *a)
{
	return a->handle != NULL && c->now_ms < a->handle_expires_at.ms;
}

/* Another request is preparing it just now: its handle will do, and a second would invalidate it. */
static enum err await_handle(struct ctx *c, struct attempt *a)
{
	const int64_t until_ms = a->created_at.ms + PREPARING_MS;

	for (int64_t ms = c->now_ms; ms < until_ms; ms += PREPARING_STEP_MS) {
		if (a->state != ATTEMPT_OPEN || a->handle != NULL || a->handle_expires_at.ms != 0)
			break;
		if (!http_pause(c, PREPARING_STEP_MS))
			return ERR_PROVIDER_UNKNOWN;
		TRY(payment_read(c, a->attempt_id, a));
	}
	return OK;
}

/* Is the open attempt one that this client can't pay: another channel's, or another address's? */
static bool is_other(struct ctx *c, const struct preparing *x)
{
	const struct attempt *a = &x->attempt;
	struct purchase purchase;

	if (a->channel != x->channel->number)
		return true;
	if (!x->channel->needs_client_ip)
		return false;
	purchase = purchase_of(c, x, a->out_trade_no);
	return strcmp(a->request, x->channel->request(c, &purchase)) != 0;
}

/* Open an attempt and have its handle; another one, and a closed one, is followed by one more try. */
static enum err have_handle(struct ctx *c, struct preparing *x)
{
	for (int round = 0; round < ROUNDS; round++) {
		bool again = false;

		TRY(db_tx(c, open_attempt_tx, x));
		if (is_other(c, x)) {
			TRY(abandon(c, &x->attempt, ERR_PROVIDER_UNKNOWN));
			continue;
		}
		if (x->channel->one_handle && !x->created)
			TRY(await_handle(c, &x->attempt));
		if (!is_ready(c, &x->attempt))
			TRY(order_at_provider(c, x, &again));
		if (!again)
			return x->ordered || c->idem.key != NULL ? db_tx(c, store_tx, x) : OK;
	}
	return ERR_PROVIDER_REFUSED;
}

/* WeChat's name of the payer, who is the user. */
static enum err find_openid(struct ctx *c, const char **out)
{
	struct user payer = { 0 };

	TRY(user_get(c, c->actor.user_id, &payer));
	*out = payer.openid;
	return *out != NULL ? OK : fail(c, ERR_PAYER_UNKNOWN, NULL);
}

enum err prepay(struct ctx *c, const struct prepay *p, struct checkout *out)
{
	const struct channel *channel = p->channel;
	struct preparing x = { .channel = channel, .asked = p };
	int64_t replayed_id;

	if (provider_state(c, channel->provider->id) == NULL)
		return ERR_PROVIDER_CONFIG;
	if (channel->needs_client_ip && p->client_ip == NULL)
		return invariant_violated(c, "the web server gives no REMOTE_ADDR");
	TRY(idempotency_find(c,
		&replayed_id)); /* a replay gets the first response, whatever the order's state */
	if (replayed_id != 0) {
		TRY(payment_read(c, replayed_id, &x.attempt));
		return fill_checkout(c, channel, &x.attempt, out);
	}
	TRY(find_own(c, p->no, &x.payable));
	if (p->amount != NULL && money_cmp(*p->amount, x.payable.amount) != 0)
		return fail(c, ERR_INVALID, "amount");
	if (x.payable.pay_error != OK)
		return fail(c, x.payable.pay_error, NULL);
	if (channel->needs_openid)
		TRY(find_openid(c, &x.openid));
	TRY(have_handle(c, &x));
	return fill_checkout(c, channel, &x.attempt, out);
}

/* ---- status ---- */

/* The trade_state on the wire, from our own state. */
static const char *known_trade_state(const struct attempt *a)
{
	if (payment_is_followed(a) && a->held_at.ms != 0)
		return "REFUND";
	switch ((enum attempt_state)a->state) {
	case ATTEMPT_GRANTED:
	case ATTEMPT_GRANTED_LATE:
	case ATTEMPT_REFUND_DUE:
		return "SUCCESS";
	case ATTEMPT_REFUNDED:
		return "REFUND";
	case ATTEMPT_CLOSED:
		return "CLOSED";
	case ATTEMPT_OPEN:
		break;
	}
	return "NOTPAY";
}

/* Query an attempt that is neither settled nor closed, and read the result. */
static enum err ask(struct ctx *c, struct payable *p, struct attempt *a)
{
	enum trade_state state;
	bool mine;

	TRY(payment_claim_query(c, a->attempt_id, c->conf->payment_query_gap_s * SECOND_MS, &mine));
	if (!mine)
		return OK;
	TRY(settle_by_query(c, a, &state));
	TRY(payable_read(c, p->kind, p->id, p));
	return payment_read(c, a->attempt_id, a);
}

enum err payment_status(struct ctx *c, const char *no, struct payment_status *out)
{
	struct payable p = { 0 };
	struct attempt a = { 0 }, paid = { 0 };
	bool found, granted;

	TRY(find_own(c, no, &p));
	TRY(payment_current(c, p.kind, p.id, &a, &found));
	if (found && a.state == ATTEMPT_OPEN && a.held_at.ms == 0)
		TRY(ask(c, &p, &a));
	/* the attempt that paid decides, not one that is being closed or was refunded */
	TRY(payment_granted(c, p.kind, p.id, &paid, &granted));
	if (granted)
		a = paid;
	*out = (struct payment_status){
		.order_id = p.no,
		.status = p.status,
		.status_name = p.status_name,
		.total_amount = p.amount,
		.trade_state = granted && p.refunded ? "REFUND"
			       : found               ? known_trade_state(&a)
						     : "NOTPAY",
		.transaction_id = a.transaction_id,
		.paid_at = a.paid_at,
	};
	return OK;
}

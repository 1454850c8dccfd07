/* SPDX-License-Identifier: MIT */
#include "flow/webhook.h"

#include "base/log.h"
#include "ext/crypto.h"
#include "ext/http.h"
#include "shop/books/webhook_delivery.h"
#include "shop/books/webhook_sign.h"

#define ATTEMPT_MS   (10 * SECOND_MS)
#define CONNECT_MS   (3 * SECOND_MS)
#define SLOW_MS      MINUTE_MS /* the pause of one that is too busy and doesn't say for how long */
#define PAUSE_MAX_MS DAY_MS
#define FAILING_MS   (3 * DAY_MS) /* about as long as a delivery is tried */

/* What goes to clients has its turns as a webhook's has. */
static const struct webhook clients = { .webhook_id = DELIVERY_TO_CLIENT,
	.state = WEBHOOK_ENABLED };

/* A webhook's turns in a pass. */
struct turns {
	const struct webhook *webhook;
	int64_t spent_ms;
	bool failing, over;
};

/* What an attempt resulted in. */
struct outcome {
	bool delivered, gone;
	int64_t pause_ms; /* nothing is sent to it for so long; 0: no matter */
};

/* ---- one attempt ---- */

/* Why there was no answer; NULL: it is our fault. */
static const char *no_answer(enum err e)
{
	return e == ERR_PROVIDER_CONFIG    ? "ADDRESS"
	       : e == ERR_PROVIDER_BUSY    ? "CONNECTION"
	       : e == ERR_PROVIDER_UNKNOWN ? "NO_ANSWER"
					   : NULL;
}

static int64_t pause_of(const struct http_answer *answer)
{
	const bool slow = answer->status == 429 || answer->status == 502 || answer->status == 504;
	const int64_t most_s = PAUSE_MAX_MS / SECOND_MS;

	if (answer->retry_after_s > 0 && answer->status >= 300)
		return (answer->retry_after_s < most_s ? answer->retry_after_s : most_s) *
		       SECOND_MS;
	return slow ? SLOW_MS : 0;
}

static bool is_client(const struct webhook *w)
{
	return w->webhook_id == DELIVERY_TO_CLIENT;
}

/* The settings may have changed since the address was taken. */
static bool may_call(const struct ctx *c, const struct webhook *w, const char *url)
{
	return is_client(w)
		       ? c->conf->client_notify_secret != NULL && webhook_may_call_client(c, url)
		       : webhook_may_call(c, url);
}

/* The headers of an attempt to an address that may be called. */
static bool sign(struct ctx *c, const struct webhook *w, const struct delivery *d,
	struct webhook_headers *out)
{
	const bool two = w->old_secret != NULL && w->old_secret_until.ms > c->now_ms;
	const char *const secrets[] = { w->secret, two ? w->old_secret : NULL, NULL };
	const struct slice body = slice_of(d->body);

	if (!is_client(w))
		return webhook_sign(&c->arena, secrets, d->message_id, ctx_now_s(c), body, out);
	client_sign(&c->arena, c->conf->client_notify_secret, body, out);
	return true;
}

static enum err send(
	struct ctx *c, const struct webhook *w, struct delivery *d, struct outcome *out)
{
	const char *url = is_client(w) ? d->url : w->url;
	const bool allowed = may_call(c, w, url);
	struct webhook_headers headers;
	struct http_answer answer = { 0 };
	enum err e = ERR_PROVIDER_CONFIG;

	*out = (struct outcome){ 0 };
	if (allowed && !sign(c, w, d, &headers))
		return invariant_violated(c, "a webhook's secret is none");
	if (allowed)
		e = http_call(c,
			&(struct http_call){ .method = "POST",
				.url = url,
				.body = slice_of(d->body),
				.headers = headers.lines,
				.connect_timeout_ms = CONNECT_MS,
				.timeout_ms = ATTEMPT_MS,
				.stranger = true },
			&answer);
	if (e != OK && no_answer(e) == NULL)
		return e;
	d->answer_status = (opt_i64){ answer.status, e == OK };
	out->delivered = e == OK && answer.status >= 200 && answer.status < 300;
	out->gone = e == OK && answer.status == 410;
	out->pause_ms = e == OK ? pause_of(&answer) : 0;
	d->error = out->delivered ? NULL : e == OK ? "STATUS" : no_answer(e);
	return OK;
}

/* ---- its result ---- */

/* The gap and up to a tenth more, so that those of one webhook come apart. */
static int64_t with_jitter(int64_t ms)
{
	unsigned char random;

	crypto_random(&random, 1);
	return ms + ms * random / 2560;
}

static enum err end_failed(
	struct ctx *c, const struct webhook *w, struct delivery *d, const struct outcome *o)
{
	const int64_t gap_ms = o->gone ? 0 : delivery_gap_ms(d->tries);
	int64_t due_ms = c->now_ms + with_jitter(gap_ms);

	if (due_ms < c->now_ms + o->pause_ms)
		due_ms = c->now_ms + o->pause_ms;
	d->state = gap_ms == 0 ? DELIVERY_FAILED : DELIVERY_PENDING;
	TRY(delivery_end(c, d, due_ms));
	if (!is_client(w))
		TRY(webhook_note_failure(c, w->webhook_id, c->now_ms + o->pause_ms));
	if (d->state == DELIVERY_PENDING)
		return OK;
	log_line(LOG_ERROR, "webhook", "webhook %lld: %s was not delivered: %s, status %lld",
		(long long)w->webhook_id, d->message_id, d->error, (long long)d->answer_status.n);
	if (is_client(w))
		return OK;
	return webhook_switch_off(c, w->webhook_id, o->gone ? "GONE" : "EXHAUSTED",
		o->gone ? c->now_ms : c->now_ms - FAILING_MS);
}

/* Claim, send, record. *sent false: nothing is due. */
static enum err deliver(struct ctx *c, struct turns *t, struct outbox_report *report)
{
	const struct webhook *w = t->webhook;
	struct outcome o;
	struct delivery d;
	bool found;

	TRY(delivery_claim(c, w->webhook_id, &d, &found));
	if (!found) {
		t->over = true;
		return OK;
	}
	report->tried++;
	TRY(send(c, w, &d, &o));
	c->now_ms = clock_now_ms();
	if (!o.delivered) {
		t->over = !is_client(w); /* the next may be another client's */
		return end_failed(c, w, &d, &o);
	}
	report->done++;
	d.state = DELIVERY_DELIVERED;
	TRY(delivery_end(c, &d, 0));
	if (t->failing)
		TRY(webhook_note_success(c, w->webhook_id));
	t->failing = false;
	return OK;
}

/* ---- the pass ---- */

static enum err take_turn(struct ctx *c, struct turns *t, struct outbox_report *report)
{
	const struct arena_mark mark = arena_mark(&c->arena);
	const int64_t start_ms = clock_mono_ms();
	int64_t n;
	enum err e;

	c->now_ms = clock_now_ms();
	if (t->webhook->state != WEBHOOK_ENABLED) {
		t->over = true;
		e = delivery_give_up(c, t->webhook->webhook_id, &n);
	} else {
		e = deliver(c, t, report);
	}
	arena_rewind(&c->arena, mark);
	t->spent_ms += clock_mono_ms() - start_ms;
	t->over = t->over || e != OK || t->spent_ms >= ATTEMPT_MS;
	return e;
}

static bool has_time(const struct ctx *c)
{
	return clock_mono_ms() + ATTEMPT_MS <= c->deadline_ms;
}

enum err webhook_pass(struct ctx *c, struct outbox_report *report)
{
	const struct webhook *webhooks;
	struct list due;
	struct turns *turns;
	enum err trouble = OK;
	bool more = true;

	TRY(webhook_list_due(c, &due));
	webhooks = due.rows;
	turns = arena_array(&c->arena, (size_t)due.n + 1, sizeof(*turns));
	for (int64_t i = 0; i < due.n; i++)
		turns[i] = (struct turns){ .webhook = &webhooks[i],
			.failing = webhooks[i].failing_since.ms != 0 };
	turns[due.n++] = (struct turns){ .webhook = &clients };
	while (more && has_time(c)) {
		more = false;
		for (int64_t i = 0; i < due.n && has_time(c); i++) {
			const enum err e = turns[i].over ? OK : take_turn(c, &turns[i], report);

			trouble = trouble == OK ? e : trouble;
			more = more || !turns[i].over;
		}
	}
	return trouble;
}

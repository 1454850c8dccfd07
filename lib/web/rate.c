/* SPDX-License-Identifier: MIT */
#include "web/rate.h"

#include <stdio.h>

#include "ext/state.h"

#define CLASS(name) (1U << RATE_##name)
#define PAYMENTS    (CLASS(PAYMENT) | CLASS(CREATE))
#define OTHERS      (CLASS(READ) | CLASS(WRITE) | CLASS(LOGIN))
#define AT(m)       offsetof(struct conf, m)

enum whose { OF_USER, OF_ADDRESS, OF_ALL };

/* A limit of one or more classes. Families of keys are stored, so that a new one has a new name. */
struct rule {
	unsigned classes;
	enum whose whose;
	const char *family;
	size_t max_off; /* of the setting; 0: off */
	int64_t window_ms;
	bool of_valid; /* a request with malformed input doesn't use it up */
};

/* Of requests. */
static const struct rule rules[] = {
	{ CLASS(CREATE), OF_USER, "rate-create", AT(payment_create_per_hour), HOUR_MS, true },
	{ PAYMENTS, OF_ADDRESS, "rate-pay", AT(payment_requests_per_minute), MINUTE_MS, false },
	{ OTHERS, OF_USER, "rate-user", AT(user_requests_per_minute), MINUTE_MS, false },
	{ OTHERS, OF_ADDRESS, "rate-address", AT(address_requests_per_minute), MINUTE_MS, false },
	{ PAYMENTS | OTHERS, OF_ALL, "rate-all", AT(requests_per_second), SECOND_MS, false },
};
/* Of failed signatures. */
static const struct rule forgeries = { CLASS(NOTIFY), OF_ADDRESS, "rate-forged",
	AT(forged_per_minute), MINUTE_MS, false };

static int64_t max_of(const struct ctx *c, const struct rule *rule)
{
	return *(const int64_t *)(const void *)((const char *)c->conf + rule->max_off);
}

static bool is_of(const struct rule *rule, const struct req *r)
{
	return rule->classes & 1U << r->route->rate;
}

static bool applies(const struct ctx *c, const struct rule *rule, const struct req *r)
{
	return is_of(rule, r) && max_of(c, rule) > 0 &&
	       (rule->whose != OF_USER || c->actor.user_id > 0);
}

/* Who is counted. */
static struct slice id_of(struct ctx *c, const struct rule *rule, const struct req *r)
{
	const char *id = "";

	if (rule->whose == OF_USER)
		id = arena_printf(&c->arena, "%lld", (long long)c->actor.user_id);
	else if (rule->whose == OF_ADDRESS)
		id = req_client_ip(c, r);
	return (struct slice){ id, id != NULL ? strnlen(id, STATE_ID_MAX) : 0 };
}

static struct state_limit limit_of(struct ctx *c, const struct rule *rule, const struct req *r)
{
	return (struct state_limit){
		.key = { rule->family, id_of(c, rule, r) },
		.max = max_of(c, rule),
		.window_ms = rule->window_ms,
	};
}

static int64_t left(const struct state_limit *l)
{
	return l->count < l->max ? l->max - l->count : 0;
}

static int64_t reset_ms(const struct state_limit *l)
{
	return l->oldest_ms + l->window_ms;
}

/* The limit nearest to refusal; of several that refuse, the last to end. */
static const struct state_limit *nearest(const struct state_limit *limits, size_t n)
{
	const struct state_limit *out = &limits[0];

	for (size_t i = 1; i < n; i++)
		if (left(&limits[i]) < left(out) ||
			(left(&limits[i]) == left(out) && reset_ms(&limits[i]) > reset_ms(out)))
			out = &limits[i];
	return out;
}

/* Answers are about this limit. */
static void tell(struct req *r, const struct state_limit *l)
{
	r->limit =
		(struct rate_limit){ .max = l->max, .remaining = left(l), .reset_ms = reset_ms(l) };
}

/* Count the request, once. valid: its input is. */
static enum err count(struct ctx *c, struct req *r, bool valid)
{
	struct state_limit limits[ARRAY_LEN(rules)];
	size_t n = 0;
	bool admitted;

	r->counted = true;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (applies(c, &rules[i], r) && (valid || !rules[i].of_valid))
			limits[n++] = limit_of(c, &rules[i], r);
	if (n == 0)
		return OK;
	admitted = state_admit(c, limits, n);
	tell(r, nearest(limits, n));
	return admitted ? OK : ERR_RATE_LIMITED;
}

enum err rate_enter(struct ctx *c, struct req *r)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].of_valid && applies(c, &rules[i], r))
			return OK; /* all are counted at once: later */
	return count(c, r, false);
}

enum err rate_valid(struct ctx *c, struct req *r)
{
	return r->counted ? OK : count(c, r, true);
}

/* A notification whose signature failed. */
static enum err count_forgery(struct ctx *c, struct req *r, enum err e)
{
	struct state_limit limit = limit_of(c, &forgeries, r);

	if (limit.max == 0 || state_admit(c, &limit, 1))
		return e;
	tell(r, &limit);
	return ERR_RATE_LIMITED;
}

enum err rate_leave(struct ctx *c, struct req *r, enum err e)
{
	if (!r->counted)
		TRY(count(c, r, false));
	return e == ERR_SIGNATURE && is_of(&forgeries, r) ? count_forgery(c, r, e) : e;
}

static int64_t seconds_up(int64_t ms)
{
	return (ms + SECOND_MS - 1) / SECOND_MS;
}

static void put_number(struct resp *w, const char *name, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	resp_header(w, name, text);
}

void rate_headers(const struct ctx *c, const struct req *r, struct resp *w)
{
	int64_t retry_s = 60; /* a provider's limit */

	if (r->limit.max > 0) {
		put_number(w, "X-RateLimit-Limit", r->limit.max);
		put_number(w, "X-RateLimit-Remaining", r->limit.remaining);
		put_number(w, "X-RateLimit-Reset", seconds_up(r->limit.reset_ms));
		retry_s = seconds_up(r->limit.reset_ms - c->now_ms);
	}
	if (w->status == 429 && c->retry_at_ms <= c->now_ms) /* else dialect.c has said it */
		put_number(w, "Retry-After", retry_s > 0 ? retry_s : 1);
}

bool rate_is_limited(enum rate rate)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].classes & 1U << rate)
			return true;
	return false;
}

bool rate_limits_failures(enum rate rate)
{
	return forgeries.classes & 1U << rate;
}

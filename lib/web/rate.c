/* SPDX-License-Identifier: MIT */
#include "web/rate.h"

#include <stdio.h>

#include "ext/state.h"

/* A limit of one or more classes. Families of keys are stored, so that a new one has a new name. */
struct rule {
	unsigned classes; /* 1 << each */
	const char *family;
	size_t max_off; /* of the setting; 0: off */
	int64_t window_ms;
};

/* Of requests, per user. */
static const struct rule rules[] = {
	{ 1U << RATE_CREATE, "rate-create", offsetof(struct conf, payment_create_per_hour),
		HOUR_MS },
};
/* Of failed signatures, per address. */
static const struct rule forgeries = { 1U << RATE_NOTIFY, "rate-forged",
	offsetof(struct conf, forged_per_minute), MINUTE_MS };

static int64_t max_of(const struct ctx *c, const struct rule *rule)
{
	return *(const int64_t *)(const void *)((const char *)c->conf + rule->max_off);
}

static struct slice user_of(struct ctx *c)
{
	return slice_of(arena_printf(&c->arena, "%lld", (long long)c->actor.user_id));
}

static struct slice address_of(struct ctx *c, const struct req *r)
{
	const char *ip = req_client_ip(c, r);

	return (struct slice){ ip, ip != NULL ? strnlen(ip, STATE_ID_MAX) : 0 };
}

/* The limits of this request, with their keys. */
static size_t collect(
	struct ctx *c, const struct req *r, struct state_limit out[static ARRAY_LEN(rules)])
{
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if ((rules[i].classes & 1U << r->route->rate) && max_of(c, &rules[i]) > 0)
			out[n++] = (struct state_limit){
				.key = { rules[i].family, user_of(c) },
				.max = max_of(c, &rules[i]),
				.window_ms = rules[i].window_ms,
			};
	return n;
}

/* The limit nearest to refusal. */
static const struct state_limit *nearest(const struct state_limit *limits, size_t n)
{
	const struct state_limit *out = &limits[0];

	for (size_t i = 1; i < n; i++)
		if (limits[i].max - limits[i].count < out->max - out->count)
			out = &limits[i];
	return out;
}

/* Answers are about this limit. */
static void tell(struct req *r, const struct state_limit *l)
{
	r->limit = (struct rate_limit){
		.max = l->max,
		.remaining = l->count < l->max ? l->max - l->count : 0,
		.reset_ms = l->oldest_ms + l->window_ms,
	};
}

enum err rate_check(struct ctx *c, struct req *r)
{
	struct state_limit limits[ARRAY_LEN(rules)];
	const size_t n = collect(c, r, limits);
	bool admitted;

	if (n == 0)
		return OK;
	admitted = state_admit(c, limits, n);
	tell(r, nearest(limits, n));
	return admitted ? OK : ERR_RATE_LIMITED;
}

enum err rate_failure(struct ctx *c, struct req *r, enum err e)
{
	struct state_limit limit = {
		.key = { forgeries.family, address_of(c, r) },
		.max = max_of(c, &forgeries),
		.window_ms = forgeries.window_ms,
	};

	if (e != ERR_SIGNATURE || !(forgeries.classes & 1U << r->route->rate) || limit.max == 0 ||
		state_admit(c, &limit, 1))
		return e;
	tell(r, &limit);
	return ERR_RATE_LIMITED;
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
	if (w->status == 429)
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

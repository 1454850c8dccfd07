/* SPDX-License-Identifier: MIT */
#include "web/rate.h"

#include <stdio.h>

#include "base/address.h"
#include "ext/state.h"

#define CLASS(name) (1U << RATE_##name)
#define PAYMENTS    (CLASS(PAYMENT) | CLASS(PREPAY) | CLASS(CREATE))
#define OTHERS      (CLASS(READ) | CLASS(QUERY) | CLASS(WRITE) | CLASS(LOGIN))
#define AT(m)       offsetof(struct conf, m)
/* At least as long as an order waits for its payment (ORDER_PAY_MINUTES). */
#define ORDER_MS (2 * HOUR_MS)
/* Longer than any request takes: then the place of a process that was killed is free again. */
#define FLIGHT_MS MINUTE_MS

enum whose {
	OF_USER,
	OF_ADDRESS,
	OF_ORDER, /* the one that the input names; a user's: nobody uses up another's */
	OF_ALL,
};
enum rule_flag {
	OF_VALID = 1,  /* a request with malformed input doesn't use it up */
	IN_FLIGHT = 2, /* counts only until the request ends */
};

/* A limit of one or more classes. Families of keys are stored, so that a new one has a new name. */
struct rule {
	unsigned classes;
	enum whose whose;
	const char *family;
	size_t setting;         /* in struct conf; 0: off */
	int64_t max, window_ms; /* 0: as the setting says, a window in seconds */
	unsigned flags;
	int64_t free, free_ms; /* of struct state_limit */
};

/* clang-format off */
/* Of requests. */
static const struct rule rules[] = {
	{ CLASS(CREATE), OF_USER, "rate-create", AT(payment_create_per_hour), .window_ms = HOUR_MS, .flags = OF_VALID },
	{ CLASS(PREPAY) | CLASS(CREATE), OF_ORDER, "rate-prepay", AT(prepay_interval_s), .max = 1, .flags = OF_VALID,
		.free = 3, .free_ms = ORDER_MS },
	{ PAYMENTS | CLASS(QUERY), OF_USER, "rate-flight", AT(payments_in_flight), .window_ms = FLIGHT_MS, .flags = IN_FLIGHT },
	{ PAYMENTS, OF_ADDRESS, "rate-pay", AT(payment_requests_per_minute), .window_ms = MINUTE_MS },
	{ OTHERS, OF_USER, "rate-user", AT(user_requests_per_minute), .window_ms = MINUTE_MS },
	{ OTHERS, OF_ADDRESS, "rate-address", AT(address_requests_per_minute), .window_ms = MINUTE_MS },
	{ PAYMENTS | OTHERS, OF_ALL, "rate-all", AT(requests_per_second), .window_ms = SECOND_MS },
};
/* Of failed signatures. */
static const struct rule forgeries = { CLASS(NOTIFY), OF_ADDRESS, "rate-forged", AT(forged_per_minute), .window_ms = MINUTE_MS };
/* clang-format on */

/* ---- which limits a request comes under ---- */

static bool is_of(const struct rule *rule, const struct req *r)
{
	return rule->classes & 1U << r->route->rate;
}

static const struct field *order_field(const struct route *route)
{
	return field_find(route->body.fields, "order_id");
}

static bool has_owner(const struct ctx *c, const struct rule *rule, const struct req *r)
{
	switch (rule->whose) {
	case OF_USER:
		return c->actor.user_id > 0;
	case OF_ORDER:
		return c->actor.user_id > 0 && order_field(r->route) != NULL;
	case OF_ADDRESS:
	case OF_ALL:
		break;
	}
	return true;
}

static bool applies(const struct ctx *c, const struct rule *rule, const struct req *r)
{
	return is_of(rule, r) && conf_number(c->conf, rule->setting) > 0 && has_owner(c, rule, r);
}

/* The network of the client, or "" for an unknown one, which all share. */
static const char *network(struct ctx *c, const struct req *r)
{
	const char *ip = req_client_ip(c, r);

	return ip != NULL ? address_network(ip, arena_alloc(&c->arena, ADDRESS_TEXT_SIZE)) : "";
}

static const char *order_of(struct ctx *c, const struct req *r)
{
	const char *text = (const char *)r->input + order_field(r->route)->off;

	return arena_printf(&c->arena, "%lld %s", (long long)c->actor.user_id,
		*(const char *const *)(const void *)text);
}

/* Who is counted. */
static struct slice id_of(struct ctx *c, const struct rule *rule, const struct req *r)
{
	const char *id = "";

	switch (rule->whose) {
	case OF_USER:
		id = arena_printf(&c->arena, "%lld", (long long)c->actor.user_id);
		break;
	case OF_ADDRESS:
		id = network(c, r);
		break;
	case OF_ORDER:
		id = order_of(c, r);
		break;
	case OF_ALL:
		break;
	}
	return (struct slice){ id, strnlen(id, STATE_ID_MAX) };
}

static struct state_limit limit_of(struct ctx *c, const struct rule *rule, const struct req *r)
{
	const int64_t n = conf_number(c->conf, rule->setting);

	return (struct state_limit){
		.key = { rule->family, id_of(c, rule, r) },
		.max = rule->max > 0 ? rule->max : n,
		.window_ms = rule->window_ms > 0 ? rule->window_ms : n * SECOND_MS,
		.free = rule->free,
		.free_ms = rule->free_ms,
	};
}

/* ---- what is said of them ---- */

static int64_t left(const struct state_limit *l)
{
	const int64_t n = l->max - l->count;

	return n > l->spare ? n : l->spare;
}

/* Its outcome. */
static struct rate_limit outcome(
	const struct ctx *c, const struct rule *rule, const struct state_limit *l)
{
	return (struct rate_limit){
		.max = l->max,
		.remaining = left(l) > 0 ? left(l) : 0,
		.reset_ms = rule->flags & IN_FLIGHT ? c->now_ms + SECOND_MS
						    : l->oldest_ms + l->window_ms,
	};
}

/* The limit nearest to refusal; of several that refuse, the last to end. */
static bool is_nearer(const struct rate_limit *a, const struct rate_limit *b)
{
	return b->max == 0 || a->remaining < b->remaining ||
	       (a->remaining == b->remaining && a->reset_ms > b->reset_ms);
}

/* Is it a limit just now? Not while free ones are left, nor for the answer of a request that was in flight. */
static bool is_told(const struct rule *rule, const struct state_limit *l, bool admitted)
{
	return rule->flags & IN_FLIGHT ? !admitted && left(l) <= 0 : l->spare == 0;
}

/* ---- counting ---- */

/* Which rules count: with OF_VALID, or without what counts until the end. */
static bool counts(const struct rule *rule, bool valid, bool ended)
{
	return (valid || !(rule->flags & OF_VALID)) && !(ended && (rule->flags & IN_FLIGHT));
}

/* Count the request, once. ended: without ever having been valid. */
static enum err count(struct ctx *c, struct req *r, bool ended)
{
	struct state_limit limits[ARRAY_LEN(rules)];
	const struct rule *of[ARRAY_LEN(rules)];
	size_t n = 0;
	bool admitted;

	r->counted = true;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (applies(c, &rules[i], r) && counts(&rules[i], r->input != NULL, ended)) {
			of[n] = &rules[i];
			limits[n++] = limit_of(c, &rules[i], r);
		}
	if (n == 0)
		return OK;
	admitted = state_admit(c, limits, n);
	for (size_t i = 0; i < n; i++) {
		const struct rate_limit now = outcome(c, of[i], &limits[i]);

		if (is_told(of[i], &limits[i], admitted) && is_nearer(&now, &r->limit))
			r->limit = now;
		if (admitted && (of[i]->flags & IN_FLIGHT))
			r->in_flight = limits[i];
	}
	return admitted ? OK : ERR_RATE_LIMITED;
}

enum err rate_enter(struct ctx *c, struct req *r)
{
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if ((rules[i].flags & OF_VALID) && applies(c, &rules[i], r))
			return OK; /* all are counted at once: later */
	return count(c, r, false);
}

enum err rate_valid(struct ctx *c, struct req *r)
{
	return r->counted ? OK : count(c, r, false);
}

/* A notification whose signature failed. */
static enum err count_forgery(struct ctx *c, struct req *r, enum err e)
{
	struct state_limit limit;

	if (conf_number(c->conf, forgeries.setting) == 0)
		return e;
	limit = limit_of(c, &forgeries, r);
	if (state_admit(c, &limit, 1))
		return e;
	r->limit = outcome(c, &forgeries, &limit);
	return ERR_RATE_LIMITED;
}

enum err rate_leave(struct ctx *c, struct req *r, enum err e)
{
	if (!r->counted)
		TRY(count(c, r, true));
	if (r->in_flight.max > 0)
		state_withdraw(c, &r->in_flight, 1);
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

/* SPDX-License-Identifier: MIT */
#include "shop/people/throttle.h"

#include "base/address.h"
#include "base/log.h"
#include "ext/crypto.h"
#include "ext/metrics.h"

#define KNOWN_MS (30 * DAY_MS)

enum { STEPS = 3 };
static const struct step {
	int64_t factor, window_ms;
} steps[STEPS] = { { 1, MINUTE_MS }, { 2, 15 * MINUTE_MS }, { 4, HOUR_MS } };

/* What failures are counted by. Families of keys are stored, so that another step has a new name. */
struct subject {
	const char *families[STEPS];
	size_t key_off; /* of the digest in struct throttle */
	size_t max_off; /* of the setting; 0: off */
};
static const struct subject by_account = {
	{ "sign-in-account-1", "sign-in-account-15", "sign-in-account-60" },
	offsetof(struct throttle, account),
	offsetof(struct conf, account_failures),
};
static const struct subject by_address = {
	{ "sign-in-address-1", "sign-in-address-15", "sign-in-address-60" },
	offsetof(struct throttle, address),
	offsetof(struct conf, address_failures),
};
static const struct subject by_both = {
	{ "sign-in-both-1", "sign-in-both-15", "sign-in-both-60" },
	offsetof(struct throttle, both),
	offsetof(struct conf, account_failures),
};

static struct slice digest(const unsigned char *bytes)
{
	return (struct slice){ (const char *)bytes, THROTTLE_DIGEST };
}

static void digest_address(const char *address, unsigned char out[static THROTTLE_DIGEST])
{
	char text[ADDRESS_TEXT_SIZE];

	address = address_network(address != NULL ? address : "", text);
	crypto_sha256(address, strlen(address), out);
}

/* ---- where an account is known ---- */

/* That it was signed in to there in a period of KNOWN_MS: known until the end of the next one. */
static struct state_counter sighting(struct ctx *c, const struct throttle *t, int64_t ago)
{
	const int64_t period = c->now_ms / KNOWN_MS - ago;
	char *id = arena_alloc(&c->arena, THROTTLE_DIGEST + sizeof(period));

	memcpy(id, t->both, THROTTLE_DIGEST);
	memcpy(id + THROTTLE_DIGEST, &period, sizeof(period));
	return (struct state_counter){
		.key = { "sign-in-seen", { id, THROTTLE_DIGEST + sizeof(period) } },
		.ttl_ms = 2 * KNOWN_MS,
	};
}

static bool is_known(struct ctx *c, const struct throttle *t)
{
	struct state_counter seen[] = { sighting(c, t, 0), sighting(c, t, 1) };

	return state_add(c, seen, ARRAY_LEN(seen)) && (seen[0].count > 0 || seen[1].count > 0);
}

static void make_known(struct ctx *c, const struct throttle *t)
{
	struct state_counter seen = sighting(c, t, 0);

	seen.n = 1;
	if (!state_add(c, &seen, 1))
		log_line(LOG_WARN, "state", "where an account signed in could not be stored");
}

/* ---- tries ---- */

static void limit_by(struct ctx *c, struct throttle *t, const struct subject *by)
{
	const int64_t max = conf_number(c->conf, by->max_off);

	for (size_t i = 0; max > 0 && i < STEPS; i++)
		t->limits[t->n++] = (struct state_limit){
			.key = { by->families[i], digest((const unsigned char *)t + by->key_off) },
			.max = max * steps[i].factor,
			.window_ms = steps[i].window_ms,
			.lasting = true,
		};
}

static void identify(struct throttle *t, const char *account, const char *address)
{
	unsigned char pair[2 * THROTTLE_DIGEST];

	crypto_sha256(account, strlen(account), t->account);
	digest_address(address, t->address);
	memcpy(pair, t->account, THROTTLE_DIGEST);
	memcpy(pair + THROTTLE_DIGEST, t->address, THROTTLE_DIGEST);
	crypto_sha256(pair, sizeof(pair), t->both);
}

/* When none of the full limits refuses any more. */
static int64_t end_of(const struct throttle *t)
{
	int64_t out = 0;

	for (size_t i = 0; i < t->n; i++) {
		const struct state_limit *l = &t->limits[i];

		if (l->count >= l->max && l->oldest_ms + l->window_ms > out)
			out = l->oldest_ms + l->window_ms;
	}
	return out;
}

enum err throttle_begin(struct ctx *c, struct throttle *t, const char *account, const char *address)
{
	t->n = 0;
	identify(t, account, address);
	if (is_known(c, t)) {
		limit_by(c, t, &by_both);
	} else {
		limit_by(c, t, &by_account);
		limit_by(c, t, &by_address);
	}
	if (t->n == 0 || state_admit(c, t->limits, t->n))
		return OK;
	metrics_count(METRIC_PASSWORDS, "refused", NULL, NULL);
	return fail_until(c, ERR_RATE_LIMITED, end_of(t));
}

enum err throttle_end(struct ctx *c, const struct throttle *t, enum err e)
{
	const bool wrong = e == ERR_LOGIN_FAILED || e == ERR_PASSWORD_WRONG;

	if (!wrong && t->n > 0)
		state_withdraw(c, t->limits, t->n);
	if (e == OK)
		make_known(c, t);
	if (wrong || e == OK)
		metrics_count(METRIC_PASSWORDS, wrong ? "wrong" : "right", NULL, NULL);
	return e;
}

/* SPDX-License-Identifier: MIT */
#include "flow/checkup.h"

#include "base/str.h"
#include "ext/http.h"
#include "flow/provider_keys.h"
#include "flow/reconcile.h"
#include "providers/provider.h"

#define CLOCK_MAX_MS (60 * SECOND_MS)
enum {
	KEY_DAYS = 30,  /* a certificate of a provider is renewed by hand */
	SITE_DAYS = 14, /* one of a site by a program, 30 days before its end */
};
static const char NO_KEYS[] = "the settings must be right first";

void check_settings(struct ctx *c, struct checkup *k)
{
	if (c->provider_states != NULL)
		checkup_ok(k, "complete for every program");
	else
		checkup_bad(k, "correct them, each is named on standard error",
			"files of keys are wrong");
}

/* ---- keys ---- */

static void check_certificate(
	struct ctx *c, struct checkup *k, const char *key, const struct provider_certificate *x)
{
	char at[CLOCK_TEXT_MAX];

	clock_iso(x->expires_ms, false, at);
	if (x->expires_ms == 0)
		checkup_skip(k, "%s: when %s expires is unknown: %s", key, x->name, x->advice);
	else if (x->expires_ms <= c->now_ms)
		checkup_bad(k, x->advice, "%s: %s expired at %s", key, x->name, at);
	else if (x->expires_ms - c->now_ms < KEY_DAYS * DAY_MS)
		checkup_bad(k, x->advice, "%s: %s expires at %s", key, x->name, at);
	else
		checkup_ok(k, "%s: %s is valid until %s", key, x->name, at);
}

static void check_keys_of(struct ctx *c, struct checkup *k, const struct provider *p)
{
	const struct provider_certificate *x;
	struct list list = { 0 };

	if (p->usable(c))
		checkup_ok(k, "%s: it signs and verifies", p->key);
	else
		checkup_bad(k,
			"run minimall jobs, which fetches its certificates, and see the log; or set its public key",
			"%s: there is no key that verifies", p->key);
	if (p->certificates == NULL)
		return;
	p->certificates(c, &list);
	x = list.rows;
	for (int64_t i = 0; i < list.n; i++)
		check_certificate(c, k, p->key, &x[i]);
}

void check_keys(struct ctx *c, struct checkup *k)
{
	if (c->provider_states == NULL) {
		checkup_skip(k, NO_KEYS);
		return;
	}
	(void)keys_usable(c); /* loads the stored certificates; what is missing is found below */
	for (size_t i = 0; providers[i] != NULL; i++)
		if (provider_state(c, providers[i]->id) != NULL)
			check_keys_of(c, k, providers[i]);
}

/* ---- clocks ---- */

static void check_clock_of(struct ctx *c, struct checkup *k, const struct provider *p)
{
	int64_t before_ms = clock_now_ms(), theirs_ms, away_ms;

	if (!p->clock(c, &theirs_ms)) {
		checkup_skip(k, "%s does not answer, or this host is offline", p->key);
		return;
	}
	/* its Date is in whole seconds */
	away_ms = theirs_ms + SECOND_MS / 2 - (before_ms + (clock_now_ms() - before_ms) / 2);
	if (away_ms > CLOCK_MAX_MS || away_ms < -CLOCK_MAX_MS)
		checkup_bad(k,
			"synchronise this host's clock by NTP, from 300 s on no signature is valid",
			"%s's is %+lld s from this host's", p->key,
			(long long)(away_ms / SECOND_MS));
	else
		checkup_ok(k, "within %d s of %s's", (int)(CLOCK_MAX_MS / SECOND_MS), p->key);
}

void check_provider_clock(struct ctx *c, struct checkup *k)
{
	if (c->provider_states == NULL) {
		checkup_skip(k, NO_KEYS);
		return;
	}
	for (size_t i = 0; providers[i] != NULL; i++)
		if (provider_state(c, providers[i]->id) != NULL && providers[i]->clock != NULL)
			check_clock_of(c, k, providers[i]);
}

/* ---- bills ---- */

static enum err check_day(
	struct ctx *c, struct checkup *k, const struct provider *p, int64_t starts_ms)
{
	char day[CLOCK_TEXT_MAX];
	int64_t outcome;

	TRY(reconciliation_last(c, p->key, starts_ms, &outcome));
	clock_cst_day(starts_ms, day);
	if (outcome == RECONCILIATION_FINDINGS)
		checkup_bad(k, "see what differs with minimall reconcile, and settle it",
			"%s %s: it differs from the bill", p->key, day);
	else if (outcome == RECONCILIATION_FAILED)
		checkup_bad(k, "run minimall reconcile for that day, and see the log",
			"%s %s: the bill could not be compared", p->key, day);
	return OK;
}

static enum err check_days(struct ctx *c, struct checkup *k, const struct provider *p)
{
	const int64_t today_ms = clock_cst_midnight(c->now_ms);

	for (int64_t i = BILL_DAYS; i >= 1; i--)
		TRY(check_day(c, k, p, today_ms - i * DAY_MS));
	return OK;
}

void check_reconciliation(struct ctx *c, struct checkup *k)
{
	const int64_t before = k->bad;
	enum err e = OK;

	if (c->provider_states == NULL) {
		checkup_skip(k, NO_KEYS);
		return;
	}
	for (size_t i = 0; e == OK && providers[i] != NULL; i++)
		if (reconcile_has_bills(c, providers[i]))
			e = check_days(c, k, providers[i]);
	if (e != OK)
		checkup_failed(k, e);
	else if (k->bad == before)
		checkup_ok(k, "no difference is left of the last %d days", BILL_DAYS);
}

/* ---- the site ---- */

static void judge_site(struct ctx *c, struct checkup *k, const struct http_site *site)
{
	static const char advice[] = "renew it, and see that the web server has loaded it";
	const char *url = c->conf->public_url;
	char at[CLOCK_TEXT_MAX];

	clock_iso(site->expires_ms, false, at);
	if (site->expires_ms != 0 && site->expires_ms <= c->now_ms)
		checkup_bad(k, advice, "the certificate of %s expired at %s", url, at);
	else if (site->expires_ms != 0 && site->expires_ms - c->now_ms < SITE_DAYS * DAY_MS)
		checkup_bad(k, advice, "the certificate of %s expires at %s", url, at);
	else if (site->distrusted != NULL)
		checkup_bad(k,
			"install a certificate for this name, with its whole chain, from a public authority",
			"the certificate of %s is not trusted, %s", url, site->distrusted);
	else
		checkup_ok(k, "the certificate of %s is valid until %s", url, at);
}

void check_site(struct ctx *c, struct checkup *k)
{
	const char *url = c->conf->public_url;
	struct http_site site;

	if (url == NULL || !str_starts(url, "https://"))
		checkup_skip(k, "%s is not https", url != NULL ? url : "PUBLIC_URL");
	else if (http_site(c, url, &site) != OK)
		checkup_skip(k, "%s can't be connected to from here", url);
	else
		judge_site(c, k, &site);
}

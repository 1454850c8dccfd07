/* SPDX-License-Identifier: MIT */
/*
 * state_limit.c - limits: a log of the moments in a window, so that they are exact wherever a window
 * begins (BEHAVIOUR 51), whatever the home; and without one. A limit that is too large for a log is a
 * count in a window that begins at a multiple of its length.
 *
 * Moments are added as requests get here, not in their order. Only what max later ones (or as many as are free) make
 * irrelevant is dropped, and a record outlives its window by the requests' greatest age: so whichever
 * moment of a window is added last, the others are still there.
 */
#include <assert.h>

#include "ext/state_home.h"

enum { OWN_KEYS = 64 };

/* ---- a large limit ---- */

/* What is kept instead of moments. The last can't be one: a setting may change between the two kinds. */
enum { BEGIN, COUNT, MARK, COUNTED_N };
#define COUNTED INT64_C(-1)

static bool is_large(const struct state_limit *limit)
{
	return limit->max > STATE_LIMIT_MAX;
}

/* Move to the window of this moment: a later one if other requests have begun it. */
static bool fits_count(struct state_limit *limit, struct state_times *t, int64_t now_ms)
{
	const int64_t begin = now_ms - now_ms % limit->window_ms;
	const bool kept = t->n == COUNTED_N && t->ms[MARK] == COUNTED && t->ms[BEGIN] >= begin &&
			  t->ms[BEGIN] <= now_ms + STATE_SKEW_MS;

	if (!kept)
		*t = (struct state_times){ COUNTED_N, { begin, 0, COUNTED } };
	limit->count = t->ms[COUNT];
	limit->oldest_ms = t->ms[BEGIN];
	return limit->count < limit->max;
}

/* ---- one limit ---- */

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How many moments the window that ends now has. */
static int64_t count_since(const struct state_times *t, int64_t begin_ms)
{
	size_t i = t->n;

	while (i > 0 && t->ms[i - 1] > begin_ms)
		i--;
	return (int64_t)(t->n - i);
}

static bool fits_log(struct state_limit *limit, struct state_times *t, int64_t now_ms)
{
	if (t->n > 0 && t->ms[t->n - 1] > now_ms + STATE_SKEW_MS)
		t->n = 0;
	limit->spare = larger(limit->free - count_since(t, now_ms - limit->free_ms), 0);
	/* free ones may be more than max: the latest decide when the window has room */
	limit->count = smaller(count_since(t, now_ms - limit->window_ms),
		limit->spare > 0 ? limit->max - 1 : limit->max);
	limit->oldest_ms = limit->count > 0 ? t->ms[t->n - (size_t)limit->count] : now_ms;
	return limit->count < limit->max;
}

/* Sets the limit's outcome. Setting the clock back expires what lies ahead. */
static bool fits(struct state_limit *limit, struct state_times *t, int64_t now_ms)
{
	limit->at_ms = now_ms;
	limit->spare = 0;
	return is_large(limit) ? fits_count(limit, t, now_ms) : fits_log(limit, t, now_ms);
}

static void insert_log(const struct state_limit *limit, struct state_times *t, int64_t now_ms)
{
	const size_t keep = (size_t)larger(limit->max, limit->free);
	const size_t drop = t->n >= keep ? t->n - keep + 1 : 0;
	size_t at;

	t->n -= drop;
	memmove(t->ms, t->ms + drop, t->n * sizeof(t->ms[0]));
	for (at = t->n; at > 0 && t->ms[at - 1] > now_ms; at--)
		t->ms[at] = t->ms[at - 1];
	t->ms[at] = now_ms;
	t->n++;
}

static void insert(const struct state_limit *limit, struct state_times *t, int64_t now_ms)
{
	if (is_large(limit))
		t->ms[COUNT]++;
	else
		insert_log(limit, t, now_ms);
}

static int64_t latest(const struct state_limit *limit, const struct state_times *t)
{
	return t->ms[is_large(limit) ? BEGIN : t->n - 1];
}

static bool take_back(struct state_times *t, int64_t ms)
{
	for (size_t i = t->n; i > 0; i--)
		if (t->ms[i - 1] == ms) {
			memmove(&t->ms[i - 1], &t->ms[i], (t->n - i) * sizeof(t->ms[0]));
			t->n--;
			return true;
		}
	return false;
}

static void read_times(
	const struct state_cell *kept, uint64_t family, int64_t now_ms, struct state_times *times)
{
	const size_t n = kept->value.len / sizeof(times->ms[0]);

	times->n = 0;
	if (state_live(&kept->r, family, now_ms) && n <= STATE_LIMIT_MAX) {
		times->n = n;
		memcpy(times->ms, kept->value.p, n * sizeof(times->ms[0]));
	}
}

static struct slice written(const struct state_times *times)
{
	return (struct slice){ (const char *)times->ms, times->n * sizeof(times->ms[0]) };
}

bool state_admitted(struct state_limit *limit, const struct state_cell *kept, uint64_t family,
	int64_t now_ms, struct state_times *times, struct state_cell *put)
{
	const int64_t kept_ms = larger(limit->window_ms, limit->free_ms) + STATE_SKEW_MS;

	*put = *kept;
	read_times(kept, family, now_ms, times);
	if (!fits(limit, times, now_ms))
		return false;
	insert(limit, times, now_ms);
	put->r = (struct state_record){ .stamp = family,
		.expires_ms = latest(limit, times) + kept_ms,
		.ttl_ms = kept_ms,
		.count = limit->lasting ? STATE_LASTING : 0 };
	put->value = written(times);
	return true;
}

/* The record lives as long as before: what is left of it expires no later. */
bool state_withdrawn(const struct state_limit *limit, const struct state_cell *kept,
	uint64_t family, int64_t now_ms, struct state_times *times, struct state_cell *put)
{
	*put = *kept;
	read_times(kept, family, now_ms, times);
	if (!take_back(times, limit->at_ms))
		return false;
	put->value = written(times);
	return true;
}

/* ---- without a home ---- */

/* This process's own, the latest keys. */
static struct {
	struct state_name name;
	struct state_times times;
	int64_t used;
} own[OWN_KEYS];
static int64_t uses;

static struct state_times *own_times(struct state_key key)
{
	const struct state_name name = state_cell(STATE_LOG, key).name;
	size_t oldest = 0, i;

	for (i = 0; i < OWN_KEYS; i++) {
		if (own[i].name.len == name.len &&
			memcmp(own[i].name.bytes, name.bytes, name.len) == 0)
			break;
		if (own[i].used < own[oldest].used)
			oldest = i;
	}
	if (i == OWN_KEYS) {
		i = oldest;
		own[i].name = name;
		own[i].times.n = 0;
	}
	own[i].used = ++uses;
	return &own[i].times;
}

static bool admit_here(struct ctx *c, struct state_limit *limits, size_t n)
{
	bool admitted = true;

	assert(n <= OWN_KEYS);
	for (size_t i = 0; i < n; i++)
		admitted = fits(&limits[i], own_times(limits[i].key), c->now_ms) && admitted;
	for (size_t i = 0; i < n; i++) {
		limits[i].here = true;
		if (admitted)
			insert(&limits[i], own_times(limits[i].key), c->now_ms);
	}
	return admitted;
}

static void check(const struct state_limit *limit)
{
	assert(limit->key.id.len <= STATE_ID_MAX);
	assert(limit->max >= 1);
	assert(limit->free == 0 || (limit->free <= STATE_LIMIT_MAX && !is_large(limit)));
}

/* The outcome with this moment. */
static void add_this(struct state_limit *limit, int64_t now_ms)
{
	limit->count++;
	if (limit->oldest_ms > now_ms)
		limit->oldest_ms = now_ms;
	if (limit->spare > 0)
		limit->spare--;
}

bool state_admit(struct ctx *c, struct state_limit *limits, size_t n)
{
	bool admitted;

	for (size_t i = 0; i < n; i++) {
		check(&limits[i]);
		limits[i].here = false;
	}
	if (!c->state->home->admit(c, limits, n, &admitted))
		admitted = admit_here(c, limits, n);
	for (size_t i = 0; admitted && i < n; i++)
		add_this(&limits[i], c->now_ms);
	return admitted;
}

void state_withdraw(struct ctx *c, const struct state_limit *limits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert(!is_large(&limits[i]));
	if (n > 0 && !limits[0].here)
		(void)!c->state->home->withdraw(c, limits, n);
	else
		for (size_t i = 0; i < n; i++)
			(void)take_back(own_times(limits[i].key), limits[i].at_ms);
}

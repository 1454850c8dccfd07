/* SPDX-License-Identifier: MIT */
/*
 * state.c - the rules, independent of the home: what is live, when a ticket is valid, and what
 * happens without a home.
 *
 * A mark is a random stamp: a family's is replaced by each clear, a slot's by the first ticket
 * for one of its keys and by each delete of one. A record has its family's stamp and is live
 * while the two are equal. A ticket is the two stamps read with the value or the miss: what was
 * computed since is stored if both are unchanged. A new home has other stamps.
 */
#include "ext/state.h"

#include <assert.h>
#include <time.h>

#include "base/log.h"
#include "ext/crypto.h"
#include "ext/metrics.h"
#include "ext/state_home.h"

enum { SLOTS = 1024, CELLS_OF_KEY = 3 };

/* ---- cells ---- */

static bool fits(struct state_key key)
{
	return key.id.len <= STATE_ID_MAX;
}

/* So that names of similar keys aren't neighbours: neighbours are a random sample (state_lmdb_room.c). */
static uint32_t mixed(uint32_t hash)
{
	hash = (hash ^ hash >> 16) * UINT32_C(0x85ebca6b);
	hash = (hash ^ hash >> 13) * UINT32_C(0xc2b2ae35);
	return hash ^ hash >> 16;
}

struct state_cell state_cell(enum state_kind kind, struct state_key key)
{
	const size_t family_len = strlen(key.family) + 1;
	struct state_cell cell;
	uint32_t hash = UINT32_C(2166136261); /* FNV-1a: distributes records evenly */

	cell.r = (struct state_record){ 0 };
	cell.value = (struct slice){ "", 0 };
	cell.name.bytes[0] = (unsigned char)kind;
	memcpy(cell.name.bytes + STATE_NAME_HEAD, key.family, family_len);
	memcpy(cell.name.bytes + STATE_NAME_HEAD + family_len, key.id.p, key.id.len);
	cell.name.len = STATE_NAME_HEAD + family_len + key.id.len;
	for (size_t i = STATE_NAME_HEAD; i < cell.name.len; i++)
		hash = (hash ^ cell.name.bytes[i]) * UINT32_C(16777619);
	hash = mixed(hash);
	if (kind == STATE_SLOT) {
		hash %= SLOTS;
		cell.name.len = STATE_NAME_HEAD;
	}
	memcpy(cell.name.bytes + 1, &hash, sizeof(hash));
	return cell;
}

static struct state_record record_until(uint64_t stamp, int64_t now_ms, int64_t ttl_ms)
{
	struct state_record r = { .stamp = stamp, .ttl_ms = ttl_ms };

	if (__builtin_add_overflow(now_ms, ttl_ms, &r.expires_ms))
		r.expires_ms = INT64_MAX;
	return r;
}

/* With a new stamp; a slot or family stays closed for that long. */
static struct state_cell mark(
	enum state_kind kind, struct state_key key, int64_t now_ms, int64_t ms)
{
	struct state_cell cell = state_cell(kind, key);
	uint64_t stamp;

	crypto_random(&stamp, sizeof(stamp));
	cell.r = record_until(stamp | 1, now_ms, ms); /* 0 means none */
	return cell;
}

bool state_live(const struct state_record *r, uint64_t family, int64_t now_ms)
{
	return r->stamp == family && r->expires_ms > now_ms &&
	       r->expires_ms - now_ms - STATE_SKEW_MS <= r->ttl_ms;
}

struct state_record state_merged(const struct state_cell *put, const struct state_record *kept,
	uint64_t family, int64_t now_ms)
{
	struct state_record r = put->r;

	switch (put->name.bytes[0]) {
	case STATE_SLOT:
	case STATE_FAMILY:
		if (state_live(kept, kept->stamp, now_ms) && kept->expires_ms > r.expires_ms) {
			r.expires_ms = kept->expires_ms;
			r.ttl_ms = kept->ttl_ms;
		}
		break;
	case STATE_COUNTER:
		r.stamp = family;
		r.count = 0;
		if (state_live(kept, family, now_ms))
			r = *kept;
		if (__builtin_add_overflow(r.count, put->r.count, &r.count))
			r.count = put->r.count > 0 ? INT64_MAX : INT64_MIN;
		break;
	}
	return r;
}

/* ---- the interface ---- */

struct state_key state_key_of(struct ctx *c, const char *family, int64_t number)
{
	return (struct state_key){ family,
		slice_of(arena_printf(&c->arena, "%lld", (long long)number)) };
}

struct state *state_new(const struct conf *conf, const struct state_epoch *epoch)
{
	const struct state_home *home = conf->redis_url != NULL ? &state_redis : &state_lmdb;
	struct state *s = home->open(conf);

	s->home = home;
	s->epoch = epoch;
	return s;
}

void state_free(struct state *s)
{
	s->home->close(s);
}

const char *state_error(struct ctx *c)
{
	return c->state->home->read(c, NULL, 0) ? NULL : c->state->error;
}

bool state_server(struct ctx *c, struct state_server *out)
{
	return c->state->home->ask != NULL && c->state->home->ask(c, out);
}

bool state_is_shared(const struct ctx *c)
{
	return c->state->home->shared;
}

/* No other host could invalidate what this one keeps. */
static bool keeps_no_values(const struct ctx *c)
{
	return c->conf->shared_hosts && !c->state->home->shared;
}

/* The slot's stamp, drawn if it has none, so that a ticket is valid in one home only; 0 while closed. */
static uint64_t slot_stamp(struct ctx *c, struct state_key key, const struct state_cell *slot)
{
	struct state_cell put;

	if (slot->r.expires_ms != 0)
		return state_live(&slot->r, slot->r.stamp, c->now_ms) ? 0 : slot->r.stamp;
	put = mark(STATE_SLOT, key, c->now_ms, 0);
	return c->state->home->write(c, slot, 1, &put, 1) ? put.r.stamp : 0;
}

bool state_get(
	struct ctx *c, struct state_key key, struct state_ticket *ticket, struct slice *value)
{
	struct state_cell at[3];
	bool found;

	*ticket = (struct state_ticket){ .key = key };
	*value = (struct slice){ "", 0 };
	if (keeps_no_values(c) || !fits(key))
		return false;
	at[0] = state_cell(STATE_FAMILY, (struct state_key){ key.family, { "", 0 } });
	at[1] = state_cell(STATE_SLOT, key);
	at[2] = state_cell(STATE_VALUE, key);
	if (!c->state->home->read(c, at, ARRAY_LEN(at)))
		return false;
	found = state_live(&at[2].r, at[0].r.stamp, c->now_ms);
	metrics_count(METRIC_CACHE, key.family, found ? "hit" : "miss", NULL);
	if (found)
		*value = at[2].value;
	if (!state_live(&at[0].r, at[0].r.stamp, c->now_ms)) { /* else it is closed */
		ticket->family = at[0].r.stamp;
		ticket->slot = slot_stamp(c, key, &at[1]);
	}
	return found;
}

void state_set(struct ctx *c, const struct state_ticket *ticket, struct slice value, int64_t ttl_ms)
{
	const struct state_key key = ticket->key;
	struct state_cell want[2], put;

	if (ticket->slot == 0 || value.len > STATE_VALUE_MAX || ttl_ms <= 0)
		return;
	want[0] = state_cell(STATE_FAMILY, (struct state_key){ key.family, { "", 0 } });
	want[0].r.stamp = ticket->family;
	want[1] = state_cell(STATE_SLOT, key);
	want[1].r.stamp = ticket->slot;
	put = state_cell(STATE_VALUE, key);
	put.r = record_until(ticket->family, c->now_ms, ttl_ms);
	put.value = value;
	(void)c->state->home->write(c, want, ARRAY_LEN(want), &put, 1);
}

void state_settle(struct ctx *c)
{
	struct timespec left = { .tv_nsec = STATE_SETTLED_MS * 1000000 };

	if (!c->state->unsettled)
		return;
	c->state->unsettled = false;
	while (nanosleep(&left, &left) != 0)
		; /* interrupted by a signal: sleep the rest */
}

/* What to put for deleting a key, or all of its family, and closing that for a time; returns the number of cells. */
static size_t deletion(
	const struct ctx *c, struct state_key key, int64_t ms, struct state_cell put[CELLS_OF_KEY])
{
	if (key.id.len == 0) {
		put[0] = mark(STATE_FAMILY, key, c->now_ms, ms);
		return 1;
	}
	put[0] = mark(STATE_SLOT, key, c->now_ms, ms);
	put[1] = state_cell(STATE_VALUE, key);
	put[2] = state_cell(STATE_COUNTER, key);
	return CELLS_OF_KEY;
}

enum err state_invalidate(struct ctx *c, const struct state_key *keys, size_t n, int64_t ms)
{
	struct state_cell *put = arena_array(&c->arena, n * CELLS_OF_KEY, sizeof(*put));
	const struct state_home *home = c->state->home;
	size_t put_n = 0;
	enum err e = OK;

	assert(ms <= STATE_HOLD_MAX_MS);
	for (size_t i = 0; i < n; i++)
		if (fits(keys[i]))
			put_n += deletion(c, keys[i], ms, put + put_n);
	if (!home->write(c, NULL, 0, put, put_n) && !keeps_no_values(c))
		e = home->drop(c, put, put_n);
	if (e != OK)
		log_line(LOG_ERROR, "state", "an invalidation can't be made known to others");
	return e;
}

bool state_delete(struct ctx *c, struct state_key key)
{
	return state_hold(c, key, 0) == OK;
}

enum err state_hold(struct ctx *c, struct state_key key, int64_t ms)
{
	return state_invalidate(c, &key, 1, ms);
}

bool state_clear(struct ctx *c, const char *family)
{
	return state_delete(c, (struct state_key){ family, { "", 0 } });
}

bool state_add(struct ctx *c, struct state_counter *counters, size_t n)
{
	struct state_cell *put = arena_array(&c->arena, n, sizeof(*put));

	for (size_t i = 0; i < n; i++) {
		if (!fits(counters[i].key))
			return false;
		put[i] = state_cell(STATE_COUNTER, counters[i].key);
		put[i].r = record_until(0, c->now_ms, counters[i].ttl_ms);
		put[i].r.count = counters[i].n;
	}
	if (!c->state->home->write(c, NULL, 0, put, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		counters[i].count = put[i].r.count;
		counters[i].expires_ms = put[i].r.expires_ms;
	}
	return true;
}

int64_t state_sweep(struct ctx *c)
{
	return c->state->home->sweep(c);
}

/* SPDX-License-Identifier: MIT */
/*
 * state.c - the interface, and room for what is new. A ticket is the transaction that a reader saw:
 * what it computed from there on is stored if neither its key's slot nor its family was marked later.
 */
#include "ext/state.h"

#include <assert.h>

#include "base/log.h"
#include "ext/state_internal.h"

enum {
	VALUES_PERCENT = 70,
	COUNTERS_PERCENT = 85,
	SWEEP_WITH_EACH = 4, /* records looked at for each new one */
	SWEEP_AT_ONCE = 256, /* with the lock held */
	COUNTERS_AT_ONCE = 64,
};

static int64_t expiry(int64_t now_ms, int64_t ttl_ms)
{
	int64_t ms;

	return __builtin_add_overflow(now_ms, ttl_ms, &ms) ? INT64_MAX : ms;
}

/* ---- room ---- */

static int used_percent(const struct state *s, MDB_txn *txn, size_t more_bytes, int *percent)
{
	MDB_stat stat;
	int rc = mdb_stat(txn, s->dbi, &stat);

	if (rc == 0)
		*percent = (int)(((stat.ms_branch_pages + stat.ms_leaf_pages +
					  stat.ms_overflow_pages) *
						 stat.ms_psize +
					 more_bytes) *
				 100 / STATE_MAP_BYTES);
	return rc;
}

struct sweep {
	int64_t now_ms;
	size_t look;     /* at so many records */
	bool values_too; /* live ones */
	int64_t removed;
};

/* Is the record under the cursor one that may go? */
static int may_go(
	const struct state *s, MDB_txn *txn, const struct sweep *w, MDB_val k, MDB_val v, bool *go)
{
	const char *bytes, *family = (const char *)k.mv_data + STATE_PREFIX_BYTES;
	struct state_record r;
	struct state_bytes mark;
	uint64_t cleared;
	int rc;

	if (k.mv_size <= STATE_PREFIX_BYTES || k.mv_size > STATE_KEY_BYTES ||
		memchr(family, '\0', k.mv_size - STATE_PREFIX_BYTES) == NULL ||
		strlen(family) > STATE_FAMILY_MAX || !state_record_open(v, &r, &bytes))
		return MDB_CORRUPTED;
	mark = state_family_key(family);
	rc = state_mark_get(s, txn, &mark, &cleared);
	*go = rc == 0 && ((w->values_too && r.kind == STATE_VALUE) ||
				 !state_record_live(&r, cleared, w->now_ms));
	return rc;
}

/* Look at records from `from` on; it becomes the place to go on. NOTFOUND at the end. */
static int sweep_from(
	const struct state *s, MDB_txn *txn, struct sweep *w, struct state_bytes *from)
{
	MDB_val k = state_bytes_val(from), v;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, s->dbi, &cursor);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	for (size_t i = 0; rc == 0 && i < w->look; i++) {
		bool go = false;

		if (*(const char *)k.mv_data != 'r') {
			rc = MDB_NOTFOUND;
			break;
		}
		rc = may_go(s, txn, w, k, v, &go);
		if (rc == 0 && go) {
			rc = mdb_cursor_del(cursor, 0);
			w->removed += rc == 0;
		}
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	if (rc == 0 && k.mv_size <= STATE_KEY_BYTES) {
		memcpy(from->bytes, k.mv_data, k.mv_size);
		from->len = k.mv_size;
	}
	mdb_cursor_close(cursor);
	return rc;
}

/* The same at a random place. */
static int sweep_anywhere(struct state *s, MDB_txn *txn, struct sweep *w)
{
	struct state_bytes from = { .len = STATE_PREFIX_BYTES };
	uint32_t place;
	int rc;

	s->hand = s->hand * UINT64_C(6364136223846793005) + 1;
	place = (uint32_t)(s->hand >> 32);
	from.bytes[0] = 'r';
	memcpy(from.bytes + 1, &place, sizeof(place));
	rc = sweep_from(s, txn, w, &from);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Room for a new record, up to a limit; MAP_FULL when there is none even so. */
static int make_room(struct state *s, MDB_txn *txn, size_t bytes, int limit, int64_t now_ms)
{
	struct sweep w = { .now_ms = now_ms, .look = SWEEP_WITH_EACH };
	int used = 0, rc = sweep_anywhere(s, txn, &w);

	if (rc == 0)
		rc = used_percent(s, txn, bytes, &used);
	if (rc != 0 || used < VALUES_PERCENT)
		return rc;
	w = (struct sweep){ .now_ms = now_ms, .look = SWEEP_AT_ONCE, .values_too = true };
	rc = sweep_anywhere(s, txn, &w);
	if (rc == 0)
		rc = used_percent(s, txn, bytes, &used);
	return rc == 0 && used >= limit ? MDB_MAP_FULL : rc;
}

/* ---- transactions ---- */

typedef int write_fn(struct state *s, MDB_txn *txn, void *arg);

/* One write transaction in which fn did all that it should, or nothing. */
static int write_once(struct state *s, write_fn *fn, void *arg)
{
	MDB_txn *txn;
	int rc = state_reserve(s) ? mdb_txn_begin(s->env, NULL, 0, &txn) : MDB_MAP_FULL;

	if (rc != 0)
		return rc;
	rc = fn(s, txn, arg);
	if (rc == 0)
		return state_commit(s, txn);
	mdb_txn_abort(txn);
	return rc;
}

static int drop_some(struct state *s, MDB_txn *txn, void *arg)
{
	struct sweep w = { .now_ms = *(int64_t *)arg, .look = SWEEP_AT_ONCE, .values_too = true };

	return sweep_anywhere(s, txn, &w);
}

/* The same with the home entered. Without room, some is made for the next time. */
static bool write_tx(struct ctx *c, write_fn *fn, void *arg)
{
	struct state *s = c->state;
	int rc;

	if (!state_enter(s))
		return false;
	rc = write_once(s, fn, arg);
	if (rc == MDB_MAP_FULL) {
		int again = write_once(s, drop_some, &c->now_ms);

		if (again != 0)
			rc = again;
	}
	state_leave(s, rc);
	return rc == 0;
}

/* ---- the interface ---- */

const char *state_trouble(struct ctx *c)
{
	if (!state_enter(c->state))
		return c->state->trouble;
	state_leave(c->state, 0);
	return NULL;
}

bool state_get(
	struct ctx *c, struct state_key key, struct state_ticket *ticket, struct slice *value)
{
	struct state *s = c->state;
	const char *bytes;
	struct state_record r;
	struct state_bytes k;
	int rc;

	*ticket = (struct state_ticket){ .key = key };
	*value = (struct slice){ "", 0 };
	if (c->conf->shared_hosts || !state_key_fits(key) || !state_enter(s))
		return false;
	k = state_record_key(key);
	rc = mdb_txn_renew(s->reader);
	if (rc == 0) {
		rc = state_record_get(s, s->reader, &k, key.family, c->now_ms, &r, &bytes);
		if (rc == 0 && r.kind != STATE_VALUE)
			rc = MDB_NOTFOUND;
		if (rc == 0)
			*value = (struct slice){ arena_dup(&c->arena, bytes, r.len), r.len };
		ticket->home = s->id;
		ticket->at = mdb_txn_id(s->reader);
		mdb_txn_reset(s->reader);
	}
	state_leave(s, rc);
	return rc == 0;
}

struct set {
	const struct state_ticket *ticket;
	struct slice value;
	int64_t now_ms, ttl_ms;
};

/* Is the key held? 0 or an error. */
static int read_hold(const struct state *s, MDB_txn *txn, const struct state_bytes *k,
	const char *family, int64_t now_ms, bool *held)
{
	struct state_record r;
	const char *bytes;
	int rc = state_record_get(s, txn, k, family, now_ms, &r, &bytes);

	*held = rc == 0 && r.kind == STATE_HOLD;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int set_fn(struct state *s, MDB_txn *txn, void *arg)
{
	const struct set *set = arg;
	const struct state_bytes k = state_record_key(set->ticket->key), slot = state_slot_key(&k),
				 family = state_family_key(set->ticket->key.family);
	struct state_record r = { .kind = STATE_VALUE,
		.len = (uint32_t)set->value.len,
		.ttl_ms = set->ttl_ms,
		.expires_ms = expiry(set->now_ms, set->ttl_ms) };
	uint64_t deleted, cleared = 0;
	bool held = false;
	int rc = state_mark_get(s, txn, &slot, &deleted);

	if (rc == 0)
		rc = state_mark_get(s, txn, &family, &cleared);
	if (rc == 0)
		rc = read_hold(s, txn, &k, set->ticket->key.family, set->now_ms, &held);
	if (rc != 0)
		return rc;
	if (held || s->id != set->ticket->home || deleted > set->ticket->at ||
		cleared > set->ticket->at)
		return MDB_NOTFOUND;
	rc = make_room(s, txn, sizeof(r) + r.len, VALUES_PERCENT, set->now_ms);
	return rc != 0 ? rc : state_record_put(s, txn, &k, &r, set->value.p);
}

void state_set(struct ctx *c, const struct state_ticket *ticket, struct slice value, int64_t ttl_ms)
{
	struct set set = {
		.ticket = ticket, .value = value, .now_ms = c->now_ms, .ttl_ms = ttl_ms
	};

	if (ticket->home != 0 && value.len <= STATE_VALUE_MAX && ttl_ms > 0)
		(void)write_tx(c, set_fn, &set);
}

/* hold_ms 0: only forget. */
struct forget {
	struct state_bytes key;
	const char *family;
	int64_t now_ms, hold_ms;
};

static int forget_fn(struct state *s, MDB_txn *txn, void *arg)
{
	const struct forget *f = arg;
	const struct state_bytes slot = state_slot_key(&f->key);
	struct state_record hold = { .kind = STATE_HOLD,
		.ttl_ms = f->hold_ms,
		.expires_ms = expiry(f->now_ms, f->hold_ms) };
	MDB_val k = state_bytes_val(&f->key);
	bool held = false;
	int rc = read_hold(s, txn, &f->key, f->family, f->now_ms, &held);

	if (rc == 0 && f->hold_ms > 0)
		rc = state_record_put(s, txn, &f->key, &hold, "");
	else if (rc == 0 && !held)
		rc = mdb_del(txn, s->dbi, &k, NULL);
	return rc == 0 || rc == MDB_NOTFOUND ? state_mark_put(s, txn, &slot) : rc;
}

static int clear_fn(struct state *s, MDB_txn *txn, void *arg)
{
	return state_mark_put(s, txn, arg);
}

static bool invalidate(struct ctx *c, write_fn *fn, void *arg)
{
	bool gone;

	/* without room for the first, the second has some */
	if (write_tx(c, fn, arg) || write_tx(c, fn, arg) || c->conf->shared_hosts)
		return true;
	/* what a new home is told holds there too; if it can't be told, it holds nothing */
	gone = state_abandon(c->state);
	if (gone && !write_tx(c, fn, arg))
		log_line(LOG_WARN, "state", "a new home could not be told of a change");
	if (!gone)
		log_line(LOG_ERROR, "state", "an invalidation can't be made known to others");
	return gone;
}

static bool forget(struct ctx *c, struct state_key key, int64_t hold_ms)
{
	struct forget f = { .family = key.family, .now_ms = c->now_ms, .hold_ms = hold_ms };

	if (!state_key_fits(key))
		return true;
	f.key = state_record_key(key);
	return invalidate(c, forget_fn, &f);
}

bool state_delete(struct ctx *c, struct state_key key)
{
	return forget(c, key, 0);
}

bool state_hold(struct ctx *c, struct state_key key, int64_t ms)
{
	return forget(c, key, ms);
}

bool state_clear(struct ctx *c, const char *family)
{
	struct state_bytes k;

	assert(strlen(family) <= STATE_FAMILY_MAX);
	k = state_family_key(family);
	return invalidate(c, clear_fn, &k);
}

struct add {
	struct state_counter *counters;
	size_t n;
	int64_t now_ms;
	bool roomy; /* room was made already */
};

static int add_one(struct state *s, MDB_txn *txn, struct add *add, struct state_counter *x)
{
	const struct state_bytes k = state_record_key(x->key);
	const char *bytes = "";
	struct state_record r;
	int rc = state_record_get(s, txn, &k, x->key.family, add->now_ms, &r, &bytes);

	if (rc == MDB_NOTFOUND || (rc == 0 && r.kind != STATE_COUNTER)) {
		r = (struct state_record){ .kind = STATE_COUNTER,
			.ttl_ms = x->ttl_ms,
			.expires_ms = expiry(add->now_ms, x->ttl_ms) };
		rc = add->roomy || x->n == 0
			     ? 0
			     : make_room(s, txn, add->n * sizeof(r), COUNTERS_PERCENT, add->now_ms);
		add->roomy = add->roomy || x->n != 0;
	}
	if (rc != 0)
		return rc;
	if (__builtin_add_overflow(r.count, x->n, &r.count))
		r.count = x->n > 0 ? INT64_MAX : INT64_MIN;
	x->count = r.count;
	x->expires_ms = r.expires_ms;
	return x->n == 0 ? 0 : state_record_put(s, txn, &k, &r, "");
}

static int add_fn(struct state *s, MDB_txn *txn, void *arg)
{
	struct add *add = arg;
	int rc = 0;

	add->roomy = false;
	for (size_t i = 0; rc == 0 && i < add->n; i++)
		rc = add_one(s, txn, add, &add->counters[i]);
	return rc;
}

bool state_add(struct ctx *c, struct state_counter *counters, size_t n)
{
	struct add add = { .counters = counters, .n = n, .now_ms = c->now_ms };

	assert(n <= COUNTERS_AT_ONCE);
	for (size_t i = 0; i < n; i++)
		if (!state_key_fits(counters[i].key))
			return false;
	return write_tx(c, add_fn, &add);
}

struct pass {
	struct sweep sweep;
	struct state_bytes from;
	bool end;
};

static int pass_fn(struct state *s, MDB_txn *txn, void *arg)
{
	struct pass *pass = arg;
	int rc = sweep_from(s, txn, &pass->sweep, &pass->from);

	pass->end = rc == MDB_NOTFOUND;
	return pass->end ? 0 : rc;
}

int64_t state_sweep(struct ctx *c)
{
	struct pass pass = { .sweep = { .now_ms = c->now_ms, .look = SWEEP_AT_ONCE } };

	pass.from.bytes[0] = 'r';
	pass.from.len = 1;
	while (!pass.end && write_tx(c, pass_fn, &pass))
		;
	return pass.sweep.removed;
}

/* SPDX-License-Identifier: MIT */
/*
 * state_lmdb_room.c - room in the home on one host: what is expired, and for want of room what is evicted.
 *
 * With each new record a few others are looked at, at a random place, and removed if they aren't live. Above
 * VALUES_PERCENT values are evicted, wherever they are: each can be computed again. Above COUNTERS_PERCENT also limits:
 * those that were last added to the longest ago, of a sample. Names begin with a hash, so that the neighbours of a
 * random place are a random sample; that one of the younger half is among the oldest EVICTED_AT_ONCE of it happens once in
 * 10^11 times. Deleting leaves pages that are less full, so that more is evicted than added until there are fewer.
 */
#include <stdlib.h>

#include "ext/state_lmdb_internal.h"

enum {
	VALUES_PERCENT = 70,
	COUNTERS_PERCENT = 85,
	SAMPLE = 64,
	EVICTED_AT_ONCE = 8,
};

int lmdb_family(const struct lmdb *h, MDB_txn *txn, const char *name, struct state_cell *mark)
{
	*mark = state_cell(STATE_FAMILY, (struct state_key){ name + STATE_NAME_HEAD, { "", 0 } });
	return lmdb_get(h, txn, mark);
}

/* The record under a cursor, and is it live? */
static int look_at(const struct lmdb *h, MDB_cursor *cursor, int64_t now_ms, const char *name,
	MDB_val v, struct state_cell *cell, bool *live)
{
	struct state_cell family;
	int rc = lmdb_parse(v, cell);

	if (rc == 0)
		rc = lmdb_family(h, mdb_cursor_txn(cursor), name, &family);
	if (rc == 0)
		*live = state_live(&cell->r, family.r.stamp, now_ms);
	return rc;
}

/* ---- what is expired, and values ---- */

/* Remove the record under the cursor if allowed. */
static int sweep_one(
	struct lmdb *h, MDB_cursor *cursor, struct lmdb_sweep *w, const char *name, MDB_val v)
{
	struct state_cell cell;
	bool live;
	int rc = look_at(h, cursor, w->now_ms, name, v, &cell, &live);

	if (rc != 0)
		return rc;
	if (live && !(w->values_too && *name == STATE_VALUE))
		return 0;
	h->evicted_values += live;
	w->removed++;
	return mdb_cursor_del(cursor, 0);
}

int lmdb_sweep(struct lmdb *h, MDB_txn *txn, void *arg)
{
	struct lmdb_sweep *w = arg;
	MDB_val k = lmdb_name(&w->from), v;
	MDB_cursor *cursor;
	int rc = mdb_cursor_open(txn, h->dbi, &cursor);

	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	for (size_t i = 0; rc == 0 && i < w->look; i++) {
		rc = sweep_one(h, cursor, w, k.mv_data, v);
		if (rc == 0)
			rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	w->end = rc == MDB_NOTFOUND;
	if (rc == 0) {
		w->from.len = k.mv_size;
		memcpy(w->from.bytes, k.mv_data, k.mv_size);
	}
	mdb_cursor_close(cursor);
	return w->end ? 0 : rc;
}

/* A random place among the records of one kind. */
static struct state_name some_place(struct lmdb *h, unsigned char kind)
{
	struct state_name name = { { kind }, STATE_NAME_HEAD };

	h->hand = h->hand * UINT64_C(6364136223846793005) + 1;
	memcpy(name.bytes + 1, (unsigned char *)&h->hand + 4, STATE_NAME_HEAD - 1);
	return name;
}

static int sweep_some(struct lmdb *h, MDB_txn *txn, int64_t now_ms, unsigned char kind)
{
	struct lmdb_sweep w = {
		.now_ms = now_ms, .look = LMDB_SWEEP_WITH_EACH, .from = some_place(h, kind)
	};

	return lmdb_sweep(h, txn, &w);
}

static int evict_values(struct lmdb *h, MDB_txn *txn, int64_t now_ms)
{
	struct lmdb_sweep w = { .now_ms = now_ms,
		.look = LMDB_SWEEP_AT_ONCE,
		.values_too = true,
		.from = some_place(h, STATE_VALUE) };

	return lmdb_sweep(h, txn, &w);
}

/* ---- limits ---- */

struct candidate {
	struct state_name name;
	int64_t latest_ms; /* INT64_MIN: not live */
	bool lasting;
};

static int by_age(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->lasting != y->lasting)
		return x->lasting ? 1 : -1;
	return (x->latest_ms > y->latest_ms) - (x->latest_ms < y->latest_ms);
}

static int add_candidate(const struct lmdb *h, MDB_cursor *cursor, int64_t now_ms, MDB_val k,
	MDB_val v, struct candidate *out)
{
	struct state_cell cell;
	bool live;
	int rc = look_at(h, cursor, now_ms, k.mv_data, v, &cell, &live);

	if (rc != 0)
		return rc;
	out->name.len = k.mv_size;
	memcpy(out->name.bytes, k.mv_data, k.mv_size);
	out->latest_ms = live ? cell.r.expires_ms - cell.r.ttl_ms : INT64_MIN;
	out->lasting = live && cell.r.count == STATE_LASTING;
	return 0;
}

/* Neighbours from a random place on, and from the first one after the last. */
static int take_sample(
	struct lmdb *h, MDB_txn *txn, int64_t now_ms, struct candidate *sample, size_t *n)
{
	struct state_name from = some_place(h, STATE_LOG);
	bool wrapped = false;
	MDB_cursor *cursor;
	MDB_val k, v;
	int rc = mdb_cursor_open(txn, h->dbi, &cursor);

	if (rc != 0)
		return rc;
	k = lmdb_name(&from);
	rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
	for (*n = 0; *n < SAMPLE && (rc == 0 || rc == MDB_NOTFOUND);) {
		if (rc == MDB_NOTFOUND || *(const char *)k.mv_data != STATE_LOG) {
			if (wrapped)
				break;
			wrapped = true;
			from = (struct state_name){ { STATE_LOG }, 1 };
			k = lmdb_name(&from);
			rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
			continue;
		}
		rc = add_candidate(h, cursor, now_ms, k, v, &sample[*n]);
		if (rc != 0)
			break;
		(*n)++;
		rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Some limits for a new record; lasting ones only for such. LMDB_REFUSED: there are none. */
static int evict_limits(struct lmdb *h, MDB_txn *txn, const struct state_cell *cell, int64_t now_ms)
{
	const bool lasting = cell->name.bytes[0] == STATE_LOG && cell->r.count == STATE_LASTING;
	struct candidate sample[SAMPLE];
	size_t n, i;
	int rc = take_sample(h, txn, now_ms, sample, &n);

	if (rc != 0)
		return rc;
	qsort(sample, n, sizeof(sample[0]), by_age);
	for (i = 0; i < n && i < EVICTED_AT_ONCE && (lasting || !sample[i].lasting); i++) {
		const struct state_cell gone = { .name = sample[i].name, .value = { "", 0 } };

		/* the record itself is about to be put */
		if (gone.name.len == cell->name.len &&
			memcmp(gone.name.bytes, cell->name.bytes, gone.name.len) == 0)
			continue;
		rc = lmdb_put(h, txn, &gone.name, &gone.r, gone.value);
		if (rc != 0)
			return rc;
		h->evicted_limits += sample[i].latest_ms != INT64_MIN;
	}
	return i > 0 ? 0 : LMDB_REFUSED;
}

/* ---- for one record ---- */

static int used_percent(
	const struct lmdb *h, MDB_txn *txn, const struct state_cell *cell, size_t *percent)
{
	MDB_stat s;
	int rc = mdb_stat(txn, h->dbi, &s);

	if (rc == 0)
		*percent =
			((s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages) * s.ms_psize +
				sizeof(cell->r) + cell->value.len) *
			100 / MAP_BYTES;
	return rc;
}

int lmdb_make_room(
	struct lmdb *h, MDB_txn *txn, const struct state_cell *cell, bool added, int64_t now_ms)
{
	const unsigned char kind = cell->name.bytes[0];
	size_t percent;
	int rc = added ? sweep_some(h, txn, now_ms, kind) : 0;

	if (rc != 0 || (rc = used_percent(h, txn, cell, &percent)) != 0 || percent < VALUES_PERCENT)
		return rc;
	if ((rc = evict_values(h, txn, now_ms)) != 0 ||
		(rc = used_percent(h, txn, cell, &percent)) != 0 || percent < VALUES_PERCENT)
		return rc;
	if (kind == STATE_VALUE)
		return LMDB_REFUSED;
	return percent < COUNTERS_PERCENT ? 0 : evict_limits(h, txn, cell, now_ms);
}

/* SPDX-License-Identifier: MIT */
/*
 * state_lmdb.c - the home on one host: the content of LMDB's file, which LMDB locks and recovers.
 */
#include <sys/file.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "ext/metrics.h"
#include "ext/state_lmdb_internal.h"

/* ---- reading ---- */

/* rc: LMDB's result. An error deletes the home. */
static bool leave(struct lmdb *h, int rc)
{
	if (rc != 0 && rc != LMDB_REFUSED)
		lmdb_delete(h, mdb_strerror(rc));
	return rc == 0;
}

static bool home_read(struct ctx *c, struct state_cell *cells, size_t n)
{
	struct lmdb *h = (struct lmdb *)c->state;
	int rc;

	if (!lmdb_enter(h))
		return false;
	rc = mdb_txn_renew(h->reader);
	if (rc != 0)
		return leave(h, rc);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = lmdb_get(h, h->reader, &cells[i]);
		if (rc == 0 && cells[i].value.len > 0)
			cells[i].value.p =
				arena_dup(&c->arena, cells[i].value.p, cells[i].value.len);
	}
	mdb_txn_reset(h->reader);
	return leave(h, rc);
}

/* ---- writing ---- */

typedef int write_fn(struct lmdb *h, MDB_txn *txn, void *arg);

static void count_evictions(const struct lmdb *h)
{
	if (h->evicted_values > 0)
		metrics_add(METRIC_EVICTIONS, h->evicted_values, "value", NULL, NULL);
	if (h->evicted_limits > 0)
		metrics_add(METRIC_EVICTIONS, h->evicted_limits, "limit", NULL, NULL);
}

/* One transaction: all of fn, or nothing. */
static int write_once(struct lmdb *h, write_fn *fn, void *arg)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(h->env, NULL, 0, &txn);

	if (rc != 0)
		return rc;
	h->evicted_values = h->evicted_limits = 0;
	rc = fn(h, txn, arg);
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn);
	if (rc == 0)
		count_evictions(h);
	return rc;
}

/* Pages are pinned by a killed reader, or by a live one; or no free run is large enough (PLATFORM.md 6). */
static int write_when_full(struct lmdb *h, write_fn *fn, void *arg, int64_t now_ms)
{
	const int64_t end_ms = clock_mono_ms() + STATE_PATIENCE_MS;
	struct lmdb_sweep w = { now_ms, LMDB_SWEEP_WITH_EACH, true, { { STATE_VALUE }, 1 }, false,
		0 };
	const struct timespec nap = { .tv_nsec = 50000 };
	int rc, dead;

	do {
		rc = mdb_reader_check(h->env, &dead);
		if (rc == 0 && dead == 0) {
			nanosleep(&nap, NULL);
			rc = write_once(h, lmdb_sweep, &w);
		}
		if (rc == 0)
			rc = write_once(h, fn, arg);
	} while (rc == MDB_MAP_FULL && clock_mono_ms() < end_ms);
	return rc;
}

static bool write_tx(struct ctx *c, write_fn *fn, void *arg)
{
	struct lmdb *h = (struct lmdb *)c->state;
	int rc;

	if (!lmdb_enter(h))
		return false;
	if (!state_take(h->data_fd)) {
		lmdb_delete(h, "a process keeps the lock");
		return false;
	}
	rc = write_once(h, fn, arg);
	if (rc == MDB_MAP_FULL)
		rc = write_when_full(h, fn, arg, c->now_ms);
	flock(h->data_fd, LOCK_UN);
	return leave(h, rc);
}

struct work {
	const struct state_cell *want, *put;
	struct state_record *merged;
	size_t n_want, n_put;
	int64_t now_ms;
};

static int put_one(struct lmdb *h, MDB_txn *txn, const struct state_cell *put,
	struct state_record *merged, int64_t now_ms)
{
	const unsigned char kind = put->name.bytes[0];
	struct state_cell kept = { .name = put->name }, family;
	int rc;

	*merged = put->r;
	if (put->r.expires_ms != 0 &&
		(kind == STATE_FAMILY || kind == STATE_SLOT || kind == STATE_COUNTER)) {
		rc = lmdb_get(h, txn, &kept);
		if (rc == 0)
			rc = lmdb_family(h, txn, (const char *)put->name.bytes, &family);
		if (rc != 0)
			return rc;
		*merged = state_merged(put, &kept.r, family.r.stamp, now_ms);
		if (kind == STATE_COUNTER && put->r.count == 0)
			return 0;
	}
	if (put->r.expires_ms != 0 &&
		(kind == STATE_VALUE || (kind == STATE_COUNTER && kept.r.expires_ms == 0))) {
		rc = lmdb_make_room(h, txn, put, true, now_ms);
		if (rc != 0)
			return rc;
	}
	return lmdb_put(h, txn, &put->name, merged, put->value);
}

static int work_fn(struct lmdb *h, MDB_txn *txn, void *arg)
{
	const struct work *work = arg;
	struct state_cell now;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < work->n_want; i++) {
		now.name = work->want[i].name;
		rc = lmdb_get(h, txn, &now);
		if (rc == 0 && now.r.stamp != work->want[i].r.stamp)
			rc = LMDB_REFUSED;
	}
	for (size_t i = 0; rc == 0 && i < work->n_put; i++)
		rc = put_one(h, txn, &work->put[i], &work->merged[i], work->now_ms);
	return rc;
}

static bool home_write(struct ctx *c, const struct state_cell *want, size_t n_want,
	struct state_cell *put, size_t n_put)
{
	struct work work = { want, put, arena_array(&c->arena, n_put, sizeof(*work.merged)), n_want,
		n_put, c->now_ms };

	if (!write_tx(c, work_fn, &work))
		return false;
	for (size_t i = 0; i < n_put; i++)
		put[i].r = work.merged[i];
	return true;
}

struct admission {
	struct state_limit *limits;
	size_t n;
	int64_t now_ms;
	bool refused; /* by a limit */
};

/* What is kept of a limit, and its family's stamp. */
static int log_get(struct lmdb *h, MDB_txn *txn, const struct state_limit *limit,
	struct state_cell *kept, uint64_t *stamp)
{
	struct state_cell family;
	int rc;

	*kept = state_cell(STATE_LOG, limit->key);
	rc = lmdb_get(h, txn, kept);
	if (rc == 0)
		rc = lmdb_family(h, txn, (const char *)kept->name.bytes, &family);
	if (rc == 0)
		*stamp = family.r.stamp;
	return rc;
}

static int admit_one(
	struct lmdb *h, MDB_txn *txn, struct state_limit *limit, int64_t now_ms, bool *admitted)
{
	struct state_cell kept, put;
	struct state_times times;
	uint64_t stamp;
	int rc = log_get(h, txn, limit, &kept, &stamp);

	if (rc != 0)
		return rc;
	*admitted = state_admitted(limit, &kept, stamp, now_ms, &times, &put);
	if (*admitted && put.value.len > kept.value.len)
		rc = lmdb_make_room(h, txn, &put, kept.r.expires_ms == 0, now_ms);
	return rc == 0 && *admitted ? lmdb_put(h, txn, &put.name, &put.r, put.value) : rc;
}

static int admit_fn(struct lmdb *h, MDB_txn *txn, void *arg)
{
	struct admission *all = arg;
	bool admitted;

	all->refused = false;

	for (size_t i = 0; i < all->n; i++) {
		int rc = admit_one(h, txn, &all->limits[i], all->now_ms, &admitted);

		if (rc != 0)
			return rc;
		all->refused = all->refused || !admitted;
	}
	return all->refused ? LMDB_REFUSED : 0;
}

static bool home_admit(struct ctx *c, struct state_limit *limits, size_t n, bool *admitted)
{
	struct admission all = { limits, n, c->now_ms, false };
	const bool written = write_tx(c, admit_fn, &all);

	*admitted = written;
	return written || all.refused;
}

struct withdrawal {
	const struct state_limit *limits;
	size_t n;
	int64_t now_ms;
};

static int withdraw_fn(struct lmdb *h, MDB_txn *txn, void *arg)
{
	const struct withdrawal *all = arg;
	struct state_cell kept, put;
	struct state_times times;
	uint64_t stamp;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < all->n; i++) {
		rc = log_get(h, txn, &all->limits[i], &kept, &stamp);
		if (rc == 0 &&
			state_withdrawn(&all->limits[i], &kept, stamp, all->now_ms, &times, &put))
			rc = lmdb_put(h, txn, &put.name, &put.r, put.value);
	}
	return rc;
}

static bool home_withdraw(struct ctx *c, const struct state_limit *limits, size_t n)
{
	struct withdrawal all = { limits, n, c->now_ms };

	return write_tx(c, withdraw_fn, &all);
}

static int64_t home_sweep(struct ctx *c)
{
	struct lmdb_sweep w = {
		.now_ms = c->now_ms, .look = LMDB_SWEEP_AT_ONCE, .from = { { STATE_COUNTER }, 1 }
	};

	while (!w.end && write_tx(c, lmdb_sweep, &w))
		;
	return w.removed;
}

static enum err home_drop(struct ctx *c, struct state_cell *put, size_t n)
{
	const bool gone = lmdb_drop(c);

	if (gone && !home_write(c, NULL, 0, put, n))
		log_line(LOG_WARN, "state", "a new home could not be told of a change");
	return gone ? OK : ERR_BUSY;
}

const struct state_home state_lmdb = {
	.open = lmdb_new,
	.close = lmdb_free,
	.read = home_read,
	.write = home_write,
	.admit = home_admit,
	.withdraw = home_withdraw,
	.sweep = home_sweep,
	.drop = home_drop,
};

/* SPDX-License-Identifier: MIT */
/*
 * state_lmdb_internal.h - shared by the home (state_lmdb.c), LMDB's file (state_lmdb_file.c), its cells
 * (state_lmdb_cell.c) and their room (state_lmdb_room.c).
 */
#ifndef EXT_STATE_LMDB_INTERNAL_H
#define EXT_STATE_LMDB_INTERNAL_H

#include <lmdb.h>
#include <sys/stat.h>

#include "ext/state_home.h"

enum { MAP_BYTES = 16 << 20 };

struct lmdb {
	struct state base;
	char dir[STATE_DIR_MAX], data[STATE_DIR_MAX + 8];

	/* while open */
	MDB_env *env;
	MDB_txn *reader; /* reset between uses */
	MDB_dbi dbi;
	pid_t pid;
	int dir_fd, data_fd, lock_fd; /* data_fd is LMDB's */
	struct stat data_at, lock_at;

	int64_t retry_ms, thrown_ms;             /* clock_mono_ms() */
	uint64_t hand;                           /* where sweeping starts next */
	uint64_t evicted_values, evicted_limits; /* by this transaction */
};

/* Of struct state_home, but for the home itself. */
struct state *lmdb_new(const struct conf *conf) MUST;
void lmdb_free(struct state *s);
/* Delete everything. */
bool lmdb_drop(struct ctx *c) MUST;

/* Open if necessary, and check that this is still the current home. False: there is none. */
bool lmdb_enter(struct lmdb *h) MUST;
/* Delete this home, unless another process has done so. */
void lmdb_delete(struct lmdb *h, const char *why);

/* A name for LMDB, and the record and value that it has; MDB_CORRUPTED: they aren't one's. */
MDB_val lmdb_name(const struct state_name *name);
int lmdb_parse(MDB_val v, struct state_cell *cell);
/* Fill in a cell; the value is in LMDB's map. 0 or LMDB's error, here and below. */
int lmdb_get(const struct lmdb *h, MDB_txn *txn, struct state_cell *cell);
/* A record without an expiry is removed. */
int lmdb_put(const struct lmdb *h, MDB_txn *txn, const struct state_name *name,
	const struct state_record *r, struct slice value);
/* The family's mark, by the name of a record. */
int lmdb_family(const struct lmdb *h, MDB_txn *txn, const char *name, struct state_cell *mark);

enum {
	LMDB_REFUSED = -1,        /* in addition to LMDB's codes: no error, nothing was done */
	LMDB_SWEEP_WITH_EACH = 4, /* records looked at for each new one */
	LMDB_SWEEP_AT_ONCE = 256, /* with the lock held */
};

/* Remove records that aren't live, in one transaction. */
struct lmdb_sweep {
	int64_t now_ms;
	size_t look;            /* the number of records to look at */
	bool values_too;        /* including live values */
	struct state_name from; /* updated to where to continue; `end`: done */
	bool end;
	int64_t removed;
};
int lmdb_sweep(struct lmdb *h, MDB_txn *txn, void *sweep);
/* Room for a record that is added or grows, or LMDB_REFUSED. */
int lmdb_make_room(
	struct lmdb *h, MDB_txn *txn, const struct state_cell *cell, bool added, int64_t now_ms);

#endif

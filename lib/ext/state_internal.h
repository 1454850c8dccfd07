/* SPDX-License-Identifier: MIT */
/*
 * state_internal.h - between the files of ext/state: the interface and its rules (state.c), what a
 * home holds (state_record.c), where it is and how processes agree about it (state_home.c), and
 * whether a file can be trusted (state_check.c).
 *
 * Functions that answer int answer 0 or LMDB's error.
 */
#ifndef EXT_STATE_INTERNAL_H
#define EXT_STATE_INTERNAL_H

#include <lmdb.h>
#include <sys/stat.h>

#include "ext/state.h"

#define STATE_MAP_BYTES ((size_t)16 << 20)

struct state_lock; /* the page that processes lock each other out with */

struct state {
	char dir[256], data[256 + 8];
	const char *trouble; /* NULL: none is known */

	/* while open */
	MDB_env *env;
	MDB_txn *reader; /* reset between uses */
	MDB_dbi dbi;
	struct state_lock *lock;
	int lock_fd;
	struct stat at; /* of the data file; renewed with each use */
	uint64_t id;    /* drawn when the home was made */
	unsigned forks;

	int64_t retry_ms, thrown_ms; /* clock_mono_ms() */
	uint64_t hand;               /* state.c: where sweeping looks next */
};

/*
 * Open if need be, lock all others out, and make sure that this is still everybody's home.
 * False: there is none; nothing is locked.
 */
bool state_enter(struct state *s) MUST;
/* Let others in. rc: what LMDB answered; a sign of damage throws the home away. */
void state_leave(struct state *s, int rc);
/* Within: reserve the memory that a write transaction may need. False: there is none. */
bool state_reserve(struct state *s) MUST;
/* What a file must hold from now on to be believed. */
int state_commit(struct state *s, MDB_txn *txn) MUST;
/* Throw the home away, whoever uses it. False: it can't be reached. */
bool state_abandon(struct state *s) MUST;
void state_close(struct state *s);

/* Are all pages such that LMDB can walk and change them safely? *txn: the last transaction. */
bool state_file_sound(const unsigned char *file, size_t size, uint64_t *txn) MUST;

/* ---- state_record.c; all within a transaction ---- */

/* A key of LMDB's: its kind; of a record or slot also a hash, its family, NUL, its id. */
enum {
	STATE_PREFIX_BYTES = 1 + sizeof(uint32_t),
	STATE_KEY_BYTES = STATE_PREFIX_BYTES + STATE_FAMILY_MAX + 1 + STATE_ID_MAX,
};

struct state_bytes {
	unsigned char bytes[STATE_KEY_BYTES];
	size_t len;
};

enum { STATE_VALUE = 1, STATE_COUNTER, STATE_HOLD };

/* The value's bytes follow. */
struct state_record {
	uint64_t sum;     /* of the home's id, the key, what follows here, and the value */
	uint64_t written; /* the transaction */
	int64_t expires_ms, ttl_ms;
	int64_t count;
	uint32_t kind, len;
};

/* A checksum over more bytes; not against an attacker. */
uint64_t state_sum(uint64_t sum, const void *bytes, size_t n);

MDB_val state_bytes_val(const struct state_bytes *k);
bool state_key_fits(struct state_key key);
struct state_bytes state_record_key(struct state_key key);
struct state_bytes state_family_key(const char *family);
/* Keys share slots. */
struct state_bytes state_slot_key(const struct state_bytes *record);

/* The transaction of a mark, 0 when there is none; mark with this one. */
int state_mark_get(
	const struct state *s, MDB_txn *txn, const struct state_bytes *key, uint64_t *at);
int state_mark_put(const struct state *s, MDB_txn *txn, const struct state_bytes *key);

/* The parts of a stored record; false when it is none. */
bool state_record_open(MDB_val v, struct state_record *r, const char **bytes);
bool state_record_live(const struct state_record *r, uint64_t cleared, int64_t now_ms);
/* A live record whose checksum is right; NOTFOUND. The bytes are LMDB's. */
int state_record_get(const struct state *s, MDB_txn *txn, const struct state_bytes *key,
	const char *family, int64_t now_ms, struct state_record *r, const char **bytes);
int state_record_put(const struct state *s, MDB_txn *txn, const struct state_bytes *key,
	struct state_record *r, const void *bytes);

/* Does the content fit s->id? Before anything else is read. */
bool state_content_sound(const struct state *s, MDB_txn *txn) MUST;
/* Make a new home one of s->id. */
int state_content_begin(const struct state *s, MDB_txn *txn) MUST;

/* Where this shop's home is, into s->dir. */
void state_choose_dir(struct state *s, const struct conf *conf);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * state.h - volatile state shared by all processes of a shop's executables: cached values, counters that expire, and
 * limits (DESIGN.md 5). Never money. One policy, two homes, chosen at start: a file on this host, or with REDIS_URL a server.
 *
 * LMDB's file in STATE_DIR, opened at the first use, and again after a fork. LMDB locks and
 * recovers it: kill -9 at any instruction loses nothing that was acknowledged (PLATFORM.md 6). A
 * file of another size or version, an LMDB error, or a lock that isn't released within a second
 * costs the content and no more: the process that finds it deletes the file, and every other
 * process notices at its next use. Not covered: a file that is written into, or truncated in
 * the microseconds of its use. That may end a process.
 * Bounds: 16 MiB, allocated on creation. Expired records are removed gradually as others are
 * added, or by state_sweep. Above 70 %, values are evicted, in no order. Above 85 %, limits are: those that were last added to
 * the longest ago (of a random sample), lasting ones only for lasting ones. Counters stay until they expire, and where no
 * limits are left to evict a new one is refused, as is a limit for which there is none: then each process counts by itself.
 *
 * A Redis server: one round trip an operation, within REDIS_TIMEOUT_MS; after a failure a process doesn't ask it again for
 * a second. Its bounds and evictions are its own settings; whatever it loses, results stay right (state_redis.c).
 *
 * No home (no memory, no permission, no server): every get is a miss, a set does nothing, add returns
 * false, admit counts per process. LMDB is retried every 3 s. The directory must be owned by this user, mode 0700: all
 * programs of a shop run as one user.
 *
 * Invalidation (BEHAVIOUR 50): once delete or clear returned true, no process answers what was set
 * before, and nothing that was computed for an earlier ticket is stored any more. What can't be
 * written is done by deleting the whole file. False: there may be a home that other processes
 * use and this one can't reach; a caller that depends on the invalidation must fail.
 *
 * A change in the database is made known to others after its commit, since until then a reader could still
 * store what it had read before: by state_note_tx, or where the process may not die in between, by state_hold.
 *
 * In Redis, what can't be written may reach it later or never, while others still read there. So there is a number in the
 * database, the epoch (struct state_epoch): a value is valid in the epoch in which it was computed, and a process answers
 * one only if it has read that this is the current one within the last 20 ms. An invalidation that fails begins the next:
 * in a transaction as part of it, so that what others compute before its commit belongs to the epoch that ends with it.
 * 20 ms after that commit nobody answers an older value; state_settle waits for it. This needs no clock but each
 * process's own, and no process that is reachable. A counter that can't be deleted stays. Between two servers that both live, as
 * after a failover that left the old one running, nothing is guaranteed: a shop has one.
 *
 * SHARED_HOSTS=on without Redis: no value is kept, since no other host could invalidate it: every get is a
 * miss, and an invalidation holds. Counters and limits are per host.
 *
 * Units: ms. Expiry is by c->now_ms; setting the clock back expires records from the future. In Redis by the server's clock:
 * what comes out is converted to c->now_ms, but at_ms.
 */
#ifndef EXT_STATE_H
#define EXT_STATE_H

#include <sys/types.h>

#include "base/ctx.h"
#include "base/str.h"

#define STATE_VALUE_MAX ((size_t)64 << 10)
enum { STATE_FAMILY_MAX = 31, STATE_ID_MAX = 200 };      /* bytes */
enum { STATE_CONFIRMED_MS = 20, STATE_SETTLED_MS = 25 }; /* of the epoch; the second is longer */

/*
 * A number in the database that begins anew what is cached in Redis (below). Both may fail as any statement, and in a
 * transaction are part of it; `read` sees what was committed before it, on any node.
 */
struct state_epoch {
	enum err (*read)(struct ctx *c, int64_t *out);
	enum err (*raise)(struct ctx *c);
};

/* Opens nothing yet. Never NULL. epoch: NULL where nothing is cached or invalidated in Redis. */
struct state *state_new(const struct conf *conf, const struct state_epoch *epoch) MUST;
void state_free(struct state *s);
/* The owner of this shop's home: the user and group of its programs. False: none yet, or several. */
bool state_owner(const struct conf *conf, uid_t *uid, gid_t *gid) MUST;
/* Why there is no home at present, as text; NULL if there is one. */
const char *state_error(struct ctx *c) MUST;

/* Where the home is, or would be. */
struct state_place {
	const char *dir;                /* in c->arena */
	bool memory;                    /* on a file system in memory */
	int64_t free_bytes, used_bytes; /* of that file system, by this home; 0 where unknown */
};
void state_place(struct ctx *c, struct state_place *out);
/* Is the home the same for all hosts? */
bool state_is_shared(const struct ctx *c);

/* Of Redis: what it says of itself. Texts in c->arena. */
struct state_server {
	const char *name;                                      /* without secrets */
	bool open, plain;                                      /* to anyone; to others on the way */
	bool keeps_values;                                     /* INFO is allowed */
	const char *version, *policy;                          /* NULL: unknown */
	int64_t round_trip_us, max_bytes, used_bytes, evicted; /* max_bytes 0: no limit */
};
/* False: there is none, or it can't be asked (state_error). */
bool state_server(struct ctx *c, struct state_server *out) MUST;

/* Beyond the maximum it is neither found nor stored. Borrowed. */
struct state_key {
	const char *family; /* keys cleared together; a literal */
	struct slice id;
};

/* The key of what has a number, such as a row's. The id is in c->arena. */
struct state_key state_key_of(struct ctx *c, const char *family, int64_t number);

/* Taken before a value is computed; without it none is stored. Borrows the key. */
struct state_ticket {
	struct state_key key;
	uint64_t family, slot; /* their stamps at that time (state.c); slot 0: not valid */
};

/*
 * The value into c->arena (also NUL-terminated), or a miss; with a ticket for state_set, also to replace the value by
 * one that was derived from it. With Redis in a transaction: a miss without a ticket.
 */
bool state_get(
	struct ctx *c, struct state_key key, struct state_ticket *ticket, struct slice *value) MUST;
/* Store what was computed after the ticket, unless it was invalidated since. */
void state_set(
	struct ctx *c, const struct state_ticket *ticket, struct slice value, int64_t ttl_ms);

/* Remove a key's value or counter; a whole family's in one step. True: guaranteed (see above). */
bool state_delete(struct ctx *c, struct state_key key) MUST;
bool state_clear(struct ctx *c, const char *family) MUST;
/*
 * state_delete, and nothing is stored under the key for that long, not even after a delete or
 * clear: for a change that is announced before its transaction ends, whatever its outcome. One
 * in a thousand other keys is held too. Fails where state_delete returns false: BUSY, or as an UPDATE does.
 */
enum err state_hold(struct ctx *c, struct state_key key, int64_t ms) MUST;
#define STATE_HOLD_MAX_MS                                                                          \
	(30 * SECOND_MS) /* longer than any transaction, or COMMIT without an answer */
/* Before the outcome of a request is told: wait for the invalidations that began an epoch, 25 ms if there was one. */
void state_settle(struct ctx *c);

/*
 * In a transaction that changes what is computed under a key, or with an id of no bytes under any key of the family:
 * it is deleted once the transaction is over, all that were noted in one step, unless it was rolled back.
 * Where it is unknown whether it was, nothing is stored under them for half a minute. The family is a literal; the
 * id lives until then. A process that is killed between the commit and that step deletes nothing: such a value needs a
 * short life.
 */
void state_note_tx(struct ctx *c, struct state_key key);

struct state_counter {
	struct state_key key;
	int64_t n;                 /* to add; 0 reads */
	int64_t ttl_ms;            /* of a counter created by this; not changed by later ones */
	int64_t count, expires_ms; /* out */
};
/* Add to all or none, atomically across processes. False: the counts are unknown. */
bool state_add(struct ctx *c, struct state_counter *counters, size_t n) MUST;

enum { STATE_LIMIT_MAX = 100 };
struct state_limit {
	struct state_key key;
	int64_t max, window_ms; /* so many in a window; at least 1 */
	int64_t free, free_ms;  /* so many are admitted in free_ms whatever the window has */
	bool lasting;           /* for want of room others are dropped first */
	/* out */
	int64_t count,
		oldest_ms; /* the latest max in the window that ends now, with this one if admitted */
	int64_t spare;     /* how many of the free are left */
	int64_t at_ms;     /* the moment that was added, by the home's clock */
	bool here;         /* without a home, in this process */
};
/*
 * Add this moment to all or to none, atomically among processes: never does any window have more than its
 * max, wherever it begins if max is STATE_LIMIT_MAX at most; larger ones have the windows that begin at a
 * multiple of their length (BEHAVIOUR 51), which is then oldest_ms. False: one of them would. Without a home each
 * process counts by itself, and for the latest keys only.
 *
 * The free are those that find fewer than `free` in the free_ms before them; no window that begins after the last of
 * them has more than max. At most STATE_LIMIT_MAX, and none for limits of more than that.
 */
bool state_admit(struct ctx *c, struct state_limit *limits, size_t n) MUST;
/*
 * Take back the moment (at_ms) that state_admit added to all of them in this request: what it was for doesn't count.
 * What can't be taken back stays counted. Only for limits of at most STATE_LIMIT_MAX. One case isn't exact: a request
 * that gets here after later ones were added and taken back may be one too many, as what these made irrelevant is gone.
 */
void state_withdraw(struct ctx *c, const struct state_limit *limits, size_t n);

/* Remove everything expired or cleared; returns the number. Other processes can write meanwhile. */
int64_t state_sweep(struct ctx *c);

#endif

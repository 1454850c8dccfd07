/* SPDX-License-Identifier: MIT */
/*
 * state.h - what all processes of a shop's executables on this host share and may lose:
 * cached values, and counters that expire (DESIGN.md 5). Never money.
 *
 * Home: LMDB's file in STATE_DIR, opened at the first use, and anew after a fork.
 * Robust (PLATFORM.md 6): kill -9 at any instruction loses nothing that was acknowledged. A
 * lock that isn't given back within a second, a full, cut, foreign, damaged or older file
 * costs its content and no more: whoever finds it unlinks it, and everybody else notices at
 * his next use. At opening, and after somebody died holding the lock, the file's whole
 * structure is looked through; each value has a checksum of its own.
 * Not covered: a file that is written over, or cut, in the microseconds of its use. That may
 * end the process; the next one throws the file away.
 *
 * No home (no memory, no permission): every get is a miss, a set does nothing, add says
 * false. It is tried again every 3 s. The directory must be this user's own, mode 0700: all
 * programs of a shop run as one user.
 *
 * Invalidation (BEHAVIOUR 50): once delete or clear said true, no process answers what was set
 * before, and nothing that was computed for a ticket from before is stored any more. What
 * can't be written is done by throwing everything away. False: there may be a home that
 * others use and this process can't reach; whoever depends on the invalidation must fail.
 *
 * SHARED_HOSTS=on: no value is kept, since no other host could invalidate it: every get is a
 * miss, and what is forgotten is forgotten. Counters stay each host's own.
 *
 * Bounds: 16 MiB in all, taken as needed. What is expired goes bit by bit with what is added,
 * or by state_sweep. Beyond 70 %, values go, in no order; counters stay until they expire,
 * and beyond 85 % a new one is refused.
 *
 * Units: ms. Expiry goes by c->now_ms; a clock that is set back expires what lies ahead.
 */
#ifndef EXT_STATE_H
#define EXT_STATE_H

#include <sys/types.h>

#include "base/ctx.h"
#include "base/str.h"

#define STATE_VALUE_MAX ((size_t)64 << 10)
enum { STATE_FAMILY_MAX = 31, STATE_ID_MAX = 200 }; /* bytes */

/* Nothing is opened yet. NULL never. */
struct state *state_new(const struct conf *conf) MUST;
void state_free(struct state *s);
/*
 * Whose home this shop has: the user that its programs run as, and the group. False: there is none yet, or
 * more than one.
 */
bool state_owner(const struct conf *conf, uid_t *uid, gid_t *gid) MUST;
/* Why there is no home just now, for people; NULL when there is one. */
const char *state_trouble(struct ctx *c) MUST;

/* What is beyond the maximum is never found nor stored. Borrowed. */
struct state_key {
	const char *family; /* what is cleared together; a literal */
	struct slice id;
};

/* From before a value was computed; without it none is stored. Borrows the key. */
struct state_ticket {
	struct state_key key;
	uint64_t home, at;
};

/* The value into c->arena (NUL-terminated too); or a miss, and with it a ticket for state_set. */
bool state_get(
	struct ctx *c, struct state_key key, struct state_ticket *ticket, struct slice *value) MUST;
/* Store what was computed after the ticket, unless it was invalidated since. */
void state_set(
	struct ctx *c, const struct state_ticket *ticket, struct slice value, int64_t ttl_ms);

/* Forget a key's value or counter; a whole family's in one step. True: it holds (see above). */
bool state_delete(struct ctx *c, struct state_key key) MUST;
bool state_clear(struct ctx *c, const char *family) MUST;
/*
 * state_delete, and nothing is stored under the key for so long, not even after a delete or
 * clear: for a change that is announced before its transaction ends, however that ends.
 */
bool state_hold(struct ctx *c, struct state_key key, int64_t ms) MUST;

struct state_counter {
	struct state_key key;
	int64_t n;      /* to add; 0 asks */
	int64_t ttl_ms; /* of a counter that begins with this; a later one doesn't move it */
	int64_t count, expires_ms; /* out */
};
/* Add to all or to none, exactly, whatever other processes add. False: the counts are unknown. */
bool state_add(struct ctx *c, struct state_counter *counters, size_t n) MUST;

/* Remove all that is expired or cleared; how many. Others go on meanwhile. */
int64_t state_sweep(struct ctx *c);

#endif

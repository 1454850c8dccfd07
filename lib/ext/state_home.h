/* SPDX-License-Identifier: MIT */
/*
 * state_home.h - the interface between the rules of ext/state (state.c) and the home that stores
 * the bytes (state_lmdb.c, state_redis.c). A home is a table of operations, each atomic across processes: one
 * transaction, or one script on a server.
 */
#ifndef EXT_STATE_HOME_H
#define EXT_STATE_HOME_H

#include "ext/state.h"

/* The home's mark of this version: "mini", and the version of all below. */
#define STATE_LAYOUT INT64_C(0x6d696e6900000003)

/* The first byte of a cell's name. Marks come first, and records are together. */
enum state_kind {
	STATE_HOME = 'H', /* mark: the version */
	STATE_FAMILY =
		'F', /* mark: replaced when the family is cleared; like a slot, it may be closed */
	STATE_SLOT = 'S', /* mark: replaced when a key of the slot is deleted; keys share slots */
	STATE_COUNTER = 'c', /* records: the kind, a hash, the family, NUL, the id */
	STATE_LOG = 'l',     /* its value: struct state_times without what is free */
	STATE_VALUE = 'v',
};
enum {
	STATE_NAME_HEAD = 1 + sizeof(uint32_t),
	STATE_NAME_MAX = STATE_NAME_HEAD + STATE_FAMILY_MAX + 1 + STATE_ID_MAX,
};

struct state_name {
	unsigned char bytes[STATE_NAME_MAX];
	size_t len;
};

struct state_record {
	uint64_t stamp; /* a mark's own; of a value or counter, its family's at creation */
	int64_t expires_ms, ttl_ms; /* of a slot or family: nothing is stored in it until then */
	int64_t count; /* of a counter; of a log STATE_LASTING or 0; STATE_LAYOUT in the home's mark */
};

#define STATE_LASTING 1

struct state_cell {
	struct state_name name;
	struct state_record r; /* expires_ms 0: absent */
	struct slice value;
};

/* A process's handle; the first member of a home's struct. */
struct state {
	const struct state_home *home;
	const char *error; /* NULL: none */
	const struct state_epoch *epoch;
	bool unsettled; /* an epoch was begun: see state_settle */
};

struct state_home {
	bool shared;                                    /* by all hosts */
	struct state *(*open)(const struct conf *conf); /* opens nothing yet */
	void (*close)(struct state *s);
	/*
	 * Fill in the cells, all from one snapshot; values into c->arena. False, here and below:
	 * the home is unavailable, and `error` may say why.
	 */
	bool (*read)(struct ctx *c, struct state_cell *cells, size_t n);
	/*
	 * If each of `want` still has its stamp, store all of `put`, each merged by state_merged(), and
	 * return the results in `put`. False also: a stamp changed, or no room.
	 */
	bool (*write)(struct ctx *c, const struct state_cell *want, size_t n_want,
		struct state_cell *put, size_t n_put);
	/* state_admit, each by state_admitted(); nothing is put unless all are. */
	bool (*admit)(struct ctx *c, struct state_limit *limits, size_t n, bool *admitted);
	/* state_withdraw of what `admit` added, each by state_withdrawn() */
	bool (*withdraw)(struct ctx *c, const struct state_limit *limits, size_t n);
	/* Remove the records that aren't live; returns the number. */
	int64_t (*sweep)(struct ctx *c);
	/*
	 * An invalidation that could not be written: make every value invalid, even if other processes use it. In what then
	 * takes the home's place, `put` is written. Fails: BUSY, or as an UPDATE does.
	 */
	enum err (*drop)(struct ctx *c, struct state_cell *put, size_t n);
	/* state_server; NULL: there is none. */
	bool (*ask)(struct ctx *c, struct state_server *out);
};

extern const struct state_home state_lmdb, state_redis;

/* ---- the rules, for homes ---- */

/* An empty cell of that name. The home's mark has family "", a family's has no id. */
struct state_cell state_cell(enum state_kind kind, struct state_key key);
/* Delete these keys, and close them for that long (state_hold), in one step. Fails as home->drop. */
enum err state_invalidate(struct ctx *c, const struct state_key *keys, size_t n, int64_t ms) MUST;
/* c->now_ms differs between processes by the age of their requests. */
#define STATE_SKEW_MS MINUTE_MS
/* family: the current stamp of the record's family. */
bool state_live(const struct state_record *r, uint64_t family, int64_t now_ms);
/*
 * The result of storing a cell over `kept`: live counters are added up, a slot or family stays closed
 * until the later of both. family: as above.
 */
struct state_record state_merged(const struct state_cell *put, const struct state_record *kept,
	uint64_t family, int64_t now_ms);

/* The latest moments of a limit, ascending. */
struct state_times {
	size_t n;
	int64_t ms[STATE_LIMIT_MAX];
};
/*
 * May this moment be added to what is kept? Sets the limit's outcome without it; `put` is what to
 * keep if so, its value in `times`.
 */
bool state_admitted(struct state_limit *limit, const struct state_cell *kept, uint64_t family,
	int64_t now_ms, struct state_times *times, struct state_cell *put) MUST;

/* The same for taking limit->at_ms back. False: it isn't there, and nothing is to be put. */
bool state_withdrawn(const struct state_limit *limit, const struct state_cell *kept,
	uint64_t family, int64_t now_ms, struct state_times *times, struct state_cell *put) MUST;

/* ---- the directory of a home on one host (state_place.c) ---- */

enum { STATE_DIR_MAX = 256, STATE_PATIENCE_MS = 1000 /* a lock is held for microseconds */ };

/* The path of this shop's home. */
void state_dir(const struct conf *conf, char dir[static STATE_DIR_MAX]);
/* Create or open it: it must be owned by this user. *why: NULL, or why it can't be used. -1 or a file. */
int state_dir_open(const char *dir, const char **why);
/* flock, released with the process. False: another process holds it. */
bool state_take(int fd) MUST;

#endif

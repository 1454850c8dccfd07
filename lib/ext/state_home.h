/* SPDX-License-Identifier: MIT */
/*
 * state_home.h - between the rules of ext/state (state.c) and the home that keeps the bytes
 * (state_lmdb.c). A home is a table of operations, each atomic among processes: one
 * transaction, or one script on a server.
 */
#ifndef EXT_STATE_HOME_H
#define EXT_STATE_HOME_H

#include "ext/state.h"

/* The home's mark of this version: "mini", and the version of all below. */
#define STATE_LAYOUT INT64_C(0x6d696e6900000002)

/* The first byte of a cell's name. Marks come first, and records are together. */
enum state_kind {
	STATE_HOME = 'H',   /* mark: the version */
	STATE_FAMILY = 'F', /* mark: drawn anew when the family is cleared */
	STATE_SLOT = 'S', /* mark: drawn anew when a key of the slot is deleted; keys share slots */
	STATE_COUNTER = 'c', /* records: the kind, a hash, the family, NUL, the id */
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
	uint64_t stamp; /* a mark's own; a value's or counter's family's, when it began */
	int64_t expires_ms, ttl_ms; /* of a slot: until then nothing is stored in it */
	int64_t count;              /* of a counter; STATE_LAYOUT in the home's mark */
};

struct state_cell {
	struct state_name name;
	struct state_record r; /* expires_ms 0: there is nothing */
	struct slice value;
};

/* A process's handle; a home's own struct begins with it. */
struct state {
	const struct state_home *home;
	const char *error; /* NULL: none is known */
};

struct state_home {
	struct state *(*open)(const struct conf *conf); /* touches nothing yet */
	void (*close)(struct state *s);
	/*
	 * Fill in the cells, all as of one moment; values into c->arena. False, here and below:
	 * the home can't be reached, and `trouble` may say why.
	 */
	bool (*read)(struct ctx *c, struct state_cell *cells, size_t n);
	/*
	 * If each of `want` has its stamp still, put all of `put`, each as state_merged() says, which
	 * `put` then holds. False also: not so, or no room.
	 */
	bool (*write)(struct ctx *c, const struct state_cell *want, size_t n_want,
		struct state_cell *put, size_t n_put);
	/* Remove the records that aren't live; how many. */
	int64_t (*sweep)(struct ctx *c);
	/* Delete everything, even if other processes use it. */
	bool (*drop)(struct ctx *c);
};

extern const struct state_home state_lmdb;

/* ---- the rules, for homes ---- */

/* An empty cell of that name. A mark of the home has family "", one of a family no id. */
struct state_cell state_cell(enum state_kind kind, struct state_key key);
/* family: the stamp of the record's family now. */
bool state_live(const struct state_record *r, uint64_t family, int64_t now_ms);
/*
 * What to keep when a cell is put where `kept` is: counters are added up while they live, a slot
 * stays closed as long as either says. family: as above.
 */
struct state_record state_merged(const struct state_cell *put, const struct state_record *kept,
	uint64_t family, int64_t now_ms);

/* ---- the directory of a home on one host (state_place.c) ---- */

enum { STATE_DIR_MAX = 256, STATE_PATIENCE_MS = 1000 /* a lock is held for microseconds */ };

/* Where this shop's home is. */
void state_dir(const struct conf *conf, char dir[static STATE_DIR_MAX]);
/* Make or open it: it must be this user's own. *why: NULL, or why it can't be used. -1 or a file. */
int state_dir_open(const char *dir, const char **why);
/* flock, which ends with the process. False: another process keeps it. */
bool state_take(int fd) MUST;

#endif

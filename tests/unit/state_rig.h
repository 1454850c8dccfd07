/* SPDX-License-Identifier: MIT */
/*
 * state_rig.h - homes for the tests of ext/state: below TEST_MEMORY, or in a temporary directory.
 */
#ifndef UNIT_STATE_RIG_H
#define UNIT_STATE_RIG_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext/state_home.h"

/* The home's file and, as LMDB names it, its lock. */
#define RIG_DATA      "data"
#define RIG_LOCK      "data-lock"
#define RIG_MAP_BYTES (16 << 20)

static char rig_base[128]; /* of this program */
static char rig_dir[160];  /* STATE_DIR */
static struct conf rig_conf = { .state_dir = rig_dir };

static inline int rig_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void rig_remove(const char *dir)
{
	nftw(dir, rig_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline int rig_open(void **state)
{
	const char *memory = getenv("TEST_MEMORY");

	(void)state;
	snprintf(rig_base, sizeof(rig_base), "%s/state-XXXXXX", memory != NULL ? memory : "/tmp");
	if (mkdtemp(rig_base) == NULL)
		return -1;
	snprintf(rig_dir, sizeof(rig_dir), "%s/home", rig_base);
	return 0;
}

static inline int rig_done(void **state)
{
	(void)state;
	rig_remove(rig_base);
	return 0;
}

static inline const char *rig_path(const char *name)
{
	static char path[sizeof(rig_dir) + 16];

	snprintf(path, sizeof(path), "%s/%s", rig_dir, name);
	return path;
}

/* Identifies a home; 0 when there is none. */
static inline ino_t rig_home(void)
{
	struct stat st;

	return stat(rig_path(RIG_DATA), &st) == 0 ? st.st_ino : 0;
}

/* The database's epoch, as shop/books/epoch.h has it. */
static int64_t rig_epoch = 1;
static enum err rig_epoch_fails = OK;

static inline enum err rig_epoch_read(struct ctx *c, int64_t *out)
{
	(void)c;
	*out = rig_epoch;
	return rig_epoch_fails;
}

static inline enum err rig_epoch_raise(struct ctx *c)
{
	(void)c;
	rig_epoch += rig_epoch_fails == OK;
	return rig_epoch_fails;
}

static const struct state_epoch rig_epoch_hooks = { rig_epoch_read, rig_epoch_raise };

/* A process's view of the home; many may be open in one process. */
static inline struct ctx rig_ctx(void)
{
	return (struct ctx){ .conf = &rig_conf,
		.state = state_new(&rig_conf, &rig_epoch_hooks),
		.now_ms = 1000000000 };
}

static inline void rig_free(struct ctx *c)
{
	state_free(c->state);
	arena_done(&c->arena);
}

static inline struct state_key rig_key(const char *family, const char *id)
{
	return (struct state_key){ family, slice_of(id) };
}

/* Store without concurrency; false when it was refused. */
static inline bool rig_put(struct ctx *c, struct state_key key, struct slice value, int64_t ttl_ms)
{
	struct state_ticket ticket;
	struct slice got;

	if (state_get(c, key, &ticket, &got) && !state_delete(c, key))
		return false;
	if (state_get(c, key, &ticket, &got))
		return false;
	state_set(c, &ticket, value, ttl_ms);
	return state_get(c, key, &ticket, &got);
}

static inline bool rig_puts(struct ctx *c, const char *family, const char *id, const char *value)
{
	return rig_put(c, rig_key(family, id), slice_of(value), 60000);
}

/* The text that is stored, "" for a miss. */
static inline const char *rig_gets(struct ctx *c, const char *family, const char *id)
{
	struct state_ticket ticket;
	struct slice value;

	(void)!state_get(c, rig_key(family, id), &ticket, &value);
	return value.p;
}

/* The counter after n was added; -1 when that failed. */
static inline int64_t rig_add(struct ctx *c, const char *id, int64_t n, int64_t ttl_ms)
{
	struct state_counter x = { .key = rig_key("counter", id), .n = n, .ttl_ms = ttl_ms };

	return state_add(c, &x, 1) ? x.count : -1;
}

#endif

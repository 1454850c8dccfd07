/* SPDX-License-Identifier: MIT */
/*
 * state_lmdb_file.c - LMDB's file: opening it, noticing that it was replaced, deleting it.
 *
 * Two flocks bound what LMDB's own locks don't, since a request must not wait without a limit. On the
 * data file, around writing: LMDB waits as long as the writer is stopped. On the directory, around
 * opening and closing: the last process to close LMDB's lock destroys it, even if another is
 * opening it (both PLATFORM.md 6).
 *
 * A home is deleted by unlinking the data file, which needs no lock. At each use a process compares the
 * file at the path with its open one; this also detects a truncated file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ext/crypto.h"
#include "ext/state_lmdb_internal.h"

enum { RETRY_MS = 3000, READERS = 1024 /* processes */ };

static const char DATA_NAME[] = "data", LOCK_NAME[] = "data-lock"; /* the second is LMDB's name */
static const unsigned ENV_FLAGS = MDB_NOSUBDIR | MDB_NOSYNC | MDB_WRITEMAP | MDB_NOTLS;

struct state *lmdb_new(const struct conf *conf)
{
	struct lmdb *h = calloc(1, sizeof(*h));

	if (h == NULL)
		abort();
	state_dir(conf, h->dir);
	snprintf(h->data, sizeof(h->data), "%s/%s", h->dir, DATA_NAME);
	crypto_random(&h->hand, sizeof(h->hand));
	h->thrown_ms = -RETRY_MS;
	h->dir_fd = h->lock_fd = -1;
	return &h->base;
}

/* ---- closing and deleting ---- */

static void env_close(struct lmdb *h)
{
	/* after a fork it is the parent's: even closing would free the parent's reader slot */
	if (h->env != NULL && h->pid == getpid()) {
		(void)!state_take(h->dir_fd);
		/* closing writes there: restore the size if it was truncated */
		if (h->lock_fd >= 0)
			(void)!ftruncate(h->lock_fd, h->lock_at.st_size);
		if (h->reader != NULL)
			mdb_txn_abort(h->reader);
		mdb_env_close(h->env);
	}
	if (h->lock_fd >= 0)
		close(h->lock_fd); /* only now: closing it earlier would release LMDB's locks */
	h->env = NULL;
	h->reader = NULL;
	h->lock_fd = -1;
}

static void home_close(struct lmdb *h)
{
	env_close(h);
	if (h->dir_fd >= 0) {
		/* closing alone doesn't, if a child also has it open */
		if (h->pid == getpid())
			flock(h->dir_fd, LOCK_UN);
		close(h->dir_fd);
	}
	h->dir_fd = -1;
}

/* No home for a while; logged once. */
static bool give_up(struct lmdb *h, const char *why)
{
	home_close(h);
	if (h->base.error == NULL)
		log_line(LOG_WARN, "state", "%s: %s; doing without", h->dir, why);
	h->base.error = why;
	h->retry_ms = clock_mono_ms() + RETRY_MS;
	return false;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

void lmdb_delete(struct lmdb *h, const char *why)
{
	struct stat now;

	if (lstat(h->data, &now) == 0 && same_file(&now, &h->data_at)) {
		log_line(LOG_ERROR, "state", "%s: %s; its content is deleted", h->dir, why);
		if (unlink(h->data) != 0) {
			(void)give_up(h, "the file can't be removed");
			return;
		}
	}
	home_close(h);
}

void lmdb_free(struct state *s)
{
	home_close((struct lmdb *)s);
	free(s);
}

bool lmdb_drop(struct ctx *c)
{
	struct lmdb *h = (struct lmdb *)c->state;
	struct stat dir;

	home_close(h);
	if (lstat(h->dir, &dir) != 0)
		return errno == ENOENT;
	/* never remove another user's files */
	return dir.st_uid == geteuid() && (unlink(h->data) == 0 || errno == ENOENT);
}

/* ---- opening ---- */

/* Check the home's mark, or write it, and keep a transaction for reading. */
static int env_begin(struct lmdb *h, bool create)
{
	struct state_cell mark = state_cell(STATE_HOME, (struct state_key){ "", { "", 0 } });
	MDB_txn *txn;
	int rc = mdb_txn_begin(h->env, NULL, create ? 0 : MDB_RDONLY, &txn);

	if (rc != 0)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &h->dbi);
	if (rc == 0 && create) {
		mark.r = (struct state_record){ .expires_ms = INT64_MAX, .count = STATE_LAYOUT };
		rc = lmdb_put(h, txn, &mark.name, &mark.r, mark.value);
	} else if (rc == 0) {
		rc = lmdb_get(h, txn, &mark);
	}
	if (rc == 0 && mark.r.count == STATE_LAYOUT)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (rc == 0)
		rc = mdb_txn_begin(h->env, NULL, MDB_RDONLY, &h->reader);
	if (rc == 0)
		mdb_txn_reset(h->reader);
	return rc == 0 && mark.r.count != STATE_LAYOUT ? MDB_VERSION_MISMATCH : rc;
}

static bool file_is(const struct lmdb *h, const char *name, off_t size_min, off_t size_max)
{
	struct stat st;

	return fstatat(h->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size >= size_min && st.st_size <= size_max;
}

/* Open LMDB's environment on the existing file, or (`create`) on a new one. */
static int env_open(struct lmdb *h, bool create)
{
	int rc = mdb_env_create(&h->env);

	if (!create && (!file_is(h, DATA_NAME, MAP_BYTES, MAP_BYTES) ||
			       !file_is(h, LOCK_NAME, READERS * 64, MAP_BYTES)))
		return MDB_INVALID;
	if (rc != 0 || (rc = mdb_env_set_mapsize(h->env, MAP_BYTES)) != 0 ||
		(rc = mdb_env_set_maxreaders(h->env, READERS)) != 0 ||
		(rc = mdb_env_open(h->env, h->data, ENV_FLAGS, 0600)) != 0 ||
		(rc = mdb_env_get_fd(h->env, &h->data_fd)) != 0)
		return rc;
	/* writing to an unallocated page of a full file system would be a SIGBUS */
	if (create && (rc = posix_fallocate(h->data_fd, 0, MAP_BYTES)) != 0)
		return rc;
	h->lock_fd = openat(h->dir_fd, LOCK_NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (h->lock_fd < 0 || fstat(h->lock_fd, &h->lock_at) != 0 ||
		fstat(h->data_fd, &h->data_at) != 0)
		return errno;
	/* a killed reader still has its slot and pins pages */
	rc = mdb_reader_check(h->env, NULL);
	return rc == 0 ? env_begin(h, create) : rc;
}

/* With the directory locked: use the existing file, or replace it. NULL, or why not. */
static const char *use_or_create(struct lmdb *h)
{
	int rc;

	if (faccessat(h->dir_fd, DATA_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		rc = env_open(h, false);
		if (rc == 0)
			return NULL;
		env_close(h);
		/* limited, since a process of another version may do the same */
		if (clock_mono_ms() < h->thrown_ms + RETRY_MS)
			return mdb_strerror(rc);
		h->thrown_ms = clock_mono_ms();
		log_line(LOG_ERROR, "state", "%s: %s; its content is deleted", h->dir,
			mdb_strerror(rc));
	}
	if ((unlinkat(h->dir_fd, DATA_NAME, 0) != 0 && errno != ENOENT) ||
		(unlinkat(h->dir_fd, LOCK_NAME, 0) != 0 && errno != ENOENT))
		return "the files in the directory can't be removed";
	rc = env_open(h, true);
	if (rc != 0)
		(void)!unlinkat(h->dir_fd, DATA_NAME, 0);
	return rc == 0 ? NULL : mdb_strerror(rc);
}

static bool home_open(struct lmdb *h)
{
	const char *why;

	if (clock_mono_ms() < h->retry_ms)
		return false;
	h->pid = getpid();
	h->dir_fd = state_dir_open(h->dir, &why);
	if (why == NULL)
		why = state_take(h->dir_fd) ? use_or_create(h)
					    : "a process keeps the directory locked";
	if (why != NULL)
		return give_up(h, why);
	flock(h->dir_fd, LOCK_UN);
	h->base.error = NULL;
	return true;
}

/* ---- each use ---- */

/* The path names the open file, and neither file was truncated or removed. */
static bool is_current(const struct lmdb *h)
{
	struct stat data, lock;

	return lstat(h->data, &data) == 0 && same_file(&data, &h->data_at) &&
	       data.st_size == MAP_BYTES && fstat(h->lock_fd, &lock) == 0 && lock.st_nlink > 0 &&
	       lock.st_size == h->lock_at.st_size;
}

bool lmdb_enter(struct lmdb *h)
{
	if (h->env != NULL && h->pid != getpid())
		home_close(h); /* the parent's */
	else if (h->env != NULL && !is_current(h))
		lmdb_delete(h, "a file was truncated or removed");
	return h->env != NULL || home_open(h);
}

/* SPDX-License-Identifier: MIT */
/*
 * state_home.c - the directory, LMDB's file in it, and the lock beside it.
 *
 * LMDB's own locks are not used (MDB_NOLOCK): its table of readers pins pages for who was killed
 * reading, its mutex waits for ever for who was stopped, and both trust their file. A mutex of
 * ours lets in one process at a time, for some microseconds: robust (the kernel frees it when
 * its holder dies), waited for with a limit, and thrown away with the rest.
 *
 * A home is thrown away by unlinking the data file, which needs no lock. Everybody compares
 * what the path names with what he has open, each time after he got the lock. Making is one at
 * a time under a lock of the directory; a new home appears by a rename, when it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ext/crypto.h"
#include "ext/state_internal.h"

enum {
	PATIENCE_MS = 1000, /* a lock is held for microseconds */
	RETRY_MS = 3000,
	ENTER_TRIES = 3, /* somebody may throw the home away just then */
	LAYOUT = 1,      /* of everything in the directory */
	LOCK_BYTES = 4096,
	HEADROOM_BYTES = 1 << 20, /* more than one transaction can take */
};

static const char LOCK_NAME[] = "lock", DATA_NAME[] = "data";
static const char NEW_LOCK_NAME[] = "lock.new", NEW_DATA_NAME[] = "data.new";
static const char MAGIC[8] = "minimall";
static const unsigned ENV_FLAGS =
	MDB_NOSUBDIR | MDB_NOSYNC | MDB_WRITEMAP | MDB_NOLOCK | MDB_NORDAHEAD;

struct state_lock {
	char magic[8];
	uint32_t layout, mutex_size;
	uint64_t id, sum;
	uint64_t txn; /* committed last */
	pthread_mutex_t mutex;
};

static unsigned forks; /* how many forks this process is away from the first */

static void count_fork(void)
{
	forks++;
}

struct state *state_new(const struct conf *conf)
{
	static bool watching;
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL || (!watching && pthread_atfork(NULL, NULL, count_fork) != 0))
		abort();
	watching = true;
	state_choose_dir(s, conf);
	snprintf(s->data, sizeof(s->data), "%s/%s", s->dir, DATA_NAME);
	crypto_random(&s->hand, sizeof(s->hand));
	s->thrown_ms = -RETRY_MS;
	s->lock_fd = -1;
	return s;
}

void state_free(struct state *s)
{
	state_close(s);
	free(s);
}

void state_close(struct state *s)
{
	if (s->reader != NULL)
		mdb_txn_abort(s->reader);
	if (s->env != NULL)
		mdb_env_close(s->env);
	if (s->lock != NULL)
		munmap(s->lock, LOCK_BYTES);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	s->reader = NULL;
	s->env = NULL;
	s->lock = NULL;
	s->lock_fd = -1;
}

/* Nothing works for a while; said once. */
static bool give_up(struct state *s, const char *why)
{
	state_close(s);
	if (s->trouble == NULL)
		log_line(LOG_WARN, "state", "%s: %s; doing without", s->dir, why);
	s->trouble = why;
	s->retry_ms = clock_mono_ms() + RETRY_MS;
	return false;
}

bool state_abandon(struct state *s)
{
	struct stat dir;

	state_close(s);
	if (lstat(s->dir, &dir) != 0)
		return errno == ENOENT;
	/* what another user may put in our place is not ours to remove */
	return dir.st_uid == geteuid() && (unlink(s->data) == 0 || errno == ENOENT);
}

/* This home is no good: away with it, unless somebody else was quicker. */
static void throw_away(struct state *s, const char *why)
{
	struct stat now;

	log_line(LOG_ERROR, "state", "%s: %s; its content is dropped", s->dir, why);
	if (stat(s->data, &now) == 0 && now.st_ino == s->at.st_ino && now.st_dev == s->at.st_dev &&
		unlink(s->data) != 0)
		(void)give_up(s, "the file can't be removed");
	else
		state_close(s);
}

/* LMDB is about to abort the process: nobody else shall run into that. */
static void on_assert(MDB_env *env, const char *text)
{
	struct state *s = mdb_env_get_userctx(env);

	log_line(LOG_ALARM, "state", "%s: %s", s->dir, text);
	(void)!unlink(s->data);
}

/* ---- the lock ---- */

static uint64_t lock_sum(const struct state_lock *lock)
{
	return state_sum(0, lock, offsetof(struct state_lock, sum));
}

static bool is_whole(int fd, size_t size)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)size;
}

static bool lock_map(struct state *s, int dir, const char *name, int flags)
{
	void *p;

	s->lock_fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
	if (s->lock_fd < 0 || ((flags & O_CREAT) && fallocate(s->lock_fd, 0, 0, LOCK_BYTES) != 0) ||
		!is_whole(s->lock_fd, LOCK_BYTES))
		return false;
	p = mmap(NULL, LOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, s->lock_fd, 0);
	s->lock = p == MAP_FAILED ? NULL : p;
	return s->lock != NULL;
}

static bool lock_init(struct state_lock *lock, uint64_t id)
{
	pthread_mutexattr_t a;
	bool done;

	memcpy(lock->magic, MAGIC, sizeof(MAGIC));
	lock->layout = LAYOUT;
	lock->mutex_size = sizeof(lock->mutex);
	lock->id = id;
	lock->sum = lock_sum(lock);
	if (pthread_mutexattr_init(&a) != 0)
		return false;
	done = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED) == 0 &&
	       pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0 &&
	       pthread_mutex_init(&lock->mutex, &a) == 0;
	pthread_mutexattr_destroy(&a);
	return done;
}

static bool lock_known(const struct state_lock *lock)
{
	return memcmp(lock->magic, MAGIC, sizeof(MAGIC)) == 0 && lock->layout == LAYOUT &&
	       lock->mutex_size == sizeof(lock->mutex) && lock->sum == lock_sum(lock);
}

/* Is all of it sound, and what was committed there? (Some die between commit and note.) */
static bool file_sound(const struct state *s, int fd)
{
	unsigned char *p;
	uint64_t txn;
	bool sound;

	if (!is_whole(fd, STATE_MAP_BYTES))
		return false;
	p = mmap(NULL, STATE_MAP_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return false;
	sound = state_file_sound(p, STATE_MAP_BYTES, &txn) &&
		(txn == s->lock->txn || txn == s->lock->txn + 1);
	munmap(p, STATE_MAP_BYTES);
	return sound;
}

/* NULL when the lock was taken, else why not. fd: the data file's. */
static const char *lock_take(const struct state *s, int fd)
{
	pthread_mutex_t *mutex = &s->lock->mutex;
	struct timespec end;
	int rc;

	if (!is_whole(s->lock_fd, LOCK_BYTES))
		return "the lock was cut";
	rc = pthread_mutex_trylock(mutex);
	if (rc == EBUSY) {
		clock_gettime(CLOCK_MONOTONIC, &end);
		end.tv_sec += PATIENCE_MS / 1000;
		rc = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &end);
	}
	if (rc == EOWNERDEAD) {
		/* killed: what it had begun was never there. Or did the file kill it? */
		if (pthread_mutex_consistent(mutex) == 0 && file_sound(s, fd))
			return NULL;
		pthread_mutex_unlock(mutex);
		return "its user died, and the file is damaged";
	}
	return rc == 0 ? NULL : rc == ETIMEDOUT ? "somebody keeps the lock" : "the lock is damaged";
}

/* ---- opening ---- */

/* The directory; -1, and why. */
static int dir_open(const struct state *s, const char **why)
{
	struct stat st;
	int dir;

	*why = "the directory can't be made or opened";
	if (mkdir(s->dir, 0700) != 0 && errno != EEXIST)
		return -1;
	dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return -1;
	if (fstat(dir, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 0777) == 0700)
		return dir;
	*why = "the directory must be this user's own, with mode 0700";
	close(dir);
	return -1;
}

/* LMDB's environment on a file that is sound, or (`create`) isn't there; 0 or its error. */
static int env_open(struct state *s, const char *path, bool create)
{
	int fd, rc = mdb_env_create(&s->env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, STATE_MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_set_userctx(s->env, s);
	if (rc == 0)
		rc = mdb_env_set_assert(s->env, on_assert);
	if (rc == 0)
		rc = mdb_env_open(s->env, path, ENV_FLAGS, 0600);
	if (rc == 0)
		rc = mdb_env_get_fd(s->env, &fd);
	/* no page may be missing when it is written to: that would be a SIGBUS */
	if (rc == 0 && create && fallocate(fd, 0, 0, HEADROOM_BYTES) != 0)
		rc = errno;
	if (rc == 0 && fstat(fd, &s->at) != 0)
		rc = errno;
	return rc;
}

/* Open the main database, check or begin the content, and keep a transaction for reading. */
static int env_begin(struct state *s, bool create)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, create ? 0 : MDB_RDONLY, &txn);

	if (rc != 0)
		return rc;
	rc = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (rc == 0 && create)
		rc = state_content_begin(s, txn);
	else if (rc == 0 && !state_content_sound(s, txn))
		rc = MDB_CORRUPTED;
	if (rc != 0 || !create)
		mdb_txn_abort(txn);
	else
		rc = state_commit(s, txn);
	if (rc == 0)
		rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->reader);
	if (rc == 0)
		mdb_txn_reset(s->reader);
	return rc;
}

/* Use the home that is there; NULL, or why it can't be used. */
static const char *adopt(struct state *s, int dir)
{
	int fd = openat(dir, DATA_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *why = "the lock is damaged or of another version";
	struct stat st;

	if (fd < 0)
		return "the file can't be opened";
	if (lock_map(s, dir, LOCK_NAME, 0) && lock_known(s->lock))
		why = lock_take(s, fd);
	if (why == NULL) {
		s->id = s->lock->id;
		if (!file_sound(s, fd) || env_open(s, s->data, false) != 0 ||
			env_begin(s, false) != 0)
			why = "the file is damaged or foreign";
		else if (fstat(fd, &st) != 0 || st.st_ino != s->at.st_ino ||
			 st.st_dev != s->at.st_dev)
			why = "the file was replaced just now";
		pthread_mutex_unlock(&s->lock->mutex);
	}
	close(fd);
	return why;
}

/* Make a new home in place of whatever is there; NULL, or why there is none. */
static const char *make(struct state *s, int dir)
{
	static const char *const names[] = { DATA_NAME, LOCK_NAME, NEW_DATA_NAME, NEW_LOCK_NAME };
	char path[sizeof(s->dir) + 16];
	int fd = -1;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (unlinkat(dir, names[i], 0) != 0 && errno != ENOENT)
			return "what is in the directory can't be removed";
	snprintf(path, sizeof(path), "%s/%s", s->dir, NEW_DATA_NAME);
	crypto_random(&s->id, sizeof(s->id));
	if (!lock_map(s, dir, NEW_LOCK_NAME, O_CREAT | O_EXCL) || !lock_init(s->lock, s->id) ||
		env_open(s, path, true) != 0 || env_begin(s, true) != 0)
		return "there is no room for a new file";
	if (mdb_env_get_fd(s->env, &fd) != 0 || !file_sound(s, fd))
		return "this version of LMDB writes files that are not known here";
	if (renameat(dir, NEW_LOCK_NAME, dir, LOCK_NAME) != 0 ||
		renameat(dir, NEW_DATA_NAME, dir, DATA_NAME) != 0)
		return "the new file can't be put in place";
	return NULL;
}

/* With the directory locked: what is there is used or dropped, and made anew. NULL, or why not. */
static const char *adopt_or_make(struct state *s, int dir)
{
	struct stat st;

	if (fstatat(dir, DATA_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		const char *why = adopt(s, dir);

		if (why == NULL)
			return NULL;
		state_close(s);
		/* another version of the shop may want it otherwise: no ping-pong */
		if (clock_mono_ms() < s->thrown_ms + RETRY_MS)
			return why;
		log_line(LOG_ERROR, "state", "%s: %s; its content is dropped", s->dir, why);
		s->thrown_ms = clock_mono_ms();
	}
	return make(s, dir);
}

static bool state_open(struct state *s)
{
	const int64_t end_ms = clock_mono_ms() + PATIENCE_MS;
	const struct timespec nap = { 0, 1000000 };
	const char *why;
	int dir;

	if (clock_mono_ms() < s->retry_ms)
		return false;
	dir = dir_open(s, &why);
	if (dir < 0)
		return give_up(s, why);
	/* as a rule it is there; who makes one, or drops one that is no good, does so alone */
	while ((why = adopt(s, dir)) != NULL) {
		state_close(s);
		if (flock(dir, LOCK_EX | LOCK_NB) == 0) {
			why = adopt_or_make(s, dir);
			break;
		}
		if (clock_mono_ms() >= end_ms) {
			why = "somebody keeps the directory locked";
			break;
		}
		nanosleep(&nap, NULL);
	}
	close(dir);
	if (why != NULL)
		return give_up(s, why);
	s->forks = forks;
	s->trouble = NULL;
	return true;
}

/* ---- each use ---- */

/* What the path names is what is open, and nobody has cut it. */
static bool still_here(struct state *s)
{
	struct stat now;

	if (stat(s->data, &now) != 0 || now.st_ino != s->at.st_ino || now.st_dev != s->at.st_dev ||
		now.st_size != (off_t)STATE_MAP_BYTES)
		return false;
	s->at = now;
	return true;
}

bool state_enter(struct state *s)
{
	for (int i = 0; i < ENTER_TRIES; i++) {
		const char *why;
		int fd;

		if (s->env != NULL && s->forks != forks)
			state_close(s); /* the parent's */
		if (s->env == NULL && !state_open(s))
			return false;
		if (mdb_env_get_fd(s->env, &fd) != 0)
			return give_up(s, "LMDB has no file");
		why = lock_take(s, fd);
		if (why != NULL) {
			throw_away(s, why);
			continue;
		}
		if (still_here(s))
			return true;
		pthread_mutex_unlock(&s->lock->mutex);
		state_close(s);
	}
	return give_up(s, "others throw the home away again and again");
}

void state_leave(struct state *s, int rc)
{
	pthread_mutex_unlock(&s->lock->mutex);
	if (rc != 0 && rc != MDB_NOTFOUND && rc != MDB_MAP_FULL)
		throw_away(s, mdb_strerror(rc));
}

int state_commit(struct state *s, MDB_txn *txn)
{
	int rc = mdb_txn_commit(txn);
	MDB_envinfo info;

	if (rc == 0)
		rc = mdb_env_info(s->env, &info);
	if (rc == 0)
		s->lock->txn = info.me_last_txnid; /* one without a change has no number */
	return rc;
}

bool state_reserve(struct state *s)
{
	const size_t have = (size_t)s->at.st_blocks * 512;
	MDB_envinfo info;
	MDB_stat stat;
	size_t need;
	int fd;

	if (mdb_env_info(s->env, &info) != 0 || mdb_env_stat(s->env, &stat) != 0 ||
		mdb_env_get_fd(s->env, &fd) != 0)
		return false;
	need = (info.me_last_pgno + 1) * stat.ms_psize + HEADROOM_BYTES;
	if (need > STATE_MAP_BYTES)
		need = STATE_MAP_BYTES;
	if (have >= need)
		return true;
	need = need + HEADROOM_BYTES < STATE_MAP_BYTES ? need + HEADROOM_BYTES : STATE_MAP_BYTES;
	return fallocate(fd, 0, 0, (off_t)need) == 0;
}

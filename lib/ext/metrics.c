/* SPDX-License-Identifier: MIT */
/* metrics.c - the file of metrics.h, and counting in it. metrics_rows.c has the rows, metrics_text.c prints. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ext/metrics_internal.h"
#include "ext/state_home.h"

enum { PROBES = 128 };

static const char PREFIX[] = "metrics-";

/* As for the log, there is one per process. */
static struct {
	struct metric_file *file;
	char path[STATE_DIR_MAX + 32], dir[STATE_DIR_MAX];
	const char *program;
	struct stat at;
	int fd;   /* -1: a mapping of this process alone */
	int slot; /* -1: none was free */
	int64_t checked_ms;
	bool connected, told;
} own = { .fd = -1, .slot = -1 };

struct metric_file *metric_file(void)
{
	return own.file;
}

/* ---- the file ---- */

static struct metric_file *map(int fd)
{
	void *p = mmap(NULL, sizeof(struct metric_file), PROT_READ | PROT_WRITE,
		fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd, 0);

	return p != MAP_FAILED ? p : NULL;
}

/* Every program's process has one byte of the file locked: the kernel releases it with the process. */
static bool lock_byte(int fd, int command, int slot, struct flock *lock)
{
	*lock = (struct flock){
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = slot, .l_len = 1
	};
	return fcntl(fd, command, lock) == 0;
}

bool metric_slot_lives(int slot)
{
	struct flock lock;

	if (slot == own.slot)
		return true; /* a process isn't told of its own locks */
	return own.fd >= 0 && lock_byte(own.fd, F_GETLK, slot, &lock) && lock.l_type != F_UNLCK;
}

static void take_slot(void)
{
	const int from = (int)(getpid() % METRIC_SLOTS);
	struct flock lock;

	own.slot = -1;
	for (int i = 0; i < METRIC_SLOTS && own.slot < 0; i++) {
		const int slot = (from + i) % METRIC_SLOTS;

		if (own.fd < 0 || lock_byte(own.fd, F_SETLK, slot, &lock))
			own.slot = slot;
	}
	if (own.slot < 0) {
		atomic_fetch_add(&own.file->dropped, 1);
		return;
	}
	snprintf(own.file->slots[own.slot].program, METRIC_PROGRAM_MAX, "%s", own.program);
	atomic_store(&own.file->slots[own.slot].serving, 0);
	atomic_store(&own.file->slots[own.slot].connected, own.connected);
}

/* A complete file of this layout, or -1. */
static int open_complete(int dir, const char *name)
{
	const int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	uint64_t layout = 0;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		st.st_size == sizeof(struct metric_file) &&
		pread(fd, &layout, sizeof(layout), 0) == sizeof(layout) &&
		layout == metric_layout())
		return fd;
	close(fd);
	return -1;
}

/* With the directory locked. Space is allocated now: later, on a full file system, it would be a SIGBUS. */
static int create(int dir, const char *name)
{
	const uint64_t layout = metric_layout();
	int fd;

	if (unlinkat(dir, name, 0) != 0 && errno != ENOENT)
		return -1;
	fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (posix_fallocate(fd, 0, sizeof(struct metric_file)) == 0 &&
		pwrite(fd, &layout, sizeof(layout), 0) == sizeof(layout))
		return fd;
	(void)!unlinkat(dir, name, 0);
	close(fd);
	return -1;
}

/* Is it a file of another layout that no process uses? */
static bool is_left_over(int dir, const char *name, const char *own_name)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	bool unused;
	int fd;

	/* not our own: closing it would release our lock */
	if (!str_starts(name, PREFIX) || strcmp(name, own_name) == 0)
		return false;
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	unused = fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
	close(fd);
	return unused;
}

/* With the directory locked, so that nobody is opening one. */
static void remove_left_over(int dir, const char *own_name)
{
	const int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *entries = copy >= 0 ? fdopendir(copy) : NULL;

	if (entries == NULL) {
		if (copy >= 0)
			close(copy);
		return;
	}
	for (const struct dirent *e; (e = readdir(entries)) != NULL;)
		if (is_left_over(dir, e->d_name, own_name))
			(void)!unlinkat(dir, e->d_name, 0);
	closedir(entries);
}

static int open_or_create(const char **why)
{
	const char *name = own.path + strlen(own.dir) + 1;
	int fd, dir = state_dir_open(own.dir, why);

	if (*why == NULL && !state_take(dir))
		*why = "a process keeps the directory locked";
	fd = *why == NULL ? open_complete(dir, name) : -1;
	if (*why == NULL && fd < 0) {
		remove_left_over(dir, name);
		fd = create(dir, name);
	}
	if (*why == NULL && fd < 0)
		*why = "the file of the metrics can't be created";
	if (dir >= 0) {
		flock(dir, LOCK_UN);
		close(dir);
	}
	return fd;
}

static void leave(void)
{
	if (own.file != NULL)
		munmap(own.file, sizeof(*own.file));
	if (own.fd >= 0)
		close(own.fd);
	own.file = NULL;
	own.fd = own.slot = -1;
}

static void enter(void)
{
	const char *why = NULL;

	own.checked_ms = clock_mono_ms();
	own.fd = open_or_create(&why);
	if (own.fd >= 0 && fstat(own.fd, &own.at) != 0)
		why = "the file of the metrics can't be read";
	own.file = map(own.fd);
	if (why != NULL && !own.told)
		log_line(
			LOG_WARN, "metrics", "%s: %s; each process counts by itself", own.dir, why);
	own.told = why != NULL;
	if (own.file != NULL)
		take_slot();
}

void metrics_open(const struct conf *conf, const char *program)
{
	own.program = program;
	state_dir(conf, own.dir);
	snprintf(own.path, sizeof(own.path), "%s/%s%016llx", own.dir, PREFIX,
		(unsigned long long)metric_layout());
	enter();
}

void metrics_close(void)
{
	leave();
}

void metrics_refresh(void)
{
	const int64_t now = clock_mono_ms();
	struct stat st;

	if (own.file == NULL || now - own.checked_ms < SECOND_MS)
		return;
	own.checked_ms = now;
	if (own.fd >= 0 && lstat(own.path, &st) == 0 && st.st_ino == own.at.st_ino &&
		st.st_dev == own.at.st_dev && st.st_size == own.at.st_size)
		return;
	leave();
	enter();
}

/* ---- counting ---- */

/* FNV-1a. */
static uint64_t hash_of(enum metric m, const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ (uint64_t)m;

	h *= UINT64_C(1099511628211);
	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return h != 0 ? h : 1;
}

/* False: it doesn't fit. */
static bool append(char out[static METRIC_TEXT_MAX], size_t *len, const char *text)
{
	const size_t n = strlen(text);

	if (n >= METRIC_TEXT_MAX - *len)
		return false;
	memcpy(out + *len, text, n + 1);
	*len += n;
	return true;
}

/* False: too long, or a label that isn't one of ours. */
static bool write_labels(
	const struct metric_row *row, const char *const *values, char out[static METRIC_TEXT_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; row->labels[i] != NULL; i++) {
		const char *v = values[i] != NULL ? values[i] : "";

		if (strpbrk(v, "\"\\\n") != NULL || !append(out, &len, i > 0 ? "," : "") ||
			!append(out, &len, row->labels[i]) || !append(out, &len, "=\"") ||
			!append(out, &len, v) || !append(out, &len, "\""))
			return false;
	}
	return true;
}

static struct metric_series *series_of(enum metric m, const char *const *values)
{
	char text[METRIC_TEXT_MAX];
	const bool fits = write_labels(&metric_rows[m], values, text);
	const uint64_t hash = hash_of(m, text);

	for (size_t i = 0; fits && i < PROBES; i++) {
		struct metric_series *s = &own.file->series[(hash + i) % METRIC_SERIES];
		uint64_t found = atomic_load_explicit(&s->hash, memory_order_acquire);

		if (found == 0 && atomic_compare_exchange_strong(&s->hash, &found, hash))
			found = hash;
		if (found != hash)
			continue;
		if (!atomic_load_explicit(&s->ready, memory_order_acquire)) {
			s->metric = (uint32_t)m;
			memcpy(s->text, text, sizeof(text));
			atomic_store_explicit(&s->ready, 1, memory_order_release);
		}
		return s;
	}
	atomic_fetch_add_explicit(&own.file->dropped, 1, memory_order_relaxed);
	return NULL;
}

static void add_to(struct metric_series *s, size_t i, uint64_t n)
{
	atomic_fetch_add_explicit(&s->n[i], n, memory_order_relaxed);
}

void metrics_add(enum metric m, uint64_t n, const char *a, const char *b, const char *c)
{
	struct metric_series *s;

	if (own.file == NULL || n == 0)
		return;
	s = series_of(m, (const char *const[]){ a, b, c });
	if (s != NULL)
		add_to(s, 0, n);
}

void metrics_count(enum metric m, const char *a, const char *b, const char *c)
{
	metrics_add(m, 1, a, b, c);
}

void metrics_time(enum metric m, int64_t us, const char *a, const char *b)
{
	struct metric_series *s;
	size_t bucket = 0;

	if (own.file == NULL)
		return;
	s = series_of(m, (const char *const[]){ a, b, NULL });
	if (s == NULL)
		return;
	while (bucket < METRIC_BOUNDS && us > metric_bounds_us[bucket])
		bucket++;
	add_to(s, METRIC_SUM, us > 0 ? (uint64_t)us : 0);
	add_to(s, bucket, 1);
}

void metrics_set(enum metric m, int64_t value)
{
	struct metric_series *s;

	if (own.file == NULL)
		return;
	s = series_of(m, (const char *const[METRIC_LABELS_MAX]){ NULL });
	if (s != NULL)
		atomic_store(&s->n[0], value > 0 ? (uint64_t)value : 0);
}

void metrics_serving(bool on)
{
	if (own.slot >= 0)
		atomic_store_explicit(&own.file->slots[own.slot].serving, on, memory_order_relaxed);
}

void metrics_connected(bool on)
{
	own.connected = on;
	if (own.slot >= 0)
		atomic_store_explicit(
			&own.file->slots[own.slot].connected, on, memory_order_relaxed);
}

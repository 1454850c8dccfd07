/* SPDX-License-Identifier: MIT */
/* state_place.c - the directory of a shop's home on this host: its path, its owner, its lock. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "ext/crypto.h"
#include "ext/state_home.h"

enum { SHOP_HEX = 2 * 8 + 1, BLOCK = 512 /* of st_blocks */ };
/* of statfs(2) */
#define TMPFS UINT32_C(0x01021994)
#define RAMFS UINT32_C(0x858458f6)
static const char PARENT[] = "/dev/shm", PREFIX[] = "minimall-";

/* What distinguishes the homes of two shops: their databases. */
static void shop_hex(const struct conf *conf, char hex[static SHOP_HEX])
{
	unsigned char sum[SHA256_LEN];
	char text[1024];
	int len = snprintf(text, sizeof(text), "%s\n%s\n%lld\n%s",
		conf->db_socket != NULL ? conf->db_socket : "",
		conf->db_host != NULL ? conf->db_host : "", (long long)conf->db_port,
		conf->db_name != NULL ? conf->db_name : "");
	crypto_sha256(text, (size_t)len, sum);
	hex_encode(sum, 8, hex);
}

/* The default home, without STATE_DIR: two databases or users never share one. */
void state_dir(const struct conf *conf, char dir[static STATE_DIR_MAX])
{
	char hex[SHOP_HEX];

	if (conf->state_dir != NULL) {
		snprintf(dir, STATE_DIR_MAX, "%s", conf->state_dir);
		return;
	}
	shop_hex(conf, hex);
	snprintf(dir, STATE_DIR_MAX, "%s/%s%u-%s", PARENT, PREFIX, (unsigned)geteuid(), hex);
}

int state_dir_open(const char *dir, const char **why)
{
	struct stat st;
	int fd = -1;

	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	*why = fd < 0 ? "the directory can't be made or opened" : NULL;
	if (fd >= 0 &&
		(fstat(fd, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 0777) != 0700))
		*why = "the directory must be this user's own, with mode 0700";
	return fd;
}

void state_place(struct ctx *c, struct state_place *out)
{
	char dir[STATE_DIR_MAX];
	struct statfs fs;
	struct stat data;

	state_dir(c->conf, dir);
	*out = (struct state_place){ .dir = arena_dup(&c->arena, dir, strlen(dir)) };
	if (statfs(dir, &fs) == 0) {
		const uint32_t type = (uint32_t)fs.f_type;

		out->memory = type == TMPFS || type == RAMFS;
		/* ramfs has no size of its own */
		out->free_bytes =
			type == RAMFS ? INT64_MAX : (int64_t)fs.f_bavail * (int64_t)fs.f_bsize;
	}
	if (stat(arena_printf(&c->arena, "%s/data", dir), &data) == 0)
		out->used_bytes = (int64_t)data.st_blocks * BLOCK;
}

bool state_take(int fd)
{
	const int64_t end_ms = clock_mono_ms() + STATE_PATIENCE_MS;
	const struct timespec nap = { .tv_nsec = 50000 };

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK || clock_mono_ms() >= end_ms)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

/* Was it created by its owner? Anyone may create a directory of that name, but only as their own. */
static bool is_home(const char *dir, struct stat *st)
{
	return lstat(dir, st) == 0 && S_ISDIR(st->st_mode) && (st->st_mode & 077) == 0;
}

bool state_owner(const struct conf *conf, uid_t *uid, gid_t *gid)
{
	char hex[SHOP_HEX], path[STATE_DIR_MAX], name[64];
	struct stat st;
	unsigned found = 0;
	DIR *parent;

	if (conf->state_dir != NULL) {
		const bool is = is_home(conf->state_dir, &st);

		*uid = is ? st.st_uid : 0;
		*gid = is ? st.st_gid : 0;
		return is;
	}
	parent = opendir(PARENT);
	if (parent == NULL)
		return false;
	shop_hex(conf, hex);
	for (const struct dirent *e; (e = readdir(parent)) != NULL;) {
		if (!str_starts(e->d_name, PREFIX) || strlen(e->d_name) >= sizeof(name))
			continue;
		snprintf(path, sizeof(path), "%s/%.63s", PARENT, e->d_name);
		if (!is_home(path, &st))
			continue;
		snprintf(name, sizeof(name), "%s%u-%s", PREFIX, (unsigned)st.st_uid, hex);
		if (strcmp(e->d_name, name) != 0)
			continue;
		*uid = st.st_uid;
		*gid = st.st_gid;
		found++;
	}
	closedir(parent);
	return found == 1;
}

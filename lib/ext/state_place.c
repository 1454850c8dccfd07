/* SPDX-License-Identifier: MIT */
/* state_place.c - where the home of a shop is, and whose. */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext/crypto.h"
#include "ext/state_internal.h"

enum { SHOP_HEX = 2 * 8 + 1 };
static const char PARENT[] = "/dev/shm", PREFIX[] = "minimall-";

/* What tells the homes of two shops apart: their databases. */
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

/* Where this shop's home is, unless STATE_DIR says so: two databases, or users, never share one. */
void state_choose_dir(struct state *s, const struct conf *conf)
{
	char hex[SHOP_HEX];

	if (conf->state_dir != NULL) {
		snprintf(s->dir, sizeof(s->dir), "%s", conf->state_dir);
		return;
	}
	shop_hex(conf, hex);
	snprintf(s->dir, sizeof(s->dir), "%s/%s%u-%s", PARENT, PREFIX, (unsigned)geteuid(), hex);
}

/* Is it a home that its owner made? Others may make a directory of that name, but not one of another's. */
static bool is_home(const char *dir, struct stat *st)
{
	return lstat(dir, st) == 0 && S_ISDIR(st->st_mode) && (st->st_mode & 077) == 0;
}

bool state_owner(const struct conf *conf, uid_t *uid, gid_t *gid)
{
	char hex[SHOP_HEX], path[sizeof(((struct state *)0)->dir)], name[64];
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

/* SPDX-License-Identifier: MIT */
/* The configuration file. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/conf.h"
#include "fuzz.h"

static int file = -1;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memfd_create("minimall.conf", 0);
	HOLDS(file >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	struct conf conf;

	HOLDS(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
	/* the lines of the previous input are in the environment */
	HOLDS(clearenv() == 0 && setenv("MINIMALL_CONFIG", path, 1) == 0);
	if (conf_load(&conf, CONF_ALL, &a)) {
		HOLDS(strlen(conf.jwt_secret) >= 32 && strlen(conf.wechat_api_v3_key) == 32);
		HOLDS(conf.db_port >= 1 && conf.db_port <= 65535);
		HOLDS(conf.db_socket != NULL || conf.db_host != NULL);
		HOLDS(utf8_count(conf.shop_name, strlen(conf.shop_name)) > 0);
	}
	arena_done(&a);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* state_redis_own.h - a home on a Redis server for each test, and the server through a client of its own. */
#ifndef UNIT_STATE_REDIS_OWN_H
#define UNIT_STATE_REDIS_OWN_H

#include "unit.h"

#include <hiredis/hiredis.h>

#include "state_pair.h"

enum { TIMEOUT_MS = 200 /* of a server that doesn't answer */ };

/* ---- the server, through its own client ---- */

static redisContext *own;

static inline void say_words(int n, const char **words)
{
	redisReply *reply;

	if (own == NULL)
		own = redisConnectUnix(rig_socket);
	reply = redisCommandArgv(own, n, words, NULL);
	if (reply == NULL || reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", words[0], reply != NULL ? reply->str : own->errstr);
	freeReplyObject(reply);
}

#define SAY(...)                                                                                   \
	say_words((int)ARRAY_LEN(((const char *[]){ __VA_ARGS__ })),                               \
		(const char *[]){ __VA_ARGS__ })

static inline void hang_up(void)
{
	if (own != NULL)
		redisFree(own);
	own = NULL;
}

/* The only key that matches; NULL: none, or several. */
static inline const char *key_like(const char *pattern)
{
	static char key[256];
	redisReply *reply;

	if (own == NULL)
		own = redisConnectUnix(rig_socket);
	reply = redisCommand(own, "KEYS %s%s", rig_prefix, pattern);
	key[0] = '\0';
	if (reply->elements == 1)
		snprintf(key, sizeof(key), "%s", reply->element[0]->str);
	freeReplyObject(reply);
	return key[0] != '\0' ? key : NULL;
}

static inline void restart(const char *const *more)
{
	hang_up();
	rig_server_end();
	(void)unlink(rig_socket);
	rig_server_start(more);
}

/* ---- each test ---- */

static inline int begin_here(void **state)
{
	rig_conf.redis_timeout_ms = TIMEOUT_MS;
	rig_epoch_fails = OK;
	return begin(state);
}

static inline int end_here(void **state)
{
	static char url[sizeof(rig_url)];

	snprintf(url, sizeof(url), "unix://%s", rig_socket);
	snprintf(rig_url, sizeof(rig_url), "%s", url);
	rig_conf.test_clock = "each request's";
	if (rig_server == 0) {
		(void)unlink(rig_socket);
		rig_server_start(NULL);
	}
	kill(rig_server, SIGCONT);
	hang_up();
	return end(state);
}

/* A new process's view: its breaker isn't open. */
static inline void renew(struct ctx *x)
{
	rig_free(x);
	*x = rig_ctx();
}

static inline bool admit(struct ctx *x, struct state_limit *out)
{
	/* a process counts across tests when it is by itself */
	*out = (struct state_limit){
		.key = rig_key("limit", rig_prefix), .max = 3, .window_ms = MINUTE_MS
	};
	return state_admit(x, out, 1);
}

#endif

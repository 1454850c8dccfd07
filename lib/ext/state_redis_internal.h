/* SPDX-License-Identifier: MIT */
/*
 * state_redis_internal.h - shared by the home on a Redis server (state_redis.c), its scripts (state_redis_script.c), and the
 * connection (state_redis_wire.c, state_redis_dial.c).
 */
#ifndef EXT_STATE_REDIS_INTERNAL_H
#define EXT_STATE_REDIS_INTERNAL_H

#include <hiredis/hiredis.h>
#include <netdb.h>
#include <sys/socket.h>

#include "base/redis_url.h"
#include "ext/crypto.h"
#include "ext/crypto_tls.h"
#include "ext/state_home.h"

/* ---- scripts ---- */

/* Each begins with the server's time, "" or a test's; its replies with that time as text. */
enum redis_script { REDIS_READ, REDIS_WRITE, REDIS_ADMIT, REDIS_WITHDRAW, REDIS_SCRIPTS };
extern const char *const redis_scripts[REDIS_SCRIPTS];

/* ---- the connection ---- */

enum { ADDRESSES_MAX = 4, WHY_MAX = 160, REDIS_COMMAND_MAX = 4 << 20 };

/* A look-up of the host's name, which ends when it likes: this must outlive it. */
struct lookup {
	struct gaicb ask;
	struct addrinfo hints;
	char port[8];
	bool pending;
};

struct redis {
	struct state base;
	struct arena forever; /* the settings below, and the scripts */
	struct redis_url at;
	const char *prefix, *ca_file, *name; /* of the server, for logs: no secret */
	int64_t timeout_ms;
	bool by_request; /* a test's clock counts, not the server's */
	char sha[REDIS_SCRIPTS][SHA1_HEX_LEN + 1];

	/* while open */
	int fd;
	struct tls *tls;
	redisReader *reader;
	pid_t pid;
	char run[17]; /* identifies the server's process; "": it may not be asked */

	struct lookup lookup;
	struct sockaddr_storage addresses[ADDRESSES_MAX];
	socklen_t lengths[ADDRESSES_MAX];
	size_t addresses_n;
	int64_t resolved_ms;

	char why[WHY_MAX];             /* what base.error points to */
	int64_t retry_ms, deadline_ms; /* clock_mono_ms(); the second of the operation */

	/* the database's epoch, and when it was confirmed (state.h) */
	bool epoch_known;
	int64_t epoch, confirmed_ms, epoch_retry_ms;
};

struct reply {
	int type; /* hiredis' REDIS_REPLY_… */
	long long n;
	struct slice text; /* of a string, status or error; NUL-terminated */
	struct reply *items;
	size_t items_n;
};

/* A command, appended to what will be sent. */
void redis_put(struct str *out, const char *const *argv, const size_t *lens, size_t n);
/* Send it all and read that many replies, into c->arena. False: closed, and `why` is set. */
bool redis_exchange(struct redis *h, struct arena *a, const struct str *out, struct reply *replies,
	size_t n) MUST;
void redis_hang_up(struct redis *h);
/* Nothing is in flight: is the connection still there? */
bool redis_is_there(struct redis *h) MUST;
/* Connect, by the deadline. False: not connected, and `why` is set. */
bool redis_dial(struct redis *h) MUST;
/* Free what was looked up. */
void redis_dial_done(struct redis *h);

/* Wait for the socket until the operation's deadline. */
bool redis_wait(struct redis *h, short events) MUST;
/* False: what failed. No secret. */
bool redis_fails(struct redis *h, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- the server (state_redis_server.c) ---- */

struct state *redis_new(const struct conf *conf) MUST;
void redis_free(struct state *s);
/* Connect if necessary, and begin an operation's time. False: it can't be asked now. */
bool redis_enter(struct redis *h, struct arena *a) MUST;
/* After a failure: hang up, and don't ask again for a while. False. */
bool redis_give_up(struct redis *h);
/* After an answer. True. */
bool redis_is_well(struct redis *h);
/* Of struct state_home. */
bool redis_ask(struct ctx *c, struct state_server *out) MUST;
/* An error whose code begins so? */
bool redis_is_error(const struct reply *r, const char *code);
/* False: that isn't the answer that it should be. */
bool redis_refused(struct redis *h, const struct reply *r);

/* ---- a call of a script (state_redis_call.c) ---- */

/* Its keys, of which the first is the marks, and its arguments, of which the first is the time. */
struct redis_call {
	struct redis *h;
	struct arena *arena;
	enum redis_script script;
	const char **argv, **keys;
	size_t *lens, *key_lens, n, keys_n;
};

/* keys_max, args_max: with those two. */
struct redis_call redis_call_new(
	struct ctx *c, enum redis_script script, size_t keys_max, size_t args_max);
/* Borrowed, as the texts below. */
void redis_push(struct redis_call *x, const char *p, size_t len);
void redis_push_text(struct redis_call *x, const char *text);
void redis_push_number(struct redis_call *x, int64_t n);
void redis_push_stamp(struct redis_call *x, uint64_t stamp);
/* The key of a record. */
void redis_push_record(struct redis_call *x, const struct state_name *name);
/* Two arguments: a cell's kind, and its field of the marks or the number of its key, which is added. */
void redis_push_cell(struct redis_call *x, const struct state_name *name);
bool redis_is_mark(const struct state_name *name);
const char *redis_field(struct redis_call *x, const struct state_name *name);
/*
 * After redis_enter: ask, and check that the reply is an array of n texts, or of `less`; all but the first may be nil. False: it
 * may or may not have run.
 */
bool redis_call_run(struct redis_call *x, size_t n, size_t less, struct reply *reply) MUST;

#endif

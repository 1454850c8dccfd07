/* SPDX-License-Identifier: MIT */
/*
 * ctx.h - what every function of a request is handed first.
 * One per process, cleaned before each request by the frame (or the command).
 */
#ifndef BASE_CTX_H
#define BASE_CTX_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"

struct db;
struct state;
struct wx_keys;

enum actor_kind {
	ACTOR_ANONYMOUS = 0,
	ACTOR_USER,
	ACTOR_SYSTEM,  /* a service token issued on the command line */
	ACTOR_COMMAND, /* cli/minimall itself */
};

struct actor {
	enum actor_kind kind;
	int64_t user_id, member_id, session_id; /* ACTOR_USER */
	int64_t token_id;                       /* ACTOR_SYSTEM */
	bool administrator;
};

/* What a Bearer token claims; whether it still holds is asked of the domain (app.h). */
struct credential {
	int64_t user_id, session_id;       /* from a JWT; 0 for a service token */
	const unsigned char *token_sha256; /* of an opaque service token; NULL for a JWT */
};

/* The request's Idempotency-Key, if it carried one (shop/books/idempotency.h). */
struct idempotency {
	const char *key;   /* NULL: none */
	const char *route; /* "POST /api/orders", the template */
	unsigned char body_sha256[32];
	bool replayed; /* set when the answer repeats an earlier one */
};

struct ctx {
	struct arena arena;
	const struct conf *conf;
	struct db *db;           /* process-owned */
	struct state *state;     /* process-owned */
	struct wx_keys *wx_keys; /* process-owned; NULL where no provider is used */
	struct actor actor;
	struct idempotency idem;
	const char *
		if_match; /* the states that a PUT or PATCH was meant for (ext/entity.h); NULL: any */
	int64_t now_ms;   /* the time of this request (clock.h) */
	int64_t deadline_ms; /* clock_mono_ms() past which nothing is tried again; 0: none */
	const char *fault;   /* what an error is about, e.g. "items[0].quantity"; NULL: nothing */
};

/* The time of this request in whole seconds. */
static inline int64_t ctx_now_s(const struct ctx *c)
{
	return c->now_ms / SECOND_MS;
}

/*
 * Something that can't be is: a row of the database, the clock, a sum. It ends this one request (500)
 * and is an alarm; a process that serves goes on (BEHAVIOUR 63). `what` says which rule is broken.
 */
enum err violated(const struct ctx *c, const char *what) MUST;
/* The same for what pure arithmetic said: INTERNAL is such a violation, any other e is forwarded. */
enum err judged(const struct ctx *c, enum err e, const char *what) MUST;

/* Raise the caller's fault e, about `what` (a field or resource; NULL for none; borrowed). */
enum err fail(struct ctx *c, enum err e, const char *what) MUST;

#endif

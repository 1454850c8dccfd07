/* SPDX-License-Identifier: MIT */
/*
 * ctx.h - the context of a request, first argument of every function.
 * One per process, reset before each request by the frame (or the command).
 */
#ifndef BASE_CTX_H
#define BASE_CTX_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/conf.h"

struct db;
struct state;
struct spool;
struct unpack_limits;
struct unzip_to;

enum actor_kind {
	ACTOR_ANONYMOUS = 0,
	ACTOR_USER,
	ACTOR_SYSTEM,  /* a service token issued on the command line */
	ACTOR_COMMAND, /* cli/minimall */
};

struct actor {
	enum actor_kind kind;
	int64_t user_id, member_id, session_id; /* ACTOR_USER */
	int64_t token_id;                       /* ACTOR_SYSTEM */
	bool administrator;
};

/* What a Bearer token claims; the domain checks whether it is still valid (app.h). */
struct credential {
	int64_t user_id, session_id;       /* from a JWT; 0 for a service token */
	const unsigned char *token_sha256; /* of an opaque service token; NULL for a JWT */
};

/* The request's Idempotency-Key, if any (shop/books/idempotency.h). */
struct idempotency {
	const char *key;   /* NULL: none */
	const char *route; /* "POST /api/orders", the template */
	unsigned char body_sha256[32];
	bool replayed; /* set when the response repeats an earlier one */
};

struct ctx {
	struct arena arena;
	const struct conf *conf;
	struct db *db;          /* process-owned */
	struct state *state;    /* process-owned */
	void **provider_states; /* process-owned (providers/provider.h); NULL where none is used */
	/* reads zip archives (ext/unpack.h); NULL in programs that link no library for them */
	enum err (*unzip)(const struct spool *file, const struct unpack_limits *limits,
		const struct unzip_to *to, const char **fault);
	struct actor actor;
	struct idempotency idem;
	const char *
		if_match; /* the entity tags that a PUT or PATCH is based on (ext/entity.h); NULL: any */
	int64_t now_ms;      /* the time of this request (clock.h) */
	int64_t deadline_ms; /* clock_mono_ms() after which nothing is retried; 0: none */
	const char *fault; /* field that an error is about, e.g. "items[0].quantity"; NULL: none */
	int64_t retry_at_ms; /* until when an error is certain to last; 0: unknown */
	bool fault_has_max;
	int64_t fault_max; /* the most that this field may be */
};

/* The time of this request in whole seconds. */
static inline int64_t ctx_now_s(const struct ctx *c)
{
	return c->now_ms / SECOND_MS;
}

/*
 * An invariant is invariant_violated: by a row of the database, the clock, a sum. It fails the request (500)
 * and logs an alarm; the process continues (BEHAVIOUR 63). `what` says which rule is broken.
 */
enum err invariant_violated(const struct ctx *c, const char *what) MUST;
/* For results of pure functions, which have no ctx: INTERNAL is a violation, any other e is forwarded. */
enum err invariant_checked(const struct ctx *c, enum err e, const char *what) MUST;

/* Raise the caller's fault e, about `what` (a field or resource; NULL for none; borrowed). */
enum err fail(struct ctx *c, enum err e, const char *what) MUST;
/* Raise e, which lasts until a time: the response says so (Retry-After, retry_at). */
enum err fail_until(struct ctx *c, enum err e, int64_t retry_at_ms) MUST;
/* The same about a number of which `most` would not have been too many. */
enum err fail_above(struct ctx *c, enum err e, const char *what, int64_t most) MUST;

#endif

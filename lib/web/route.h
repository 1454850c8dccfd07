/* SPDX-License-Identifier: MIT */
/*
 * route.h - a route is a row: method, path, role, rate class, handler.
 * An executable's table says everything that the frame must know of it.
 */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "base/ctx.h"
#include "base/str.h"

struct req;
struct resp;

enum method { GET = 1, POST, PUT, PATCH, DELETE, OPTIONS, METHOD_N };

/* Zero denies: a row whose role was forgotten is closed, not open (BEHAVIOUR 4). */
enum role {
	ROLE_NONE = 0,
	ROLE_PUBLIC,   /* anyone; who sends a good token is known */
	ROLE_USER,     /* a signed-in user */
	ROLE_ADMIN,    /* a user with permission_level 1 */
	ROLE_PROVIDER, /* a provider's notification: no token, raw body up to 256 KiB */
};

/* Which limit a route counts against (BEHAVIOUR 51). */
enum rate { RATE_NONE = 0, RATE_READ, RATE_WRITE, RATE_LOGIN, RATE_PAYMENT, RATE_NOTIFY };

enum route_flag {
	ROUTE_IDEMPOTENT = 1, /* takes an Idempotency-Key */
	ROUTE_VOLATILE = 2,   /* public, but true only now: never stored */
};

/*
 * Validate, call the domain, render. Writes to resp only; whatever was written is
 * dropped when it fails.
 */
typedef enum err handler_fn(struct ctx *c, struct req *r, struct resp *w);

struct route {
	enum method method;
	const char *path; /* segments; ":id" is a positive integer, ":no" an order number */
	enum role role;
	enum rate rate;
	handler_fn *handler;
	unsigned flags;
};

enum { ROUTE_PARAMS_MAX = 4 };

struct match {
	const struct route *route; /* NULL: none for this method */
	bool path_known;           /* some method has the path */
	unsigned methods;          /* 1 << method for each of them */
	struct slice params[ROUTE_PARAMS_MAX];
};

/* Find the row for a decoded path. The table ends with a row whose path is NULL. */
struct match route_match(const struct route *routes, enum method method, const char *path);

const char *method_name(enum method m);
/* 0 for an unknown one; HEAD is GET to the table. */
enum method method_of(const char *name);
/* Print the table, a row a line: for tests and the README. */
void route_print(const struct route *routes);

#endif

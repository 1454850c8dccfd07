/* SPDX-License-Identifier: MIT */
/*
 * route.h - a route is a row: method, path, role, rate class, handler, and what it takes and gives.
 * An executable's table says everything that the frame must know of it.
 *
 *	{ PUT, "/api/products/:id", ROLE_ADMIN, RATE_WRITE, DO(update_product), ROUTE_IDEMPOTENT,
 *		.body = CHANGE(struct product, product_change_fields),
 *		.answer = ONE(struct product, product_fields),
 *		.summary = "Change a product" },
 */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "base/ctx.h"
#include "base/page.h"
#include "base/str.h"
#include "ext/json.h"

struct call;

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

/* ---- what a route takes ---- */

enum paging { PAGING_NONE = 0, PAGING_CURSOR, PAGING_NUMBER };

/* A query or a body, read as a struct that begins with `uint64_t has`. */
struct input {
	const struct field *fields; /* NULL: nothing is read */
	size_t size;                /* of the struct */
	enum json_mode mode;        /* JSON_MAKE: F_REQUIRED members must be there */
	bool optional;              /* a body that is empty is as good as {} */
	enum paging paging;         /* a query that asks for a page, ... */
	size_t page_off;            /* ... and where its struct has that */
};

/* clang-format off */
#define INPUT_OF(T, f, ...) { .fields = (f), .size = sizeof(T) + offsetof(T, has) /* 0 */, __VA_ARGS__ }
/* A body that makes something, or a query without which there is no answer. */
#define NEW(T, f)    INPUT_OF(T, f, .mode = JSON_MAKE)
#define QUERY(T, f)  INPUT_OF(T, f, .mode = JSON_MAKE)
/* Each member may be missing: a change of what is named, a narrower answer. */
#define CHANGE(T, f) INPUT_OF(T, f, .mode = JSON_CHANGE)
#define FILTER(T, f) INPUT_OF(T, f, .mode = JSON_CHANGE)
/* The body itself may be missing. */
#define MAYBE(T, f)  INPUT_OF(T, f, .mode = JSON_CHANGE, .optional = true)
/* The filters of a list and its page: T has a struct page or a struct page_number named `page`. */
#define LISTED(T, f) INPUT_OF(T, f, .mode = JSON_CHANGE, .page_off = offsetof(T, page),        \
	.paging = _Generic(((T *)0)->page, struct page: PAGING_CURSOR, struct page_number: PAGING_NUMBER))

/* ---- what it gives ---- */

enum answer_kind {
	ANSWER_FORGOTTEN = 0,
	ANSWER_ONE,             /* an object */
	ANSWER_PAGE,            /* an array, and Link to the next page (handler: struct page_rows) */
	ANSWER_MESSAGE,         /* {"message": ...} */
	ANSWER_EMPTY,           /* no body */
	ANSWER_RAW,             /* what a provider wants to read (handler: struct raw) */
	ANSWER_ENVELOPE,        /* envelope.h's, of an object; with a message where the row has one */
	ANSWER_ENVELOPE_PAGE,   /* of a numbered page (handler: struct page_counted) */
	ANSWER_ENVELOPE_MESSAGE, /* of null and a message */
	ANSWER_KIND_N
};

struct answer {
	enum answer_kind kind;
	const struct field *fields; /* of an object, or of each in an array */
	size_t size;
	const char *name; /* of the table */
};

struct message {
	const char *message;
};
extern const struct field message_fields[];

#define ANSWER_OF(k, T, f)  { .kind = (k), .fields = (f), .size = sizeof(T), .name = #f }
#define ONE(T, f)           ANSWER_OF(ANSWER_ONE, T, f)
#define PAGE(T, f)          ANSWER_OF(ANSWER_PAGE, T, f)
#define ENVELOPE(T, f)      ANSWER_OF(ANSWER_ENVELOPE, T, f)
#define ENVELOPE_PAGE(T, f) ANSWER_OF(ANSWER_ENVELOPE_PAGE, T, f)
#define ENVELOPE_MESSAGE    { .kind = ANSWER_ENVELOPE_MESSAGE }
#define MESSAGE             ANSWER_OF(ANSWER_MESSAGE, struct message, message_fields)
#define EMPTY               { .kind = ANSWER_EMPTY }
#define RAW                 { .kind = ANSWER_RAW }

/* A handler and its name, which is the operation's. */
#define DO(handler) handler, #handler
/* clang-format on */

/* Call the domain with what the frame has read, and fill in what it is to write (call.h). */
typedef enum err handler_fn(struct ctx *c, struct call *k);

struct route {
	enum method method;
	/* segments; ":id" is a positive integer, ":no" an order number, one of each at most */
	const char *path;
	enum role role;
	enum rate rate;
	handler_fn *handler;
	const char *name;
	unsigned flags;
	struct input query, body;
	struct answer answer;
	int status;          /* of success; 0: 200, or 204 for nothing */
	int other_status;    /* with which the same is answered when it isn't well; 0: none */
	const char *message; /* of an answer that has one, unless the handler says another */
	const char *summary; /* what it is for, in a line */
};

struct match {
	const struct route *route; /* NULL: none for this method */
	bool path_known;           /* some method has the path */
	unsigned methods;          /* 1 << method for each of them */
	int64_t id;                /* the path's ":id" */
	struct slice no;           /* its ":no" */
};

/* Find the row for a decoded path. The table ends with a row whose path is NULL. */
struct match route_match(const struct route *routes, enum method method, const char *path);

/* The status of its success. */
int route_status(const struct route *route);
/* What the row lacks that a row of its kind needs; NULL: nothing. */
const char *route_fault(const struct route *route);

const char *method_name(enum method m);
const char *role_name(enum role role);
/* 0 for an unknown one; HEAD is GET to the table. */
enum method method_of(const char *name);
/* Print the table, a row a line: for tests and the README. */
void route_print(const struct route *routes);

#endif

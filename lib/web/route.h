/* SPDX-License-Identifier: MIT */
/*
 * route.h - a route is a row: method, path, role, rate class, handler, input and output. The frame
 * needs nothing but an executable's table.
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

/*
 * Who may call a route. Zero denies: a row without a role is closed (BEHAVIOUR 4). Those that a token
 * identifies are bits, so that a row may have several: ROLE_ADMIN | ROLE_SYSTEM.
 */
enum role {
	ROLE_NONE = 0,
	ROLE_PUBLIC = 1,   /* anyone; a valid token identifies the user */
	ROLE_PROVIDER = 2, /* a provider's notification: no token, raw body up to 256 KiB */
	ROLE_ADMIN = 4,    /* a user with permission_level 1 */
	ROLE_MEMBER = 8,   /* a user without */
	ROLE_SYSTEM = 16,  /* another system, by a service token (shop/people/service_token.h) */
	ROLE_USER = ROLE_MEMBER | ROLE_ADMIN, /* a signed-in user */
};

/* The rate limit of a route (BEHAVIOUR 51). */
enum rate {
	RATE_NONE = 0,
	RATE_READ,
	RATE_QUERY, /* a read that may ask a payment provider */
	RATE_WRITE,
	RATE_LOGIN,
	RATE_PAYMENT,
	RATE_PREPAY, /* a payment of an order at a provider; at intervals */
	RATE_CREATE, /* the same at a provider's own page; also so many per hour and user */
	RATE_NOTIFY,
};

enum route_flag {
	ROUTE_IDEMPOTENT = 1, /* accepts an Idempotency-Key */
	ROUTE_VOLATILE = 2,   /* public, but changes by itself: never stored */
	ROUTE_ANONYMOUS = 4,  /* public, and a token isn't looked at: it needs no database */
};

/* ---- input ---- */

enum paging { PAGING_NONE = 0, PAGING_CURSOR, PAGING_NUMBER };

/* A query or a body, read as a struct that begins with `uint64_t has`. */
struct input {
	const struct field *fields; /* NULL: nothing is read */
	size_t size;                /* of the struct */
	enum json_mode mode;        /* JSON_MAKE: F_REQUIRED members must be present */
	bool optional;              /* an empty body is treated as {} */
	enum paging paging;         /* of a list's query */
	size_t page_off;            /* the offset of its page */
	int64_t page_default; /* PAGING_NUMBER: rows per page without a limit; 0: PAGE_DEFAULT */
};

/* clang-format off */
#define INPUT_OF(T, f, ...) { .fields = (f), .size = sizeof(T) + offsetof(T, has) /* 0 */, __VA_ARGS__ }
/* A body that creates something, or a query with mandatory parameters. */
#define NEW(T, f)    INPUT_OF(T, f, .mode = JSON_MAKE)
#define QUERY(T, f)  INPUT_OF(T, f, .mode = JSON_MAKE)
/* Every member is optional: a partial change, or filters. */
#define CHANGE(T, f) INPUT_OF(T, f, .mode = JSON_CHANGE)
#define FILTER(T, f) INPUT_OF(T, f, .mode = JSON_CHANGE)
/* The body itself is optional. */
#define MAYBE(T, f)  INPUT_OF(T, f, .mode = JSON_CHANGE, .optional = true)
/* The filters of a list and its page: T has a struct page or a struct page_number named `page`. */
#define LISTED(T, f) INPUT_OF(T, f, .mode = JSON_CHANGE, .page_off = offsetof(T, page),        \
	.paging = _Generic(((T *)0)->page, struct page: PAGING_CURSOR, struct page_number: PAGING_NUMBER))
/* The same with numbered pages of n rows by default. */
#define LISTED_BY(T, f, n) INPUT_OF(T, f, .mode = JSON_CHANGE, .page_off = offsetof(T, page),  \
	.paging = PAGING_NUMBER, .page_default = (n))

/* ---- output ---- */

enum answer_kind {
	ANSWER_FORGOTTEN = 0,
	ANSWER_ONE,             /* an object */
	ANSWER_PAGE,            /* an array, and Link to the next page (handler: struct page_rows) */
	ANSWER_MESSAGE,         /* {"message": ...} */
	ANSWER_EMPTY,           /* no body */
	ANSWER_RAW,             /* a raw response for a provider (handler: struct raw) */
	ANSWER_TEXT,            /* a text that isn't JSON (handler: struct raw) */
	ANSWER_ENVELOPE,        /* an object in envelope.h's format; with a message if the row has one */
	ANSWER_ENVELOPE_PAGE,   /* a numbered page (handler: struct page_counted) */
	ANSWER_ENVELOPE_MESSAGE, /* null and a message */
	ANSWER_DATA,            /* {"data": {...}}: contract member-system */
	ANSWER_DATA_LIST,       /* {"data": [...]}: a whole, short list (handler: struct list) */
	ANSWER_DATA_PAGE,       /* {"data": [...]}, and Link to the next page (handler: struct page_rows) */
	ANSWER_KIND_N
};

struct answer {
	enum answer_kind kind;
	const struct field *fields; /* of the object, or of each element */
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
#define DATA(T, f)          ANSWER_OF(ANSWER_DATA, T, f)
#define DATA_LIST(T, f)     ANSWER_OF(ANSWER_DATA_LIST, T, f)
#define DATA_PAGE(T, f)     ANSWER_OF(ANSWER_DATA_PAGE, T, f)
#define MESSAGE             ANSWER_OF(ANSWER_MESSAGE, struct message, message_fields)
#define EMPTY               { .kind = ANSWER_EMPTY }
#define RAW                 { .kind = ANSWER_RAW }
#define PLAIN_TEXT          { .kind = ANSWER_TEXT }

/* A handler and its name, which is the operation's id. */
#define DO(handler) handler, #handler
/* clang-format on */

/* Calls the domain with the parsed input and fills in the result (call.h). */
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
	int status;       /* on success; 0: 200, or 204 without a body */
	int other_status; /* an alternative status of the same response, e.g. not ready; 0: none */
	/* the family of its answers that are kept (cache.h), a literal; NULL: none is */
	const char *cached;
	const char *message; /* of a response with one, unless the handler sets another */
	const char *summary; /* its purpose, in a line */
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

/* The status on success. */
int route_status(const struct route *route);
/* May its answers be stored and revalidated by ETag? */
bool route_is_storable(const struct route *route);
/* What the row lacks that a row of its kind needs; NULL: nothing. */
const char *route_fault(const struct route *route);

const char *method_name(enum method m);
/* "admin+system"; NULL: no set of roles that a row may have. */
const char *role_name(enum role role);
/* 0 for an unknown one; HEAD is treated as GET. */
enum method method_of(const char *name);
/* Print the table, one row per line: for tests and the README. */
void route_print(const struct route *routes);

#endif

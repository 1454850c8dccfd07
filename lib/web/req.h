/* SPDX-License-Identifier: MIT */
/*
 * req.h - the request. Everything is in the request's arena.
 */
#ifndef WEB_REQ_H
#define WEB_REQ_H

#include "base/page.h"
#include "ext/json.h"
#include "ext/state.h"
#include "web/route.h"

struct fcgi;

enum { BODY_MAX = 64 << 10, BODY_MAX_PROVIDER = 256 << 10, IDEMPOTENCY_KEY_MAX = 255 };

/* A parameter of the query, decoded. */
struct param {
	const char *name, *value; /* value NULL: badly encoded */
};

/* The limit that a request came under (rate.h). */
struct rate_limit {
	int64_t max, remaining; /* max 0: none */
	int64_t reset_ms;       /* when one more is left */
};

struct req {
	struct fcgi *fcgi;
	enum method method;
	bool head;                 /* the method was HEAD */
	bool changeable;           /* the path also has PUT */
	const char *path;          /* decoded, without the query */
	const char *query;         /* raw, "" for none */
	const struct param *asked; /* the query: req_read_query(); NULL: not read yet */
	size_t asked_n;
	int64_t id;        /* the path's ":id" */
	struct slice no;   /* its ":no" */
	struct slice body; /* raw */
	const void *input; /* the body as the row's struct; NULL: none yet that is valid */
	const struct route *route;
	/* by rate.h */
	bool counted;
	struct rate_limit limit;
	struct state_limit in_flight; /* taken back when the request ends; max 0: none */
};

/*
 * Read method, path and query from the CGI variables. False: an invalid path; r->path is then its
 * readable part, which determines the family, or NULL.
 */
bool req_read_target(struct ctx *c, struct req *r) MUST;
/*
 * Is it HTTPS according to the web server, or to a proxy of TRUSTED_PROXIES that sends X-Forwarded-Proto?
 * Headers that a client could send are ignored.
 */
bool req_is_secure(const struct ctx *c, const struct req *r) MUST;
/*
 * The client's address according to the web server, or to proxies of TRUSTED_PROXIES (address.h). NULL:
 * it doesn't say.
 */
const char *req_client_ip(struct ctx *c, const struct req *r);
/* A header of the request, or NULL: req_header(r, "HTTP_IDEMPOTENCY_KEY"). */
const char *req_header(const struct req *r, const char *cgi_name);

/* Split the query and decode names and values. Fails: MALFORMED when a name isn't text. */
enum err req_read_query(struct ctx *c, struct req *r) MUST;
/*
 * A query parameter's text, or NULL. Fails: INVALID naming it, when its value isn't text, when it
 * is repeated, or when another differs from it only in case or punctuation (userId, user_id[]): a
 * misspelt filter must not silently widen the result (BEHAVIOUR 65).
 */
enum err req_param(struct ctx *c, struct req *r, const char *name, const char **out) MUST;
/* The query as a struct; an empty parameter is treated as absent. Fails: INVALID naming it. */
enum err req_query(struct ctx *c, struct req *r, const struct field *fields, void *out) MUST;
/*
 * A list's query: its filters (a struct as in req_query), and ?limit= and ?cursor=
 * (BEHAVIOUR 13). Fails: INVALID naming the parameter, including a filter or paging parameter
 * that only other lists support, unless it is empty.
 */
enum err req_list(struct ctx *c, struct req *r, const struct field *filters, void *out,
	struct page *page) MUST;
/* The same with ?page= and ?page_size= (or limit=) of numbered pages. */
enum err req_list_numbered(struct ctx *c, struct req *r, const struct field *filters, void *out,
	struct page_number *page) MUST;
/* The cursor that continues after a key; opaque and signed. */
const char *req_cursor(struct ctx *c, const struct req *r, const int64_t after[2]) MUST;

#endif

/*
 * req.h - what was asked. Everything lives in the request's arena.
 */
#ifndef WEB_REQ_H
#define WEB_REQ_H

#include "base/page.h"
#include "ext/json.h"
#include "web/route.h"

struct fcgi;

enum { BODY_MAX = 64 << 10, BODY_MAX_PROVIDER = 256 << 10 };

struct req {
	struct fcgi *fcgi;
	enum method method;
	bool head;         /* asked by HEAD */
	const char *path;  /* decoded, without the query */
	const char *query; /* raw, "" for none */
	struct slice params[ROUTE_PARAMS_MAX];
	struct slice body; /* raw */
	const struct route *route;
};

/* Take method, path and query from the CGI variables. False: no such path can exist. */
bool req_read_target(struct ctx *c, struct req *r) MUST;
/* Did it come by HTTPS, as the web server says? No header that a client could send counts. */
bool req_is_secure(const struct req *r) MUST;
/* A header of the request, or NULL: req_header(r, "HTTP_IDEMPOTENCY_KEY"). */
const char *req_header(const struct req *r, const char *cgi_name);

/* The i-th ":id" or ":no" of the path; the route's match made sure of its form. */
int64_t req_id(const struct req *r, size_t i);
const char *req_no(struct ctx *c, const struct req *r, size_t i) MUST;

/* The body as a struct. Fails: MALFORMED, INVALID naming the field. */
enum err req_body(struct ctx *c, struct req *r, const struct field *fields, enum json_mode mode,
	void *out) MUST;
/* The query as a struct; an empty parameter is as good as none. Fails: INVALID naming it. */
enum err req_query(struct ctx *c, struct req *r, const struct field *fields, void *out) MUST;
/* A query parameter's decoded text, or NULL. Fails: INVALID when it isn't text. */
enum err req_param(struct ctx *c, const struct req *r, const char *name, const char **out) MUST;
/* ?limit= and ?cursor= (BEHAVIOUR 13). */
enum err req_page(struct ctx *c, struct req *r, struct page *out) MUST;
/* ?page= and ?page_size= (or limit=) of numbered pages (BEHAVIOUR 13). */
enum err req_page_number(struct ctx *c, struct req *r, struct page_number *out) MUST;
/* The cursor that continues after a key; opaque, and forged ones are refused. */
const char *req_cursor(struct ctx *c, const struct req *r, const int64_t after[2]) MUST;

/* Percent-decode (with `plus`, + is a space). NULL: bad encoding, NUL or not UTF-8. */
const char *req_decode(struct ctx *c, struct slice text, bool plus);

#endif

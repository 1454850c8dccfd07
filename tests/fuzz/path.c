/* SPDX-License-Identifier: MIT */
/* A request's target: REQUEST_URI as the web server passes it, decoded and matched with routes. */
#include "ext/fcgi.h"
#include "fuzz.h"
#include "web/req.h"

static const char *uri;

/* stub of ext/fcgi.c */
const char *fcgi_var(const struct fcgi *f, const char *name)
{
	(void)f;
	return strcmp(name, "REQUEST_URI") == 0      ? uri
	       : strcmp(name, "REQUEST_METHOD") == 0 ? "PUT"
						     : NULL;
}
const char *fcgi_var_sole(const struct fcgi *f, const char *name)
{
	return fcgi_var(f, name);
}

static enum err nothing(struct ctx *c, struct call *k)
{
	(void)c;
	(void)k;
	return OK;
}

static const struct route routes[] = {
	{ GET, "/api/orders", ROLE_USER, RATE_READ, DO(nothing) },
	{ PUT, "/api/orders/:no", ROLE_USER, RATE_READ, DO(nothing) },
	{ PUT, "/api/products/:id", ROLE_PUBLIC, RATE_READ, DO(nothing) },
	{ PUT, "/api/x/:id/:no", ROLE_PUBLIC, RATE_READ, DO(nothing) },
	{ .path = NULL },
};

static void match(const struct req *r)
{
	const struct match m = route_match(routes, r->method, r->path);

	HOLDS(m.path_known || m.route == NULL);
	if (m.route == NULL)
		return;
	if (m.route == &routes[1])
		HOLDS(m.id == 0 && m.no.len >= 1);
	if (m.route == &routes[2])
		HOLDS(m.id >= 1 && m.no.len == 0);
	if (m.route == &routes[3])
		HOLDS(m.id >= 1 && m.no.len >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx c = FUZZ_CTX;
	struct req r = { 0 };

	uri = fuzz_text(&c.arena, data, size);
	if (req_read_target(&c, &r)) {
		HOLDS(utf8_count(r.path, strlen(r.path)) >= 0);
		match(&r);
	} else if (r.path != NULL) {
		match(&r); /* the frame derives the family from it */
	}
	arena_done(&c.arena);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* A request's target: REQUEST_URI as the web server hands it over, decoded and matched with routes. */
#include "ext/fcgi.h"
#include "fuzz.h"
#include "web/req.h"

static const char *uri;

/* in place of ext/fcgi.c */
const char *fcgi_var(const struct fcgi *f, const char *name)
{
	(void)f;
	return strcmp(name, "REQUEST_URI") == 0      ? uri
	       : strcmp(name, "REQUEST_METHOD") == 0 ? "PUT"
						     : NULL;
}

static enum err nothing(struct ctx *c, struct req *r, struct resp *w)
{
	(void)c;
	(void)r;
	(void)w;
	return OK;
}

static const struct route routes[] = {
	{ GET, "/api/orders", ROLE_USER, RATE_READ, nothing, 0 },
	{ PUT, "/api/orders/:no", ROLE_USER, RATE_READ, nothing, 0 },
	{ PUT, "/api/products/:id", ROLE_PUBLIC, RATE_READ, nothing, 0 },
	{ PUT, "/api/x/:id/:no/:id/:no", ROLE_PUBLIC, RATE_READ, nothing, 0 },
	{ .path = NULL },
};

static void match(struct ctx *c, struct req *r)
{
	const struct match m = route_match(routes, r->method, r->path);

	HOLDS(m.path_known || m.route == NULL);
	if (m.route == NULL)
		return;
	memcpy(r->params, m.params, sizeof(r->params));
	if (m.route == &routes[1])
		HOLDS(req_no(c, r, 0)[0] != '\0');
	if (m.route == &routes[2])
		HOLDS(req_id(r, 0) >= 1);
	if (m.route == &routes[3])
		HOLDS(req_id(r, 0) >= 1 && req_id(r, 2) >= 1 && req_no(c, r, 3)[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctx c = FUZZ_CTX;
	struct req r = { 0 };

	uri = fuzz_text(&c.arena, data, size);
	if (req_read_target(&c, &r)) {
		HOLDS(utf8_count(r.path, strlen(r.path)) >= 0);
		match(&c, &r);
	} else if (r.path != NULL) {
		match(&c, &r); /* the frame tells the family by it */
	}
	arena_done(&c.arena);
	return 0;
}

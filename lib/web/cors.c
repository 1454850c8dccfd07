/* SPDX-License-Identifier: MIT */
#include "web/cors.h"

static bool is_allowed(const char *origins, const char *origin)
{
	const size_t len = strlen(origin);

	for (const char *p = origins; *p != '\0';) {
		size_t n;

		p += strspn(p, ", ");
		n = strcspn(p, ", ");
		if (n > 0 && n == len && memcmp(p, origin, n) == 0)
			return true;
		p += n;
	}
	return false;
}

void cors_headers(struct ctx *c, const struct req *r, struct resp *w)
{
	const char *origin = req_header(r, "HTTP_ORIGIN");

	if (c->conf->cors_origins[0] == '\0')
		return;
	resp_header(w, "Vary", "Origin");
	if (origin == NULL || !is_allowed(c->conf->cors_origins, origin))
		return;
	resp_header(w, "Access-Control-Allow-Origin", origin);
	resp_header(w, "Access-Control-Expose-Headers",
		"ETag, Link, X-Request-Id, Idempotent-Replayed, Retry-After, X-RateLimit-Limit, "
		"X-RateLimit-Remaining, X-RateLimit-Reset");
}

const char *cors_methods(struct ctx *c, unsigned methods)
{
	struct str s = str_new(&c->arena, 128);

	for (int m = GET; m < METHOD_N; m++)
		if (methods & 1U << m)
			str_addf(&s, "%s%s%s", s.len > 0 ? ", " : "", method_name((enum method)m),
				m == GET ? ", HEAD" : "");
	str_addf(&s, ", OPTIONS");
	return str_text(&s);
}

void cors_preflight(struct ctx *c, const struct req *r, unsigned methods, struct resp *w)
{
	const char *origin = req_header(r, "HTTP_ORIGIN");

	w->status = 204;
	resp_header(w, "Allow", cors_methods(c, methods));
	if (origin == NULL || !is_allowed(c->conf->cors_origins, origin))
		return;
	resp_header(w, "Access-Control-Allow-Methods", cors_methods(c, methods));
	resp_header(w, "Access-Control-Allow-Headers",
		"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match");
	resp_header(w, "Access-Control-Max-Age", "600");
}

/* SPDX-License-Identifier: MIT */
/* A page's cursor: the input as a cursor (forged, except for seeds), and as the key of a valid one. */
#include "ext/fcgi.h"
#include "fuzz.h"
#include "web/req.h"

/* stub of ext/fcgi.c: no header is read here */
const char *fcgi_var(const struct fcgi *f, const char *name)
{
	(void)f;
	(void)name;
	return NULL;
}
const char *fcgi_var_sole(const struct fcgi *f, const char *name)
{
	return fcgi_var(f, name);
}

static const struct field no_filters[] = { FIELD_END };
static const struct route route = { .method = GET, .path = "/api/orders" };

static bool take(struct ctx *c, const char *cursor, struct page *page)
{
	struct str query = str_new(&c->arena, 1 << 20);
	struct req r = { .method = GET, .path = "/api/orders", .route = &route };
	uint64_t has[1];

	str_adds(&query, "cursor=");
	str_add_url(&query, cursor);
	r.query = str_text(&query);
	return !query.overflow && req_read_query(c, &r) == OK &&
	       req_list(c, &r, no_filters, has, page) == OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct req r = { .method = GET, .path = "/api/orders", .route = &route };
	struct ctx c = FUZZ_CTX;
	const char *text = fuzz_text(&c.arena, data, size);
	int64_t after[2];
	struct page page;

	if (take(&c, text, &page) && text[0] != '\0')
		HOLDS(strcmp(req_cursor(&c, &r, page.after), text) == 0);
	if (size >= sizeof(after)) {
		memcpy(after, data, sizeof(after));
		HOLDS(take(&c, req_cursor(&c, &r, after), &page));
		HOLDS(memcmp(page.after, after, sizeof(after)) == 0);
	}
	arena_done(&c.arena);
	return 0;
}

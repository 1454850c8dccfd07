/* SPDX-License-Identifier: MIT */
/* A query string: split, decoded, and read as a list's filters. */
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

struct filters {
	uint64_t has;
	const char *q;
	int64_t user_id, status;
	timestamp created_from, created_to;
	money price;
	bool active;
};
static const struct field filter_fields[] = {
	INPUT(struct filters, q, 0, 50, F_TRIM),
	INPUT(struct filters, user_id, 1, INT64_MAX - 1, 0),
	INPUT(struct filters, status, 0, 5, 0),
	INPUT(struct filters, created_from, 0, 0, F_DAY_OR_TIME),
	INPUT(struct filters, created_to, 0, 0, F_DAY_OR_TIME | F_DAY_END),
	INPUT(struct filters, price, 0, MONEY_MAX_FEN, 0),
	INPUT(struct filters, active, 0, 0, 0),
	FIELD_END,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct route route = { .method = GET, .path = "/api/orders" };
	struct ctx c = FUZZ_CTX;
	struct req r = { .method = GET,
		.path = "/api/orders",
		.query = fuzz_text(&c.arena, data, size),
		.route = &route };
	struct filters in = { 0 };
	struct page_number number;
	struct page page;

	if (req_read_query(&c, &r) == OK) {
		if (req_list(&c, &r, filter_fields, &in, &page) == OK) {
			HOLDS(page.limit >= 1 && page.limit <= PAGE_MAX);
			HOLDS(in.status >= 0 && in.status <= 5 && in.user_id >= 0);
			HOLDS(in.price.fen >= 0 && in.price.fen <= MONEY_MAX_FEN);
		}
		if (req_list_numbered(&c, &r, filter_fields, &in, &number) == OK)
			HOLDS(number.page >= 1 && number.size >= 1 && number.size <= PAGE_MAX);
	}
	arena_done(&c.arena);
	return 0;
}

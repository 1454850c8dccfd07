/* SPDX-License-Identifier: MIT */
/*
 * resp.h - the response, buffered until the handler returned OK.
 */
#ifndef WEB_RESP_H
#define WEB_RESP_H

#include "base/page.h"
#include "web/req.h"

/*
 * The longest response. A list with a cursor is cut into pages of RESP_PAGE_MAX; a numbered
 * page can't be: 500 rows with texts of 5,000 characters, each escaped as six, fit.
 */
#define RESP_MAX      ((size_t)16 << 20)
#define RESP_PAGE_MAX ((size_t)8 << 20)

struct resp {
	int status;
	const char *content_type; /* NULL: no body */
	const char *
		tag; /* of the entity, where it isn't the whole body (call_about), or known; NULL */
	const char *next; /* of a list: the cursor of its next page; NULL */
	struct str headers, body;
};

struct resp resp_new(struct ctx *c);
/* Values must be safe: our own, or already encoded. */
void resp_header(struct resp *w, const char *name, const char *value);

/* A response that isn't ours to shape: a provider's, or a text. Its text lives until it is written. */
struct raw {
	const char *content_type, *text;
};

/* A JSON text; its bytes are in the arena, and become the response's. */
void resp_json(struct resp *w, struct slice text);
/* Link to the page at w->next, if there is one, with the filters of the request. */
enum err resp_link_next(struct ctx *c, struct req *r, struct resp *w) MUST;
/* One object. */
void resp_one(struct resp *w, const struct field *fields, const void *row);
/*
 * A bare array of at most RESP_PAGE_MAX (but at least one row), with a Link to the next page if
 * there is one; filters are kept.
 */
enum err resp_page(struct ctx *c, struct req *r, struct resp *w, const struct field *fields,
	size_t size, const struct page_rows *rows) MUST;
/* The same in {"data": …}, as the contract member-system shows them. */
void resp_data(struct resp *w, const struct field *fields, const void *row);
void resp_data_list(
	struct resp *w, const struct field *fields, size_t size, const struct list *list);
enum err resp_data_page(struct ctx *c, struct req *r, struct resp *w, const struct field *fields,
	size_t size, const struct page_rows *rows) MUST;
void resp_raw(struct resp *w, const struct raw *raw);

#endif

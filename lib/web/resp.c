/* SPDX-License-Identifier: MIT */
#include "web/resp.h"

#define JSON_TYPE "application/json; charset=utf-8"

struct resp resp_new(struct ctx *c)
{
	return (struct resp){
		.status = 200,
		.headers = str_new(&c->arena, 16 << 10),
		.body = str_new(&c->arena, RESP_MAX),
	};
}

void resp_header(struct resp *w, const char *name, const char *value)
{
	str_addf(&w->headers, "%s: %s\r\n", name, value);
}

void resp_json(struct resp *w, struct slice text)
{
	w->content_type = JSON_TYPE;
	w->body.p = (char *)(uintptr_t)text.p;
	w->body.len = w->body.cap = text.len; /* whatever is added moves it */
}

void resp_one(struct resp *w, const struct field *fields, const void *row)
{
	w->content_type = JSON_TYPE;
	json_write(&w->body, fields, row);
}

/* "</api/products?": the path as matched, but never "//", which would name another host. */
static void add_path(struct str *link, const char *path)
{
	str_addc(link, '<');
	for (const char *p = path; *p != '\0'; p++)
		if (*p != '/' || (p[1] != '/' && p[1] != '\0'))
			str_addc(link, *p);
	str_addc(link, '?');
}

/* The same list after a key: path-absolute, with its filters (DESIGN.md 1, Lists). */
enum err resp_link_next(struct ctx *c, struct req *r, struct resp *w)
{
	struct str link = str_new(&c->arena, 12 << 10);

	if (w->next == NULL)
		return OK;
	TRY(req_read_query(c, r));
	add_path(&link, r->path);
	for (size_t i = 0; i < r->asked_n; i++) {
		const struct param *param = &r->asked[i];

		if (param->name[0] == '\0' || param->value == NULL ||
			strcmp(param->name, "cursor") == 0)
			continue;
		str_add_url(&link, param->name);
		str_addc(&link, '=');
		str_add_url(&link, param->value);
		str_addc(&link, '&');
	}
	str_addf(&link, "cursor=%s>; rel=\"next\"", w->next);
	if (!link.overflow)
		resp_header(w, "Link", str_text(&link));
	return link.overflow ? fail(c, ERR_INVALID, "query") : OK;
}

/* Write as many rows of an array as fit, at least one; returns their number. */
static int64_t write_rows(
	struct str *body, const struct field *fields, size_t size, const struct list *list)
{
	int64_t n = 0;

	str_addc(body, '[');
	for (; n < list->n; n++) {
		const size_t len = body->len;

		if (n > 0)
			str_addc(body, ',');
		json_write(body, fields, (const char *)list->rows + (size_t)n * size);
		if (n > 0 && (body->overflow || body->len > RESP_PAGE_MAX)) {
			str_cut(body, len);
			break;
		}
	}
	str_addc(body, ']');
	return n;
}

enum err resp_page(struct ctx *c, struct req *r, struct resp *w, const struct field *fields,
	size_t size, const struct page_rows *rows)
{
	int64_t after[2] = { 0 }, n;
	const char *last;

	w->content_type = JSON_TYPE;
	n = write_rows(&w->body, fields, size, &rows->list);
	if (n == 0 || (n == rows->list.n && !rows->more))
		return OK;
	last = (const char *)rows->list.rows + (size_t)(n - 1) * size;
	for (size_t i = 0; i < rows->keys; i++)
		memcpy(&after[i], last + rows->key_off[i], sizeof(after[i]));
	w->next = req_cursor(c, r, after);
	return resp_link_next(c, r, w);
}

static void begin_data(struct resp *w)
{
	w->content_type = JSON_TYPE;
	str_adds(&w->body, "{\"data\":");
}

void resp_data(struct resp *w, const struct field *fields, const void *row)
{
	begin_data(w);
	json_write(&w->body, fields, row);
	str_addc(&w->body, '}');
}

void resp_data_list(
	struct resp *w, const struct field *fields, size_t size, const struct list *list)
{
	begin_data(w);
	json_write_rows(&w->body, fields, list->rows, size, list->n);
	str_addc(&w->body, '}');
}

enum err resp_data_page(struct ctx *c, struct req *r, struct resp *w, const struct field *fields,
	size_t size, const struct page_rows *rows)
{
	begin_data(w);
	TRY(resp_page(c, r, w, fields, size, rows));
	str_addc(&w->body, '}');
	return OK;
}

void resp_raw(struct resp *w, const struct raw *raw)
{
	w->content_type = raw->content_type;
	str_adds(&w->body, raw->text);
}

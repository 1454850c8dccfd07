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

enum err resp_one(struct resp *w, int status, const struct field *fields, const void *row)
{
	w->status = status;
	w->content_type = JSON_TYPE;
	json_write(&w->body, fields, row);
	return OK;
}

/* "</api/products?": as it was matched, but never "//", which would name another host. */
static void add_path(struct str *link, const char *path)
{
	str_addc(link, '<');
	for (const char *p = path; *p != '\0'; p++)
		if (*p != '/' || (p[1] != '/' && p[1] != '\0'))
			str_addc(link, *p);
	str_addc(link, '?');
}

/* The same list after the last key: path-absolute, its filters kept (DESIGN.md 1, Lists). */
static enum err add_next_link(
	struct ctx *c, struct req *r, struct resp *w, const struct page_rows *rows)
{
	struct str link = str_new(&c->arena, 12 << 10);
	const char *p = r->query;

	add_path(&link, r->path);
	while (*p != '\0') {
		size_t len = strcspn(p, "&#"), name_len = strcspn(p, "=&#");
		struct slice name = { p, name_len };

		if (name_len > 0 && !slice_is(name, "cursor")) {
			const char *value = len > name_len
						    ? req_decode(c,
							      (struct slice){ p + name_len + 1,
								      len - name_len - 1 },
							      true)
						    : "";
			const char *key = req_decode(c, name, true);

			if (value != NULL && key != NULL) {
				str_add_url(&link, key);
				str_addc(&link, '=');
				str_add_url(&link, value);
				str_addc(&link, '&');
			}
		}
		p += len;
		if (*p == '#')
			break;
		p += *p == '&';
	}
	str_addf(&link, "cursor=%s>; rel=\"next\"", req_cursor(c, r, rows->last));
	if (!link.overflow)
		resp_header(w, "Link", str_text(&link));
	return link.overflow ? fail(c, ERR_INVALID, "query") : OK;
}

enum err resp_page(struct ctx *c, struct req *r, struct resp *w, const struct field *fields,
	size_t size, const struct page_rows *rows)
{
	w->content_type = JSON_TYPE;
	json_write_rows(&w->body, fields, rows->list.rows, size, rows->list.n);
	return rows->more ? add_next_link(c, r, w, rows) : OK;
}

enum err resp_message(struct resp *w, const char *text)
{
	w->content_type = JSON_TYPE;
	str_adds(&w->body, "{\"message\":");
	str_add_json(&w->body, text, strlen(text));
	str_addc(&w->body, '}');
	return OK;
}

enum err resp_empty(struct resp *w)
{
	w->status = 204;
	w->content_type = NULL;
	return OK;
}

enum err resp_json(struct resp *w, int status, const char *json)
{
	w->status = status;
	w->content_type = JSON_TYPE;
	str_adds(&w->body, json);
	return OK;
}

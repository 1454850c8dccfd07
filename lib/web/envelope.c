/* SPDX-License-Identifier: MIT */
#include "web/envelope.h"

const struct field pagination_fields[] = {
	FIELD(struct pagination, total),
	FIELD(struct pagination, page),
	FIELD(struct pagination, page_size),
	FIELD_END,
};

static void begin(struct resp *w)
{
	w->content_type = "application/json; charset=utf-8";
	str_adds(&w->body, "{\"success\":true,\"code\":\"OK\",\"data\":");
}

static void end(struct resp *w, const char *message)
{
	if (message != NULL) {
		str_adds(&w->body, ",\"message\":");
		str_add_json(&w->body, message, strlen(message));
	}
	str_addc(&w->body, '}');
}

void envelope_one(struct resp *w, const struct field *fields, const void *row, const char *message)
{
	begin(w);
	json_write(&w->body, fields, row);
	end(w, message);
}

void envelope_message(struct resp *w, const char *message)
{
	begin(w);
	str_adds(&w->body, "null");
	end(w, message);
}

void envelope_page(struct resp *w, const struct field *fields, size_t size,
	const struct page_number *page, const struct page_counted *rows)
{
	begin(w);
	json_write_rows(&w->body, fields, rows->list.rows, size, rows->list.n);
	str_adds(&w->body, ",\"meta\":{\"pagination\":");
	json_write(&w->body, pagination_fields,
		&(struct pagination){ rows->total, page->page, page->size });
	str_addc(&w->body, '}');
	end(w, NULL);
}

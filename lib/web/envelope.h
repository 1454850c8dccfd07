/* SPDX-License-Identifier: MIT */
/*
 * envelope.h - responses of the membership-orders contract: {"success": true, "code": "OK",
 * "data": …, "message"?: …, "meta"?: …}. Its errors are dialect.h's.
 */
#ifndef WEB_ENVELOPE_H
#define WEB_ENVELOPE_H

#include "web/resp.h"

struct pagination {
	int64_t total, page, page_size;
};
extern const struct field pagination_fields[];

/* One object; message may be NULL. */
void envelope_one(struct resp *w, const struct field *fields, const void *row, const char *message);
/* data is null. */
void envelope_message(struct resp *w, const char *message);
/* An array, and in meta.pagination the page and the total. */
void envelope_page(struct resp *w, const struct field *fields, size_t size,
	const struct page_number *page, const struct page_counted *rows);

#endif

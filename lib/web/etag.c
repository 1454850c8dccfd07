/* SPDX-License-Identifier: MIT */
#include "web/etag.h"

#include "ext/entity.h"

void etag_apply(struct ctx *c, const struct req *r, struct resp *w, bool storable)
{
	const char *known = req_header(r, "HTTP_IF_NONE_MATCH"), *tag = w->tag;

	if (tag == NULL)
		tag = entity_tag_of(c, (struct slice){ str_text(&w->body), w->body.len });
	resp_header(w, "ETag", tag);
	if (!storable || known == NULL || !entity_is_listed(known, tag, true))
		return;
	w->status = 304;
	w->content_type = NULL;
	w->body = str_new(&c->arena, 1);
}

/* SPDX-License-Identifier: MIT */
#include "web/call.h"

#include "ext/entity.h"
#include "web/cache.h"
#include "web/envelope.h"
#include "web/rate.h"

/* ---- input ---- */

static enum err has_all(struct ctx *c, const struct field *fields, const void *in)
{
	for (const struct field *f = fields; f->name != NULL; f++)
		if ((f->flags & F_REQUIRED) && !field_has(fields, in, f->name))
			return fail(c, ERR_INVALID, f->name);
	return OK;
}

/* The page in the struct of a list's query. */
static void *page_of(const struct route *route, void *query)
{
	return (char *)query + route->query.page_off;
}

static enum err read_query(struct ctx *c, struct req *r, void *out)
{
	const struct input *in = &r->route->query;

	switch (in->paging) {
	case PAGING_CURSOR:
		return req_list(c, r, in->fields, out, page_of(r->route, out));
	case PAGING_NUMBER:
		return req_list_numbered(c, r, in->fields, out, page_of(r->route, out));
	case PAGING_NONE:
		break;
	}
	TRY(req_query(c, r, in->fields, out));
	return in->mode == JSON_MAKE ? has_all(c, in->fields, out) : OK;
}

static enum err read_body(struct ctx *c, struct req *r, void *out)
{
	const struct input *in = &r->route->body;

	if (in->optional && r->body.len == 0)
		return OK;
	return json_read_checked(c, r->body, in->fields, in->mode, out); /* by the frame */
}

/* ---- output ---- */

/* The handler's result, where it isn't the row's struct. */
static const size_t filled[ANSWER_KIND_N] = {
	[ANSWER_PAGE] = sizeof(struct page_rows),
	[ANSWER_ENVELOPE_PAGE] = sizeof(struct page_counted),
	[ANSWER_DATA_LIST] = sizeof(struct list),
	[ANSWER_DATA_PAGE] = sizeof(struct page_rows),
	[ANSWER_RAW] = sizeof(struct raw),
	[ANSWER_TEXT] = sizeof(struct raw),
};

void call_about(struct ctx *c, struct call *k, const struct field *fields, const void *row)
{
	k->tag = entity_tag(c, fields, row);
}

static enum err write_answer(struct ctx *c, struct req *r, const struct call *k, struct resp *w)
{
	const struct answer *a = &r->route->answer;

	w->status = k->status;
	w->tag = k->tag;
	switch (a->kind) {
	case ANSWER_ONE:
		resp_one(w, a->fields, k->answer);
		break;
	case ANSWER_PAGE:
		return resp_page(c, r, w, a->fields, a->size, k->answer);
	case ANSWER_MESSAGE:
		resp_one(w, message_fields, &(struct message){ k->message });
		break;
	case ANSWER_RAW:
	case ANSWER_TEXT:
		resp_raw(w, k->answer);
		break;
	case ANSWER_ENVELOPE:
		envelope_one(w, a->fields, k->answer, k->message);
		break;
	case ANSWER_ENVELOPE_PAGE:
		envelope_page(w, a->fields, a->size, page_of(r->route, k->query), k->answer);
		break;
	case ANSWER_ENVELOPE_MESSAGE:
		envelope_message(w, k->message);
		break;
	case ANSWER_DATA:
		resp_data(w, a->fields, k->answer);
		break;
	case ANSWER_DATA_LIST:
		resp_data_list(w, a->fields, a->size, k->answer);
		break;
	case ANSWER_DATA_PAGE:
		return resp_data_page(c, r, w, a->fields, a->size, k->answer);
	case ANSWER_EMPTY:
	case ANSWER_FORGOTTEN:
	case ANSWER_KIND_N:
		break;
	}
	return OK;
}

enum err call_run(struct ctx *c, struct req *r, struct resp *w)
{
	const struct route *route = r->route;
	const size_t size =
		filled[route->answer.kind] != 0 ? filled[route->answer.kind] : route->answer.size;
	struct call k = {
		.id = r->id,
		.no = arena_dup(&c->arena, r->no.p, r->no.len),
		.query = arena_alloc(&c->arena, route->query.size),
		.body = arena_alloc(&c->arena, route->body.size),
		.answer = arena_alloc(&c->arena, size),
		.message = route->message,
		.status = route_status(route),
		.req = r,
	};
	struct state_ticket ticket;

	if (route->query.fields != NULL)
		TRY(read_query(c, r, k.query));
	if (route->body.fields != NULL)
		TRY(read_body(c, r, k.body));
	r->input = k.body;
	TRY(rate_valid(c, r));
	if (cache_find(c, &k, &ticket, w))
		return resp_link_next(c, r, w);
	TRY(route->handler(c, &k));
	TRY(write_answer(c, r, &k, w));
	cache_store(c, &k, &ticket, w);
	return OK;
}

/* SPDX-License-Identifier: MIT */
#include "web/cache.h"

#include "ext/entity.h"

/*
 * A change invalidates at once; this is for one whose process was killed between its commit and that, and for rows that
 * were changed by hand.
 */
#define KEPT_MS (30 * SECOND_MS)

/* A given filter as text. False: it can't be part of a key. */
static bool add_filter(struct str *id, const struct field *f, const void *query)
{
	if (f->type != F_I64)
		return false;
	str_addf(id, "%s=%lld&", f->name,
		(long long)*(const int64_t *)(const void *)((const char *)query + f->off));
	return true;
}

static bool add_query(struct str *id, const struct input *in, const void *query)
{
	const uint64_t has = *(const uint64_t *)query;
	const struct page *page = (const void *)((const char *)query + in->page_off);

	for (unsigned i = 0; in->fields[i].name != NULL; i++)
		if ((has & UINT64_C(1) << i) && !add_filter(id, &in->fields[i], query))
			return false;
	if (in->paging == PAGING_CURSOR)
		str_addf(id, "%lld,%lld,%lld", (long long)page->limit, (long long)page->after[0],
			(long long)page->after[1]);
	return true;
}

/* The key of an answer; false: none is kept. */
static bool key_of(struct ctx *c, const struct call *k, struct state_key *key)
{
	const struct route *route = k->req->route;
	struct str id = str_new(&c->arena, STATE_ID_MAX);

	if (route->cached == NULL || c->actor.administrator)
		return false;
	if (k->id > 0)
		str_addf(&id, "%lld", (long long)k->id);
	if (route->query.fields != NULL && !add_query(&id, &route->query, k->query))
		return false;
	*key = (struct state_key){ route->cached, { str_text(&id), id.len } };
	return !id.overflow;
}

/* The bytes up to the next line break; *rest is advanced past it. */
static struct slice next_line(struct slice *rest)
{
	const char *end = rest->len > 0 ? memchr(rest->p, '\n', rest->len) : NULL;
	struct slice line = { rest->p, end != NULL ? (size_t)(end - rest->p) : rest->len };
	const size_t past = end != NULL ? line.len + 1 : line.len;

	*rest = (struct slice){ rest->p + past, rest->len - past };
	return line;
}

bool cache_find(struct ctx *c, const struct call *k, struct state_ticket *ticket, struct resp *w)
{
	struct slice value, tag, next;
	struct state_key key;

	*ticket = (struct state_ticket){ 0 };
	if (!key_of(c, k, &key) || !state_get(c, key, ticket, &value))
		return false;
	tag = next_line(&value);
	next = next_line(&value);
	w->tag = arena_dup(&c->arena, tag.p, tag.len);
	w->next = next.len > 0 ? arena_dup(&c->arena, next.p, next.len) : NULL;
	resp_json(w, value);
	return true;
}

static bool is_empty_list(const struct call *k)
{
	const struct page_rows *rows = k->answer;

	return k->req->route->answer.kind == ANSWER_PAGE && rows->list.n == 0;
}

void cache_store(
	struct ctx *c, const struct call *k, const struct state_ticket *ticket, struct resp *w)
{
	const struct slice body = { str_text(&w->body), w->body.len };
	struct str value = str_new(&c->arena, STATE_VALUE_MAX);

	if (ticket->slot == 0 || w->status != 200 || w->body.overflow || is_empty_list(k))
		return;
	if (w->tag == NULL)
		w->tag = entity_tag_of(c, body);
	str_addf(&value, "%s\n%s\n", w->tag, w->next != NULL ? w->next : "");
	str_add(&value, body.p, body.len);
	if (!value.overflow && !c->arena.exhausted)
		state_set(c, ticket, (struct slice){ str_text(&value), value.len }, KEPT_MS);
}

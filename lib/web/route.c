/* SPDX-License-Identifier: MIT */
#include "web/route.h"

#include <stdio.h>

#include "base/str.h"

const struct field message_fields[] = { FIELD(struct message, message), FIELD_END };

static const char *const method_names[METHOD_N] = {
	[GET] = "GET",
	[POST] = "POST",
	[PUT] = "PUT",
	[PATCH] = "PATCH",
	[DELETE] = "DELETE",
	[OPTIONS] = "OPTIONS",
};

/* The sets of roles that a row may have. */
static const struct {
	enum role role;
	const char *name;
} roles[] = {
	{ ROLE_NONE, "nobody" },
	{ ROLE_PUBLIC, "public" },
	{ ROLE_PROVIDER, "provider" },
	{ ROLE_USER, "user" },
	{ ROLE_ADMIN, "admin" },
	{ ROLE_USER | ROLE_SYSTEM, "user+system" },
	{ ROLE_ADMIN | ROLE_SYSTEM, "admin+system" },
};

static const char *const rate_names[] = {
	[RATE_NONE] = "none",
	[RATE_READ] = "read",
	[RATE_QUERY] = "query",
	[RATE_WRITE] = "write",
	[RATE_LOGIN] = "login",
	[RATE_PAYMENT] = "payment",
	[RATE_PREPAY] = "prepay",
	[RATE_CREATE] = "create",
	[RATE_NOTIFY] = "notify",
};

const char *method_name(enum method m)
{
	return method_names[m];
}

enum method method_of(const char *name)
{
	if (strcmp(name, "HEAD") == 0)
		return GET;
	for (int m = GET; m < METHOD_N; m++)
		if (strcmp(name, method_names[m]) == 0)
			return (enum method)m;
	return 0;
}

/* The next segment of a path; *p is advanced past it. */
static struct slice next_segment(const char **p)
{
	struct slice s;

	while (**p == '/')
		(*p)++;
	s.p = *p;
	s.len = strcspn(*p, "/");
	*p += s.len;
	return s;
}

static bool is_order_no(struct slice s)
{
	if (s.len < 1 || s.len > 64)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
			    s.p[i]) == NULL)
			return false;
	return true;
}

static bool segment_fits(struct slice pattern, struct slice s, struct match *m)
{
	if (pattern.p[0] != ':')
		return pattern.len == s.len && memcmp(pattern.p, s.p, s.len) == 0;
	if (slice_is(pattern, ":id"))
		return str_to_i64(s, INT64_MAX - 1, &m->id) && m->id > 0;
	m->no = s;
	return is_order_no(s);
}

static bool path_fits(const char *pattern, const char *path, struct match *m)
{
	for (;;) {
		struct slice want = next_segment(&pattern), have = next_segment(&path);

		if (want.len == 0 || have.len == 0)
			return want.len == have.len;
		if (!segment_fits(want, have, m))
			return false;
	}
}

struct match route_match(const struct route *routes, enum method method, const char *path)
{
	struct match m = { 0 };

	for (const struct route *r = routes; r->path != NULL; r++) {
		struct match here = { 0 };

		if (!path_fits(r->path, path, &here))
			continue;
		m.path_known = true;
		m.methods |= 1U << r->method;
		if (r->method == method && m.route == NULL) {
			m.route = r;
			m.id = here.id;
			m.no = here.no;
		}
	}
	return m;
}

const char *role_name(enum role role)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (roles[i].role == role)
			return roles[i].name;
	return NULL;
}

/* Has the struct room for all that its table names? */
static bool fits(const struct field *fields, size_t size)
{
	for (const struct field *f = fields; f != NULL && f->name != NULL; f++)
		if (f->off >= size)
			return false;
	return true;
}

/* What an answer needs of the rest of its row. */
static const char *answer_fault(const struct route *r)
{
	switch (r->answer.kind) {
	case ANSWER_PAGE:
	case ANSWER_DATA_PAGE:
		return r->query.paging == PAGING_CURSOR ? NULL : "a page without a cursor";
	case ANSWER_ENVELOPE_PAGE:
		return r->query.paging == PAGING_NUMBER ? NULL : "a page without a number";
	case ANSWER_MESSAGE:
	case ANSWER_ENVELOPE_MESSAGE:
		return r->message != NULL ? NULL : "no message";
	case ANSWER_RAW:
		return r->role == ROLE_PROVIDER ? NULL : "a raw answer to anybody";
	case ANSWER_FORGOTTEN:
		return "no answer";
	case ANSWER_ONE:
	case ANSWER_ENVELOPE:
	case ANSWER_DATA:
	case ANSWER_DATA_LIST:
	case ANSWER_EMPTY:
	case ANSWER_TEXT:
	case ANSWER_KIND_N:
		break;
	}
	return NULL;
}

const char *route_fault(const struct route *r)
{
	if (r->role == ROLE_NONE || role_name(r->role) == NULL)
		return "no role";
	if (r->handler == NULL || r->name == NULL)
		return "no handler";
	if (r->summary == NULL)
		return "no summary";
	if ((r->flags & ROUTE_ANONYMOUS) && r->role != ROLE_PUBLIC)
		return "a role for whoever isn't asked who it is";
	if (r->method == GET && (r->body.fields != NULL || (r->flags & ROUTE_IDEMPOTENT)))
		return "a GET that changes something";
	if ((r->method == PUT || r->method == PATCH) && r->body.fields == NULL)
		return "a change without a body";
	if (!fits(r->query.fields, r->query.size) || !fits(r->body.fields, r->body.size) ||
		!fits(r->answer.fields, r->answer.size))
		return "a table of another struct";
	if (r->cached != NULL &&
		(!route_is_storable(r) || route_status(r) != 200 ||
			r->query.paging == PAGING_NUMBER || strstr(r->path, ":no") != NULL))
		return "answers that can't be kept";
	return answer_fault(r);
}

bool route_is_storable(const struct route *route)
{
	return route->role == ROLE_PUBLIC && route->method == GET &&
	       !(route->flags & ROUTE_VOLATILE);
}

int route_status(const struct route *route)
{
	if (route->status != 0)
		return route->status;
	return route->answer.kind == ANSWER_EMPTY ? 204 : 200;
}

void route_print(const struct route *routes)
{
	for (const struct route *r = routes; r->path != NULL; r++)
		printf("%-7s %-40s %-9s %-8s%s\n", method_names[r->method], r->path,
			role_name(r->role), rate_names[r->rate],
			r->flags & ROUTE_IDEMPOTENT ? " idempotent" : "");
}

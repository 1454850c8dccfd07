/* SPDX-License-Identifier: MIT */
/* openapi_error.c - error responses, by the route's row, err.def and the dialect of the path. */
#include "web/openapi_internal.h"

#include "base/json_out.h"
#include "web/dialect.h"
#include "web/rate.h"
#include "web/schema.h"

enum { STATUS_MIN = 400, STATUS_MAX = 599 };

static const struct {
	int status;
	const char *phrase;
} phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 204, "No Content" },
	{ 304, "Not Modified" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 409, "Conflict" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 500, "Internal Server Error" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
};

const char *openapi_phrase(int status)
{
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Error";
}

/* Can the route fail with a cause of this status (err.def)? */
static bool can_fail(const struct route *r, int status)
{
	const bool changes = r->method != GET;
	const bool asks = r->query.fields != NULL;
	const bool pays =
		r->rate == RATE_PAYMENT || r->rate == RATE_PREPAY || r->rate == RATE_CREATE;
	const bool calls_provider = r->rate == RATE_LOGIN || pays;

	switch (status) {
	case 400: /* a query that is not text */
	case 403: /* without HTTPS */
	case 500:
		return true;
	case 401:
		return r->role != ROLE_PUBLIC || r->rate == RATE_LOGIN;
	case 404:
		return strchr(r->path, ':') != NULL || r->body.fields != NULL || asks;
	case 409:
		return changes || (asks && r->query.mode == JSON_MAKE);
	case 413:
		return changes;
	case 412:
		return r->method == PUT || r->method == PATCH;
	case 415:
		return changes && r->role != ROLE_PROVIDER;
	case 422:
		return pays;
	case 429:
		return r->rate == RATE_LOGIN || rate_is_limited(r->rate) ||
		       rate_limits_failures(r->rate);
	case 502:
		return calls_provider;
	case 503:
		return r->rate != RATE_NONE;
	default: /* 405 is a path's, not an operation's */
		return false;
	}
}

/* Does a cause have this status? */
static bool has_status(const struct dialect *d, int status, const struct route *by)
{
	for (int e = OK + 1; e < ERR_N; e++)
		if (dialect_wire(d, (enum err)e).status == status &&
			(by == NULL || can_fail(by, err_info((enum err)e)->status)))
			return true;
	return false;
}

static const char *response_name(struct arena *a, const struct dialect *d, int status)
{
	return arena_printf(a, "%s%d", d->name, status);
}

static const char *schema_name(struct arena *a, const struct dialect *d)
{
	return arena_printf(a, "%sError", d->name);
}

void openapi_put_refs(struct str *s, const struct route *r)
{
	const struct dialect *d = dialect_of(r->path);

	for (int status = STATUS_MIN; status <= STATUS_MAX; status++) {
		if (status == r->other_status || !has_status(d, status, r))
			continue;
		schema_ref(s, arena_printf(s->arena, "%d", status), "responses",
			response_name(s->arena, d, status));
	}
	schema_ref(s, "default", "responses", schema_name(s->arena, d));
}

static bool is_first_of_its_dialect(const struct route *routes, const struct route *r)
{
	for (const struct route *other = routes; other != r; other++)
		if (dialect_of(other->path) == dialect_of(r->path))
			return false;
	return true;
}

void openapi_put_schemas(struct str *s, const struct route *routes)
{
	for (const struct route *r = routes; r->path != NULL; r++) {
		const struct dialect *d = dialect_of(r->path);

		if (d->fields != NULL && is_first_of_its_dialect(routes, r))
			schema_object(s, schema_name(s->arena, d), d->fields, SCHEMA_OUT);
	}
}

/* The causes of a status, one per line. */
static const char *describe(struct arena *a, const struct dialect *d, int status)
{
	struct str s = str_new(a, 16 << 10);

	str_addf(&s, "%s\n", openapi_phrase(status));
	for (int e = OK + 1; e < ERR_N; e++) {
		const struct wire_error w = dialect_wire(d, (enum err)e);

		if (w.status == status)
			str_addf(&s, "\n- `%s`: %s", w.cause != NULL ? w.cause : w.code, w.text);
	}
	return str_text(&s);
}

/* The codes of a status, each once; web servers in front have others from 500 on. */
static void put_codes(struct str *s, const struct dialect *d, int status)
{
	const char *last = "";

	json_put_object(s, "code");
	json_put_array(s, status < 500 ? "enum" : "examples");
	for (int e = OK + 1; e < ERR_N; e++) {
		const struct wire_error w = dialect_wire(d, (enum err)e);

		if (w.status == status && strcmp(w.code, last) != 0)
			json_put_text(s, NULL, last = w.code);
	}
	json_end_array(s);
	json_end_object(s);
}

/* Does the dialect show the cause? */
static bool shows_cause(const struct field *fields)
{
	if (fields == NULL)
		return false;
	for (const struct field *f = fields; f->name != NULL; f++)
		if (f->type == F_OBJECT ? shows_cause(f->sub)
					: f->off == offsetof(struct wire_error, code))
			return true;
	return false;
}

/* The codes of a status, at the dialect's nesting depth. */
static void narrow(struct str *s, const char *name, const struct field *fields,
	const struct dialect *d, int status)
{
	json_put_object(s, name);
	json_put_object(s, "properties");
	if (fields[0].type == F_OBJECT)
		narrow(s, fields[0].name, fields[0].sub, d, status);
	else
		put_codes(s, d, status);
	json_end_object(s);
	json_end_object(s);
}

/* status 0: any */
static void put_content(struct str *s, const struct dialect *d, int status)
{
	json_put_object(s, "content");
	json_put_object(s, d->fields != NULL ? "application/json" : "text/plain");
	if (d->fields != NULL) {
		json_put_object(s, "schema");
		json_put_array(s, "allOf");
		schema_ref(s, NULL, "schemas", schema_name(s->arena, d));
		if (status != 0 && shows_cause(d->fields))
			narrow(s, NULL, d->fields, d, status);
		json_end_array(s);
		json_end_object(s);
	}
	json_end_object(s);
	json_end_object(s);
}

static void put_response(struct str *s, const struct dialect *d, int status)
{
	json_put_object(s, response_name(s->arena, d, status));
	json_put_text(s, "description", describe(s->arena, d, status));
	json_put_object(s, "headers");
	schema_ref(s, "X-Request-Id", "headers", "X-Request-Id");
	if (status == 401 && shows_cause(d->fields))
		schema_ref(s, "WWW-Authenticate", "headers", "WWW-Authenticate");
	if (status == 429)
		openapi_put_limit(s);
	if (status == 409 || status == 429 || status == 503)
		schema_ref(s, "Retry-After", "headers", "Retry-After");
	json_end_object(s);
	put_content(s, d, status);
	json_end_object(s);
}

void openapi_put_responses(struct str *s, const struct route *routes)
{
	json_put_object(s, "responses");
	for (const struct route *r = routes; r->path != NULL; r++) {
		const struct dialect *d = dialect_of(r->path);

		if (!is_first_of_its_dialect(routes, r))
			continue;
		for (int status = STATUS_MIN; status <= STATUS_MAX; status++)
			if (has_status(d, status, NULL))
				put_response(s, d, status);
		json_put_object(s, schema_name(s->arena, d));
		json_put_text(s, "description", "What the web server refuses by itself.");
		put_content(s, d, 0);
		json_end_object(s);
	}
	json_end_object(s);
}

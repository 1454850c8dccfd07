/* SPDX-License-Identifier: MIT */
#include "web/openapi.h"

#include <ctype.h>
#include <stdio.h>

#include "base/json_out.h"
#include "base/version.h"
#include "web/envelope.h"
#include "web/openapi_internal.h"
#include "web/rate.h"
#include "web/schema.h"

#define DOCUMENT_MAX ((size_t)4 << 20)

/* ---- names ---- */

/* "product_full_fields" is ProductFull, "update_product" with "Request" UpdateProductRequest. */
static const char *camel(struct arena *a, const char *name, const char *end)
{
	static const char suffix[] = "_fields";
	struct str s = str_new(a, 256);
	const size_t len = strlen(name), cut = sizeof(suffix) - 1;
	const size_t n = len > cut && strcmp(name + len - cut, suffix) == 0 ? len - cut : len;

	for (size_t i = 0; i < n; i++)
		if (name[i] != '_')
			str_addc(
				&s, i > 0 && name[i - 1] != '_' ? name[i] : (char)toupper(name[i]));
	str_adds(&s, end);
	return str_text(&s);
}

/* "/api/products/:id" is "/api/products/{id}". */
static const char *braced(struct arena *a, const char *path)
{
	struct str s = str_new(a, 256);
	bool inside = false;

	for (const char *p = path; *p != '\0'; p++) {
		if (*p == '/' && inside)
			str_addc(&s, '}');
		inside = *p == ':' || (inside && *p != '/');
		str_addc(&s, *p == ':' ? '{' : *p);
	}
	if (inside)
		str_addc(&s, '}');
	return str_text(&s);
}

/* ---- an operation's input ---- */

/* Does its response have an ETag? As in app.c. */
static bool is_tagged(const struct route *routes, const struct route *r)
{
	bool changeable = false;

	for (const struct route *other = routes; other->path != NULL; other++)
		if (other->method == PUT && strcmp(other->path, r->path) == 0)
			changeable = true;
	return route_is_storable(r) || (r->method == GET && changeable);
}

static void put_query(struct str *s, const struct input *query)
{
	for (const struct field *f = query->fields; f != NULL && f->name != NULL; f++) {
		if (!(f->flags & F_IN))
			continue;
		json_put_object(s, NULL);
		json_put_text(s, "name", f->name);
		json_put_text(s, "in", "query");
		if (query->mode == JSON_MAKE && (f->flags & F_REQUIRED))
			json_put_bool(s, "required", true);
		schema_field(s, "schema", f, SCHEMA_NEW);
		json_end_object(s);
	}
	if (query->paging != PAGING_NONE)
		schema_ref(s, NULL, "parameters", "limit");
	if (query->paging == PAGING_CURSOR)
		schema_ref(s, NULL, "parameters", "cursor");
	if (query->paging == PAGING_NUMBER) {
		schema_ref(s, NULL, "parameters", "page");
		schema_ref(s, NULL, "parameters", "page_size");
	}
}

static void put_input_of(struct str *s, const struct route *r)
{
	json_put_array(s, "parameters");
	if (strstr(r->path, "/:id") != NULL)
		schema_ref(s, NULL, "parameters", "id");
	if (strstr(r->path, "/:no") != NULL)
		schema_ref(s, NULL, "parameters", "no");
	put_query(s, &r->query);
	if (r->flags & ROUTE_IDEMPOTENT)
		schema_ref(s, NULL, "parameters", "Idempotency-Key");
	if (r->method == PUT || r->method == PATCH)
		schema_ref(s, NULL, "parameters", "If-Match");
	if (route_is_storable(r))
		schema_ref(s, NULL, "parameters", "If-None-Match");
	json_end_array(s);
}

static void put_body(struct str *s, const struct route *r)
{
	if (r->body.fields == NULL && r->role != ROLE_PROVIDER)
		return;
	json_put_object(s, "requestBody");
	json_put_bool(s, "required", !r->body.optional);
	json_put_object(s, "content");
	json_put_object(s, r->role == ROLE_PROVIDER ? "*/*" : "application/json");
	if (r->body.fields != NULL)
		schema_ref(s, "schema", "schemas", camel(s->arena, r->name, "Request"));
	json_end_object(s);
	json_end_object(s);
	json_end_object(s);
}

/* ---- its output ---- */

/* One of the members of an envelope (envelope.c). */
static void put_constant(struct str *s, const char *name, const char *json)
{
	json_put_object(s, name);
	json_put_name(s, "const");
	str_adds(s, json);
	json_end_object(s);
}

static void put_meta(struct str *s)
{
	json_put_object(s, "meta");
	json_put_text(s, "type", "object");
	json_put_object(s, "properties");
	schema_object(s, "pagination", pagination_fields, SCHEMA_OUT);
	json_end_object(s);
	json_put_array(s, "required");
	json_put_text(s, NULL, "pagination");
	json_end_array(s);
	json_put_bool(s, "additionalProperties", false);
	json_end_object(s);
}

static void put_array_of(struct str *s, const char *name, const char *schema)
{
	json_put_object(s, name);
	json_put_text(s, "type", "array");
	schema_ref(s, "items", "schemas", schema);
	json_end_object(s);
}

static void put_envelope(struct str *s, const struct route *r, const char *schema)
{
	static const struct field message = { .type = F_STR };
	const bool paged = r->answer.kind == ANSWER_ENVELOPE_PAGE;

	json_put_object(s, "schema");
	json_put_text(s, "type", "object");
	json_put_object(s, "properties");
	put_constant(s, "success", "true");
	put_constant(s, "code", "\"OK\"");
	if (paged)
		put_array_of(s, "data", schema);
	else if (r->answer.kind == ANSWER_ENVELOPE)
		schema_ref(s, "data", "schemas", schema);
	else
		put_constant(s, "data", "null");
	if (r->message != NULL)
		schema_field(s, "message", &message, SCHEMA_OUT);
	if (paged)
		put_meta(s);
	json_end_object(s);
	json_put_array(s, "required");
	json_put_text(s, NULL, "success");
	json_put_text(s, NULL, "code");
	json_put_text(s, NULL, "data");
	if (r->message != NULL)
		json_put_text(s, NULL, "message");
	if (paged)
		json_put_text(s, NULL, "meta");
	json_end_array(s);
	json_put_bool(s, "additionalProperties", false);
	json_end_object(s);
}

/* {"data": …} */
static void put_data(struct str *s, const struct route *r, const char *schema)
{
	json_put_object(s, "schema");
	json_put_text(s, "type", "object");
	json_put_object(s, "properties");
	if (r->answer.kind == ANSWER_DATA)
		schema_ref(s, "data", "schemas", schema);
	else
		put_array_of(s, "data", schema);
	json_end_object(s);
	json_put_array(s, "required");
	json_put_text(s, NULL, "data");
	json_end_array(s);
	json_put_bool(s, "additionalProperties", false);
	json_end_object(s);
}

static void put_schema(struct str *s, const struct route *r)
{
	const struct answer *a = &r->answer;
	const char *schema = a->name != NULL ? camel(s->arena, a->name, "") : "";

	switch (a->kind) {
	case ANSWER_ONE:
	case ANSWER_MESSAGE:
		schema_ref(s, "schema", "schemas", schema);
		break;
	case ANSWER_PAGE:
		put_array_of(s, "schema", schema);
		break;
	case ANSWER_ENVELOPE:
	case ANSWER_ENVELOPE_PAGE:
	case ANSWER_ENVELOPE_MESSAGE:
		put_envelope(s, r, schema);
		break;
	case ANSWER_DATA:
	case ANSWER_DATA_LIST:
	case ANSWER_DATA_PAGE:
		put_data(s, r, schema);
		break;
	case ANSWER_TEXT:
		json_put_object(s, "schema");
		json_put_text(s, "type", "string");
		json_end_object(s);
		break;
	case ANSWER_RAW:
	case ANSWER_EMPTY:
	case ANSWER_FORGOTTEN:
	case ANSWER_KIND_N:
		break;
	}
}

/* Where it isn't JSON. */
static const char *const media_types[ANSWER_KIND_N] = {
	[ANSWER_RAW] = "*/*",
	[ANSWER_TEXT] = "text/plain",
};

static void put_content(struct str *s, const struct route *r)
{
	if (r->answer.kind == ANSWER_EMPTY)
		return;
	json_put_object(s, "content");
	json_put_object(s, media_types[r->answer.kind] != NULL ? media_types[r->answer.kind]
							       : "application/json");
	put_schema(s, r);
	json_end_object(s);
	json_end_object(s);
}

static void put_answer(struct str *s, const struct route *routes, const struct route *r, int status)
{
	json_put_object(s, arena_printf(s->arena, "%d", status));
	json_put_text(s, "description", openapi_phrase(status));
	json_put_object(s, "headers");
	schema_ref(s, "X-Request-Id", "headers", "X-Request-Id");
	if (is_tagged(routes, r) && status < 400)
		schema_ref(s, "ETag", "headers", "ETag");
	if ((r->answer.kind == ANSWER_PAGE || r->answer.kind == ANSWER_DATA_PAGE) && status == 200)
		schema_ref(s, "Link", "headers", "Link");
	if (r->flags & ROUTE_IDEMPOTENT)
		schema_ref(s, "Idempotent-Replayed", "headers", "Idempotent-Replayed");
	if (rate_is_limited(r->rate))
		openapi_put_limit(s);
	if (status == 503)
		schema_ref(s, "Retry-After", "headers", "Retry-After");
	json_end_object(s);
	if (status != 304)
		put_content(s, r);
	json_end_object(s);
}

static void put_responses_of(struct str *s, const struct route *routes, const struct route *r)
{
	json_put_object(s, "responses");
	put_answer(s, routes, r, route_status(r));
	if (route_is_storable(r))
		put_answer(s, routes, r, 304);
	if (r->other_status != 0)
		put_answer(s, routes, r, r->other_status);
	openapi_put_refs(s, r);
	json_end_object(s);
}

/* ---- the document ---- */

/* Security: none; an optional token; or a token. */
static void put_security(struct str *s, const struct app *app, const struct route *r)
{
	const bool asks =
		app->identify != NULL && r->role != ROLE_PROVIDER && !(r->flags & ROUTE_ANONYMOUS);

	json_put_array(s, "security");
	if (asks && r->role == ROLE_PUBLIC) {
		json_put_object(s, NULL);
		json_end_object(s);
	}
	if (asks) {
		json_put_object(s, NULL);
		json_put_array(s, "bearer");
		json_end_array(s);
		json_end_object(s);
	}
	json_end_array(s);
	json_put_text(s, "x-role", role_name(r->role));
}

static void put_operation(struct str *s, const struct app *app, const struct route *r)
{
	struct str method = str_new(s->arena, 8);

	for (const char *p = method_name(r->method); *p != '\0'; p++)
		str_addc(&method, (char)tolower(*p));
	json_put_object(s, str_text(&method));
	json_put_text(s, "operationId", r->name);
	json_put_text(s, "summary", r->summary);
	json_put_array(s, "tags");
	json_put_text(s, NULL, app->name);
	json_end_array(s);
	put_security(s, app, r);
	put_input_of(s, r);
	put_body(s, r);
	put_responses_of(s, app->routes, r);
	json_end_object(s);
}

static bool is_first_of_its_path(const struct route *routes, const struct route *r)
{
	for (const struct route *other = routes; other != r; other++)
		if (strcmp(other->path, r->path) == 0)
			return false;
	return true;
}

static void put_paths(struct str *s, const struct app *app)
{
	json_put_object(s, "paths");
	for (const struct route *r = app->routes; r->path != NULL; r++) {
		if (!is_first_of_its_path(app->routes, r))
			continue;
		json_put_object(s, braced(s->arena, r->path));
		for (const struct route *other = r; other->path != NULL; other++)
			if (strcmp(other->path, r->path) == 0)
				put_operation(s, app, other);
		json_end_object(s);
	}
	json_end_object(s);
}

static bool is_first_of_its_table(const struct route *routes, const struct route *r)
{
	for (const struct route *other = routes; other != r; other++)
		if (other->answer.fields == r->answer.fields)
			return false;
	return true;
}

static void put_schemas(struct str *s, const struct route *routes)
{
	json_put_object(s, "schemas");
	for (const struct route *r = routes; r->path != NULL; r++) {
		const struct answer *a = &r->answer;

		if (r->body.fields != NULL)
			schema_object(s, camel(s->arena, r->name, "Request"), r->body.fields,
				r->body.mode == JSON_MAKE ? SCHEMA_NEW : SCHEMA_CHANGE);
		if (a->fields != NULL && is_first_of_its_table(routes, r))
			schema_object(s, camel(s->arena, a->name, ""), a->fields, SCHEMA_OUT);
	}
	openapi_put_schemas(s, routes);
	json_end_object(s);
}

static void put_components(struct str *s, const struct route *routes)
{
	json_put_object(s, "components");
	put_schemas(s, routes);
	openapi_put_responses(s, routes);
	openapi_put_shared(s);
	json_end_object(s);
}

static void put_info(struct str *s)
{
	const size_t version = strcspn(minimall_version, "+"); /* without the commit */

	json_put_text(s, "openapi", "3.1.0");
	json_put_object(s, "info");
	json_put_text(s, "title", "minimall");
	json_put_name(s, "version");
	str_add_json(s, minimall_version, version);
	json_put_object(s, "license");
	json_put_text(s, "name", "MIT");
	json_put_text(s, "identifier", "MIT");
	json_end_object(s);
	json_end_object(s);
}

bool openapi_print(const struct app *app)
{
	struct arena arena = { 0 };
	struct str s = str_new(&arena, DOCUMENT_MAX);
	bool good = true;

	for (const struct route *r = app->routes; r->path != NULL; r++) {
		const char *fault = route_fault(r);

		if (fault == NULL)
			continue;
		fprintf(stderr, "%s %s: %s\n", method_name(r->method), r->path, fault);
		good = false;
	}
	if (good) {
		json_put_object(&s, NULL);
		put_info(&s);
		put_paths(&s, app);
		put_components(&s, app->routes);
		json_end_object(&s);
		puts(str_text(&s));
		good = !s.overflow;
	}
	arena_done(&arena);
	return good;
}

/* SPDX-License-Identifier: MIT */
/* openapi_shared.c - the components of an OpenAPI document that don't depend on its routes. */
#include "base/json_out.h"
#include "web/openapi_internal.h"
#include "web/req.h"
#include "web/schema.h"

#define NUMBER(lo, hi)                                                                             \
	{                                                                                          \
		.type = F_I64, .flags = F_IN, .min = (lo), .max = (hi)                             \
	}
#define TEXT(lo, hi)                                                                               \
	{                                                                                          \
		.type = F_STR, .flags = F_IN, .min = (lo), .max = (hi)                             \
	}

/* clang-format off */
static const struct parameter {
	const char *name, *in, *description;
	const char *pattern; /* NULL: any */
	struct field value;
} parameters[] = {
	{ "id", "path", "Id of the resource.", NULL, NUMBER(1, INT64_MAX - 1) },
	{ "no", "path", "Number of the order or refund.", "^[A-Za-z0-9_-]+$", TEXT(1, 64) },
	{ "limit", "query", "Rows per page; values above 500 count as 500.", NULL, NUMBER(1, INT32_MAX) },
	{ "cursor", "query", "End of the previous page, from its Link header.", NULL, TEXT(1, 64) },
	{ "page", "query", "Page number.", NULL, NUMBER(1, INT32_MAX) },
	{ "page_size", "query", "Same as limit, and overrides it.", NULL, NUMBER(1, INT32_MAX) },
	{ "Idempotency-Key", "header", "A repeated request with the same key is executed once.", "^[!-~]+$", TEXT(1, IDEMPOTENCY_KEY_MAX) },
	{ "If-Match", "header", "ETags of the versions that the change applies to.", NULL, TEXT(1, 4096) },
	{ "If-None-Match", "header", "ETags of the copies that the client has.", NULL, TEXT(1, 4096) },
};
/* clang-format on */
_Static_assert(PAGE_MAX == 500, "the description of limit says so");

static const struct {
	const char *name, *description;
} headers[] = {
	{ "X-Request-Id", "Id of the request, as in the log." },
	{ "ETag", "Version of the resource, for If-Match and If-None-Match." },
	{ "Link", "The next page, as rel=\"next\"; absent on the last page." },
	{ "Idempotent-Replayed", "`true` if an earlier response is repeated." },
	{ "X-RateLimit-Limit",
		"How many requests are allowed in the window of the limit nearest to refusal." },
	{ "X-RateLimit-Remaining", "How many of them are left." },
	{ "X-RateLimit-Reset", "When the oldest of them leaves the window, in Unix seconds." },
	{ "Retry-After", "Seconds to wait before retrying." },
	{ "WWW-Authenticate", "`Bearer`" },
};

static void put_parameter(struct str *s, const struct parameter *p)
{
	json_put_object(s, p->name);
	json_put_text(s, "name", p->name);
	json_put_text(s, "in", p->in);
	json_put_text(s, "description", p->description);
	if (strcmp(p->in, "path") == 0)
		json_put_bool(s, "required", true);
	json_put_object(s, "schema");
	schema_keywords(s, &p->value, SCHEMA_NEW);
	if (p->pattern != NULL)
		json_put_text(s, "pattern", p->pattern);
	json_end_object(s);
	json_end_object(s);
}

static void put_header(struct str *s, const char *name, const char *description)
{
	static const struct field text = { .type = F_STR };

	json_put_object(s, name);
	json_put_text(s, "description", description);
	schema_field(s, "schema", &text, SCHEMA_OUT);
	json_end_object(s);
}

void openapi_put_limit(struct str *s)
{
	static const char limit[] = "X-RateLimit-";

	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		if (str_starts(headers[i].name, limit))
			schema_ref(s, headers[i].name, "headers", headers[i].name);
}

static void put_security(struct str *s)
{
	json_put_object(s, "securitySchemes");
	json_put_object(s, "bearer");
	json_put_text(s, "type", "http");
	json_put_text(s, "scheme", "bearer");
	json_end_object(s);
	json_end_object(s);
}

void openapi_put_shared(struct str *s)
{
	json_put_object(s, "parameters");
	for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
		put_parameter(s, &parameters[i]);
	json_end_object(s);
	json_put_object(s, "headers");
	for (size_t i = 0; i < ARRAY_LEN(headers); i++)
		put_header(s, headers[i].name, headers[i].description);
	json_end_object(s);
	put_security(s);
}

/* SPDX-License-Identifier: MIT */
#include "web/dialect.h"

enum dialect { SHOP, MEMBERSHIP_ORDERS, MEMBERSHIP_STATUS, MEMBER_SYSTEM, RENEWAL, WECHAT, ALIPAY };

struct prefix {
	const char *path;
	enum dialect dialect;
};

static const struct prefix prefixes[] = {
	{ "/api/membership/plans", MEMBERSHIP_ORDERS },
	{ "/api/membership/orders", MEMBERSHIP_ORDERS },
	{ "/api/v1/member-system", MEMBER_SYSTEM },
	{ "/membership", MEMBERSHIP_STATUS },
	{ "/payment", MEMBERSHIP_STATUS },
	{ "/v1/payment", RENEWAL },
	{ "/api/payment/wxpay/notify", WECHAT },
	{ "/api/payment/alipay/notify", ALIPAY },
};

/* Where a dialect names or ranks a whole class of causes otherwise than err.def. */
struct override {
	enum dialect dialect;
	int from, to; /* HTTP statuses, inclusive */
	int status;   /* 0: unchanged */
	const char *code;
};

static const struct override overrides[] = {
	{ MEMBERSHIP_ORDERS, 400, 400, 0, "VALIDATION_ERROR" },
	{ MEMBERSHIP_ORDERS, 401, 401, 0, "UNAUTHORIZED" },
	{ MEMBERSHIP_ORDERS, 403, 403, 0, "FORBIDDEN" },
	{ MEMBERSHIP_ORDERS, 404, 404, 0, "NOT_FOUND" },
	{ MEMBERSHIP_ORDERS, 409, 409, 422, "VALIDATION_ERROR" },
	{ MEMBERSHIP_ORDERS, 412, 422, 0, "VALIDATION_ERROR" },
	{ MEMBERSHIP_ORDERS, 500, 599, 0, "SERVER_ERROR" },
	{ MEMBER_SYSTEM, 400, 400, 0, "INVALID_REQUEST_FORMAT" },
	{ MEMBER_SYSTEM, 401, 401, 0, "AUTHENTICATION_REQUIRED" },
	{ MEMBER_SYSTEM, 403, 403, 0, "PERMISSION_DENIED" },
	{ MEMBER_SYSTEM, 412, 415, 0, "INVALID_REQUEST_FORMAT" },
	{ MEMBER_SYSTEM, 429, 429, 0, "RATE_LIMIT_EXCEEDED" },
	{ MEMBER_SYSTEM, 500, 599, 0, "INTERNAL_SERVER_ERROR" },
	{ RENEWAL, 400, 400, 0, "VALIDATION_ERROR" },
	{ RENEWAL, 401, 401, 0, "INVALID_TOKEN" },
	{ RENEWAL, 429, 429, 0, "RATE_LIMIT_EXCEEDED" },
	{ RENEWAL, 500, 599, 0, "PAYMENT_FAILED" },
};

/* Is it the prefix or below, segment by segment? As for routes, slashes count once. */
static bool is_below(const char *path, const char *prefix)
{
	while (*prefix != '\0') {
		if (*path != *prefix)
			return false;
		if (*path++ == '/')
			path += strspn(path, "/");
		prefix++;
	}
	return *path == '/' || *path == '\0';
}

static enum dialect dialect_of(const char *path)
{
	enum dialect best = SHOP;
	size_t best_len = 0;

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		size_t len = strlen(prefixes[i].path);

		if (len > best_len && is_below(path, prefixes[i].path)) {
			best = prefixes[i].dialect;
			best_len = len;
		}
	}
	return best;
}

static void add_text(struct str *s, const char *name, const char *value)
{
	str_addf(s, "\"%s\":", name);
	str_add_json(s, value, strlen(value));
}

static void write_flat(struct ctx *c, struct str *b, const struct wire_error *e, bool success,
	const char *request_id)
{
	str_adds(b, success ? "{\"success\":false," : "{");
	add_text(b, "code", e->code);
	str_addc(b, ',');
	add_text(b, "message", e->text);
	if (c->fault != NULL) {
		str_addc(b, ',');
		add_text(b, "field", c->fault);
	}
	if (strcmp(e->cause, e->code) != 0) {
		str_addc(b, ',');
		add_text(b, "cause", e->cause);
	}
	str_addc(b, ',');
	add_text(b, "request_id", request_id);
	str_addc(b, '}');
}

static void write_nested(
	struct ctx *c, struct str *b, const struct wire_error *e, const char *request_id)
{
	str_adds(b, "{\"error\":{");
	add_text(b, "code", e->code);
	str_addc(b, ',');
	add_text(b, "message", e->text);
	str_adds(b, ",\"details\":{");
	if (c->fault != NULL) {
		add_text(b, "field", c->fault);
		str_addc(b, ',');
	}
	if (strcmp(e->cause, e->code) != 0) {
		add_text(b, "cause", e->cause);
		str_addc(b, ',');
	}
	add_text(b, "request_id", request_id);
	str_adds(b, "}}}");
}

static void write_body(struct ctx *c, enum dialect d, const struct wire_error *e,
	const char *request_id, struct resp *w)
{
	w->content_type = "application/json; charset=utf-8";
	switch (d) {
	case SHOP:
		write_flat(c, &w->body, e, false, request_id);
		return;
	case MEMBERSHIP_ORDERS:
	case MEMBERSHIP_STATUS:
		write_flat(c, &w->body, e, true, request_id);
		return;
	case MEMBER_SYSTEM:
	case RENEWAL:
		write_nested(c, &w->body, e, request_id);
		return;
	case WECHAT:
		str_adds(&w->body, "{\"code\":\"FAIL\",");
		add_text(&w->body, "message", e->text);
		str_addc(&w->body, '}');
		return;
	case ALIPAY:
		w->content_type = "text/plain; charset=utf-8";
		str_adds(&w->body, "fail");
		return;
	}
}

struct wire_error dialect_error(
	struct ctx *c, const char *path, enum err e, const char *request_id, struct resp *w)
{
	const enum dialect d = dialect_of(path);
	const struct err_info *info = err_info(e);
	struct wire_error out = { info->status, info->code, info->code, info->text };

	for (size_t i = 0; i < ARRAY_LEN(overrides); i++) {
		const struct override *o = &overrides[i];

		if (o->dialect == d && info->status >= o->from && info->status <= o->to) {
			out.status = o->status != 0 ? o->status : info->status;
			out.code = o->code;
		}
	}
	if (c->fault != NULL)
		out.text = arena_printf(&c->arena, "%s: %s", info->text, c->fault);
	*w = resp_new(c);
	w->status = out.status;
	write_body(c, d, &out, request_id, w);
	if (out.status == 401 && d != WECHAT)
		resp_header(w, "WWW-Authenticate", "Bearer");
	if (out.status == 429)
		resp_header(w, "Retry-After", "60");
	return out;
}

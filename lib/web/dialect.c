/* SPDX-License-Identifier: MIT */
#include "web/dialect.h"

#include <stdio.h>

enum { SHOP, MEMBERSHIP_ORDERS, MEMBERSHIP_STATUS, MEMBER_SYSTEM, RENEWAL, WECHAT, ALIPAY };

/* The web server's own errors have the same shape without request_id (tests/lint/errors.sh). */
/* clang-format off */
#define MESSAGE_FIELD { .name = "message", FIELD_AT(struct wire_error, text) }
#define WHAT_FIELDS                                                                            \
	FIELD_WITH(struct wire_error, field, .flags = F_OMIT),                                 \
	FIELD_WITH(struct wire_error, max, .flags = F_OMIT),                                   \
	FIELD_WITH(struct wire_error, cause, .flags = F_OMIT),                                 \
	FIELD_WITH(struct wire_error, retry_at, .flags = F_OMIT),                              \
	FIELD_WITH(struct wire_error, request_id, .flags = F_OMIT)

static const struct field shop_fields[] = {
	FIELD(struct wire_error, code), MESSAGE_FIELD, WHAT_FIELDS, FIELD_END,
};
static const struct field flat_fields[] = {
	FIELD(struct wire_error, success), FIELD(struct wire_error, code), MESSAGE_FIELD, WHAT_FIELDS, FIELD_END,
};
static const struct field details_fields[] = {
	FIELD_WITH(struct wire_error, code, .flags = F_HIDDEN), WHAT_FIELDS, FIELD_END,
};
static const struct field error_fields[] = {
	FIELD(struct wire_error, code), MESSAGE_FIELD,
	{ .name = "details", .type = F_OBJECT, .sub = details_fields }, FIELD_END,
};
static const struct field nested_fields[] = {
	{ .name = "error", .type = F_OBJECT, .sub = error_fields }, FIELD_END,
};
static const char *const verdicts[] = { "FAIL", NULL };
static const struct field wechat_fields[] = {
	{ .name = "code", FIELD_AT(struct wire_error, verdict), .words = verdicts }, MESSAGE_FIELD, FIELD_END,
};
/* clang-format on */

static const struct dialect dialects[] = {
	[SHOP] = { "Shop", shop_fields },
	[MEMBERSHIP_ORDERS] = { "MembershipOrders", flat_fields },
	[MEMBERSHIP_STATUS] = { "MembershipStatus", flat_fields },
	[MEMBER_SYSTEM] = { "MemberSystem", nested_fields },
	[RENEWAL] = { "Renewal", nested_fields },
	[WECHAT] = { "WeChat", wechat_fields, .tokenless = true },
	[ALIPAY] = { "Alipay", NULL, .tokenless = true },
};

struct prefix {
	const char *path;
	size_t dialect;
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

/* A dialect's own code or status for a class of causes. */
struct override {
	size_t dialect;
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

/* Is it the prefix or below it, by whole segments? As for routes, repeated slashes count once. */
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

const struct dialect *dialect_of(const char *path)
{
	size_t best = SHOP;
	size_t best_len = 0;

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		size_t len = strlen(prefixes[i].path);

		if (len > best_len && is_below(path, prefixes[i].path)) {
			best = prefixes[i].dialect;
			best_len = len;
		}
	}
	return &dialects[best];
}

struct wire_error dialect_wire(const struct dialect *d, enum err e)
{
	const struct err_info *info = err_info(e);
	struct wire_error out = { .status = info->status,
		.code = info->code,
		.text = info->text,
		.verdict = verdicts[0] };

	for (size_t i = 0; i < ARRAY_LEN(overrides); i++) {
		const struct override *o = &overrides[i];

		if (&dialects[o->dialect] == d && info->status >= o->from &&
			info->status <= o->to) {
			out.status = o->status != 0 ? o->status : info->status;
			out.code = o->code;
		}
	}
	if (strcmp(out.code, info->code) != 0)
		out.cause = info->code;
	return out;
}

static void put_retry_after(const struct ctx *c, struct resp *w)
{
	const int64_t wait_ms = c->retry_at_ms - c->now_ms;
	char text[24];

	if (wait_ms <= 0)
		return;
	snprintf(text, sizeof(text), "%lld", (long long)((wait_ms + SECOND_MS - 1) / SECOND_MS));
	resp_header(w, "Retry-After", text);
}

struct wire_error dialect_error(
	struct ctx *c, const char *path, enum err e, const char *request_id, struct resp *w)
{
	const struct dialect *d = dialect_of(path);
	struct wire_error out = dialect_wire(d, e);

	out.request_id = request_id;
	out.field = c->fault;
	out.retry_at.ms = c->retry_at_ms;
	if (c->fault != NULL)
		out.text = arena_printf(&c->arena, "%s: %s", out.text, c->fault);
	out.max = (opt_i64){ c->fault_max, c->fault != NULL && c->fault_has_max };
	if (out.max.set)
		out.text = arena_printf(
			&c->arena, "%s (最多 %lld)", out.text, (long long)c->fault_max);
	*w = resp_new(c);
	w->status = out.status;
	if (d->fields != NULL)
		resp_one(w, d->fields, &out);
	else
		resp_raw(w, &(struct raw){ "text/plain; charset=utf-8", "fail" });
	if (out.status == 401 && e != ERR_SIGNATURE && !d->tokenless)
		resp_header(w, "WWW-Authenticate", "Bearer");
	put_retry_after(c, w);
	return out;
}

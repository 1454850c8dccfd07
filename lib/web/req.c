/* SPDX-License-Identifier: MIT */
#include "web/req.h"

#include <strings.h>

#include "base/address.h"
#include "ext/crypto.h"
#include "ext/fcgi.h"

static bool is_from_proxy(const struct ctx *c, const struct req *r)
{
	const char *peer = fcgi_var(r->fcgi, "REMOTE_ADDR");

	return peer != NULL && address_is_listed(c->conf->trusted_proxies, peer);
}

bool req_is_secure(const struct ctx *c, const struct req *r)
{
	/* Apache sets only one without SSLOptions, lighttpd both */
	const char *https = fcgi_var(r->fcgi, "HTTPS");
	const char *scheme = fcgi_var(r->fcgi, "REQUEST_SCHEME");
	const char *forwarded = fcgi_var_sole(r->fcgi, "HTTP_X_FORWARDED_PROTO");

	/* of several values one may be the client's */
	if (forwarded != NULL && is_from_proxy(c, r))
		return strcasecmp(forwarded, "https") == 0;
	return (https != NULL && (strcmp(https, "on") == 0 || strcmp(https, "1") == 0)) ||
	       (scheme != NULL && strcmp(scheme, "https") == 0);
}

const char *req_client_ip(struct ctx *c, const struct req *r)
{
	const char *peer = fcgi_var(r->fcgi, "REMOTE_ADDR");

	if (peer == NULL)
		return NULL;
	return address_client(c->conf->trusted_proxies, peer,
		fcgi_var_sole(r->fcgi, "HTTP_X_FORWARDED_FOR"),
		arena_alloc(&c->arena, ADDRESS_TEXT_SIZE));
}

/* A proxy may send "GET http://host/path", which Apache passes on (RFC 9112, 3.2.2). */
static const char *without_authority(const char *uri)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
		const size_t n = strlen(schemes[i]);
		const char *path;

		if (strncasecmp(uri, schemes[i], n) != 0)
			continue;
		path = uri + n + strcspn(uri + n, "/?#");
		return *path == '/' ? path : "/";
	}
	return uri;
}

/* The readable part of a badly encoded path; what can't be read ends a segment. */
static const char *readable_path(struct ctx *c, struct slice path)
{
	struct str s = str_new(&c->arena, path.len + 1);

	for (size_t i = 0; i < path.len; i++) {
		const size_t len = path.p[i] == '%' && i + 2 < path.len ? 3 : 1;
		const char *ch =
			str_url_decode(&c->arena, (struct slice){ path.p + i, len }, false);

		str_addc(&s, ch != NULL ? *ch : '/');
		i += ch != NULL ? len - 1 : 0;
	}
	return str_text(&s);
}

bool req_read_target(struct ctx *c, struct req *r)
{
	const char *method = fcgi_var(r->fcgi, "REQUEST_METHOD");
	const char *uri = fcgi_var(r->fcgi, "REQUEST_URI");
	size_t path_len;
	bool good;

	if (method == NULL || uri == NULL)
		return false;
	uri = without_authority(uri);
	r->method = method_of(method);
	r->head = strcmp(method, "HEAD") == 0;
	path_len = strcspn(uri, "?#");
	r->query = uri[path_len] == '?' ? uri + path_len + 1 : "";
	r->path = str_url_decode(&c->arena, (struct slice){ uri, path_len }, false);
	good = r->path != NULL;
	/* an encoded slash would change the segments */
	for (const char *p = uri; good && p + 2 < uri + path_len; p++)
		good = p[0] != '%' || p[1] != '2' || (p[2] != 'f' && p[2] != 'F');
	if (!good)
		r->path = readable_path(c, (struct slice){ uri, path_len });
	return good;
}

const char *req_header(const struct req *r, const char *cgi_name)
{
	return fcgi_var(r->fcgi, cgi_name);
}

/* ---- the query ---- */

/* The next "name=value" of a query; *p is advanced. False at the end. */
static bool next_param(const char **p, struct slice *name, struct slice *value)
{
	size_t len;
	const char *eq;

	while (**p == '&')
		(*p)++;
	if (**p == '\0' || **p == '#')
		return false;
	len = strcspn(*p, "&#");
	eq = memchr(*p, '=', len);
	*name = (struct slice){ *p, eq != NULL ? (size_t)(eq - *p) : len };
	*value = eq != NULL ? (struct slice){ eq + 1, len - name->len - 1 }
			    : (struct slice){ "", 0 };
	*p += len;
	return true;
}

enum err req_read_query(struct ctx *c, struct req *r)
{
	const char *p = r->query;
	struct slice name, value;
	struct param *asked;
	size_t n = 0;

	if (r->asked != NULL)
		return OK;
	while (next_param(&p, &name, &value))
		n++;
	asked = arena_array(&c->arena, n + 1, sizeof(*asked));
	n = 0;
	for (p = r->query; next_param(&p, &name, &value); n++) {
		asked[n].name = str_url_decode(&c->arena, name, true);
		asked[n].value = str_url_decode(&c->arena, value, true);
		if (asked[n].name == NULL)
			return fail(c, ERR_MALFORMED, "query");
	}
	r->asked = asked;
	r->asked_n = n;
	return OK;
}

static bool is_alnum(char ch)
{
	return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

/* Are two names equal except for case and characters other than letters and digits? */
static bool looks_like(const char *a, const char *b)
{
	for (;;) {
		while (*a != '\0' && !is_alnum(*a))
			a++;
		while (*b != '\0' && !is_alnum(*b))
			b++;
		if (*a == '\0' || *b == '\0')
			return *a == *b;
		if ((*a++ | 0x20) != (*b++ | 0x20)) /* digits have that bit set */
			return false;
	}
}

/* The parameter of this name, or NULL. Fails: INVALID when it is ambiguous. */
static enum err find_param(struct ctx *c, struct req *r, const char *name, const struct param **out)
{
	*out = NULL;
	TRY(req_read_query(c, r));
	for (size_t i = 0; i < r->asked_n; i++) {
		if (!looks_like(r->asked[i].name, name))
			continue;
		if (*out != NULL || strcmp(r->asked[i].name, name) != 0)
			return fail(c, ERR_INVALID, name);
		*out = &r->asked[i];
	}
	return OK;
}

enum err req_param(struct ctx *c, struct req *r, const char *name, const char **out)
{
	const struct param *param;

	*out = NULL;
	TRY(find_param(c, r, name, &param));
	if (param == NULL)
		return OK;
	*out = param->value;
	return *out != NULL ? OK : fail(c, ERR_INVALID, name);
}

enum err req_query(struct ctx *c, struct req *r, const struct field *fields, void *out)
{
	uint64_t *has = out;

	*has = 0;
	for (unsigned i = 0; fields[i].name != NULL; i++) {
		const char *text;

		if (!(fields[i].flags & F_IN))
			continue;
		TRY(req_param(c, r, fields[i].name, &text));
		if (text == NULL || text[0] == '\0')
			continue;
		TRY(field_from_text(c, &fields[i], text, out));
		*has |= UINT64_C(1) << i;
	}
	return OK;
}

/* ---- pages ---- */

enum { CURSOR_MAC = 8, CURSOR_LEN = 16 + CURSOR_MAC };

/* Eight bytes that only this shop can compute for this path and key. */
static void cursor_mac(struct ctx *c, const struct req *r, const unsigned char key[16],
	unsigned char mac[static SHA256_LEN])
{
	struct str text = str_new(&c->arena, 1024);

	str_adds(&text, "cursor ");
	str_adds(&text, r->route->path);
	str_addc(&text, ' ');
	str_add(&text, (const char *)key, 16);
	crypto_hmac_sha256(
		slice_of(c->conf->jwt_secret), (struct slice){ str_text(&text), text.len }, mac);
}

const char *req_cursor(struct ctx *c, const struct req *r, const int64_t after[2])
{
	unsigned char bytes[CURSOR_LEN], mac[SHA256_LEN];

	for (int i = 0; i < 16; i++)
		bytes[i] = (unsigned char)((uint64_t)after[i / 8] >> (56 - i % 8 * 8));
	cursor_mac(c, r, bytes, mac);
	memcpy(bytes + 16, mac, CURSOR_MAC);
	return base64url_encode(&c->arena, bytes, sizeof(bytes));
}

static bool read_cursor(struct ctx *c, const struct req *r, const char *text, int64_t after[2])
{
	unsigned char mac[SHA256_LEN];
	uint64_t key[2] = { 0 };
	struct slice bytes;

	if (!base64url_decode(&c->arena, slice_of(text), &bytes) || bytes.len != CURSOR_LEN)
		return false;
	cursor_mac(c, r, (const unsigned char *)bytes.p, mac);
	if (!bytes_equal(mac, bytes.p + 16, CURSOR_MAC))
		return false;
	for (int i = 0; i < 16; i++)
		key[i / 8] = key[i / 8] << 8 | (unsigned char)bytes.p[i];
	after[0] = (int64_t)key[0];
	after[1] = (int64_t)key[1];
	return true;
}

/* An integer from 1 to max; *out is unchanged without the parameter. */
static enum err read_count(
	struct ctx *c, struct req *r, const char *name, int64_t max, int64_t *out)
{
	const char *text;
	int64_t n;

	TRY(req_param(c, r, name, &text));
	if (text == NULL)
		return OK;
	if (!str_to_i64(slice_of(text), INT32_MAX, &n) || n < 1)
		return fail(c, ERR_INVALID, name);
	*out = n < max ? n : max;
	return OK;
}

/*
 * The filters and paging parameters of all lists. Ignoring one that a list doesn't support
 * would return everything, or page 1 forever.
 */
static const char *const list_words[] = { "status", "type", "start_date", "end_date", "q",
	"user_id", "category_id", "created_from", "created_to", "parent_id", "permission_level",
	"card_id", "order_id", "order_no", "scope", "provider", "out_trade_no", "transaction_id",
	"attention", "reason", "received_from", "received_to", "limit", "cursor", "page",
	"page_size", "offset" };

static bool is_filter(const struct field *filters, const char *name)
{
	for (const struct field *f = filters; f->name != NULL; f++)
		if ((f->flags & F_IN) && strcmp(f->name, name) == 0)
			return true;
	return false;
}

/* The filters of a list with these paging parameters. */
static enum err read_filters(struct ctx *c, struct req *r, const struct field *filters, void *out,
	const char *const *paging)
{
	for (size_t i = 0; i < ARRAY_LEN(list_words); i++) {
		const struct param *param;

		if (is_filter(filters, list_words[i]) || str_index(list_words[i], paging) >= 0)
			continue;
		TRY(find_param(c, r, list_words[i], &param));
		/* an empty one is ignored by every list */
		if (param != NULL && (param->value == NULL || param->value[0] != '\0'))
			return fail(c, ERR_INVALID, list_words[i]);
	}
	return req_query(c, r, filters, out);
}

enum err req_list_numbered(struct ctx *c, struct req *r, const struct field *filters, void *out,
	struct page_number *page)
{
	static const char *const paging[] = { "page", "page_size", "limit", NULL };

	TRY(read_filters(c, r, filters, out, paging));
	*page = (struct page_number){ .page = 1, .size = PAGE_DEFAULT };
	if (r->route->query.page_default != 0)
		page->size = r->route->query.page_default;
	TRY(read_count(c, r, "page", INT32_MAX, &page->page));
	TRY(read_count(c, r, "limit", PAGE_MAX, &page->size));
	return read_count(c, r, "page_size", PAGE_MAX, &page->size);
}

enum err req_list(
	struct ctx *c, struct req *r, const struct field *filters, void *out, struct page *page)
{
	static const char *const paging[] = { "limit", "cursor", NULL };
	const char *cursor;

	TRY(read_filters(c, r, filters, out, paging));
	*page = PAGE_FIRST(PAGE_DEFAULT);
	TRY(read_count(c, r, "limit", PAGE_MAX, &page->limit));
	TRY(req_param(c, r, "cursor", &cursor));
	if (cursor != NULL && !read_cursor(c, r, cursor, page->after))
		return fail(c, ERR_INVALID, "cursor");
	return OK;
}

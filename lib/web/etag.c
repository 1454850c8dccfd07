#include "web/etag.h"

#include "ext/crypto.h"

enum { TAG_LEN = 22 }; /* of Base64: 132 bits of the hash */

/* Is the quoted tag in the list? Weak ones count: it is about having the same answer. */
static bool is_listed(const char *list, const char *tag)
{
	const size_t len = strlen(tag);

	for (const char *p = list; *p != '\0';) {
		p += strspn(p, ", \t");
		if (*p == '*')
			return true;
		if (p[0] == 'W' && p[1] == '/')
			p += 2;
		if (strncmp(p, tag, len) == 0 && (p[len] == '\0' || strchr(", \t", p[len]) != NULL))
			return true;
		p += strcspn(p, ",");
	}
	return false;
}

void etag_apply(struct ctx *c, const struct req *r, struct resp *w)
{
	const char *known = req_header(r, "HTTP_IF_NONE_MATCH"), *tag;
	unsigned char sha256[SHA256_LEN];

	crypto_sha256(str_text(&w->body), w->body.len, sha256);
	tag = arena_printf(
		&c->arena, "\"%.*s\"", TAG_LEN, base64url_encode(&c->arena, sha256, SHA256_LEN));
	resp_header(w, "ETag", tag);
	if (known == NULL || !is_listed(known, tag))
		return;
	w->status = 304;
	w->content_type = NULL;
	w->body = str_new(&c->arena, 1);
}

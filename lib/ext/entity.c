/* SPDX-License-Identifier: MIT */
#include "ext/entity.h"

#include "ext/crypto.h"
#include "ext/json.h"

enum { TAG_LEN = 22 }; /* of Base64: 132 bits of the hash */
#define ENTITY_MAX ((size_t)4 << 20)

const char *entity_tag_of(struct ctx *c, struct slice bytes)
{
	unsigned char sha256[SHA256_LEN];

	crypto_sha256(bytes.p, bytes.len, sha256);
	return arena_printf(
		&c->arena, "\"%.*s\"", TAG_LEN, base64url_encode(&c->arena, sha256, SHA256_LEN));
}

const char *entity_tag(struct ctx *c, const struct field *fields, const void *row)
{
	struct str shown = str_new(&c->arena, ENTITY_MAX);

	json_write(&shown, fields, row);
	return entity_tag_of(c, (struct slice){ str_text(&shown), shown.len });
}

bool entity_is_listed(const char *list, const char *tag, bool weak)
{
	const size_t len = strlen(tag);

	if (strcmp(list, "*") == 0)
		return true;
	for (const char *p = list; *p != '\0';) {
		p += strspn(p, ", \t");
		if (weak && p[0] == 'W' && p[1] == '/')
			p += 2;
		if (strncmp(p, tag, len) == 0 && (p[len] == '\0' || strchr(", \t", p[len]) != NULL))
			return true;
		p += strcspn(p, ",");
	}
	return false;
}

enum err entity_unchanged(struct ctx *c, const struct field *fields, const void *row)
{
	if (c->if_match == NULL || entity_is_listed(c->if_match, entity_tag(c, fields, row), false))
		return OK;
	return fail(c, ERR_PRECONDITION, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "web/auth.h"

#include <strings.h>

#include "ext/crypto.h"
#include "web/jwt.h"

/* The Bearer token, or NULL. */
static const char *bearer(const struct req *r)
{
	const char *h = req_header(r, "HTTP_AUTHORIZATION");

	if (h == NULL || strncasecmp(h, "Bearer ", 7) != 0)
		return NULL;
	h += 7;
	while (*h == ' ')
		h++;
	return *h != '\0' ? h : NULL;
}

bool auth_has_token(const struct req *r, const char *token)
{
	const char *sent = bearer(r);

	return sent != NULL && token != NULL && strlen(sent) == strlen(token) &&
	       bytes_equal(sent, token, strlen(token));
}

static enum err identify_bearer(struct ctx *c, const struct req *r, identify_fn *identify)
{
	unsigned char sha256[SHA256_LEN];
	struct credential cred = { 0 };
	const char *token = bearer(r);

	if (token == NULL || identify == NULL)
		return ERR_UNAUTHENTICATED;
	if (str_starts(token, SERVICE_TOKEN_PREFIX)) {
		crypto_sha256(token, strlen(token), sha256);
		cred.token_sha256 = sha256;
	} else if (!jwt_verify(c, token, &cred.user_id, &cred.session_id)) {
		return ERR_UNAUTHENTICATED;
	}
	return identify(c, &cred);
}

static enum role role_of(const struct actor *actor)
{
	if (actor->kind == ACTOR_SYSTEM)
		return ROLE_SYSTEM;
	return actor->administrator ? ROLE_ADMIN : ROLE_MEMBER;
}

enum err auth_check(struct ctx *c, const struct req *r, identify_fn *identify)
{
	const enum role role = r->route->role;
	enum err e;

	if (role == ROLE_NONE)
		return ERR_FORBIDDEN;
	if (role == ROLE_PROVIDER || (r->route->flags & ROUTE_ANONYMOUS))
		return OK;
	e = identify_bearer(c, r, identify);
	if (role == ROLE_PUBLIC)
		return e == ERR_UNAUTHENTICATED ? OK : e;
	TRY(e);
	return role & role_of(&c->actor) ? OK : ERR_FORBIDDEN;
}

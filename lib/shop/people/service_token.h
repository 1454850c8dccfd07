/* SPDX-License-Identifier: MIT */
/*
 * service_token.h - opaque tokens of other systems, issued on the command line, stored as
 * SHA-256, listable and revocable; never a user (DESIGN.md 2).
 * Owns tables: service_tokens.
 */
#ifndef SHOP_PEOPLE_SERVICE_TOKEN_H
#define SHOP_PEOPLE_SERVICE_TOKEN_H

#include "base/ctx.h"
#include "base/page.h"

struct service_token {
	int64_t token_id;
	const char *name;
	timestamp created_at, revoked_at;
};
extern const struct field service_token_fields[];

/* *token is shown only once. */
enum err service_token_issue(struct ctx *c, const char *name, const char **token) MUST;
enum err service_token_list(struct ctx *c, struct list *out) MUST;
/* Fails: NOT_FOUND. */
enum err service_token_revoke(struct ctx *c, int64_t token_id) MUST;
/* Set c->actor. Fails: UNAUTHENTICATED. */
enum err service_token_identify(struct ctx *c, const unsigned char *token_sha256) MUST;

#endif

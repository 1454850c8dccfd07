/* SPDX-License-Identifier: MIT */
/*
 * jwt.h - access tokens: JWT, HS256 and nothing else (RFC 7519, RFC 8725, BEHAVIOUR 2).
 * A token names a session; whether that session still lives is asked of the database.
 */
#ifndef WEB_JWT_H
#define WEB_JWT_H

#include "base/ctx.h"

#define JWT_LIFETIME_S INT64_C(86400)

/* A token for a session, from c->now_ms on. */
const char *jwt_issue(struct ctx *c, int64_t user_id, int64_t session_id) MUST;
/* False: not ours, changed, not yet valid, expired, or anything else that isn't exactly right. */
bool jwt_verify(struct ctx *c, const char *token, int64_t *user_id, int64_t *session_id) MUST;

#endif

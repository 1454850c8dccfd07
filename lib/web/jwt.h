/* SPDX-License-Identifier: MIT */
/*
 * jwt.h - access tokens: JWT, only HS256 (RFC 7519, RFC 8725, BEHAVIOUR 2).
 * A token names a session, whose validity is checked in the database.
 */
#ifndef WEB_JWT_H
#define WEB_JWT_H

#include "base/ctx.h"

#define JWT_LIFETIME_S INT64_C(86400)

/* A token for a session, valid from c->now_ms. */
const char *jwt_issue(struct ctx *c, int64_t user_id, int64_t session_id) MUST;
/* False unless it is an unmodified token of ours that is valid now. */
bool jwt_verify(struct ctx *c, const char *token, int64_t *user_id, int64_t *session_id) MUST;

#endif

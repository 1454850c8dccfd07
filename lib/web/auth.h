/* SPDX-License-Identifier: MIT */
/*
 * auth.h - authentication by the Authorization header, and authorisation by role.
 */
#ifndef WEB_AUTH_H
#define WEB_AUTH_H

#include "web/req.h"

/*
 * Have the domain identify a credential, and set c->actor. Fails: UNAUTHENTICATED when the
 * session, user or service token is no longer valid.
 */
typedef enum err identify_fn(struct ctx *c, const struct credential *cred);

/* The prefix that distinguishes service tokens from JWTs. */
#define SERVICE_TOKEN_PREFIX "mms_"

/*
 * Set c->actor for the route's role. Fails: UNAUTHENTICATED (401), FORBIDDEN (403). On a
 * public route an invalid token is treated as absent.
 */
enum err auth_check(struct ctx *c, const struct req *r, identify_fn *identify) MUST;
/* Is the request's Bearer token this one? False where it is NULL. */
bool auth_has_token(const struct req *r, const char *token) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * auth.h - who asks: the Authorization header, and what a role demands.
 */
#ifndef WEB_AUTH_H
#define WEB_AUTH_H

#include "web/req.h"

/*
 * Ask the domain who a credential is, and set c->actor. Fails: UNAUTHENTICATED when the
 * session, user or service token is no longer good.
 */
typedef enum err identify_fn(struct ctx *c, const struct credential *cred);

/* Service tokens begin so, which keeps them apart from JWTs. */
#define SERVICE_TOKEN_PREFIX "mms_"

/*
 * Set c->actor for the route's role. Fails: UNAUTHENTICATED (401), FORBIDDEN (403). On a
 * public route a token that isn't good is as good as none.
 */
enum err auth_check(struct ctx *c, const struct req *r, identify_fn *identify) MUST;

#endif

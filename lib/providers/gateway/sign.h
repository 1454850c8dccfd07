/* SPDX-License-Identifier: MIT */
/*
 * sign.h - the gateway's signature, X-Signature: HMAC-SHA256 of the raw bytes, in hexadecimal
 * (PAYMENTS.md 4, preset `body`; BEHAVIOUR 42).
 */
#ifndef PROVIDERS_GATEWAY_SIGN_H
#define PROVIDERS_GATEWAY_SIGN_H

#include "base/ctx.h"
#include "base/str.h"

/* With the current secret, in lower case. */
const char *gateway_sign(struct ctx *c, struct slice text) MUST;
/* By the current secret or, during a rotation, the previous one; in either case. NULL: no signature. */
bool gateway_is_signed(struct ctx *c, struct slice text, const char *signature) MUST;

#endif

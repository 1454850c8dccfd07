/* SPDX-License-Identifier: MIT */
/*
 * webhook_sign.h - secrets and signatures of outgoing notifications: Standard Webhooks 1.0.0, and
 * X-Signature (PAYMENTS.md 9.2). Pure but for the random bytes of a new secret.
 */
#ifndef SHOP_BOOKS_WEBHOOK_SIGN_H
#define SHOP_BOOKS_WEBHOOK_SIGN_H

#include "base/str.h"

/* "whsec_" and 32 random bytes in Base64. */
const char *webhook_new_secret(struct arena *a) MUST;

/* One attempt's headers: "Name: value", NULL-terminated. */
enum { WEBHOOK_HEADERS = 6 };
struct webhook_headers {
	const char *lines[WEBHOOK_HEADERS];
};
/*
 * Sign a body that is sent at a time (seconds since 1970) under an id. webhook-signature is by all
 * secrets (up to a NULL), X-Signature by the first; both keyed with the bytes after "whsec_".
 * False: one of them is no secret.
 */
bool webhook_sign(struct arena *a, const char *const *secrets, const char *id, int64_t at_s,
	struct slice body, struct webhook_headers *out) MUST;
/* For a client, as contract renewal-payments has it: X-Signature alone, keyed with the secret's text. */
void client_sign(
	struct arena *a, const char *secret, struct slice body, struct webhook_headers *out);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cert.h - WeChat Pay's platform certificates: fetching the list, and decrypting one
 * (PAYMENTS.md 2.4). Each is encrypted with the APIv3 key, which authenticates it, so they
 * are stored encrypted.
 */
#ifndef PROVIDERS_WECHAT_CERT_H
#define PROVIDERS_WECHAT_CERT_H

#include "base/field.h"
#include "providers/wechat/call.h"

enum { WX_CERTIFICATES_MAX = 10 };

/*
 * GET /v3/certificates, a list of struct sealed_certificate: on OUTCOME_OK at least one, all of
 * which can be decrypted, and one of which signed the response. OUTCOME_NONE: a merchant in
 * public-key mode has none.
 */
enum outcome wxcert_download(struct ctx *c, struct list *out) MUST;

/* Decrypt one and add its key. False: not encrypted with our APIv3 key, inconsistent, expired, or no room. */
bool wxcert_add(struct ctx *c, struct wx_keys *keys, const struct sealed_certificate *sealed,
	int64_t now_s) MUST;

#endif

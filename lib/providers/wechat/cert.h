/* SPDX-License-Identifier: MIT */
/*
 * cert.h - WeChat Pay's platform certificates: the list, and what opens one of it
 * (PAYMENTS.md 2.4). Each is sealed with the APIv3 key, which is what makes it believed:
 * whoever keeps the list keeps it sealed.
 */
#ifndef PROVIDERS_WECHAT_CERT_H
#define PROVIDERS_WECHAT_CERT_H

#include "providers/wechat/call.h"

enum { WX_CERTIFICATES_MAX = 10 };

/* As it came. Texts live in the arena. */
struct wx_sealed_certificate {
	const char *serial, *nonce, *associated_data, *ciphertext;
	int64_t effective_ms, expire_ms;
};

struct wx_certificates {
	struct wx_sealed_certificate list[WX_CERTIFICATES_MAX];
	int64_t n;
};

/*
 * GET /v3/certificates: on WX_OK at least one, each of which opens, and one of which signed
 * the answer. WX_NOT_EXIST: a merchant of the public-key mode, who has none.
 */
enum wx_answer wxcert_download(
	struct ctx *c, const struct wx_keys *keys, struct wx_certificates *out) MUST;

/* Open one and add its key. False: not sealed with our APIv3 key, not what it says, expired, or no room. */
bool wxcert_add(struct ctx *c, struct wx_keys *keys, const struct wx_sealed_certificate *sealed,
	int64_t now_s) MUST;

#endif

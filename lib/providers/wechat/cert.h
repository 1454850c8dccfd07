/* SPDX-License-Identifier: MIT */
/*
 * cert.h - WeChat Pay's platform certificates: the list, and what opens one of it
 * (PAYMENTS.md 2.4). Each is sealed with the APIv3 key, which is what makes it believed:
 * whoever keeps the list keeps it sealed.
 */
#ifndef PROVIDERS_WECHAT_CERT_H
#define PROVIDERS_WECHAT_CERT_H

#include "base/field.h"
#include "providers/wechat/call.h"

enum { WX_CERTIFICATES_MAX = 10 };

/*
 * GET /v3/certificates, a list of struct sealed_certificate: on OUTCOME_OK at least one, each of
 * which opens, and one of which signed the answer. OUTCOME_NONE: a merchant of the public-key
 * mode, who has none.
 */
enum outcome wxcert_download(struct ctx *c, struct list *out) MUST;

/* Open one and add its key. False: not sealed with our APIv3 key, not what it says, expired, or no room. */
bool wxcert_add(struct ctx *c, struct wx_keys *keys, const struct sealed_certificate *sealed,
	int64_t now_s) MUST;

#endif

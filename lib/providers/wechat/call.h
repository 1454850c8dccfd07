/* SPDX-License-Identifier: MIT */
/*
 * call.h - one signed call to WeChat Pay v3, and the class of its outcome
 * (PAYMENTS.md 2.2, 2.3, 2.13). Independent of the request's content.
 */
#ifndef PROVIDERS_WECHAT_CALL_H
#define PROVIDERS_WECHAT_CALL_H

#include "base/field.h"
#include "base/spool.h"
#include "providers/wechat/sign.h"

struct wx_reply {
	enum outcome outcome;
	bool temporary;    /* a temporary failure (429, 5xx, no connection): may be retried */
	int status;        /* 0: no response */
	struct slice body; /* on OUTCOME_OK: covered by the valid signature */
	const char *request_id;
	int64_t date_ms;        /* WeChat Pay's clock; 0: not said */
	struct wx_signed proof; /* the unverified signature, of a 200 or 204 */
};

/*
 * Sign with this process's keys, send, and classify the response; each call has its own nonce and
 * timestamp. OUTCOME_OK is only 200 or 204 with a valid signature. target is the path with its
 * query; a body whose p is NULL is absent. Everything but OUTCOME_OK is logged here.
 */
struct wx_reply wx_call(
	struct ctx *c, const char *method, const char *target, struct slice body) MUST;
/*
 * The two halves of wx_call, for a response that contains its own verification key: wx_send
 * leaves a 200 or 204 as OUTCOME_UNKNOWN, wx_verify_reply makes it OUTCOME_OK if its signature is valid.
 */
struct wx_reply wx_send(
	struct ctx *c, const char *method, const char *target, struct slice body) MUST;
void wx_verify_reply(
	struct ctx *c, const struct wx_keys *keys, const char *target, struct wx_reply *reply);
/*
 * Download a file by a signed request, at most of its own maximum. OUTCOME_OK or OUTCOME_UNKNOWN. The response is not
 * signed, so OUTCOME_OK says nothing of what is in it: the caller checks it against what a signed response has declared.
 */
enum outcome wx_download(struct ctx *c, const char *target, struct spool *file) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * call.h - one signed call to WeChat Pay v3, and what its answer amounts to
 * (PAYMENTS.md 2.2, 2.3, 2.13). Knows nothing of what is asked.
 */
#ifndef PROVIDERS_WECHAT_CALL_H
#define PROVIDERS_WECHAT_CALL_H

#include "base/field.h"
#include "providers/wechat/sign.h"

struct wx_reply {
	enum outcome outcome;
	bool moment; /* refused for the moment (429, 5xx, no connection): may be tried again */
	int status;  /* 0: no answer */
	struct slice body; /* on OUTCOME_OK: what the good signature covers */
	const char *request_id;
	struct wx_signed proof; /* the signature as it came, of a 200 or 204 */
};

/*
 * Sign with this process's keys, send, and judge the answer; each call has a nonce and a time of
 * its own. OUTCOME_OK is 200 or 204 with a good signature and nothing else. target is the path with its query;
 * a body without p is none. Everything but OUTCOME_OK is logged here.
 */
struct wx_reply wx_call(
	struct ctx *c, const char *method, const char *target, struct slice body) MUST;
/*
 * The two halves of wx_call, for an answer that brings the key which proves it: wx_send
 * leaves a 200 or 204 as OUTCOME_UNKNOWN, wx_believe makes it OUTCOME_OK if its signature is good.
 */
struct wx_reply wx_send(
	struct ctx *c, const char *method, const char *target, struct slice body) MUST;
void wx_believe(
	struct ctx *c, const struct wx_keys *keys, const char *target, struct wx_reply *reply);

/* json_read for WeChat's texts: what is wrong with them is not our caller's fault to be named. */
bool wx_read(struct ctx *c, struct slice text, const struct field *fields, void *out) MUST;

#endif

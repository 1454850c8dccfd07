/* SPDX-License-Identifier: MIT */
/*
 * call.h - one signed call to Alipay's gateway, and the class of its outcome (PAYMENTS.md 3.5, 3.6).
 */
#ifndef PROVIDERS_ALIPAY_CALL_H
#define PROVIDERS_ALIPAY_CALL_H

#include "base/field.h"
#include "providers/alipay/keys.h"

/*
 * Call a method with its biz_content. OUTCOME_OK: code 10000, and `node` is the response object
 * as it was sent, covered by a valid signature. Without one, nothing is learnt but that it
 * failed. Everything but OUTCOME_OK is logged here.
 */
enum outcome alipay_call(struct ctx *c, const char *method, const struct field *fields,
	const void *content, struct slice *node) MUST;
/* A valid signature over an inconsistent response: ignored, and logged. */
enum outcome alipay_nonsense(const char *method, const char *what);

/* The object that is the member `name` of the object `body`, as it was sent. False: there is none. */
bool alipay_node(struct slice body, const char *name, struct slice *node) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * params.h - Alipay's parameters: of a request, and of a notification, and the text that a
 * signature over them covers (PAYMENTS.md 3.2, 3.4).
 */
#ifndef PROVIDERS_ALIPAY_PARAMS_H
#define PROVIDERS_ALIPAY_PARAMS_H

#include "base/str.h"

enum { ALIPAY_PARAMS_MAX = 128 };

struct alipay_param {
	const char *name, *value;
};

struct alipay_params {
	struct alipay_param list[ALIPAY_PARAMS_MAX];
	size_t n;
};

/* Add one that is sent; without a value (NULL or "") it isn't. */
void alipay_add(struct alipay_params *p, const char *name, const char *value);
/* NULL: absent. */
const char *alipay_param(const struct alipay_params *p, const char *name);

/*
 * Read a form, decoding each name and value once. False: it is badly encoded, not UTF-8, has too many
 * parameters, or one of them twice.
 */
bool alipay_read_form(struct arena *a, struct slice body, struct alipay_params *out) MUST;

/* What a signature doesn't cover. */
enum alipay_unsigned {
	ALIPAY_SIGN,         /* of a request: sign */
	ALIPAY_SIGN_TYPE,    /* of a notification: sign and sign_type */
	ALIPAY_EMPTY_VALUES, /* the same, and parameters without a value */
};
/* The covered ones sorted by name, as "a=1&b=2", not encoded. */
struct slice alipay_signed_text(
	struct arena *a, const struct alipay_params *p, enum alipay_unsigned without) MUST;

/* As a form or a URL's query. */
const char *alipay_form(struct arena *a, const struct alipay_params *p) MUST;

#endif

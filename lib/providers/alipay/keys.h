/* SPDX-License-Identifier: MIT */
/*
 * keys.h - the app's key and Alipay's, and RSA2 signatures with them (PAYMENTS.md 3.2, 3.4, 3.7).
 *
 * In public-key mode Alipay's key is its public key; in certificate mode it is that of its
 * certificate, and each side names its certificates by serial numbers.
 */
#ifndef PROVIDERS_ALIPAY_KEYS_H
#define PROVIDERS_ALIPAY_KEYS_H

#include "ext/crypto.h"
#include "providers/alipay/params.h"
#include "providers/provider.h"

/* Process-owned. */
struct alipay_keys {
	struct rsa_key *app;    /* private: signs */
	struct rsa_key *alipay; /* verifies */
	/* of the certificates; NULL in public-key mode */
	const char *app_cert_sn, *root_cert_sn, *alipay_cert_sn;
	int64_t app_cert_to_s, alipay_cert_to_s; /* until when they are valid */
};

/* This process's keys; NULL: there is no Alipay. */
static inline const struct alipay_keys *alipay_keys_of(const struct ctx *c)
{
	return provider_state(c, PROVIDER_ALIPAY);
}

/* Load what the configuration names. False, after a line per fault on standard error. */
bool alipay_keys_load(struct alipay_keys *keys, const struct conf *conf, struct arena *a) MUST;
void alipay_keys_done(struct alipay_keys *keys);

/* From PEM, or from its bare Base64 as Alipay's console shows it. NULL: not an RSA key of 2048 bits or more. */
struct rsa_key *alipay_private_key(struct arena *a, struct slice text) MUST;
struct rsa_key *alipay_public_key(struct arena *a, struct slice text) MUST;
/* The serial number of the first certificate; of all that an RSA key has signed. NULL: there is none. */
const char *alipay_cert_sn(struct arena *a, struct slice pem) MUST;
const char *alipay_root_cert_sn(struct arena *a, struct slice pem) MUST;

/* Add the public parameters that are the same for all methods, and the signature over all of them. */
enum err alipay_sign(struct ctx *c, struct alipay_params *p) MUST;
/* Is a notification signed by Alipay? */
bool alipay_is_signed(struct ctx *c, const struct alipay_params *p) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/* crypto_internal.h - what crypto.c and crypto_cert.c share. */
#ifndef EXT_CRYPTO_INTERNAL_H
#define EXT_CRYPTO_INTERNAL_H

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "ext/crypto.h"

/* Wraps EVP_PKEY, so that headers need none of OpenSSL's. */
struct rsa_key {
	EVP_PKEY *pkey;
};
/* Wrap pkey, which the caller still owns. NULL: not an RSA key, or too short. */
struct rsa_key *crypto_wrap_key(EVP_PKEY *pkey) MUST;

/* A reader of a PEM text, which must live as long. NULL: too large. */
BIO *crypto_bio(struct slice pem) MUST;
/* Keys with a pass phrase are refused; without this, OpenSSL would ask for it on a terminal. */
int crypto_no_pass_phrase(char *buf, int size, int writing, void *arg);

static inline void bio_done(BIO **b)
{
	BIO_free(*b);
}

static inline void pkey_done(EVP_PKEY **p)
{
	EVP_PKEY_free(*p);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * sign.h - WeChat Pay v3 signatures, keys and encrypted resources (PAYMENTS.md 2.2 to 2.8).
 *
 * Verification keys are looked up by the serial in a message. The two kinds, WeChat Pay's
 * public key and platform certificates, differ only in their source: the configuration, or
 * cert.h. Unit: seconds since 1970 for signature times.
 */
#ifndef PROVIDERS_WECHAT_SIGN_H
#define PROVIDERS_WECHAT_SIGN_H

#include "ext/crypto.h"
#include "providers/provider.h"

enum { WX_KEYS_MAX = 16, WX_SERIAL_MAX = 64, WX_CLOCK_SKEW_S = 300 };

struct wx_key {
	char serial[WX_SERIAL_MAX + 1];
	struct rsa_key *key;
	int64_t from_s, to_s; /* validity */
};

/* Process-owned: the merchant's signing key, and the verification keys. */
struct wx_keys {
	struct rsa_key *merchant;
	const char *merchant_serial; /* upper case */
	int64_t merchant_to_s;       /* when its certificate expires; 0: unknown */
	struct slice api_v3_key;
	struct wx_key verify[WX_KEYS_MAX];
	size_t verify_n;
	learn_fn *learn; /* NULL: there are no others */
};

/* This process's keys; NULL before they are loaded. */
static inline struct wx_keys *wx_keys_of(const struct ctx *c)
{
	return provider_state(c, PROVIDER_WECHAT);
}

/*
 * Load the keys that the configuration names. On a fault: false, after a line per
 * fault on standard error, as conf_load does.
 */
bool wx_keys_load(struct wx_keys *keys, const struct conf *conf, struct arena *a) MUST;
void wx_keys_done(struct wx_keys *keys);
/* Add a key without expiry under its serial; the table owns it. False: no room, or a bad serial. */
bool wx_keys_add(struct wx_keys *keys, const char *serial, struct rsa_key *key) MUST;
/* The same for a platform certificate in PEM, which must have this serial; expired ones make room. */
bool wx_keys_add_certificate(
	struct wx_keys *keys, const char *serial, struct slice pem, int64_t now_s) MUST;

/* Is there a key of this serial, which may be NULL? */
bool wx_keys_has(const struct wx_keys *keys, const char *serial) MUST;

/* The Authorization header's value for a request; target is the path with its query as sent. */
enum err wx_authorization(struct arena *a, const struct wx_keys *keys, const char *mchid,
	const char *method, const char *target, struct slice body, int64_t now_s, const char *nonce,
	const char **out) MUST;
/* paySign for wx.requestPayment: over appid, time (seconds, as a text), nonce and "prepay_id=…"
 * (package). */
enum err wx_pay_sign(struct arena *a, const struct wx_keys *keys, const char *appid,
	const char *time_s, const char *nonce, const char *package, const char **out) MUST;
/* 32 characters for a nonce, from letters and digits. */
char *wx_nonce(struct arena *a) MUST;

/* The signature headers of a response or notification; NULL if absent. */
struct wx_signed {
	const char *timestamp, *nonce, *serial, *signature, *signature_type;
	struct slice body; /* raw */
};

enum wx_verdict {
	WX_VALID = 0,
	WX_INCOMPLETE,     /* a header is missing, or too long */
	WX_TYPE,           /* another signature type */
	WX_TIME,           /* not a number, or WX_CLOCK_SKEW_S or more away */
	WX_UNKNOWN_SERIAL, /* no such key: request a refresh of the keys */
	WX_OVERDUE,        /* a certificate outside its validity */
	WX_INVALID,        /* the signature doesn't match */
};
/* Serials of certificates are compared case-insensitively. */
enum wx_verdict wx_verify(
	struct arena *a, const struct wx_keys *keys, const struct wx_signed *m, int64_t now_s) MUST;
/* wx_verify that looks up a key which this process doesn't know yet. Never in a transaction. */
enum wx_verdict wx_check(
	struct ctx *c, const struct wx_keys *keys, const struct wx_signed *m, int64_t now_s) MUST;
const char *wx_verdict_text(enum wx_verdict v);

/* Decrypt an AEAD_AES_256_GCM resource (Base64 ciphertext with its tag). */
bool wx_open(struct arena *a, const struct wx_keys *keys, const char *nonce,
	const char *associated_data, const char *ciphertext, struct slice *plain) MUST;

#endif

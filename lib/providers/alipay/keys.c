/* SPDX-License-Identifier: MIT */
#include "providers/alipay/keys.h"

#include <ctype.h>

#include "providers/alipay/text.h"
#include "providers/common.h"

enum { PEM_LINE = 64, ROOTS_MAX = 1024 };

/* ---- reading keys ---- */

/* Base64 as PEM of this label. */
static struct slice wrap(struct arena *a, struct slice base64, const char *label)
{
	struct str pem = str_new(a, 2 * base64.len + 128);
	size_t n = 0;

	str_addf(&pem, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; i < base64.len; i++) {
		if (isspace((unsigned char)base64.p[i]))
			continue;
		str_addc(&pem, base64.p[i]);
		if (++n % PEM_LINE == 0)
			str_addc(&pem, '\n');
	}
	str_addf(&pem, "\n-----END %s-----\n", label);
	return (struct slice){ str_text(&pem), pem.len };
}

/* PEM itself, or wrapped in each of the labels. */
static struct rsa_key *read_key(struct arena *a, struct slice text,
	struct rsa_key *(*read)(struct slice), const char *const *labels)
{
	struct rsa_key *key = read(text);

	for (; key == NULL && *labels != NULL; labels++)
		key = read(wrap(a, text, *labels));
	return key;
}

struct rsa_key *alipay_private_key(struct arena *a, struct slice text)
{
	static const char *const labels[] = { "PRIVATE KEY", "RSA PRIVATE KEY", NULL };

	return read_key(a, text, rsa_private_key, labels);
}

struct rsa_key *alipay_public_key(struct arena *a, struct slice text)
{
	static const char *const labels[] = { "PUBLIC KEY", NULL };

	return read_key(a, text, rsa_public_key, labels);
}

/* ---- serial numbers ---- */

static const char *sn_of(struct arena *a, const struct certificate_names *names)
{
	char *sn = arena_alloc(a, MD5_HEX_LEN + 1);

	crypto_md5_hex(slice_of(arena_printf(a, "%s%s", names->issuer, names->serial)), sn);
	return sn;
}

const char *alipay_cert_sn(struct arena *a, struct slice pem)
{
	struct certificate_names names;

	return certificate_next(a, &pem, &names) ? sn_of(a, &names) : NULL;
}

const char *alipay_root_cert_sn(struct arena *a, struct slice pem)
{
	struct str all = str_new(a, ROOTS_MAX);
	struct certificate_names names;

	while (certificate_next(a, &pem, &names)) {
		if (!names.rsa_signed)
			continue;
		if (all.len > 0)
			str_addc(&all, '_');
		str_adds(&all, sn_of(a, &names));
	}
	return all.len > 0 && !all.overflow ? str_text(&all) : NULL;
}

/* ---- loading ---- */

#define PRIVATE_KEY "ALIPAY_PRIVATE_KEY_FILE"
#define PUBLIC_KEY  "ALIPAY_PUBLIC_KEY_FILE"
#define APP_CERT    "ALIPAY_APP_CERT_FILE"
#define CERT        "ALIPAY_CERT_FILE"
#define ROOT_CERT   "ALIPAY_ROOT_CERT_FILE"

static bool load_app_key(struct alipay_keys *keys, const struct conf *conf, struct arena *a)
{
	struct slice text;

	if (!provider_read_file(a, PRIVATE_KEY, conf->alipay_private_key_file, &text))
		return false;
	keys->app = alipay_private_key(a, text);
	return keys->app != NULL ||
	       provider_fault(PRIVATE_KEY,
		       "holds no RSA private key of 2048 bits or more without a pass phrase");
}

static bool load_public_key(struct alipay_keys *keys, const struct conf *conf, struct arena *a)
{
	struct slice text;

	if (!provider_read_file(a, PUBLIC_KEY, conf->alipay_public_key_file, &text))
		return false;
	keys->alipay = alipay_public_key(a, text);
	return keys->alipay != NULL ||
	       provider_fault(PUBLIC_KEY,
		       "holds no RSA public key (not a certificate) of 2048 bits or more");
}

/* A certificate's key, whose owner frees it, its serial number and its end. */
static struct rsa_key *load_certificate(
	const char *setting, const char *path, struct arena *a, const char **sn, int64_t *to_s)
{
	struct certificate facts;
	struct rsa_key *key;
	struct slice pem;

	if (!provider_read_file(a, setting, path, &pem))
		return NULL;
	key = rsa_certificate_key(pem, &facts);
	*to_s = key != NULL ? facts.to_s : 0;
	*sn = alipay_cert_sn(a, pem);
	if (key == NULL || *sn == NULL)
		provider_fault(
			setting, "holds no certificate with an RSA key of 2048 bits or more");
	return key;
}

static bool load_app_certificate(struct alipay_keys *keys, const struct conf *conf, struct arena *a)
{
	struct rsa_key *key = load_certificate(
		APP_CERT, conf->alipay_app_cert_file, a, &keys->app_cert_sn, &keys->app_cert_to_s);
	const bool fits = key != NULL && (keys->app == NULL || rsa_same_key(key, keys->app));

	if (key != NULL && !fits)
		provider_fault(APP_CERT, "is not the certificate of " PRIVATE_KEY);
	rsa_key_free(key);
	return fits;
}

static bool load_roots(struct alipay_keys *keys, const struct conf *conf, struct arena *a)
{
	struct slice pem;

	if (!provider_read_file(a, ROOT_CERT, conf->alipay_root_cert_file, &pem))
		return false;
	keys->root_cert_sn = alipay_root_cert_sn(a, pem);
	return keys->root_cert_sn != NULL ||
	       provider_fault(ROOT_CERT, "holds no certificate that an RSA key has signed");
}

static bool load_certificates(struct alipay_keys *keys, const struct conf *conf, struct arena *a)
{
	const bool app = load_app_certificate(keys, conf, a), roots = load_roots(keys, conf, a);

	keys->alipay = load_certificate(
		CERT, conf->alipay_cert_file, a, &keys->alipay_cert_sn, &keys->alipay_cert_to_s);
	return app && roots && keys->alipay != NULL && keys->alipay_cert_sn != NULL;
}

/* Alipay's key, from its public key or its certificate. */
static bool load_alipay_key(struct alipay_keys *keys, const struct conf *conf, struct arena *a)
{
	const int given = (conf->alipay_app_cert_file != NULL) + (conf->alipay_cert_file != NULL) +
			  (conf->alipay_root_cert_file != NULL);

	if (given == (conf->alipay_public_key_file == NULL ? 3 : 0))
		return given == 0 ? load_public_key(keys, conf, a)
				  : load_certificates(keys, conf, a);
	return provider_fault(PUBLIC_KEY,
		"or all three of " APP_CERT ", " CERT " and " ROOT_CERT " must be set, not both");
}

bool alipay_keys_load(struct alipay_keys *keys, const struct conf *conf, struct arena *a)
{
	bool app, alipay;

	*keys = (struct alipay_keys){ 0 };
	app = load_app_key(keys, conf, a);
	alipay = load_alipay_key(keys, conf, a);
	/* the usual mistake, with which every signature of Alipay's is invalid (PAYMENTS.md 9.1) */
	if (app && alipay && rsa_same_key(keys->app, keys->alipay))
		alipay = provider_fault(keys->alipay_cert_sn != NULL ? CERT : PUBLIC_KEY,
			"holds the app's own key: download Alipay's from its console");
	if (app && alipay)
		return true;
	alipay_keys_done(keys);
	return false;
}

void alipay_keys_done(struct alipay_keys *keys)
{
	rsa_key_free(keys->app);
	rsa_key_free(keys->alipay);
	*keys = (struct alipay_keys){ 0 };
}

/* ---- signatures ---- */

enum err alipay_sign(struct ctx *c, struct alipay_params *p)
{
	const struct alipay_keys *keys = alipay_keys_of(c);
	char *now = arena_alloc(&c->arena, CLOCK_TEXT_MAX);
	const char *sign;

	alipay_time_text(clock_now_ms(), now);
	alipay_add(p, "app_id", c->conf->alipay_app_id);
	alipay_add(p, "format", "JSON");
	alipay_add(p, "charset", "utf-8");
	alipay_add(p, "sign_type", "RSA2");
	alipay_add(p, "timestamp", now);
	alipay_add(p, "version", "1.0");
	alipay_add(p, "app_cert_sn", keys->app_cert_sn);
	alipay_add(p, "alipay_root_cert_sn", keys->root_cert_sn);
	TRY(rsa_sign(&c->arena, keys->app, alipay_signed_text(&c->arena, p, ALIPAY_SIGN), &sign));
	alipay_add(p, "sign", sign);
	return OK;
}

/* Alipay's verifiers keep parameters without a value, its signers may drop them: either will do. */
bool alipay_is_signed(struct ctx *c, const struct alipay_params *p)
{
	const char *sign = alipay_param(p, "sign"), *type = alipay_param(p, "sign_type");
	struct rsa_key *key = alipay_keys_of(c)->alipay;

	if (sign == NULL || type == NULL || strcmp(type, "RSA2") != 0)
		return false;
	return rsa_verify(&c->arena, key, alipay_signed_text(&c->arena, p, ALIPAY_SIGN_TYPE),
		       slice_of(sign)) ||
	       rsa_verify(&c->arena, key, alipay_signed_text(&c->arena, p, ALIPAY_EMPTY_VALUES),
		       slice_of(sign));
}

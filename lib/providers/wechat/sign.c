/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "providers/wechat/sign.h"

#include <ctype.h>

#include "providers/common.h"

#define SIGNATURE_TYPE "WECHATPAY2-SHA256-RSA2048"

enum { API_V3_KEY_LEN = 32, NONCE_LEN = 32 };
/* A signature of 2048 bits has 344 characters; PAYMENTS.md 2.3 caps the header at 1 KiB. */
enum { SIGNATURE_MAX = 1024, NONCE_MAX = 128, TIMESTAMP_MAX = 12 };
/* The size of a signed message without its body. */
enum { MESSAGE_HEAD_MAX = 4096 };

static const char *const verdict_texts[] = {
	[WX_VALID] = "valid",
	[WX_INCOMPLETE] = "a signature header is missing or malformed",
	[WX_TYPE] = "another signature type",
	[WX_TIME] = "the timestamp is too far from now",
	[WX_UNKNOWN_SERIAL] = "signed with an unknown key",
	[WX_OVERDUE] = "signed with a certificate that is not valid now",
	[WX_INVALID] = "the signature does not match",
};

const char *wx_verdict_text(enum wx_verdict v)
{
	return verdict_texts[v];
}

/* ---- keys ---- */

static bool load_merchant(struct wx_keys *keys, const struct conf *conf, struct arena *a)
{
	static const char name[] = "WECHAT_MCH_PRIVATE_KEY_FILE";
	char *serial = arena_dup(a, conf->wechat_mch_serial_no, strlen(conf->wechat_mch_serial_no));
	struct slice pem;

	for (char *p = serial; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	keys->merchant_serial = serial;
	if (!provider_read_file(a, name, conf->wechat_mch_private_key_file, &pem))
		return false;
	keys->merchant = rsa_private_key(pem);
	return keys->merchant != NULL ||
	       provider_fault(
		       name, "holds no RSA private key of 2048 bits or more without a pass phrase");
}

/* Only to know when it expires; and that key and serial are its own. */
static bool load_merchant_certificate(
	struct wx_keys *keys, const struct conf *conf, struct arena *a)
{
	static const char name[] = "WECHAT_MCH_CERT_FILE";
	struct certificate facts;
	struct rsa_key *key;
	struct slice pem;
	bool same;

	if (!provider_read_file(a, name, conf->wechat_mch_cert_file, &pem))
		return false;
	key = rsa_certificate_key(pem, &facts);
	if (key == NULL)
		return provider_fault(
			name, "holds no certificate with an RSA key of 2048 bits or more");
	same = keys->merchant == NULL || rsa_same_key(key, keys->merchant);
	rsa_key_free(key);
	keys->merchant_to_s = facts.to_s;
	if (!same)
		return provider_fault(
			name, "is not the certificate of WECHAT_MCH_PRIVATE_KEY_FILE");
	return str_same_nocase(facts.serial, keys->merchant_serial) ||
	       provider_fault(name, "has another serial number than WECHAT_MCH_SERIAL_NO");
}

static bool load_public(struct wx_keys *keys, const struct conf *conf, struct arena *a)
{
	static const char name[] = "WECHAT_PAY_PUBLIC_KEY_FILE";
	struct rsa_key *key;
	struct slice pem;

	if (!provider_read_file(a, name, conf->wechat_pay_public_key_file, &pem))
		return false;
	key = rsa_public_key(pem);
	if (key == NULL)
		return provider_fault(
			name, "holds no RSA public key (not a certificate) of 2048 bits or more");
	if (wx_keys_add(keys, conf->wechat_pay_public_key_id, key))
		return true;
	rsa_key_free(key);
	return provider_fault("WECHAT_PAY_PUBLIC_KEY_ID", "is too long");
}

bool wx_keys_load(struct wx_keys *keys, const struct conf *conf, struct arena *a)
{
	bool merchant, certificate, public, api_v3;

	*keys = (struct wx_keys){ .api_v3_key = slice_of(conf->wechat_api_v3_key) };
	merchant = load_merchant(keys, conf, a);
	certificate =
		conf->wechat_mch_cert_file == NULL || load_merchant_certificate(keys, conf, a);
	public = conf->wechat_pay_public_key_id == NULL || load_public(keys, conf, a);
	api_v3 = keys->api_v3_key.len == API_V3_KEY_LEN ||
		 provider_fault("WECHAT_API_V3_KEY", "must be exactly 32 bytes long");
	if (merchant && certificate && public && api_v3)
		return true;
	wx_keys_done(keys);
	return false;
}

void wx_keys_done(struct wx_keys *keys)
{
	rsa_key_free(keys->merchant);
	for (size_t i = 0; i < keys->verify_n; i++)
		rsa_key_free(keys->verify[i].key);
	*keys = (struct wx_keys){ 0 };
}

static const struct wx_key *find_key(const struct wx_keys *keys, const char *serial)
{
	for (size_t i = 0; i < keys->verify_n; i++)
		if (str_same_nocase(keys->verify[i].serial, serial))
			return &keys->verify[i];
	return NULL;
}

bool wx_keys_has(const struct wx_keys *keys, const char *serial)
{
	return serial != NULL && find_key(keys, serial) != NULL;
}

static bool add_key(
	struct wx_keys *keys, const char *serial, struct rsa_key *key, int64_t from_s, int64_t to_s)
{
	size_t len = strlen(serial);
	struct wx_key *at = &keys->verify[keys->verify_n];

	if (keys->verify_n == WX_KEYS_MAX || len == 0 || len > WX_SERIAL_MAX ||
		find_key(keys, serial) != NULL)
		return false;
	memcpy(at->serial, serial, len + 1);
	at->key = key;
	at->from_s = from_s;
	at->to_s = to_s;
	keys->verify_n++;
	return true;
}

bool wx_keys_add(struct wx_keys *keys, const char *serial, struct rsa_key *key)
{
	return add_key(keys, serial, key, INT64_MIN, INT64_MAX);
}

static void drop_expired(struct wx_keys *keys, int64_t now_s)
{
	size_t kept = 0;

	for (size_t i = 0; i < keys->verify_n; i++)
		if (keys->verify[i].to_s < now_s)
			rsa_key_free(keys->verify[i].key);
		else
			keys->verify[kept++] = keys->verify[i];
	keys->verify_n = kept;
}

bool wx_keys_add_certificate(
	struct wx_keys *keys, const char *serial, struct slice pem, int64_t now_s)
{
	struct certificate facts;
	struct rsa_key *key = rsa_certificate_key(pem, &facts);

	drop_expired(keys, now_s);
	if (key == NULL)
		return false;
	/* the list's serial is not authenticated, the certificate's is */
	if (str_same_nocase(facts.serial, serial) && facts.to_s >= now_s &&
		add_key(keys, facts.serial, key, facts.from_s, facts.to_s))
		return true;
	rsa_key_free(key);
	return false;
}

/* ---- signing ---- */

char *wx_nonce(struct arena *a)
{
	return crypto_random_text(a, ALPHANUMERIC, NONCE_LEN);
}

static void add_line(struct str *message, const char *text)
{
	str_adds(message, text);
	str_addc(message, '\n');
}

static enum err sign(
	struct arena *a, const struct wx_keys *keys, const struct str *message, const char **out)
{
	if (message->overflow)
		return ERR_INTERNAL;
	return rsa_sign(a, keys->merchant, (struct slice){ str_text(message), message->len }, out);
}

enum err wx_authorization(struct arena *a, const struct wx_keys *keys, const char *mchid,
	const char *method, const char *target, struct slice body, int64_t now_s, const char *nonce,
	const char **out)
{
	struct str message = str_new(a, MESSAGE_HEAD_MAX + body.len);
	const char *signature;

	add_line(&message, method);
	add_line(&message, target);
	str_addi(&message, now_s);
	str_addc(&message, '\n');
	add_line(&message, nonce);
	str_add(&message, body.p, body.len);
	str_addc(&message, '\n');
	TRY(sign(a, keys, &message, &signature));
	*out = arena_printf(a,
		SIGNATURE_TYPE
		" mchid=\"%s\",nonce_str=\"%s\",timestamp=\"%lld\","
		"serial_no=\"%s\",signature=\"%s\"",
		mchid, nonce, (long long)now_s, keys->merchant_serial, signature);
	return OK;
}

enum err wx_pay_sign(struct arena *a, const struct wx_keys *keys, const char *appid,
	const char *time_s, const char *nonce, const char *package, const char **out)
{
	struct str message = str_new(a, MESSAGE_HEAD_MAX);

	add_line(&message, appid);
	add_line(&message, time_s);
	add_line(&message, nonce);
	add_line(&message, package);
	return sign(a, keys, &message, out);
}

/* ---- verifying ---- */

/* 1 to max visible ASCII characters, so that none ends a line of the signed message. */
static bool is_token(const char *s, size_t max)
{
	size_t n = 0;

	if (s == NULL)
		return false;
	while (s[n] > ' ' && s[n] < 0x7f)
		if (++n > max)
			return false;
	return n > 0 && s[n] == '\0';
}

enum wx_verdict wx_verify(
	struct arena *a, const struct wx_keys *keys, const struct wx_signed *m, int64_t now_s)
{
	const struct wx_key *key;
	struct str message = str_new(a, MESSAGE_HEAD_MAX + m->body.len);
	int64_t then_s;

	if (!is_token(m->timestamp, TIMESTAMP_MAX) || !is_token(m->nonce, NONCE_MAX) ||
		!is_token(m->serial, WX_SERIAL_MAX) || !is_token(m->signature, SIGNATURE_MAX))
		return WX_INCOMPLETE;
	if (m->signature_type != NULL && strcmp(m->signature_type, SIGNATURE_TYPE) != 0)
		return WX_TYPE;
	if (!str_to_i64(slice_of(m->timestamp), INT64_MAX, &then_s) ||
		then_s - now_s >= WX_CLOCK_SKEW_S || now_s - then_s >= WX_CLOCK_SKEW_S)
		return WX_TIME;
	key = find_key(keys, m->serial);
	if (key == NULL)
		return WX_UNKNOWN_SERIAL;
	if (now_s < key->from_s || now_s > key->to_s)
		return WX_OVERDUE;
	add_line(&message, m->timestamp);
	add_line(&message, m->nonce);
	str_add(&message, m->body.p, m->body.len);
	str_addc(&message, '\n');
	return rsa_verify(a, key->key, (struct slice){ str_text(&message), message.len },
		       slice_of(m->signature))
		       ? WX_VALID
		       : WX_INVALID;
}

enum wx_verdict wx_check(
	struct ctx *c, const struct wx_keys *keys, const struct wx_signed *m, int64_t now_s)
{
	enum wx_verdict v = wx_verify(&c->arena, keys, m, now_s);

	if (v == WX_UNKNOWN_SERIAL && keys->learn != NULL && keys->learn(c, m->serial))
		v = wx_verify(&c->arena, keys, m, now_s);
	return v;
}

bool wx_open(struct arena *a, const struct wx_keys *keys, const char *nonce,
	const char *associated_data, const char *ciphertext, struct slice *plain)
{
	struct slice sealed;

	return keys->api_v3_key.len == API_V3_KEY_LEN &&
	       base64_decode(a, slice_of(ciphertext), &sealed) &&
	       aes_gcm_open(a, keys->api_v3_key, slice_of(nonce), slice_of(associated_data), sealed,
		       plain);
}

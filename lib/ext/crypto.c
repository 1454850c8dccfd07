/* SPDX-License-Identifier: MIT */
#include "ext/crypto.h"

#include <assert.h>
#include <crypt.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <stdlib.h>

#include "base/log.h"
#include "ext/crypto_internal.h"

enum { GCM_KEY_LEN = 32, GCM_NONCE_LEN = 12, GCM_TAG_LEN = 16, RSA_BITS_MIN = 2048 };

/* yescrypt's default: about 25 ms and 16 MiB. A higher cost would make sign-in a denial of service.
 */
enum { PASSWORD_COST = 5, PASSWORD_SALT_LEN = 16 };
#define PASSWORD_METHOD "$y$"

static void digest_done(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void cipher_done(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

/* Log OpenSSL's reason for a failure of `what` and clear it. */
static void log_reason(const char *what)
{
	char text[160] = "no reason given";
	unsigned long code = ERR_peek_last_error();

	if (code != 0)
		ERR_error_string_n(code, text, sizeof(text));
	ERR_clear_error();
	log_line(LOG_ERROR, "crypto", "%s: %s", what, text);
}

/*
 * Algorithms are fetched once per process: a fetch costs more than hashing a token.
 * Nothing works with a libcrypto without them, so their absence is an assertion.
 */
static const EVP_MD *sha256(void)
{
	static EVP_MD *md;

	if (md == NULL)
		md = EVP_MD_fetch(NULL, "SHA256", NULL);
	assert(md != NULL);
	return md;
}

static const EVP_CIPHER *aes_256_gcm(void)
{
	static EVP_CIPHER *cipher;

	if (cipher == NULL)
		cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	assert(cipher != NULL);
	return cipher;
}

/* A context with its digest set; each use sets its key. */
static EVP_MAC_CTX *hmac_sha256(void)
{
	static EVP_MAC_CTX *ctx;
	char digest[] = "SHA256";
	EVP_MAC *mac;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	if (ctx != NULL)
		return ctx;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	ctx = EVP_MAC_CTX_new(mac);
	EVP_MAC_free(mac); /* the context holds it */
	if (ctx == NULL || EVP_MAC_CTX_set_params(ctx, params) != 1)
		abort();
	return ctx;
}

/* ---- random ---- */

void crypto_random(void *out, size_t n)
{
	assert(n <= INT_MAX);
	if (RAND_bytes(out, (int)n) != 1)
		abort();
}

char *crypto_random_text(struct arena *a, const char *alphabet, size_t n)
{
	const size_t letters = strlen(alphabet);
	char *text = arena_alloc(a, n + 1);
	unsigned char pool[64];
	size_t made = 0;
	unsigned fair;

	assert(letters >= 2 && letters <= 256);
	/* reject bytes from the last, incomplete round of the alphabet: modulo bias */
	fair = 256 - 256 % (unsigned)letters;
	while (made < n) {
		crypto_random(pool, sizeof(pool));
		for (size_t i = 0; i < sizeof(pool) && made < n; i++)
			if (pool[i] < fair)
				text[made++] = alphabet[pool[i] % letters];
	}
	OPENSSL_cleanse(pool, sizeof(pool));
	return text;
}

/* ---- digests ---- */

void crypto_sha256(const void *data, size_t len, unsigned char out[static SHA256_LEN])
{
	if (EVP_Digest(data, len, out, NULL, sha256(), NULL) != 1)
		abort();
}

void crypto_md5_hex(struct slice data, char out[static MD5_HEX_LEN + 1])
{
	unsigned char md5[MD5_HEX_LEN / 2];

	if (EVP_Q_digest(NULL, "MD5", NULL, data.p, data.len, md5, NULL) != 1)
		abort();
	hex_encode(md5, sizeof(md5), out);
}

/* An EVP_MD_CTX, so that the header needs none of OpenSSL's. */
struct sha1 *sha1_new(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx == NULL || EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) != 1)
		abort();
	return (struct sha1 *)ctx;
}

void sha1_add(struct sha1 *s, const void *data, size_t len)
{
	if (EVP_DigestUpdate((EVP_MD_CTX *)s, data, len) != 1)
		abort();
}

void sha1_hex(struct sha1 *s, char out[static SHA1_HEX_LEN + 1])
{
	unsigned char sha1[SHA1_HEX_LEN / 2];

	if (EVP_DigestFinal_ex((EVP_MD_CTX *)s, sha1, NULL) != 1)
		abort();
	hex_encode(sha1, sizeof(sha1), out);
}

void sha1_free(struct sha1 *s)
{
	EVP_MD_CTX_free((EVP_MD_CTX *)s);
}

void crypto_hmac_sha256(struct slice key, struct slice data, unsigned char out[static SHA256_LEN])
{
	static const unsigned char empty[1];
	const unsigned char *k = key.len > 0 ? (const unsigned char *)key.p : empty;
	EVP_MAC_CTX *ctx = hmac_sha256();
	size_t len;

	/* a NULL key would reuse that of the last call */
	if (EVP_MAC_init(ctx, k, key.len, NULL) != 1 ||
		EVP_MAC_update(ctx, (const unsigned char *)data.p, data.len) != 1 ||
		EVP_MAC_final(ctx, out, &len, SHA256_LEN) != 1 || len != SHA256_LEN)
		abort();
}

/* ---- RSA ---- */

int crypto_no_pass_phrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

BIO *crypto_bio(struct slice pem)
{
	BIO *bio = pem.len > INT_MAX ? NULL : BIO_new_mem_buf(pem.p, (int)pem.len);

	if (bio == NULL && pem.len <= INT_MAX)
		abort();
	return bio;
}

struct rsa_key *crypto_wrap_key(EVP_PKEY *pkey)
{
	struct rsa_key *key;

	if (pkey == NULL || !EVP_PKEY_is_a(pkey, "RSA") || EVP_PKEY_get_bits(pkey) < RSA_BITS_MIN)
		return NULL;
	key = malloc(sizeof(*key));
	if (key == NULL || EVP_PKEY_up_ref(pkey) != 1)
		abort();
	key->pkey = pkey;
	return key;
}

static struct rsa_key *read_key(struct slice pem, bool secret)
{
	AUTO(bio_done) BIO *bio = crypto_bio(pem);
	AUTO(pkey_done) EVP_PKEY *pkey = NULL;

	if (bio == NULL)
		return NULL;
	pkey = secret ? PEM_read_bio_PrivateKey(bio, NULL, crypto_no_pass_phrase, NULL)
		      : PEM_read_bio_PUBKEY(bio, NULL, crypto_no_pass_phrase, NULL);
	ERR_clear_error();
	return crypto_wrap_key(pkey);
}

struct rsa_key *rsa_private_key(struct slice pem)
{
	return read_key(pem, true);
}

struct rsa_key *rsa_public_key(struct slice pem)
{
	return read_key(pem, false);
}

bool rsa_same_key(const struct rsa_key *a, const struct rsa_key *b)
{
	return EVP_PKEY_eq(a->pkey, b->pkey) == 1;
}

void rsa_key_free(struct rsa_key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

enum err rsa_sign(struct arena *a, struct rsa_key *key, struct slice message, const char **base64)
{
	AUTO(digest_done) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = (size_t)EVP_PKEY_get_size(key->pkey);
	unsigned char *signature = arena_alloc(a, len);

	if (ctx == NULL)
		abort();
	if (EVP_DigestSignInit(ctx, NULL, sha256(), NULL, key->pkey) != 1 ||
		EVP_DigestSign(
			ctx, signature, &len, (const unsigned char *)message.p, message.len) != 1) {
		log_reason("signing failed");
		return ERR_INTERNAL;
	}
	*base64 = base64_encode(a, signature, len);
	return OK;
}

bool rsa_verify(struct arena *a, struct rsa_key *key, struct slice message, struct slice base64)
{
	AUTO(digest_done) EVP_MD_CTX *ctx = NULL;
	struct slice signature;
	int verdict;

	if (!base64_decode(a, base64, &signature))
		return false;
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL)
		abort();
	if (EVP_DigestVerifyInit(ctx, NULL, sha256(), NULL, key->pkey) != 1) {
		log_reason("verifying failed");
		return false;
	}
	verdict = EVP_DigestVerify(ctx, (const unsigned char *)signature.p, signature.len,
		(const unsigned char *)message.p, message.len);
	ERR_clear_error();
	return verdict == 1; /* 0 and negatives alike: invalid */
}

/* ---- AES ---- */

/* Decrypt len bytes; true only when the tag matches. */
static bool gcm_decrypt(EVP_CIPHER_CTX *ctx, const unsigned char *in, size_t len,
	const unsigned char *tag_in, unsigned char *out)
{
	unsigned char tag[GCM_TAG_LEN];
	int n, rest;

	memcpy(tag, tag_in, GCM_TAG_LEN); /* OpenSSL wants it writable */
	if (len > 0 && EVP_DecryptUpdate(ctx, out, &n, in, (int)len) != 1)
		return false;
	return EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG_LEN, tag) == 1 &&
	       EVP_DecryptFinal_ex(ctx, out + len, &rest) == 1;
}

bool aes_gcm_open(struct arena *a, struct slice key, struct slice nonce, struct slice aad,
	struct slice sealed, struct slice *plain)
{
	AUTO(cipher_done) EVP_CIPHER_CTX *ctx = NULL;
	const unsigned char *in = (const unsigned char *)sealed.p;
	unsigned char *out;
	size_t len;
	int n;

	if (key.len != GCM_KEY_LEN || nonce.len != GCM_NONCE_LEN || aad.len > INT_MAX ||
		sealed.len < GCM_TAG_LEN || sealed.len > INT_MAX)
		return false;
	len = sealed.len - GCM_TAG_LEN;
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL || EVP_DecryptInit_ex2(ctx, aes_256_gcm(), (const unsigned char *)key.p,
				   (const unsigned char *)nonce.p, NULL) != 1)
		abort();
	if (aad.len > 0 &&
		EVP_DecryptUpdate(ctx, NULL, &n, (const unsigned char *)aad.p, (int)aad.len) != 1)
		return false;
	out = arena_alloc(a, len + 1);
	if (!gcm_decrypt(ctx, in, len, in + len, out)) {
		OPENSSL_cleanse(out, len);
		ERR_clear_error();
		return false;
	}
	*plain = (struct slice){ (const char *)out, len };
	return true;
}

/* ---- passwords ---- */

/* crypt_rn's work space is 32 KiB, too much for a stack; it is wiped after each use.
 */
static struct crypt_data work;

static bool make_setting(char out[static CRYPT_GENSALT_OUTPUT_SIZE])
{
	char salt[PASSWORD_SALT_LEN];

	crypto_random(salt, sizeof(salt));
	return crypt_gensalt_rn(PASSWORD_METHOD, PASSWORD_COST, salt, sizeof(salt), out,
		       CRYPT_GENSALT_OUTPUT_SIZE) != NULL;
}

enum err password_hash(struct arena *a, const char *password, const char **hash)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *made;

	if (strlen(password) > PASSWORD_MAX)
		return ERR_INVALID;
	made = make_setting(setting) ? crypt_rn(password, setting, &work, sizeof(work)) : NULL;
	if (made == NULL)
		log_line(LOG_ERROR, "crypto", "hashing a password failed");
	else
		*hash = arena_dup(a, made, strlen(made));
	OPENSSL_cleanse(&work, sizeof(work));
	return made != NULL ? OK : ERR_INTERNAL;
}

/* Spend the time of one check. A new setting costs the same as a stored hash and matches no password.
 */
static void check_dummy(const char *password)
{
	static char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (setting[0] == '\0' && !make_setting(setting))
		abort();
	if (crypt_rn(password, setting, &work, sizeof(work)) == NULL)
		log_line(LOG_ERROR, "crypto", "hashing a password failed");
	OPENSSL_cleanse(&work, sizeof(work));
}

bool password_verify(const char *password, const char *hash)
{
	const char *made;
	bool same;

	if (strlen(password) > PASSWORD_MAX) {
		check_dummy("too long for any password");
		return false;
	}
	if (hash == NULL) {
		check_dummy(password);
		return false;
	}
	made = crypt_rn(password, hash, &work, sizeof(work));
	same = made != NULL && strlen(made) == strlen(hash) &&
	       bytes_equal(made, hash, strlen(hash));
	OPENSSL_cleanse(&work, sizeof(work));
	if (made == NULL) {
		log_line(LOG_ERROR, "crypto", "a stored password hash can't be used");
		check_dummy(password);
	}
	return same;
}

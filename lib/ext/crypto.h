/* SPDX-License-Identifier: MIT */
/*
 * crypto.h - the only users of OpenSSL and libxcrypt.
 * Keys are process-owned; texts are in the caller's arena.
 */
#ifndef EXT_CRYPTO_H
#define EXT_CRYPTO_H

#include "base/str.h"

enum { SHA256_LEN = 32, SHA256_HEX_LEN = 64 };

/* Fill with random bytes; aborts on failure. */
void crypto_random(void *out, size_t n);
/* n characters drawn uniformly from alphabet (2 to 256 characters), NUL-terminated. */
char *crypto_random_text(struct arena *a, const char *alphabet, size_t n) MUST;
/* Crockford's, without letters that look like digits or like each other; 5 bits a character. */
#define BASE32       "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
#define BASE32_SMALL "0123456789abcdefghjkmnpqrstvwxyz"
#define ALPHANUMERIC "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

void crypto_sha256(const void *data, size_t len, unsigned char out[static SHA256_LEN]);
/* Only for names that others have chosen: MD5 protects nothing. Lower-case hexadecimal. */
enum { MD5_HEX_LEN = 32 };
void crypto_md5_hex(struct slice data, char out[static MD5_HEX_LEN + 1]);
/* Of pieces, only where others have chosen SHA-1: against accidents. Lower-case hexadecimal. */
enum { SHA1_HEX_LEN = 40 };
struct sha1;
struct sha1 *sha1_new(void) MUST;
void sha1_add(struct sha1 *s, const void *data, size_t len);
/* Of all that was added; nothing more may be. */
void sha1_hex(struct sha1 *s, char out[static SHA1_HEX_LEN + 1]);
void sha1_free(struct sha1 *s);
void crypto_hmac_sha256(struct slice key, struct slice data, unsigned char out[static SHA256_LEN]);

/* Standard Base64 with padding, one line. */
char *base64_encode(struct arena *a, const void *data, size_t len) MUST;
/* Strict: the standard alphabet, right padding, no whitespace, no stray bits. *out is
 * NUL-terminated too. */
bool base64_decode(struct arena *a, struct slice text, struct slice *out) MUST;
/* The URL-safe alphabet without padding; decoding refuses padding and stray bits. */
char *base64url_encode(struct arena *a, const void *data, size_t len) MUST;
bool base64url_decode(struct arena *a, struct slice text, struct slice *out) MUST;

/* An RSA key of either kind. */
struct rsa_key;
/* From PEM: a private key; a public key (SubjectPublicKeyInfo). NULL when it is none of at least
 * 2048 bits. */
struct rsa_key *rsa_private_key(struct slice pem) MUST;
struct rsa_key *rsa_public_key(struct slice pem) MUST;
void rsa_key_free(struct rsa_key *key);
/* Do they have the same public half? */
bool rsa_same_key(const struct rsa_key *a, const struct rsa_key *b) MUST;

/* An X.509 certificate's serial and validity. Unit: seconds since 1970. */
enum { CERTIFICATE_SERIAL_MAX = 40 };
struct certificate {
	char serial[CERTIFICATE_SERIAL_MAX + 1]; /* hexadecimal, upper case */
	int64_t from_s, to_s;
};
/* The RSA key of a PEM certificate, whose own signature is not checked. NULL as above. */
struct rsa_key *rsa_certificate_key(struct slice pem, struct certificate *facts) MUST;
/* The same facts of the first certificate of a PEM text, whose key may be of any kind. */
bool certificate_facts(struct slice pem, struct certificate *facts) MUST;
/* How others refer to a certificate. */
struct certificate_names {
	const char *issuer; /* "CN=…,O=…,C=…": its attributes in reverse order */
	const char *serial; /* decimal */
	bool rsa_signed;    /* by its issuer with an RSA key */
};
/* Of the next certificate of a PEM text, which is cut after it. Its key may be of any kind. False: none is left. */
bool certificate_next(struct arena *a, struct slice *pem, struct certificate_names *out) MUST;
/* RSASSA-PKCS1-v1_5 with SHA-256, in Base64. */
enum err rsa_sign(
	struct arena *a, struct rsa_key *key, struct slice message, const char **base64) MUST;
/* A signature that can't be decoded is invalid. */
bool rsa_verify(
	struct arena *a, struct rsa_key *key, struct slice message, struct slice base64) MUST;

/*
 * AES-256-GCM: sealed = ciphertext followed by the 16-byte tag. False when the key is
 * not 32 bytes, the nonce not 12, or the tag doesn't match; no plain text is then returned.
 */
bool aes_gcm_open(struct arena *a, struct slice key, struct slice nonce, struct slice aad,
	struct slice sealed, struct slice *plain) MUST;

/*
 * Passwords: yescrypt through crypt_rn; hashing takes about 25 ms and 16 MiB on purpose.
 * Unit: bytes. A longer password is INVALID and matches no hash: truncating it would
 * accept its prefix.
 */
enum { PASSWORD_MIN = 8, PASSWORD_MAX = 128 };
enum err password_hash(struct arena *a, const char *password, const char **hash) MUST;
/* hash NULL (no such account, or no password): false, as slow as a real check. */
bool password_verify(const char *password, const char *hash) MUST;

#endif

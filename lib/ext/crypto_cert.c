/* SPDX-License-Identifier: MIT */
/* crypto_cert.c - X.509 certificates. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

#include "ext/crypto_internal.h"

enum { OID_MAX = 64, ISSUER_MAX = 1024 };

/* The object identifiers of RSA signatures begin with PKCS #1's. */
#define PKCS1 "1.2.840.113549.1.1."

static void x509_done(X509 **x)
{
	X509_free(*x);
}

static void bignum_done(BIGNUM **n)
{
	BN_free(*n);
}

static void text_done(char **text)
{
	OPENSSL_free(*text);
}

static void utf8_done(unsigned char **text)
{
	OPENSSL_free(*text);
}

static bool read_asn1_time(const ASN1_TIME *at, int64_t *out_s)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(at, &tm) != 1)
		return false;
	*out_s = timegm(&tm);
	return true;
}

static bool read_facts(const X509 *x509, struct certificate *facts)
{
	AUTO(bignum_done) BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
	AUTO(text_done) char *hex = serial == NULL ? NULL : BN_bn2hex(serial);
	const size_t len = hex == NULL ? 0 : strlen(hex);

	if (len == 0 || len > CERTIFICATE_SERIAL_MAX)
		return false;
	memcpy(facts->serial, hex, len + 1);
	return read_asn1_time(X509_get0_notBefore(x509), &facts->from_s) &&
	       read_asn1_time(X509_get0_notAfter(x509), &facts->to_s);
}

struct rsa_key *rsa_certificate_key(struct slice pem, struct certificate *facts)
{
	AUTO(bio_done) BIO *bio = crypto_bio(pem);
	AUTO(x509_done) X509 *x509 = NULL;
	struct rsa_key *key = NULL;

	if (bio == NULL)
		return NULL;
	x509 = PEM_read_bio_X509(bio, NULL, crypto_no_pass_phrase, NULL);
	if (x509 != NULL && read_facts(x509, facts))
		key = crypto_wrap_key(X509_get0_pubkey(x509));
	ERR_clear_error();
	return key;
}

bool certificate_facts(struct slice pem, struct certificate *facts)
{
	AUTO(bio_done) BIO *bio = crypto_bio(pem);
	AUTO(x509_done) X509 *x509 = NULL;
	bool read;

	if (bio == NULL)
		return false;
	x509 = PEM_read_bio_X509(bio, NULL, crypto_no_pass_phrase, NULL);
	read = x509 != NULL && read_facts(x509, facts);
	ERR_clear_error();
	return read;
}

/* ---- names ---- */

static bool add_attribute(struct str *out, const X509_NAME_ENTRY *entry)
{
	const ASN1_OBJECT *kind = X509_NAME_ENTRY_get_object(entry);
	const int nid = OBJ_obj2nid(kind);
	AUTO(utf8_done) unsigned char *value = NULL;
	const int len = ASN1_STRING_to_UTF8(&value, X509_NAME_ENTRY_get_data(entry));
	char oid[OID_MAX];

	if (len < 0 || OBJ_obj2txt(oid, sizeof(oid), kind, 1) <= 0)
		return false;
	str_adds(out, nid != NID_undef ? OBJ_nid2sn(nid) : oid);
	str_addc(out, '=');
	str_add(out, (const char *)value, (size_t)len);
	return true;
}

static bool read_issuer(struct arena *a, const X509 *x509, const char **out)
{
	const X509_NAME *name = X509_get_issuer_name(x509);
	struct str text = str_new(a, ISSUER_MAX);

	for (int i = X509_NAME_entry_count(name); i-- > 0;) {
		if (text.len > 0)
			str_addc(&text, ',');
		if (!add_attribute(&text, X509_NAME_get_entry(name, i)))
			return false;
	}
	*out = str_text(&text);
	return !text.overflow;
}

static bool read_names(struct arena *a, const X509 *x509, struct certificate_names *out)
{
	AUTO(bignum_done) BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x509), NULL);
	AUTO(text_done) char *decimal = serial == NULL ? NULL : BN_bn2dec(serial);
	const X509_ALGOR *algorithm;
	char oid[OID_MAX];

	X509_get0_signature(NULL, &algorithm, x509);
	if (decimal == NULL || OBJ_obj2txt(oid, sizeof(oid), algorithm->algorithm, 1) <= 0 ||
		!read_issuer(a, x509, &out->issuer))
		return false;
	out->serial = arena_dup(a, decimal, strlen(decimal));
	out->rsa_signed = str_starts(oid, PKCS1);
	return true;
}

bool certificate_next(struct arena *a, struct slice *pem, struct certificate_names *out)
{
	AUTO(bio_done) BIO *bio = crypto_bio(*pem);
	AUTO(x509_done) X509 *x509 = NULL;
	bool read;

	if (bio == NULL)
		return false;
	x509 = PEM_read_bio_X509(bio, NULL, crypto_no_pass_phrase, NULL);
	read = x509 != NULL && read_names(a, x509, out);
	ERR_clear_error();
	if (!read)
		return false;
	pem->p += pem->len - BIO_ctrl_pending(bio);
	pem->len = BIO_ctrl_pending(bio);
	return true;
}

/* SPDX-License-Identifier: MIT */
#include "ext/crypto_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>

struct tls {
	SSL_CTX *context;
	SSL *ssl;
};

/* The name or address that the certificate must be for. */
static bool expect_host(SSL *ssl, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool trust(SSL_CTX *context, const char *ca_file)
{
	return ca_file != NULL ? SSL_CTX_load_verify_locations(context, ca_file, NULL) == 1
			       : SSL_CTX_set_default_verify_paths(context) == 1;
}

static bool begin(struct tls *t, int fd, const char *host, const char *ca_file)
{
	t->context = SSL_CTX_new(TLS_client_method());
	if (t->context == NULL || !trust(t->context, ca_file) ||
		SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION) != 1)
		return false;
	SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(
		t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	t->ssl = SSL_new(t->context);
	if (t->ssl == NULL || !expect_host(t->ssl, host) || SSL_set_fd(t->ssl, fd) != 1)
		return false;
	SSL_set_connect_state(t->ssl);
	return true;
}

struct tls *tls_new(int fd, const char *host, const char *ca_file)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct tls *t = calloc(1, sizeof(*t));

	/* OpenSSL writes without MSG_NOSIGNAL */
	if (t == NULL || sigaction(SIGPIPE, &ignore, NULL) != 0)
		abort();
	ERR_clear_error();
	if (begin(t, fd, host, ca_file))
		return t;
	tls_free(t);
	return NULL;
}

void tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->context);
	free(t);
}

static enum tls_step step(struct tls *t, int rc)
{
	if (rc > 0)
		return TLS_DONE;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return TLS_WAIT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WAIT_WRITE;
	default:
		return TLS_FAILED;
	}
}

enum tls_step tls_handshake(struct tls *t)
{
	ERR_clear_error();
	return step(t, SSL_do_handshake(t->ssl));
}

enum tls_step tls_read(struct tls *t, void *buf, size_t n, size_t *done)
{
	ERR_clear_error();
	return step(t, SSL_read_ex(t->ssl, buf, n, done));
}

enum tls_step tls_write(struct tls *t, const void *buf, size_t n, size_t *done)
{
	ERR_clear_error();
	return step(t, SSL_write_ex(t->ssl, buf, n, done));
}

const char *tls_why(const struct tls *t)
{
	const long verdict = SSL_get_verify_result(t->ssl);

	return verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : "TLS failed";
}

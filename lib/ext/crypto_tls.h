/* SPDX-License-Identifier: MIT */
/*
 * crypto_tls.h - the client's end of TLS on a socket that doesn't block. The server's certificate must be valid for its
 * host; TLS 1.2 or newer. The caller waits for the socket, with a limit of its own.
 */
#ifndef EXT_CRYPTO_TLS_H
#define EXT_CRYPTO_TLS_H

#include "base/base.h"

struct tls;

enum tls_step {
	TLS_DONE,
	TLS_WAIT_READ,
	TLS_WAIT_WRITE,
	TLS_FAILED, /* or ended by the other side */
};

/*
 * On a connected socket, which stays the caller's. host: a name or an address; ca_file: PEM, NULL for the system's.
 * The process ignores SIGPIPE from now on. NULL: the file has no certificates.
 */
struct tls *tls_new(int fd, const char *host, const char *ca_file) MUST;
/* Sends nothing more. */
void tls_free(struct tls *t);

enum tls_step tls_handshake(struct tls *t) MUST;
/* DONE: *done bytes, at least one. */
enum tls_step tls_read(struct tls *t, void *buf, size_t n, size_t *done) MUST;
enum tls_step tls_write(struct tls *t, const void *buf, size_t n, size_t *done) MUST;
/* Why it failed; a literal. */
const char *tls_why(const struct tls *t);

#endif

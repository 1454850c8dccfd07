/* SPDX-License-Identifier: MIT */
/*
 * http.h - calls to providers, through libcurl.
 *
 * One handle per process is reused, so that connections stay open. Every call has
 * deadlines and a bounded response; redirects are not followed. Only https, and
 * http to loopback. Asserts that no transaction is open: a stalled provider must
 * never hold a lock. Logs failures with the host and path, never the query.
 *
 * A stranger's address was chosen by somebody else (BEHAVIOUR 15): nothing but a public host is
 * connected to, or this host where the URL says so; its address is checked as the socket is
 * opened, so that no second look-up can differ. No proxy, no connection of another call, and
 * the body of the answer is thrown away; the log has only the host.
 */
#ifndef EXT_HTTP_H
#define EXT_HTTP_H

#include "base/ctx.h"
#include "base/spool.h"
#include "base/str.h"

#define HTTP_ANSWER_MAX ((size_t)1 << 20)

struct http_call {
	const char *method; /* "GET" or "POST" */
	const char *url;
	struct slice body;          /* sent when its p is not NULL */
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	const char *const
		*wanted; /* names of response headers to keep, NULL-terminated; may be NULL */
	const char **wanted_values; /* one each: the value, or NULL when absent */
	int64_t connect_timeout_ms, timeout_ms;
	bool stranger;
	/* Takes the body of a 200, up to the spool's own maximum; then the answer has none. NULL: it is in memory. */
	struct spool *spool;
};

struct http_answer {
	int status;
	struct slice body;     /* NUL-terminated as well */
	bool repeated;         /* a wanted header was repeated */
	int64_t retry_after_s; /* its Retry-After; 0: none */
	int64_t date_ms;       /* its Date; 0: none */
};

/*
 * OK for any status. PROVIDER_BUSY: certainly not sent (no connection, or no time
 * left). PROVIDER_UNKNOWN: possibly sent, without a complete response (timeout, drop,
 * too large). PROVIDER_CONFIG: an address that may not be called.
 */
enum err http_call(struct ctx *c, const struct http_call *call, struct http_answer *out) MUST;

/* The certificate that a site shows, whoever has signed it. */
struct http_site {
	int64_t expires_ms; /* 0: unreadable */
	const char *
		distrusted; /* why its chain or its name isn't accepted, in c->arena; NULL: it is */
};
/* Connect to a site by TLS, and send nothing. PROVIDER_BUSY: no connection. */
enum err http_site(struct ctx *c, const char *url, struct http_site *out) MUST;

/*
 * Wait ms and up to a quarter more before a retry. False, without waiting, when
 * that would exceed c->deadline_ms.
 */
bool http_pause(struct ctx *c, int64_t ms) MUST;

#endif

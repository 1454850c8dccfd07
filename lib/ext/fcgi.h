/* SPDX-License-Identifier: MIT */
/*
 * fcgi.h - receives requests and sends responses: libfcgi, or plain CGI when the
 * process was started as such (libfcgi's FCGX_Accept_r has no fallback).
 */
#ifndef EXT_FCGI_H
#define EXT_FCGI_H

#include "base/str.h"

struct fcgi;

/* Process-owned. */
struct fcgi *fcgi_new(void) MUST;
void fcgi_free(struct fcgi *f);

/* Wait for a request. False: the process must end, or its CGI request is done. */
bool fcgi_accept(struct fcgi *f) MUST;
/* A CGI variable of the request ("REQUEST_METHOD", "HTTP_AUTHORIZATION"), or NULL. Borrowed. */
const char *fcgi_var(const struct fcgi *f, const char *name);

/*
 * The same, and NULL if there are two: lighttpd passes on X_Forwarded_For, which a client may send, under the name of
 * X-Forwarded-For, which a proxy sends.
 */
const char *fcgi_var_sole(const struct fcgi *f, const char *name);

enum fcgi_body { FCGI_BODY_OK, FCGI_BODY_TOO_LARGE, FCGI_BODY_BROKEN };
/*
 * Read the raw body, at most max bytes whatever CONTENT_LENGTH and the web server say;
 * a body shorter than its CONTENT_LENGTH is an error.
 */
enum fcgi_body fcgi_read_body(struct fcgi *f, struct arena *a, size_t max, struct slice *out) MUST;

/* Send head and body, and end the request. */
void fcgi_reply(struct fcgi *f, struct slice head, struct slice body);

#endif

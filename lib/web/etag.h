/*
 * etag.h - answers that anyone may keep carry a strong ETag of their bytes; who still has
 * them gets 304 and no body (RFC 9110, 8.8.3 and 13.1.2).
 */
#ifndef WEB_ETAG_H
#define WEB_ETAG_H

#include "web/resp.h"

/* Add the ETag; turn the answer into 304 if the request's If-None-Match names it. */
void etag_apply(struct ctx *c, const struct req *r, struct resp *w);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * etag.h - answers that may be kept, and entities that PUT or PATCH can change, carry a strong
 * ETag; who still has an answer that may be kept gets 304 and no body (RFC 9110, 8.8.3 and
 * 13.1.2). What a change's If-Match does with the tag: ext/entity.h.
 */
#ifndef WEB_ETAG_H
#define WEB_ETAG_H

#include "web/resp.h"

/* Add the ETag; turn a storable answer into 304 if the request's If-None-Match names it. */
void etag_apply(struct ctx *c, const struct req *r, struct resp *w, bool storable);

#endif

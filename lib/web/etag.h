/* SPDX-License-Identifier: MIT */
/*
 * etag.h - storable responses, and entities that PUT or PATCH can change, carry a strong ETag; a
 * client that has a current storable response gets 304 without a body (RFC 9110, 8.8.3 and 13.1.2).
 * For If-Match see ext/entity.h.
 */
#ifndef WEB_ETAG_H
#define WEB_ETAG_H

#include "web/resp.h"

/* Add the ETag; turn a storable response into 304 if the request's If-None-Match matches. */
void etag_apply(struct ctx *c, const struct req *r, struct resp *w, bool storable);

#endif

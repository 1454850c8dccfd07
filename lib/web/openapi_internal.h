/* SPDX-License-Identifier: MIT */
/*
 * openapi_internal.h - the parts of openapi.c's document.
 */
#ifndef WEB_OPENAPI_INTERNAL_H
#define WEB_OPENAPI_INTERNAL_H

#include "web/route.h"

/* "Not Found" (RFC 9110, 15). */
const char *openapi_phrase(int status);

/* The errors among an operation's responses; the components that they refer to. */
void openapi_put_refs(struct str *s, const struct route *r);
void openapi_put_schemas(struct str *s, const struct route *routes);
void openapi_put_responses(struct str *s, const struct route *routes);

/* The components that are the same for every document: parameters, headers, securitySchemes. */
void openapi_put_shared(struct str *s);
/* References to the headers that rate.h writes. */
void openapi_put_limit(struct str *s);

#endif

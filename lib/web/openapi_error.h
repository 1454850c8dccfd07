/* SPDX-License-Identifier: MIT */
/*
 * openapi_error.h - the errors in an OpenAPI document (openapi.h): how a route can fail, by
 * its row, in its path's dialect.
 */
#ifndef WEB_OPENAPI_ERROR_H
#define WEB_OPENAPI_ERROR_H

#include "web/route.h"

/* "Not Found" (RFC 9110, 15). */
const char *openapi_phrase(int status);

/* The members of an operation's responses. */
void openapi_put_refs(struct str *s, const struct route *r);
/* The members of components.schemas, and components.responses, that they refer to. */
void openapi_put_schemas(struct str *s, const struct route *routes);
void openapi_put_responses(struct str *s, const struct route *routes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * cors.h - cross-origin access for the origins in CORS_ORIGINS, never "*" (BEHAVIOUR 56).
 */
#ifndef WEB_CORS_H
#define WEB_CORS_H

#include "web/resp.h"

/* Add the headers that let an allowed origin read this response. */
void cors_headers(struct ctx *c, const struct req *r, struct resp *w);
/* Answer OPTIONS for a path with these methods (1 << method each). */
void cors_preflight(struct ctx *c, const struct req *r, unsigned methods, struct resp *w);
/* "GET, POST": the value of Allow. */
const char *cors_methods(struct ctx *c, unsigned methods) MUST;

#endif

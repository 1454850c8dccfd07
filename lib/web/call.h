/* SPDX-License-Identifier: MIT */
/*
 * call.h - a request as its handler sees it: the input that the route's row declares, parsed, and
 * the result, which is written when the handler returns OK.
 */
#ifndef WEB_CALL_H
#define WEB_CALL_H

#include "web/req.h"
#include "web/resp.h"

struct call {
	int64_t id;         /* the path's ":id" */
	const char *no;     /* the path's ":no" */
	void *query, *body; /* the structs of the row's .query and .body; absent members are zero */
	void *answer;       /* of the row's .answer, zeroed; filled in by the handler */
	const char *message;   /* default: the row's */
	int status;            /* default: the row's; or its .other_status */
	const char *tag;       /* call_about() */
	const struct req *req; /* for what rows don't declare: a header, the raw body */
};

/*
 * Parse the input by the row, count the request (rate.h), and answer it from what is cached (cache.h), or call its handler
 * and write the result.
 */
enum err call_run(struct ctx *c, struct req *r, struct resp *w) MUST;

/* Set the ETag to that of this entity, which is only a part of the response. */
void call_about(struct ctx *c, struct call *k, const struct field *fields, const void *row);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * call.h - a request as its handler sees it: what the route's row says it takes, read; and room for
 * what it gives, which is written when the handler returns OK.
 */
#ifndef WEB_CALL_H
#define WEB_CALL_H

#include "web/req.h"
#include "web/resp.h"

struct call {
	int64_t id;          /* the path's ":id" */
	const char *no;      /* the path's ":no" */
	void *query, *body;  /* the structs of the row's .query and .body; zero what was not sent */
	void *answer;        /* of the row's .answer, zeroed: to be filled in */
	const char *message; /* the row's; may be set to another */
	int status;          /* the row's; may be set to its .other_status */
	const char *tag;     /* call_about() */
	const struct req *req; /* for what no row says: a header, the raw body */
};

/* Read what the row says, call its handler, write what it gives. */
enum err call_run(struct ctx *c, struct req *r, struct resp *w) MUST;

/* What the answer is about is this entity, though more is written than it: its tag is the ETag. */
void call_about(struct ctx *c, struct call *k, const struct field *fields, const void *row);

#endif

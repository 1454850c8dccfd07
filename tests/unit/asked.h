/* SPDX-License-Identifier: MIT */
/*
 * asked.h - a list request with a query string, and the fields that read it.
 */
#ifndef UNIT_ASKED_H
#define UNIT_ASKED_H

#include "web/req.h"

static const struct route orders = { .method = GET, .path = "/api/orders" };

static struct req asked(const char *query)
{
	return (struct req){
		.method = GET, .path = "/api/orders", .query = query, .route = &orders
	};
}

struct query {
	uint64_t has;
	int64_t status;
	opt_i64 user_id;
	const char *q;
	money secret;
};

static const struct field query_fields[] = {
	INPUT(struct query, status, 0, 5, 0),
	INPUT(struct query, user_id, 1, 100, 0),
	INPUT(struct query, q, 1, 5, 0),
	FIELD(struct query, secret),
	FIELD_END,
};

#endif

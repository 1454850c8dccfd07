/* SPDX-License-Identifier: MIT */
/*
 * health.h - readiness: the database with the schema that the programs were built for, and
 * the shared state.
 */
#ifndef SHOP_BOOKS_HEALTH_H
#define SHOP_BOOKS_HEALTH_H

#include "base/ctx.h"

enum health_database {
	DATABASE_OK,
	DATABASE_UNREACHABLE,
	DATABASE_NOT_MIGRATED, /* a file of schema/ isn't applied: run `minimall migrate` */
};

/* A minimal query. A newer schema is fine: it is applied before the programs are updated. */
enum health_database health_database(struct ctx *c) MUST;

enum health_state {
	STATE_OK,
	STATE_PER_HOST, /* though several hosts serve the shop */
	STATE_DEGRADED, /* each process works without it, which costs only time */
};
enum health_state health_state(struct ctx *c);

#endif

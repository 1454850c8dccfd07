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
/* False: each process works without it, which costs only time. */
bool health_state(struct ctx *c);

#endif

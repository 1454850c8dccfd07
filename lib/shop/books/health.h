/* SPDX-License-Identifier: MIT */
/*
 * health.h - can the shop's data be reached, in the form that the programs were built for, and
 * what its processes share?
 */
#ifndef SHOP_BOOKS_HEALTH_H
#define SHOP_BOOKS_HEALTH_H

#include "base/ctx.h"

enum health_database {
	DATABASE_OK,
	DATABASE_UNREACHABLE,
	DATABASE_NOT_MIGRATED, /* `minimall migrate` is due: a file of schema/ isn't applied yet */
};

/* Ask the database the least. A newer schema is good: it goes before the programs. */
enum health_database health_database(struct ctx *c) MUST;
/* False: each process is left to itself, which costs time and no order. */
bool health_state(struct ctx *c);

#endif

/*
 * health.h - can the shop's data be reached, and what its processes share?
 */
#ifndef SHOP_HEALTH_H
#define SHOP_HEALTH_H

#include "base/ctx.h"

/* Ask the database the least. Fails: DB, DB_LOST, BUSY. */
enum err health_database(struct ctx *c) MUST;
/* False: each process is left to itself, which costs time and no order. */
bool health_state(struct ctx *c);

#endif

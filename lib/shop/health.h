/*
 * health.h - can the shop's data be reached?
 */
#ifndef SHOP_HEALTH_H
#define SHOP_HEALTH_H

#include "base/ctx.h"

/* Ask the database the least. Fails: DB, DB_LOST, BUSY. */
enum err health_database(struct ctx *c) MUST;

#endif

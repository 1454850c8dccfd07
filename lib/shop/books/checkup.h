/* SPDX-License-Identifier: MIT */
/*
 * checkup.h - checks of `minimall doctor`: the database, the shared state, the jobs. Read-only.
 */
#ifndef SHOP_BOOKS_CHECKUP_H
#define SHOP_BOOKS_CHECKUP_H

#include "base/checkup.h"
#include "base/ctx.h"

/* Does the database answer, and which version is it? */
void check_database(struct ctx *c, struct checkup *k);
/* Has it the schema that this program was built for? */
void check_schema(struct ctx *c, struct checkup *k);
/* The difference between its clock and ours. */
void check_database_clock(struct ctx *c, struct checkup *k);
/* Does it allow as many connections as there are processes? */
void check_connections(struct ctx *c, struct checkup *k);
/* Free space of its data directory, where that is on this host. */
void check_data_disk(struct ctx *c, struct checkup *k);
/* Can the shared state be opened, is it in memory, and is there room to make it anew? */
void check_state(struct ctx *c, struct checkup *k);
/* When was the last pass of jobs, and was anything in trouble in it? */
void check_jobs(struct ctx *c, struct checkup *k);

#endif

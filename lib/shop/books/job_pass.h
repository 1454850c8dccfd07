/* SPDX-License-Identifier: MIT */
/*
 * job_pass.h - when `minimall jobs` was last through, on whichever host.
 * Owns tables: job_passes.
 * Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_BOOKS_JOB_PASS_H
#define SHOP_BOOKS_JOB_PASS_H

#include "base/ctx.h"
#include "base/field.h"

struct job_pass {
	timestamp ended_at; /* 0: never */
	int64_t in_trouble; /* kinds of work in which something failed */
};

/* A pass ended, at c->now_ms. Commits at once. */
enum err job_pass_note(struct ctx *c, int64_t in_trouble) MUST;
enum err job_pass_last(struct ctx *c, struct job_pass *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/* db_after.c - what is due after a transaction. */
#include <assert.h>

#include "ext/db_internal.h"

/* In the request's arena. */
struct db_after {
	struct db_after *next;
	db_after_fn *fn;
	void *what;
};

void **db_after_tx(struct ctx *c, db_after_fn *fn)
{
	struct db_after **at = &c->db->after;

	assert(c->db->in_tx);
	while (*at != NULL && (*at)->fn != fn)
		at = &(*at)->next;
	if (*at == NULL) {
		*at = arena_alloc(&c->arena, sizeof(**at));
		**at = (struct db_after){ .fn = fn };
	}
	return &(*at)->what;
}

void db_do_after(struct ctx *c, bool committed)
{
	const struct db_after *due = c->db->after;

	c->db->after = NULL;
	for (; due != NULL; due = due->next)
		due->fn(c, due->what, committed);
}

/* SPDX-License-Identifier: MIT */
/* db_count.c - what a transaction did is counted once it has committed. */
#include "ext/db_internal.h"

struct counted {
	struct counted *next;
	enum metric metric;
	const char *labels[METRIC_LABELS_MAX];
};

static void count_committed(struct ctx *c, void *what, bool committed)
{
	(void)c;
	for (const struct counted *x = what; committed && x != NULL; x = x->next)
		metrics_count(x->metric, x->labels[0], x->labels[1], x->labels[2]);
}

void db_count(struct ctx *c, enum metric m, const char *a, const char *b, const char *third)
{
	struct counted *x;
	void **counted;

	if (!db_in_tx(c->db)) {
		metrics_count(m, a, b, third);
		return;
	}
	counted = db_after_tx(c, count_committed);
	x = arena_alloc(&c->arena, sizeof(*x));
	*x = (struct counted){ *counted, m, { a, b, third } };
	*counted = x;
}

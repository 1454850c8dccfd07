/* SPDX-License-Identifier: MIT */
/* db_count.c - what a transaction did is counted once it has committed. */
#include "base/log.h"
#include "ext/db_internal.h"

void db_count(struct ctx *c, enum metric m, const char *a, const char *b, const char *third)
{
	struct db *db = c->db;

	if (db == NULL || !db->in_tx)
		metrics_count(m, a, b, third);
	else if (db->counts_n < ARRAY_LEN(db->counts))
		db->counts[db->counts_n++] = (struct db_counted){ m, { a, b, third } };
	else
		log_line(LOG_ALARM, "metrics", "a transaction counts more than it has room for");
}

void db_count_committed(struct db *db)
{
	for (size_t i = 0; i < db->counts_n; i++) {
		const struct db_counted *x = &db->counts[i];

		metrics_count(x->metric, x->labels[0], x->labels[1], x->labels[2]);
	}
	db->counts_n = 0;
}

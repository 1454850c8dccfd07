/* SPDX-License-Identifier: MIT */
/*
 * backoff.h - what is due by its own row (an order past its deadline, a payment that lacks its
 * refund) and failed, is left alone for a while: those who list what is due pass it over, by
 * LEFT JOIN backoffs f ON … AND f.due_at > ? WHERE f.ref_id IS NULL; of a NOT EXISTS MariaDB
 * would make a list of all that is put off.
 * Work with a row in the outbox has its due time there.
 * Owns tables: backoffs.
 */
#ifndef SHOP_BOOKS_BACKOFF_H
#define SHOP_BOOKS_BACKOFF_H

#include "base/field.h"
#include "ext/sql.h"
#include "shop/books/share.h"

#define BACKOFF_ORDER      1
#define BACKOFF_MEMBERSHIP 2
#define BACKOFF_REFUND     3
enum backoff_kind {
	STORED(BACKOFF_ORDER),
	STORED(BACKOFF_MEMBERSHIP),
	STORED(BACKOFF_REFUND),
};

/* What is due, by its key. */
struct due {
	int64_t id;
};
extern const struct field due_fields[];

/* Leave work alone that just failed with e; longer each time. */
enum err backoff_put(struct ctx *c, enum backoff_kind kind, int64_t ref_id, enum err e) MUST;
/* Forget those that nobody came back to for a day; at most limit. */
enum err backoff_purge(struct ctx *c, int64_t limit) MUST;

/*
 * Do fn for each row of a list until the share is over; what fails is put off. A row of `size`
 * bytes begins with the int64 id of what is due. fn is called outside of transactions.
 */
typedef enum err due_fn(struct ctx *c, const void *row, void *arg);
void backoff_each(struct ctx *c, struct share *s, enum backoff_kind kind, const struct list *rows,
	size_t size, due_fn *fn, void *arg);

#endif

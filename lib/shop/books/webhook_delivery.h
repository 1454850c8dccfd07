/* SPDX-License-Identifier: MIT */
/*
 * webhook_delivery.h - notifications to webhooks (PAYMENTS.md 9.2): for each of them a row, written
 * in the commit of the event, with the bytes that are sent at every attempt. `minimall jobs`
 * sends them (flow/webhook.h). So are notifications for a client at an address of its own, which no
 * webhook was registered for (BEHAVIOUR 15).
 * Owns tables: webhook_deliveries.
 * Memory: texts in out structs are in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_BOOKS_WEBHOOK_DELIVERY_H
#define SHOP_BOOKS_WEBHOOK_DELIVERY_H

#include "shop/books/webhook.h"

#define DELIVERY_PENDING   0
#define DELIVERY_DELIVERED 1
#define DELIVERY_FAILED    2
enum delivery_status {
	STORED(DELIVERY_PENDING),
	STORED(DELIVERY_DELIVERED),
	STORED(DELIVERY_FAILED)
};

#define DELIVERY_TO_CLIENT 0 /* as a webhook_id */

struct delivery {
	int64_t delivery_id, webhook_id;
	const char *url; /* DELIVERY_TO_CLIENT: where it goes; otherwise NULL */
	const char *message_id, *type;
	const char *body; /* as it is sent; not in lists */
	int64_t state;
	const char *status; /* the state's name, as on the wire */
	int64_t tries;
	opt_i64 answer_status; /* of the last attempt that was answered */
	const char *error;     /* why the last one failed */
	timestamp due_at, tried_at, created_at;
};
extern const struct field delivery_fields[];
extern const struct field delivery_full_fields[]; /* with the body */

struct delivery_query {
	uint64_t has;
	const char *status;
	struct page page;
};
extern const struct field delivery_query_fields[];

/*
 * Notify the webhooks of this type, with data by its field table. One statement, which writes
 * nothing where there are none.
 */
enum err webhook_notify_tx(
	struct ctx *c, enum webhook_type type, const struct field *fields, const void *data) MUST;

/* Notify a client: data by its field table is the whole body; type is only listed. */
enum err delivery_to_client_tx(struct ctx *c, const char *url, const char *type,
	const struct field *fields, const void *data) MUST;

/* A webhook's, or DELIVERY_TO_CLIENT, newest first. Fails: NOT_FOUND. */
enum err delivery_list(struct ctx *c, int64_t webhook_id, const struct delivery_query *q,
	struct page_rows *out) MUST;
/* Fails: NOT_FOUND. */
enum err delivery_get(struct ctx *c, int64_t id, struct delivery *out) MUST;
/* Send it once more, under the same id, as if it were new. Fails: NOT_FOUND, WEBHOOK_DISABLED. */
enum err delivery_replay(struct ctx *c, int64_t id, struct delivery *out) MUST;

/* ---- for jobs; each commits at once ---- */

/* The schedule: how long after the attempt of this number (from 1) the next is; 0: it was the last. */
int64_t delivery_gap_ms(int64_t tries);
/* Claim what has been due longest. *found false: nothing is due, or another process has it. */
enum err delivery_claim(struct ctx *c, int64_t webhook_id, struct delivery *out, bool *found) MUST;
/* The result of a claimed one: its state, answer_status, error; due at due_ms if it is pending. */
enum err delivery_end(struct ctx *c, const struct delivery *d, int64_t due_ms) MUST;
/* Some of what is pending for a webhook that is not enabled fails. *n: how many. */
enum err delivery_give_up(struct ctx *c, int64_t webhook_id, int64_t *n) MUST;
/* Delete what is older than DELIVERY_DAYS and not pending, at most `limit`. */
enum { DELIVERY_DAYS = 30 };
enum err delivery_purge(struct ctx *c, int64_t limit, int64_t *n) MUST;

#endif

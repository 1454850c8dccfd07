/* SPDX-License-Identifier: MIT */
/*
 * webhook.h - addresses of other systems that are notified of what happens here, kept by
 * administrators (PAYMENTS.md 9.2). What is sent to them is in webhook_delivery.h.
 * Owns tables: webhooks.
 * Memory: texts in out structs are in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_BOOKS_WEBHOOK_H
#define SHOP_BOOKS_WEBHOOK_H

#include "base/ctx.h"
#include "base/page.h"
#include "ext/sql.h"

#define WEBHOOK_DISABLED 0 /* by an administrator */
#define WEBHOOK_ENABLED  1
#define WEBHOOK_OFF      2 /* by us: it answered 410, or nothing succeeded for days */
enum webhook_status { STORED(WEBHOOK_DISABLED), STORED(WEBHOOK_ENABLED), STORED(WEBHOOK_OFF) };

/* The types of notifications, and their names on the wire. */
/* clang-format off */
#define WEBHOOK_TYPES(X)                                                                       \
	X(WEBHOOK_ORDER_PAID, "order.paid")                                                    \
	X(WEBHOOK_ORDER_SHIPPED, "order.shipped")                                              \
	X(WEBHOOK_ORDER_COMPLETED, "order.completed")                                          \
	X(WEBHOOK_ORDER_CANCELLED, "order.cancelled")                                          \
	X(WEBHOOK_ORDER_REFUNDED, "order.refunded")                                            \
	X(WEBHOOK_REFUND_SUCCEEDED, "refund.succeeded")                                        \
	X(WEBHOOK_MEMBERSHIP_GRANTED, "membership.granted")                                    \
	X(WEBHOOK_MEMBERSHIP_REFUNDED, "membership.refunded")                                  \
	X(WEBHOOK_MEMBERSHIP_ENDED, "membership.ended")
/* clang-format on */
#define WEBHOOK_TYPE(type, name) type,
enum webhook_type { WEBHOOK_TYPES(WEBHOOK_TYPE) };
#undef WEBHOOK_TYPE
extern const char *const webhook_type_names[];

enum { WEBHOOKS_MAX = 10, WEBHOOK_OLD_SECRET_HOURS = 24 };

struct webhook {
	uint64_t has;
	int64_t webhook_id;
	const char *url;
	const char *types; /* names between commas; NULL: all */
	int64_t state;
	const char *status; /* the state's name, as on the wire */
	const char *reason; /* why it is OFF: GONE, EXHAUSTED */
	const char *secret, *old_secret;
	timestamp old_secret_until, failing_since, created_at, updated_at;
};
extern const struct field webhook_fields[];
extern const struct field webhook_secret_fields[]; /* with the new secret */
extern const struct field webhook_new_fields[], webhook_change_fields[];

/* A list has no filters. */
struct webhook_query {
	uint64_t has;
	struct page page;
};
extern const struct field webhook_query_fields[];

/*
 * May it be sent there? https on one of WEBHOOK_PORTS; where payments are simulated also this host,
 * with or without TLS. Whatever its name stands for is checked when it is called.
 */
bool webhook_may_call(const struct ctx *c, const char *url);

/*
 * May a client that is paid at the gateway be told its result there (BEHAVIOUR 15)? https on a host of
 * CLIENT_URL_HOSTS; where payments are simulated also this host.
 */
bool webhook_may_call_client(const struct ctx *c, const char *url);

/* Newest first. */
enum err webhook_list(struct ctx *c, const struct webhook_query *q, struct page_rows *out) MUST;
/* Fails: NOT_FOUND. */
enum err webhook_get(struct ctx *c, int64_t id, struct webhook *out) MUST;
/* Enabled, with a new secret. Fails: INVALID (an address that may not be called), WEBHOOKS_LIMIT. */
enum err webhook_create(struct ctx *c, const struct webhook *in, struct webhook *out) MUST;
/* Enabling it forgets its failures. Fails: NOT_FOUND, PRECONDITION, INVALID. */
enum err webhook_update(
	struct ctx *c, int64_t id, const struct webhook *in, struct webhook *out) MUST;
/* A new secret; the present one stays valid for WEBHOOK_OLD_SECRET_HOURS. Fails: NOT_FOUND. */
enum err webhook_rotate(struct ctx *c, int64_t id, struct webhook *out) MUST;
/* Soft; what was not delivered fails. Fails: NOT_FOUND. */
enum err webhook_delete(struct ctx *c, int64_t id) MUST;

/* ---- for jobs ---- */

/*
 * Those with deliveries that are due, or that are not enabled any more and have pending ones: list
 * of struct webhook. Those that fail come last.
 */
enum err webhook_list_due(struct ctx *c, struct list *out) MUST;
/* An attempt succeeded. Commits at once, as the following. */
enum err webhook_note_success(struct ctx *c, int64_t id) MUST;
/* An attempt failed; nothing is sent before held_until (0: no matter). */
enum err webhook_note_failure(struct ctx *c, int64_t id, int64_t held_until) MUST;
/* Switch it off if all attempts since a time failed. */
enum err webhook_switch_off(struct ctx *c, int64_t id, const char *reason, int64_t since_ms) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * payment.h - the payment of a payable, and payment attempts: what was prepared at a provider
 * for it, and the outcome. A payable has many attempts; an out_trade_no belongs to one.
 * Owns tables: payment_attempts.
 *
 * States only move forward: OPEN to CLOSED, GRANTED, GRANTED_LATE, REFUND_DUE or, if all of it
 * was refunded elsewhere, REFUNDED; and CLOSED to the last four for a late payment. At most one
 * attempt of a payable is open (a unique key), so the provider has one payable order (BEHAVIOUR 39).
 * Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MONEY_PAYMENT_H
#define SHOP_MONEY_PAYMENT_H

#include "base/ctx.h"
#include "base/field.h"
#include "ext/sql.h"
#include "shop/money/payment_notice.h"

#define PAYABLE_ORDER      1
#define PAYABLE_MEMBERSHIP 2
enum payable_kind { STORED(PAYABLE_ORDER), STORED(PAYABLE_MEMBERSHIP) };

/* How it was paid: the values of orders.paid_by and membership_orders.paid_by. */
#define PAID_BY_NONE     0
#define PAID_BY_PROVIDER 1 /* or by card: there is a granted attempt */
#define PAID_OFFLINE     2 /* of an order: by an administrator; of a membership order: simulated */
#define PAID_NOTHING_DUE 3
#define PAID_GIFT        4 /* only membership orders */
enum paid_by {
	STORED(PAID_BY_NONE),
	STORED(PAID_BY_PROVIDER),
	STORED(PAID_OFFLINE),
	STORED(PAID_NOTHING_DUE),
	STORED(PAID_GIFT),
};
/* The payment of a payable, as stored in its row. Before it is paid there may be a requested method. */
struct payment {
	int64_t by; /* enum paid_by */
	const char *method,
		*id; /* the provider's transaction, or an administrator's reference; may be NULL */
	timestamp at;
	money gone; /* not stored: refunded elsewhere before it was granted (BEHAVIOUR 62) */
};

/* What a payment received for a payable results in (BEHAVIOUR 28, 37, 38). */
enum grant { GRANTED, GRANTED_LATE, NOT_GRANTED };
struct granting {
	enum grant grant;
	const char *reason; /* why it is not granted; NULL: it is */
	money overpaid;     /* of a granted one */
};

/* How an attempt is paid is a number that never changes: the card's, or one of a provider's (providers/). */
#define CHANNEL_CARD 2

#define ATTEMPT_OPEN         0
#define ATTEMPT_CLOSED       1
#define ATTEMPT_GRANTED      2
#define ATTEMPT_GRANTED_LATE 3
#define ATTEMPT_REFUND_DUE   4
#define ATTEMPT_REFUNDED     5 /* what was due was refunded, by us or elsewhere */
enum attempt_state {
	STORED(ATTEMPT_OPEN),
	STORED(ATTEMPT_CLOSED),
	STORED(ATTEMPT_GRANTED),
	STORED(ATTEMPT_GRANTED_LATE),
	STORED(ATTEMPT_REFUND_DUE),
	STORED(ATTEMPT_REFUNDED),
};
#define ATTEMPT_UNSETTLED_SET ATTEMPT_OPEN, ATTEMPT_CLOSED
#define ATTEMPT_GRANTED_SET   ATTEMPT_GRANTED, ATTEMPT_GRANTED_LATE
#define ATTEMPT_RETURNED_SET  ATTEMPT_REFUND_DUE, ATTEMPT_REFUNDED
#define ATTEMPT_SETTLED_SET   ATTEMPT_GRANTED_SET, ATTEMPT_RETURNED_SET

struct attempt {
	int64_t attempt_id, payable_kind, payable_id, user_id, channel;
	int64_t provider; /* the first of its provider's channels: a transaction has one attempt there */
	const char *payable_no; /* on the wire */
	const char *out_trade_no;
	money amount;
	const char *request;         /* stored JSON, sent unchanged */
	const char *handle;          /* what the provider answered to it; NULL: nothing yet */
	timestamp handle_expires_at; /* of no handle: when its creator gave up; 0: not yet */
	int64_t state;
	const char *transaction_id, *reason;
	timestamp expires_at, queried_at, paid_at, created_at;
	/* where its client is told how it ended (payment_notice.h); NULL: nowhere */
	const char *notify_url;
	/* since when the provider has reported a refund of it, before it was settled; 0: never */
	timestamp held_at;
};

/* A new out_trade_no, unguessable: PAY_<unix seconds>_<12 random alphanumerics>, or after a prefix. */
const char *payment_new_out_trade_no(struct ctx *c, const char *prefix) MUST;
/* Insert a new open attempt, and the job that follows it. The caller has locked the payable. */
enum err payment_create_tx(struct ctx *c, struct attempt *a) MUST;
/* Insert an attempt that is granted at once (by card); its out_trade_no is its transaction. */
enum err payment_create_granted_tx(struct ctx *c, struct attempt *a) MUST;
/* Store its handle and until when that is good. Fails: CONFLICT when it is no longer open. */
enum err payment_set_handle_tx(struct ctx *c, const struct attempt *a) MUST;
/* Its client named another notify_url. */
enum err payment_set_notify_url_tx(struct ctx *c, const struct attempt *a) MUST;
/* The request that created it got no handle: another may prepare it at once. */
enum err payment_set_unanswered(struct ctx *c, int64_t attempt_id) MUST;
/* The provider will accept no payment for it: OPEN to CLOSED; other states are unchanged. *closed: it was open. */
enum err payment_close(struct ctx *c, int64_t attempt_id, bool *closed) MUST;
/*
 * The same where the provider doesn't know it yet, and so can't close it: until its deadline the payer
 * may still open it there, so jobs go on following it.
 */
enum err payment_abandon(struct ctx *c, int64_t attempt_id, bool *closed) MUST;
/*
 * Something of it was refunded, but the amount is not known yet: it is followed from due_ms on and
 * not granted until that is known (BEHAVIOUR 62). Fails: CONFLICT when it is settled.
 */
enum err payment_hold_tx(struct ctx *c, const struct attempt *a, int64_t due_ms) MUST;
/* Has a payment for it been settled? */
bool payment_is_settled(const struct attempt *a);
/* Do jobs query the provider about it? */
bool payment_is_followed(const struct attempt *a);
/* A payment was received: to `state`, with the provider's transaction. Fails: DUPLICATE, CONFLICT. */
enum err payment_settle_tx(struct ctx *c, const struct attempt *a, enum attempt_state state,
	const char *transaction_id, const char *reason, int64_t paid_ms) MUST;
/* Tell its client, if it named a notify_url, how it ended. amount: of it, or of what went back. */
enum err payment_notify_tx(
	struct ctx *c, const struct attempt *a, enum payment_end what, money amount) MUST;
/* The automatic refund succeeded: REFUND_DUE to REFUNDED. */
enum err payment_refunded_tx(struct ctx *c, int64_t attempt_id) MUST;
/* The payable needs no payment any more: have jobs close its open attempt at the provider. */
enum err payment_release_tx(struct ctx *c, enum payable_kind kind, int64_t payable_id) MUST;
enum err payment_has_open(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, bool *open) MUST;

enum err payment_find(
	struct ctx *c, const char *out_trade_no, struct attempt *out, bool *found) MUST;
/* The open one if any, otherwise the newest. */
enum err payment_current(struct ctx *c, enum payable_kind kind, int64_t payable_id,
	struct attempt *out, bool *found) MUST;
/* The one that paid for it. */
enum err payment_granted(struct ctx *c, enum payable_kind kind, int64_t payable_id,
	struct attempt *out, bool *found) MUST;
/* Fails: NOT_FOUND. */
enum err payment_read(struct ctx *c, int64_t attempt_id, struct attempt *out) MUST;
enum err payment_lock_tx(struct ctx *c, int64_t attempt_id, struct attempt *out) MUST;
/*
 * Remove a deleted user's requests to providers, which contain the openid. Some attempts after
 * *after at a time; *more: there are others.
 */
enum { PAYMENT_ERASE_STEP = 200 };
enum err payment_erase_some(struct ctx *c, int64_t user_id, int64_t *after, bool *more) MUST;
/* Write a locked attempt without changing its content, so that a concurrent change on another node fails. */
enum err payment_touch_tx(struct ctx *c, int64_t attempt_id) MUST;
/* May the provider be queried about it now? At most once in gap_ms, across all processes. */
enum err payment_claim_query(struct ctx *c, int64_t attempt_id, int64_t gap_ms, bool *mine) MUST;

#endif

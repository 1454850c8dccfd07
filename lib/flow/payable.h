/* SPDX-License-Identifier: MIT */
/*
 * payable.h - the table through which prepay, settle and close handle everything that can
 * be paid, independent of its kind. A new kind of payable is a row in payable.c.
 */
#ifndef FLOW_PAYABLE_H
#define FLOW_PAYABLE_H

#include "shop/membership/membership.h"
#include "shop/money/payment.h"
#include "shop/trade/order.h"

struct payable {
	enum payable_kind kind;
	int64_t id;        /* of its row */
	const char *no;    /* on the wire */
	const char *title; /* shown to the payer */
	int64_t user_id;
	opt_i64 status;          /* of a shop order, on the wire */
	const char *status_name; /* of a membership order */
	money amount;
	int64_t deadline_ms; /* no payment can be prepared after it */
	bool pending;        /* it is unpaid */
	bool refunded;       /* everything paid for it was refunded */
	enum err pay_error;  /* why no payment can be prepared now; OK: it can */
	/* the row itself */
	struct order order;           /* PAYABLE_ORDER */
	struct membership membership; /* PAYABLE_MEMBERSHIP; its segments only once it is locked */
};

/* By its wire number. Fails: NOT_FOUND. */
enum err payable_find(struct ctx *c, const char *no, struct payable *out) MUST;
enum err payable_read(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out) MUST;
/* Lock its user: before a card, and before the payable itself. */
enum err payable_lock_user_tx(struct ctx *c, const struct payable *p) MUST;
/* Lock it, and before it everything that a grant may change. */
enum err payable_lock_tx(
	struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out) MUST;
/* Write a locked one for a change that relies on its status without changing it (BEHAVIOUR 61). */
enum err payable_touch_tx(struct ctx *c, const struct payable *p) MUST;
/* A provider's payment for a locked payable was received. */
enum err payable_grant_tx(
	struct ctx *c, struct payable *p, const struct payment *paid, struct granting *out) MUST;
/* Lock it and everything that revoking the grant may change. */
enum err payable_lock_all_tx(
	struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out) MUST;
/* A refund of `amount` of a locked payable succeeded: with the last one, the grant is revoked. */
enum err payable_refunded_tx(struct ctx *c, struct payable *p, money amount) MUST;
/* A refund failed: what was revoked for it is granted again. */
enum err payable_restore_tx(struct ctx *c, struct payable *p) MUST;
/* Its deadline has passed and no attempt is open: expire it if unpaid. */
enum err payable_time_out(struct ctx *c, enum payable_kind kind, int64_t id, bool *done) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * payable.h - the table through which prepay, settle and close reach whatever can be
 * paid, without knowing what it is. A new kind of payable is a row in payable.c.
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
	const char *title; /* what the payer is shown */
	int64_t user_id;
	opt_i64 status;          /* of a shop order, on the wire */
	const char *status_name; /* of a membership order */
	money amount;
	int64_t deadline_ms; /* no payment is prepared after it */
	bool pending;        /* it still waits for money */
	bool refunded;       /* all that was paid for it has gone back */
	enum err pay_error;  /* why no payment can be prepared now; OK: it can */
	/* the row itself */
	struct order order;           /* PAYABLE_ORDER */
	struct membership membership; /* PAYABLE_MEMBERSHIP; its segments only once it is locked */
};

/* By its wire number. Fails: NOT_FOUND. */
enum err payable_find(struct ctx *c, const char *no, struct payable *out) MUST;
enum err payable_read(struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out) MUST;
/* Lock whose it is: before a card, and so before the payable itself. */
enum err payable_lock_user_tx(struct ctx *c, const struct payable *p) MUST;
/* Lock it, and before it whatever a grant may have to change. */
enum err payable_lock_tx(
	struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out) MUST;
/* Write a locked one for who relies on its standing and changes nothing of it (BEHAVIOUR 61). */
enum err payable_touch_tx(struct ctx *c, const struct payable *p) MUST;
/* The provider's money has come for a locked payable. */
enum err payable_grant_tx(
	struct ctx *c, struct payable *p, const struct payment *paid, struct granting *out) MUST;
/* Lock it and whatever taking the grant back may have to change. */
enum err payable_lock_all_tx(
	struct ctx *c, enum payable_kind kind, int64_t id, struct payable *out) MUST;
/* A refund of a locked payable succeeded: with the last one, what was granted is taken back. */
enum err payable_back_tx(struct ctx *c, struct payable *p) MUST;
/* A refund came to nothing: what was taken back for it is granted again. */
enum err payable_restore_tx(struct ctx *c, struct payable *p) MUST;
/* Its deadline is over and no attempt is open: let it go, if it still waits. */
enum err payable_time_out(struct ctx *c, enum payable_kind kind, int64_t id, bool *done) MUST;

#endif

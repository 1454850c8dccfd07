/* SPDX-License-Identifier: MIT */
/*
 * payment_view.h - attempts as administrators see them. Read-only.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 */
#ifndef SHOP_MONEY_PAYMENT_VIEW_H
#define SHOP_MONEY_PAYMENT_VIEW_H

#include "base/page.h"
#include "shop/money/payment.h"

struct attempt_view {
	int64_t attempt_id;   /* never on the wire */
	const char *order_id; /* the payable's number, as on the wire */
	int64_t user_id;
	int64_t channel;
	const char *provider, *trade_type; /* set by the caller, who knows the channels */
	const char *out_trade_no, *transaction_id;
	money amount;
	money refunded_amount, refunding_amount; /* of it, done and in progress */
	int64_t state;
	const char *status, *status_text; /* the state's name, and in words */
	const char *reason, *reason_text; /* why it isn't granted; NULL: it is, or not paid */
	bool attention;                   /* it needs a person ... */
	const char *attention_text;       /* ... because of this; NULL: it doesn't */
	timestamp expires_at, paid_at, held_at, created_at;
};
extern const struct field attempt_view_fields[];

/* The filters of a list. */
struct attempt_query {
	uint64_t has;
	const char *status, *provider, *order_id, *out_trade_no, *transaction_id, *attention;
	timestamp created_from, created_to;
	struct page page;
	opt_i64 of_provider;      /* the number for `provider`, set by the caller */
	const int64_t *providers; /* the numbers of all providers, set by the caller */
	size_t providers_n;
};
extern const struct field attempt_query_fields[];

/* Newest first. Numbers that can't be ours have none. */
enum err payment_list(struct ctx *c, const struct attempt_query *q, struct page_rows *out) MUST;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * refund.h - refunds of payments: requested by an administrator, or automatic for
 * payments that could not be granted.
 * Owns tables: refunds.
 * Memory: texts in out structs live in c->arena. Fails everywhere: DB, DB_LOST, BUSY.
 *
 * A refund's number is fixed in the transaction that creates it, before the provider is
 * called, and is reused for every retry (BEHAVIOUR 43).
 */
#ifndef SHOP_MONEY_REFUND_H
#define SHOP_MONEY_REFUND_H

#include "base/page.h"
#include "base/provided.h"
#include "shop/money/payment.h"

#define REFUND_IN_PROGRESS_SET REFUND_PROCESSING, REFUND_ABNORMAL

/* Its origin: this shop, or the provider's console (BEHAVIOUR 62). */
#define REFUND_OURS           0
#define REFUND_MADE_ELSEWHERE 1
enum refund_origin { STORED(REFUND_OURS), STORED(REFUND_MADE_ELSEWHERE) };

/* Why it waits for a person. */
#define REFUND_NEEDS_NOBODY 0
#define REFUND_UNPAYABLE    1 /* ABNORMAL: the payer's account can't receive it */
#define REFUND_BY_HAND      2 /* its provider can't be told to refund: make it there, then note it */
#define REFUND_IN_DOUBT     3 /* no result for a day */
#define REFUND_REFUSED      4 /* CLOSED without being made, and not requested again yet */
enum refund_attention {
	STORED(REFUND_NEEDS_NOBODY),
	STORED(REFUND_UNPAYABLE),
	STORED(REFUND_BY_HAND),
	STORED(REFUND_IN_DOUBT),
	STORED(REFUND_REFUSED),
};
#define REFUND_DOUBT_MS DAY_MS /* after that long a refund without a result is in doubt */

struct refund {
	uint64_t has;
	int64_t refund_id; /* never on the wire */
	const char *refund_no;
	const char *order_id; /* the payable's number, as on the wire */
	int64_t attempt_id, payable_kind, payable_id;
	money amount;
	const char *reason;
	bool automatic;
	int64_t origin;
	int64_t state;
	const char *status;                     /* the state's name, as on the wire */
	int64_t waits;                          /* enum refund_attention */
	const char *attention, *attention_text; /* its name, and in words; NULL: it needs nobody */
	const char *provider_refund_id;
	timestamp created_at, updated_at;
};
extern const struct field refund_fields[];
/* POST: order_id, amount (default: the rest), reason. */
extern const struct field refund_new_fields[];

/* The filters of a list: the number of a shop or membership order, a status by name, whether it needs a person. */
struct refund_query {
	uint64_t has;
	const char *order_id, *status, *attention;
	struct page page;
};
extern const struct field refund_query_fields[];

/* Sums of an attempt's refunds: succeeded, in progress, of these made elsewhere; and their number. */
struct refund_sums {
	money done, under_way, elsewhere;
	int64_t known;
};
/*
 * What was paid for a payable, and of that what was refunded and is in progress. Automatic refunds are
 * not part of it, whether they succeed or not. All 0 without a refund of a granted payment.
 */
struct refund_totals {
	money paid, done, under_way;
};

/* A new number. Automatic ones derive theirs from the attempt and the number of tries. */
const char *refund_new_no(struct ctx *c) MUST;
const char *refund_automatic_no(struct ctx *c, const char *out_trade_no, int64_t tries) MUST;
/*
 * Insert it, in progress, with a job due at due_ms. The caller has locked payable and attempt. Refused
 * ones of the attempt need nobody any more.
 */
enum err refund_create_tx(struct ctx *c, struct refund *r, int64_t due_ms) MUST;
/* Insert one made elsewhere, in the provider's state; jobs query it until it is final. Fails: DUPLICATE. */
enum err refund_record_tx(struct ctx *c, struct refund *r) MUST;
/* Fails: NOT_FOUND. */
enum err refund_find(struct ctx *c, const char *refund_no, struct refund *out) MUST;
enum err refund_read(struct ctx *c, int64_t refund_id, struct refund *out) MUST;
/* Newest first. Fails: INVALID. An unknown order has none. */
enum err refund_list(struct ctx *c, const struct refund_query *q, struct page_rows *out) MUST;
/* How many need a person, at most `limit`. */
enum err refund_count_waiting(struct ctx *c, int64_t limit, int64_t *n) MUST;
/* When the oldest of as many was made; 0: there is none. */
enum err refund_oldest_waiting(struct ctx *c, int64_t limit, int64_t *ms) MUST;
enum err refund_lock_tx(struct ctx *c, int64_t refund_id, struct refund *out) MUST;
enum err refund_sum(struct ctx *c, int64_t attempt_id, struct refund_sums *out) MUST;
/* What of an attempt's amount no refund has taken, or is about to take. */
static inline money refund_rest(money amount, const struct refund_sums *sums)
{
	return money_sub(amount, money_add(sums->done, sums->under_way));
}
/* To another state, unless it is already final. provider_refund_id may be NULL. */
enum err refund_set_tx(struct ctx *c, const struct refund *r, enum refund_state state,
	const char *provider_refund_id) MUST;
enum err refund_total(
	struct ctx *c, enum payable_kind kind, int64_t payable_id, struct refund_totals *out) MUST;
/*
 * Attempts that need an automatic refund while none is in progress: never requested, or less than
 * the rest, or closed by the provider; the last try is at least as many hours ago as there were
 * tries, at most a day; and that are not postponed (outbox_find_fn).
 */
enum err refund_list_missing(struct ctx *c, int64_t limit, struct list *out) MUST;
struct refund_missing {
	int64_t tries; /* the number of automatic refunds so far */
	money amount;
};
/* The same for one attempt. *missing false: no refund is missing, or not yet due again. */
enum err refund_missing(
	struct ctx *c, int64_t attempt_id, struct refund_missing *out, bool *missing) MUST;
bool refund_is_final(int64_t state);
/* One in progress without a result for REFUND_DOUBT_MS is in doubt from now on, with an alarm. */
enum err refund_doubt(struct ctx *c, const struct refund *r) MUST;
/* A refused one needs nobody any more. */
enum err refund_dismiss_tx(struct ctx *c, int64_t refund_id) MUST;
/* A reason to wait in words; static. */
const char *refund_attention_text(int64_t waits);

#endif

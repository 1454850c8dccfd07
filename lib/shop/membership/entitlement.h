/* SPDX-License-Identifier: MIT */
/*
 * entitlement.h - a user's entitlement from membership orders, as segments of time, and all
 * arithmetic on them (BEHAVIOUR 23 to 32). Pure: no I/O, no clock, integers only.
 * All functions fail with INTERNAL for invalid arguments, such as an impossible time.
 * Units: times and durations in seconds (times since 1970 UTC), amounts in fen.
 *
 * A chain is one NEW or UPGRADE segment and the RENEWALs granted on it. Every change of a
 * user's segments has a number (`version`), one more than the previous, so that everything
 * can be recomputed from the orders alone: entitlement_replay.
 */
#ifndef SHOP_MEMBERSHIP_ENTITLEMENT_H
#define SHOP_MEMBERSHIP_ENTITLEMENT_H

#include "base/money.h"
#include "ext/sql.h"

#define ENTITLEMENT_DAY_S INT64_C(86400)

enum {
	ENTITLEMENT_AHEAD_DAYS_MAX = 36600, /* no grant ends later than this */
	ENTITLEMENT_SEGMENTS_MAX = 500,     /* of one user, in total */
};

#define SEGMENT_NEW     1
#define SEGMENT_RENEWAL 2
#define SEGMENT_UPGRADE 3
enum segment_kind { STORED(SEGMENT_NEW), STORED(SEGMENT_RENEWAL), STORED(SEGMENT_UPGRADE) };

#define SEGMENT_ACTIVE   1
#define SEGMENT_FOLDED   2
#define SEGMENT_REFUNDED 3
enum segment_state { STORED(SEGMENT_ACTIVE), STORED(SEGMENT_FOLDED), STORED(SEGMENT_REFUNDED) };

/* One granted order. Its end is entitlement_end_s(). */
struct segment {
	int64_t order_id, kind, level, state;
	int64_t chain; /* order_id of the first segment of its chain */
	int64_t start_s,
		days;      /* start moves earlier when an earlier one of its chain is refunded */
	money value, cash; /* its value for an upgrade's credit; the amount paid */
	int64_t folded_by; /* order_id of the upgrade, while FOLDED; else 0 */
	int64_t cut_s, taken_s; /* REFUNDED: its new end, and what its chain lost */
	int64_t granted_s, granted_version;
	int64_t refunded_s, refunded_version; /* 0 unless REFUNDED */
};

/* A user's segments in the order of granting. The caller owns the rows. */
struct entitlement {
	struct segment *rows;
	int64_t n;
};

/* What can be bought. */
struct offer {
	money price; /* at least 1 fen; 0 for a gift */
	int64_t days, level;
};

/* Stored with an order, and granted by. discount + amount = price. */
struct quote {
	int64_t kind, level, days;
	money price, discount, amount, value;
};

int64_t entitlement_end_s(const struct segment *s);
/* The latest end of ACTIVE segments; 0: none. */
int64_t entitlement_expire_s(const struct entitlement *e);
/* vip_expire_at on the wire: refunded segments that had begun count too (BEHAVIOUR 25); 0: none. */
int64_t entitlement_shown_until_s(const struct entitlement *e);
/* The level of the ACTIVE segment that contains now_s; 0: none. */
int64_t entitlement_level(const struct entitlement *e, int64_t now_s);

/*
 * Price an offer (BEHAVIOUR 24, 26, 27). Fails: PLAN_LEVEL_LOWER, ENTITLEMENT_TOO_LONG (also
 * when the number of segments is at its maximum).
 */
enum err entitlement_quote(const struct entitlement *e, const struct offer *offer, int64_t now_s,
	struct quote *out) MUST;
/* The same for a gift: value 0, and only NEW or RENEWAL of the live level. Also fails: PLAN_LEVEL_OTHER. */
enum err entitlement_quote_gift(const struct entitlement *e, const struct offer *offer,
	int64_t now_s, struct quote *out) MUST;

/*
 * Grant a quoted order at now_s: append its segment (the caller provides room for one more) and
 * fold what an upgrade folds. A RENEWAL or UPGRADE without a live segment is granted as
 * NEW (BEHAVIOUR 27), as segment->kind says. Fails: INTERNAL (and changes nothing) for an impossible
 * quote, one from before the entitlement changed, and for more cash than its amount.
 */
enum err entitlement_grant(struct entitlement *e, int64_t order_id, const struct quote *quote,
	money cash, int64_t now_s, int64_t version) MUST;
/*
 * Would it be granted as quoted? The passing of time can't change that, but a clock set back can:
 * then a segment may be live again that had ended when the quote was made.
 */
bool entitlement_quote_is_valid(
	const struct entitlement *e, const struct quote *quote, int64_t now_s);
/* Are these rows possible results of this file? If not, only the replay may be called with them. */
bool entitlement_possible(const struct entitlement *e) MUST;

/* May this order be refunded now? Fails: NOT_FOUND (never granted), REFUNDED_ALREADY, SEGMENT_FOLDED, GRANTED_LATER. */
enum err entitlement_refundable(const struct entitlement *e, int64_t order_id) MUST;
/* Revoke an order (BEHAVIOUR 29). Fails: as entitlement_refundable. */
enum err entitlement_refund(
	struct entitlement *e, int64_t order_id, int64_t now_s, int64_t version) MUST;
/* The provider finally refused: restore the state before that refund, which must be the latest change. */
enum err entitlement_refund_undo(struct entitlement *e, int64_t order_id) MUST;

/*
 * Recompute `e` from its grants and refunds (granted_*, refunded_*, kind, level, days, value,
 * cash of each row) and compare. NULL: they agree; otherwise the name of the member that
 * differs or is impossible, with its row's order_id in *order_id. `work` has room for e->n
 * rows. Errors in the inputs (level, days, value, cash, times) are detected only through their
 * consequences; the caller compares them with the orders.
 */
const char *entitlement_replay(
	const struct entitlement *e, struct segment *work, int64_t *order_id) MUST;

#endif

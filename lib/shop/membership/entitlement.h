/* SPDX-License-Identifier: MIT */
/*
 * entitlement.h - what a user's membership orders entitle to, as segments of time, and all
 * arithmetic on them (BEHAVIOUR 23 to 32). Pure: no I/O, no clock, integers only.
 * Fails everywhere: INTERNAL, for what no caller may ask and no clock may say.
 * Units: moments and lengths in seconds (moments since 1970 UTC), amounts in fen.
 *
 * A chain is one NEW or UPGRADE segment and the RENEWALs granted on it. Every change of a
 * user's segments has a number of its own (`version`), one more than the change before, so
 * that the whole can be derived anew from orders alone: entitlement_replay.
 */
#ifndef SHOP_MEMBERSHIP_ENTITLEMENT_H
#define SHOP_MEMBERSHIP_ENTITLEMENT_H

#include "base/money.h"
#include "ext/sql.h"

#define ENTITLEMENT_DAY_S INT64_C(86400)

enum {
	ENTITLEMENT_AHEAD_DAYS_MAX = 36600, /* no grant reaches further than this */
	ENTITLEMENT_SEGMENTS_MAX = 500,     /* of one user, in his whole life */
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
	int64_t chain;          /* order_id of the segment that its chain begins with */
	int64_t start_s, days;  /* start moves left when an earlier one of its chain is refunded */
	money value, cash;      /* what it counts for in an upgrade; what was paid for it */
	int64_t folded_by;      /* order_id of the upgrade, while FOLDED; else 0 */
	int64_t cut_s, taken_s; /* REFUNDED: where it ends now, and what its chain lost */
	int64_t granted_s, granted_version;
	int64_t refunded_s, refunded_version; /* 0 unless REFUNDED */
};

/* A user's segments in the order of their granting. The caller owns the rows. */
struct entitlement {
	struct segment *rows;
	int64_t n;
};

/* What one may buy. */
struct offer {
	money price; /* at least 1 fen; 0 for a gift */
	int64_t days, level;
};

/* What an order is made with, and granted by. discount + amount = price. */
struct quote {
	int64_t kind, level, days;
	money price, discount, amount, value;
};

int64_t entitlement_end_s(const struct segment *s);
/* Latest end of ACTIVE segments; 0: none. */
int64_t entitlement_expire_s(const struct entitlement *e);
/* vip_expire_at of the wire: begun and refunded segments count too (BEHAVIOUR 25); 0: none. */
int64_t entitlement_shown_until_s(const struct entitlement *e);
/* Level of the ACTIVE segment around now_s; 0: none. */
int64_t entitlement_level(const struct entitlement *e, int64_t now_s);

/*
 * Price an offer (BEHAVIOUR 24, 26, 27). Fails: PLAN_LEVEL_LOWER, ENTITLEMENT_TOO_LONG (also
 * when there is no room for one more segment).
 */
enum err entitlement_quote(const struct entitlement *e, const struct offer *offer, int64_t now_s,
	struct quote *out) MUST;
/* The same for a gift: value 0, and only NEW or RENEWAL of the live level. Fails also: PLAN_LEVEL_OTHER. */
enum err entitlement_quote_gift(const struct entitlement *e, const struct offer *offer,
	int64_t now_s, struct quote *out) MUST;

/*
 * Grant a quoted order at now_s: append its segment (the caller has room for one more) and
 * fold what an upgrade folds. A RENEWAL or UPGRADE that finds nothing live is granted as
 * NEW (BEHAVIOUR 27); segment->kind says so. Fails: INTERNAL (and changes nothing) for a quote that
 * was never made, or was made before the entitlement changed, and for more cash than its amount.
 */
enum err entitlement_grant(struct entitlement *e, int64_t order_id, const struct quote *quote,
	money cash, int64_t now_s, int64_t version) MUST;
/*
 * Would it be granted as what it was quoted as? Passing of time can't change that, a clock that was
 * set back can: then something lasts again that was over when the quote was made.
 */
bool entitlement_fits(const struct entitlement *e, const struct quote *quote, int64_t now_s);
/* Are these rows such as this file makes? If not, nothing else here may be asked about them but the replay. */
bool entitlement_possible(const struct entitlement *e) MUST;

/* May this order be refunded now? Fails: NOT_FOUND (never granted), REFUNDED_ALREADY, SEGMENT_FOLDED, GRANTED_LATER. */
enum err entitlement_refundable(const struct entitlement *e, int64_t order_id) MUST;
/* Take an order back (BEHAVIOUR 29). Fails: as entitlement_refundable. */
enum err entitlement_refund(
	struct entitlement *e, int64_t order_id, int64_t now_s, int64_t version) MUST;
/* The provider refused for good: all of it is as it was before that refund, which must be the latest change. */
enum err entitlement_refund_undo(struct entitlement *e, int64_t order_id) MUST;

/*
 * Derive `e` anew from what was granted and refunded when (granted_*, refunded_*, kind,
 * level, days, value, cash of each row) and compare. NULL: they agree; else the name of the
 * member that differs or cannot be, with its row's order_id in *order_id. `work` has room for
 * e->n rows. What only the orders know (level, days, value, cash, when) is noticed as far as
 * something follows from it; comparing it with the orders is the caller's.
 */
const char *entitlement_replay(
	const struct entitlement *e, struct segment *work, int64_t *order_id) MUST;

#endif

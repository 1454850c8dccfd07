/* SPDX-License-Identifier: MIT */
/*
 * settle.h - the only way in which a provider's money reaches a payable: notifications,
 * active queries and jobs all come through settle (BEHAVIOUR 34 to 38, 40, 44).
 */
#ifndef FLOW_SETTLE_H
#define FLOW_SETTLE_H

#include "providers/provider.h"
#include "shop/money/payment.h"

/* How often jobs asks again about a payment of which something went back, nobody knows how much. */
#define SETTLE_HELD_GAP_MS (30 * MINUTE_MS)

/*
 * A raw notification for a provider (BEHAVIOUR 33): prove and read it, and do what it says. A
 * success of ours is settled exactly once: granted, granted late, or kept as refund due. Of what
 * went back elsewhere before that nothing is granted: all of it settles the attempt as refunded, a
 * part stays in the books of what is granted, and while the amount isn't known the attempt is held
 * (BEHAVIOUR 62). Whatever doesn't fit is kept as an orphan and changes nothing.
 * OK: the provider may forget it. Fails: SIGNATURE (401), NOTIFICATION (it is kept, and refused),
 * DB and its like (the provider sends it again).
 */
enum err settle_notification(
	struct ctx *c, const struct provider *p, const struct notification *n) MUST;

/*
 * Ask its provider about an attempt and do what the answer says: settle it, or note that it is
 * closed. *state is what it said. Fails: PROVIDER_CONFIG.
 */
enum err settle_by_query(struct ctx *c, const struct attempt *a, enum trade_state *state) MUST;

#endif

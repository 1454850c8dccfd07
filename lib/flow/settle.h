/* SPDX-License-Identifier: MIT */
/*
 * settle.h - the only path from a provider's payment to a payable: notifications, active
 * queries and jobs all use it (BEHAVIOUR 34 to 38, 40, 44).
 */
#ifndef FLOW_SETTLE_H
#define FLOW_SETTLE_H

#include "providers/provider.h"
#include "shop/money/payment.h"

/* How often jobs query a payment that was refunded by an unknown amount. */
#define SETTLE_HELD_GAP_MS (30 * MINUTE_MS)

/*
 * A raw notification of a provider (BEHAVIOUR 33): verify, parse and process it. A success of ours
 * is settled exactly once: granted, granted late, or refund due. Money refunded elsewhere before
 * that grants nothing: if all of it, the attempt is settled as refunded; a part is recorded with
 * what is granted; and while the amount is unknown the attempt is held (BEHAVIOUR 62). A message
 * that matches nothing is stored as an orphan and changes nothing.
 * OK: acknowledge it. Fails: SIGNATURE (401), NOTIFICATION (stored, and refused), DB and the like
 * (the provider repeats it).
 */
enum err settle_notification(
	struct ctx *c, const struct provider *p, const struct notification *n) MUST;

/*
 * Query the provider about an attempt and process the result: settle it, or set it closed.
 * *state is the reported state. Fails: PROVIDER_CONFIG.
 */
enum err settle_by_query(struct ctx *c, const struct attempt *a, enum trade_state *state) MUST;

/*
 * Query a provider about a payment that is no attempt's, and process the result as its notification: if
 * it is paid it is stored as an orphan.
 */
enum err settle_unknown(struct ctx *c, const struct provider *p, const char *out_trade_no) MUST;

#endif

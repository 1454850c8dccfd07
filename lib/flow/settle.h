/* SPDX-License-Identifier: MIT */
/*
 * settle.h - the only way in which a provider's money reaches a payable: notifications,
 * active queries and jobs all come through settle (BEHAVIOUR 34 to 38, 40, 44).
 */
#ifndef FLOW_SETTLE_H
#define FLOW_SETTLE_H

#include "providers/wechat/pay.h"
#include "shop/money/payment_event.h"

/* How often jobs asks again about a payment of which something went back, nobody knows how much. */
#define SETTLE_HELD_GAP_MS (30 * MINUTE_MS)

/*
 * Judge what a provider says of a transaction and, if it is a success of ours, settle it
 * exactly once: granted, granted late, or kept as refund due. Of what went back elsewhere before
 * that nothing is granted: all of it settles the attempt as refunded, a part stays in the books of
 * what is granted, and while the amount isn't known the attempt is held (BEHAVIOUR 62). Whatever
 * doesn't fit is kept as an orphan and changes nothing. *verdict says which.
 *   event  the message it came in, recorded with the verdict in the same transaction
 */
enum err settle(struct ctx *c, const struct wx_transaction *t, const struct payment_event *event,
	enum payment_event_verdict *verdict) MUST;

/* A raw notification of WeChat Pay, whose headers the frame found (BEHAVIOUR 33). */
struct wx_signed;
/*
 * Verify, open, judge and settle. OK: the provider may forget it. Fails: SIGNATURE (401),
 * NOTIFICATION (it is kept, and refused), DB and its like (the provider sends it again).
 */
enum err settle_wechat_notification(struct ctx *c, const struct wx_signed *m) MUST;

/*
 * Ask WeChat Pay about an attempt and do what the answer says: settle it, or note that it
 * is closed. *trade_state is WeChat's word, or NULL when it could not be learnt.
 */
enum err settle_by_query(struct ctx *c, const struct attempt *a, const char **trade_state) MUST;

#endif

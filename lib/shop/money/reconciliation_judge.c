/* SPDX-License-Identifier: MIT */
/* reconciliation_judge.c - in what a line of a bill and the books differ. Pure. */
#include <string.h>

#include "shop/money/payment.h"
#include "shop/money/reconciliation.h"

#define PAYMENT "PAYMENT"
#define REFUND  "REFUND"

const struct finding_reason finding_reasons[FINDING_N] = {
	[FINDING_PAYMENT_UNKNOWN] = { "PAYMENT_UNKNOWN", PAYMENT, "MISSING_HERE",
		"账单中有这笔支付，本店没有对应的支付单",
		"paid, but not for a payment of this shop", true },
	[FINDING_PAYMENT_UNSETTLED] = { "PAYMENT_UNSETTLED", PAYMENT, "STATE",
		"账单中已支付，本店尚未入账", "paid, and not settled here", true },
	[FINDING_PAYMENT_ORPHAN] = { "PAYMENT_ORPHAN", PAYMENT, "ORPHAN",
		"款项已收到，但与本店的支付单不符，需人工处理", "paid, and stored as an orphan",
		false },
	[FINDING_PAYMENT_AMOUNT] = { "PAYMENT_AMOUNT", PAYMENT, "AMOUNT",
		"账单中的支付金额与本店不一致", "paid with another amount", false },
	[FINDING_PAYMENT_TRANSACTION] = { "PAYMENT_TRANSACTION", PAYMENT, "STATE",
		"账单中的支付流水号与本店不一致", "paid with another transaction", false },
	[FINDING_PAYMENT_NOT_PAID] = { "PAYMENT_NOT_PAID", PAYMENT, "STATE",
		"本店已入账，账单中没有支付成功", "settled here, and not paid by the bill", false },
	[FINDING_PAYMENT_NOT_BILLED] = { "PAYMENT_NOT_BILLED", PAYMENT, "MISSING_THERE",
		"本店已入账，账单中没有这笔支付", "settled here, and not in the bill", false },
	[FINDING_REFUND_UNKNOWN] = { "REFUND_UNKNOWN", REFUND, "MISSING_HERE",
		"账单中有这笔退款，本店没有记录", "refunded, and not recorded here", true },
	[FINDING_REFUND_OF_ORPHAN] = { "REFUND_OF_ORPHAN", REFUND, "ORPHAN",
		"账单中的退款属于与本店支付单不符的款项", "refunded, of an orphan payment", false },
	[FINDING_REFUND_AMOUNT] = { "REFUND_AMOUNT", REFUND, "AMOUNT",
		"账单中的退款金额与本店不一致", "refunded with another amount", false },
	[FINDING_REFUND_UNFINISHED] = { "REFUND_UNFINISHED", REFUND, "STATE",
		"账单中退款已结束，本店仍在处理", "final in the bill, and in progress here", true },
	[FINDING_REFUND_CLOSED_HERE] = { "REFUND_CLOSED_HERE", REFUND, "STATE",
		"账单中退款成功，本店记为已关闭", "refunded, and closed here", false },
	[FINDING_REFUND_FAILED_THERE] = { "REFUND_FAILED_THERE", REFUND, "STATE",
		"本店记为退款成功，账单中退款失败", "refunded here, and failed by the bill",
		false },
	[FINDING_REFUND_STATE] = { "REFUND_STATE", REFUND, "STATE", "账单中的退款状态无法识别",
		"of a state that is not known", true },
	[FINDING_REFUND_NOT_BILLED] = { "REFUND_NOT_BILLED", REFUND, "MISSING_THERE",
		"本店记为退款成功，账单中没有这笔退款", "refunded here, and not in the bill",
		false },
};

static bool is_settled(int64_t state)
{
	return state != ATTEMPT_OPEN && state != ATTEMPT_CLOSED;
}

int64_t billed_judge_payment(const struct billed_match *m)
{
	const bool settled = m->booked_id != 0 && is_settled(m->booked_state);

	if (m->state != BILLED_PAID) /* an unsettled one agrees: nothing was paid */
		return settled ? FINDING_PAYMENT_NOT_PAID : FINDING_AGREES;
	if (!settled && m->orphan == BILLED_ORPHAN_RESOLVED)
		return FINDING_AGREES;
	if (m->booked_id != 0 && m->booked.fen != m->amount.fen)
		return FINDING_PAYMENT_AMOUNT;
	if (!settled && m->orphan == BILLED_ORPHAN)
		return FINDING_PAYMENT_ORPHAN;
	if (m->booked_id == 0)
		return FINDING_PAYMENT_UNKNOWN;
	if (!settled)
		return FINDING_PAYMENT_UNSETTLED;
	if (m->transaction_id[0] != '\0' &&
		(m->booked_transaction == NULL ||
			strcmp(m->transaction_id, m->booked_transaction) != 0))
		return FINDING_PAYMENT_TRANSACTION;
	return FINDING_AGREES;
}

/* Both states are known. A bill is of its day: what was in progress then may have ended since. */
static int64_t judge_states(int64_t billed, int64_t booked)
{
	const bool open = booked == REFUND_PROCESSING || booked == REFUND_ABNORMAL;

	switch (billed) {
	case REFUND_SUCCESS:
		return open                      ? FINDING_REFUND_UNFINISHED
		       : booked == REFUND_CLOSED ? FINDING_REFUND_CLOSED_HERE
						 : FINDING_AGREES;
	case REFUND_CLOSED:
		return open                       ? FINDING_REFUND_UNFINISHED
		       : booked == REFUND_SUCCESS ? FINDING_REFUND_FAILED_THERE
						  : FINDING_AGREES;
	case REFUND_PROCESSING:
	case REFUND_ABNORMAL:
		return FINDING_AGREES;
	default:
		return open ? FINDING_REFUND_STATE : FINDING_AGREES;
	}
}

int64_t billed_judge_refund(const struct billed_match *m)
{
	const bool stray = m->attempt_id == 0; /* of no payment of ours */

	if (m->booked_id == 0) {
		if (m->state == REFUND_CLOSED || (stray && m->orphan == BILLED_ORPHAN_RESOLVED))
			return FINDING_AGREES; /* nothing was refunded, or it is known */
		return stray && m->orphan == BILLED_ORPHAN ? FINDING_REFUND_OF_ORPHAN
							   : FINDING_REFUND_UNKNOWN;
	}
	if (m->booked.fen != m->amount.fen)
		return FINDING_REFUND_AMOUNT;
	return judge_states(m->state, m->booked_state);
}

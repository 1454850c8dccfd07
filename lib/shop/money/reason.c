/* SPDX-License-Identifier: MIT */
#include "shop/money/reason.h"

#include <string.h>

#include "base/base.h"

/* clang-format off */
#define ORPHANS(X)                                                                             \
	X("UNKNOWN_ORDER", "本店没有这笔支付")                                                 \
	X("AMOUNT", "金额与本店的支付不符")                                                    \
	X("CURRENCY", "币种不是人民币")                                                        \
	X("MCHID", "商户号不是本店的")                                                         \
	X("APPID", "应用号不是本店的")                                                         \
	X("SELLER_ID", "收款账号不是本店的")                                                   \
	X("TRANSACTION_ID", "支付平台的交易号无效")                                            \
	X("TRANSACTION_TAKEN", "这个交易号已经用于另一笔支付")                                 \
	X("SECOND_TRANSACTION", "同一笔支付收到了第二个交易号")                                \
	X("UNDECRYPTABLE", "通知无法解密")                                                     \
	X("MALFORMED", "通知的内容无法识别")                                                   \
	X("CHARSET", "通知的字符编码无法识别")                                                 \
	X("STATUS", "通知的状态无法识别")                                                      \
	X("TRADE_STATUS", "交易状态无法识别")                                                  \
	X("UNKNOWN_REFUND", "退款不属于本店的任何支付")                                        \
	X("REFUND_NO", "退款单号无效")                                                         \
	X("REFUND_ID", "支付平台的退款号无效")                                                 \
	X("REFUND_AMOUNT", "退款金额与本店的记录不符")                                         \
	X("REFUND_STATUS", "退款状态无法识别")                                                 \
	X("REFUND_EXCEEDS", "退款超过可退的金额，可能与本店正在进行的退款重复")                \
	X("REFUND_CLOSED", "本店记为未退成的退款，支付平台报告已退")                           \
	X("NOT_REVOCABLE", "款已退，但所购的权益现在不能收回")

#define OTHERS(X)                                                                              \
	X("REFUNDED_ELSEWHERE", "已在支付平台的商户后台退款")                                  \
	X("ALREADY_PAID", "订单已用其他方式支付")                                              \
	X("ALREADY_REFUNDED", "订单已退款")                                                    \
	X("ORDER_DELETED", "订单已删除")                                                       \
	X("USER_DELETED", "用户已注销")                                                        \
	X("OUT_OF_STOCK", "订单关闭后才付款，商品已无库存")                                    \
	X("QUOTE_CHANGED", "付款时会员权益已变化，原报价失效")                                 \
	X("REFUND_UNDER_WAY", "用户的会员订单正在退款")
/* clang-format on */

#define CODE(code, text)  code,
#define WORDS(code, text) { code, text },

const char *const orphan_reasons[] = { ORPHANS(CODE) NULL };

static const struct {
	const char *code, *text;
} words[] = { ORPHANS(WORDS) OTHERS(WORDS) };

const char *reason_text(const char *reason)
{
	for (size_t i = 0; reason != NULL && i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].code, reason) == 0)
			return words[i].text;
	return reason;
}

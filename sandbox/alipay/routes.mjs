// SPDX-License-Identifier: MIT
// The methods of gateway.do: one row each.
import { billUrl } from './bill.mjs';
import { BILL, CLOSE, PAGE_PAY, QUERY, REFUND, REFUND_QUERY, WAP_PAY } from './rules.mjs';
import { close, query, refund, refundQuery } from './trade.mjs';

// fault: its name in fault switches; rule: of biz_content; handle gets { content, merchant, state, bills, now, fundChange, url,
// damage }, is synchronous, and
// returns the response's members after code and msg. A method without it is opened by a browser.
export const METHODS = {
  'alipay.trade.page.pay': { rule: PAGE_PAY },
  'alipay.trade.wap.pay': { rule: WAP_PAY },
  'alipay.trade.query': { fault: 'query', rule: QUERY, handle: query },
  'alipay.trade.close': { fault: 'close', rule: CLOSE, handle: close },
  'alipay.trade.refund': { fault: 'refund', rule: REFUND, handle: refund },
  'alipay.trade.fastpay.refund.query': { fault: 'refund_query', rule: REFUND_QUERY, handle: refundQuery },
  'alipay.data.dataservice.bill.downloadurl.query': { fault: 'bill', rule: BILL, handle: billUrl },
};

export const FAULT_NAMES = [...new Set(Object.values(METHODS).filter(({ handle }) => handle).map(({ fault }) => fault))];

// SPDX-License-Identifier: MIT
// WeChat Pay v3 refunds: create and query.
import { toDigits, toRfc3339 } from '../lib/clock.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { digits } from '../lib/sign.mjs';
import { Refusal } from './errors.mjs';
import { canonical } from './pay.mjs';

const REFUNDABLE_MS = 365 * 86_400_000;
const REFUNDS_MAX = 50; // of one order
const ACCOUNT = '支付用户零钱';
const STATUSES = ['PROCESSING', 'SUCCESS', 'ABNORMAL', 'CLOSED'];

const newRefundId = (ms) => `5030${digits(6)}${toDigits(ms).slice(0, 8)}${digits(11)}`;
const invalid = (text) => new Refusal('INVALID_REQUEST', { text });

export function setStatus(refund, status, now) {
  refund.status = status;
  if (status === 'SUCCESS') refund.success_ms = now;
}

// The amount as in a notification. The coupon is a prepaid one: the shop got that money, so the whole
// sum is settled, and only the payer's own part is refunded to the payer.
function amountOf(refund, order) {
  const { total, refund: fen } = refund.request.amount;
  return { total, refund: fen, payer_total: total - order.coupon_fen, payer_refund: fen - refund.coupon_fen };
}

const successTime = ({ status, success_ms: ms }) => (status === 'SUCCESS' ? { success_time: toRfc3339(ms) } : {});

// The refund as in a response.
function refundOf(refund, order) {
  const amount = amountOf(refund, order);
  return {
    refund_id: refund.refund_id,
    out_refund_no: refund.out_refund_no,
    transaction_id: order.transaction_id,
    out_trade_no: order.out_trade_no,
    channel: 'ORIGINAL',
    user_received_account: ACCOUNT,
    ...successTime(refund),
    create_time: toRfc3339(refund.created_ms),
    status: refund.status,
    funds_account: refund.request.funds_account ?? 'UNSETTLED',
    amount: {
      ...amount,
      settlement_total: amount.total,
      settlement_refund: amount.refund,
      discount_refund: refund.coupon_fen,
      currency: 'CNY',
    },
    ...(refund.coupon_fen > 0 && {
      promotion_detail: [{
        promotion_id: '1000000001', scope: 'GLOBAL', type: 'COUPON', amount: order.coupon_fen, refund_amount: refund.coupon_fen,
      }],
    }),
  };
}

// The refund as in a notification.
export function noticeOf(refund, order) {
  return {
    mchid: order.request.mchid,
    out_trade_no: order.out_trade_no,
    transaction_id: order.transaction_id,
    out_refund_no: refund.out_refund_no,
    refund_id: refund.refund_id,
    refund_status: refund.status,
    ...successTime(refund),
    user_received_account: ACCOUNT,
    amount: amountOf(refund, order),
  };
}

// The refundable rest of the order and of its coupon; closed refunds don't count.
function restOf(order) {
  const rest = { fen: order.request.amount.total, coupon_fen: order.coupon_fen };
  for (const { status, request, coupon_fen: couponFen } of order.refunds) {
    if (status === 'CLOSED') continue;
    rest.fen -= request.amount.refund;
    rest.coupon_fen -= couponFen;
  }
  return rest;
}

function findOrder({ transaction_id: id, out_trade_no: no }, state) {
  const order = id === undefined ? state.orders.get(no) : state.byTransaction.get(id);
  if (!order) throw new Refusal('RESOURCE_NOT_EXISTS', { text: '订单不存在' });
  if (order.state !== 'SUCCESS') throw invalid('订单未支付，不能退款');
  return order;
}

function checkAmount({ refund, total }, order, rest, now) {
  if (total !== order.request.amount.total) throw invalid('订单金额与支付时不一致，请核实后再试');
  if (refund > rest.fen) throw invalid('申请退款金额大于订单剩余可退金额');
  if (order.refunds.length >= REFUNDS_MAX) throw invalid('部分退款次数超限');
  if (now - order.success_ms > REFUNDABLE_MS) throw invalid('订单已超过可退款的最大期限');
}

// The coupon's share, rounded down; the last refund takes the rest. (The product of two amounts
// exceeds a number's exact range.)
function couponShare(fen, rest) {
  return Number(BigInt(rest.coupon_fen) * BigInt(fen) / BigInt(rest.fen));
}

export function refund({ body, state, refundMode, now }) {
  const known = state.refunds.get(body.out_refund_no);
  if (known) {
    if (canonical(known.request) !== canonical(body)) throw invalid('商户退款单号已存在，且请求参数与首次申请不一致');
    return { status: 200, body: refundOf(known, state.orders.get(known.out_trade_no)), changed: false };
  }
  const order = findOrder(body, state);
  const rest = restOf(order);
  checkAmount(body.amount, order, rest, now);
  const made = {
    out_refund_no: body.out_refund_no,
    out_trade_no: order.out_trade_no,
    refund_id: newRefundId(now),
    request: body,
    created_ms: now,
    coupon_fen: couponShare(body.amount.refund, rest),
  };
  setStatus(made, refundMode, now);
  state.addRefund(order, made);
  return { status: 200, body: refundOf(made, order), changed: true };
}

// A refund made by staff in the merchant console: full or partial; no notify_url, and a number in WeChat's own
// format. The console refuses what the API refuses.
export function consoleRefund(order, { amount_fen: fen, out_refund_no: number, status = 'SUCCESS' }, state, now) {
  if (order.state !== 'SUCCESS') throw new SandboxError(409, 'the order is not paid');
  const rest = restOf(order);
  const { total } = order.request.amount;
  const amount = { refund: fen ?? rest.fen, total, currency: 'CNY' };
  if (amount.refund < 1) throw new SandboxError(409, 'nothing is left to refund');
  if (number !== undefined && state.refunds.has(number)) throw new SandboxError(409, 'there is a refund with this out_refund_no');
  try {
    checkAmount(amount, order, rest, now);
  } catch (error) {
    throw new SandboxError(409, error.message);
  }
  const outRefundNo = number ?? `${toDigits(now).slice(0, 8)}${digits(20)}`;
  const made = {
    out_refund_no: outRefundNo,
    out_trade_no: order.out_trade_no,
    refund_id: newRefundId(now),
    request: { transaction_id: order.transaction_id, out_refund_no: outRefundNo, amount },
    created_ms: now,
    coupon_fen: couponShare(amount.refund, rest),
  };
  setStatus(made, status, now);
  state.addRefund(order, made);
  return made;
}

export function queryRefund({ params, state }) {
  const found = state.refunds.get(params[0]);
  if (!found) throw new Refusal('RESOURCE_NOT_EXISTS', { text: '退款单不存在' });
  return { status: 200, body: refundOf(found, state.orders.get(found.out_trade_no)) };
}

// The status of new refunds.
export function readRefundMode({ status, ...rest }) {
  const extra = Object.keys(rest);
  if (extra.length > 0) throw new SandboxError(400, `unknown member ${extra[0]}: status`);
  if (!STATUSES.includes(status)) throw new SandboxError(400, `status must be one of ${STATUSES.join(' ')}`);
  return status;
}

// SPDX-License-Identifier: MIT
// WeChat Pay v3 orders: prepay, query, close.
import { fromRfc3339, toDigits, toRfc3339 } from '../lib/clock.mjs';
import { digits } from '../lib/sign.mjs';
import { Refusal, paramError } from './errors.mjs';
import { isOpenid } from './login.mjs';
import { nonce } from './sign.mjs';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const EXPIRE_DEFAULT_MS = 7 * DAY_MS;
const EXPIRE_MAX_MS = 15 * DAY_MS; // the shortest limit in WeChat's documentation
const HOUR_MS = 3600_000;

// How an order is paid: WeChat's word for it, the answer to a prepay, and how long that is good.
export const H5_PATH = '/cgi-bin/mmpayweb-bin/checkmweb';
const JSAPI = { type: 'JSAPI', lifeMs: 2 * HOUR_MS, answer: ({ id }) => ({ prepay_id: id }) };
const NATIVE = {
  type: 'NATIVE', lifeMs: 2 * HOUR_MS, newId: () => `weixin://wxpay/bizpayurl?pr=${nonce(10)}`, onlyLast: true, answer: ({ id }) => ({ code_url: id }),
};
const MWEB = {
  type: 'MWEB', lifeMs: 5 * MINUTE_MS, answer: ({ id }, url) => ({ h5_url: `${url}${H5_PATH}?prepay_id=${id}&package=${digits(10)}` }),
};
const WAYS = Object.fromEntries([JSAPI, NATIVE, MWEB].map((way) => [way.type, way]));
const PASSER_BY = 'sandbox-payer'; // who pays where the order doesn't say

const STATES = { SUCCESS: '支付成功', REFUND: '转入退款', NOTPAY: '订单未支付', CLOSED: '订单已关闭' };

export const newTransactionId = (ms) => `420000${digits(4)}${toDigits(ms).slice(0, 8)}${digits(10)}`;

// An unpaid order is closed automatically when its time is over.
export function tradeState(order, now) {
  if (order.refunds.length > 0) return 'REFUND'; // from the first refund on, whatever its outcome
  return order.state === 'NOTPAY' && now >= order.expire_ms ? 'CLOSED' : order.state;
}

export function prepayExpired(order, prepayId, now) {
  const prepay = order.prepays.find(({ id }) => id === prepayId);
  return prepay !== undefined && now - prepay.at_ms >= WAYS[order.trade_type].lifeMs;
}

export function markPaid(order, { now, couponFen = 0, eventId }) {
  Object.assign(order, {
    state: 'SUCCESS',
    transaction_id: newTransactionId(now),
    success_ms: now,
    coupon_fen: couponFen,
    event: { id: eventId, create_time: toRfc3339(now) },
  });
}

function paidMembers(order) {
  const { total } = order.request.amount;
  const payerTotal = total - order.coupon_fen;
  return {
    transaction_id: order.transaction_id,
    bank_type: 'OTHERS',
    success_time: toRfc3339(order.success_ms),
    payer: { openid: order.request.payer?.openid ?? PASSER_BY },
    amount: { total, payer_total: payerTotal, currency: 'CNY', payer_currency: 'CNY' },
    ...(order.coupon_fen > 0 && {
      promotion_detail: [{
        coupon_id: '1000000001', name: '沙箱立减', scope: 'GLOBAL', type: 'CASH',
        amount: order.coupon_fen, currency: 'CNY',
      }],
    }),
  };
}

// The transaction as in the query response and in the notification, the latter as at payment.
export function transactionOf(order, state) {
  const { appid, mchid, out_trade_no: outTradeNo, attach, amount } = order.request;
  return {
    appid,
    mchid,
    out_trade_no: outTradeNo,
    trade_type: order.trade_type,
    trade_state: state,
    trade_state_desc: STATES[state],
    ...(attach !== undefined && { attach }),
    ...(order.state === 'SUCCESS' ? paidMembers(order) : { amount: { total: amount.total, currency: 'CNY' } }),
  };
}

// Canonical JSON: members sorted at every level.
export function canonical(value) {
  return JSON.stringify(value, (_, inner) => (inner && typeof inner === 'object' && !Array.isArray(inner)
    ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
    : inner));
}

function checkOwners({ appid, mchid, payer }, merchant) {
  if (mchid !== merchant.mchid) throw new Refusal('MCH_NOT_EXISTS');
  if (appid !== merchant.appid) throw new Refusal('APPID_MCHID_NOT_MATCH');
  if (payer && !isOpenid(payer.openid)) throw new Refusal('OPENID_MISMATCH');
}

function expiryOf(request, now) {
  if (request.time_expire === undefined) return now + EXPIRE_DEFAULT_MS;
  const expire = fromRfc3339(request.time_expire);
  const refuse = (issue) => {
    throw paramError('/time_expire', request.time_expire, issue);
  };
  if (expire <= now) refuse('lies in the past');
  if (expire > now + EXPIRE_MAX_MS) refuse('lies too far ahead');
  return Math.max(expire, now + MINUTE_MS); // as WeChat does: at least a minute
}

// The order for a repeated prepay, or a Refusal.
function checkRepeat(order, request, now) {
  if (order.state === 'SUCCESS') throw new Refusal('ORDERPAID');
  if (tradeState(order, now) === 'CLOSED') throw new Refusal('ORDER_CLOSED');
  if (canonical(order.request) !== canonical(request)) throw new Refusal('INVALID_REQUEST');
  return order;
}

const prepay = (way) => ({ body, merchant, state, now, url }) => {
  checkOwners(body, merchant);
  const known = state.orders.get(body.out_trade_no);
  const order = known ? checkRepeat(known, body, now) : {
    out_trade_no: body.out_trade_no,
    trade_type: way.type,
    request: body,
    state: 'NOTPAY',
    created_ms: now,
    expire_ms: expiryOf(body, now),
    coupon_fen: 0,
    prepays: [],
    refunds: [],
  };
  const made = { id: way.newId?.() ?? `wx${toDigits(now)}${nonce(20)}`, at_ms: now };
  if (!known) state.putOrder(order);
  if (way.onlyLast) state.dropPrepays(order);
  state.addPrepay(order, made);
  return { status: 200, body: way.answer(made, url), changed: true };
};
export const jsapi = prepay(JSAPI);
export const native = prepay(NATIVE);
export const h5 = prepay(MWEB);

function findOrder(order) {
  if (!order) throw new Refusal('ORDER_NOT_EXIST');
  return order;
}

function answer(found, now) {
  const order = findOrder(found);
  return { status: 200, body: transactionOf(order, tradeState(order, now)) };
}

export const queryByNumber = ({ params, state, now }) => answer(state.orders.get(params[0]), now);
export const queryById = ({ params, state, now }) => answer(state.byTransaction.get(params[0]), now);

export function close({ params, body, merchant, state, now }) {
  if (body.mchid !== merchant.mchid) throw new Refusal('MCH_NOT_EXISTS');
  const order = findOrder(state.orders.get(params[0]));
  if (order.state === 'SUCCESS') throw new Refusal('ORDERPAID');
  const changed = order.state === 'NOTPAY';
  if (changed) Object.assign(order, { state: 'CLOSED', closed_ms: now });
  return { status: 204, body: null, changed };
}

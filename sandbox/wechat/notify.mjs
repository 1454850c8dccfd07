// SPDX-License-Identifier: MIT
// Acts as the payer and the bank: pays an order or completes a refund, and notifies the shop, as WeChat
// does or as a forger would.
import { randomUUID } from 'node:crypto';
import { toRfc3339 } from '../lib/clock.mjs';
import { NOT_NOTIFIED, flag, oneOf, readOptions, whole } from '../lib/deliver.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { otherEnd } from '../lib/sign.mjs';
import { OPTIONS, TAMPERS, deliver } from './deliver.mjs';
import { markPaid, newTransactionId, prepayExpired, tradeState, transactionOf } from './pay.mjs';
import { consoleRefund, noticeOf, setStatus } from './refund.mjs';
import { OUT_REFUND_NO, OUT_TRADE_NO } from './rules.mjs';

const PAY_TAMPERS = {
  amount: { plain: (t) => { t.amount.total += 1; t.amount.payer_total += 1; } },
  mchid: { plain: (t) => { t.mchid = otherEnd(t.mchid); } },
  appid: { plain: (t) => { t.appid = otherEnd(t.appid); } },
  state: { plain: (t) => { t.trade_state = 'NOTPAY'; t.trade_state_desc = '订单未支付'; } },
  ...TAMPERS,
};

const REFUND_TAMPERS = {
  amount: { plain: (r) => { r.amount.refund += 1; r.amount.payer_refund += 1; } },
  mchid: { plain: (r) => { r.mchid = otherEnd(r.mchid); } },
  state: { plain: (r) => { r.refund_status = 'PROCESSING'; } },
  ...TAMPERS,
};

const PAY_OPTIONS = {
  ...OPTIONS,
  tamper: oneOf(Object.keys(PAY_TAMPERS)),
  force: [flag, 'true or false'],
  coupon_fen: [whole(0, Number.MAX_SAFE_INTEGER), 'an integer from 0'],
};

const ENDINGS = { SUCCESS: '退款成功', ABNORMAL: '退款异常', CLOSED: '退款关闭' };

const REFUND_OPTIONS = {
  ...OPTIONS,
  tamper: oneOf(Object.keys(REFUND_TAMPERS)),
  status: oneOf(Object.keys(ENDINGS)),
};

const CONSOLE_OPTIONS = {
  ...OPTIONS,
  amount_fen: [whole(1, Number.MAX_SAFE_INTEGER), 'an integer from 1'],
  out_refund_no: [(value) => typeof value === 'string' && value.length <= 64 && OUT_REFUND_NO.test(value), 'a number of a refund'],
  status: oneOf(['PROCESSING', ...Object.keys(ENDINGS)]),
};

function findPayable(id, options, state, now) {
  const order = state.byPrepay.get(id) ?? (OUT_TRADE_NO.test(id) ? state.orders.get(id) : undefined);
  if (!order) throw new SandboxError(404, 'no order with this prepay_id, code_url or out_trade_no');
  const { coupon_fen: couponFen } = options;
  if (couponFen > order.request.amount.total) {
    throw new SandboxError(400, `coupon_fen must be at most ${order.request.amount.total}`);
  }
  if (order.state === 'SUCCESS') {
    if (couponFen === undefined || couponFen === order.coupon_fen) return order;
    throw new SandboxError(409, 'the order is paid already, with another coupon_fen');
  }
  if (tradeState(order, now) === 'CLOSED' && !options.force && !options.tamper) {
    throw new SandboxError(409, 'the order is closed: "force": true plays a payment that was under way');
  }
  if (prepayExpired(order, id, now) && !options.force && !options.tamper) {
    throw new SandboxError(409, 'the prepay_id or code_url is over');
  }
  return order;
}

// The payment that a forger claims; the order itself is not paid.
function claimedPaid(order, { now, couponFen = 0 }) {
  if (order.state === 'SUCCESS') return order;
  const payment = { transaction_id: newTransactionId(now), success_ms: now, coupon_fen: couponFen };
  return { ...order, ...payment, state: 'SUCCESS' };
}

function notifyOfPayment(order, event, options, context) {
  return deliver({
    event,
    type: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    kind: 'transaction',
    plain: transactionOf(order, order.state),
    tamper: PAY_TAMPERS[options.tamper] ?? {},
    address: context.notifyUrl ?? order.request.notify_url,
    about: order.out_trade_no,
  }, options, context);
}

// Pays the order with this prepay_id or out_trade_no and delivers the notification; resolves to
// the shop's response. A tampered notification does not change the order.
// context: { state, clock, sign, apiV3Key, notifyUrl, signal, log }
export async function pay(id, body, context) {
  const { state, clock } = context;
  const options = readOptions(body, PAY_OPTIONS);
  const now = clock.ms();
  const order = findPayable(id, options, state, now);
  const eventId = options.event_id ?? randomUUID();

  if (options.tamper) {
    const event = { id: eventId, create_time: toRfc3339(now) };
    const payment = claimedPaid(order, { now, couponFen: options.coupon_fen });
    return notifyOfPayment(payment, event, options, context);
  }
  if (order.state !== 'SUCCESS') {
    markPaid(order, { now, couponFen: options.coupon_fen, eventId });
    state.byTransaction.set(order.transaction_id, order);
    await state.saved();
  }
  if (!options.notify) return NOT_NOTIFIED;
  const event = { ...order.event, id: options.event_id ?? order.event.id };
  return notifyOfPayment(order, event, options, context);
}

function findEndable(no, status, { tamper }, state) {
  const refund = state.refunds.get(no);
  if (!refund) throw new SandboxError(404, 'no refund with this out_refund_no');
  const final = refund.status === 'SUCCESS' || refund.status === 'CLOSED';
  if (final && refund.status !== status && !tamper) {
    throw new SandboxError(409, `the refund is ${refund.status} already, and stays so`);
  }
  return refund;
}

// One event per status: a repeated notification has the same one.
function endRefund(refund, status, { now, eventId }) {
  if (refund.status !== status) setStatus(refund, status, now);
  if (refund.event?.status !== status) refund.event = { status, id: eventId, create_time: toRfc3339(now) };
}

// Notifies the shop of the refund's status. A refund made in the console has no notify_url: WeChat uses the URL that the
// merchant has set in the console, which here is that of the order's notifications.
function notifyOfRefund(refund, event, options, context, tamper = {}) {
  const order = context.state.orders.get(refund.out_trade_no);
  const address = context.notifyUrl ?? refund.request.notify_url ?? (refund.console ? order.request.notify_url : undefined);
  if (!options.notify || address === undefined) return NOT_NOTIFIED;
  return deliver({
    event,
    type: `REFUND.${refund.status}`,
    summary: ENDINGS[refund.status],
    kind: 'refund',
    plain: noticeOf(refund, order),
    tamper,
    address,
    about: refund.out_refund_no,
  }, options, context);
}

// Completes the refund with options.status, by default SUCCESS, and delivers the notification;
// resolves to the shop's response. A tampered notification does not change the refund. A refund
// requested without notify_url sends no notification.
export async function settleRefund(no, body, context) {
  const { state, clock } = context;
  const options = readOptions(body, REFUND_OPTIONS);
  const status = options.status ?? 'SUCCESS';
  const now = clock.ms();
  const refund = findEndable(no, status, options, state);
  const notified = options.tamper ? { ...refund, event: null } : refund; // a forged notification has its own event

  endRefund(notified, status, { now, eventId: options.event_id ?? randomUUID() });
  if (notified === refund) await state.saved();
  const event = { id: options.event_id ?? notified.event.id, create_time: notified.event.create_time };
  return notifyOfRefund(notified, event, options, context, REFUND_TAMPERS[options.tamper]);
}

// Refunds a paid order in the merchant console, in full or in part (amount_fen), and delivers the notification, unless it
// is processing: resolves to { out_refund_no, answer }.
export async function refundInConsole(outTradeNo, body, context) {
  const { state, clock } = context;
  const options = readOptions(body, CONSOLE_OPTIONS);
  const order = state.orders.get(outTradeNo);
  if (!order) throw new SandboxError(404, 'no order with this out_trade_no');
  const now = clock.ms();
  const refund = consoleRefund(order, options, state, now);
  refund.console = true;
  if (refund.status !== 'PROCESSING') endRefund(refund, refund.status, { now, eventId: options.event_id ?? randomUUID() });
  await state.saved();
  const answer = refund.event
    ? await notifyOfRefund(refund, { id: refund.event.id, create_time: refund.event.create_time }, options, context) : NOT_NOTIFIED;
  return { out_refund_no: refund.out_refund_no, answer };
}

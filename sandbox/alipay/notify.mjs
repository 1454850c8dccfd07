// SPDX-License-Identifier: MIT
// Acts as the payer, the merchant's staff and the bank: pays a trade or completes a refund, and notifies the shop, as Alipay
// does or as a forger would.
import { toDigits, toLocal } from '../lib/clock.mjs';
import { NOT_NOTIFIED, OPTIONS, deliver, flag, oneOf, readOptions, whole } from '../lib/deliver.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { corrupt, digits, otherEnd } from '../lib/sign.mjs';
import { NUMBER, toYuan } from './rules.mjs';
import { signedText } from './sign.mjs';
import { BUYER, consoleRefund, refundedFen, statusOf } from './trade.mjs';

const PAID = ['TRADE_SUCCESS', 'TRADE_FINISHED'];
const WITHOUT = ['sign', 'sign_type'];

const addFen = (params) => { params.total_amount = toYuan(Math.round(Number(params.total_amount) * 100) + 1); };
const lie = (name) => ({ plain: (params) => { params[name] = otherEnd(params[name]); } });

// plain: another content, properly signed; without: what the signature leaves out; after: a change of the signed content.
const TAMPERS = {
  amount: { plain: addFen },
  app_id: lie('app_id'),
  seller_id: lie('seller_id'),
  out_trade_no: lie('out_trade_no'),
  trade_status: { plain: (params) => { params.trade_status = 'WAIT_BUYER_PAY'; } },
  charset: { plain: (params) => { params.charset = 'GBK'; } },
  sign_type: { plain: (params) => { params.sign_type = 'RSA'; } },
  sign_type_signed: { without: ['sign'] }, // the rule of other notifications, which is wrong for trades
  altered_body: { after: addFen },
  added_member: { after: (params) => { params.memo = 'x'; } },
  signature: { after: (params) => { params.sign = corrupt(params.sign); } },
  no_signature: { after: (params) => { delete params.sign; } },
};

const tamper = oneOf(Object.keys(TAMPERS));
const PAY_OPTIONS = {
  ...OPTIONS,
  tamper,
  force: [flag, 'true or false'],
  status: oneOf(PAID),
  coupon_fen: [whole(0, Number.MAX_SAFE_INTEGER), 'an integer from 0'],
};
const NOTIFY_OPTIONS = { ...OPTIONS, tamper };
const CONSOLE_OPTIONS = {
  ...OPTIONS,
  amount_fen: [whole(1, Number.MAX_SAFE_INTEGER), 'an integer from 1'],
  out_request_no: [(value) => typeof value === 'string' && value.length <= 64 && NUMBER.test(value), 'a number of a refund'],
};

// Everything that may change later is stored with the event: a repeated notification is the same.
function addEvent(trade, { now, refund }) {
  const event = {
    notify_id: `${toDigits(now).slice(0, 8)}00222${digits(21)}`,
    trade_status: statusOf(trade, now),
    ...(refund && {
      out_biz_no: refund.out_request_no, gmt_refund: `${toLocal(refund.done_ms)}.000`, refund_fee: toYuan(refundedFen(trade)),
    }),
    ...(trade.status === 'TRADE_CLOSED' && { gmt_close: toLocal(trade.closed_ms) }),
  };
  trade.events.push(event);
  return event;
}

function contentOf(trade, { notify_id: notifyId, ...event }, { merchant, now }) {
  const { request } = trade;
  const own = trade.fen - (trade.coupon_fen ?? 0);
  return {
    gmt_create: toLocal(trade.created_ms),
    charset: 'utf-8',
    subject: request.subject,
    ...(request.body !== undefined && { body: request.body }),
    buyer_id: BUYER.buyer_user_id,
    notify_id: notifyId,
    notify_type: 'trade_status_sync',
    app_id: merchant.appId,
    auth_app_id: merchant.appId,
    seller_id: merchant.sellerId,
    sign_type: 'RSA2',
    version: '1.0',
    notify_time: toLocal(now),
    out_trade_no: trade.out_trade_no,
    trade_no: trade.trade_no,
    total_amount: toYuan(trade.fen),
    ...(request.passback_params !== undefined && { passback_params: request.passback_params }),
    ...(trade.paid_ms !== undefined && {
      gmt_payment: toLocal(trade.paid_ms),
      receipt_amount: toYuan(trade.fen),
      invoice_amount: toYuan(own),
      buyer_pay_amount: toYuan(own),
      point_amount: '0.00',
      fund_bill_list: JSON.stringify([{ amount: toYuan(own), fundChannel: 'ALIPAYACCOUNT' }]),
    }),
    ...event,
  };
}

function buildCopy(trade, event, { plain, without = WITHOUT, after }, { merchant, clock, sign }) {
  const params = contentOf(trade, event, { merchant, now: clock.ms() });
  plain?.(params);
  params.sign = sign(signedText(params, without));
  after?.(params);
  return {
    headers: { 'User-Agent': 'Mozilla/4.0', 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' },
    text: new URLSearchParams(params).toString(),
  };
}

// Resolves to the shop's response; accepted: it was what ends Alipay's repetitions.
async function notify(trade, event, options, context) {
  const address = context.notifyUrl ?? trade.notify_url;
  if (!options.notify || address === undefined) return NOT_NOTIFIED;
  const makeCopy = () => buildCopy(trade, event, TAMPERS[options.tamper] ?? {}, context);
  const about = `${event.notify_id} of ${trade.out_trade_no}`;
  const answer = await deliver({ address, makeCopy, about, fault: context.faults.take('notify') }, options, context);
  return { ...answer, accepted: answer.status === 200 && answer.body === 'success' };
}

function findTrade(id, state) {
  const trade = state.trades.get(id) ?? state.byTradeNo.get(id);
  if (!trade) throw new SandboxError(404, 'no trade with this number: has its address been opened?');
  return trade;
}

function findPayable(id, { coupon_fen: couponFen, force, tamper: forged }, state, now) {
  const trade = findTrade(id, state);
  if (couponFen >= trade.fen) throw new SandboxError(400, `coupon_fen must be less than ${trade.fen}`);
  if (trade.paid_ms === undefined && statusOf(trade, now) === 'TRADE_CLOSED' && !force && !forged) {
    throw new SandboxError(409, 'the trade is closed: "force": true plays a payment that was under way');
  }
  return trade;
}

const paidBy = ({ status = 'TRADE_SUCCESS', coupon_fen: couponFen = 0 }, now) => ({ status, coupon_fen: couponFen, paid_ms: now });

// Pays the trade with this out_trade_no or trade_no and delivers the notification; resolves to the shop's response. A
// tampered notification does not change the trade.
// context: { state, clock, sign, merchant, faults, notifyUrl, signal, log }
export async function pay(id, body, context) {
  const { state, clock } = context;
  const options = readOptions(body, PAY_OPTIONS);
  const now = clock.ms();
  const trade = findPayable(id, options, state, now);
  if (options.tamper) {
    const claimed = { ...trade, ...(trade.paid_ms === undefined && paidBy(options, now)), events: [] };
    return notify(claimed, addEvent(claimed, { now }), options, context);
  }
  if (trade.paid_ms === undefined) {
    Object.assign(trade, paidBy(options, now));
    trade.paid_event = addEvent(trade, { now });
    await state.saved();
  }
  return notify(trade, trade.paid_event, options, context);
}

// Delivers the trade's last notification again, or the first one of a trade that was closed.
export async function notifyAgain(id, body, context) {
  const { state, clock } = context;
  const options = readOptions(body, NOTIFY_OPTIONS);
  const now = clock.ms();
  const trade = findTrade(id, state);
  if (trade.events.length === 0) {
    if (statusOf(trade, now) !== 'TRADE_CLOSED') throw new SandboxError(409, 'Alipay does not notify of trades that wait for their payer');
    Object.assign(trade, { status: 'TRADE_CLOSED', closed_ms: trade.closed_ms ?? trade.expire_ms });
    addEvent(trade, { now });
    await state.saved();
  }
  return notify(trade, trade.events.at(-1), options, context);
}

async function refunded(trade, refund, options, context) {
  refund.event ??= addEvent(trade, { now: context.clock.ms(), refund });
  await context.state.saved();
  return notify(trade, refund.event, options, context);
}

// Completes the refund, unless it is, and delivers its notification.
export async function settleRefund(number, body, context) {
  const options = readOptions(body, NOTIFY_OPTIONS);
  const { trade, refund } = context.state.findRefund(number);
  if (!refund) throw new SandboxError(404, 'no refund with this out_request_no');
  refund.done_ms ??= context.clock.ms();
  return refunded(trade, refund, options, context);
}

// Refunds a paid trade in the merchant console, in full or in part (amount_fen), and delivers the notification: resolves to
// { out_request_no, answer }.
export async function refundInConsole(id, body, context) {
  const options = readOptions(body, CONSOLE_OPTIONS);
  const trade = findTrade(id, context.state);
  const refund = consoleRefund(trade, options, context.clock.ms());
  return { out_request_no: refund.out_request_no, answer: await refunded(trade, refund, options, context) };
}

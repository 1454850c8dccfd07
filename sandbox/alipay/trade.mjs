// SPDX-License-Identifier: MIT
// Alipay's trades: opening the cashier, query, close, refund.
import { fromLocal, toDigits, toLocal } from '../lib/clock.mjs';
import { SandboxError } from '../lib/errors.mjs';
import { digits } from '../lib/sign.mjs';
import { Refusal } from './errors.mjs';
import { timeoutMs, toFen, toYuan } from './rules.mjs';

const DAY_MS = 86_400_000;
const EXPIRE_DEFAULT_MS = 15 * DAY_MS;
const REFUNDABLE_MS = 365 * DAY_MS;
export const BUYER = { buyer_logon_id: 'san***@example.com', buyer_user_id: '2088102534368455' };

const sum = (refunds) => refunds.filter(({ done_ms: ms }) => ms !== null).reduce((fen, refund) => fen + refund.fen, 0);

// Until when unpaid trades are kept and paid ones refundable is a matter of time alone.
export function statusOf(trade, now) {
  if (trade.status === 'WAIT_BUYER_PAY' && now >= trade.expire_ms) return 'TRADE_CLOSED';
  if (trade.status !== 'TRADE_SUCCESS') return trade.status;
  if (sum(trade.refunds) === trade.fen) return 'TRADE_CLOSED';
  return now - trade.paid_ms > REFUNDABLE_MS ? 'TRADE_FINISHED' : 'TRADE_SUCCESS';
}

function expiryOf(content, now) {
  if (content.time_expire !== undefined) return fromLocal(content.time_expire);
  return now + (content.timeout_express === undefined ? EXPIRE_DEFAULT_MS : timeoutMs(content.timeout_express));
}

// The buyer opens the address of a payment: only now there is a trade. The same address, or another one for the same
// trade, can be opened again.
export function open({ content, params, state, now }) {
  const known = state.trades.get(content.out_trade_no);
  if (!known) {
    const expire = expiryOf(content, now);
    if (expire <= now) throw new Refusal('ACQ.INVALID_PARAMETER', 'time_expire lies in the past');
    const trade = {
      out_trade_no: content.out_trade_no,
      trade_no: `${toDigits(now).slice(0, 8)}22001${digits(15)}`,
      method: params.method,
      request: content,
      notify_url: params.notify_url,
      return_url: params.return_url,
      fen: toFen(content.total_amount),
      status: 'WAIT_BUYER_PAY',
      created_ms: now,
      expire_ms: expire,
      refunds: [],
      events: [],
    };
    state.put(trade);
    return trade;
  }
  const status = statusOf(known, now);
  if (known.paid_ms !== undefined) throw new Refusal('ACQ.TRADE_HAS_SUCCESS');
  if (status === 'TRADE_CLOSED') throw new Refusal('ACQ.TRADE_HAS_CLOSE');
  if (known.fen !== toFen(content.total_amount) || known.request.subject !== content.subject) {
    throw new Refusal('ACQ.CONTEXT_INCONSISTENT');
  }
  Object.assign(known, { notify_url: params.notify_url, return_url: params.return_url });
  return known;
}

function find(content, state) {
  const trade = state.find(content);
  if (!trade) throw new Refusal('ACQ.TRADE_NOT_EXIST');
  return trade;
}

const numbersOf = ({ out_trade_no: outTradeNo, trade_no: tradeNo }) => ({ out_trade_no: outTradeNo, trade_no: tradeNo });

export function query({ content, state, now }) {
  const trade = find(content, state);
  const paid = trade.paid_ms === undefined ? 0 : trade.fen;
  const own = paid - (trade.coupon_fen ?? 0);
  return {
    ...numbersOf(trade),
    ...BUYER,
    buyer_pay_amount: toYuan(own),
    invoice_amount: toYuan(own),
    point_amount: '0.00',
    receipt_amount: toYuan(paid),
    ...(paid > 0 && { send_pay_date: toLocal(trade.paid_ms) }),
    total_amount: toYuan(trade.fen),
    trade_status: statusOf(trade, now),
  };
}

export function close({ content, state, now }) {
  const trade = find(content, state);
  if (statusOf(trade, now) !== 'WAIT_BUYER_PAY') throw new Refusal('ACQ.TRADE_STATUS_ERROR');
  Object.assign(trade, { status: 'TRADE_CLOSED', closed_ms: now });
  return numbersOf(trade);
}

// A refund whose number is not given has the trade's.
function refundOf(trade, content) {
  const fen = toFen(content.refund_amount);
  const number = content.out_request_no ?? trade.out_trade_no;
  return { fen, number, known: trade.refunds.find(({ out_request_no: own }) => own === number) };
}

// What may be refunded is what has not been asked for yet, also by refunds in progress.
function checkRefund(trade, content, fen, now) {
  const refusals = { WAIT_BUYER_PAY: 'ACQ.TRADE_STATUS_ERROR', TRADE_CLOSED: 'ACQ.TRADE_HAS_CLOSE', TRADE_FINISHED: 'ACQ.TRADE_HAS_FINISHED' };
  const refused = refusals[statusOf(trade, now)];
  if (refused) throw new Refusal(refused);
  if (content.out_request_no === undefined && fen !== trade.fen) throw new Refusal('ACQ.REFUND_AMT_NOT_EQUAL_TOTAL');
  const rest = trade.refunds.reduce((left, refund) => left - refund.fen, trade.fen);
  if (fen > rest) throw new Refusal('ACQ.REASON_TRADE_REFUND_FEE_ERR');
}

function addRefund(trade, content, number, fen, now, done) {
  const refund = { out_request_no: number, out_trade_no: trade.out_trade_no, fen, created_ms: now, done_ms: done ? now : null, request: content };
  trade.refunds.push(refund);
  return refund;
}

// refund_fee is what the trade's refunds amount to so far.
export function refund({ content, state, now, fundChange }) {
  const trade = find(content, state);
  const { fen, number, known } = refundOf(trade, content);
  if (known && known.fen !== fen) throw new Refusal('ACQ.DISCORDANT_REPEAT_REQUEST');
  if (!known) checkRefund(trade, content, fen, now);
  const made = known ?? addRefund(trade, content, number, fen, now, fundChange === 'Y');
  return {
    ...numbersOf(trade),
    ...BUYER,
    fund_change: known ? 'N' : fundChange,
    ...(made.done_ms !== null && { gmt_refund_pay: toLocal(made.done_ms) }),
    refund_fee: toYuan(sum(trade.refunds)),
    send_back_fee: known || made.done_ms === null ? '0.00' : toYuan(fen),
  };
}

// Without refund_status unless refunded; nothing at all about a refund that was never asked for.
export function refundQuery({ content, state }) {
  const trade = find(content, state);
  const known = trade.refunds.find(({ out_request_no: own }) => own === content.out_request_no);
  if (!known) return {};
  return {
    ...numbersOf(trade),
    out_request_no: known.out_request_no,
    refund_amount: toYuan(known.fen),
    ...(known.done_ms !== null && { gmt_refund_pay: toLocal(known.done_ms), refund_status: 'REFUND_SUCCESS' }),
    total_amount: toYuan(trade.fen),
  };
}

// A refund made by staff in the merchant console; what the interface refuses, the console refuses.
export function consoleRefund(trade, { amount_fen: fen = trade.fen - sum(trade.refunds), out_request_no: number = `C${digits(20)}` }, now) {
  const content = { refund_amount: toYuan(fen), out_request_no: number };
  try {
    checkRefund(trade, content, fen, now);
  } catch (error) {
    throw new SandboxError(409, error.message);
  }
  if (refundOf(trade, content).known) throw new SandboxError(409, 'there is a refund with this out_request_no');
  return addRefund(trade, content, number, fen, now, true);
}

export const refundedFen = (trade) => sum(trade.refunds);

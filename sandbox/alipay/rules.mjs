// SPDX-License-Identifier: MIT
// What Alipay accepts as biz_content: tables of rules (lib/rules.mjs). Alipay ignores a member that it doesn't know; here
// it is refused, so that a misspelt one is noticed.
import { fromLocal } from '../lib/clock.mjs';
import { makeRules, parseJson, required } from '../lib/rules.mjs';
import { Refusal } from './errors.mjs';

const FEN_MAX = 10_000_000_000;
const TIMEOUT = /^([1-9]\d{0,4})([mhd])$/;
const UNITS_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function refuse(at, value, issue) {
  throw new Refusal('ACQ.INVALID_PARAMETER', `${at.field.slice(1) || 'biz_content'} ${issue}`);
}

const { address, integer, list, object, text } = makeRules(refuse);

export const toYuan = (fen) => `${Math.trunc(fen / 100)}.${String(fen % 100).padStart(2, '0')}`;

export function toFen(yuan) {
  const [, whole, cents = ''] = /^(0|[1-9]\d{0,8})(?:\.(\d{1,2}))?$/.exec(yuan) ?? [];
  return whole === undefined ? null : Number(whole) * 100 + Number(cents.padEnd(2, '0'));
}

const amount = (value, at) => {
  const fen = typeof value === 'string' ? toFen(value) : null;
  if (fen === null || fen < 1 || fen > FEN_MAX) refuse(at, value, 'must be a text such as 88.80, from 0.01 to 100000000.00');
};

const moment = (value, at) => {
  if (typeof value !== 'string' || fromLocal(value) === null) refuse(at, value, 'must be a moment such as 2026-01-31 23:59:59');
};

export function timeoutMs(value) {
  const [, count, unit] = TIMEOUT.exec(value);
  return Number(count) * UNITS_MS[unit];
}

const timeout = (value, at) => {
  if (typeof value !== 'string' || !TIMEOUT.test(value) || timeoutMs(value) > 15 * UNITS_MS.d) refuse(at, value, 'must be 1m to 15d');
};

export const NUMBER = /^[0-9A-Za-z_]+$/;
const number = text(64, NUMBER);
const tradeNo = text(64, /^\d{16,64}$/);

const pay = (productCode, more) => object({
  out_trade_no: required(number),
  total_amount: required(amount),
  subject: required(text(256, /^[^/=&]+$/)),
  product_code: required(text(64, new RegExp(`^${productCode}$`))),
  time_expire: moment,
  timeout_express: timeout,
  body: text(128),
  passback_params: text(512, /^[!-%'-~]+$/), // percent-encoded by the caller, and no second &
  goods_detail: list(100, object({
    goods_id: required(text(64)), goods_name: required(text(256)), quantity: required(integer(1, 1_000_000_000)), price: required(amount),
  })),
  ...more,
});

export const PAGE_PAY = pay('FAST_INSTANT_TRADE_PAY', { qr_pay_mode: text(1, /^[0-4]$/), qrcode_width: text(4, /^\d+$/) });
export const WAP_PAY = pay('QUICK_WAP_WAY', { quit_url: address(400, { query: true }) });

// At least one of the two numbers of a trade.
const ofTrade = (members) => {
  const rule = object({ out_trade_no: number, trade_no: tradeNo, ...members });
  return (value, at) => {
    rule(value, at);
    if (value.out_trade_no === undefined && value.trade_no === undefined) {
      refuse({ field: '/out_trade_no' }, '', 'or trade_no is required');
    }
  };
};

export const QUERY = ofTrade({ query_options: list(10, text(32)) });
export const CLOSE = ofTrade({ operator_id: text(28) });
export const REFUND = ofTrade({ refund_amount: required(amount), out_request_no: number, refund_reason: text(256) });
export const REFUND_QUERY = ofTrade({ out_request_no: required(number), query_options: list(10, text(32)) });

// Of Alipay's bills, the simulator makes those of trades, by the day.
export const BILL = object({ bill_type: required(text(20, /^trade$/)), bill_date: required(text(15)), smid: text(20) });

export function readContent(source, rule) {
  if (source === undefined) throw new Refusal('ACQ.INVALID_PARAMETER', 'biz_content is missing');
  const value = parseJson(Buffer.from(source), (field, issue) => refuse({ field }, '', issue));
  rule(value, { field: '' });
  return value;
}

// Public parameters that hold an address.
export function checkAddress(name, value) {
  address(256, { query: true })(value, { field: `/${name}` });
}

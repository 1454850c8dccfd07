// SPDX-License-Identifier: MIT
// What WeChat Pay accepts: bodies as tables of rules (lib/rules.mjs) that throw a Refusal; at = { field, location }.
import { isIP } from 'node:net';
import { startOf } from '../lib/bill.mjs';
import { fromRfc3339 } from '../lib/clock.mjs';
import { makeRules, parseJson, required } from '../lib/rules.mjs';
import { paramError } from './errors.mjs';

const TOTAL_FEN_MAX = 100_000_000_000;
const UNKNOWN_OR_NULL = 270924358; // error numbers specific to these two mistakes
const OPENID_MISSING = 268501013;

function refuse(at, value, issue, kind) {
  const numbers = { unknown: UNKNOWN_OR_NULL, missing: at.field.endsWith('/openid') ? OPENID_MISSING : undefined };
  throw paramError(at.field, value, issue, at.location, numbers[kind]);
}

const { address, boolean, integer, list, object, text } = makeRules(refuse);

// The object has one of the two members, and not both.
const either = (one, other, rule) => (value, at) => {
  rule(value, at);
  const given = [one, other].filter((name) => Object.hasOwn(value, name));
  if (given.length !== 1) refuse({ ...at, field: `${at.field}/${one}` }, '', `or ${other}: exactly one is required`);
};

const moment = (value, at) => {
  if (typeof value !== 'string' || fromRfc3339(value) === null) {
    refuse(at, value, 'must be a moment such as 2026-01-31T23:59:59+08:00');
  }
};

const ip = (value, at) => {
  text(45)(value, at);
  if (!isIP(value)) refuse(at, value, 'must be an address of the internet protocol');
};

// WeChat's pages differ in the further characters allowed: this is their intersection.
export const OUT_TRADE_NO = /^[0-9A-Za-z_*-]{6,32}$/;

const goods = object({
  merchant_goods_id: required(text(32)),
  wechatpay_goods_id: text(32),
  goods_name: text(256),
  quantity: required(integer(1, 1_000_000_000)),
  unit_price: required(integer(0, TOTAL_FEN_MAX)),
});

// What all ways of paying have in common.
const transaction = {
  appid: required(text(32)),
  mchid: required(text(32)),
  description: required(text(127)),
  out_trade_no: required(text(32, OUT_TRADE_NO)),
  time_expire: moment,
  attach: text(128),
  notify_url: required(address(255)),
  goods_tag: text(32),
  limit_pay: list(8, text(32)),
  support_fapiao: boolean,
  amount: required(object({ total: required(integer(1, TOTAL_FEN_MAX)), currency: text(16, /^CNY$/) })),
  detail: object({
    cost_price: integer(0, TOTAL_FEN_MAX),
    invoice_id: text(32),
    goods_detail: list(6000, goods),
  }),
  settle_info: object({ profit_sharing: boolean }),
};

const scene = {
  payer_client_ip: required(ip),
  device_id: text(32),
  store_info: object({ id: required(text(32)), name: text(256), area_code: text(32), address: text(512) }),
};

const h5 = object({
  type: required(text(32, /^(Wap|iOS|Android)$/)),
  app_name: text(64),
  app_url: text(128),
  bundle_id: text(128),
  package_name: text(128),
});

export const JSAPI = object({
  ...transaction,
  payer: required(object({ openid: required(text(128)) })),
  scene_info: object(scene),
});
export const NATIVE = object({ ...transaction, scene_info: object(scene) });
export const H5 = object({ ...transaction, scene_info: required(object({ ...scene, h5_info: required(h5) })) });

export const CLOSE = object({ mchid: required(text(32)) });

export const OUT_REFUND_NO = /^[0-9A-Za-z_\-|*@]+$/;

const returned = object({
  merchant_goods_id: required(text(32)),
  wechatpay_goods_id: text(32),
  goods_name: text(256),
  unit_price: required(integer(0, TOTAL_FEN_MAX)),
  refund_amount: required(integer(0, TOTAL_FEN_MAX)),
  refund_quantity: required(integer(1, 1_000_000_000)),
});

export const REFUND = either('transaction_id', 'out_trade_no', object({
  transaction_id: text(32),
  out_trade_no: text(32, OUT_TRADE_NO),
  out_refund_no: required(text(64, OUT_REFUND_NO)),
  reason: text(80),
  notify_url: address(256),
  funds_account: text(32, /^AVAILABLE$/),
  amount: required(object({
    refund: required(integer(1, TOTAL_FEN_MAX)),
    total: required(integer(1, TOTAL_FEN_MAX)),
    currency: required(text(16, /^CNY$/)),
  })),
  goods_detail: list(3000, returned),
}));

const day = (value, at) => {
  if (startOf(value) === null) refuse(at, value, 'must be a day such as 2026-01-31');
};

// Of WeChat's three types of trade bills, the simulator makes the whole one.
export const BILL = { bill_date: required(day), bill_type: text(32, /^ALL$/), tar_type: text(32, /^GZIP$/) };
export const BILL_FILE = { token: required(text(256)) };

export const ALGORITHM_TYPE = text(8, /^(RSA|SM2|ALL)$/);
export const MCHID = required(text(32));

// The body as an object, or a Refusal; rule is a table above.
export function readBody(raw, rule) {
  const value = parseJson(raw, (field, issue) => refuse({ field }, '', issue));
  rule(value, { field: '', location: 'body' });
  return value;
}

// SPDX-License-Identifier: MIT
// What WeChat Pay accepts: bodies as tables of rules, checked strictly.
// A rule is a function (value, at) that throws the Refusal; at = { field, location }.
import { fromRfc3339 } from '../lib/clock.mjs';
import { isLoopback } from '../lib/deliver.mjs';
import { paramError } from './errors.mjs';

const TOTAL_FEN_MAX = 100_000_000_000;
const DEPTH_MAX = 16;
const UNKNOWN_OR_NULL = 270924358; // error numbers specific to these two mistakes
const OPENID_MISSING = 268501013;

const refuse = (at, value, issue, cause) => {
  throw paramError(at.field, value, issue, at.location, cause);
};

export const required = (rule) => Object.assign((value, at) => rule(value, at), { required: true });

export const text = (max, pattern = null) => (value, at) => {
  if (typeof value !== 'string') refuse(at, value, 'must be a string');
  const length = [...value].length;
  if (length === 0 || length > max) refuse(at, value, `must have 1 to ${max} characters`);
  if (/\p{Cc}|\p{Surrogate}/u.test(value)) refuse(at, value, 'must not hold control characters');
  if (pattern && !pattern.test(value)) refuse(at, value, `must match ${pattern.source}`);
};

export const integer = (min, max) => (value, at) => {
  if (!Number.isSafeInteger(value)) refuse(at, value, 'must be an integer');
  if (value < min || value > max) refuse(at, value, `must be ${min} to ${max}`);
};

export const boolean = (value, at) => {
  if (typeof value !== 'boolean') refuse(at, value, 'must be true or false');
};

export const list = (max, rule) => (value, at) => {
  if (!Array.isArray(value) || value.length > max) refuse(at, value, `must be an array of at most ${max}`);
  value.forEach((item, i) => rule(item, { ...at, field: `${at.field}/${i}` }));
};

export const object = (members) => (value, at) => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(at, value, 'must be an object');
  for (const [name, inner] of Object.entries(value)) {
    const here = { ...at, field: `${at.field}/${name}` };
    if (!Object.hasOwn(members, name)) refuse(here, inner, 'is not known', UNKNOWN_OR_NULL);
    if (inner === null) refuse(here, inner, 'must not be null', UNKNOWN_OR_NULL);
    members[name](inner, here);
  }
  for (const [name, rule] of Object.entries(members)) {
    if (rule.required && !Object.hasOwn(value, name)) {
      const cause = name === 'openid' ? OPENID_MISSING : undefined;
      refuse({ ...at, field: `${at.field}/${name}` }, '', 'is required', cause);
    }
  }
};

// The object has one of the two members, and not both.
export const either = (one, other, rule) => (value, at) => {
  rule(value, at);
  const given = [one, other].filter((name) => Object.hasOwn(value, name));
  if (given.length !== 1) refuse({ ...at, field: `${at.field}/${one}` }, '', `or ${other}: exactly one is required`);
};

const moment = (value, at) => {
  if (typeof value !== 'string' || fromRfc3339(value) === null) {
    refuse(at, value, 'must be a moment such as 2026-01-31T23:59:59+08:00');
  }
};

const address = (max) => (value, at) => {
  text(max, /^[\x21-\x7e]+$/)(value, at);
  let url;
  try {
    url = new URL(value);
  } catch {
    refuse(at, value, 'must be an absolute address');
  }
  if (/[?#]/.test(value)) refuse(at, value, 'must have no query and no fragment');
  if (url.username || url.password) refuse(at, value, 'must have no user information');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    refuse(at, value, 'must be https'); // plain http is for a shop on this machine
  }
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

export const JSAPI = object({
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
  payer: required(object({ openid: required(text(128)) })),
  detail: object({
    cost_price: integer(0, TOTAL_FEN_MAX),
    invoice_id: text(32),
    goods_detail: list(6000, goods),
  }),
  scene_info: object({
    payer_client_ip: required(text(45)),
    device_id: text(32),
    store_info: object({ id: required(text(32)), name: text(256), area_code: text(32), address: text(512) }),
  }),
  settle_info: object({ profit_sharing: boolean }),
});

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

export const ALGORITHM_TYPE = text(8, /^(RSA|SM2|ALL)$/);
export const MCHID = required(text(32));

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

// What JSON.parse accepts and WeChat's typed decoder does not: a duplicate member, a number
// with a fraction or an exponent (1.0 is not a number of fen), unlimited nesting.
function inspect(source) {
  const open = []; // an object: { names, name, atName }; an array: {}
  const field = () => open.map((o) => (o.names ? `/${o.name}` : '')).join('');
  const fail = (issue) => {
    throw paramError(field(), '', issue);
  };
  for (const [token] of source.matchAll(TOKEN)) {
    const top = open.at(-1);
    if (token === '{' || token === '[') {
      open.push(token === '{' ? { names: new Set(), name: '', atName: true } : {});
      if (open.length > DEPTH_MAX) fail('is nested too deeply');
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token === ',' || token === ':') {
      top.atName = token === ',';
    } else if (top?.names && top.atName) {
      top.name = JSON.parse(token);
      if (top.names.has(top.name)) fail('is given twice');
      top.names.add(top.name);
    } else if (/^-?\d/.test(token) && !/^-?(0|[1-9]\d*)$/.test(token)) {
      fail('must be an integer');
    }
  }
}

// The body as an object, or a Refusal; rule is a table above.
export function readBody(raw, rule) {
  let source;
  let value;
  try {
    source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(raw);
    value = JSON.parse(source);
  } catch {
    throw paramError('', '', 'is not JSON in UTF-8');
  }
  inspect(source);
  rule(value, { field: '', location: 'body' });
  return value;
}

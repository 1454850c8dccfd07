// SPDX-License-Identifier: MIT
// WeChat's faults (lib/faults.mjs).
import { brokenAnswers, onMember } from '../lib/faults.mjs';
import { corrupt, otherEnd } from '../lib/sign.mjs';
import { probe } from './sign.mjs';

const PREPAY = ['jsapi', 'native', 'h5'];
const PAY = [...PREPAY, 'query', 'close', 'refund', 'refund_query', 'certificates', 'bill'];
const ALL = ['jscode2session', ...PAY, 'bill_file'];
const OLD_S = 301;
const AWAY_S = 90;

const json = (status, code, message) => () => (
  { status, type: 'application/json', text: JSON.stringify({ code, message }), signed: true });

const setHeader = (name, change) => (reply) => (
  { ...reply, bend: (headers) => ({ ...headers, [name]: change(headers[name]) }) });

const backwards = (id) => id.split('').reverse().join('');
const otherKeyId = (id) => (id.startsWith('PUB_KEY_ID_') ? `PUB_KEY_ID_${backwards(id.replace(/\D/g, ''))}7` : backwards(id));

// The bill is another one than it should be, or damaged: bill.mjs.
const damages = Object.fromEntries(
  ['hash', 'totals', 'elsewhere', 'encoding', 'truncated', 'damaged', 'bomb', 'trailing'].map((what) => [`bill_${what}`, { on: ['bill'], damage: `bill_${what}` }]));

const lie = (member) => onMember((body) => { body[member] = otherEnd(body[member]); });

// A refund has its own amount in addition to its order's.
const addFen = (body) => { body.amount[body.out_refund_no ? 'refund' : 'total'] += 1; };

export const FAULTS = {
  status_500: { on: ALL, instead: json(500, 'SYSTEM_ERROR', '系统异常，请稍后重试') },
  status_429: { on: ALL, instead: json(429, 'FREQUENCY_LIMITED', '频率超限，请降低请求频率') },
  status_202: { on: ALL, instead: json(202, 'ACCEPTED', '已受理，请稍后以原参数重试') },
  ...brokenAnswers(ALL),
  busy: { on: ['jscode2session'], errcode: -1 },
  bad_signature: { on: PAY, after: setHeader('Wechatpay-Signature', corrupt) },
  signtest: { on: PAY, after: setHeader('Wechatpay-Signature', probe) },
  no_signature: { on: PAY, after: (reply) => ({ ...reply, signed: false }) },
  wrong_date: { on: PAY, after: (reply) => ({ ...reply, dateS: AWAY_S }) },
  old_timestamp: { on: PAY, after: (reply) => ({ ...reply, ageS: OLD_S }) },
  unknown_serial: { on: PAY, after: setHeader('Wechatpay-Serial', otherKeyId) },
  duplicate_header: { on: PAY, after: setHeader('Wechatpay-Signature', (value) => [value, value]) },
  refunded: { on: ['query'], after: onMember((body) => { Object.assign(body, { trade_state: 'REFUND', trade_state_desc: '转入退款' }); }) },
  paying: { on: ['query'], after: onMember((body) => { Object.assign(body, { trade_state: 'USERPAYING', trade_state_desc: '用户支付中' }); }) },
  order_paid: { on: [...PREPAY, 'close'], instead: json(400, 'ORDERPAID', '该订单已支付') },
  not_enough: { on: ['refund'], instead: json(403, 'NOT_ENOUGH', '基本账户余额不足，请充值后重新发起') },
  bill_making: { on: ['bill'], instead: json(400, 'STATEMENT_CREATING', '账单生成中，请在次日上午10点后再下载') },
  bill_none: { on: ['bill'], instead: json(400, 'NO_STATEMENT_EXIST', '账单文件不存在') },
  ...damages,
  wrong_amount: { on: ['query', 'refund_query'], after: onMember(addFen) },
  wrong_mchid: { on: ['query'], after: lie('mchid') },
  wrong_out_trade_no: { on: ['query', 'refund_query'], after: lie('out_trade_no') },
  wrong_out_refund_no: { on: ['refund', 'refund_query'], after: lie('out_refund_no') },
};

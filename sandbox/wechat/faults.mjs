// SPDX-License-Identifier: MIT
// The fault switches: responses of a slow, broken or forged provider, on demand.
import { SandboxError } from './errors.mjs';
import { otherEnd, probe, corrupt } from './sign.mjs';

const PAY = ['jsapi', 'query', 'close', 'refund', 'refund_query', 'certificates'];
const ALL = ['jscode2session', ...PAY];
const QUEUE_MAX = 100;
const TIMES_MAX = 100_000;
const DELAY_MS_MAX = 120_000;
const HUGE_BYTES = 70_000;
const OLD_S = 301;

const json = (status, code, message) => () => (
  { status, type: 'application/json', text: JSON.stringify({ code, message }), signed: true });

const gatewayError = () => (
  { status: 502, type: 'text/html', text: '<html><h1>502 Bad Gateway</h1></html>', signed: false });

// A fault of the body needs a body: a 204 becomes a 200.
const onText = (change) => (reply) => ({
  ...reply,
  status: reply.status === 204 ? 200 : reply.status,
  text: change(reply.text || '{"result":"ok"}'),
});

const onMember = (change) => (reply) => {
  if (reply.status !== 200) return reply;
  const body = JSON.parse(reply.text);
  change(body);
  return { ...reply, text: JSON.stringify(body) };
};

const setHeader = (name, change) => (reply) => (
  { ...reply, bend: (headers) => ({ ...headers, [name]: change(headers[name]) }) });

const html = (reply) => ({ ...onText(() => '<html><body>系统维护中</body></html>')(reply), type: 'text/html' });
const padded = onText((text) => JSON.stringify({ ...JSON.parse(text), padding: 'x'.repeat(HUGE_BYTES) }));

const backwards = (id) => id.split('').reverse().join('');
const otherKeyId = (id) => (id.startsWith('PUB_KEY_ID_') ? `PUB_KEY_ID_${backwards(id.replace(/\D/g, ''))}7` : backwards(id));

const lie = (member) => onMember((body) => { body[member] = otherEnd(body[member]); });

// A refund has its own amount in addition to its order's.
const addFen = (body) => { body.amount[body.out_refund_no ? 'refund' : 'total'] += 1; };

// instead: a response without doing the work. after: a change of the correct response, with the work done.
export const FAULTS = {
  status_500: { on: ALL, instead: json(500, 'SYSTEM_ERROR', '系统异常，请稍后重试') },
  status_429: { on: ALL, instead: json(429, 'FREQUENCY_LIMITED', '频率超限，请降低请求频率') },
  status_202: { on: ALL, instead: json(202, 'ACCEPTED', '已受理，请稍后以原参数重试') },
  status_502: { on: ALL, instead: gatewayError },
  hang: { on: ALL, instead: () => ({ hang: true }) },
  busy: { on: ['jscode2session'], errcode: -1 },
  late: { on: ALL, after: (reply) => reply },
  drop_after: { on: ALL, after: (reply) => ({ ...reply, drop: true }) },
  truncated: { on: ALL, after: (reply) => ({ ...onText((text) => text)(reply), cut: true }) },
  not_json: { on: ALL, after: html },
  huge: { on: ALL, after: padded },
  bad_signature: { on: PAY, after: setHeader('Wechatpay-Signature', corrupt) },
  signtest: { on: PAY, after: setHeader('Wechatpay-Signature', probe) },
  no_signature: { on: PAY, after: (reply) => ({ ...reply, signed: false }) },
  old_timestamp: { on: PAY, after: (reply) => ({ ...reply, ageS: OLD_S }) },
  unknown_serial: { on: PAY, after: setHeader('Wechatpay-Serial', otherKeyId) },
  duplicate_header: { on: PAY, after: setHeader('Wechatpay-Signature', (value) => [value, value]) },
  refunded: { on: ['query'], after: onMember((body) => { Object.assign(body, { trade_state: 'REFUND', trade_state_desc: '转入退款' }); }) },
  order_paid: { on: ['jsapi', 'close'], instead: json(400, 'ORDERPAID', '该订单已支付') },
  not_enough: { on: ['refund'], instead: json(403, 'NOT_ENOUGH', '基本账户余额不足，请充值后重新发起') },
  wrong_amount: { on: ['query', 'refund_query'], after: onMember(addFen) },
  wrong_mchid: { on: ['query'], after: lie('mchid') },
  wrong_out_trade_no: { on: ['query', 'refund_query'], after: lie('out_trade_no') },
  wrong_out_refund_no: { on: ['refund', 'refund_query'], after: lie('out_refund_no') },
};

function whole(value, name, min, max, fallback) {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw new SandboxError(400, `${name} must be an integer from ${min} to ${max}`);
  }
  return value;
}

// Faults are queued in the order in which they were switched on; each call of their interface uses one.
export class FaultSwitches {
  #queue = [];
  #patience = new AbortController(); // aborts the waits of calls delayed by a fault

  add({ on, fault, times, delay_ms: delayMs, ...rest }) {
    const extra = Object.keys(rest);
    if (extra.length > 0) throw new SandboxError(400, `unknown member ${extra[0]}: on, fault, times, delay_ms`);
    if (!ALL.includes(on)) throw new SandboxError(400, `unknown on: one of ${ALL.join(' ')}`);
    if (typeof fault !== 'string' || !Object.hasOwn(FAULTS, fault)) {
      throw new SandboxError(400, `unknown fault: one of ${Object.keys(FAULTS).join(' ')}`);
    }
    if (!FAULTS[fault].on.includes(on)) {
      throw new SandboxError(400, `${fault} is possible on ${FAULTS[fault].on.join(' ')} only`);
    }
    const entry = {
      on,
      fault,
      times: whole(times, 'times', 1, TIMES_MAX, 1),
      delay_ms: whole(delayMs, 'delay_ms', fault === 'late' ? 1 : 0, DELAY_MS_MAX, 0),
    };
    if (fault === 'late' && entry.delay_ms === 0) throw new SandboxError(400, 'late needs delay_ms');
    if (this.#queue.length === QUEUE_MAX) throw new SandboxError(400, `at most ${QUEUE_MAX} faults at a time`);
    this.#queue.push(entry);
  }

  list() {
    return this.#queue.map((entry) => ({ ...entry }));
  }

  // Ends the delays of waiting calls at once, so that a test need not guess how long they must be.
  clear() {
    this.#queue = [];
    this.#patience.abort();
    this.#patience = new AbortController();
  }

  // Takes the next fault for this call of an interface; an empty one if none is switched on.
  take(on) {
    const entry = this.#queue.find((candidate) => candidate.on === on);
    if (!entry) return { delayMs: 0 };
    entry.times -= 1;
    if (entry.times === 0) this.#queue.splice(this.#queue.indexOf(entry), 1);
    return { ...FAULTS[entry.fault], delayMs: entry.delay_ms, cleared: this.#patience.signal };
  }
}

// The payer's side: pays an order and tells the shop, as WeChat does or as a forger would.
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from './wechat-errors.mjs';
import { toRfc3339 } from './wechat-clock.mjs';
import { markPaid, newTransactionId, prepayExpired, tradeState, transactionOf } from './wechat-pay.mjs';
import { isLoopback, OUT_TRADE_NO } from './wechat-rules.mjs';
import { otherEnd, seal, spoil } from './wechat-sign.mjs';

const ANSWER_MS = 10_000; // WeChat itself gives up after 5 s; the test wants to see how late it was
const ANSWER_BYTES_MAX = 65_536;
const OLD_S = 301;
const FRAMING = ['host', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade'];

const TAMPERS = {
  amount: { plain: (t) => { t.amount.total += 1; t.amount.payer_total += 1; } },
  mchid: { plain: (t) => { t.mchid = otherEnd(t.mchid); } },
  appid: { plain: (t) => { t.appid = otherEnd(t.appid); } },
  state: { plain: (t) => { t.trade_state = 'NOTPAY'; t.trade_state_desc = '订单未支付'; } },
  ciphertext: { damaged: true },
  timestamp: { ageS: OLD_S },
  signature: { spoiled: true },
};

const whole = (min, max) => (value) => Number.isSafeInteger(value) && value >= min && value <= max;
const isTamper = (value) => typeof value === 'string' && Object.hasOwn(TAMPERS, value);
const flag = (value) => typeof value === 'boolean';
const line = (max) => (value) => typeof value === 'string' && value.length <= max && /^[\x20-\x7e]+$/.test(value);

function headerMap(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([name, content]) => {
    if (!/^[A-Za-z0-9-]{1,64}$/.test(name) || FRAMING.includes(name.toLowerCase())) return false;
    if (content === null) return true;
    const lines = Array.isArray(content) ? content : [content];
    return lines.length <= 4 && lines.every((l) => typeof l === 'string' && /^[\x20-\x7e]{0,4096}$/.test(l));
  });
}

const OPTIONS = {
  times: [whole(1, 200), 'an integer from 1 to 200'],
  delay_ms: [whole(0, 60_000), 'an integer from 0 to 60000'],
  tamper: [isTamper, `one of ${Object.keys(TAMPERS).join(' ')}`],
  notify: [flag, 'true or false'],
  force: [flag, 'true or false'],
  reorder: [flag, 'true or false'],
  coupon_fen: [whole(0, Number.MAX_SAFE_INTEGER), 'an integer from 0'],
  age_s: [whole(-100_000_000, 100_000_000), 'an integer'],
  event_id: [line(256), 'a line of ASCII'],
  serial: [line(256), 'a line of ASCII'],
  headers: [headerMap, 'an object of header lines: text, a list of texts, or null'],
};

export function readOptions(body) {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new SandboxError(400, `unknown option ${name}: one of ${Object.keys(OPTIONS).join(' ')}`);
    }
    const [valid, meaning] = OPTIONS[name];
    if (!valid(value)) throw new SandboxError(400, `${name} must be ${meaning}`);
  }
  if (body.tamper && body.notify === false) {
    throw new SandboxError(400, 'a tampered payment is a notification only: notify must be true');
  }
  return { times: 1, delay_ms: 0, notify: true, force: false, reorder: false, headers: {}, ...body };
}

function findPayable(id, options, state, now) {
  const order = state.byPrepay.get(id) ?? (OUT_TRADE_NO.test(id) ? state.orders.get(id) : undefined);
  if (!order) throw new SandboxError(404, 'no order with this prepay_id or out_trade_no');
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
    throw new SandboxError(409, 'the prepay_id is older than two hours');
  }
  return order;
}

// What the forger says was paid: an order that is paid in his story only.
function pretended(order, { now, couponFen = 0 }) {
  if (order.state === 'SUCCESS') return order;
  const story = { transaction_id: newTransactionId(now), success_ms: now, coupon_fen: couponFen };
  return { ...order, ...story, state: 'SUCCESS' };
}

function backwards(value) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([name, inner]) => [name, backwards(inner)]));
}

function buildBody(order, event, tamper, { apiV3Key, now }) {
  const plain = transactionOf(order, now);
  tamper.plain?.(plain);
  return {
    id: event.id,
    create_time: event.create_time,
    resource_type: 'encrypt-resource',
    event_type: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    resource: seal(JSON.stringify(plain), 'transaction', apiV3Key, tamper.damaged),
  };
}

// One copy: a timestamp and a signature of its own over the body all copies share.
function buildCopy(body, options, tamper, { sign, clock }) {
  const signedText = JSON.stringify(body);
  const headers = {
    'User-Agent': 'Mozilla/4.0',
    Accept: '*/*',
    'Content-Type': 'application/json',
    ...sign(signedText, clock.seconds() - (options.age_s ?? tamper.ageS ?? 0)),
  };
  if (tamper.spoiled) headers['Wechatpay-Signature'] = spoil(headers['Wechatpay-Signature']);
  if (options.serial !== undefined) headers['Wechatpay-Serial'] = options.serial;
  for (const [name, value] of Object.entries(options.headers)) {
    for (const own of Object.keys(headers)) if (own.toLowerCase() === name.toLowerCase()) delete headers[own];
    if (value !== null) headers[name] = value;
  }
  return { headers, text: options.reorder ? JSON.stringify(backwards(body)) : signedText };
}

// Resolves to { status, body, ms }, or status 0 and the error: how a shop fails is a result too.
function post(address, { headers, text }, signal) {
  const url = new URL(address);
  if (!isLoopback(url.hostname)) {
    return { status: 0, body: '', ms: 0, error: `${url.hostname} is not this machine: the sandbox calls nobody else` };
  }
  const started = performance.now();
  return new Promise((resolve) => {
    let late = null;
    const finish = (result) => {
      clearTimeout(late);
      resolve({ ...result, ms: Math.round(performance.now() - started) });
    };
    const fail = (error) => finish({ status: 0, body: '', error: error.message });
    const options = {
      method: 'POST',
      agent: false, // WeChat's calls come on connections of their own
      headers: { ...headers, 'Content-Length': Buffer.byteLength(text) },
      signal,
    };
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      const chunks = [];
      let size = 0;
      response.on('data', (chunk) => {
        size += chunk.length;
        if (size <= ANSWER_BYTES_MAX) chunks.push(chunk);
        else request.destroy(new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`));
      });
      response.on('error', fail);
      response.on('end', () => {
        finish({ status: response.statusCode, body: Buffer.concat(chunks).toString() });
      });
    });
    late = setTimeout(() => request.destroy(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    request.on('error', fail);
    request.end(text);
  });
}

async function deliver(order, event, options, context) {
  const tamper = TAMPERS[options.tamper] ?? {};
  const body = buildBody(order, event, tamper, context);
  const address = context.notifyUrl ?? order.request.notify_url;
  await sleep(options.delay_ms, undefined, { signal: context.signal });

  let last;
  const answers = await Promise.all(Array.from({ length: options.times }, async () => {
    const answer = await post(address, buildCopy(body, options, tamper, context), context.signal);
    last = answer;
    return answer;
  }));
  const what = options.tamper ? `${options.tamper} tampered` : 'genuine';
  const outcome = answers.map((answer) => answer.error ?? answer.status).join(' ');
  context.log(`notification ${event.id} of ${order.out_trade_no} (${what}): ${outcome}`);
  return options.times > 1 ? { ...last, answers } : last;
}

// Pays the order with this prepay_id or out_trade_no and delivers the notification; resolves to
// the shop's answer. A tampered notification leaves the order as it is.
// context: { state, clock, sign, apiV3Key, notifyUrl, signal, log }
export async function pay(id, options, context) {
  const { state, clock } = context;
  const now = clock.ms();
  const order = findPayable(id, options, state, now);
  const eventId = options.event_id ?? randomUUID();

  if (options.tamper) {
    const event = { id: eventId, create_time: toRfc3339(now) };
    const story = pretended(order, { now, couponFen: options.coupon_fen });
    return deliver(story, event, options, { ...context, now });
  }
  if (order.state !== 'SUCCESS') {
    markPaid(order, { now, couponFen: options.coupon_fen, eventId });
    state.byTransaction.set(order.transaction_id, order);
    await state.saved();
  }
  if (!options.notify) return { status: null, body: null };
  const event = { ...order.event, id: options.event_id ?? order.event.id };
  return deliver(order, event, options, { ...context, now });
}

// SPDX-License-Identifier: MIT
// A WeChat simulator on a free port, a receiver for its notifications, and the two SDKs and two
// crypto libraries that check both. For the simulator's own tests, without a shop.
import assert from 'node:assert/strict';
import { createSign, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requestMessage } from '../../../sandbox/wechat/sign.mjs';
import { makeKeys, startWechat } from '../../../sandbox/wechat/server.mjs';
import { command, openReceiver, send } from './simulators.mjs';

export { send };

const require = createRequire(new URL('../../../sandbox/package.json', import.meta.url));
export const forge = require('node-forge');
export const { Aes, Decorator, Formatter, Rsa } = require('wechatpay-axios-plugin');
export const NodeV3 = require('wechatpay-node-v3').default ?? require('wechatpay-node-v3');

export const JSAPI = '/v3/pay/transactions/jsapi';
export const byNumber = (no) => `/v3/pay/transactions/out-trade-no/${no}`;
export const REFUNDS = '/v3/refund/domestic/refunds';
export const byRefund = (no) => `${REFUNDS}/${encodeURIComponent(no)}`;

export const dir = mkdtempSync(join(tmpdir(), 'sandbox-test-'));
export const keys = makeKeys(join(dir, 'keys'));
export const merchantPrivateKey = readFileSync(keys.merchantPrivateKeyFile, 'utf8');
export const platformPublicKey = readFileSync(keys.platformPublicKeyFile, 'utf8');

const clockFile = join(dir, 'clock');
export const setClock = (offset) => writeFileSync(clockFile, String(offset));
export const china = (ms) => `${new Date(ms + 8 * 3600_000).toISOString().slice(0, 19)}+08:00`;

export const log = [];

// stop() closes whatever was started, so that a failing test ends too.
const started = [];
export async function start(more) {
  const one = await startWechat({ ...keys, clockFile, log: (line) => log.push(line), ...more });
  started.push(one);
  return one;
}
export const wechat = await start();

export const shop = await openReceiver('/api/payment/wxpay/notify');

export const makeSdk = (certs, baseURL) => new Decorator({
  mchid: keys.mchid, serial: keys.merchantSerial, privateKey: merchantPrivateKey, certs, baseURL,
});
export const sdk = makeSdk({ [keys.platformKeyId]: platformPublicKey }, wechat.url);

export async function stop() {
  await Promise.all(started.map((one) => one.close()));
  shop.close();
  rmSync(dir, { recursive: true });
}

export function order(more = {}) {
  return {
    appid: keys.appid,
    mchid: keys.mchid,
    description: '桂花乌龙茶 250 克',
    out_trade_no: `T${randomBytes(8).toString('hex')}`,
    notify_url: shop.url,
    amount: { total: 8800, currency: 'CNY' },
    payer: { openid: 'sandbox-bob' },
    ...more,
  };
}

// A signed request with any part of it replaced; auth: items of Authorization (undefined leaves one
// out), authorization: a change of the whole line, headers: null leaves one out.
export async function call(method, path, options = {}) {
  const { text = '', auth = {}, authorization = (v) => v, headers = {}, base = wechat.url, signal } = options;
  const items = {
    mchid: keys.mchid,
    nonce_str: randomBytes(16).toString('hex'),
    timestamp: String(Math.floor(Date.now() / 1000)),
    serial_no: keys.merchantSerial,
    ...auth,
  };
  const message = requestMessage(method, path, items.timestamp, items.nonce_str, Buffer.from(text));
  items.signature ??= createSign('sha256').update(message).sign(merchantPrivateKey, 'base64');
  const list = Object.entries(items).filter(([, v]) => v !== undefined).map(([k, v]) => `${k}="${v}"`);
  const all = {
    Accept: 'application/json',
    'User-Agent': 'minimall-test',
    Authorization: authorization(`WECHATPAY2-SHA256-RSA2048 ${list.join(',')}`),
    ...(text && { 'Content-Type': 'application/json' }),
    ...headers,
  };
  const kept = Object.fromEntries(Object.entries(all).filter(([, v]) => v !== null));
  return send(method, base + path, { text, headers: kept, signal });
}

export const sandbox = (method, path, body, base = wechat.url) => command(base, method, path, body);

export const post = (path, body, more) => call('POST', path, { text: JSON.stringify(body), ...more });
export const pay = (id, options) => sandbox('POST', `/pay/${id}`, options);
export const query = (no, more) => call('GET', `${byNumber(no)}?mchid=${keys.mchid}`, more);
export const stateOf = async (no) => (await sandbox('GET', `/sandbox/orders/${no}`)).body.trade_state;

export const switchOn = async (on, fault, more) => {
  const { status, body } = await sandbox('POST', '/sandbox/faults', { on, fault, ...more });
  assert.equal(status, 200, JSON.stringify(body));
};

export async function login(code, more = {}, method = 'GET') {
  const params = { appid: keys.appid, secret: keys.secret, js_code: code, grant_type: 'authorization_code', ...more };
  const given = Object.entries(params).filter(([, v]) => v !== undefined);
  const reply = await send(method, `${wechat.url}/sns/jscode2session?${new URLSearchParams(given)}`);
  assert.equal(reply.status, 200, 'WeChat answers 200 to everything');
  assert.match(reply.headers['content-type'], /^text\/plain/);
  return JSON.parse(reply.text);
}

export function forgeVerifies(message, signature, pem) {
  const digest = forge.md.sha256.create().update(message, 'utf8').digest().bytes();
  try {
    return forge.pki.publicKeyFromPem(pem).verify(digest, forge.util.decode64(signature));
  } catch {
    return false; // node-forge throws when the inner padding is wrong
  }
}

const PUBLIC_KEY = { serial: keys.platformKeyId, pem: platformPublicKey };

// The platform's signature, checked by the SDK and by node-forge.
export function hasValidSignature({ headers: h }, text, { serial, pem } = PUBLIC_KEY) {
  const message = Formatter.response(h['wechatpay-timestamp'], h['wechatpay-nonce'], text);
  const verdicts = [Rsa.verify(message, h['wechatpay-signature'], pem), forgeVerifies(message, h['wechatpay-signature'], pem)];
  assert.equal(verdicts[0], verdicts[1], 'the SDK and node-forge agree');
  return verdicts[0] && h['wechatpay-serial'] === serial
    && h['wechatpay-signature-type'] === 'WECHATPAY2-SHA256-RSA2048'
    && Math.abs(Date.now() / 1000 - Number(h['wechatpay-timestamp'])) < 10;
}

export function refused(reply, status, code) {
  assert.equal(reply.status, status, reply.text);
  const body = JSON.parse(reply.text);
  assert.equal(body.code, code, reply.text);
  assert.ok(body.message);
  assert.match(reply.headers['request-id'], /^[0-9A-F]+-\d{9}$/);
  assert.ok(hasValidSignature(reply, reply.text), 'errors are signed too');
  return body;
}

export function decrypt({ resource: r }) {
  const plain = Aes.AesGcm.decrypt(r.ciphertext, keys.apiV3Key, r.nonce, r.associated_data);
  const bytes = forge.util.decode64(r.ciphertext);
  const decipher = forge.cipher.createDecipher('AES-GCM', keys.apiV3Key);
  decipher.start({ iv: r.nonce, additionalData: r.associated_data, tag: forge.util.createBuffer(bytes.slice(-16)) });
  decipher.update(forge.util.createBuffer(bytes.slice(0, -16)));
  assert.ok(decipher.finish(), 'node-forge accepts the tag');
  assert.equal(forge.util.decodeUtf8(decipher.output.data), plain);
  return JSON.parse(plain);
}

// A shop's checks, by the SDK and by node-forge: the error, or the plain text.
export function verifyNotification({ headers, body }, key = PUBLIC_KEY) {
  if (headers['wechatpay-serial'] !== key.serial) return 'serial';
  if (!hasValidSignature({ headers }, body, key)) {
    const message = Formatter.response(headers['wechatpay-timestamp'], headers['wechatpay-nonce'], body);
    return Rsa.verify(message, headers['wechatpay-signature'], key.pem) ? 'timestamp' : 'signature';
  }
  try {
    return decrypt(JSON.parse(body));
  } catch {
    return 'seal';
  }
}

export async function prepay(more) {
  const body = order(more);
  const reply = await post(JSAPI, body);
  assert.equal(reply.status, 200, reply.text);
  return { ...body, prepay_id: JSON.parse(reply.text).prepay_id };
}

export async function paid(more, how) {
  const made = await prepay(more);
  assert.equal((await pay(made.prepay_id, { notify: false, ...how })).status, 200);
  return made;
}

// The refund request for the whole amount of an order, with any part replaced.
export function refundOrder(made, more = {}) {
  const { total } = made.amount;
  return {
    out_trade_no: made.out_trade_no,
    out_refund_no: `R${randomBytes(8).toString('hex')}`,
    reason: '顾客退货',
    notify_url: shop.url,
    ...more,
    amount: { refund: total, total, currency: 'CNY', ...more.amount },
  };
}

// A refund in progress: the request and the response.
export async function refunded(made, more) {
  const body = refundOrder(made ?? await paid(), more);
  const reply = await post(REFUNDS, body);
  assert.equal(reply.status, 200, reply.text);
  return { body, reply: JSON.parse(reply.text) };
}

export const refund = (no, options) => sandbox('POST', `/refund/${encodeURIComponent(no)}`, options);
export const queryRefund = (no, more) => call('GET', byRefund(no), more);

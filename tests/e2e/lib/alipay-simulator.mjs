// SPDX-License-Identifier: MIT
// An Alipay simulator on a free port, a receiver for its notifications, and alipay-sdk as the shop, which checks every
// signature. For the simulator's own tests, without a shop.
import assert from 'node:assert/strict';
import { createSign, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeKeys, startAlipay } from '../../../sandbox/alipay/server.mjs';
import { certificateSn, makeVerifier, rootSn } from '../../../sandbox/alipay/sign.mjs';
import { command, openReceiver, send } from './simulators.mjs';

process.env.TZ = 'Asia/Shanghai'; // the SDK takes the host's zone for Alipay's

const require = createRequire(new URL('../../../sandbox/package.json', import.meta.url));
const { AlipaySdk } = require('alipay-sdk');

export const PAGE = 'alipay.trade.page.pay';
export const WAP = 'alipay.trade.wap.pay';
export const QUERY = 'alipay.trade.query';
export const CLOSE = 'alipay.trade.close';
export const REFUND = 'alipay.trade.refund';
export const REFUND_QUERY = 'alipay.trade.fastpay.refund.query';
export const BILL = 'alipay.data.dataservice.bill.downloadurl.query';

export const dir = mkdtempSync(join(tmpdir(), 'alipay-test-'));
const clockFile = join(dir, 'clock');
export const setClock = (offset) => writeFileSync(clockFile, String(offset));
export const keys = makeKeys(join(dir, 'keys'));
export const appPrivateKey = readFileSync(keys.appPrivateKeyFile, 'utf8');

// By two implementations, the text as it is; the SDK's own checks of notifications try more than one.
export const verifyAlipay = makeVerifier(readFileSync(keys.alipayPublicKeyFile, 'utf8'));

export const log = [];
const started = [];
export async function start(more) {
  const one = await startAlipay({ ...keys, clockFile, log: (line) => log.push(line), ...more });
  started.push(one);
  return one;
}
export const alipay = await start();
export const shop = await openReceiver('/api/payment/alipay/notify');
shop.answer = (response) => response.writeHead(200, { 'Content-Type': 'text/plain' }).end('success');

export async function stop() {
  await Promise.all(started.map((one) => one.close()));
  shop.close();
  rmSync(dir, { recursive: true });
}

export function makeSdk(base = alipay.url, more = {}) {
  return new AlipaySdk({
    appId: keys.appId, privateKey: appPrivateKey, keyType: 'PKCS8', gateway: `${base}/gateway.do`, camelcase: false,
    ...(more.appCertPath ? {} : { alipayPublicKey: readFileSync(keys.alipayPublicKeyFile, 'utf8') }), ...more,
  });
}
export const sdk = makeSdk();

export const certified = (base) => makeSdk(base, {
  appCertPath: keys.appCertificateFile, alipayPublicCertPath: keys.alipayCertificateFile, alipayRootCertPath: keys.alipayRootCertificateFile,
});

export const serials = {
  app_cert_sn: certificateSn(readFileSync(keys.appCertificateFile, 'utf8')),
  alipay_root_cert_sn: rootSn(readFileSync(keys.alipayRootCertificateFile, 'utf8')),
};

export const exec = (method, content, client = sdk) => client.exec(method, { biz_content: content }, { validateSign: true });

export function content(more = {}) {
  return {
    out_trade_no: `T${randomBytes(8).toString('hex')}`,
    total_amount: '88.80',
    subject: '桂花乌龙茶 250 克',
    product_code: 'FAST_INSTANT_TRADE_PAY',
    ...more,
  };
}

export function payUrl(bizContent, { method = PAGE, client = sdk, ...more } = {}) {
  return client.pageExecute(method, 'GET', { bizContent, notify_url: shop.url, return_url: 'http://127.0.0.1:9/back?from=1', ...more });
}

// Opens the cashier, by which the trade comes to exist.
export async function opened(more, options) {
  const made = content(more);
  const reply = await send('GET', payUrl(made, options));
  assert.equal(reply.status, 200, reply.text);
  return made;
}

export const sandbox = (method, path, body, base = alipay.url) => command(base, method, path, body);
export const pay = (number, options, base) => sandbox('POST', `/pay/${number}`, options, base);
export async function paid(more, options) {
  const made = await opened(more);
  assert.equal((await pay(made.out_trade_no, { notify: false, ...options })).status, 200);
  return made;
}

export const switchOn = async (on, fault, more) => {
  const { status, body } = await sandbox('POST', '/sandbox/faults', { on, fault, ...more });
  assert.equal(status, 200, JSON.stringify(body));
};

const pad = (n) => String(n).padStart(2, '0');
export function china(ms) {
  const at = new Date(ms + 8 * 3_600_000);
  return `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())} ${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}:${pad(at.getUTCSeconds())}`;
}

// A call signed here, not by the SDK, with any part replaced: undefined leaves a parameter out. sign: a change of the
// signature; after: parameters added or changed after signing; http: what is sent instead.
export async function call(method, bizContent, { params = {}, sign = (same) => same, after = {}, http = {}, base = alipay.url } = {}) {
  const all = {
    app_id: keys.appId, method, format: 'JSON', charset: 'utf-8', sign_type: 'RSA2', timestamp: china(Date.now()), version: '1.0',
    biz_content: typeof bizContent === 'string' ? bizContent : JSON.stringify(bizContent), ...params,
  };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  const text = given.filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}=${value}`).join('&');
  const signature = sign(createSign('sha256').update(text).sign(appPrivateKey, 'base64'));
  const form = new URLSearchParams({ ...Object.fromEntries(given), ...(signature === undefined ? {} : { sign: signature }), ...after });
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  return send('POST', `${base}/gateway.do`, { text: form.toString(), headers, ...http });
}

export function refusal(reply) {
  assert.equal(reply.status, 200, reply.text);
  return Object.values(JSON.parse(reply.text))[0].sub_code;
}

export const paramsOf = ({ body }) => Object.fromEntries(new URLSearchParams(body));

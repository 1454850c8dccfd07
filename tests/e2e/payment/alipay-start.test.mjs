// SPDX-License-Identifier: MIT
// Alipay's settings: certificate mode, keys that can't be right, and a shop without Alipay (BEHAVIOUR 1, 41).
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { openAlipay } from '../lib/alipay.mjs';
import { binDir } from '../lib/harness.mjs';
import { ATTEMPT, PAID, REFUNDED, assertRefused } from '../lib/trade.mjs';

const alipay = await openAlipay({ alipay: { certificates: true } });
const { trade, shop } = alipay;
const anna = await trade.buyer();
const product = await trade.product({ price: '10.00', stock: 1000 });
const opened = async () => alipay.opened(anna, await trade.order(anna, [[product, 1]]));
const statusOf = async (x) => (await trade.paymentStatus(anna, x.order)).body;
const refund = (x) => shop.ok('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: x.order.order_id, reason: '退货' } });

// The start of a program with changed settings: { code, stderr }.
const check = (changes) => run(path.join(binDir, 'payments.fcgi'), ['--check-config'], {
  env: cleanEnv(shop.dir, Object.fromEntries(Object.entries({ ...shop.env, ...changes }).filter(([, value]) => value !== null))),
});

test('with certificates a payment is made, queried and refunded (B41)', async () => {
  const x = await opened();
  assert.match(x.url, /[?&]app_cert_sn=[0-9a-f]{32}&alipay_root_cert_sn=[0-9a-f]{32}&/);
  assert.equal((await alipay.pay(x)).body, 'success');
  assert.equal(await trade.status(x.order), PAID);
  assert.equal((await refund(x)).status, 'SUCCESS');
  assert.equal(await trade.status(x.order), REFUNDED);
});

test('a response signed with another certificate is not trusted, and an alarm says so (B41)', async () => {
  const x = await opened();
  await alipay.pay(x, { notify: false });
  await alipay.fault('query', 'other_certificate');
  assert.equal((await statusOf(x)).trade_state, 'NOTPAY');
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
  assert.ok(shop.log().some(({ level, message }) => level === 'alarm' && /ALIPAY_CERT_FILE/.test(message)));
  assert.equal((await statusOf(x)).trade_state, 'SUCCESS');
});

test("a start with the app's own key as Alipay's is refused, and every other fault of the keys named (B1, B41)", async () => {
  const { keys } = alipay;
  const own = path.join(shop.dir, 'own.pem');
  writeFileSync(own, keys.appPublicKey);
  const publicMode = { ALIPAY_APP_CERT_FILE: null, ALIPAY_CERT_FILE: null, ALIPAY_ROOT_CERT_FILE: null };
  const cases = [
    [{ ...publicMode, ALIPAY_PUBLIC_KEY_FILE: own }, /ALIPAY_PUBLIC_KEY_FILE holds the app's own key/],
    [{ ALIPAY_CERT_FILE: keys.appCertificateFile }, /ALIPAY_CERT_FILE holds the app's own key/],
    [{ ALIPAY_APP_CERT_FILE: keys.alipayCertificateFile }, /ALIPAY_APP_CERT_FILE is not the certificate of ALIPAY_PRIVATE_KEY_FILE/],
    [{ ALIPAY_PUBLIC_KEY_FILE: keys.alipayPublicKeyFile }, /not both/],
    [publicMode, /ALIPAY_PUBLIC_KEY_FILE or all three/],
    [{ ALIPAY_PRIVATE_KEY_FILE: keys.alipayPublicKeyFile }, /ALIPAY_PRIVATE_KEY_FILE holds no RSA private key/],
    [{ ALIPAY_SELLER_ID: null }, /ALIPAY_SELLER_ID is missing/],
    [{ ALIPAY_NOTIFY_URL: 'https://shop.example/notify?x=1' }, /ALIPAY_NOTIFY_URL must have no query/],
    [{ ALIPAY_GATEWAY: null }, /ALIPAY_GATEWAY must be loopback/],
    [{ ALIPAY_APP_ID: null }, /ALIPAY_SELLER_ID is set without ALIPAY_APP_ID/],
  ];
  for (const [changes, fault] of cases) {
    const { code, stderr } = await check(changes);
    assert.equal(code, 1, JSON.stringify(changes));
    assert.match(stderr, fault);
  }
  assert.equal((await check({})).code, 0);
  assert.equal((await check({ ...publicMode, ALIPAY_PUBLIC_KEY_FILE: keys.alipayPublicKeyFile })).code, 0);
});

test('a shop without Alipay takes no payment by it, and believes no notification', async () => {
  const x = await opened();
  const names = Object.keys(shop.env).filter((name) => name.startsWith('ALIPAY_'));
  await shop.restartWeb(Object.fromEntries(names.map((name) => [name, null])));
  assertRefused(await alipay.tryPrepare(anna, x.order), 500, 'PROVIDER_CONFIG');
  assert.deepEqual(await alipay.send(alipay.notice(x.outTradeNo, 1000)), { status: 401, body: 'fail' });
  assert.equal((await shop.call('GET', '/readyz')).status, 200);
});

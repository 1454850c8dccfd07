// SPDX-License-Identifier: MIT
// Notifications whose signature fails are counted per address, and beyond the limit refused; genuine ones never are (BEHAVIOUR 51); on both homes
// of the shared state.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { SIGNATURE_TYPE } from '../lib/notifications.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { MINUTE_S, PAID, TRADE, openTrade, tally } from '../lib/trade.mjs';

const MAX = 60;
const opened = [];
for (const { title, options } of homes) {
  opened.push([title, await openTrade({ families: TRADE, alipay: true, gateway: true, env: { FORGED_PER_MINUTE: `${MAX}` }, ...options })]);
}
for (const [where, trade] of opened) await testHome(where, trade);

async function testHome(where, trade) {
  const { shop } = trade;
  const sockets = processSockets(shop, 'notify');
  const anna = await trade.buyer();
  const tea = await trade.product({ price: '9.90', stock: 1000 });

  const nowS = () => Math.floor(Date.now() / 1000);
  const wechat = () => ({
    uri: '/api/payment/wxpay/notify', raw: '{}', headers: {
      HTTP_WECHATPAY_TIMESTAMP: `${nowS()}`, HTTP_WECHATPAY_NONCE: 'x'.repeat(32), HTTP_WECHATPAY_SERIAL: `PUB_KEY_ID_${'0'.repeat(24)}`,
      HTTP_WECHATPAY_SIGNATURE: 'A'.repeat(344), HTTP_WECHATPAY_SIGNATURE_TYPE: SIGNATURE_TYPE,
    },
  });
  const alipay = () => ({ uri: '/api/payment/alipay/notify', raw: `app_id=1&sign_type=RSA2&sign=${'A'.repeat(344)}`, headers: {} });
  const gateway = () => ({ uri: '/v1/payment/notify', raw: '{}', headers: { HTTP_X_SIGNATURE: '0'.repeat(64) } });
  const ROUTES = { wechat, alipay, gateway };

  let sent = 0;
  // To each process in turn, as the web server would.
  function forge(made, address, headers = {}) {
    sent += 1;
    return askProcess(sockets[sent % sockets.length], { method: 'POST', ...made, headers: { ...made.headers, ...headers, REMOTE_ADDR: address } });
  }

  async function exhaust(address, make = gateway) {
    const answers = await Promise.all(Array.from({ length: MAX }, () => forge(make(), address)));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 401: MAX });
  }

  const requests = async () => (await shop.sandbox('GET', '/sandbox/requests')).body.length;

  test(`concurrent forgeries to all processes are 401 so often, then 429, on each route in its shape (B51), ${where}`, async () => {
    assert.ok(sockets.length > 1);
    const before = await requests();
    for (const [i, [name, make]] of Object.entries(ROUTES).entries()) {
      const address = `192.0.2.${i}`;
      const answers = await Promise.all(Array.from({ length: MAX + 20 }, () => forge(make(), address)));
      assert.deepEqual(tally(answers.map(({ status }) => status)), { 401: MAX, 429: 20 }, name);
      const refused = answers.find(({ status }) => status === 429);
      const wait = Number(refused.headers['retry-after']);
      assert.ok(wait >= 1 && wait <= MINUTE_S, `${wait}`);
      assert.deepEqual([refused.headers['x-ratelimit-limit'], refused.headers['x-ratelimit-remaining']], [`${MAX}`, '0']);
      assert.equal(answers.find(({ status }) => status === 401).headers['x-ratelimit-limit'], undefined);
      if (name === 'wechat') assert.equal(refused.json.code, 'FAIL');
      if (name === 'alipay') assert.equal(refused.text, 'fail');
      if (name === 'gateway') assert.equal(refused.json.error.code, 'RATE_LIMIT_EXCEEDED');
    }
    assert.equal(await requests(), before, 'no provider was called');
  });

  test(`forgeries of all routes count together, per address, whatever they claim to be forwarded for (B51), ${where}`, async () => {
    await exhaust('198.51.100.1', wechat);
    for (const make of Object.values(ROUTES)) assert.equal((await forge(make(), '198.51.100.1')).status, 429);
    assert.equal((await forge(gateway(), '198.51.100.1', { HTTP_X_FORWARDED_FOR: '203.0.113.9', HTTP_X_REAL_IP: '203.0.113.9' })).status, 429);
    assert.equal((await forge(gateway(), '198.51.100.2', { HTTP_X_FORWARDED_FOR: '198.51.100.1' })).status, 401);
    assert.equal((await forge(gateway(), '2001:db8::1')).status, 401);
  });

  test(`a genuine notification from the same address is accepted, and not counted (B51), ${where}`, async () => {
    await exhaust('127.0.0.1');
    const pay = async () => {
      const order = await trade.order(anna, [[tea, 1]]);
      const { prepayId } = await trade.prepay(anna, order);
      assert.equal((await shop.pay(prepayId)).body.status, 200);
      assert.equal(await trade.status(order), PAID);
    };
    await pay();
    const signed = (text) => createHmac('sha256', shop.env.GATEWAY_SECRET).update(text).digest('hex');
    const text = JSON.stringify({ transaction_id: 'TXN0', status: 'pending', amount: 9.9, currency: 'CNY' });
    for (let i = 0; i < MAX; i += 1) {
      const genuine = await askProcess(sockets[i % sockets.length], { method: 'POST', uri: gateway().uri, raw: text, headers: { HTTP_X_SIGNATURE: signed(text), REMOTE_ADDR: '127.0.0.1' } });
      assert.equal(genuine.status, 200, genuine.text);
    }
    assert.equal((await forge(gateway(), '127.0.0.1')).status, 429);
  });

  test(`no minute has more, wherever it begins; refused ones don't count (B51), ${where}`, async () => {
    const address = '203.0.113.1';
    const at = async (s, n) => {
      shop.clock(s);
      return tally((await Promise.all(Array.from({ length: n }, () => forge(gateway(), address)))).map(({ status }) => status));
    };
    const base = 10 * MINUTE_S;
    assert.deepEqual(await at(base, 40), { 401: 40 });
    assert.deepEqual(await at(base + 50, 30), { 401: 20, 429: 10 });
    assert.deepEqual(await at(base + 70, 50), { 401: 40, 429: 10 });
    shop.clock(0);
  });
}

// SPDX-License-Identifier: MIT
// Limits of all requests, per user, per address and together, across the processes of all executables (BEHAVIOUR 51).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { MINUTE_S, TRADE, openTrade, tally } from '../lib/trade.mjs';

const [PAYMENT, USER, ADDRESS] = [6, 10, 120];
const ENV = {
  PAYMENT_REQUESTS_PER_MINUTE: `${PAYMENT}`, USER_REQUESTS_PER_MINUTE: `${USER}`, ADDRESS_REQUESTS_PER_MINUTE: `${ADDRESS}`, REQUESTS_PER_SECOND: '100000',
  PAYMENT_CREATE_PER_HOUR: '5', TRUSTED_PROXIES: '10.0.0.0/8',
};
const CREATE = '/v1/payment/create';

const limitOf = ({ headers }) => ['limit', 'remaining'].map((name) => Number(headers[`x-ratelimit-${name}`]));
const statuses = (answers) => tally(answers.map(({ status }) => status));

const products = { uri: '/api/products' };
const others = [
  ['catalogue', products, 200], ['catalogue', { uri: '/api/products?limit=x' }, 400], ['users', { uri: '/api/auth/me' }, 401],
  ['users', { uri: '/api/auth/me', token: 'forged' }, 401], ['orders', { method: 'POST', uri: '/api/orders', raw: 'x'.repeat(70_000) }, 401],
  ['users', { method: 'POST', uri: '/api/auth/refresh', raw: '{' }, 400],
];

const opened = [];
for (const { title, options } of homes) opened.push([title, await openTrade({ families: TRADE, gateway: true, env: ENV, ...options })]);
for (const each of opened) testHome(...each);

function testHome(title, trade) {
  const { shop } = trade;
  let sent = 0;
  // To the processes of a family in turn, as the web server would.
  function ask(family, from, request) {
    const sockets = processSockets(shop, family);
    assert.ok(sockets.length > 1);
    sent += 1;
    return askProcess(sockets[sent % sockets.length], { ...request, headers: { ...request.headers, REMOTE_ADDR: from } });
  }
  // Limits of more than 100 have the clock's minutes: begin one.
  const nextMinute = () => shop.clock(2 * MINUTE_S + 1 - (Math.floor(Date.now() / 1000) % MINUTE_S));

  test(`an address has so many in a minute, of whatever kind, with all executables together, ${title} (B51)`, async () => {
    nextMinute();
    const answers = await Promise.all(Array.from({ length: ADDRESS + 30 }, (_, i) => ask(others[i % others.length][0], '192.0.2.1', others[i % others.length][1])));
    assert.equal(statuses(answers)[429], 30);
    for (const [i, { status }] of answers.entries()) assert.ok([429, others[i % others.length][2]].includes(status), `${i}: ${status}`);
    const refused = await ask('catalogue', '192.0.2.1', products);
    assert.equal(refused.status, 429);
    assert.deepEqual(limitOf(refused), [ADDRESS, 0]);
    const wait = Number(refused.headers['retry-after']);
    assert.ok(wait >= 1 && wait <= MINUTE_S, `${wait}`);
    assert.deepEqual(limitOf(await ask('catalogue', '192.0.2.2', products)), [ADDRESS, ADDRESS - 1]);
    for (const [from, left] of [['2001:db8:1:2::1', 1], ['2001:db8:1:2:ffff::2', 2], ['2001:db8:1:3::1', 1]]) { // a /64 network is one
      assert.deepEqual(limitOf(await ask('catalogue', from, products)), [ADDRESS, ADDRESS - left], from);
    }
    for (const forwarded of ['192.0.2.2', '127.0.0.1, 10.0.0.1']) { // from no proxy
      assert.equal((await ask('catalogue', '192.0.2.1', { ...products, headers: { HTTP_X_FORWARDED_FOR: forwarded } })).status, 429);
    }
    assert.equal((await ask('catalogue', '10.0.0.1', { ...products, headers: { HTTP_X_FORWARDED_FOR: '192.0.2.3, 192.0.2.1' } })).status, 429, 'the client of a proxy');
    assert.equal((await ask('catalogue', '10.0.0.1', { ...products, headers: { HTTP_X_FORWARDED_FOR: '192.0.2.1, 192.0.2.3' } })).status, 200);
    assert.equal((await ask('system', '192.0.2.1', { uri: '/healthz' })).status, 200, 'not limited');
    shop.clock(4 * MINUTE_S);
    assert.equal((await ask('catalogue', '192.0.2.1', products)).status, 200);
    shop.clock(0);
  });

  test(`a user has no more in any minute, wherever it begins and from wherever they come, with 64 at once, ${title} (B51)`, async () => {
    const [anna, ben] = await trade.buyers(2);
    const at = async (s, n, who = anna) => {
      shop.clock(s);
      return statuses(await Promise.all(Array.from({ length: n }, (_, i) => ask('users', `198.51.100.${i}`, { uri: '/api/auth/me', token: who.token }))));
    };
    const base = 10 * MINUTE_S;
    assert.deepEqual(await at(base, 6), { 200: 6 });
    assert.deepEqual(await at(base + 50, 64), { 200: USER - 6, 429: 64 - USER + 6 });
    assert.deepEqual(await at(base + 75, 64), { 200: 6, 429: 64 - 6 });
    assert.deepEqual(await at(base + 75, 64, ben), { 200: USER, 429: 64 - USER });
    const orders = await trade.call('GET', '/api/orders', { token: anna.token });
    assert.deepEqual([orders.status, orders.headers.get('x-ratelimit-limit')], [429, `${USER}`], 'by the web server, and another executable');
    shop.clock(0);
  });

  test(`the nearest limit is told, and that of valid requests alone isn't used up by others, which count all the same, ${title} (B51)`, async () => {
    const [carla, dora] = await trade.buyers(2);
    const pay = (from, { token }, body) => ask('payments', from, { method: 'POST', uri: CREATE, token, ...body });
    const valid = { body: { order_id: 'ORD19700101000000000000', amount: 1 } };
    const [first] = [await pay('203.0.113.1', carla, { raw: '{' })];
    assert.deepEqual([first.status, ...limitOf(first)], [400, PAYMENT, PAYMENT - 1]);
    assert.deepEqual(limitOf(await pay('203.0.113.1', { token: 'forged' }, valid)), [PAYMENT, PAYMENT - 2]);
    assert.deepEqual(limitOf(await pay('203.0.113.1', carla, { body: {} })), [PAYMENT, PAYMENT - 3]);
    assert.deepEqual(limitOf(await pay('203.0.113.1', carla, valid)), [PAYMENT, PAYMENT - 4]);
    assert.deepEqual(limitOf(await pay('203.0.113.2', carla, valid)), [5, 3], 'two an hour');
    assert.deepEqual(limitOf(await ask('payments', '203.0.113.1', { method: 'POST', uri: '/api/payment/wxpay', token: dora.token, raw: '{' })), [PAYMENT, 1]);
    assert.equal((await pay('203.0.113.1', dora, { raw: '{' })).status, 400);
    for (const body of [{ raw: '{' }, valid]) {
      const refused = await pay('203.0.113.1', dora, body);
      assert.deepEqual([refused.status, ...limitOf(refused)], [429, PAYMENT, 0]);
    }
    assert.deepEqual(limitOf(await pay('203.0.113.3', dora, valid)), [5, 4], 'the refused one used up nothing');
    const forged = await ask('notify', '203.0.113.1', { method: 'POST', uri: '/v1/payment/notify', raw: '{}', headers: { HTTP_X_SIGNATURE: '0'.repeat(64) } });
    assert.deepEqual([forged.status, forged.headers['x-ratelimit-limit']], [401, undefined]);
    assert.equal((await ask('users', '203.0.113.1', { uri: '/api/auth/me', token: dora.token })).status, 200);
  });
}

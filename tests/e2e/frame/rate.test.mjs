// SPDX-License-Identifier: MIT
// Limits of requests: exact in any window, wherever it begins, across all processes (BEHAVIOUR 51; contract renewal-payments).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { MINUTE_S, TRADE, openTrade, tally } from '../lib/trade.mjs';

const CREATE = '/v1/payment/create';
const MAX = 5;
const HOUR_S = 60 * MINUTE_S;

const opened = [];
for (const { title, options } of homes) {
  const trade = await openTrade({ families: TRADE, gateway: true, ...options });
  opened.push({ title, trade, tea: await trade.product() });
}
for (const home of opened) testHome(home);

function testHome({ title, trade, tea }) {
  const { shop } = trade;

  async function customer() {
    const person = await trade.buyer();
    const { order_id: orderId } = await trade.order(person, [[tea, 1]]);
    return { ...person, body: { order_id: orderId, amount: '10.00' } };
  }
  const create = ({ token, body }, more = {}) => trade.call('POST', CREATE, { token, body: { ...body, ...more } });
  const limitOf = ({ headers }) => ['limit', 'remaining', 'reset'].map((name) => Number(headers.get(`x-ratelimit-${name}`)));
  const nowS = (offset = 0) => Math.floor(Date.now() / 1000) + offset;

  test(`each answer says what is left, and a refused one when to come again, ${title}`, async () => {
    const anna = await customer();
    const before = nowS();
    for (let left = MAX - 1; left >= 0; left--) {
      const answer = await create(anna, left === 2 ? { amount: 1 } : {}); // one that fails counts too
      assert.equal(answer.status, left === 2 ? 400 : 200, JSON.stringify(answer.body));
      const [limit, remaining, reset] = limitOf(answer);
      assert.deepEqual([limit, remaining], [MAX, left]);
      assert.ok(reset >= before + HOUR_S && reset <= nowS(HOUR_S + 1), `${reset}`);
    }
    const refused = await create(anna);
    assert.equal(refused.status, 429);
    assert.equal(refused.body.error.code, 'RATE_LIMIT_EXCEEDED');
    assert.deepEqual(limitOf(refused).slice(0, 2), [MAX, 0]);
    const wait = Number(refused.headers.get('retry-after'));
    assert.ok(wait >= HOUR_S - 60 && wait <= HOUR_S, `${wait}`);
    assert.equal((await create(await customer())).status, 200, 'another user');
    assert.equal((await trade.call('GET', `/api/orders/${anna.body.order_id}`, { token: anna.token })).headers.get('x-ratelimit-limit'), null);
  });

  test(`concurrent requests to all processes are admitted exactly that often, ${title} (B51)`, async () => {
    const bella = await customer();
    const sockets = processSockets(shop, 'payments');
    assert.ok(sockets.length > 1);
    const answers = await Promise.all(Array.from({ length: 24 }, (_, i) => (
      askProcess(sockets[i % sockets.length], { method: 'POST', uri: CREATE, token: bella.token, body: { ...bella.body, amount: 1 } }))));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 400: MAX, 429: 24 - MAX });
  });

  test(`a malformed request is refused as such, and uses up nothing, also among concurrent ones, ${title} (B51)`, async () => {
    const emma = await customer();
    const sockets = processSockets(shop, 'payments');
    const ask = (i, body) => askProcess(sockets[i % sockets.length], { method: 'POST', uri: CREATE, token: emma.token, body });
    const malformed = [{}, { amount: 1 }, { ...emma.body, amount: 'x' }, { ...emma.body, currency: 'USD' }, { ...emma.body, notify_url: 'x' }, [], 'x', null];
    for (const answer of [
      await create(emma, { order_id: 7 }),
      await trade.call('POST', CREATE, { token: emma.token, raw: '{' }),
      await trade.call('POST', CREATE, { token: emma.token, body: emma.body, headers: { 'idempotency-key': 'a b' } }),
    ]) {
      assert.equal(answer.status, 400, JSON.stringify(answer.body));
      assert.equal(answer.headers.get('x-ratelimit-remaining'), null);
    }
    const mixed = Array.from({ length: 3 * malformed.length }, (_, i) => [ask(i, malformed[i % malformed.length]), ask(i + 1, { ...emma.body, amount: 1 })]);
    const answers = await Promise.all(mixed.flat());
    assert.deepEqual(tally(answers.filter((_, i) => i % 2 === 0).map(({ status }) => status)), { 400: mixed.length });
    assert.deepEqual(tally(answers.filter((_, i) => i % 2 === 1).map(({ status }) => status)), { 400: MAX, 429: mixed.length - MAX });
    assert.equal((await create(emma, { amount: 'x' })).status, 400, 'what is wrong with it comes first');
  });

  test(`both addresses that create payments count together, ${title} (B51)`, async () => {
    const dora = await customer();
    const other = (body = { plan_id: 999_999, payment_method: 'wechat' }) => trade.call('POST', '/payment/create', { token: dora.token, body });
    for (const [answer, left] of [[await other(), 4], [await create(dora), 3], [await other(), 2], [await create(dora), 1], [await other(), 0]]) {
      assert.equal(limitOf(answer)[1], left);
    }
    assert.deepEqual([(await other()).status, (await create(dora)).status], [429, 429]);
  });

  test(`no hour has more, wherever it begins, and refused requests don't count, ${title} (B51)`, async () => {
    const carla = await customer();
    const at = async (minutes) => {
      shop.clock(minutes * MINUTE_S);
      return (await create(carla, { amount: 1 })).status === 429 ? 0 : 1;
    };
    const admitted = [];
    for (const minutes of [0, 20, 40, 58, 59, 59, 61, 62, 81, 81, 101, 119]) admitted.push(await at(minutes));
    assert.deepEqual(admitted, [1, 1, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1]);
    shop.clock(0);
  });
}

// SPDX-License-Identifier: MIT
// How often an order's payment is prepared, and how many payments of one user are in flight, across processes (BEHAVIOUR 51, 54).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { MINUTE_S, TRADE, assertRefused, openTrade, tally, until } from '../lib/trade.mjs';

const IN_FLIGHT = 4;
const PATIENCE_MS = 4500; // the shop's calls of WeChat Pay time out after 5 s
const ENV = { PREPAY_INTERVAL_SECONDS: '3', PAYMENTS_IN_FLIGHT_PER_USER: `${IN_FLIGHT}` };
const statuses = (answers) => tally(answers.map(({ status }) => status));
const limitOf = ({ headers }) => ['limit', 'remaining'].map((name) => Number(headers.get(`x-ratelimit-${name}`)));

const opened = [];
for (const { title, options } of homes) {
  const trade = await openTrade({ families: TRADE, gateway: true, env: ENV, ...options });
  opened.push([title, trade, await trade.buyers(2), await trade.product({ price: '9.90', stock: 1000 })]);
}
for (const each of opened) testHome(...each);

function testHome(title, trade, [anna, ben], tea) {
  const { shop } = trade;
  const orderOf = (person) => trade.order(person, [[tea, 1]]);

  // To the processes of payments in turn.
  let sent = 0;
  function ask(person, request) {
    const sockets = processSockets(shop, 'payments');
    sent += 1;
    return askProcess(sockets[sent % sockets.length], { token: person.token, ...request });
  }
  const prepaying = (person, order) => ask(person, { method: 'POST', uri: '/api/payment/wxpay', body: { order_id: order.order_id } });

  test(`the first three are free, then one in three seconds, for each order by itself, in all processes and by all ways together, ${title} (B51)`, async (t) => {
    t.after(() => shop.clock(0));
    const [first, second] = [await orderOf(anna), await orderOf(anna)];
    shop.clock(0);
    const answers = [];
    for (let i = 0; i < 4; i += 1) answers.push(await prepaying(anna, first)); // one after another: no more than four are in flight
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 429]);
    const [, , third, refused] = answers;
    assert.equal(answers[1].headers['x-ratelimit-limit'], undefined, 'nothing refuses the next one');
    assert.deepEqual([third, refused].map(({ headers }) => [headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']]), [['1', '0'], ['1', '0']]);
    const wait = Number(refused.headers['retry-after']);
    assert.ok(wait >= 1 && wait <= 3, `${wait}`);
    assert.equal((await prepaying(anna, second)).status, 200, 'another order');
    const hosted = await trade.call('POST', '/v1/payment/create', { token: anna.token, body: { order_id: first.order_id, amount: '9.90' } });
    assert.deepEqual([hosted.status, hosted.body.error.code, ...limitOf(hosted)], [429, 'RATE_LIMIT_EXCEEDED', 1, 0]);
    assertRefused(await trade.call('POST', '/api/payment/card', { token: anna.token, body: { order_id: first.order_id } }), 409, 'CARD_NONE'); // it calls no provider
    for (const [at, all] of [[4, { 200: 1, 429: 2 }], [8, { 200: 1, 429: 2 }]]) {
      shop.clock(at);
      assert.deepEqual(statuses(await Promise.all(Array.from({ length: 3 }, () => prepaying(anna, first)))), all);
    }
    shop.clock(12);
    assert.equal((await trade.tryPrepay(anna, first)).status, 200, 'by the web server');
  });

  test(`nobody uses up another's order, and malformed requests use up none, ${title} (B51)`, async () => {
    const order = await orderOf(anna);
    for (let i = 0; i < 4; i += 1) assertRefused(await trade.tryPrepay(ben, order), i < 3 ? 403 : 429);
    for (let i = 0; i < 4; i += 1) assertRefused(await trade.call('POST', '/api/payment/wxpay', { token: anna.token, body: { order_id: 7 } }), 400);
    for (let i = 0; i < 3; i += 1) assert.equal((await trade.tryPrepay(anna, order)).status, 200);
  });

  async function ordersOf(person, n) {
    const orders = [];
    for (let i = 0; i < n; i += 1) orders.push(await orderOf(person));
    return orders;
  }

  const asked = async () => (await trade.requests()).filter((name) => name === 'jsapi').length;

  // Prepays of orders at once, each to another process, of which WeChat keeps as many waiting as may be in flight, until noFaults().
  async function hanging(person, orders) {
    await trade.forgetRequests();
    await trade.fault('jsapi', 'late', { times: IN_FLIGHT, delay_ms: PATIENCE_MS });
    const ended = [];
    const answers = Promise.allSettled(orders.map(async (order) => {
      const answer = await prepaying(person, order);
      ended.push(answer);
      return answer;
    }));
    await until(`${orders.length} requests to wait or end`, async () => await asked() + ended.length >= orders.length);
    return { answers, ended };
  }

  test(`of five requests of one user at once exactly four are in flight, and another user is not concerned, ${title} (B51, B54)`, async () => {
    const orders = await ordersOf(anna, IN_FLIGHT + 1);
    const { answers, ended } = await hanging(anna, orders);
    assert.deepEqual([statuses(ended), await asked()], [{ 429: 1 }, IN_FLIGHT]);
    const [{ headers }] = ended;
    assert.deepEqual(['limit', 'remaining'].map((name) => headers[`x-ratelimit-${name}`]), [`${IN_FLIGHT}`, '0']);
    assert.equal(headers['retry-after'], '1');
    const [one] = orders;
    assertRefused(await trade.tryPrepay(anna, one), 429, 'RATE_LIMITED');
    assertRefused(await trade.paymentStatus(anna, one), 429); // which may ask WeChat, too
    assertRefused(await trade.call('POST', '/api/payment/card', { token: anna.token, body: { order_id: one.order_id } }), 429);
    assert.equal((await trade.call('GET', `/api/orders/${one.order_id}`, { token: anna.token })).status, 200, 'no payment');
    const theirs = await orderOf(ben);
    assert.equal((await trade.tryPrepay(ben, theirs)).status, 200, 'not all processes wait');
    assert.equal((await trade.paymentStatus(ben, theirs)).status, 200);
    assert.equal(ended.length, 1, 'all of this while they wait');
    await trade.noFaults();
    const through = (await answers).map(({ value }) => value.status);
    assert.equal(through.filter((status) => status === 429).length, 1);
    for (let i = 0; i < 2; i += 1) {
      assert.deepEqual(statuses(await Promise.all(orders.slice(0, IN_FLIGHT).map((order) => trade.paymentStatus(anna, order)))), { 200: IN_FLIGHT }, 'their places are free again');
    }
  });

  test(`the places of killed processes are free after a minute, those of the living at once, ${title} (B51, B53)`, async (t) => {
    t.after(() => shop.clock(0));
    const before = await trade.allWorkers('payments');
    const orders = await ordersOf(ben, IN_FLIGHT);
    const { answers } = await hanging(ben, orders);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await answers;
    await trade.noFaults();
    await until('new programs', () => trade.workers('payments').filter((pid) => !before.includes(pid)).length === before.length, { limitMs: 30_000 });
    const extra = await orderOf(ben);
    assert.deepEqual(statuses(await Promise.all([extra, ...orders].map((order) => prepaying(ben, order)))), { 429: IN_FLIGHT + 1 });
    shop.clock(MINUTE_S);
    assert.deepEqual(statuses(await Promise.all(orders.map((order) => prepaying(ben, order)))), { 200: IN_FLIGHT });
  });
}

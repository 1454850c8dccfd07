// SPDX-License-Identifier: MIT
// A limit is exact in every window, wherever it begins, for 64 clients at once at the processes of two families (BEHAVIOUR 51).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { MINUTE_S, openTrade, until } from '../lib/trade.mjs';

const MAX = 20;
const SECOND_MS = 1000;
const WINDOW_MS = MINUTE_S * SECOND_MS;
const CLIENTS = 64;

const ENV = { ADDRESS_REQUESTS_PER_MINUTE: `${MAX}`, PENDING_ORDERS_MAX: '0' };
const opened = [];
for (const { title, options } of homes) {
  const trade = await openTrade({ families: ['catalogue', 'login', 'orders', 'users'], env: ENV, ...options });
  opened.push([title, trade, await trade.buyer(), await trade.product({ stock: 10_000 })]);
}
for (const each of opened) testHome(...each);

// The most that any window has.
function most(moments) {
  const sorted = [...moments].sort((a, b) => a - b);
  return Math.max(...sorted.map((begin) => sorted.filter((at) => at >= begin && at < begin + WINDOW_MS).length));
}

function testHome(title, trade, anna, tea) {
  const { shop } = trade;

  // Each makes something, and answers when: by the moment at which the shop's clock was read for the request.
  const REQUESTS = [
    ['catalogue', () => ({ uri: '/api/products', token: trade.admin, body: { name: '茶', price: '1.00', stock: 1 } })],
    ['orders', () => ({ uri: '/api/orders', token: anna.token, body: { items: [{ product_id: tea, quantity: 1 }] } })],
  ];

  // So many requests at once from one address, to the processes in turn, with the shop's clock shifted: the moments of those admitted.
  async function burst(address, offsetS, n) {
    shop.clock(offsetS);
    const answers = await Promise.all(Array.from({ length: n }, (_, i) => {
      const [family, request] = REQUESTS[i % REQUESTS.length];
      const sockets = processSockets(shop, family);
      assert.ok(sockets.length > 1);
      return askProcess(sockets[Math.floor(i / REQUESTS.length) % sockets.length], { method: 'POST', ...request(), headers: { REMOTE_ADDR: address } });
    }));
    for (const { status, text } of answers) assert.ok([201, 429].includes(status), `${status} ${text}`);
    return answers.filter(({ status }) => status === 201).map(({ json }) => Date.parse(json.created_at));
  }

  // bursts: [seconds, clients, how many are admitted at least and at most], the first two seconds before the end of a minute of the clock.
  async function check(address, bursts) {
    const begin = (Math.ceil(Date.now() / WINDOW_MS) * WINDOW_MS - Date.now()) / 1000 + 10 * MINUTE_S - 2;
    const moments = [];
    for (const [seconds, clients, least, at = least] of bursts) {
      const admitted = await burst(address, Math.ceil(begin) + seconds, clients);
      assert.ok(admitted.length >= least && admitted.length <= at, `${admitted.length} after ${seconds} s`);
      moments.push(...admitted);
    }
    shop.clock(0);
    assert.equal(most(moments), MAX);
  }

  test(`bursts at the end of a minute and the beginning of the next are together no more than the limit, ${title} (B51)`, () => check('192.0.2.1', [
    [0, CLIENTS, MAX], [2, CLIENTS, 0], [30, CLIENTS, 0], [50, CLIENTS, 0],
    [59, CLIENTS, 0, MAX], [60, CLIENTS, 0, MAX], [61, CLIENTS, 0, MAX], // as the first ones leave the window, one by one
    [115, CLIENTS, 0], [150, CLIENTS, MAX],
  ]));

  test(`what is left of a window is as much as has left it, ${title} (B51)`, () => check('192.0.2.2', [
    [0, MAX / 2, MAX / 2], [30, MAX / 2, MAX / 2], [31, CLIENTS, 0], [50, CLIENTS, 0],
    [59, CLIENTS, 0, MAX / 2], [60, CLIENTS, 0, MAX / 2], [70, CLIENTS, 0, MAX / 2], [75, CLIENTS, 0],
    [89, CLIENTS, 0, MAX / 2], [90, CLIENTS, 0, MAX / 2], [100, CLIENTS, 0, MAX / 2],
    [200, CLIENTS, MAX],
  ]));

  if (!shop.redis) return; // in LMDB it is the same clock
  test('by the clock of the Redis server no second has more, wherever it begins (B51)', async () => {
    await shop.restartWeb({ MINIMALL_TEST_CLOCK: null, ADDRESS_REQUESTS_PER_MINUTE: '0', REQUESTS_PER_SECOND: `${MAX}` });
    await until('the end of a second', () => Date.now() % SECOND_MS > 800, { everyMs: 1 });
    const end = Date.now() + 2.5 * SECOND_MS;
    const admitted = [];
    await Promise.all(Array.from({ length: CLIENTS }, async (_, i) => {
      const sockets = processSockets(shop, ['catalogue', 'orders'][i % 2]);
      while (Date.now() < end) {
        const sent = Date.now();
        const { status } = await askProcess(sockets[i % sockets.length], { uri: i % 2 ? '/api/orders' : '/api/products', token: anna.token });
        assert.ok([200, 429].includes(status), `${status}`);
        if (status === 200) admitted.push([sent, Date.now()]);
      }
    }));
    assert.ok(admitted.length >= 2 * MAX, `${admitted.length}`);
    // a window has more if it surely does: from the first of them having been sent until the last was answered
    for (const [begin] of admitted) {
      const inside = admitted.filter(([sent, answered]) => sent >= begin && answered < begin + SECOND_MS);
      assert.ok(inside.length <= MAX, `${inside.length}`);
    }
  });
}

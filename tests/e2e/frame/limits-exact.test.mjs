// SPDX-License-Identifier: MIT
// A limit is exact in every window, wherever it begins, for 64 clients at once at the processes of two families (BEHAVIOUR 51).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { MINUTE_S, openTrade } from '../lib/trade.mjs';

const MAX = 20;
const WINDOW_MS = MINUTE_S * 1000;
const CLIENTS = 64;

const trade = await openTrade({ families: ['catalogue', 'login', 'orders', 'users'], env: { ADDRESS_REQUESTS_PER_MINUTE: `${MAX}`, PENDING_ORDERS_MAX: '0' } });
const { shop } = trade;
const anna = await trade.buyer();
const tea = await trade.product({ stock: 10_000 });

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

// The most that any window has.
function most(moments) {
  const sorted = [...moments].sort((a, b) => a - b);
  return Math.max(...sorted.map((begin) => sorted.filter((at) => at >= begin && at < begin + WINDOW_MS).length));
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

test('bursts at the end of a minute and the beginning of the next are together no more than the limit (B51)', () => check('192.0.2.1', [
  [0, CLIENTS, MAX], [2, CLIENTS, 0], [30, CLIENTS, 0], [50, CLIENTS, 0],
  [59, CLIENTS, 0, MAX], [60, CLIENTS, 0, MAX], [61, CLIENTS, 0, MAX], // as the first ones leave the window, one by one
  [115, CLIENTS, 0], [150, CLIENTS, MAX],
]));

test('what is left of a window is as much as has left it (B51)', () => check('192.0.2.2', [
  [0, MAX / 2, MAX / 2], [30, MAX / 2, MAX / 2], [31, CLIENTS, 0], [50, CLIENTS, 0],
  [59, CLIENTS, 0, MAX / 2], [60, CLIENTS, 0, MAX / 2], [70, CLIENTS, 0, MAX / 2], [75, CLIENTS, 0],
  [89, CLIENTS, 0, MAX / 2], [90, CLIENTS, 0, MAX / 2], [100, CLIENTS, 0, MAX / 2],
  [200, CLIENTS, MAX],
]));

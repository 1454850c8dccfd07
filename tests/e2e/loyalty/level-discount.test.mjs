// SPDX-License-Identifier: MIT
// LEVEL_DISCOUNT, POINTS_PER_YUAN, POINTS_MAX_PERCENT, POINTS_EARNED_PER_YUAN: what they change of an order, and what an
// order without points costs the database.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDbProxy } from '../lib/db-proxy.mjs';
import { PAID, REFUNDED, assertFullOrder, assertRefused, openTrade } from '../lib/trade.mjs';

const DEFAULTS = { LEVEL_DISCOUNT: null, POINTS_PER_YUAN: null, POINTS_MAX_PERCENT: null, POINTS_EARNED_PER_YUAN: null };
// How many statements the transaction of an order of one line is without points, once it is known that few wait for payment.
const STATEMENTS = 8;

const trade = await openTrade({ own: true, families: ['catalogue', 'login', 'members', 'orders', 'users'], wechat: true });
const { shop } = trade;
const system = '/api/v1/member-system';
let sources = 0;

async function buyer(points) {
  const person = await trade.buyer();
  sources += 1;
  const body = { user_id: person.user.user_id, points, source_type: 'test', source_id: `level-${sources}` };
  await shop.ok('POST', `${system}/points/earn`, { token: trade.admin, body });
  return person;
}

const balance = async (person) => (await shop.ok('GET', `${system}/points/balance`, { token: person.token })).data.current_points;

test('an order without points asks for none: as many statements as before', async () => {
  const tea = await trade.product();
  const anna = await buyer(100);
  const { DB_SOCKET } = shop.env;
  const proxy = await openDbProxy(DB_SOCKET, shop.dir);
  await shop.restartWeb({ ...DEFAULTS, DB_SOCKET: proxy.socket });
  await trade.order(anna, [[tea, 1]]); // the first one counts those that wait
  const placed = async (more) => {
    proxy.forget();
    await trade.order(anna, [[tea, 1]], more);
    const seen = proxy.seen.filter((text) => !text.startsWith('PREPARE'));
    return seen.slice(seen.indexOf('START TRANSACTION')); // before it a new process sets its connection up
  };
  const without = await placed();
  assert.deepEqual(without.filter((text) => /point_|member_levels|UPDATE members/.test(text)), []);
  assert.equal(without.length, STATEMENTS, without.join('\n'));
  assert.equal((await placed({ points: 0 })).length, STATEMENTS);
  assert.ok((await placed({ points: 1 })).some((text) => /point_holds/.test(text)));
  await shop.restartWeb({ DB_SOCKET });
});

test("a level's discount is split over the lines to the fen, and points pay of what is left (B14)", async () => {
  await shop.restartWeb({ ...DEFAULTS, LEVEL_DISCOUNT: 'on' });
  const [anna, bob] = [await buyer(1000), await buyer(999)];
  const prices = ['0.10', '0.17', '0.10', '19.99', '0.00'];
  const products = [];
  for (const price of prices) products.push(await trade.product({ price }));
  const lines = products.map((id) => [id, 1]);
  const reversed = [...lines].reverse();
  const placed = await trade.order(anna, lines); // 20.36 at 95 %
  assert.deepEqual([placed.total_amount, placed.discount_amount], ['19.34', '1.02']);
  const full = await trade.read(placed);
  assertFullOrder(full);
  const discounts = ({ orderItems }) => new Map(orderItems.map((line) => [line.product_id, line.discount_amount]));
  assert.deepEqual([...discounts(full).values()], ['0.01', '0.01', '0.00', '1.00', '0.00']);
  const other = await trade.read(await trade.order(anna, reversed, { points: 1000 }));
  assertFullOrder(other, { total_amount: '9.34', discount_amount: '1.02', points_used: 1000, points_amount: '10.00' });
  for (const [id, amount] of discounts(full)) assert.equal(discounts(other).get(id), amount);
  const none = await trade.order(bob, lines);
  assert.deepEqual([none.total_amount, none.discount_amount], ['20.36', '0.00'], 'the lowest level has no discount');
  const frozen = await trade.order(bob, lines, { points: 0, discount_amount: '5.00', discount: 5 });
  assert.equal(frozen.total_amount, '20.36', 'what the client says about it is ignored');
});

test('a discount is of the moment of ordering, and what is paid after it earns (B19, B58)', async () => {
  await shop.restartWeb({ ...DEFAULTS, LEVEL_DISCOUNT: 'on' });
  const anna = await buyer(1000);
  const tea = await trade.product({ price: '100.00' });
  const placed = await trade.order(anna, [[tea, 1]]);
  assert.equal(placed.total_amount, '95.00');
  await shop.restartWeb({ LEVEL_DISCOUNT: 'off' });
  await trade.payOffline(placed);
  assert.equal(await balance(anna), 1095);
  assert.equal((await trade.read(placed)).total_amount, '95.00');
  await trade.set(placed, { status: REFUNDED });
  assert.equal(await balance(anna), 1000);
  assert.equal((await trade.order(anna, [[tea, 1]])).total_amount, '100.00');
});

test('the settings: what a point is worth, how much points may pay, what a yuan earns', async () => {
  await shop.restartWeb({ ...DEFAULTS, POINTS_PER_YUAN: '1000', POINTS_MAX_PERCENT: '50', POINTS_EARNED_PER_YUAN: '3' });
  const anna = await buyer(20_000);
  const tea = await trade.product({ price: '19.99' });
  const above = await trade.tryOrder(anna, [[tea, 1]], { points: 9991 });
  assertRefused(above, 400, 'POINTS_EXCEED_LIMIT');
  assert.equal(above.body.max, 9990);
  const placed = await trade.order(anna, [[tea, 1]], { points: 9989 });
  assert.deepEqual([placed.points_used, placed.points_amount, placed.total_amount], [9980, '9.98', '10.01'], 'none is taken that is worth nothing');
  await trade.payOffline(placed);
  assert.equal(await balance(anna), 20_000 - 9980 + 30);
  await shop.restartWeb({ ...DEFAULTS, POINTS_MAX_PERCENT: '0', POINTS_EARNED_PER_YUAN: '0' });
  const refused = await trade.tryOrder(anna, [[tea, 1]], { points: 1 });
  assertRefused(refused, 400, 'POINTS_EXCEED_LIMIT');
  assert.equal(refused.body.max, 0);
  const cash = await trade.order(anna, [[tea, 1]]);
  await trade.payOffline(cash);
  assert.equal(await balance(anna), 20_000 - 9980 + 30);
  await trade.set(placed, { status: REFUNDED });
  assert.equal(await balance(anna), 20_000, 'what was earned is taken back, whatever a yuan earns now');
  assert.deepEqual(await shop.sql(`SELECT total_spent FROM members WHERE user_id = ${anna.user.user_id}`), [{ total_spent: 1999 }]);
  await shop.restartWeb(DEFAULTS);
  assert.equal((await trade.order(anna, [[tea, 1]], { points: 1999 })).status, PAID);
});

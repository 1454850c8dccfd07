// SPDX-License-Identifier: MIT
// Stock with many concurrent buyers: exactly the stock is sold (BEHAVIOUR 16).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CANCELLED, PENDING, assertRefused, openTrade, tally } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const crowd = await trade.buyers(40);
const anna = crowd[0];

const statuses = (answers) => tally(answers.map(({ status }) => status));

async function movesOf(product) {
  const [row] = await shop.sql(`SELECT COUNT(*) AS n, CAST(SUM(delta) AS SIGNED) AS total FROM stock_moves WHERE product_id = ${product}`);
  return row;
}

// First in this file: with so few products a full scan would seem cheap.
test('an order waits only for locks of its own products (B16, B60)', async () => {
  const [held, free] = [await trade.product(), await trade.product()];
  await shop.holding([`SELECT stock FROM products WHERE product_id = ${held} FOR UPDATE`], async () => {
    const order = await trade.order(anna, [[free, 2]]);
    assert.equal((await trade.cancel(anna, order)).status, 200);
  });
  assert.equal(await trade.stock(free), 100);
});

test('200 buyers of the last item: one gets it (B16)', async () => {
  const last = await trade.product({ stock: 1 });
  const buyers = [...crowd, ...await trade.buyers(160)];
  const answers = await Promise.all(buyers.map((person) => trade.tryOrder(person, [[last, 1]])));
  assert.deepEqual(statuses(answers), { 201: 1, 409: 199 });
  for (const answer of answers.filter(({ status }) => status === 409)) {
    assertRefused(answer, 409, 'INSUFFICIENT_STOCK');
    assert.equal(answer.body.field, 'items[0].product_id');
  }
  assert.equal(await trade.stock(last), 0);
  const winner = answers.findIndex(({ status }) => status === 201);
  assert.equal(answers[winner].body.user_id, buyers[winner].user.user_id);
  assert.deepEqual(await movesOf(last), { n: 2, total: 0 });
});

test('120 buyers of 37 items: 37 orders, nothing left, nothing below zero (B16)', async () => {
  const product = await trade.product({ stock: 37 });
  const answers = await Promise.all(Array.from({ length: 120 }, (_, i) => trade.tryOrder(crowd[i % crowd.length], [[product, 1]])));
  assert.deepEqual(statuses(answers), { 201: 37, 409: 83 });
  assert.equal(await trade.stock(product), 0);
});

test('buyers of two and three of ten sell no more than ten (B16)', async () => {
  const product = await trade.product({ stock: 10 });
  const answers = await Promise.all(crowd.slice(0, 20).map((person, i) => trade.tryOrder(person, [[product, 2 + (i % 2)]])));
  const sold = answers.filter(({ status }) => status === 201);
  const taken = sold.reduce((sum, { body }) => sum + Number(body.total_amount) / 10, 0);
  const left = await trade.stock(product);
  assert.equal(taken + left, 10);
  assert.ok(left < 2, `${left} left, though buyers of two were refused`);
});

test('if one line fails, all lines are rolled back (B16)', async () => {
  const [first, second, third] = [await trade.product({ stock: 5 }), await trade.product({ stock: 1 }), await trade.product({ stock: 5 })];
  for (const lines of [
    [[first, 1], [second, 2], [third, 1]], [[second, 2], [first, 5]], [[third, 5], [first, 5], [second, 2]],
  ]) {
    const answer = await trade.tryOrder(anna, lines);
    assertRefused(answer, 409, 'INSUFFICIENT_STOCK');
    assert.equal(answer.body.field, `items[${lines.findIndex(([id]) => id === second)}].product_id`);
  }
  assert.deepEqual([await trade.stock(first), await trade.stock(second), await trade.stock(third)], [5, 1, 5]);
  assert.deepEqual(await trade.ok('GET', '/api/orders', { token: crowd[39].token }).then((list) => list.filter((o) => o.total_amount === '0.00')), []);
});

test('orders that lock the same products in opposite order all succeed (B16, B53)', async () => {
  const products = await Promise.all(Array.from({ length: 6 }, () => trade.product({ stock: 500 })));
  const backwards = [...products].reverse();
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => (
    trade.tryOrder(crowd[i % crowd.length], (i % 2 ? products : backwards).map((id) => [id, 1])))));
  assert.deepEqual(statuses(answers), { 201: 100 });
  for (const id of products) assert.equal(await trade.stock(id), 400);
});

test('buyers of everything against buyers of one line: the sums match and no order is partial (B16)', async () => {
  const [rare, common] = [await trade.product({ stock: 15 }), await trade.product({ stock: 1000 })];
  const answers = await Promise.all(Array.from({ length: 80 }, (_, i) => (
    trade.tryOrder(crowd[i % crowd.length], i % 2 ? [[common, 1], [rare, 1]] : [[common, 1]]))));
  const both = answers.filter(({ status, body }) => status === 201 && body.total_amount === '20.00').length;
  const one = answers.filter(({ status, body }) => status === 201 && body.total_amount === '10.00').length;
  assert.deepEqual([both, one], [15, 40]);
  assert.equal(await trade.stock(rare), 0);
  assert.equal(await trade.stock(common), 1000 - both - one);
});

test('cancelling during sales: sold and remaining stock always add up (B16, B17)', async () => {
  const product = await trade.product({ stock: 20 });
  const first = await Promise.all(crowd.slice(0, 20).map((person) => trade.order(person, [[product, 1]])));
  const [cancelled, bought] = await Promise.all([
    Promise.all(first.map((order, i) => trade.cancel(crowd[i], order))),
    Promise.all(crowd.slice(20).map((person) => trade.tryOrder(person, [[product, 1]]))),
  ]);
  assert.deepEqual(statuses(cancelled), { 200: 20 });
  const sold = bought.filter(({ status }) => status === 201).length;
  assert.equal(await trade.stock(product), 20 - sold);
  for (const order of first) assert.deepEqual(await trade.moves(order), [-1, 1]);
});

test("an administrator's new stock during sales: every item is accounted for (B16)", async () => {
  const product = await trade.product({ stock: 30 });
  const put = (stock) => trade.call('PUT', `/api/products/${product}`, { token: trade.admin, body: { stock } });
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => (
    i % 10 === 5 ? put(30) : trade.tryOrder(crowd[i % crowd.length], [[product, 1]]))));
  for (const { status } of answers) assert.ok([200, 201, 409].includes(status), `${status}`);
  const { total } = await movesOf(product);
  assert.equal(await trade.stock(product), total);
});

test('an order is all or nothing even if its product is deleted or taken off sale meanwhile', async () => {
  const [stays, goes] = [await trade.product({ stock: 100 }), await trade.product({ stock: 100 })];
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => (i === 20
    ? shop.call('DELETE', `/api/products/${goes}`, { token: trade.admin })
    : trade.tryOrder(crowd[i], [[stays, 1], [goes, 1]]))));
  const sold = answers.filter(({ status }) => status === 201);
  assert.deepEqual(Object.keys(statuses(answers)).filter((status) => !['201', '204', '404'].includes(status)), []);
  assert.equal(await trade.stock(stays), 100 - sold.length);
  assert.equal(await trade.stock(goes), 100 - sold.length);
  const [order] = sold;
  if (order) {
    const owner = crowd.find((person) => person.user.user_id === order.body.user_id);
    assert.equal((await trade.cancel(owner, order.body)).body.status, CANCELLED, 'its stock goes back even so');
    assert.equal(await trade.stock(goes), 101 - sold.length);
  }
});

test('orders read while being placed are never partial (B16)', async () => {
  const products = await Promise.all(Array.from({ length: 5 }, () => trade.product({ price: '1.00' })));
  let placing = true;
  const ours = [];
  const reader = (async () => {
    while (placing) {
      const read = await trade.ok('GET', '/api/orders?limit=20', { token: trade.admin });
      ours.push(...read.filter((order) => order.total_amount === '5.00'));
    }
  })();
  try {
    for (let round = 0; round < 1 || (ours.length === 0 && round < 5); round++) { // until some were read meanwhile
      await Promise.all(crowd.map((person) => trade.order(person, products.map((id) => [id, 1]))));
    }
  } finally {
    placing = false;
    await reader;
  }
  assert.ok(ours.length > 0);
  for (const order of ours) {
    assert.equal(order.orderItems.length, 5);
    assert.equal(order.status, PENDING);
  }
});

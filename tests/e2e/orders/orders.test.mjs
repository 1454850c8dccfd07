// SPDX-License-Identifier: MIT
// Placing and reading orders: prices, lines, snapshots, lists, and ownership.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CANCELLED, COMPLETED, PAID, PENDING, REFUNDED, SHIPPED, TRADE, assertFullOrder, assertOrder, assertRefused, openTrade } from '../lib/trade.mjs';

const trade = await openTrade({ families: TRADE, leaks: true });
const { shop } = trade;
const [anna, bob] = await trade.buyers(2);

const ids = (list) => list.map((order) => order.order_id);

// All pages of a list, following each Link.
async function pages(address, token) {
  const found = [];
  for (let next = address; next;) {
    const { status, headers, body } = await shop.call('GET', next, { token });
    assert.equal(status, 200, JSON.stringify(body));
    found.push(body);
    [, next] = /^<([^>]+)>; rel="next"$/.exec(headers.get('link') ?? '') ?? [];
  }
  return found;
}

test('an order is returned as in the contract, priced from the database (B14)', async () => {
  const tea = await trade.product({ price: '99.99' });
  const cup = await trade.product({ price: '0.01' });
  const items = [{ product_id: tea, quantity: 2, unit_price: '0.01', price: 1 }, { product_id: cup, quantity: 1 }];
  const body = { items, payment_method: '微信支付', total_amount: '0.01', discount: '199.98', price: 0, status: 1, user_id: bob.user.user_id };
  const answer = await shop.call('POST', '/api/orders', { token: anna.token, body });
  assert.equal(answer.status, 201);
  assert.deepEqual(Object.keys(answer.body).slice(0, 8),
    ['order_id', 'user_id', 'total_amount', 'status', 'payment_method', 'payment_id', 'created_at', 'updated_at']);
  assertOrder(answer.body, {
    user_id: anna.user.user_id, total_amount: '199.99', status: PENDING, payment_method: '微信支付', payment_id: null,
  });
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.equal(await trade.stock(tea), 98);
  assert.equal(await trade.stock(cup), 99);
  const full = await trade.ok('GET', `/api/orders/${answer.body.order_id}`, { token: anna.token });
  assertFullOrder(full, { total_amount: '199.99', user: { user_id: anna.user.user_id, nickname: anna.user.nickname, email: null } });
  assert.deepEqual(full.orderItems.map((line) => [line.product_id, line.quantity, line.unit_price, line.total_price, line.product.price]),
    [[tea, 2, '99.99', '199.98', 99.99], [cup, 1, '0.01', '0.01', 0.01]]);
});

test("an order's lines are in the order of the request, one for each product (B11)", async () => {
  const [first, second, third] = [await trade.product(), await trade.product(), await trade.product()];
  const { order_id: id } = await trade.order(anna, [[third, 1], [first, 2], [third, 3], [second, 1]]);
  const { orderItems } = await trade.ok('GET', `/api/orders/${id}`, { token: anna.token });
  assert.deepEqual(orderItems.map((line) => [line.product_id, line.quantity]), [[third, 4], [first, 2], [second, 1]]);
});

test('a user can have exactly 20 orders waiting for payment, or PENDING_ORDERS_MAX (B65)', async () => {
  const PLACED_AT_ONCE = 12;
  const goods = await trade.product({ stock: 1000 });
  const free = await trade.product({ price: '0.00' });
  const pending = async ({ user }) => (await shop.sql(`SELECT COUNT(*) AS n FROM orders WHERE user_id = ${user.user_id} AND status = 0`))[0].n;
  await shop.restartWeb({ PENDING_ORDERS_MAX: null });
  const [carl, dora] = await trade.buyers(2);
  const placed = [];
  for (let i = 0; i < 20; i += 1) placed.push(await trade.order(carl, [[goods, 1]], { headers: { 'idempotency-key': `pending-${i}` } }));
  assertRefused(await trade.tryOrder(carl, [[goods, 1]]), 409, 'PENDING_ORDERS_LIMIT');
  const again = await trade.order(carl, [[goods, 1]], { headers: { 'idempotency-key': 'pending-7' } });
  assert.equal(again.order_id, placed[7].order_id, 'what was placed is no new order');
  assert.equal((await trade.order(carl, [[free, 1]])).status, PAID, 'nothing is waited for');
  await trade.order(dora, [[goods, 1]]);
  await trade.cancel(carl, placed[0]);
  await trade.order(carl, [[goods, 1]]);
  await shop.payOrder(carl.token, placed[1].order_id);
  await trade.order(carl, [[goods, 1]]);
  assertRefused(await trade.tryOrder(carl, [[goods, 1]]), 409, 'PENDING_ORDERS_LIMIT');
  await shop.restartWeb({ PENDING_ORDERS_MAX: '3' });
  const answers = await Promise.all(Array.from({ length: PLACED_AT_ONCE }, () => trade.tryOrder(dora, [[goods, 1]])));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, ...Array(PLACED_AT_ONCE - 2).fill(409)]);
  assert.deepEqual([await pending(carl), await pending(dora)], [20, 3]);
  const [erik] = await trade.buyers(1);
  for (let i = 0; i < 8; i += 1) await trade.cancel(erik, await trade.order(erik, [[goods, 1]])); // none of them is waiting
  for (let i = 0; i < 3; i += 1) await trade.order(erik, [[goods, 1]]);
  assertRefused(await trade.tryOrder(erik, [[goods, 1]]), 409, 'PENDING_ORDERS_LIMIT');
  await shop.restartWeb({ PENDING_ORDERS_MAX: '0' });
  for (let i = 0; i < 3; i += 1) await trade.order(dora, [[goods, 1]]);
  assert.equal(await trade.stock(goods), 1000 - 20 - 1 - 6 - 3);
});

test('any number of lines up to 100 takes and returns exactly its quantities (B11, B16)', async () => {
  const goods = [];
  for (let i = 0; i < 100; i += 1) goods.push(await trade.product({ stock: 1000 }));
  const stocks = async (n) => Promise.all(goods.slice(0, n).map((id) => trade.stock(id)));
  for (const n of [1, 2, 3, 4, 5, 9, 10, 12, 13, 100]) {
    const lines = goods.slice(0, n).map((id, i) => [id, 1 + (i % 7)]).reverse();
    const placed = await trade.order(anna, lines);
    const { orderItems } = await trade.ok('GET', `/api/orders/${placed.order_id}`, { token: anna.token });
    assert.deepEqual(orderItems.map((line) => [line.product_id, line.quantity]), lines, `${n} lines`);
    assert.deepEqual(await stocks(n), lines.map(([, quantity]) => 1000 - quantity).reverse(), `${n} lines`);
    await trade.cancel(anna, placed);
    assert.deepEqual(await stocks(n), Array(n).fill(1000), `${n} lines`);
    const short = [...lines.slice(1), [lines[0][0], 1001]];
    assertRefused(await trade.tryOrder(anna, short), 409, 'INSUFFICIENT_STOCK');
    assert.deepEqual(await stocks(n), Array(n).fill(1000), `${n} lines`);
  }
});

test('order ids have their own format, are unique and not sequential (B8)', async () => {
  const product = await trade.product();
  const placed = await Promise.all(Array.from({ length: 20 }, () => trade.order(anna, [[product, 1]])));
  assert.equal(new Set(ids(placed)).size, 20);
  for (const id of ids(placed)) assert.match(id, /^ORDER[0-9A-HJKMNP-TV-Z]{20}$/);
  const shared = ids(placed).map((id) => id.slice(5, 10));
  assert.equal(new Set(shared).size, 20, 'no common beginning that would tell when or how many');
  for (const odd of ['1', '0', '-1', 'ORDER', 'ORDER..', 'ORDER%00', 'a'.repeat(65), placed[0].order_id.toLowerCase()]) {
    assertRefused(await shop.call('GET', `/api/orders/${odd}`, { token: trade.admin }), 404);
  }
});

test('quantities are integers from 1 to 9999 and each line is named (B11, B12)', async () => {
  const product = await trade.product({ stock: 10_000 });
  const rawLine = (text) => `{"items":[{"product_id":${product},"quantity":1},{"product_id":${product},"quantity":${text}}]}`;
  for (const odd of ['0', '-1', '1.5', '"2"', '10000', '2147483648', '9223372036854775808', '1e0', 'true', 'null', '[1]']) {
    const answer = await shop.call('POST', '/api/orders', { token: anna.token, raw: rawLine(odd) });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'items[1].quantity', `${odd}: ${JSON.stringify(answer.body)}`);
  }
  for (const [raw, field] of [
    ['{}', 'items'], ['{"items":null}', 'items'], ['{"items":{}}', 'items'], ['{"items":[]}', 'items'], ['{"items":[1]}', 'items[0]'],
    [`{"items":[{"product_id":${product}}]}`, 'items[0].quantity'], ['{"items":[{"quantity":1}]}', 'items[0].product_id'],
    ['{"items":[{"product_id":0,"quantity":1}]}', 'items[0].product_id'], ['{"items":[{"product_id":"1","quantity":1}]}', 'items[0].product_id'],
    [`{"items":[{"product_id":${product},"quantity":1}],"payment_method":"${'x'.repeat(51)}"}`, 'payment_method'],
    [`{"items":[{"product_id":${product},"quantity":1}],"payment_method":7}`, 'payment_method'],
  ]) {
    const answer = await shop.call('POST', '/api/orders', { token: anna.token, raw });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, field, raw);
  }
  assert.equal(await trade.stock(product), 10_000);
  const most = await trade.order(anna, [[product, 9999]]);
  assert.equal(most.total_amount, '99990.00');
  assert.equal(await trade.stock(product), 1);
});

test('an order may have a hundred lines, not a hundred and one', async () => {
  const products = await Promise.all(Array.from({ length: 101 }, (_, i) => trade.product({ price: `0.${String(i % 100).padStart(2, '0')}` })));
  const order = await trade.order(anna, products.slice(0, 100).map((id) => [id, 1]));
  assert.equal(order.total_amount, '49.50');
  const full = await trade.read(order);
  assertFullOrder(full);
  assert.equal(full.orderItems.length, 100);
  const more = await trade.tryOrder(anna, products.map((id) => [id, 1]));
  assertRefused(more, 400);
  assert.equal(more.body.field, 'items');
  assert.equal(await trade.stock(products[100]), 100);
});

test('lines of one product are merged before the stock is checked (B11)', async () => {
  const product = await trade.product({ price: '1.10', stock: 5 });
  assertRefused(await trade.tryOrder(anna, [[product, 3], [product, 3]]), 409, 'INSUFFICIENT_STOCK');
  assert.equal(await trade.stock(product), 5);
  const full = await trade.read(await trade.order(anna, [[product, 2], [product, 3]]));
  assert.deepEqual(full.orderItems.map((line) => [line.quantity, line.total_price]), [[5, '5.50']]);
  assert.deepEqual(await trade.moves(full), [-5]);
  assert.equal(await trade.stock(product), 0);
  const lines = Array.from({ length: 100 }, () => [product, 9999]);
  assertRefused(await trade.tryOrder(anna, lines), 409, 'INSUFFICIENT_STOCK');
});

test('a total beyond the maximum is refused, the maximum is correct (B11)', async () => {
  const dear = await trade.product({ price: '9999999999.99', stock: 10_000 });
  const cheap = await trade.product({ price: '0.01', stock: 10_000 });
  for (const lines of [[[dear, 2]], [[dear, 9999]], [[dear, 1], [cheap, 1]]]) {
    const answer = await trade.tryOrder(anna, lines);
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'items');
  }
  assert.equal(await trade.stock(dear), 10_000);
  assert.equal(await trade.stock(cheap), 10_000);
  const order = await trade.order(anna, [[dear, 1]]);
  assert.equal(order.total_amount, '9999999999.99');
  assertFullOrder(await trade.read(order));
});

test('a total of 0.00 is paid on creation, without any provider (B18)', async () => {
  const gift = await trade.product({ price: '0.00' });
  const order = await trade.order(anna, [[gift, 2]]);
  assertOrder(order, { total_amount: '0.00', status: PAID, payment_id: null });
  assert.equal(await trade.stock(gift), 98);
  assertRefused(await trade.tryPrepay(anna, order), 409, 'ORDER_PAID');
  assert.deepEqual(await trade.attempts(order), []);
  assertRefused(await trade.cancel(anna, order), 409, 'ORDER_TRANSITION');
  await trade.set(order, { status: SHIPPED });
  assert.equal((await trade.complete(anna, order)).body.status, COMPLETED);
});

test('an unknown, off-sale or deleted product is 404 and its line is named', async () => {
  const product = await trade.product();
  const off = await trade.product({ status: 0 });
  const gone = await trade.product();
  assert.equal((await shop.call('DELETE', `/api/products/${gone}`, { token: trade.admin })).status, 204);
  for (const bad of [off, gone, 999_999, 9_007_199_254_740_991]) {
    const answer = await trade.tryOrder(anna, [[product, 1], [bad, 1]]);
    assertRefused(answer, 404, 'PRODUCT_NOT_FOUND');
    assert.equal(answer.body.field, 'items[1].product_id');
  }
  assert.equal(await trade.stock(product), 100);
});

test('lines keep name and price; a deleted product stays readable in orders (B19)', async () => {
  const product = await trade.product({ name: '老白茶 🍵', price: '19.99' });
  const order = await trade.order(anna, [[product, 3]]);
  await trade.ok('PUT', `/api/products/${product}`, { token: trade.admin, body: { name: '新名字', price: '1.00' } });
  const check = async () => {
    for (const token of [anna.token, trade.admin]) {
      const full = await trade.ok('GET', `/api/orders/${order.order_id}`, { token });
      assertFullOrder(full, { total_amount: '59.97' });
      assert.deepEqual(full.orderItems[0].product, { product_id: product, name: '老白茶 🍵', price: 19.99 });
      assert.equal(full.orderItems[0].unit_price, '19.99');
    }
    const [listed] = await trade.ok('GET', '/api/orders?limit=1', { token: anna.token });
    assert.equal(listed.orderItems[0].product.name, '老白茶 🍵');
  };
  await check();
  assert.equal((await shop.call('DELETE', `/api/products/${product}`, { token: trade.admin })).status, 204);
  await check();
  assert.equal((await trade.order(anna, [[await trade.product({ price: '1.00' }), 1]])).total_amount, '1.00');
});

test("another user's order is 403 on every route in any state, and an unknown one is 404 (B4)", async () => {
  const product = await trade.product();
  const bodies = new Set();
  for (const status of [PENDING, PAID, SHIPPED, COMPLETED, CANCELLED]) {
    const order = await trade.orderIn(anna, [[product, 1]], status);
    const before = JSON.stringify(await trade.read(order));
    const foreign = async (method, address, body) => {
      const answer = await shop.call(method, address, { token: bob.token, body });
      assertRefused(answer, 403, 'FORBIDDEN');
      bodies.add(JSON.stringify({ ...answer.body, request_id: '' }));
    };
    await foreign('GET', `/api/orders/${order.order_id}`);
    await foreign('POST', `/api/orders/${order.order_id}/cancel`);
    await foreign('POST', `/api/orders/${order.order_id}/complete`);
    await foreign('PUT', `/api/orders/${order.order_id}`, { status: REFUNDED });
    await foreign('DELETE', `/api/orders/${order.order_id}`);
    await foreign('POST', '/api/payment/wxpay', { order_id: order.order_id });
    await foreign('GET', `/api/payment/wxpay/${order.order_id}`);
    assert.equal(JSON.stringify(await trade.read(order)), before);
  }
  assert.equal(bodies.size, 1, 'one refusal for all states and routes');
  for (const [method, address, body] of [
    ['GET', '/api/orders/ORDER00000000000000000000'], ['POST', '/api/orders/ORDER00000000000000000000/cancel'],
    ['POST', '/api/orders/ORDER00000000000000000000/complete'], ['GET', '/api/payment/wxpay/ORDER00000000000000000000'],
    ['POST', '/api/payment/wxpay', { order_id: 'ORDER00000000000000000000' }],
  ]) assertRefused(await shop.call(method, address, { token: bob.token, body }), 404, 'NOT_FOUND');
});

test('without a token, or with the owner\'s where an administrator is required, there is no effect (B4)', async () => {
  const order = await trade.order(anna, [[await trade.product(), 1]]);
  for (const [method, tail, body] of [
    ['GET', ''], ['PUT', '', { status: CANCELLED }], ['DELETE', ''], ['POST', '/cancel'], ['POST', '/complete'],
  ]) {
    const answer = await shop.call(method, `/api/orders/${order.order_id}${tail}`, { body });
    assertRefused(answer, 401);
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/);
  }
  for (const [method, address] of [['GET', '/api/orders'], ['GET', `/api/payment/wxpay/${order.order_id}`]]) {
    assertRefused(await shop.call(method, address), 401);
  }
  assertRefused(await shop.call('POST', '/api/orders', { body: { items: [] } }), 401);
  assertRefused(await shop.call('POST', '/api/payment/wxpay', { body: { order_id: order.order_id } }), 401);
  assertRefused(await trade.put(order, { status: PAID, payment_method: '现金', payment_id: 'x' }, anna.token), 403);
  assertRefused(await trade.remove(order, anna.token), 403);
  assert.equal(await trade.status(order), PENDING);
});

test('users list only their own orders, administrators all, newest first, with lines', async () => {
  const [carl, dora] = await trade.buyers(2);
  const product = await trade.product();
  const placed = [];
  for (let i = 0; i < 6; i++) placed.unshift(await trade.order(i % 2 ? carl : dora, [[product, 1 + i]]));
  const own = await trade.ok('GET', '/api/orders', { token: carl.token });
  assert.deepEqual(ids(own), ids(placed.filter((o) => o.user_id === carl.user.user_id)));
  own.forEach((order) => assertFullOrder(order, { user_id: carl.user.user_id }));
  const all = await trade.ok('GET', '/api/orders?limit=6', { token: trade.admin });
  assert.deepEqual(ids(all), ids(placed));
  all.forEach((order) => assertFullOrder(order));
  const spied = await trade.ok('GET', `/api/orders?user_id=${dora.user.user_id}`, { token: carl.token });
  assert.deepEqual(ids(spied), ids(own), 'user_id is for administrators; it opens nothing');
  const doras = await trade.ok('GET', `/api/orders?user_id=${dora.user.user_id}`, { token: trade.admin });
  assert.deepEqual(ids(doras), ids(placed.filter((o) => o.user_id === dora.user.user_id)));
});

test('lists are filtered by status, user and both, for administrators and users', async () => {
  const [carl, dora] = await trade.buyers(2);
  const product = await trade.product();
  const placed = [];
  for (const person of [carl, dora]) {
    for (const status of [PENDING, PAID, SHIPPED, COMPLETED, CANCELLED, REFUNDED]) {
      const order = await trade.orderIn(person, [[product, 1]], status, 'offline');
      placed.unshift({ ...order, status });
    }
  }
  const expect = async (query, token, wanted) => {
    const found = await trade.ok('GET', `/api/orders?${query}`, { token });
    assert.deepEqual(ids(found), ids(wanted), query);
  };
  for (let status = PENDING; status <= REFUNDED; status++) {
    const fits = placed.filter((o) => o.status === status);
    await expect(`status=${status}&limit=2`, trade.admin, fits);
    for (const person of [carl, dora]) {
      const own = fits.filter((o) => o.user_id === person.user.user_id);
      await expect(`status=${status}`, person.token, own);
      await expect(`status=${status}&user_id=${person.user.user_id}`, trade.admin, own);
    }
  }
  for (const odd of ['status=6', 'status=-1', 'status=x', 'user_id=0', 'created_from=yesterday', 'created_to=2026-02-30', 'limit=0', 'cursor=x']) {
    const answer = await shop.call('GET', `/api/orders?${odd}`, { token: trade.admin });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, odd.split('=')[0], odd);
  }
});

test('pages neither repeat nor skip an order, while more are placed and with equal times (B13)', async () => {
  const carl = await trade.buyer();
  const product = await trade.product();
  const placed = await Promise.all(Array.from({ length: 23 }, () => trade.order(carl, [[product, 1]])));
  await shop.sql(`UPDATE orders SET created_at = 1700000000000 + id DIV 5 WHERE user_id = ${carl.user.user_id}`);
  const first = await shop.call('GET', '/api/orders?limit=5&status=0', { token: carl.token });
  const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link'))[1];
  assert.match(next, /status=0/, 'filters are kept');
  const late = await trade.order(carl, [[product, 1]]);
  const rest = await pages(next, carl.token);
  const seen = [...ids(first.body), ...rest.flatMap(ids)];
  assert.equal(seen.length, 23);
  assert.deepEqual(new Set(seen), new Set(ids(placed)));
  assert.ok(!seen.includes(late.order_id));
  rest.slice(0, -1).forEach((page) => assert.equal(page.length, 5));
  const all = await pages(`/api/orders?limit=7&user_id=${carl.user.user_id}`, trade.admin);
  assert.equal(new Set(all.flatMap(ids)).size, 24);
  assert.equal(all.flat().length, 24);
  const cursor = new URL(next, shop.baseUrl).searchParams.get('cursor');
  const forged = `${cursor.slice(0, -2)}${cursor.endsWith('AA') ? 'BB' : 'AA'}`;
  assertRefused(await shop.call('GET', `/api/orders?cursor=${encodeURIComponent(forged)}`, { token: carl.token }), 400);
  const [others] = await pages(`/api/orders?limit=50&cursor=${encodeURIComponent(cursor)}`, bob.token);
  for (const order of others) assert.equal(order.user_id, bob.user.user_id, "another's cursor opens nothing");
});

test("a day in a filter is in the shop's zone, a time is exact and its end exclusive (B49)", async () => {
  const carl = await trade.buyer();
  const product = await trade.product();
  const at = {};
  for (const moment of ['2026-03-01T15:59:59.999Z', '2026-03-01T16:00:00.000Z', '2026-03-02T15:59:59.999Z', '2026-03-02T16:00:00.000Z']) {
    at[moment] = (await trade.order(carl, [[product, 1]])).order_id;
    await shop.sql(`UPDATE orders SET created_at = ${Date.parse(moment)} WHERE order_no = '${at[moment]}'`);
  }
  const [before, midnight, evening, after] = Object.values(at);
  for (const [query, wanted] of [
    ['created_from=2026-03-02&created_to=2026-03-02', [evening, midnight]], // both days are included (B65)
    ['created_from=2026-03-03', [after]],
    ['created_to=2026-03-01', [before]],
    ['created_from=2026-03-01T15:59:59.999Z&created_to=2026-03-01T16:00:00.000Z', [before]],
    ['created_from=2026-03-02T00:00:00%2B08:00&created_to=2026-03-03T00:00:00%2B08:00', [evening, midnight]],
    ['created_from=2026-03-03&created_to=2026-03-02', []],
    ['status=0&created_from=2026-03-02&created_to=2026-03-02', [evening, midnight]],
    ['status=4&created_from=2026-03-02', []],
  ]) {
    for (const [address, token] of [[`/api/orders?${query}`, carl.token], [`/api/orders?${query}&user_id=${carl.user.user_id}`, trade.admin]]) {
      assert.deepEqual(ids(await trade.ok('GET', address, { token })), wanted, address);
    }
  }
  const paged = await pages('/api/orders?created_from=2026-03-01&created_to=2026-03-04&limit=1', carl.token);
  assert.deepEqual(paged.flatMap(ids), [after, evening, midnight, before]);
});

test('a long list is cut at its limit and never repeats an order with many lines', async () => {
  const carl = await trade.buyer();
  const products = await Promise.all(Array.from({ length: 60 }, () => trade.product()));
  for (let i = 0; i < 12; i++) await trade.order(carl, products.map((id) => [id, 1]));
  const all = await pages('/api/orders?limit=5', carl.token);
  assert.deepEqual(all.map((page) => page.length), [5, 5, 2]);
  for (const order of all.flat()) {
    assertFullOrder(order);
    assert.deepEqual(new Set(order.orderItems.map((line) => line.product_id)), new Set(products));
    assert.equal(order.orderItems.length, 60);
  }
});

test('an order placed with a shifted clock has that time', async () => {
  shop.clock(3 * 3600);
  const order = await trade.order(anna, [[await trade.product(), 1]]);
  assert.ok(Math.abs(Date.parse(order.created_at) - (Date.now() + 3 * 3600_000)) < 60_000, order.created_at);
  shop.clock(0);
});

// SPDX-License-Identifier: MIT
// Database connections: their settings, the classes of server errors, and lost responses (BEHAVIOUR 53, 63, 64).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WORKERS } from '../../../sandbox/web.mjs';
import { Cards, SPEND } from '../lib/cards.mjs';
import { openDbProxy } from '../lib/db-proxy.mjs';
import { ATTEMPT, PAID, openTrade, until } from '../lib/trade.mjs';

const REST_MS = 1100; // a connection counts as idle after a second

const trade = await openTrade({ own: true });
const { shop } = trade;
const proxy = await openDbProxy(shop.env.DB_SOCKET, shop.dir);
await shop.restartWeb({ DB_SOCKET: proxy.socket });
const anna = await trade.buyer();
const cards = new Cards(trade);

// A search is not kept, so it always asks the database.
const search = () => shop.call('GET', `/api/products?limit=1&q=${encodeURIComponent('商品')}`);
const place = (product, options) => trade.tryOrder(anna, [[product, 1]], options);
const ordersOf = async (product) => (await shop.sql(`SELECT COUNT(*) AS n FROM order_items WHERE product_id = ${product}`))[0].n;
const commits = () => proxy.seen.filter((text) => text === 'COMMIT').length;
const databaseLines = (from) => shop.log().slice(from).filter(({ area }) => area === 'db');

function assertAnswer({ status, body, headers }, expected, code) {
  assert.deepEqual([status, body.code], [expected, code], JSON.stringify(body));
  assert.equal(headers.get('retry-after'), expected === 503 ? '1' : null);
}

// Enough requests to reach every program of a family.
async function all(family, request) {
  const answers = [];
  for (let i = 0; i < 3 * WORKERS[family]; i++) answers.push((await request()).status);
  return [...new Set(answers)];
}

// ---- a lost response to COMMIT ----

// Executed by the server, or never received: the shop can't know which.
for (const [act, done] of [['lose', 1], ['drop', 0]]) {
  test(`a COMMIT without a response is UNKNOWN_OUTCOME and not retried: ${act} (B53)`, async () => {
    const product = await trade.product();
    const from = shop.log().length;
    proxy.forget();
    const rule = proxy.once(/^COMMIT$/, act);
    assertAnswer(await place(product), 503, 'UNKNOWN_OUTCOME');
    assert.ok(rule.hit);
    assert.equal(commits(), 1);
    assert.deepEqual([await ordersOf(product), await trade.stock(product)], [done, 100 - done]);
    assert.deepEqual(databaseLines(from).map(({ level, message }) => [level, message.split(':')[0]]),
      [['alarm', 'outcome unknown of COMMIT']]);
    assert.equal((await place(product)).status, 201); // the next request has a new connection
    assert.deepEqual([await ordersOf(product), await trade.stock(product)], [done + 1, 99 - done]);
  });

  test(`the caller retries with the same key, and there is one order: ${act} (B53)`, async () => {
    const product = await trade.product();
    const headers = { 'idempotency-key': `unknown-${act}` };
    const rule = proxy.once(/^COMMIT$/, act);
    assertAnswer(await place(product, { headers }), 503, 'UNKNOWN_OUTCOME');
    assert.ok(rule.hit);
    const again = await place(product, { headers });
    assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [201, done ? 'true' : null]);
    assert.deepEqual([await ordersOf(product), await trade.stock(product)], [1, 99]);
  });

  test(`the same for a card transaction and a notification (B53): ${act}`, async () => {
    const carol = await trade.buyer();
    const card = await cards.of(carol, '50.00');
    proxy.once(/^COMMIT$/, act);
    assertAnswer(await cards.transact(card, SPEND, '3.00'), 503, 'UNKNOWN_OUTCOME');
    assert.equal(await cards.balance(card), done ? '47.00' : '50.00');

    const product = await trade.product();
    const order = await trade.order(carol, [[product, 1]]);
    const { outTradeNo } = await trade.prepay(carol, order);
    const rule = proxy.once(/^COMMIT$/, act);
    assert.equal((await shop.pay(outTradeNo)).body.status, 503); // so that it is delivered again
    assert.ok(rule.hit);
    await trade.payNotified(outTradeNo);
    assert.equal(await trade.status(order), PAID);
    assert.deepEqual(await trade.states(order), [ATTEMPT.granted]);
    assert.deepEqual(await trade.moves(order), [-1]);
  });
}

test('a change outside a transaction without a response is as unknown as a COMMIT, and not retried (B53)', async (t) => {
  const dora = await trade.buyer();
  shop.clock(6 * 60); // since then she has done nothing, so it is noted that she does now
  t.after(() => shop.clock(0));
  proxy.forget();
  const rule = proxy.once(/^UPDATE members SET last_active_at/, 'lose');
  assertAnswer(await shop.call('GET', '/api/auth/me', { token: dora.token }), 503, 'UNKNOWN_OUTCOME');
  assert.ok(rule.hit);
  assert.equal(proxy.seen.filter((text) => /^UPDATE members/.test(text)).length, 1);
});

// ---- classes of errors ----

// [code, status, wire code, level of its log line, is the connection closed?]
const CLASSES = [
  [1290, 503, 'DATABASE_UNAVAILABLE', 'error', true],
  [1226, 503, 'DATABASE_UNAVAILABLE', 'alarm', true],
  [1053, 503, 'DATABASE_UNAVAILABLE', 'error', true],
  [1047, 503, 'DATABASE_UNAVAILABLE', 'error', true],
  [9001, 503, 'DATABASE_UNAVAILABLE', 'error', true],
  [1317, 503, 'BUSY', 'error', false],
  [1114, 503, 'BUSY', 'alarm', false],
  [1021, 503, 'BUSY', 'alarm', false],
  [1146, 500, 'DATABASE_ERROR', 'alarm', false],
];

test("each class of server errors has its response, its log line, and closes the connection or not (B64)", async () => {
  const product = await trade.product();
  await all('orders', () => place(product));
  for (const [code, status, wire, level, closed] of CLASSES) {
    const [from, orders] = [shop.log().length, await ordersOf(product)];
    const rule = proxy.once(/^INSERT INTO orders/, { error: [code, `error ${code}`] });
    assertAnswer(await place(product), status, wire);
    assert.ok(rule.hit);
    const lines = databaseLines(from);
    assert.deepEqual(lines.map((line) => line.level), [level], `${code}: ${JSON.stringify(lines)}`);
    assert.match(lines[0].message, new RegExp(`: ${code} `));
    assert.equal((await place(product)).status, 201, `after ${code}`);
    if (closed) await until(`${code}: it to be given up`, () => !proxy.links.has(rule.hit));
    else assert.ok(proxy.links.has(rule.hit), `${code}: kept`);
    assert.equal(await ordersOf(product), orders + 1, `${code}: nothing of the first`);
  }
});

test('when the server is out of prepared statements the connection is closed and releases its own (B64)', async () => {
  const product = await trade.product();
  await proxy.closeAll();
  const rule = proxy.once(/^PREPARE INSERT INTO orders/, { error: [1461, "Can't create more than max_prepared_stmt_count statements"] });
  assertAnswer(await place(product), 503, 'DATABASE_UNAVAILABLE');
  assert.ok(rule.hit);
  assert.deepEqual(await all('orders', () => place(product)), [201]);
});

test('a COMMIT refused by a server that became read-only is known not to be done (B64)', async () => {
  const product = await trade.product();
  const rule = proxy.once(/^COMMIT$/, { error: [1290, 'The MariaDB server is running with the --read-only option'] });
  assertAnswer(await place(product), 503, 'DATABASE_UNAVAILABLE');
  assert.ok(rule.hit);
  assert.deepEqual([await ordersOf(product), await trade.stock(product)], [0, 100]);
});

// Rows or results that are impossible for us, as after a manual repair.
test('an impossible row, or an unknown column, is 500 for its request and an alarm: no program ends (B63)', async () => {
  const [product] = [await trade.product(), await trade.product()];
  const read = () => shop.call('GET', `/api/products/${product}`, { token: trade.admin });
  await all('catalogue', read);
  const programs = await trade.allWorkers('catalogue');
  for (const [prepare, message] of [
    [['p.product_id = ?', 'p.product_id >= ?'], /more than one row/],
    [['p.name', 'p.name AS other'], /a column without a member/],
    [['p.stock', '9223372036854775807 + 1.0 AS stock'], /an impossible column/],
    [['p.stock', '18446744073709551615 AS stock'], /an impossible column/],
  ]) {
    await proxy.closeAll(); // so that it is prepared again
    const from = shop.log().length;
    const rule = proxy.once(/^PREPARE .* WHERE p\.product_id = \?/, { prepare });
    assertAnswer(await read(), 500, 'DATABASE_ERROR');
    assert.ok(rule.hit);
    assert.deepEqual(databaseLines(from).map((line) => [line.level, message.test(line.message)]), [['alarm', true]]);
    await proxy.closeAll();
    assert.deepEqual(await all('catalogue', read), [200]);
  }
  assert.deepEqual(await trade.allWorkers('catalogue'), programs);
});

// ---- idle connections ----

// [the notice that the server sends before it closes them]
for (const notice of [undefined, 4031]) {
  test(`connections closed by the server while idle cause no failed request${notice ? ', with a notice too' : ''} (B64)`, async () => {
    const product = await trade.product();
    await all('orders', () => place(product));
    await all('catalogue', search);
    const from = shop.log().length;
    await proxy.closeAll({ notice });
    assert.deepEqual(await all('orders', () => place(product)), [201]);
    assert.deepEqual(await all('catalogue', search), [200]);
    assert.deepEqual(databaseLines(from), []);
  });
}

test('a statement on a connection closed while idle is sent again if it has no effects, never in a transaction (B64)', async () => {
  const product = await trade.product();
  const refresh = async () => {
    const answer = await shop.call('POST', '/api/auth/refresh', { body: { refresh_token: anna.refresh_token } });
    Object.assign(anna, answer.body);
    return answer;
  };
  await all('orders', () => place(product));
  await all('catalogue', search);
  await all('users', refresh);
  await delay(REST_MS);
  // among the idle ones, since a program that has not served yet has a new one
  const among = new Set(proxy.links);
  for (const [family, request, first, good] of [
    ['catalogue', search, /FROM products/, 200],
    ['orders', () => shop.call('GET', '/api/orders', { token: anna.token }), /^SELECT .* FROM orders/, 200],
    ['users', refresh, /^START TRANSACTION$/, 200],
  ]) {
    const rule = proxy.once(first, 'drop', { among });
    assert.deepEqual(await all(family, request), [good], family);
    assert.ok(rule.hit, family);
  }
  // a transaction after an idle time: its second read, though without effects
  await delay(REST_MS);
  const { refresh_token: kept } = anna;
  proxy.forget();
  const inside = proxy.once(/^SELECT .* FROM refresh_tokens/, 'drop', { among: new Set(proxy.links) });
  assertAnswer(await refresh(), 503, 'DATABASE_UNAVAILABLE');
  assert.ok(inside.hit);
  assert.deepEqual(proxy.seen.filter((text) => /FROM refresh_tokens/.test(text)).length, 1);
  anna.refresh_token = kept; // nothing was done, so it is still valid
  assert.equal((await refresh()).status, 200);
});

test('migrate does not continue without the connection that holds its lock (B64)', async () => {
  const rule = proxy.once(/^CREATE TABLE IF NOT EXISTS schema_migrations/, 'last');
  const { code, stderr } = await shop.minimall(['migrate']);
  assert.ok(rule.hit);
  assert.notEqual(code, 0, stderr);
  assert.equal((await shop.minimall(['migrate'])).code, 0);
});

// ---- settings of connections ----

test('a connection whose settings fail is closed, and none is ever used without them (B64)', async () => {
  for (const settings of [/^SET SESSION sql_mode/, /^SHOW SESSION VARIABLES/, /^SET SESSION t\w+_isolation/]) {
    await proxy.closeAll();
    proxy.forget();
    const rule = proxy.once(settings, { error: [1193, 'Unknown system variable'] });
    assertAnswer(await search(), 503, 'DATABASE_UNAVAILABLE');
    assert.ok(rule.hit);
    await until('it to be closed', () => proxy.links.size === 0);
    assert.deepEqual(proxy.seen.filter((text) => /FROM products/.test(text)), [], 'and not used');
    assert.equal((await search()).status, 200);
  }
});

test('the server\'s version string does not matter: its settings are queried (B64)', async (t) => {
  t.after(() => { proxy.greeting = null; });
  const product = await trade.product();
  const has = await shop.sql(`SHOW VARIABLES WHERE Variable_name IN ('max_statement_time', 'max_execution_time', 'innodb_snapshot_isolation')`);
  for (const name of ['8.0.30-ProxySQL', '5.5.5-10.11.6-MariaDB-1:10.11.6', '11.8.2', 'shop']) {
    proxy.greeting = name;
    await proxy.closeAll();
    proxy.forget();
    assert.deepEqual(await all('orders', () => place(product)), [201], name);
    assert.deepEqual(proxy.codes, [], `no error of the server's, named ${name}`);
    const set = proxy.seen.find((text) => /^SET SESSION t\w+_isolation/.test(text));
    for (const { Variable_name: variable } of has) assert.match(set, new RegExp(`SESSION ${variable}=[1-9]`), name);
  }
});

test("global settings of a host do not affect the shop's sessions (B64)", async (t) => {
  t.after(() => { proxy.init = null; });
  const product = await trade.product({ stock: 1000 });
  const list = () => shop.ok('GET', '/api/orders?limit=100', { token: trade.admin });
  for (const init of ['SET SESSION max_join_size = 1, SESSION sql_big_selects = 0', 'SET SESSION sql_safe_updates = 1',
    'SET SESSION TRANSACTION READ ONLY', 'SET SESSION autocommit = 0', 'SET SESSION sql_select_limit = 1',
    'SET SESSION completion_type = 2', "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'"]) {
    proxy.init = init;
    await proxy.closeAll();
    const orders = await ordersOf(product);
    assert.deepEqual(await all('orders', () => place(product)), [201], init);
    assert.equal(await ordersOf(product), orders + 3 * WORKERS.orders, init);
    assert.ok((await list()).length > 1, init);
  }
});

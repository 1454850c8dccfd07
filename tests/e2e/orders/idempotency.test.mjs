// SPDX-License-Identifier: MIT
// A write with an Idempotency-Key is executed once (DESIGN 1, "Writes that move value").
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DAY_S, PENDING, assertRefused, openTrade, prepayIdOf, replayed, tally } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const [anna, bob] = await trade.buyers(2);
const product = await trade.product({ stock: 10_000 });
let keys = 0;

const newKey = () => `key-${keys += 1}`;

const place = (key, lines = [[product, 1]], person = anna, more = {}) => (
  trade.tryOrder(person, lines, { headers: { 'idempotency-key': key }, ...more }));

async function orders(person = anna) {
  const [{ n }] = await shop.sql(`SELECT COUNT(*) AS n FROM orders WHERE user_id = ${person.user.user_id}`);
  return n;
}

const kept = () => shop.sql('SELECT idempotency_key, resource_id, status FROM idempotency_keys ORDER BY created_at');

test('a replay returns the same status and the same order, and takes no stock', async () => {
  const key = newKey();
  const before = await trade.stock(product);
  const first = await place(key, [[product, 2]]);
  assert.equal(first.status, 201);
  assert.equal(replayed(first), null);
  for (let i = 0; i < 3; i++) {
    const again = await place(key, [[product, 2]]);
    assert.equal(again.status, 201);
    assert.equal(replayed(again), 'true');
    assert.deepEqual(again.body, first.body);
  }
  assert.equal(await trade.stock(product), before - 2);
  assert.deepEqual(await shop.sql(`SELECT status FROM idempotency_keys WHERE idempotency_key = '${key}'`), [{ status: 201 }]);
});

test('a replay shows the current order, with the original HTTP status', async () => {
  const key = newKey();
  const { body } = await place(key);
  await trade.cancel(anna, body);
  const again = await place(key);
  assert.equal(again.status, 201);
  assert.equal(again.body.order_id, body.order_id);
  assert.equal(again.body.status, 4);
});

test('the same key with a body that differs in any byte is 409', async () => {
  const key = newKey();
  const { body } = await place(key, [[product, 1]]);
  const before = await orders();
  assertRefused(await place(key, [[product, 2]]), 409, 'IDEMPOTENCY_MISMATCH');
  const spaced = await shop.call('POST', '/api/orders', {
    token: anna.token, raw: `{"items":[{"product_id":${product}, "quantity":1}]}`, headers: { 'idempotency-key': key },
  });
  assertRefused(spaced, 409, 'IDEMPOTENCY_MISMATCH');
  assert.equal(replayed(spaced), null);
  assert.equal(await orders(), before);
  assert.equal((await place(key, [[product, 1]])).body.order_id, body.order_id);
});

test('twenty concurrent duplicates are one order', async () => {
  for (let round = 0; round < 3; round++) {
    const key = newKey();
    const before = await trade.stock(product);
    const answers = await Promise.all(Array.from({ length: 20 }, () => place(key, [[product, 3]])));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 20 });
    assert.equal(new Set(answers.map(({ body }) => body.order_id)).size, 1);
    assert.equal(answers.filter((answer) => replayed(answer) === null).length, 1);
    assert.equal(await trade.stock(product), before - 3);
  }
});

test('concurrent duplicates with two different bodies: one order, the other body is refused', async () => {
  for (let round = 0; round < 5; round++) {
    const key = newKey();
    const before = await orders();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => place(key, [[product, 1 + (i % 2)]])));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 5, 409: 5 });
    assert.equal(new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.order_id)).size, 1);
    assert.equal(await orders(), before + 1);
  }
});

test('a failure is not stored: the key can be used for a retry', async () => {
  const key = newKey();
  const scarce = await trade.product({ stock: 1 });
  assertRefused(await place(key, [[scarce, 2]]), 409, 'INSUFFICIENT_STOCK');
  assertRefused(await place(key, [[999_999, 1]]), 404, 'PRODUCT_NOT_FOUND');
  assertRefused(await place(key, [[scarce, 0]]), 400);
  assert.deepEqual((await kept()).filter((row) => row.idempotency_key === key), []);
  const made = await place(key, [[scarce, 1]]);
  assert.equal(made.status, 201);
  assert.equal(replayed(made), null);
});

test('concurrent duplicates for the last item: one succeeds, and all get its order', async () => {
  const last = await trade.product({ stock: 1 });
  const key = newKey();
  const answers = await Promise.all(Array.from({ length: 10 }, () => place(key, [[last, 1]])));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 10 });
  assert.equal(await trade.stock(last), 0);
});

test("keys are scoped by user and route", async () => {
  const key = newKey();
  const one = await place(key);
  const two = await place(key, [[product, 1]], bob);
  assert.equal(two.status, 201);
  assert.equal(replayed(two), null);
  assert.notEqual(two.body.order_id, one.body.order_id);
  assert.equal(two.body.user_id, bob.user.user_id);
  const prepared = await trade.tryPrepay(anna, one.body, { 'idempotency-key': key });
  assert.equal(prepared.status, 200);
  assert.equal(replayed(prepared), null);
});

test('without a key every request is separate', async () => {
  const [one, two] = [await trade.order(anna, [[product, 1]]), await trade.order(anna, [[product, 1]])];
  assert.notEqual(one.order_id, two.order_id);
});

test('a key is 1 to 255 visible characters, anything else 400', async () => {
  const before = await orders();
  for (const odd of ['a'.repeat(256), 'a b', 'a\tb', '\u0080', '\u00e9']) {
    assertRefused(await place(odd), 400, 'IDEMPOTENCY_KEY');
  }
  assert.equal(await orders(), before);
  for (const fine of ['a'.repeat(255), '!', '~"\\\'%', '0']) assert.equal((await place(fine)).status, 201, fine);
  const cancel = await shop.call('POST', `/api/orders/${(await trade.order(anna, [[product, 1]])).order_id}/cancel`, {
    token: anna.token, headers: { 'idempotency-key': 'a b' },
  });
  assert.equal(cancel.status, 200, 'routes that move no value do not look at it');
});

test('a prepay with a key: the replay is the same prepay_id with a new signature, and no call', async () => {
  const key = { 'idempotency-key': newKey() };
  const order = await trade.order(anna, [[product, 1]]);
  const first = await trade.tryPrepay(anna, order, key);
  assert.equal(first.status, 200);
  await trade.forgetRequests();
  const again = await trade.tryPrepay(anna, order, key);
  assert.equal(again.status, 200);
  assert.equal(replayed(again), 'true');
  assert.equal(prepayIdOf(again.body), prepayIdOf(first.body));
  assert.notEqual(again.body.nonceStr, first.body.nonceStr);
  assert.deepEqual(await trade.requests(), []);
  const other = await trade.order(anna, [[product, 1]]);
  assertRefused(await trade.tryPrepay(anna, other, key), 409, 'IDEMPOTENCY_MISMATCH');
  assertRefused(await trade.tryPrepay(bob, order, key), 403);
});

test('twenty concurrent duplicate prepays are one attempt and one payable order at the provider (B39)', async () => {
  for (const headers of [{ 'idempotency-key': newKey() }, {}]) {
    const order = await trade.order(anna, [[product, 1]]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => trade.tryPrepay(anna, order, headers)));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 20 }, JSON.stringify(answers.map(({ body }) => body.code)));
    const attempts = await trade.attempts(order);
    assert.equal(attempts.length, 1);
    const { prepays } = await trade.atWechat(attempts[0].out_trade_no);
    const known = prepays.map(({ id }) => id);
    for (const { body } of answers) assert.ok(known.includes(prepayIdOf(body)), 'each answer can be paid');
  }
});

test('a prepay that failed at the provider stores no key', async () => {
  const key = { 'idempotency-key': newKey() };
  const order = await trade.order(anna, [[product, 1]]);
  await trade.fault('jsapi', 'bad_signature');
  assertRefused(await trade.tryPrepay(anna, order, key), 503, 'PROVIDER_UNKNOWN');
  const next = await trade.tryPrepay(anna, order, key);
  assert.equal(next.status, 200);
  assert.equal(replayed(next), null);
});

test('a key is valid for 24 hours, and jobs delete it then', async () => {
  const key = newKey();
  const first = await place(key);
  shop.clock(DAY_S - 60);
  await trade.signInAgain(anna);
  assert.equal((await place(key)).body.order_id, first.body.order_id);
  await shop.jobs();
  assert.equal((await kept()).filter((row) => row.idempotency_key === key).length, 1);
  shop.clock(DAY_S + 60);
  await trade.signInAgain(anna);
  const second = await place(key, [[product, 2]]);
  assert.equal(second.status, 201, 'a key over its day is new, with any body');
  assert.equal(replayed(second), null);
  assert.notEqual(second.body.order_id, first.body.order_id);
  assert.equal((await place(key, [[product, 2]])).body.order_id, second.body.order_id);
  const report = await shop.jobs();
  assert.match(report, /[1-9]\d* keys/);
  assert.deepEqual((await kept()).map((row) => row.idempotency_key), [key]);
  assert.equal(second.body.status, PENDING);
  shop.clock(0);
});

// SPDX-License-Identifier: MIT
// Impossible states: a clock set back, rows that the shop can't have written. One request's 500 and an alarm, with
// defined results; the processes continue (BEHAVIOUR 28, 63).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { openVip } from '../lib/memberships.mjs';
import { ATTEMPT, DAY_S, PAID } from '../lib/trade.mjs';

const vip = await openVip();
const { shop, trade } = vip;
const month = await vip.plan({ name: '月度', price: '30.00', duration_days: 30, level: 1 });
const gold = await vip.plan({ name: '金卡', price: '300.00', duration_days: 30, level: 2 });
const HUGE = 2n ** 62n;

afterEach(async () => {
  await vip.at(0);
  await trade.audit(0);
});

// All serving processes.
async function serving() {
  for (const path of ['/api/categories', '/readyz']) assert.equal((await shop.call('GET', path)).status, 200);
  return trade.allWorkers();
}

const shapes = async (person) => (await vip.segments(person)).map(({ kind, state, level }) => [kind, state, level]);

// ---- a clock set back ----

for (const way of ['notification', 'jobs']) {
  test(`what was quoted after everything had ended, and is paid (${way}) with the clock set back before that, is granted as quoted (B27, B28, B63)`, async () => {
    const anna = await vip.buyer();
    await vip.bought(anna, gold);
    const [first] = await vip.segments(anna);
    await vip.at(31, anna);
    const order = await vip.create(anna, month); // NEW, and of a lower level
    assert.equal(order.order_type, 'NEW');
    const { outTradeNo } = await vip.prepay(anna, order);
    await shop.pay(outTradeNo, { notify: false });
    await vip.at(20, anna);
    const before = await serving();
    if (way === 'notification') assert.equal((await trade.payNotified(outTradeNo)).body.status, 200);
    else {
      await shop.sql('UPDATE outbox SET due_at = 1 WHERE kind = 1');
      await shop.jobs();
    }
    assert.deepEqual(await serving(), before);
    assert.equal(await vip.state(order), 'PAID');
    assert.deepEqual(await shapes(anna), [['NEW', 'ACTIVE', 2], ['NEW', 'ACTIVE', 1]]);
    const [same, second] = await vip.segments(anna);
    assert.deepEqual(same, first, 'what lives is as it was');
    assert.ok(second.start >= first.end, 'and the other begins after it, as when it was quoted');
    assert.equal((await vip.status(anna)).is_vip, true);
  });
}

test('a membership renewed, upgraded and refunded with the clock set back before it began loses nothing and gains nothing (B26, B27, B29, B63)', async () => {
  const anna = await vip.buyer();
  await vip.at(10, anna);
  const first = await vip.bought(anna, month);
  const [segment] = await vip.segments(anna);
  await vip.at(5, anna);
  const before = await serving();
  const renewal = await vip.bought(anna, month);
  assert.equal(renewal.order_type, 'RENEWAL');
  assert.equal((await vip.segments(anna))[1].start, segment.end);
  const upgrade = await vip.create(anna, gold);
  assert.deepEqual([upgrade.order_type, upgrade.discount_amount], ['UPGRADE', '60.00'], 'all of both is left, and no more');
  await vip.cancel(anna, upgrade);
  assert.equal((await vip.refund(first)).status, 'REFUNDED');
  const [cut, rest] = await vip.segments(anna);
  assert.deepEqual([cut.state, cut.end - cut.start, cut.taken], ['REFUNDED', 0, 30 * DAY_S]);
  assert.deepEqual([rest.start, rest.end - rest.start], [segment.start, 30 * DAY_S], 'the renewal begins where the other did');
  assert.deepEqual(await serving(), before);
});

// ---- impossible rows ----

const one = async (sql) => (await shop.sql(sql))[0];

// [what, { table, where, change, ask (requests it), heals (the response after the repair) }]
const PLANTS = {
  'a price beyond all sums': async () => {
    const product = await trade.product({ price: '10.00', stock: 5 });
    const anna = await vip.buyer();
    return { table: 'products', where: `product_id = ${product}`, change: `price = ${HUGE}`, ask: () => trade.tryOrder(anna, [[product, 1]]), heals: 201 };
  },
  'a price that no order can show': async () => {
    const product = await trade.product({ price: '10.00', stock: 5 });
    const anna = await vip.buyer();
    return { table: 'products', where: `product_id = ${product}`, change: 'price = 1000000000000', ask: () => trade.tryOrder(anna, [[product, 1]]), heals: 201 };
  },
  'a deadline after all years': async () => {
    const anna = await vip.buyer();
    const order = await trade.order(anna, [[await trade.product(), 1]]);
    return { table: 'orders', where: `order_no = '${order.order_id}'`, change: `expires_at = ${HUGE}`, ask: () => trade.tryPrepay(anna, order), heals: 200 };
  },
  'a segment that begins after all years': async () => {
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    return { table: 'entitlement_segments', where: `user_id = ${anna.user.user_id}`, change: `start_s = ${HUGE}`, ask: () => vip.quote(anna, month), heals: 200 };
  },
  'a segment of more days than there are': async () => {
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    return { table: 'entitlement_segments', where: `user_id = ${anna.user.user_id}`, change: `days = ${HUGE}`, ask: () => vip.quote(anna, gold), heals: 200 };
  },
  'changes of segments that were not counted': async () => {
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    const { outTradeNo } = await vip.prepay(anna, await vip.create(anna, month));
    return {
      table: 'entitlements', where: `user_id = ${anna.user.user_id}`, change: 'version = 0',
      ask: () => shop.pay(outTradeNo).then(({ body }) => body), heals: 200,
    };
  },
  'a payment for no kind of thing': async () => {
    const anna = await vip.buyer();
    const order = await trade.order(anna, [[await trade.product(), 1]]);
    const { outTradeNo } = await trade.prepay(anna, order);
    return {
      table: 'payment_attempts', where: `out_trade_no = '${outTradeNo}'`, change: 'payable_kind = 9',
      ask: () => shop.pay(outTradeNo).then(({ body }) => body), heals: 200,
    };
  },
};

for (const [what, plant] of Object.entries(PLANTS)) {
  test(`${what}: 500 and an alarm for its request, and no effect on others (B63)`, async () => {
    const { table, where, change, ask, heals } = await plant();
    await shop.sql(`CREATE TABLE kept AS SELECT * FROM ${table} WHERE ${where}`);
    await shop.sql(`UPDATE ${table} SET ${change} WHERE ${where}`);
    const before = await serving();
    const alarms = () => shop.log().filter(({ level }) => level === 'alarm').length;
    const from = alarms();
    for (let i = 0; i < 3; i++) assert.equal((await ask()).status, 500);
    assert.ok(alarms() >= from + 3);
    assert.deepEqual(await serving(), before, 'every program is the one that it was');
    await shop.sql(`REPLACE INTO ${table} SELECT * FROM kept; DROP TABLE kept`);
    assert.equal((await ask()).status, heals);
  });
}

test('jobs do the rest despite such rows, and report them (B63)', async () => {
  const anna = await vip.buyer();
  const [bad, good] = [await vip.create(anna, month), await trade.order(anna, [[await trade.product({ price: '30.00' }), 1]])];
  const { outTradeNo: broken } = await vip.prepay(anna, bad);
  const { outTradeNo: whole } = await trade.prepay(anna, good);
  for (const no of [broken, whole]) await shop.pay(no, { notify: false });
  await shop.sql(`UPDATE payment_attempts SET payable_kind = 9 WHERE out_trade_no = '${broken}'`);
  await shop.sql('UPDATE outbox SET due_at = 1');
  const { code } = await shop.minimall(['jobs']);
  assert.equal(code, 1);
  assert.equal(await trade.status(good), PAID);
  await shop.sql(`UPDATE payment_attempts SET payable_kind = 2 WHERE out_trade_no = '${broken}'`);
  await shop.sql('UPDATE outbox SET due_at = 1');
  await shop.jobs();
  assert.equal((await one(`SELECT state FROM payment_attempts WHERE out_trade_no = '${broken}'`)).state, ATTEMPT.granted);
  assert.equal(await vip.state(bad), 'PAID');
});

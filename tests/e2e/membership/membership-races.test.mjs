// SPDX-License-Identifier: MIT
// Concurrent operations: one final state in any interleaving, and the audit passes (BEHAVIOUR 17, 23, 28, 30, 36, 38).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Cards } from '../lib/cards.mjs';
import { PENDING_TEXT, REFUNDING_TEXT, assertDenied, openVip } from '../lib/memberships.mjs';
import { DAY_S, PAY_S, tally } from '../lib/trade.mjs';

const vip = await openVip();
const { shop, trade } = vip;
const cards = new Cards(trade);
const month = await vip.plan({ name: '月度', price: '30.00', duration_days: 30, level: 1 });
const gold = await vip.plan({ name: '金卡', price: '300.00', duration_days: 30, level: 2 });

await vip.mode('SUCCESS');
afterEach(async () => {
  await vip.at(0);
  await trade.audit(0);
});

const many = (n, ask) => Promise.all(Array.from({ length: n }, (_, i) => ask(i)));
// Runs all concurrently, in an order that differs between rounds; returns the responses in the order of the operations.
async function atOnce(round, acts) {
  const turned = acts.map((_, i) => (i + round) % acts.length);
  const answers = [];
  await Promise.all(turned.map(async (i) => { answers[i] = await acts[i](); }));
  return answers;
}
// A user's granted time: days of ACTIVE segments, which are consecutive.
async function activeDays(person) {
  const active = (await vip.segments(person)).filter(({ state }) => state === 'ACTIVE');
  for (let i = 1; i < active.length; i++) assert.ok(active[i].start >= active[i - 1].end, JSON.stringify(active));
  return active.reduce((sum, { days }) => sum + days, 0);
}

test('twenty concurrent creations: one order, nineteen times 422 存在未支付的订单 (B23)', async () => {
  for (let round = 0; round < 5; round++) {
    const anna = await vip.buyer();
    const answers = await many(20, (i) => vip.tryCreate(anna, i % 2 ? month : gold));
    const refused = answers.filter(({ status }) => status !== 200);
    assert.equal(refused.length, 19);
    for (const answer of refused) assertDenied(answer, 422, PENDING_TEXT);
    const rows = await shop.sql(`SELECT status, pending_user_id FROM membership_orders WHERE user_id = ${anna.user.user_id}`);
    assert.deepEqual(rows, [{ status: 0, pending_user_id: anna.user.user_id }]);
  }
});

test('twenty concurrent creations with an expired order: one succeeds (B23)', async () => {
  for (let round = 0; round < 3; round++) {
    const anna = await vip.buyer();
    await vip.create(anna, month);
    await vip.after(PAY_S + 1, anna);
    const answers = await Promise.all([...Array.from({ length: 20 }, () => vip.tryCreate(anna, month)), shop.jobs()]);
    assert.deepEqual(tally(answers.slice(0, 20).map(({ status }) => status)), { 200: 1, 422: 19 });
    const rows = await shop.sql(`SELECT status FROM membership_orders WHERE user_id = ${anna.user.user_id} ORDER BY id`);
    assert.deepEqual(rows.map(({ status }) => status), [3, 0]);
    await vip.at(0);
  }
});

test('twenty concurrent creations with nothing due: one is granted, the next is a renewal (B24, B26)', async () => {
  const dear = await vip.plan({ price: '300.00', duration_days: 300, level: 1 });
  const cheap = await vip.plan({ price: '30.00', duration_days: 30, level: 2 });
  const anna = await vip.buyer();
  await vip.bought(anna, dear);
  const answers = await many(20, () => vip.tryCreate(anna, cheap));
  const made = answers.filter(({ status }) => status === 200).map(({ body }) => [body.data.order_type, body.data.status]);
  assert.deepEqual(made.sort(), [['RENEWAL', 'PENDING'], ['UPGRADE', 'PAID']]);
  assert.equal(await activeDays(anna), 300);
});

test('twenty concurrent payments of one order: one grant (B25)', async () => {
  for (let round = 0; round < 5; round++) {
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    const order = await vip.create(anna, round % 2 ? gold : month);
    const answers = await many(20, (i) => vip.tryPay(anna, order, { method: i % 2 ? 'ALIPAY' : 'WECHAT' }));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 422: 19 });
    assert.equal((await vip.segments(anna)).length, 2);
    assert.equal(await activeDays(anna), round % 2 ? 30 : 60);
  }
});

test('card, simulation and provider pay one order concurrently: one of them pays, and none twice (B37)', async () => {
  for (let round = 0; round < 6; round++) {
    const anna = await vip.buyer();
    const card = await cards.of(anna, '100.00');
    const order = await vip.create(anna, month);
    const prepared = await vip.prepay(anna, order);
    const [played, carded] = await atOnce(round, [() => vip.tryPay(anna, order), () => cards.pay(anna, { order_id: order.order_no }), () => trade.payNotified(prepared.outTradeNo)]);
    await shop.jobs();
    const { payment_method: method, status } = await vip.read(order);
    assert.equal(status, 'PAID');
    assert.deepEqual([played.status === 200, carded.status === 200], [method === 'ALIPAY', method === '会员卡']);
    assert.equal(await cards.balance(card), method === '会员卡' ? '70.00' : '100.00');
    assert.deepEqual(await vip.refundsAtProvider(prepared), method === '微信支付' ? [] : [[3000, 'SUCCESS']]);
    assert.equal(await activeDays(anna), 30);
  }
});

test('concurrent payment, cancellation, expiry and provider success: one final state, and the money accounted for (B17, B38)', async () => {
  for (let round = 0; round < 12; round++) {
    const anna = await vip.buyer();
    const order = await vip.create(anna, month);
    const prepared = await vip.prepay(anna, order);
    if (round % 3 === 0) shop.clock(PAY_S + 1);
    const [played, cancelled] = await atOnce(round, [() => vip.tryPay(anna, order), () => vip.tryCancel(anna, order), () => trade.payNotified(prepared.outTradeNo), () => shop.jobs()]);
    shop.clock(PAY_S + 10 * 60);
    await shop.jobs();
    const { status, payment_method: method } = await vip.read(order);
    const there = await trade.atWechat(prepared.outTradeNo); // expired there, so closed
    shop.clock(0);
    const paidThere = there.trade_state === 'SUCCESS' || there.trade_state === 'REFUND';
    const kept = paidThere && there.refunds.length === 0;
    assert.equal(played.status === 200, method === 'ALIPAY');
    if (cancelled.status === 200 && !paidThere) assert.equal(status, 'CANCELLED');
    assert.equal(kept, method === '微信支付', JSON.stringify([status, method, there.trade_state]));
    assert.equal(await activeDays(anna), status === 'PAID' ? 30 : 0);
    if (!paidThere) assert.equal(there.trade_state, 'CLOSED');
  }
});

test('concurrent refunds of two of a user\'s orders: one after the other, or the second is refused (B30)', async () => {
  for (const mode of ['PROCESSING', 'SUCCESS']) {
    await vip.mode(mode);
    for (let round = 0; round < 4; round++) {
      const anna = await vip.buyer();
      const orders = [await vip.boughtByWechat(anna, month), await vip.boughtByWechat(anna, month)];
      const answers = await atOnce(round, [0, 1, 0, 1, 0, 1].map((i) => () => vip.tryRefund(orders[i])));
      const went = await Promise.all(orders.map((order) => vip.state(order)));
      for (const [i, answer] of answers.entries()) {
        if (answer.status !== 200) assertDenied(answer, 422, REFUNDING_TEXT);
        else assert.notEqual(went[i % 2], 'PAID');
      }
      assert.deepEqual(tally(went), { REFUNDING: 1, PAID: 1 });
      assert.equal(await activeDays(anna), 30);
      await shop.jobs();
      if (mode === 'SUCCESS') assert.equal((await vip.refund(orders[went.indexOf('PAID')])).status, 'REFUNDED');
      for (const order of orders) {
        const refunds = await vip.refunds(order);
        assert.ok(refunds.length <= 1);
        if (refunds[0]?.state === 1) await vip.completeRefund(refunds[0].refund_no);
      }
    }
  }
  await vip.mode('SUCCESS');
});

test('a refund against creation, payment and gift of the same user: each happened before or after it (B28, B30)', async () => {
  for (let round = 0; round < 8; round++) {
    const anna = await vip.buyer();
    const base = await vip.boughtByWechat(anna, month);
    const order = await vip.create(anna, month);
    const [refunded, paid, given] = await atOnce(round, [() => vip.tryRefund(base), () => vip.tryPay(anna, order), () => vip.tryGift(anna, 1, 5)]);
    assert.equal(refunded.status, 200);
    await shop.jobs();
    assert.equal(await vip.state(base), 'REFUNDED');
    const status = await vip.state(order);
    assert.equal(status === 'PAID', paid.status === 200);
    if (paid.status !== 200) assertDenied(paid, 422);
    assert.equal(await activeDays(anna), (paid.status === 200 ? 30 : 0) + (given.code === 0 ? 5 : 0));
    assert.ok((await vip.segments(anna)).length <= 3);
  }
});

test('a late success against an order created meanwhile: both granted, or one refunded (B28, B38)', async () => {
  for (let round = 0; round < 6; round++) {
    const anna = await vip.buyer();
    const first = await vip.create(anna, month);
    const prepared = await vip.prepay(anna, first);
    await vip.cancel(anna, first);
    const second = await vip.create(anna, month);
    const other = await vip.prepay(anna, second);
    await atOnce(round, [() => trade.payNotified(prepared.outTradeNo), () => trade.payNotified(other.outTradeNo)]);
    await shop.jobs();
    // the second was quoted as NEW, and would be a RENEWAL
    const ends = [await vip.state(first), await vip.state(second)];
    assert.deepEqual(tally(ends), { PAID: 1, CANCELLED: 1 });
    const loser = ends[0] === 'PAID' ? other : prepared;
    assert.deepEqual(await vip.refundsAtProvider(loser), [[3000, 'SUCCESS']]);
    assert.equal(await activeDays(anna), 30);
  }
});

test('deleting the user against paying: a VIP, or no user and a refund (B37)', async () => {
  for (let round = 0; round < 8; round++) {
    const anna = await vip.buyer();
    const order = await vip.create(anna, month);
    const prepared = await vip.prepay(anna, order);
    const [, removed] = await atOnce(round, [() => trade.payNotified(prepared.outTradeNo), () => vip.call('DELETE', `/api/users/${anna.user.user_id}`, { token: vip.admin })]);
    await shop.jobs();
    const status = await vip.state(order);
    assert.deepEqual([removed.status, status], removed.status === 204 ? [204, 'CANCELLED'] : [409, 'PAID']);
    assert.deepEqual(await vip.refundsAtProvider(prepared), status === 'PAID' ? [] : [[3000, 'SUCCESS']]);
  }
});

test('ten customers act at random while the audit runs: it always passes, and everybody has what was paid for', async () => {
  const people = await trade.buyers(10);
  let trading = true;
  const audits = [];
  const auditor = (async () => { while (trading) audits.push(await shop.audit()); })();
  let seed = 7;
  const random = (n) => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed % n; };
  const acts = [
    async (who) => { const { body } = await vip.tryCreate(who, random(3) ? month : gold); if (body.data) who.orders.push(body.data); },
    async (who) => who.orders.length && vip.tryPay(who, who.orders.at(-1)),
    async (who) => who.orders.length && vip.tryCancel(who, who.orders.at(-1)),
    async (who) => {
      if (!who.orders.length) return;
      const { status } = await vip.tryPrepay(who, who.orders.at(-1));
      if (status !== 200) return;
      for (const { out_trade_no: no } of await vip.attempts(who.orders.at(-1))) await trade.payNotified(no);
    },
    async (who) => who.orders.length && vip.tryRefund(who.orders[random(who.orders.length)]),
    async (who) => vip.tryGift(who, 1 + random(2), 3),
    async () => shop.jobs(),
  ];
  try {
    await Promise.all(people.map(async (who) => {
      who.orders = [];
      for (let i = 0; i < 15; i++) {
        await Promise.all([acts[random(5)](who), acts[random(random(4) ? 5 : 7)](who)]);
      }
    }));
  } finally {
    trading = false;
    await auditor;
  }
  assert.ok(audits.length > 0);
  for (const { code, stdout } of audits) assert.equal(code, 0, stdout);
  for (const who of people) {
    const paid = (await shop.sql(`SELECT COUNT(*) AS n FROM membership_orders WHERE user_id = ${who.user.user_id} AND status = 1`))[0].n;
    const segments = await vip.segments(who);
    assert.equal(segments.filter(({ state }) => state !== 'REFUNDED').length, paid);
    const end = Math.max(0, ...segments.filter(({ state }) => state === 'ACTIVE').map((segment) => segment.start + segment.days * DAY_S));
    assert.equal((await vip.status(who)).is_vip, end > Date.now() / 1000);
  }
});

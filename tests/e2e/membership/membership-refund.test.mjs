// SPDX-License-Identifier: MIT
// Refunding memberships: the effect on time, and the refund of the money (BEHAVIOUR 25, 29, 30, 37, 38, 43).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Cards } from '../lib/cards.mjs';
import { makeForger } from '../lib/notifications.mjs';
import { REFUNDING_TEXT, assertDenied, assertOrder, dataOf, openVip } from '../lib/memberships.mjs';
import { FIRST_LOOK_S } from '../lib/refunds.mjs';
import { ATTEMPT, DAY_S, VERDICT, assertRefused, tally, until } from '../lib/trade.mjs';

const vip = await openVip();
const { shop, trade } = vip;
const month = await vip.plan({ name: '月度', price: '30.00', duration_days: 30, level: 1 });
const year = await vip.plan({ name: '年度金卡', price: '300.00', duration_days: 365, level: 2 });
const decade = await vip.plan({ price: '30.00', duration_days: 3660, level: 1 });

afterEach(async () => {
  await trade.noFaults();
  await vip.mode('PROCESSING');
  await vip.at(0);
});

const states = async (person) => (await vip.segments(person)).map(({ state }) => state);
// Days from the first segment's start to each start and end, whole except for cuts.
const days = async (person) => {
  const segments = await vip.segments(person);
  const round = (seconds) => Math.round((seconds - segments[0].start) / DAY_S * 1000) / 1000;
  return segments.map(({ start, end }) => [round(start), round(end)]);
};
const refundCalls = async () => (await shop.sandbox('GET', '/sandbox/requests')).body
  .filter(({ path }) => path.startsWith('/v3/refund/')).map(({ method }) => (method === 'GET' ? 'query' : 'refund'));
const left = (person) => vip.status(person).then(({ days_remaining: n }) => n);

// ---- B29: time ----

test('level 1 for 30 days on day 0, upgrade on day 15, refunded on day 20: level 1 until day 30 (B29)', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  const before = await vip.rows(anna);
  await vip.at(15, anna);
  const upgrade = await vip.bought(anna, year);
  await vip.at(20, anna);
  assertOrder(await vip.refund(upgrade), { status: 'REFUNDED' });
  assert.deepEqual((await vip.rows(anna)).slice(0, 1), before, 'as it was');
  const [base, gone] = await vip.segments(anna);
  assert.deepEqual([base.state, gone.state], ['ACTIVE', 'REFUNDED']);
  assert.deepEqual((await days(anna)).map((pair) => pair.map(Math.round)), [[0, 30], [15, 20]], 'cut where it was refunded');
  assert.equal(await left(anna), 10);
  assert.equal(await vip.until(anna), base.end);
  assert.deepEqual((await vip.create(anna, month)).order_type, 'RENEWAL', 'the level is 1 again');
});

test('a refund on the first day takes all of its time, and the user is no VIP (B29)', async () => {
  const anna = await vip.buyer();
  const order = await vip.bought(anna, month);
  await vip.refund(order);
  assert.deepEqual(await states(anna), ['REFUNDED']);
  assert.deepEqual([(await vip.status(anna)).is_vip, await left(anna)], [false, null]);
  assert.equal((await vip.create(anna, month)).order_type, 'NEW');
});

test('half-way, the rest is taken and the end is at the cut (B25, B29)', async () => {
  const anna = await vip.buyer();
  const order = await vip.bought(anna, month);
  await vip.at(10, anna);
  await vip.refund(order);
  const [segment] = await vip.segments(anna);
  assert.ok(Math.abs(segment.end - segment.start - 10 * DAY_S) < 60);
  const { is_vip: is, vip_expire_at: at } = await vip.status(anna);
  assert.deepEqual([is, Date.parse(at) / 1000], [false, segment.end]);
});

test('a segment that has not begun is cut at its start, and doesn\'t count as an end (B25, B29)', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  const renewal = await vip.bought(anna, month);
  await vip.at(10, anna);
  await vip.refund(renewal);
  const [base, gone] = await vip.segments(anna);
  assert.deepEqual([gone.state, gone.start, gone.end], ['REFUNDED', base.end, base.end]);
  assert.equal(await left(anna), 20);
  assert.equal(await vip.until(anna), base.end);
});

test('later renewals of its chain shift by what was taken: no day is lost or gained (B29)', async () => {
  const anna = await vip.buyer();
  const first = await vip.bought(anna, month);
  const second = await vip.bought(anna, month);
  await vip.bought(anna, month);
  await vip.at(10, anna);
  await vip.refund(second);
  assert.deepEqual((await days(anna)).map((pair) => pair.map(Math.round)), [[0, 30], [30, 30], [30, 60]]);
  assert.equal(await left(anna), 50);
  await vip.refund(first);
  assert.equal(await left(anna), 20, 'of 60 days 30 went, whatever of them was over');
  assert.deepEqual(await states(anna), ['REFUNDED', 'REFUNDED', 'ACTIVE']);
});

test('no more is taken than its chain has left (B29)', async () => {
  const anna = await vip.buyer();
  const first = await vip.bought(anna, month);
  await vip.bought(anna, month);
  await vip.at(45, anna);
  await vip.refund(first); // 15 days are left of the two
  assert.equal((await vip.status(anna)).is_vip, false);
  const [, second] = await vip.segments(anna);
  assert.equal(second.state, 'ACTIVE');
  assert.ok(second.end <= Math.floor(Date.now() / 1000) + 45 * DAY_S);
});

test('other chains are unchanged, and of one that has ended only the cash is refunded (B29)', async () => {
  const anna = await vip.buyer();
  const old = await vip.bought(anna, month);
  await vip.at(40, anna);
  const now = await vip.bought(anna, month);
  const [, before] = await vip.segments(anna);
  await vip.refund(old);
  const [ended, after] = await vip.segments(anna);
  assert.deepEqual([ended.state, ended.end - ended.start, ended.taken], ['REFUNDED', 30 * DAY_S, 0], 'cut at its own end: it was had');
  assert.deepEqual(after, before);
  assert.equal(await left(anna), 30);
  await vip.refund(now);
  assert.equal((await vip.status(anna)).is_vip, false);
});

test('a folded order can\'t be refunded: 422; after the upgrade\'s refund it can (B29)', async () => {
  const anna = await vip.buyer();
  const base = await vip.bought(anna, month);
  const upgrade = await vip.bought(anna, year);
  assertDenied(await vip.tryRefund(base), 422);
  assert.equal(await vip.state(base), 'PAID');
  assert.equal((await vip.refund(upgrade)).status, 'REFUNDED');
  assert.equal(await left(anna), 30);
  assert.equal((await vip.refund(base)).status, 'REFUNDED');
  assert.equal((await vip.status(anna)).is_vip, false);
});

test('an upgrade can be refunded only after every later grant: else 422, the later one first (B29)', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  const upgrade = await vip.bought(anna, year);
  const renewal = await vip.bought(anna, year);
  const gift = await vip.gift(anna, 2, 10);
  assertDenied(await vip.tryRefund(upgrade), 422);
  await vip.refund(renewal);
  assertDenied(await vip.tryRefund(upgrade), 422);
  await vip.refund(gift);
  assert.equal((await vip.refund(upgrade)).status, 'REFUNDED');
  assert.deepEqual(await states(anna), ['ACTIVE', 'REFUNDED', 'REFUNDED', 'REFUNDED']);
  assert.equal(await left(anna), 30);
});

test('an upgrade of an upgrade is refunded step by step (B29)', async () => {
  const anna = await vip.buyer();
  const top = await vip.plan({ price: '900.00', duration_days: 365, level: 3 });
  const orders = [await vip.bought(anna, month)];
  const rows = [await vip.rows(anna)];
  for (const plan of [year, top]) {
    orders.push(await vip.bought(anna, plan));
    rows.push(await vip.rows(anna));
  }
  assertDenied(await vip.tryRefund(orders[1]), 422);
  await vip.refund(orders[2]);
  assert.deepEqual((await vip.rows(anna)).slice(0, 2), rows[1]);
  await vip.refund(orders[1]);
  assert.deepEqual((await vip.rows(anna)).slice(0, 1), rows[0]);
  await vip.refund(orders[0]);
  assert.deepEqual(await states(anna), ['REFUNDED', 'REFUNDED', 'REFUNDED']);
});

test('a folded segment that has ended meanwhile is restored as ended (B29)', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  await vip.at(15, anna);
  const upgrade = await vip.bought(anna, year);
  await vip.at(100, anna);
  await vip.refund(upgrade);
  const status = await vip.status(anna);
  assert.equal(status.is_vip, false);
  const [, gone] = await vip.segments(anna);
  assert.equal(Date.parse(status.vip_expire_at) / 1000, gone.end, 'the latest end that was had');
});

test('a simulated payment, nothing due and a gift are REFUNDED in the same transaction, no provider is called (B30)', async () => {
  const [anna, bob, carol] = await trade.buyers(3);
  const dear = await vip.plan({ price: '100.00', duration_days: 100, level: 1 });
  const paid = await vip.bought(anna, month);
  await vip.bought(bob, dear);
  const free = await vip.create(bob, await vip.plan({ price: '30.00', duration_days: 30, level: 2 }));
  assert.equal(free.amount, '0.00');
  const gift = await vip.gift(carol, 1, 30);
  await trade.forgetRequests();
  for (const [person, order, remain] of [[anna, paid, null], [bob, free, 100], [carol, gift, null]]) {
    assertOrder(await vip.refund(order), { order_no: order.order_no, status: 'REFUNDED' });
    assert.equal(await left(person), remain);
    assert.deepEqual(await vip.refunds(order), []);
  }
  assert.deepEqual(await refundCalls(), []);
});

test('a refund is journalled with its actor', async () => {
  const anna = await vip.buyer();
  const order = await vip.bought(anna, month);
  await vip.refund(order);
  await vip.refund(order);
  const rows = await shop.sql(`SELECT actor_user_id, action FROM journal WHERE subject = '${order.order_no}'`);
  assert.deepEqual(rows, [{ actor_user_id: 1, action: 'refund' }]);
});

// ---- B30: the provider ----

test('time is revoked at once, jobs call the provider once, whose result ends it; every repeat answers success (B30, B54)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  await trade.forgetRequests();
  const { status, body } = await vip.tryRefund(order);
  assert.equal(status, 200);
  assertOrder(body.data, { status: 'REFUNDING' });
  assert.ok(body.message);
  assert.equal((await vip.status(anna)).is_vip, false, 'at once');
  const [{ refund_no: no, amount, automatic }] = await vip.refunds(order);
  assert.deepEqual([amount, automatic], [3000, 0]);
  assert.deepEqual(await refundCalls(), [], 'no request waits for the provider');
  assert.equal((await vip.refund(order)).status, 'REFUNDING');
  await vip.completeRefund(no);
  assertOrder(await vip.read(order), { status: 'REFUNDED' });
  for (let again = 0; again < 2; again++) assert.equal((await vip.refund(order)).status, 'REFUNDED');
  await shop.jobs();
  assert.deepEqual(await refundCalls(), ['query', 'refund']);
  assert.deepEqual(await vip.refundsAtProvider(order), [[3000, 'SUCCESS']]);
  assert.equal((await vip.refunds(order)).length, 1);
});

test('when the provider answers SUCCESS it is REFUNDED (B30)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  await vip.mode('SUCCESS');
  assert.equal((await vip.refund(order)).status, 'REFUNDED');
});

test('the refund is read like any other, and can\'t be made through payments: 409', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  const body = { order_id: order.order_no, reason: '退货' };
  for (const more of [{}, { amount: '1.00' }]) {
    assertRefused(await vip.call('POST', '/api/payment/refunds', { token: vip.admin, body: { ...body, ...more } }), 409, 'REFUND_ELSEWHERE');
  }
  assert.deepEqual(await vip.refunds(order), []);
  await vip.refund(order);
  const [{ refund_no: no }] = await vip.refunds(order);
  const { body: shown } = await vip.call('GET', `/api/payment/refunds/${no}`, { token: vip.admin });
  assert.deepEqual([shown.refund_no, shown.order_id, shown.amount, shown.status, shown.automatic], [no, order.order_no, '30.00', 'PROCESSING', false]);
});

test('while one is REFUNDING the user\'s others can be neither created, paid, gifted nor refunded: 422, 退款处理中 (B30)', async () => {
  const anna = await vip.buyer();
  const other = await vip.bought(anna, month);
  const order = await vip.boughtByWechat(anna, month);
  const waiting = await vip.create(anna, month);
  await vip.refund(order);
  assertDenied(await vip.tryCreate(anna, month), 422, REFUNDING_TEXT);
  assertDenied(await vip.quote(anna, month), 422, REFUNDING_TEXT);
  assertDenied(await vip.tryPay(anna, waiting), 422, REFUNDING_TEXT);
  assertRefused(await vip.tryPrepay(anna, waiting), 409, 'REFUND_UNDER_WAY');
  assertDenied(await vip.tryRefund(other), 422, REFUNDING_TEXT);
  const gift = await vip.tryGift(anna, 1, 5);
  assert.notEqual(gift.code, 0);
  assert.match(gift.stderr, new RegExp(REFUNDING_TEXT));
  assert.deepEqual(await states(anna), ['ACTIVE', 'REFUNDED']);
  assert.equal((await vip.create(await vip.buyer(), month)).status, 'PENDING', 'others go on');
  const [{ refund_no: no }] = await vip.refunds(order);
  await vip.completeRefund(no);
  assert.equal((await vip.pay(anna, waiting)).status, 'PAID');
  assert.equal((await vip.refund(other)).status, 'REFUNDED');
});

test('an unpaid order can still be cancelled meanwhile', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  const waiting = await vip.create(anna, month);
  await vip.refund(order);
  assert.equal((await vip.cancel(anna, waiting)).status, 'CANCELLED');
});

test('a success of another order that arrives meanwhile is refunded automatically (B30, B38)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  const waiting = await vip.create(anna, month);
  const prepared = await vip.prepay(anna, waiting);
  await vip.refund(order);
  await vip.settle(prepared);
  const [{ verdict, reason }] = await trade.events(`out_trade_no = '${prepared.outTradeNo}'`);
  assert.deepEqual([verdict, reason], [VERDICT.refundDue, 'REFUND_UNDER_WAY']);
  assert.equal(await vip.state(waiting), 'CANCELLED', 'never REFUNDING for it');
  await vip.mode('SUCCESS');
  await shop.jobs();
  assert.deepEqual(await vip.refundsAtProvider(prepared), [[3000, 'SUCCESS']]);
  assert.deepEqual(await vip.attemptStates(waiting), [5]);
  assert.equal(await vip.state(order), 'REFUNDING');
  assert.deepEqual(await states(anna), ['REFUNDED']);
});

test('a hanging provider delays no refund: the call is left to jobs (B54)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  await trade.forgetRequests();
  await trade.fault('refund', 'hang');
  await trade.fault('query', 'hang');
  assert.equal(dataOf(await vip.tryRefund(order)).status, 'REFUNDING');
  assert.deepEqual(await refundCalls(), []);
  await trade.noFaults();
  await vip.mode('SUCCESS');
  await shop.jobs();
  assert.equal(await vip.state(order), 'REFUNDED');
});

test('twenty concurrent refunds: one call, one number, the days taken once (B30)', async () => {
  for (const mode of ['PROCESSING', 'SUCCESS']) {
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    const order = await vip.boughtByWechat(anna, month);
    await vip.bought(anna, month);
    await vip.mode(mode);
    await trade.forgetRequests();
    const answers = await Promise.all(Array.from({ length: 20 }, () => vip.tryRefund(order)));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 20 }, JSON.stringify(answers.map(({ body }) => body.message)));
    await Promise.all([shop.jobs(), shop.jobs()]);
    assert.deepEqual(await refundCalls(), ['query', 'refund']);
    assert.equal(await vip.state(order), mode === 'SUCCESS' ? 'REFUNDED' : 'REFUNDING');
    assert.equal((await vip.refunds(order)).length, 1);
    assert.equal(await left(anna), 60);
    assert.deepEqual(await states(anna), ['ACTIVE', 'REFUNDED', 'ACTIVE']);
  }
});

test('with an Idempotency-Key the repeat is a replay, and a refusal stores none', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  const headers = { 'idempotency-key': 'back' };
  const first = await vip.tryRefund(order, headers);
  const again = await vip.tryRefund(order, headers);
  assert.deepEqual([first.status, again.status, again.headers.get('idempotent-replayed')], [200, 200, 'true']);
  assert.deepEqual(again.body.data, first.body.data);
  const pending = await vip.create(await vip.buyer(), month);
  for (let i = 0; i < 2; i++) assertDenied(await vip.tryRefund(pending, { 'idempotency-key': 'none' }), 422);
});

// A customer with segments before and after the refunded one, or folded into it; bought through WeChat.
const SHAPES = {
  'alone': async (anna) => vip.boughtByWechat(anna, decade),
  'between renewals': async (anna) => {
    await vip.bought(anna, decade);
    const order = await vip.boughtByWechat(anna, decade);
    await vip.bought(anna, decade);
    return order;
  },
  'an upgrade with what it folded': async (anna) => {
    await vip.bought(anna, decade);
    await vip.bought(anna, decade);
    return vip.boughtByWechat(anna, await vip.plan({ price: '900.00', duration_days: 3660, level: 2 }));
  },
};

for (const [shape, buy] of Object.entries(SHAPES)) {
  // how the provider finally refuses
  const REFUSALS = {
    'the answer CLOSED': async (order) => { await vip.mode('CLOSED'); await vip.refund(order); },
    'the notification CLOSED': async (order) => {
      await vip.refund(order);
      await vip.completeRefund((await vip.refunds(order)).at(-1).refund_no, 'CLOSED');
    },
    'a refusal, and no refund there': async (order) => {
      await vip.at(366);
      await vip.refund(order);
    },
    'CLOSED when jobs asks': async (order) => {
      await trade.fault('refund', 'status_500');
      await vip.refund(order);
      await vip.mode('CLOSED');
      shop.clock(FIRST_LOOK_S);
      await shop.jobs();
    },
  };
  test(`a refund finally refused by the provider restores the exact previous state (${shape}) (B30)`, async () => {
    for (const [how, refuse] of Object.entries(REFUSALS)) {
      const anna = await vip.buyer();
      const order = await buy(anna);
      const before = [await vip.rows(anna), await vip.status(anna)];
      const { updated_at: _, ...was } = await vip.read(order);
      await refuse(order);
      await vip.at(0, anna);
      assert.equal((await vip.refunds(order)).at(-1).state, 3, how);
      const { updated_at: __, ...is } = await vip.read(order);
      assert.deepEqual(is, was, how);
      assert.deepEqual([await vip.rows(anna), await vip.status(anna)], before, how);
      await vip.mode('SUCCESS');
      assert.equal((await vip.refund(order)).status, 'REFUNDED', `${how}: it can be tried again`);
      await vip.mode('PROCESSING');
    }
  });
}

test('ABNORMAL leaves it REFUNDING, listed as open, until it is resolved manually (B30, B43)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  await vip.mode('ABNORMAL');
  assert.equal((await vip.refund(order)).status, 'REFUNDING');
  const [{ refund_no: no, state }] = await vip.refunds(order);
  assert.equal(state, 4);
  assert.ok((await trade.audit(0)).some((line) => line.startsWith(`open: refund ${no}: abnormal`)));
  assertDenied(await vip.tryCreate(anna, month), 422, REFUNDING_TEXT);
  assert.equal((await vip.refund(order)).status, 'REFUNDING');
  await vip.completeRefund(no, 'SUCCESS');
  assert.equal(await vip.state(order), 'REFUNDED');
  assert.equal((await vip.create(anna, month)).status, 'PENDING');
});

for (const [fault, calls] of [['status_500', ['query', 'refund']], ['hang', ['query', 'refund']], ['drop_after', ['query']], ['bad_signature', ['query']]]) {
  test(`${fault} leaves it REFUNDING, and jobs complete it under the same number (B30, B43)`, async () => {
    const anna = await vip.buyer();
    const order = await vip.boughtByWechat(anna, month);
    await vip.mode('SUCCESS');
    await trade.fault('refund', fault);
    assert.equal((await vip.refund(order)).status, 'REFUNDING');
    const numbers = await vip.refunds(order);
    assert.equal((await vip.status(anna)).is_vip, false);
    shop.clock(FIRST_LOOK_S);
    await trade.forgetRequests();
    await shop.jobs();
    assert.deepEqual(await refundCalls(), calls);
    assert.equal(await vip.state(order), 'REFUNDED');
    assert.deepEqual((await vip.refunds(order)).map((row) => row.refund_no), numbers.map((row) => row.refund_no));
    assert.deepEqual(await vip.refundsAtProvider(order), [[3000, 'SUCCESS']]);
  });
}

test('an encrypted REFUND notification built only with node:crypto completes it; repeats or contradictions change nothing (B33, B36)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  await vip.refund(order);
  const [{ refund_no: no }] = await vip.refunds(order);
  const forger = makeForger(trade.keys, new URL('/api/payment/wxpay/notify', shop.baseUrl));
  const send = (more, id) => forger.send(forger.refundEvent(forger.refund(order.outTradeNo, no, 3000, more), { id }));
  assert.equal((await send({ amount: { refund: 2999 } }, 'other-amount')).status, 400);
  assert.equal(await vip.state(order), 'REFUNDING');
  assert.equal((await send({}, 'plain')).status, 200);
  assert.equal(await vip.state(order), 'REFUNDED');
  assert.equal((await vip.paymentStatus(anna, order)).body.trade_state, 'REFUND');
  const rows = await vip.rows(anna);
  for (const [i, status] of ['SUCCESS', 'CLOSED', 'ABNORMAL', 'PROCESSING'].entries()) assert.equal((await send({ refund_status: status }, `again-${i}`)).status, 200);
  assert.equal(await vip.state(order), 'REFUNDED');
  assert.deepEqual(await vip.rows(anna), rows);
});

test('a repeated CLOSED after another refund started restores nothing a second time (B30)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  await vip.refund(order);
  const [first] = await vip.refunds(order);
  await vip.completeRefund(first.refund_no, 'CLOSED');
  await vip.refund(order);
  const rows = await vip.rows(anna);
  await vip.completeRefund(first.refund_no, 'CLOSED');
  assert.equal(await vip.state(order), 'REFUNDING');
  assert.deepEqual(await vip.rows(anna), rows);
  await vip.completeRefund((await vip.refunds(order))[1].refund_no, 'SUCCESS');
  assert.equal(await vip.state(order), 'REFUNDED');
});

test('PENDING, CANCELLED and EXPIRED orders are not refunded: 422', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  assertDenied(await vip.tryRefund(order), 422);
  await vip.cancel(anna, order);
  assertDenied(await vip.tryRefund(order), 422);
  assert.deepEqual(await vip.refunds(order), []);
});

const LOCK_WAIT_MS = 1000; // of a notification; then it loses its place in the queue

// A refund that waits for a lock behind the payment of its order; kept: whether the payment certainly kept its place.
async function refundBehindPayment() {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  const prepared = await vip.prepay(anna, order);
  const waits = async (n) => (await shop.connections()).filter(({ info }) => /^UPDATE users SET holds/.test(info)).length >= n;
  return shop.holding([`SELECT user_id FROM users WHERE user_id = ${anna.user.user_id} FOR UPDATE`], async (holder) => {
    const began = performance.now();
    const kept = () => performance.now() - began < LOCK_WAIT_MS;
    const paying = shop.pay(prepared.outTradeNo);
    await until('the payment to wait', async () => await waits(1) || !kept());
    const refunding = vip.tryRefund(order);
    await until('the refund to wait', async () => await waits(2) || !kept());
    await holder.run('COMMIT');
    const inTime = kept();
    const [paid, refunded] = await Promise.all([paying, refunding]);
    return { order, paid, refunded, kept: inTime };
  });
}

test('an order that no provider here can refund is 422, without effect (B30)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  const setChannel = (from, to) => shop.sql(`UPDATE payment_attempts SET channel = ${to} WHERE channel = ${from} AND user_id = ${anna.user.user_id}`);
  await setChannel(1, 77);
  assertDenied(await vip.tryRefund(order), 422);
  assert.deepEqual([await states(anna), await vip.refunds(order)], [['ACTIVE'], []]);
  await setChannel(77, 1);
  assertOrder(await vip.refund(order), { status: 'REFUNDING' });
});

test('a refund that waited while the order was being paid refunds that payment (B30)', async () => {
  let x;
  for (let tries = 0; tries < 5 && !x?.kept; tries++) x = await refundBehindPayment(); // a busy machine may take too long
  assert.ok(x.kept, 'the payment never waited for as short as it must');
  assert.equal(x.paid.body.status, 200, JSON.stringify(x.paid.body));
  const { status, body } = x.refunded;
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual((await vip.refunds(x.order)).map(({ amount }) => amount), [3000]);
  assert.equal(body.data.status, 'REFUNDING');
});

// ---- the card ----

test('a payment by card is refunded to the card in the same transaction (B21, B30)', async () => {
  const cards = new Cards(trade);
  const anna = await vip.buyer();
  const card = await cards.of(anna, '100.00');
  const order = await vip.create(anna, month);
  const { status, body } = await cards.pay(anna, { order_id: order.order_no });
  assert.deepEqual([status, body.status, body.order_id], [200, 'PAID', order.order_no]);
  assertOrder(await vip.read(order), { status: 'PAID', payment_method: '会员卡' });
  assert.deepEqual([await cards.balance(card), await left(anna)], ['70.00', 30]);
  assertRefused(await cards.pay(anna, { order_id: order.order_no }), 409, 'ORDER_PAID');
  await trade.forgetRequests();
  const answers = await Promise.all(Array.from({ length: 10 }, () => vip.tryRefund(order)));
  for (const answer of answers) assert.equal(dataOf(answer).status, 'REFUNDED');
  assert.deepEqual([await cards.balance(card), (await vip.status(anna)).is_vip, await refundCalls()], ['100.00', false, []]);
  assert.deepEqual(await vip.attemptStates(order), [ATTEMPT.granted]);
  await cards.assertAddsUp(card);
});

test('a deleted card\'s payment is refunded to the user\'s live card, else it is 422 without effect (B22)', async () => {
  const cards = new Cards(trade);
  const anna = await vip.buyer();
  const gone = await cards.of(anna, '30.00');
  const order = await vip.create(anna, month);
  assert.equal((await cards.pay(anna, { order_id: order.order_no })).status, 200);
  assert.equal((await cards.remove(gone)).status, 204);
  const before = await vip.rows(anna);
  assertDenied(await vip.tryRefund(order), 422);
  assert.deepEqual([await vip.state(order), await vip.rows(anna)], ['PAID', before]);
  const card = await cards.of(anna);
  assert.equal((await vip.refund(order)).status, 'REFUNDED');
  assert.equal(await cards.balance(card), '30.00');
});

test('a card can\'t pay while a refund is in progress, or with an invalid quote (B28, B30)', async () => {
  const cards = new Cards(trade);
  const anna = await vip.buyer();
  const card = await cards.of(anna, '1000.00');
  const order = await vip.boughtByWechat(anna, month);
  const waiting = await vip.create(anna, month);
  await vip.refund(order);
  assertRefused(await cards.pay(anna, { order_id: waiting.order_no }), 409, 'REFUND_UNDER_WAY');
  await vip.completeRefund((await vip.refunds(order))[0].refund_no);
  assertRefused(await cards.pay(anna, { order_id: waiting.order_no }), 409, 'QUOTE_CHANGED');
  assert.equal(await cards.balance(card), '1000.00');
});

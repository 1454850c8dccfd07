// SPDX-License-Identifier: MIT
// Shop orders and points: what pays part of an order, what an order earns, and what a refund takes back and returns.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTEMPT, CANCELLED, COMPLETED, PAID, PAY_S, REFUNDED, SHIPPED, assertFullOrder, assertRefused, fen } from '../lib/trade.mjs';
import { Cards } from '../lib/cards.mjs';
import { openRefunds } from '../lib/refunds.mjs';

const refunds = await openRefunds({ families: ['catalogue', 'cards', 'login', 'members', 'memberships', 'notify', 'orders', 'payments', 'users'] });
const { trade, shop } = refunds;
const cards = new Cards(trade);
const system = '/api/v1/member-system';
let sources = 0;

async function earn(person, points) {
  sources += 1;
  const body = { user_id: person.user.user_id, points, source_type: 'test', source_id: `orders-${sources}` };
  await shop.ok('POST', `${system}/points/earn`, { token: trade.admin, body });
}

async function buyer(points = 0) {
  const person = await trade.buyer();
  if (points > 0) await earn(person, points);
  return person;
}

// [current, frozen]
async function points(person) {
  const { data } = await shop.ok('GET', `${system}/points/balance`, { token: person.token });
  return [data.current_points, data.frozen_points];
}

// What a member's orders cost in cash, less what was refunded, in fen.
async function spent(person) {
  const [{ total_spent: total }] = await shop.sql(`SELECT total_spent FROM members WHERE user_id = ${person.user.user_id}`);
  return total;
}

// The ledger's rows about an order: [type, points].
async function entries(order) {
  const rows = await shop.sql(`SELECT type, points FROM point_entries WHERE reference_type = 'shop_order' AND reference_id = '${order.order_id}' ORDER BY entry_id`);
  return rows.map(({ type, points: n }) => [type, n]);
}
const EARN = 1;
const USE = 2;
const RETURN = 4;
const TAKE_BACK = 5;

const goods = await trade.product({ price: '100.00', stock: 10_000 });
const odd = await trade.product({ price: '19.99', stock: 10_000 });

const order = (person, used, product = goods, more = {}) => trade.order(person, [[product, 1]], { points: used, ...more });
const tryOrder = (person, used, product = goods) => trade.tryOrder(person, [[product, 1]], { points: used });

test('points pay part of an order, and what is paid in cash earns (B58, B59)', async () => {
  const anna = await buyer(1000);
  const placed = await order(anna, 999, odd);
  assert.deepEqual([placed.total_amount, placed.discount_amount, placed.points_used, placed.points_amount], ['10.00', '0.00', 999, '9.99']);
  assertFullOrder(await trade.read(placed), { total_amount: '10.00', points_used: 999 });
  assert.deepEqual(await points(anna), [1000, 999], 'held, not spent');
  await trade.payByWechat(anna, placed);
  assert.deepEqual(await points(anna), [11, 0]);
  assert.deepEqual(await entries(placed), [[USE, -999], [EARN, 10]]);
  assert.equal(await spent(anna), 1000);
  const [attempt] = await trade.attempts(placed);
  assert.equal(attempt.amount, 1000);
});

test('19.99 paid earns 19, also by card and offline (B58)', async () => {
  const anna = await buyer();
  await cards.of(anna, '50.00');
  await trade.payByWechat(anna, await order(anna, 0, odd));
  assert.deepEqual(await points(anna), [19, 0]);
  const byCard = await order(anna, 0, odd);
  assert.equal((await cards.pay(anna, byCard)).status, 200);
  assert.deepEqual(await points(anna), [38, 0]);
  await trade.payOffline(await order(anna, 0, odd));
  assert.deepEqual(await points(anna), [57, 0]);
  assert.equal(await spent(anna), 3 * 1999);
});

test('an order paid by points alone is paid on creation and earns nothing; its points return with a refund (B18, B58)', async () => {
  const anna = await buyer(10_000);
  const placed = await order(anna, 10_000);
  assert.deepEqual([placed.status, placed.total_amount, placed.points_amount], [PAID, '0.00', '100.00']);
  assert.deepEqual(await points(anna), [0, 0]);
  assert.deepEqual(await entries(placed), [[USE, -10_000]]);
  assertRefused(await trade.tryPrepay(anna, placed), 409);
  assertRefused(await refunds.ask({ order: placed }), 409, 'REFUND_UNPAID');
  await trade.set(placed, { status: SHIPPED });
  assert.deepEqual(await points(anna), [0, 0]);
  await trade.set(placed, { status: REFUNDED });
  assert.deepEqual(await points(anna), [10_000, 0]);
  assert.deepEqual(await entries(placed), [[USE, -10_000], [RETURN, 10_000]]);
  assert.equal(await spent(anna), 0);
});

test('too many points are refused: more than the order costs naming the most, more than there are, and no number of points (B12, B46)', async () => {
  const anna = await buyer(3000);
  const stock = await trade.stock(odd);
  const above = await tryOrder(anna, 2000, odd);
  assertRefused(above, 400, 'POINTS_EXCEED_LIMIT');
  assert.deepEqual([above.body.field, above.body.max], ['points', 1999]);
  assertRefused(await tryOrder(anna, 3001), 409, 'INSUFFICIENT_POINTS');
  for (const raw of ['-1', '1.5', '"2"', '1000000', '1e2', 'true', '[]', '9223372036854775808']) {
    const answer = await shop.call('POST', '/api/orders', { token: anna.token, raw: `{"items":[{"product_id":${odd},"quantity":1}],"points":${raw}}` });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'points', raw);
  }
  assert.deepEqual(await points(anna), [3000, 0]);
  assert.equal(await trade.stock(odd), stock, 'a refused order takes nothing');
  assert.equal((await order(anna, 0, odd)).total_amount, '19.99');
  const free = await trade.product({ price: '0.00' });
  assert.deepEqual((await tryOrder(anna, 1, free)).body.max, 0);
});

test('held points are not available, and concurrent orders never hold more than there are (B46)', async () => {
  const anna = await buyer(1000);
  const answers = await Promise.all(Array.from({ length: 8 }, () => tryOrder(anna, 300)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 201, 409, 409, 409, 409, 409]);
  for (const { status, body } of answers) if (status === 409) assert.equal(body.code, 'INSUFFICIENT_POINTS');
  assert.deepEqual(await points(anna), [1000, 900]);
  for (const { status, body } of answers) if (status === 201) await trade.cancel(anna, body);
  assert.deepEqual(await points(anna), [1000, 0]);
});

test('a repeated request holds once', async () => {
  const anna = await buyer(1000);
  const headers = { 'idempotency-key': 'points-once' };
  const first = await order(anna, 400, goods, { headers });
  const [second, third] = await Promise.all([order(anna, 400, goods, { headers }), order(anna, 400, goods, { headers })]);
  assert.deepEqual([second.order_id, third.order_id, second.points_used], [first.order_id, first.order_id, 400]);
  assert.deepEqual(await points(anna), [1000, 400]);
});

test('what was held is free again when the order is cancelled, times out, is deleted, or its buyer leaves (B59)', async () => {
  const anna = await buyer(1000);
  const ends = {
    cancelled: (placed) => trade.cancel(anna, placed),
    'cancelled by an administrator': (placed) => trade.put(placed, { status: CANCELLED }),
    deleted: (placed) => trade.remove(placed),
    'timed out': async () => { shop.clock(PAY_S + 1); await shop.jobs(); shop.clock(0); },
  };
  for (const [name, end] of Object.entries(ends)) {
    const placed = await order(anna, 700);
    assert.deepEqual(await points(anna), [1000, 700], name);
    await end(placed);
    assert.deepEqual(await points(anna), [1000, 0], name);
    assert.deepEqual(await entries(placed), [], name);
    assertRefused(await trade.cancel(anna, placed), name === 'deleted' ? 404 : 409);
    assert.deepEqual(await points(anna), [1000, 0], `${name}, once`);
  }
  await order(anna, 700);
  await shop.ok('DELETE', `/api/users/${anna.user.user_id}`, { token: trade.admin });
  await shop.jobs();
  assert.deepEqual(await shop.sql(`SELECT h.state FROM point_holds h JOIN members m ON m.member_id = h.member_id WHERE m.user_id = ${anna.user.user_id} AND h.state = 1`), []);
});

test('cancel, time-out, payment and deletion at the same time: the points are used or released, once (B17, B59)', async () => {
  for (let round = 0; round < 6; round += 1) {
    const anna = await buyer(500);
    const placed = await order(anna, 500);
    const { outTradeNo } = await trade.prepay(anna, placed);
    await Promise.all([
      trade.cancel(anna, placed), trade.put(placed, { status: CANCELLED }), trade.payNotified(outTradeNo), trade.remove(placed),
      trade.put(placed, { status: PAID, payment_method: '现金', payment_id: 'cash' }),
    ].sort(() => (round % 2 === 0 ? 1 : -1)));
    const [{ status }] = await shop.sql(`SELECT status FROM orders WHERE order_no = '${placed.order_id}'`);
    assert.deepEqual(await points(anna), status === PAID ? [95, 0] : [500, 0], `status ${status}`);
    assert.equal(await spent(anna), status === PAID ? 9500 : 0);
  }
});

test('a late payment takes the points again if they are still there, otherwise it is refunded (B38, B59)', async () => {
  for (const gone of [false, true]) {
    const anna = await buyer(500);
    const placed = await order(anna, 500);
    const { outTradeNo } = await trade.prepay(anna, placed);
    await trade.cancel(anna, placed);
    assert.deepEqual(await points(anna), [500, 0]);
    const other = gone && await order(anna, 1);
    await trade.payNotified(outTradeNo);
    if (gone) {
      assert.deepEqual(await trade.states(placed), [ATTEMPT.refundDue]);
      assert.equal((await trade.attempts(placed))[0].reason, 'INSUFFICIENT_POINTS');
      assert.equal(await trade.status(placed), CANCELLED);
      assert.deepEqual(await points(anna), [500, 1]);
      await refunds.settleAll();
      assert.deepEqual(await points(anna), [500, 1], 'what granted nothing takes nothing back');
      assert.equal(await spent(anna), 0);
      await trade.cancel(anna, other);
    } else {
      assert.deepEqual(await trade.states(placed), [ATTEMPT.grantedLate]);
      assert.equal(await trade.status(placed), PAID);
      assert.deepEqual(await points(anna), [95, 0]);
    }
  }
});

// An order of 100.00, of which points pay 10.00; paid through WeChat. It earned 90.
async function paidWith(person, used = 1000) {
  const placed = await order(person, used);
  return { order: placed, ...await trade.payByWechat(person, placed) };
}

test('partial refunds take back and return in proportion, and all of it at the end, in any order (B43, B47)', async () => {
  const parts = ['0.01', '33.33', '44.44', '12.22'];
  const orders = [parts, [...parts].reverse(), ['44.44', '0.01', '12.22', '33.33']];
  for (const sequence of orders) {
    const anna = await buyer(1000);
    const x = await paidWith(anna);
    assert.deepEqual(await points(anna), [90, 0]);
    let total = 0;
    for (const amount of sequence) {
      const made = await refunds.refund(x, { amount });
      assert.equal(await spent(anna), 9000 - total, 'not before it succeeded');
      await refunds.completeRefund(made.refund_no, 'SUCCESS');
      total += fen(amount);
      const taken = Math.floor((90 * total) / 9000);
      const back = Math.floor((1000 * total) / 9000);
      assert.deepEqual(await points(anna), [90 - taken + back, 0], `${total} fen`);
      assert.equal(await spent(anna), 9000 - total);
    }
    assert.equal(total, 9000);
    assert.deepEqual(await points(anna), [1000, 0]);
    assert.equal(await trade.status(x.order), REFUNDED);
  }
});

test('a refund that fails takes nothing back; only what succeeded counts (B43, B47)', async () => {
  const anna = await buyer(1000);
  const x = await paidWith(anna);
  const failed = await refunds.refund(x, { amount: '45.00' });
  await refunds.completeRefund(failed.refund_no, 'CLOSED');
  assert.deepEqual(await points(anna), [90, 0]);
  assert.deepEqual(await entries(x.order), [[USE, -1000], [EARN, 90]]);
  const made = await refunds.refund(x, { amount: '45.00' });
  assert.deepEqual(await points(anna), [90, 0]);
  for (let i = 0; i < 2; i += 1) await refunds.completeRefund(made.refund_no, 'SUCCESS');
  assert.deepEqual(await points(anna), [90 - 45 + 500, 0]);
  assert.equal(await spent(anna), 4500);
});

test('parallel refunds end like one after the other (B43, B47)', async () => {
  const anna = await buyer(1000);
  const x = await paidWith(anna);
  const made = [];
  for (let i = 0; i < 9; i += 1) made.push(await refunds.refund(x, { amount: i < 8 ? '11.11' : '1.12' }));
  await Promise.all(made.slice(0, 8).map(({ refund_no: no }) => refunds.completeRefund(no, 'SUCCESS')));
  assert.deepEqual(await points(anna), [90 - 88 + Math.floor((1000 * 8888) / 9000), 0]);
  await refunds.completeRefund(made[8].refund_no, 'SUCCESS');
  assert.deepEqual(await points(anna), [1000, 0]);
  assert.equal(await spent(anna), 0);
});

test('a debt is shown, refuses uses, and is covered by the next points (B47)', async () => {
  const anna = await buyer();
  const x = await paidWith(anna, 0);
  await order(anna, 60, odd).then((placed) => trade.payOffline(placed)); // 100 earned, 60 used, 19 earned
  assert.deepEqual(await points(anna), [59, 0]);
  const made = await refunds.refund(x, {});
  await refunds.completeRefund(made.refund_no, 'SUCCESS');
  assert.deepEqual(await points(anna), [-41, 0]);
  assertRefused(await tryOrder(anna, 1), 409, 'INSUFFICIENT_POINTS');
  await trade.payOffline(await order(anna, 0));
  assert.deepEqual(await points(anna), [59, 0]);
  assertRefused(await tryOrder(anna, 60), 409, 'INSUFFICIENT_POINTS');
  await trade.cancel(anna, await order(anna, 59));
});

test('a card and the till are refunded like a provider (B47)', async () => {
  const anna = await buyer(1000);
  await cards.of(anna, '90.00');
  const byCard = await order(anna, 1000);
  assert.equal((await cards.pay(anna, byCard)).status, 200);
  assert.deepEqual(await points(anna), [90, 0]);
  await refunds.refund({ order: byCard }, { amount: '45.00' });
  assert.deepEqual(await points(anna), [90 - 45 + 500, 0]);
  await refunds.refund({ order: byCard }, {});
  assert.deepEqual(await points(anna), [1000, 0]);
  const byTill = await order(anna, 1000);
  await trade.payOffline(byTill);
  await trade.set(byTill, { status: SHIPPED });
  await trade.set(byTill, { status: COMPLETED });
  assert.deepEqual(await points(anna), [90, 0]);
  await trade.set(byTill, { status: REFUNDED });
  assert.deepEqual(await points(anna), [1000, 0]);
  assert.equal(await spent(anna), 0);
});

test('what was refunded elsewhere before the payment was settled counts at once (B47, B62)', async () => {
  for (const refundFirst of [false, true]) {
    const anna = await buyer(1000);
    const placed = await order(anna, 1000);
    const { outTradeNo } = await trade.prepay(anna, placed);
    await shop.pay(outTradeNo, { notify: false });
    const { out_refund_no: no } = await trade.refundInConsole(outTradeNo, { notify: false, amount_fen: 4500 });
    if (refundFirst) await refunds.completeRefund(no, 'SUCCESS');
    assert.equal((await trade.payNotified(outTradeNo)).body.status, 200);
    if (!refundFirst) await refunds.completeRefund(no, 'SUCCESS');
    assert.equal(await trade.status(placed), PAID);
    assert.deepEqual(await points(anna), [90 - 45 + 500, 0]);
    assert.equal(await spent(anna), 4500);
    const rest = await refunds.refund({ order: placed }, {});
    await refunds.completeRefund(rest.refund_no, 'SUCCESS');
    assert.deepEqual(await points(anna), [1000, 0]);
    assert.equal(await spent(anna), 0);
  }
});

// How many seconds from now the member's points expire, all on the same day.
async function expiry(person) {
  const [{ at }] = await shop.sql(`SELECT MIN(l.expires_at) AS at FROM point_lots l JOIN members m ON m.member_id = l.member_id WHERE m.user_id = ${person.user.user_id}`);
  return Math.ceil((at - Date.now()) / 1000);
}

async function clock(seconds, person) {
  shop.clock(seconds);
  await trade.adminSignIn();
  if (person) await trade.signInAgain(person);
}

test('points returned to a lot that has expired are gone at once (B47)', async () => {
  const anna = await buyer(10_000);
  const placed = await order(anna, 10_000);
  await clock(await expiry(anna), anna);
  await trade.set(placed, { status: REFUNDED });
  assert.deepEqual(await points(anna), [0, 0]);
  assert.deepEqual(await entries(placed), [[USE, -10_000], [RETURN, 10_000]]);
  await clock(0);
});

test('held points do not expire until they are released, then at once (B59)', async () => {
  const anna = await buyer(1000);
  const end = await expiry(anna);
  await clock(end - 600, anna);
  const [first, second] = [await order(anna, 400), await order(anna, 300)];
  await clock(end + 600, anna);
  await shop.jobs();
  assert.deepEqual(await points(anna), [700, 700]);
  assertRefused(await tryOrder(anna, 1), 409, 'POINTS_EXPIRED');
  await trade.payOffline(first);
  assert.deepEqual(await points(anna), [300 + 96, 300]);
  await trade.cancel(anna, second);
  assert.deepEqual(await points(anna), [96, 0]);
  await clock(0);
});

test('a VIP plan earns no points (B58)', async () => {
  const anna = await buyer();
  const plan = await shop.ok('POST', '/api/membership/plans/', { token: trade.admin, body: { name: '月卡', level: 1, price: '30.00', duration_days: 30 } });
  const { data } = await shop.ok('POST', '/api/membership/orders/create/', { token: anna.token, body: { plan_id: plan.data.id } });
  const prepared = await shop.ok('POST', '/api/payment/wxpay', { token: anna.token, body: { order_id: data.order_no } });
  await trade.payNotified(prepared.package.replace(/^prepay_id=/, ''));
  assert.deepEqual(await points(anna), [0, 0]);
  assert.equal(await spent(anna), 0);
});

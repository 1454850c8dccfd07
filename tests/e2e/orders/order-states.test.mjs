// SPDX-License-Identifier: MIT
// The states of an order: who may change it, the effect on stock, and the journal (BEHAVIOUR 18).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ATTEMPT, CANCELLED, COMPLETED, PAID, PENDING, REFUNDED, SHIPPED, assertOrder, assertRefused, openTrade, tally,
} from '../lib/trade.mjs';

const trade = await openTrade();
const { shop } = trade;
const [anna, bob] = await trade.buyers(2);

const STATES = [PENDING, PAID, SHIPPED, COMPLETED, CANCELLED, REFUNDED];
const DETAILS = { payment_method: '现金', payment_id: 'cash-1' };

// The transitions allowed by PUT; stock: what is returned.
const BY_PUT = {
  provider: { [PENDING]: [PAID, CANCELLED], [PAID]: [SHIPPED], [SHIPPED]: [COMPLETED], [COMPLETED]: [], [CANCELLED]: [], [REFUNDED]: [] },
  offline: {
    [PENDING]: [PAID, CANCELLED], [PAID]: [SHIPPED, REFUNDED], [SHIPPED]: [COMPLETED, REFUNDED], [COMPLETED]: [REFUNDED],
    [CANCELLED]: [], [REFUNDED]: [],
  },
};
const GIVES_BACK = new Set([`${PENDING}${CANCELLED}`, `${PAID}${REFUNDED}`]);

// An order paid through a provider becomes 5 only by a full refund.
await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'SUCCESS' });
async function refundByProvider(order) {
  const { status } = await trade.ok('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: order.order_id, reason: '退货' } });
  assert.equal(status, 'SUCCESS');
}

async function orderIn(product, status, by) {
  if (status !== REFUNDED || by === 'offline') return trade.orderIn(anna, [[product, 3]], status, by);
  const order = await trade.orderIn(anna, [[product, 3]], SHIPPED, by);
  await refundByProvider(order);
  return order;
}

async function rowOf(order) {
  const [row] = await shop.sql(`SELECT status, payment_method, payment_id, paid_by, paid_at, stock_held, updated_at
    FROM orders WHERE order_no = '${order.order_id}'`);
  return row;
}

for (const by of ['provider', 'offline']) {
  for (const from of STATES) {
    test(`an administrator's PUT from ${from} (${by}): the transitions of the table, 409 for others (B18)`, async () => {
      for (const to of STATES) {
        const product = await trade.product({ stock: 10 });
        const order = await orderIn(product, from, by);
        const before = { row: await rowOf(order), stock: await trade.stock(product) };
        const allowed = BY_PUT[by][from].includes(to);
        const details = from === PENDING ? DETAILS : {};
        const answer = await trade.put(order, { status: to, ...(to === from ? {} : details) });
        const what = `${from} to ${to}`;
        if (to === from) {
          assert.equal(answer.status, 200, what);
          assertOrder(answer.body, { status: from });
          assert.deepEqual(await rowOf(order), before.row, `${what} changes nothing`);
        } else if (allowed) {
          assert.equal(answer.status, 200, `${what}: ${JSON.stringify(answer.body)}`);
          assertOrder(answer.body, { order_id: order.order_id, user_id: anna.user.user_id, status: to });
          assert.equal((await rowOf(order)).status, to);
        } else {
          assertRefused(answer, 409, 'ORDER_TRANSITION');
          assert.deepEqual(await rowOf(order), before.row, what);
        }
        const back = allowed && GIVES_BACK.has(`${from}${to}`) ? 3 : 0;
        assert.equal(await trade.stock(product), before.stock + back, `stock after ${what}`);
      }
    });
  }
}

test("an owner cancels while 0 and completes while 2, and gets 409 in every other state (B18)", async () => {
  for (const status of STATES) {
    const product = await trade.product({ stock: 10 });
    const order = await orderIn(product, status, 'offline');
    const before = await rowOf(order);
    const left = await trade.stock(product);
    const cancelled = await trade.cancel(anna, order);
    if (status === PENDING) {
      assert.equal(cancelled.status, 200);
      assertOrder(cancelled.body, { status: CANCELLED });
      assert.equal(await trade.stock(product), 10);
      assertRefused(await trade.cancel(anna, order), 409, 'ORDER_TRANSITION');
      assert.deepEqual(await trade.moves(order), [-3, 3]);
    } else {
      assertRefused(cancelled, 409, 'ORDER_TRANSITION');
      assert.deepEqual(await rowOf(order), before);
    }
    if (status === PENDING) continue;
    const completed = await trade.complete(anna, order);
    if (status === SHIPPED) {
      assert.equal(completed.status, 200);
      assertOrder(completed.body, { status: COMPLETED });
    } else {
      assertRefused(completed, 409, 'ORDER_TRANSITION');
    }
    assert.equal(await trade.stock(product), left);
  }
});

test('an administrator can cancel and complete for a customer', async () => {
  const product = await trade.product();
  const one = await trade.order(anna, [[product, 1]]);
  assert.equal((await trade.cancel({ token: trade.admin }, one)).body.status, CANCELLED);
  const two = await trade.orderIn(anna, [[product, 1]], SHIPPED);
  assert.equal((await trade.complete({ token: trade.admin }, two)).body.status, COMPLETED);
  assertRefused(await trade.complete(bob, two), 403);
});

test('DELETE soft-deletes 0 (cancelled first), 3, 4 and 5, and refuses 1 and 2 (B18)', async () => {
  for (const by of ['provider', 'offline']) {
    for (const status of STATES) {
      const product = await trade.product({ stock: 10 });
      const order = await orderIn(product, status, by);
      const left = await trade.stock(product);
      const answer = await trade.remove(order);
      if (status === PAID || status === SHIPPED) {
        assertRefused(answer, 409, 'ORDER_TRANSITION');
        assert.equal(await trade.status(order), status);
        continue;
      }
      assert.equal(answer.status, 204);
      assert.equal(answer.body, null);
      assert.equal(await trade.stock(product), status === PENDING ? 10 : left);
      assert.equal((await rowOf(order)).status, status === PENDING ? CANCELLED : status, 'kept, only hidden');
      for (const person of [anna, { token: trade.admin }]) {
        assertRefused(await shop.call('GET', `/api/orders/${order.order_id}`, { token: person.token }), 404);
        assertRefused(await trade.cancel(person, order), 404);
        assertRefused(await trade.complete(person, order), 404);
        assertRefused(await trade.tryPrepay(anna, order), 404);
        const listed = await trade.ok('GET', '/api/orders?limit=500', { token: person.token });
        assert.ok(!listed.some(({ order_id: id }) => id === order.order_id), 'not listed');
      }
      assertRefused(await trade.put(order, { status: CANCELLED }), 404);
      assertRefused(await trade.remove(order), 404);
      const journal = await shop.sql(`SELECT action FROM journal WHERE subject = '${order.order_id}' AND action = 'delete'`);
      assert.equal(journal.length, 1);
    }
  }
});

test('an offline payment needs method and id, and is journalled with the administrator (B18)', async () => {
  const product = await trade.product();
  const order = await trade.order(anna, [[product, 1]], { payment_method: '微信支付' });
  for (const [body, field] of [
    [{ status: PAID }, 'payment_method'], [{ status: PAID, payment_id: 'x' }, 'payment_method'],
    [{ status: PAID, payment_method: '现金' }, 'payment_id'], [{ status: PAID, payment_method: '', payment_id: 'x' }, 'payment_method'],
    [{ status: PAID, payment_method: '现金', payment_id: '' }, 'payment_id'],
    [{ status: PAID, payment_method: '现金', payment_id: null }, 'payment_id'],
    [{ status: PAID, payment_method: '现金', payment_id: 'x'.repeat(65) }, 'payment_id'],
    [{ status: 6 }, 'status'], [{ status: -1 }, 'status'], [{ status: '1' }, 'status'], [{ status: null }, 'status'], [{ status: 1.5 }, 'status'],
  ]) {
    const answer = await trade.put(order, body);
    assertRefused(answer, 400);
    assert.equal(answer.body.field, field, JSON.stringify(body));
    assert.equal(await trade.status(order), PENDING);
  }
  const journal = () => shop.sql(`SELECT actor_user_id, detail FROM journal WHERE subject = '${order.order_id}'`);
  assert.deepEqual(await journal(), []);
  const paid = await trade.set(order, { status: PAID, payment_method: '支付宝', payment_id: '新交易号' });
  assertOrder(paid, { status: PAID, payment_method: '支付宝', payment_id: '新交易号' });
  const { user_id: admin } = await trade.ok('GET', '/api/auth/me', { token: trade.admin });
  assert.deepEqual(await journal(), [{ actor_user_id: admin, detail: '支付宝 新交易号' }]);
  const [row] = await shop.sql(`SELECT paid_by, ABS(paid_at - ${Date.now()}) < 60000 AS now FROM orders WHERE order_no = '${order.order_id}'`);
  assert.deepEqual(row, { paid_by: 2, now: 1 });
  assert.equal((await trade.put(order, { status: PAID, payment_method: '支付宝', payment_id: '新交易号' })).status, 200);
  assert.equal((await journal()).length, 1, 'a repeat is no second payment');
});

test("a payment's method and id may be corrected if set by an administrator, never if a provider's (B18)", async () => {
  const product = await trade.product();
  const offline = await trade.orderIn(anna, [[product, 1]], PAID, 'offline');
  assertOrder(await trade.set(offline, { payment_id: 'cash-2' }), { status: PAID, payment_method: '现金', payment_id: 'cash-2' });
  assertOrder(await trade.set(offline, { payment_id: 'cash-2' }), { status: PAID });
  const noted = await shop.sql(`SELECT detail FROM journal WHERE subject = '${offline.order_id}' AND action = 'offline-payment' ORDER BY entry_id`);
  assert.deepEqual(noted.map(({ detail }) => detail), [`现金 cash-${offline.order_id}`, '现金 cash-2'], 'each word of it is noted');
  const order = await trade.orderIn(anna, [[product, 1]], PAID);
  const before = await rowOf(order);
  for (const body of [{ payment_id: 'other' }, { payment_method: '现金' }, { status: SHIPPED, payment_id: 'other' }, { status: PAID, ...DETAILS }]) {
    assertRefused(await trade.put(order, body), 409, 'PAYMENT_FIXED');
    assert.deepEqual(await rowOf(order), before);
  }
  const same = { payment_method: before.payment_method, payment_id: before.payment_id };
  assert.equal((await trade.put(order, same)).status, 200);
  assert.equal((await trade.put(order, { status: SHIPPED, ...same })).status, 200);
  const pending = await trade.order(anna, [[product, 1]]);
  assertOrder(await trade.set(pending, { payment_method: '会员卡' }), { status: PENDING, payment_method: '会员卡', payment_id: null });
});

test('PUT of an empty object or unknown members changes nothing and is 200', async () => {
  const order = await trade.order(anna, [[await trade.product(), 1]]);
  const before = await rowOf(order);
  for (const body of [{}, { status: PENDING }, { total_amount: '0.01', user_id: bob.user.user_id, order_id: 'x', paid_by: 1, stock_held: 0 }]) {
    assertOrder(await trade.set(order, body), { status: PENDING, total_amount: '10.00', user_id: anna.user.user_id });
  }
  assert.deepEqual(await rowOf(order), before);
  assertRefused(await trade.put({ order_id: 'ORDER00000000000000000000' }, { status: SHIPPED }), 404);
});

test('an offline payment, a cancel and a delete call no provider; the attempt is closed by jobs (B18, B20)', async () => {
  const product = await trade.product({ stock: 50 });
  for (const [what, act, end] of [
    ['cancelled by its owner', (order) => trade.cancel(anna, order), CANCELLED],
    ['cancelled by PUT', (order) => trade.put(order, { status: CANCELLED }), CANCELLED],
    ['paid offline', (order) => trade.put(order, { status: PAID, ...DETAILS }), PAID],
    ['deleted', (order) => trade.remove(order), CANCELLED],
  ]) {
    const order = await trade.order(anna, [[product, 1]]);
    const { outTradeNo } = await trade.prepay(anna, order);
    await trade.forgetRequests();
    assert.ok((await act(order)).status < 300, what);
    assert.deepEqual(await trade.requests(), [], `${what}: effective at once, without a call`);
    assert.equal((await rowOf(order)).status, end, what);
    assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'NOTPAY');
    assertRefused(await trade.tryPrepay(anna, order), what === 'deleted' ? 404 : 409);
    await shop.jobs();
    assert.deepEqual(await trade.requests(), ['query', 'close'], what);
    assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'CLOSED', what);
    assert.deepEqual(await trade.states(order), [ATTEMPT.closed]);
    assert.equal((await rowOf(order)).status, end, `${what}: the provider was only told`);
    await trade.forgetRequests();
    await shop.jobs();
    assert.deepEqual(await trade.requests(), [], `${what}: told once`);
  }
});

test('concurrent changes of an order end in one of them (B17)', async () => {
  const product = await trade.product({ stock: 1000 });
  for (let round = 0; round < 12; round++) {
    const order = await trade.orderIn(anna, [[product, 2]], PAID, 'offline');
    const answers = await Promise.all([SHIPPED, REFUNDED, SHIPPED, REFUNDED].map((status) => trade.put(order, { status })));
    const end = await trade.status(order);
    const counts = tally(answers.map(({ status }) => status));
    assert.deepEqual(Object.keys(counts).filter((status) => !['200', '409'].includes(status)), []);
    // 1 to 2 to 5 is also possible, so both may succeed
    assert.ok(end === SHIPPED || end === REFUNDED);
    const moves = await trade.moves(order);
    const straight = moves.length === 2;
    assert.deepEqual(moves, straight ? [-2, 2] : [-2]);
    if (straight) assert.equal(end, REFUNDED);
  }
});

test('an order of 0.00 has no payment to refund: 5 by PUT, returning its stock from 1 but not later (B18, B43)', async () => {
  for (const [steps, left] of [[[], 5], [[SHIPPED], 4], [[SHIPPED, COMPLETED], 4]]) {
    const free = await trade.product({ price: '0.00', stock: 5 });
    const order = await trade.order(anna, [[free, 1]]);
    assert.equal(order.status, PAID);
    for (const status of steps) await trade.set(order, { status });
    assert.equal((await trade.set(order, { status: REFUNDED })).status, REFUNDED);
    assert.equal(await trade.stock(free), left);
  }
});

// SPDX-License-Identifier: MIT
// Membership orders from creation to payment, cancelling and expiry (BEHAVIOUR 4, 8, 12 to 14, 23, 24, 27, 32).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORDERS, PENDING_TEXT, assertDenied, assertOrder, dataOf, openVip } from '../lib/memberships.mjs';
import { DAY_S, PAY_S, replayed, tally } from '../lib/trade.mjs';

const vip = await openVip({ families: ['login', 'memberships', 'notify', 'payments', 'users'], leaks: true });
const { shop, trade } = vip;
const month = await vip.plan({ name: '月度会员', price: '29.90', duration_days: 30, level: 1 });
const year = await vip.plan({ name: '年度会员', price: '300.00', duration_days: 365, level: 1 });
const gold = await vip.plan({ name: '金卡', price: '500.00', duration_days: 365, level: 2 });

const keyed = (key) => ({ 'idempotency-key': key });
const countOf = async (person) => (await shop.sql(`SELECT COUNT(*) AS n FROM membership_orders WHERE user_id = ${person.user.user_id}`))[0].n;
const post = (route, token, body) => vip.call('POST', `${ORDERS}/${route}/`, { token, body });

// An order without members that change with time, for comparison.
const still = ({ remaining_seconds: _, ...order }) => order;
const stillAll = (answer) => dataOf(answer).map(still);

async function assertNothing(person) {
  assert.deepEqual(await vip.segments(person), []);
  assert.equal((await vip.status(person)).is_vip, false);
}

// ---- creation ----

test('the response to creation has the fields of the contract and of B24', async () => {
  const anna = await vip.buyer();
  const { status, body } = await vip.tryCreate(anna, month);
  assert.deepEqual([status, Object.keys(body)], [200, ['success', 'code', 'data']]);
  assertOrder(body.data, {
    user_id: anna.user.user_id, plan_id: month.id, plan_name: '月度会员', order_type: 'NEW', level: 1, duration_days: 30,
    price: '29.90', discount_amount: '0.00', amount: '29.90', status: 'PENDING', payment_method: null, remaining_seconds: 1800,
  });
  assert.equal(Date.parse(body.data.expires_at) - Date.parse(body.data.created_at), PAY_S * 1000);
  assert.deepEqual(still(await vip.read(body.data)), still(body.data));
  await assertNothing(anna);
});

test('remaining_seconds counts down to 0 while it is PENDING, and is 0 in every other state (B24)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  const deadline = Math.floor(Date.parse(order.expires_at) / 1000);
  for (const before of [1500, 60, 2]) {
    const { body } = await vip.within(deadline - before, () => vip.detail(order, anna.token));
    const left = body.data.remaining_seconds;
    assert.ok(left === before || left === before + 1, `${left} where ${before} are left`);
    assert.equal(body.data.status, 'PENDING');
  }
  const { body } = await vip.within(deadline + 1, () => vip.detail(order, anna.token));
  assert.deepEqual([body.data.status, body.data.remaining_seconds], ['EXPIRED', 0]);
  shop.clock(0);
  assert.ok((await vip.read(order)).remaining_seconds > 1700, 'reading changes nothing');
  assert.equal((await vip.pay(anna, order)).remaining_seconds, 0);
  assert.equal((await vip.refund(order)).remaining_seconds, 0);
  const next = await vip.create(anna, month);
  assert.equal((await vip.cancel(anna, next)).remaining_seconds, 0);
});

test('order numbers are unguessable, of the shop\'s day, and unique (B8)', async () => {
  const buyers = await trade.buyers(20);
  const today = () => new Date(Date.now() + 8 * 3_600_000).toISOString().slice(0, 10).replaceAll('-', '');
  const began = today();
  const orders = await Promise.all(buyers.map((person) => vip.create(person, month)));
  const days = [began, today()]; // midnight may have passed
  const numbers = orders.map(({ order_no: no }) => no);
  assert.equal(new Set(numbers.map((no) => no.slice(11))).size, 20);
  for (const no of numbers) assert.ok(days.some((day) => no.startsWith(`VIP${day}`)), no);
});

test('price, amount and other members of the body are ignored (B14)', async () => {
  const anna = await vip.buyer();
  const order = dataOf(await post('create', anna.token, {
    plan_id: month.id, price: '0.01', amount: '0.00', discount_amount: '29.90', status: 'PAID', order_type: 'UPGRADE', user_id: 1, level: 9, duration_days: 999,
  }));
  assertOrder(order, { amount: '29.90', status: 'PENDING', order_type: 'NEW', user_id: anna.user.user_id, level: 1, duration_days: 30 });
});

test('the quote equals what creation charges (B24)', async () => {
  const anna = await vip.buyer();
  const same = async (plan, type) => {
    const quote = dataOf(await vip.quote(anna, plan));
    assert.deepEqual(Object.keys(quote), ['plan_id', 'plan_name', 'order_type', 'level', 'duration_days', 'price', 'discount_amount', 'amount']);
    const order = await vip.create(anna, plan);
    for (const [name, value] of Object.entries(quote)) assert.deepEqual(order[name], value, name);
    assert.equal(order.order_type, type);
    return order;
  };
  await vip.pay(anna, await same(month, 'NEW'));
  await vip.pay(anna, await same(year, 'RENEWAL'));
  await vip.pay(anna, await same(gold, 'UPGRADE'));
  await vip.at(7, anna);
  await vip.pay(anna, await same(gold, 'RENEWAL'));
  await vip.at(0);
});

test('NEW, RENEWAL and UPGRADE are distinguished, a lower level is 422 (B24)', async () => {
  const anna = await vip.buyer();
  assert.equal((await vip.bought(anna, month)).order_type, 'NEW');
  assert.equal((await vip.bought(anna, month)).order_type, 'RENEWAL');
  assert.equal((await vip.bought(anna, gold)).order_type, 'UPGRADE');
  assertDenied(await vip.tryCreate(anna, month), 422);
  assertDenied(await vip.quote(anna, month), 422);
  assert.equal(await countOf(anna), 3);
});

test('an inactive or deleted plan is 404, also for administrators who buy (B24)', async () => {
  const anna = await vip.buyer();
  const hidden = await vip.plan({ is_active: false });
  for (const plan of [hidden, { id: 999_999_999 }, { id: Number.MAX_SAFE_INTEGER }]) {
    for (const person of [anna, { token: vip.admin }]) {
      assertDenied(await vip.tryCreate(person, plan), 404);
      assertDenied(await vip.quote(person, plan), 404);
    }
  }
  await assertNothing(anna);
});

test('one unpaid order at a time, of any plan, until it is paid, cancelled or expired (B23)', async () => {
  const anna = await vip.buyer();
  const first = await vip.create(anna, month);
  for (const plan of [month, gold]) assertDenied(await vip.tryCreate(anna, plan), 422, PENDING_TEXT);
  await vip.cancel(anna, first);
  const second = await vip.create(anna, gold);
  assertDenied(await vip.tryCreate(anna, month), 422, PENDING_TEXT);
  await vip.pay(anna, second);
  const third = await vip.create(anna, gold);
  assert.equal((await vip.create(await vip.buyer(), month)).status, 'PENDING', 'and another\'s is no obstacle');
  shop.clock(PAY_S + 1);
  const fourth = await vip.create(anna, gold);
  assert.deepEqual([await vip.state(third), fourth.status], ['EXPIRED', 'PENDING']);
  assert.deepEqual(await shop.sql(`SELECT status FROM membership_orders WHERE order_no = '${third.order_no}'`), [{ status: 3 }]);
  shop.clock(0);
});

test('jobs set exactly the expired orders to EXPIRED (B23)', async () => {
  const [anna, bob] = await trade.buyers(2);
  const late = await vip.create(anna, month);
  shop.clock(PAY_S - 60);
  const fresh = await vip.create(bob, month);
  await shop.jobs();
  const stored = async ({ order_no: no }) => (await shop.sql(`SELECT status FROM membership_orders WHERE order_no = '${no}'`))[0].status;
  assert.deepEqual([await stored(late), await stored(fresh)], [0, 0]);
  shop.clock(PAY_S + 1);
  assert.equal(await vip.state(late), 'EXPIRED', 'shown before it is written');
  assert.equal(await stored(late), 0);
  await shop.jobs();
  assert.deepEqual([await stored(late), await stored(fresh)], [3, 0]);
  assertDenied(await vip.tryPay(anna, late), 422);
  assertDenied(await vip.tryCancel(anna, late), 422);
  assertDenied(await vip.tryRefund(late), 422);
  await assertNothing(anna);
  shop.clock(0);
});

// ---- invalid input ----

const BAD = {
  create: { plan_id: [undefined, null, 0, -1, 1.5, '1', true, [], {}, 2 ** 63, -(2 ** 63)] },
  pay: {
    order_no: [undefined, null, '', 5, true, [], {}, 'x'.repeat(65), 'a\u0000b'],
    payment_method: [undefined, null, '', 5, [], {}, 'x'.repeat(51)],
  },
  action: {
    order_no: [undefined, null, '', 5, true, [], {}, 'x'.repeat(65)],
    action: [undefined, null, '', 5, [], 'x'.repeat(51), 'CANCEL', 'pay', 'refund ', 'cancel;refund'],
  },
};

test('missing, mistyped or out-of-range members are 400 and named (B12)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  const good = { create: { plan_id: month.id }, pay: { order_no: order.order_no, payment_method: 'ALIPAY' }, action: { order_no: order.order_no, action: 'cancel' } };
  for (const [route, fields] of Object.entries(BAD)) {
    for (const [name, values] of Object.entries(fields)) {
      for (const value of values) {
        const answer = await post(route, anna.token, { ...good[route], [name]: value });
        assertDenied(answer, 400);
        assert.equal(answer.body.field, name, `${route} ${JSON.stringify(value)}`);
      }
    }
    for (const raw of ['', 'null', '[]', '5', '{', `${JSON.stringify(good[route])}x`, '{"plan_id":1,"plan_id":1,"order_no":"a","order_no":"a"}']) {
      assertDenied(await vip.call('POST', `${ORDERS}/${route}/`, { token: anna.token, raw, headers: { 'content-type': 'application/json' } }), 400);
    }
  }
  assert.equal(await vip.state(order), 'PENDING');
});

test('a missing or invalid query parameter is 400 and named (B12)', async () => {
  const anna = await vip.buyer();
  for (const [route, name, values] of [['quote', 'plan_id', ['0', '-1', 'x', '1.5', '', '99999999999999999999']], ['detail', 'order_no', ['', 'x'.repeat(65), '%00', '%FF']]]) {
    for (const query of ['', ...values.map((value) => `?${name}=${value}`)]) {
      const answer = await vip.call('GET', `${ORDERS}/${route}/${query}`, { token: anna.token });
      assertDenied(answer, 400);
      assert.equal(answer.body.field, name, query);
    }
  }
});

test('an unknown order is 404 for everybody, whatever its number', async () => {
  const anna = await vip.buyer();
  for (const no of ['VIPNONE', '茶', "' OR 1=1 -- ", 'x'.repeat(64), 'ORDER1']) {
    for (const token of [anna.token, vip.admin]) {
      assertDenied(await vip.call('GET', `${ORDERS}/detail/?order_no=${encodeURIComponent(no)}`, { token }), 404);
      assertDenied(await post('pay', token, { order_no: no, payment_method: 'ALIPAY' }), 404);
      assertDenied(await post('action', token, { order_no: no, action: 'cancel' }), 404);
    }
    assertDenied(await post('action', vip.admin, { order_no: no, action: 'refund' }), 404);
  }
});

// ---- authorisation ----

test('without a token everything is 401, in the dialect', async () => {
  for (const [method, route] of [['GET', 'quote'], ['POST', 'create'], ['GET', 'detail'], ['GET', 'list'], ['POST', 'pay'], ['POST', 'action']]) {
    assertDenied(await vip.call(method, `${ORDERS}/${route}/`, method === 'POST' ? { body: {} } : {}), 401);
  }
});

test("another user's order is 403 in every state, for every action, and the refusal doesn't reveal the state (B4)", async () => {
  const [anna, eve] = await trade.buyers(2);
  const told = new Set();
  const tries = async (order) => {
    const refusals = [await vip.detail(order, eve.token), await vip.tryPay(eve, order), await vip.tryCancel(eve, order), await vip.act(eve.token, order, 'refund'),
      await vip.paymentStatus(eve, order), await vip.tryPrepay(eve, order)];
    for (const { status, body } of refusals) {
      assert.equal(status, 403, JSON.stringify(body));
      told.add(body.message);
    }
  };
  const order = await vip.create(anna, month);
  await tries(order);
  assert.equal(await vip.state(order), 'PENDING');
  await vip.pay(anna, order);
  await tries(order);
  assert.equal(await vip.state(order), 'PAID');
  await vip.refund(order);
  await tries(order);
  const cancelled = await vip.create(anna, month);
  await vip.cancel(anna, cancelled);
  await tries(cancelled);
  assert.equal(told.size, 1, [...told].join());
});

test('an administrator reads, cancels and refunds others\' orders, and pays only the own (B4, B32)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  assertDenied(await vip.tryPay({ token: vip.admin }, order), 403);
  assert.equal(await vip.state(order), 'PENDING');
  assert.equal(dataOf(await vip.act(vip.admin, order, 'cancel')).status, 'CANCELLED');
  const own = await vip.create({ token: vip.admin }, month);
  assert.equal((await vip.pay({ token: vip.admin }, own)).status, 'PAID');
  assert.equal((await vip.refund(own)).status, 'REFUNDED');
});

test('only administrators refund, and the refusal doesn\'t reveal the state (B4)', async () => {
  const anna = await vip.buyer();
  const order = await vip.bought(anna, month);
  assertDenied(await vip.act(anna.token, order, 'refund'), 403);
  assertDenied(await vip.act(anna.token, { order_no: 'VIPNONE' }, 'refund'), 403);
  assert.equal(await vip.state(order), 'PAID');
});

// ---- detail and list ----

test('the detail of an order is the same for its owner and for administrators', async () => {
  const anna = await vip.buyer();
  const order = await vip.bought(anna, month);
  const { body } = await vip.detail(order, anna.token);
  assertOrder(body.data, { status: 'PAID', payment_method: 'ALIPAY', remaining_seconds: 0 });
  assert.deepEqual((await vip.detail(order)).body, body);
  assert.deepEqual((await vip.call('GET', `${ORDERS}/detail?order_no=${order.order_no}`, { token: anna.token })).body, body);
});

// Anna with an order in every state, newest first.
async function customerWithAll() {
  const anna = await vip.buyer();
  const orders = {};
  shop.clock(-PAY_S - 60); // as of then
  await trade.signInAgain(anna);
  orders.EXPIRED = await vip.create(anna, month);
  await vip.after(0, anna);
  orders.REFUNDED = await vip.bought(anna, month);
  await vip.refund(orders.REFUNDED);
  orders.CANCELLED = await vip.create(anna, month);
  await vip.cancel(anna, orders.CANCELLED);
  orders.PAID = await vip.bought(anna, month);
  orders.PENDING = await vip.create(anna, month);
  return { anna, orders };
}

test('the list has the user\'s own orders, newest first; status filters it, an overdue one counts as EXPIRED (B23)', async () => {
  const { anna, orders } = await customerWithAll();
  const { body } = await vip.list('', anna.token);
  assert.deepEqual(Object.keys(body), ['success', 'code', 'data', 'meta']);
  assert.deepEqual(body.data.map(({ order_no: no }) => no), Object.values(orders).map(({ order_no: no }) => no).reverse());
  for (const order of body.data) {
    assertOrder(order, { user_id: anna.user.user_id });
    assert.deepEqual(still(order), still(await vip.read(order)));
  }
  assert.deepEqual(body.meta, { pagination: { total: 5, page: 1, page_size: 100 } });
  for (const [status, order] of Object.entries(orders)) {
    const found = (await vip.list(`?status=${status}`, anna.token)).body;
    assert.deepEqual(found.data.map((row) => [row.order_no, row.status]), [[order.order_no, status]]);
    assert.equal(found.meta.pagination.total, 1);
  }
  assert.deepEqual((await vip.list('?status=REFUNDING', anna.token)).body.data, []);
  await shop.jobs();
  assert.deepEqual((await vip.list('?status=EXPIRED', anna.token)).body.data.map(({ order_no: no }) => no), [orders.EXPIRED.order_no]);
});

test('administrators see all, with scope=my their own, with user_id one customer\'s', async () => {
  const { anna, orders } = await customerWithAll();
  const own = await vip.create({ token: vip.admin }, month);
  const total = (await shop.sql('SELECT COUNT(*) AS n FROM membership_orders'))[0].n;
  const all = stillAll(await vip.list('?page_size=500'));
  assert.equal(all.length, total);
  assert.deepEqual(stillAll(await vip.list('?page_size=500&scope=all')), all);
  assert.deepEqual(all.slice(0, 6).map(({ order_no: no }) => no), [own, ...Object.values(orders).reverse()].map(({ order_no: no }) => no));
  const mine = stillAll(await vip.list('?scope=my'));
  assert.ok(mine.length >= 1 && mine.every((order) => order.user_id === own.user_id));
  assert.equal(dataOf(await vip.list(`?user_id=${anna.user.user_id}`)).length, 5);
  assert.equal(dataOf(await vip.list(`?user_id=${anna.user.user_id}&status=PAID`)).length, 1);
  assert.deepEqual(stillAll(await vip.list(`?scope=my&user_id=${anna.user.user_id}`)), mine, 'scope=my is one\'s own');
  assert.deepEqual(dataOf(await vip.list('?user_id=999999999')), []);
  assert.deepEqual(stillAll(await vip.list(`?user_id=${anna.user.user_id}`, anna.token)), stillAll(await vip.list('?scope=my', anna.token)));
  await vip.act(vip.admin, own, 'cancel');
});

test('a customer can\'t list others\': scope=all or another user_id is 403 (B4)', async () => {
  const [anna, eve] = await trade.buyers(2);
  await vip.create(anna, month);
  for (const query of ['?scope=all', `?user_id=${anna.user.user_id}`, `?user_id=999999999`, `?scope=all&user_id=${eve.user.user_id}`]) {
    assertDenied(await vip.list(query, eve.token), 403);
  }
  assert.deepEqual(dataOf(await vip.list('', eve.token)), []);
});

test('pages neither repeat nor skip an order, limit is page_size, and invalid values are 400 (B13)', async () => {
  const { anna } = await customerWithAll();
  const all = dataOf(await vip.list('', anna.token));
  for (const size of ['page_size', 'limit']) {
    const pages = [];
    for (let page = 1; page <= 3; page++) {
      const { body } = await vip.list(`?page=${page}&${size}=2`, anna.token);
      assert.deepEqual(body.meta.pagination, { total: 5, page, page_size: 2 });
      pages.push(...body.data);
    }
    assert.deepEqual(pages.map(({ order_no: no }) => no), all.map(({ order_no: no }) => no));
  }
  for (const page of [4, 1000, 2 ** 31 - 1]) assert.deepEqual((await vip.list(`?page=${page}&page_size=2`, anna.token)).body.data, []);
  assert.equal((await vip.list('?limit=501', anna.token)).body.meta.pagination.page_size, 500);
  const odd = { page: ['0', '-1', '1.5', 'x', ''], page_size: ['0', '2147483648', 'x'], limit: ['0', '1e2'], status: ['paid', 'X', '0'], scope: ['mine', 'MY'], user_id: ['0', '-1', 'x'] };
  for (const [name, values] of Object.entries(odd)) {
    for (const value of values) {
      const answer = await vip.list(`?${name}=${value}`);
      assertDenied(answer, 400);
      assert.equal(answer.body.field, name, value);
    }
  }
});

// ---- the simulated payment ----

test('a payment grants at once: PAID, a segment of exactly its days, and VIP (B25)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  const { status, body } = await vip.tryPay(anna, order, { method: 'WECHAT' });
  assert.equal(status, 200);
  assert.equal(body.message, '支付成功，会员已开通');
  assertOrder(body.data, { ...order, status: 'PAID', payment_method: 'WECHAT', remaining_seconds: 0, paid_at: body.data.paid_at, updated_at: body.data.updated_at });
  const paidAt = Math.floor(Date.parse(body.data.paid_at) / 1000);
  const [segment, ...more] = await vip.segments(anna);
  assert.deepEqual(more, []);
  assert.ok(segment.start === paidAt || segment.start === paidAt + 1);
  assert.deepEqual(segment, { order_no: order.order_no, level: 1, days: 30, value: 2990, cash: 2990, kind: 'NEW', state: 'ACTIVE', start: segment.start, end: segment.start + 30 * DAY_S, taken: 0 });
  assert.equal(await vip.until(anna), segment.end);
});

test('a method other than ALIPAY or WECHAT is 422, and pays nothing (B32)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  for (const method of ['alipay', 'CARD', 'WECHAT ', '微信', 'ALIPAY,WECHAT']) assertDenied(await vip.tryPay(anna, order, { method }), 422);
  assert.equal(await vip.state(order), 'PENDING');
  assert.equal((await vip.tryPay(anna, order)).status, 200);
});

test('a paid, cancelled, refunded or expired order can\'t be paid: 422', async () => {
  const { anna, orders } = await customerWithAll();
  const before = await vip.rows(anna);
  for (const status of ['PAID', 'CANCELLED', 'REFUNDED', 'EXPIRED']) {
    assertDenied(await vip.tryPay(anna, orders[status]), 422);
    assert.equal(await vip.state(orders[status]), status);
  }
  assert.deepEqual(await vip.rows(anna), before);
});

test('the simulated payment needs PAYMENT_SIMULATION=on, else 403 for any order (B32)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  for (const off of ['off', null]) {
    await shop.restartWeb({ PAYMENT_SIMULATION: off });
    assertDenied(await vip.tryPay(anna, order), 403);
    assertDenied(await vip.tryPay(anna, order, { method: 'CARD' }), 403);
    assertDenied(await vip.tryPay(anna, { order_no: 'VIPNONE' }), 403);
    assert.equal(await vip.state(order), 'PENDING');
  }
  await assertNothing(anna);
  await shop.restartWeb({ PAYMENT_SIMULATION: 'on' });
  assert.equal((await vip.tryPay(anna, order)).status, 200);
});

test('renewals follow each other without a gap, each starting at the previous end (B27)', async () => {
  const anna = await vip.buyer();
  for (let i = 0; i < 3; i++) await vip.bought(anna, month);
  const segments = await vip.segments(anna);
  assert.deepEqual(segments.map(({ kind }) => kind), ['NEW', 'RENEWAL', 'RENEWAL']);
  assert.deepEqual(segments.slice(1).map(({ start }) => start), segments.slice(0, 2).map(({ end }) => end));
  assert.equal(await vip.until(anna), segments[0].start + 90 * DAY_S);
  assert.equal((await vip.status(anna)).days_remaining, 90);
});

// ---- cancelling ----

test('owner and administrator can cancel an unpaid order once; a second time is 422', async () => {
  const anna = await vip.buyer();
  for (const token of [anna.token, vip.admin]) {
    const order = await vip.create(anna, month);
    const { body } = await vip.act(token, order, 'cancel');
    assertOrder(body.data, { ...order, status: 'CANCELLED', remaining_seconds: 0, updated_at: body.data.updated_at });
    assert.ok(body.message);
    for (const again of [anna.token, vip.admin]) assertDenied(await vip.act(again, order, 'cancel'), 422);
    assertDenied(await vip.tryPay(anna, order), 422);
    assertDenied(await vip.tryRefund(order), 422);
    assert.equal(await vip.state(order), 'CANCELLED');
  }
  await assertNothing(anna);
});

test('a paid or refunded order can\'t be cancelled: 422', async () => {
  const { anna, orders } = await customerWithAll();
  for (const status of ['PAID', 'REFUNDED', 'EXPIRED']) {
    assertDenied(await vip.tryCancel(anna, orders[status]), 422);
    assertDenied(await vip.act(vip.admin, orders[status], 'cancel'), 422);
    assert.equal(await vip.state(orders[status]), status);
  }
});

// ---- keys ----

test('creation, payment and action with an Idempotency-Key happen once, and are replayed', async () => {
  const anna = await vip.buyer();
  const made = await vip.tryCreate(anna, month, keyed('a'));
  const again = await vip.tryCreate(anna, month, keyed('a'));
  assert.deepEqual([made.status, replayed(made), again.status, replayed(again)], [200, null, 200, 'true']);
  assert.equal(again.body.data.order_no, made.body.data.order_no);
  assert.equal(await countOf(anna), 1);
  assertDenied(await vip.tryCreate(anna, gold, keyed('a')), 422);
  const order = made.body.data;
  const paid = await vip.tryPay(anna, order, { headers: keyed('a') });
  const paidAgain = await vip.tryPay(anna, order, { headers: keyed('a') });
  assert.deepEqual([paid.status, replayed(paid), paidAgain.status, replayed(paidAgain)], [200, null, 200, 'true']);
  assert.deepEqual(paidAgain.body, paid.body);
  assert.equal((await vip.segments(anna)).length, 1);
  assert.equal((await vip.tryCreate(anna, month, keyed('a'))).body.data.status, 'PAID', 'a replay shows it as it is now');
  const back = await vip.tryRefund(order, keyed('a'));
  const backAgain = await vip.tryRefund(order, keyed('a'));
  assert.deepEqual([back.status, replayed(back), backAgain.status, replayed(backAgain)], [200, null, 200, 'true']);
  assert.deepEqual(backAgain.body, back.body);
  const next = await vip.create(anna, month);
  const gone = await vip.act(anna.token, next, 'cancel', keyed('b'));
  const goneAgain = await vip.act(anna.token, next, 'cancel', keyed('b'));
  assert.deepEqual([gone.status, goneAgain.status, replayed(goneAgain)], [200, 200, 'true']);
  assert.deepEqual(goneAgain.body, gone.body);
});

test('twenty concurrent duplicates with one key are one order, one payment, one cancellation', async () => {
  const anna = await vip.buyer();
  const twins = (ask) => Promise.all(Array.from({ length: 20 }, ask));
  const made = await twins(() => vip.tryCreate(anna, month, keyed('twins')));
  assert.deepEqual(tally(made.map(({ status }) => status)), { 200: 20 }, JSON.stringify(made.map(({ body }) => body)));
  assert.equal(new Set(made.map(({ body }) => body.data.order_no)).size, 1);
  assert.equal(made.filter((answer) => replayed(answer) === null).length, 1);
  const order = made[0].body.data;
  const paid = await twins(() => vip.tryPay(anna, order, { headers: keyed('twins') }));
  assert.deepEqual(tally(paid.map(({ status }) => status)), { 200: 20 });
  for (const { body } of paid) assert.deepEqual(body, paid[0].body);
  assert.equal((await vip.segments(anna)).length, 1);
  const next = await vip.create(anna, month);
  const gone = await twins(() => vip.act(anna.token, next, 'cancel', keyed('twins')));
  assert.deepEqual(tally(gone.map(({ status }) => status)), { 200: 20 });
});

test('a refusal stores no key, not even that of a payment with an invalid quote (B28)', async () => {
  const anna = await vip.buyer();
  const first = await vip.create(anna, month);
  assertDenied(await vip.tryCreate(anna, month, keyed('k')), 422, PENDING_TEXT);
  await vip.gift(anna, 1, 5); // quoted as NEW, it would be a RENEWAL now
  for (let again = 0; again < 2; again++) assertDenied(await vip.tryPay(anna, first, { headers: keyed('k') }), 422);
  assert.equal(await vip.state(first), 'CANCELLED');
  const { status, body } = await vip.tryCreate(anna, month, keyed('k'));
  assert.deepEqual([status, body.data.order_type], [200, 'RENEWAL']);
  assertDenied(await vip.tryCreate(anna, month, { 'idempotency-key': 'a b' }), 400);
});

// ---- deletion of users ----

test('a VIP, or a user with a refund in progress, can\'t be deleted; an unpaid order is cancelled with its user', async () => {
  const anna = await vip.buyer();
  const remove = () => vip.call('DELETE', `/api/users/${anna.user.user_id}`, { token: vip.admin });
  const order = await vip.boughtByWechat(anna, month);
  assert.equal((await remove()).status, 409);
  assert.equal((await vip.refund(order)).status, 'REFUNDING');
  assert.equal((await vip.status(anna)).is_vip, false);
  assert.equal((await remove()).status, 409);
  const [{ refund_no: no }] = await vip.refunds(order);
  await vip.completeRefund(no);
  const unpaid = await vip.create(anna, month);
  const { outTradeNo } = await vip.prepay(anna, unpaid);
  assert.equal((await remove()).status, 204);
  assert.equal(await vip.state(unpaid), 'CANCELLED');
  await shop.jobs();
  assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'CLOSED');
});

test('a user whose membership has ended can be deleted', async () => {
  const anna = await vip.buyer();
  await vip.bought(anna, month);
  await vip.at(31);
  assert.equal((await vip.call('DELETE', `/api/users/${anna.user.user_id}`, { token: vip.admin })).status, 204);
  await vip.at(0);
});

// SPDX-License-Identifier: MIT
// Plans: reading, changes by administrators, and removal of a plan with orders (BEHAVIOUR 4, 10 to 13, 24, 31).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORDERS, PLANS, assertDenied, assertOrder, dataOf, openVip } from '../lib/memberships.mjs';
import { DATE } from '../lib/trade.mjs';

const vip = await openVip();
const { shop } = vip;
const anna = await vip.buyer();

const KEYS = ['id', 'name', 'price', 'original_price', 'duration_days', 'level', 'is_active', 'description', 'created_at', 'updated_at'];
const FULL = { name: '月度会员', price: '29.90', original_price: '39.90', duration_days: 30, level: 1, is_active: true, description: '特权1\n特权2' };

function assertPlan(body, expected = {}) {
  assert.deepEqual(Object.keys(body), KEYS);
  for (const name of ['id', 'duration_days', 'level']) assert.ok(Number.isSafeInteger(body[name]) && body[name] > 0, name);
  assert.equal(typeof body.name, 'string');
  assert.match(body.price, /^\d+\.\d\d$/);
  assert.ok(body.original_price === null || /^\d+\.\d\d$/.test(body.original_price), body.original_price);
  assert.equal(typeof body.is_active, 'boolean');
  assert.ok(body.description === null || typeof body.description === 'string');
  for (const moment of [body.created_at, body.updated_at]) assert.match(moment, DATE);
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(body[name], value, name);
}

const list = (token, query = '') => vip.call('GET', `${PLANS}${query}`, { token });
const plansOf = async (token) => dataOf(await list(token, '?page_size=500'));
const find = async (id, token = vip.admin) => (await plansOf(token)).find((plan) => plan.id === id);
const patch = (query, body, token = vip.admin) => vip.call('PATCH', `${PLANS}${query}`, { token, body });
const remove = (query, token = vip.admin) => vip.call('DELETE', `${PLANS}${query}`, { token });
const count = async () => (await shop.sql('SELECT COUNT(*) AS n FROM plans'))[0].n;

// ---- reading ----

test('a plan has every field of the contract, in its type, for guests, customers and administrators', async () => {
  const made = dataOf(await vip.tryPlan(FULL));
  assertPlan(made, FULL);
  for (const token of [null, anna.token, vip.admin]) assert.deepEqual(await find(made.id, token), made);
  const { body } = await list(undefined);
  assert.deepEqual(Object.keys(body), ['success', 'code', 'data', 'meta']);
  for (const plan of body.data) assertPlan(plan);
});

test('guests and customers see active plans, administrators all', async () => {
  const shown = await vip.plan();
  const hidden = await vip.plan({ is_active: false });
  assert.equal(hidden.is_active, false);
  for (const token of [null, anna.token]) {
    assert.ok(await find(shown.id, token));
    assert.equal(await find(hidden.id, token), undefined);
    assert.equal((await list(token)).body.meta.pagination.total, (await plansOf(token)).length);
  }
  assert.ok(await find(shown.id));
  assert.ok(await find(hidden.id));
});

test('an expired or invalid token is treated as absent on a public route', async () => {
  const hidden = await vip.plan({ is_active: false });
  for (const token of ['x.y.z', `${vip.admin.slice(0, -2)}xx`]) assert.equal(await find(hidden.id, token), undefined);
});

test('the list is paged, with a total (B13)', async () => {
  for (let i = 0; i < 5; i++) await vip.plan();
  const all = await plansOf(vip.admin);
  assert.deepEqual(all.map(({ id }) => id), all.map(({ id }) => id).sort((a, b) => a - b), 'in the order of their making');
  const pages = [];
  for (let page = 1; page <= Math.ceil(all.length / 2); page++) {
    const { body } = await list(vip.admin, `?page=${page}&page_size=2`);
    assert.deepEqual(body.meta, { pagination: { total: all.length, page, page_size: 2 } });
    pages.push(...body.data);
  }
  assert.deepEqual(pages, all);
  assert.deepEqual((await list(vip.admin)).body.meta, { pagination: { total: all.length, page: 1, page_size: 100 } });
  assert.deepEqual((await list(vip.admin, '?limit=3')).body.meta, { pagination: { total: all.length, page: 1, page_size: 3 } });
  assert.deepEqual((await list(vip.admin, '?page_size=501')).body.meta.pagination.page_size, 500);
  const beyond = (await list(vip.admin, '?page=2147483647&page_size=500')).body;
  assert.deepEqual([beyond.data, beyond.meta.pagination.total], [[], all.length]);
  for (const name of ['page', 'page_size', 'limit']) {
    for (const odd of ['0', '-1', '1.5', 'x', '', '2147483648', '1e2', '%201']) {
      const answer = await list(vip.admin, `?${name}=${odd}`);
      assertDenied(answer, 400);
      assert.equal(answer.body.field, name);
    }
  }
});

test('a trailing slash is ignored', async () => {
  const plan = await vip.plan();
  const bare = PLANS.slice(0, -1);
  assert.deepEqual((await vip.call('GET', bare)).body, (await vip.call('GET', PLANS)).body);
  assert.equal((await vip.call('POST', bare, { token: vip.admin, body: FULL })).status, 200);
  assert.equal((await vip.call('PATCH', `${bare}?id=${plan.id}`, { token: vip.admin, body: { level: 5 } })).body.data.level, 5);
  assert.equal((await vip.call('DELETE', `${bare}?id=${plan.id}`, { token: vip.admin })).status, 200);
});

// ---- creating and changing ----

test('a plan is active by default, without original price and description', async () => {
  assertPlan(dataOf(await vip.tryPlan({ name: '季度会员', price: 88.00, duration_days: 90, level: 1 })),
    { price: '88.00', original_price: null, is_active: true, description: null });
  assertPlan(dataOf(await vip.tryPlan({ ...FULL, original_price: null, description: null })), { original_price: null, description: null });
});

test('a price is accepted as number or string, to the fen (B10)', async () => {
  for (const [price, shown] of [[29.9, '29.90'], ['29.9', '29.90'], [29, '29.00'], ['0.01', '0.01'], [0.01, '0.01'], ['19.99', '19.99'], [1_000_000, '1000000.00'], ['1000000.00', '1000000.00']]) {
    const made = dataOf(await vip.tryPlan({ ...FULL, price, original_price: price }));
    assert.deepEqual([made.price, made.original_price], [shown, shown]);
  }
});

test('a plan at each limit is accepted, one beyond it is 400 and named (B12)', async () => {
  for (const fields of [
    { name: '茶' }, { name: '名'.repeat(100) }, { name: '🍵 <b>' }, { duration_days: 1 }, { duration_days: 3660 }, { level: 1 }, { level: 999 },
    { description: '' }, { description: '述'.repeat(5000) },
  ]) {
    assertPlan(dataOf(await vip.tryPlan({ ...FULL, ...fields })), fields);
  }
  const before = await count();
  const odd = {
    name: [undefined, null, '', '名'.repeat(101), 5, true, [], {}, 'a\u0000b'],
    price: [undefined, null, 0, '0.00', -1, '-1', '1000000.01', 1_000_001, '29.905', '1e3', ' 1', '', true, [], {}, 'x', 99_999_999_999],
    original_price: [0, '0', -1, '1000000.01', '1.005', '', true, []],
    duration_days: [undefined, null, 0, -1, 3661, 1.5, '30', 2 ** 31, true, []],
    level: [undefined, null, 0, -1, 1000, 1.5, '1', true],
    is_active: [null, 0, 1, 'true', []],
    description: ['述'.repeat(5001), 5, [], true],
  };
  for (const [name, values] of Object.entries(odd)) {
    for (const value of values) {
      const answer = await vip.tryPlan({ ...FULL, [name]: value });
      assertDenied(answer, 400);
      assert.equal(answer.body.field, name, JSON.stringify(value));
    }
  }
  for (const raw of ['', 'null', '[]', '{', '{"name":"a","name":"b"}', '{} {}']) {
    assertDenied(await vip.call('POST', PLANS, { token: vip.admin, raw, headers: { 'content-type': 'application/json' } }), 400);
  }
  assert.equal(await count(), before);
});

test('id and dates of a body are ignored, as are unknown members', async () => {
  const made = dataOf(await vip.tryPlan({ ...FULL, id: 4711, created_at: '2001-01-01T00:00:00.000Z', updated_at: 5, user_id: 'x' }));
  assert.notEqual(made.id, 4711);
  assert.ok(made.created_at > '2020');
});

test('PATCH accepts the id in the query or in the body, and changes the present members', async () => {
  const { updated_at: _, ...plan } = await vip.plan({ ...FULL, price: '10.00' });
  const first = dataOf(await patch(`?id=${plan.id}`, { price: '12.50' }));
  assertPlan(first, { ...plan, price: '12.50' });
  const second = dataOf(await patch('', { id: plan.id, name: '新名', description: null, original_price: null }));
  assertPlan(second, { ...plan, price: '12.50', name: '新名', description: null, original_price: null });
  const third = dataOf(await patch(`?id=${plan.id}`, { is_active: false, level: 2, duration_days: 60 }));
  assertPlan(third, { ...plan, price: '12.50', name: '新名', description: null, original_price: null, is_active: false, level: 2, duration_days: 60 });
  assert.deepEqual(await find(plan.id), third);
  assertPlan(dataOf(await patch(`?id=${plan.id}`, { is_active: true })), { is_active: true });
  assert.ok(await find(plan.id, null));
});

test('the id in the query takes precedence over the body\'s', async () => {
  const [one, two] = [await vip.plan(), await vip.plan()];
  assert.equal(dataOf(await patch(`?id=${one.id}`, { id: two.id, level: 7 })).id, one.id);
  assert.deepEqual([(await find(one.id)).level, (await find(two.id)).level], [7, 1]);
});

test('PATCH beyond a limit is 400, of an unknown plan 404, without effect (B12)', async () => {
  const plan = await vip.plan();
  for (const [field, value] of [['price', '0.00'], ['price', '1000000.01'], ['duration_days', 3661], ['level', 0], ['name', ''], ['name', null], ['is_active', null], ['price', null], ['original_price', '-1']]) {
    const answer = await patch(`?id=${plan.id}`, { [field]: value });
    assertDenied(answer, 400);
    assert.equal(answer.body.field, field, JSON.stringify(value));
  }
  for (const query of ['', '?id=', '?id=0', '?id=x', '?id=-1', '?id=1.5', '?id=99999999999999999999']) {
    const answer = await patch(query, { level: 2 });
    assertDenied(answer, 400);
    assert.equal(answer.body.field, 'id', query);
  }
  assertDenied(await patch('?id=999999999', { level: 2 }), 404);
  assertDenied(await patch('', { id: 999999999, level: 2 }), 404);
  assert.deepEqual(await find(plan.id), plan);
});

test('a change of a plan changes no existing order (B19, B24)', async () => {
  const plan = await vip.plan({ name: '原名', price: '10.00' });
  const order = await vip.create(anna, plan);
  await patch(`?id=${plan.id}`, { name: '改名', price: '99.00', duration_days: 1, level: 9 });
  assertOrder(await vip.read(order), { plan_name: '原名', price: '10.00', amount: '10.00', duration_days: 30, level: 1 });
  await vip.pay(anna, order);
  const [segment] = await vip.segments(anna);
  assert.deepEqual([segment.level, segment.days, segment.value], [1, 30, 1000]);
  await vip.refund(order);
});

test('a changed price is journalled', async () => {
  const plan = await vip.plan({ price: '10.00' });
  await patch(`?id=${plan.id}`, { price: '12.00' });
  await patch(`?id=${plan.id}`, { level: 2, price: '12.00' });
  assert.deepEqual(await shop.sql(`SELECT action, detail FROM journal WHERE subject = 'plan ${plan.id}'`), [{ action: 'plan-price', detail: '1200 fen, before 1000' }]);
});

// ---- removing ----

test('a plan without orders is removed (B31)', async () => {
  const plan = await vip.plan();
  const { status, body } = await remove(`?id=${plan.id}`);
  assert.deepEqual([status, body.success], [200, true]);
  assert.doesNotMatch(body.message, /下架/);
  assert.deepEqual(await shop.sql(`SELECT id FROM plans WHERE id = ${plan.id}`), []);
  assertDenied(await remove(`?id=${plan.id}`), 404);
  assertDenied(await patch(`?id=${plan.id}`, { level: 2 }), 404);
});

test('a plan with orders in any state is only deactivated, and the message says so (B31)', async () => {
  const buyers = await vip.trade.buyers(3);
  const made = await vip.plan();
  await vip.cancel(buyers[0], await vip.create(buyers[0], made));
  const paid = await vip.plan();
  const order = await vip.bought(buyers[1], paid);
  const pending = await vip.plan();
  const waiting = await vip.create(buyers[2], pending);
  for (const plan of [made, paid, pending]) {
    for (let again = 0; again < 2; again++) {
      const { status, body } = await remove(`?id=${plan.id}`);
      assert.deepEqual([status, body.success, body.code], [200, true, 'OK']);
      assert.match(body.message, /下架/);
      assert.equal((await find(plan.id)).is_active, false);
      assert.equal(await find(plan.id, null), undefined);
    }
  }
  assert.equal((await vip.read(order)).plan_name, paid.name);
  assert.equal((await vip.pay(buyers[2], waiting)).status, 'PAID', 'what was ordered before can still be paid');
  const other = await vip.buyer();
  assertDenied(await vip.tryCreate(other, paid), 404);
  await patch(`?id=${paid.id}`, { is_active: true });
  assert.equal((await vip.create(other, paid)).status, 'PENDING');
});

test('a concurrent removal and order: there is an order and a plan, or neither (B31)', async () => {
  for (let round = 0; round < 10; round++) {
    const [plan, person] = [await vip.plan(), await vip.buyer()];
    const acts = [() => remove(`?id=${plan.id}`), () => vip.tryCreate(person, plan)];
    const answers = await Promise.all((round % 2 ? acts : acts.reverse()).map((act) => act()));
    const [removed, made] = round % 2 ? answers : answers.reverse();
    assert.equal(removed.status, 200);
    const kept = await find(plan.id);
    assert.equal(kept !== undefined, made.status === 200, JSON.stringify(made.body));
    assert.equal(/下架/.test(removed.body.message), made.status === 200);
    if (made.status !== 200) assertDenied(made, 404);
  }
});

test('DELETE takes its id only from the query, and an invalid one is 400', async () => {
  const plan = await vip.plan();
  for (const query of ['', '?id=', '?id=0', '?id=x', '?id=-1', '?id=1.5', '?id=1%00']) {
    const answer = await remove(query);
    assertDenied(answer, 400);
    assert.equal(answer.body.field, 'id', query);
  }
  assertDenied(await vip.call('DELETE', PLANS, { token: vip.admin, body: { id: plan.id } }), 400);
  assertDenied(await remove('?id=999999999'), 404);
  assert.ok(await find(plan.id));
});

// ---- authorisation ----

test('changing plans is 401 for guests and 403 for customers, before anything is checked (B4)', async () => {
  const plan = await vip.plan();
  const tries = [['POST', PLANS, FULL], ['POST', PLANS, {}], ['PATCH', `${PLANS}?id=${plan.id}`, { level: 2 }], ['PATCH', `${PLANS}?id=999999999`, {}],
    ['PATCH', PLANS, {}], ['DELETE', `${PLANS}?id=${plan.id}`], ['DELETE', PLANS]];
  const before = await count();
  for (const [method, address, body] of tries) {
    const guest = await vip.call(method, address, { body });
    assertDenied(guest, 401);
    assert.equal(guest.headers.get('www-authenticate'), 'Bearer');
    assertDenied(await vip.call(method, address, { body, token: anna.token }), 403);
  }
  assert.deepEqual([await count(), await find(plan.id)], [before, plan]);
});

test('a wrong method is 405 in the dialect, an unknown path 404', async () => {
  const { headers, ...answer } = await vip.call('PUT', PLANS, { token: vip.admin, body: FULL });
  assertDenied(answer, 405);
  assert.equal(headers.get('allow'), 'GET, HEAD, POST, PATCH, DELETE, OPTIONS');
  assertDenied(await vip.call('GET', `${PLANS}1`, { token: vip.admin }), 404);
  assertDenied(await vip.call('GET', `${ORDERS}/`, { token: vip.admin }), 404);
});

// SPDX-License-Identifier: MIT
// Points: earning, using, the balance and the ledger, in the contract's shapes.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { Points, SYSTEM, serviceToken } from '../lib/loyalty.mjs';
import { tally } from '../lib/trade.mjs';

const DAY_S = 86_400;
const VALID_DAYS = 730;

const shop = await openShop();
const admin = await shop.admin();
const system = await serviceToken(shop);
const points = new Points(shop, system);
const dayOf = (ms) => new Date(ms + 8 * 3_600_000).toISOString().slice(0, 10); // in the shop's zone

const refused = ({ status, body }, wanted, code) => {
  assert.equal(status, wanted, JSON.stringify(body));
  assert.equal(body.error.code, code);
};

// ---- shapes ----

test('earning and using answer as the contract shows, and the balance follows', async () => {
  const anna = await shop.login('points-anna');
  const { user_id: userId } = anna.user;
  const earned = await shop.call('POST', `${SYSTEM}/points/earn`, {
    token: system, body: { user_id: userId, points: 100, source_type: 'order_complete', source_id: 'SHAPE_1', description: '订单完成奖励积分' },
  });
  assert.equal(earned.status, 201, JSON.stringify(earned.body));
  assert.deepEqual(Object.keys(earned.body.data), ['transaction_id', 'points_earned', 'current_balance', 'transaction_time']);
  assert.match(earned.body.data.transaction_id, /^PT_\d{8}[0-9A-Z]{10}$/);
  assert.equal(earned.body.data.transaction_id.slice(3, 11), dayOf(Date.now()).replaceAll('-', ''));
  assert.match(earned.body.data.transaction_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual([earned.body.data.points_earned, earned.body.data.current_balance], [100, 100]);

  const used = await shop.call('POST', `${SYSTEM}/points/use`, {
    token: anna.token, body: { points: 30, usage_type: 'order_discount', reference_id: 'SHAPE_2', description: '订单积分抵扣' },
  });
  assert.equal(used.status, 201, JSON.stringify(used.body));
  assert.deepEqual(Object.keys(used.body.data), ['transaction_id', 'points_used', 'current_balance', 'transaction_time']);
  assert.deepEqual([used.body.data.points_used, used.body.data.current_balance], [30, 70]);

  assert.deepEqual((await shop.ok('GET', `${SYSTEM}/points/balance`, { token: anna.token })).data, {
    current_points: 70, frozen_points: 0, available_points: 70, total_earned: 100, total_used: 30,
    pending_expiry: [{ points: 70, expire_date: dayOf(Date.now() + VALID_DAYS * DAY_S * 1000) }],
  });
  const { data } = await shop.ok('GET', `${SYSTEM}/points/transactions`, { token: anna.token });
  assert.deepEqual(data.pagination, { page: 1, limit: 20, total: 2, total_pages: 1 });
  const [last, first] = data.transactions;
  assert.deepEqual({ ...first, id: 0, created_at: 0 }, {
    id: 0, transaction_id: earned.body.data.transaction_id, type: 'earn', points_change: 100, balance_after: 100, description: '订单完成奖励积分', created_at: 0,
    reference_type: 'order_complete', reference_id: 'SHAPE_1',
  });
  assert.deepEqual([last.type, last.points_change, last.balance_after], ['use', -30, 70]);
  assert.ok(Number.isInteger(first.id) && first.id < last.id);
});

test('a member who never had points has none', async () => {
  const { token } = await shop.login('points-new');
  assert.deepEqual((await shop.ok('GET', `${SYSTEM}/points/balance`, { token })).data,
    { current_points: 0, frozen_points: 0, available_points: 0, total_earned: 0, total_used: 0, pending_expiry: [] });
  assert.deepEqual((await shop.ok('GET', `${SYSTEM}/points/transactions`, { token })).data,
    { transactions: [], pagination: { page: 1, limit: 20, total: 0, total_pages: 0 } });
});

// ---- who may ----

test('a member earns nothing by itself, and uses only its own points (B4, B5)', async () => {
  const [anna, bert] = [await points.member('own-anna', 100), await points.member('own-bert', 100)];
  refused(await points.earn(anna, 5, { token: anna.token }), 403, 'PERMISSION_DENIED');
  refused(await points.earn(anna, 5, { token: null }), 401, 'AUTHENTICATION_REQUIRED');
  const ignored = await points.use(anna, 10, { token: anna.token, user_id: bert.user.user_id });
  assert.equal(ignored.status, 201);
  assert.equal((await points.balance(anna)).current_points, 90);
  assert.equal((await points.balance(bert)).current_points, 100);
});

test('a system names the user, an administrator may (B4)', async () => {
  const anna = await points.member('named-anna', 100);
  refused(await points.use(anna, 10, { token: system, user_id: undefined }), 400, 'INVALID_REQUEST_FORMAT');
  assert.equal((await points.use(anna, 10, { token: system })).status, 201);
  assert.equal((await points.use(anna, 10, { token: admin })).status, 201);
  refused(await points.use(anna, 10, { token: admin, user_id: undefined }), 409, 'INSUFFICIENT_POINTS'); // its own
  assert.equal((await points.balance(anna)).current_points, 80);
  assert.equal((await points.earn(anna, 7, { token: admin })).status, 201);
  const log = await shop.sql(`SELECT action, old_value, new_value, operator_kind FROM member_log WHERE member_id = ${anna.user.member_id} ORDER BY log_id`);
  assert.deepEqual(log.map((row) => Object.values(row)), [['earn', 0, 100, 2], ['use', 100, 90, 2], ['use', 90, 80, 1], ['earn', 80, 87, 1]]);
});

test('an unknown user has no points: MEMBER_NOT_FOUND', async () => {
  const nobody = { user: { user_id: 987654321 } };
  refused(await points.earn(nobody, 5), 404, 'MEMBER_NOT_FOUND');
  refused(await points.use(nobody, 5, { token: system }), 404, 'MEMBER_NOT_FOUND');
  refused(await shop.call('POST', `${SYSTEM}/admin/recalculate/987654321`, { token: admin, body: { reason: '无' } }), 404, 'MEMBER_NOT_FOUND');
  const gone = await points.member('points-gone', 5);
  assert.equal((await shop.call('DELETE', `/api/users/${gone.user.user_id}`, { token: admin })).status, 204);
  refused(await points.earn(gone, 5), 404, 'MEMBER_NOT_FOUND');
  refused(await points.use(gone, 5, { token: system }), 404, 'MEMBER_NOT_FOUND');
});

test('a frozen member neither earns nor uses points, and sees them: MEMBER_STATUS_INVALID', async () => {
  const anna = await points.member('points-frozen', 50);
  await shop.sql(`UPDATE members SET status = 0 WHERE member_id = ${anna.user.member_id}`);
  refused(await points.earn(anna, 5), 409, 'MEMBER_STATUS_INVALID');
  refused(await points.use(anna, 5), 409, 'MEMBER_STATUS_INVALID');
  assert.equal((await points.balance(anna)).current_points, 50);
  await shop.sql(`UPDATE members SET status = 1 WHERE member_id = ${anna.user.member_id}`);
  assert.equal((await points.use(anna, 5)).status, 201);
});

// ---- once ----

test('earning twice for one source is one row, and the second answer is the first (B45)', async () => {
  const [anna, bert] = [await points.member('once-anna'), await points.member('once-bert')];
  const first = await points.earn(anna, 100, { source_id: 'ONCE_1' });
  assert.equal(first.status, 201);
  for (const [member, n] of [[anna, 100], [anna, 5], [bert, 100]]) {
    const again = await points.earn(member, n, { source_id: 'ONCE_1' });
    assert.equal(again.status, 201);
    assert.deepEqual(again.body, first.body);
  }
  assert.equal((await points.balance(anna)).current_points, 100);
  assert.equal((await points.balance(bert)).current_points, 0);
  const conflicts = shop.log().filter(({ area, message, text }) => area === 'points' && `${message ?? text}`.includes(first.body.data.transaction_id));
  assert.equal(conflicts.length, 2, 'the two that asked for something else are logged');
  assert.equal((await points.earn(anna, 1, { source_type: 'another', source_id: 'ONCE_1' })).body.data.current_balance, 101);
});

test('concurrently too: one row, the same answer, whatever the member (B45)', async () => {
  const members = [await points.member('race-anna'), await points.member('race-bert')];
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => points.earn(members[i % 2], 100, { source_id: 'RACE_1' })));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 201: 20 });
  assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1);
  const [{ n }] = await shop.sql("SELECT COUNT(*) AS n FROM point_entries WHERE reference_id = 'RACE_1'");
  assert.equal(n, 1);
  assert.equal((await Promise.all(members.map((one) => points.balance(one)))).reduce((sum, one) => sum + one.current_points, 0), 100);
});

test('an Idempotency-Key makes earning and using happen once', async () => {
  const anna = await points.member('keyed', 100);
  const key = { headers: { 'idempotency-key': 'points-use-1' } };
  const [first, second] = [await points.use(anna, 40, key), await points.use(anna, 40, key)];
  assert.equal(second.headers.get('idempotent-replayed'), 'true');
  assert.deepEqual(second.body, first.body);
  assert.equal((await points.use(anna, 41, key)).body.error.code, 'IDEMPOTENCY_MISMATCH');
  assert.equal((await points.balance(anna)).current_points, 60);
  const earn = { headers: { 'idempotency-key': 'points-earn-1' }, source_id: 'KEYED_1' };
  const earned = await points.earn(anna, 5, earn);
  assert.deepEqual((await points.earn(anna, 5, earn)).body, earned.body);
  assert.equal((await points.balance(anna)).current_points, 65);
});

// ---- input ----

test('points are integers from 1 to 999999, and sources visible ASCII (B45, B12)', async () => {
  const anna = await points.member('input', 10);
  for (const wrong of [0, -1, 1.5, 1_000_000, '5', null, true, undefined]) {
    for (const answer of [await points.earn(anna, wrong, { source_id: `WRONG_${wrong}` }), await points.use(anna, wrong)]) {
      refused(answer, 400, 'INVALID_REQUEST_FORMAT');
      assert.equal(answer.body.error.details.field, 'points');
    }
  }
  for (const [field, values] of Object.entries({ source_type: ['', 'a b', '积分', 'x'.repeat(51), 'shop_order'], source_id: ['', 'a\nb', 'é', 'x'.repeat(101)], description: ['x'.repeat(501)] })) {
    for (const value of values) {
      const answer = await points.earn(anna, 5, { [field]: value });
      refused(answer, 400, 'INVALID_REQUEST_FORMAT');
      assert.equal(answer.body.error.details.field, field);
    }
  }
  refused(await points.use(anna, 5, { usage_type: 'shop_order' }), 400, 'INVALID_REQUEST_FORMAT'); // the shop's own
  assert.equal((await points.earn(anna, 999_999, { source_id: 'MOST' })).body.data.current_balance, 1_000_009);
});

// ---- using ----

test('concurrent uses never overspend (B46)', async () => {
  const anna = await points.member('spender', 100);
  const answers = await Promise.all(Array.from({ length: 20 }, () => points.use(anna, 9)));
  assert.deepEqual(tally(answers.map(({ status, body }) => body.error?.code ?? status)), { 201: 11, INSUFFICIENT_POINTS: 9 });
  assert.deepEqual(new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.data.current_balance)).size, 11);
  assert.equal((await points.balance(anna)).current_points, 1);
});

test('lots are spent by earliest expiry, then number, and every debit names them (B46)', async () => {
  const anna = await points.member('lots');
  for (const n of [10, 20, 30]) await points.earn(anna, n);
  const [a, b, c] = (await shop.sql(`SELECT lot_id FROM point_lots WHERE member_id = ${anna.user.member_id} ORDER BY lot_id`)).map((row) => row.lot_id);
  await shop.sql(`UPDATE point_lots SET expires_at = expires_at - 1000 WHERE lot_id = ${c}`);
  const { body } = await points.use(anna, 35);
  const taken = await shop.sql(`SELECT p.lot_id, p.points FROM point_entry_lots p JOIN point_entries e ON e.entry_id = p.entry_id
    WHERE e.transaction_id = '${body.data.transaction_id}' ORDER BY p.place`);
  assert.deepEqual(taken.map((row) => [row.lot_id, Number(row.points)]), [[c, -30], [a, -5]]);
  await points.use(anna, 24);
  assert.deepEqual((await shop.sql(`SELECT unspent FROM point_lots WHERE lot_id IN (${a}, ${b}, ${c}) ORDER BY lot_id`)).map((row) => row.unspent), [0, 1, 0]);
});

// ---- expiry ----

test('what has expired is gone at once, before jobs have run, and expires once (B46)', async () => {
  const anna = await points.member('expiring', 100);
  shop.clock(10 * DAY_S);
  const { token } = await shop.login('expiring');
  await points.earn(anna, 20);
  const days = [dayOf(Date.now() + VALID_DAYS * DAY_S * 1000), dayOf(Date.now() + (VALID_DAYS + 10) * DAY_S * 1000)];
  assert.deepEqual((await points.balance({ token })).pending_expiry, [{ points: 100, expire_date: days[0] }, { points: 20, expire_date: days[1] }]);

  shop.clock((VALID_DAYS + 1) * DAY_S);
  const later = await shop.login('expiring');
  const balance = await points.balance(later);
  assert.deepEqual(balance, { current_points: 20, frozen_points: 0, available_points: 20, total_earned: 120, total_used: 0, pending_expiry: [{ points: 20, expire_date: days[1] }] });
  refused(await points.use(later, 50), 409, 'POINTS_EXPIRED');
  refused(await points.use(later, 121), 409, 'INSUFFICIENT_POINTS');
  const expired = async () => Number((await shop.sql(`SELECT COALESCE(SUM(points), 0) AS n FROM point_entries WHERE member_id = ${anna.user.member_id} AND type = 3`))[0].n);
  assert.equal(await expired(), 0);
  await Promise.all([shop.jobs(), shop.jobs()]);
  assert.equal(await expired(), -100);
  await shop.jobs();
  assert.equal(await expired(), -100);
  assert.deepEqual(await points.balance(later), balance);
  const { transactions } = (await shop.ok('GET', `${SYSTEM}/points/transactions?type=expire`, { token: later.token })).data;
  assert.deepEqual(transactions.map((one) => [one.type, one.points_change, one.balance_after]), [['expire', -100, 20]]);
  shop.clock(0);
});

test('points are usable until the end of their last day in the shop\'s zone, whatever jobs do (B46, B49)', async () => {
  const anna = await points.member('last-day', 100);
  const [{ expires_at: end }] = await shop.sql(`SELECT expires_at FROM point_lots WHERE member_id = ${anna.user.member_id}`);
  assert.equal(dayOf(Number(end) - 1), dayOf(Date.now() + VALID_DAYS * DAY_S * 1000));
  assert.equal(new Date(Number(end)).toISOString().slice(11), '16:00:00.000Z');
  shop.clock(Math.floor((Number(end) - Date.now()) / 1000) - 30);
  await shop.jobs();
  assert.equal((await points.use(await shop.login('last-day'), 1)).body.data.current_balance, 99);
  shop.clock(Math.ceil((Number(end) - Date.now()) / 1000) + 5);
  refused(await points.use(await shop.login('last-day'), 1), 409, 'POINTS_EXPIRED');
  shop.clock(0);
});

// ---- the list ----

test('the ledger is paged and filtered by type and by days of the shop, both included (B13, B65)', async () => {
  const anna = await points.member('listed');
  for (let i = 1; i <= 5; i += 1) await points.earn(anna, i);
  await points.use(anna, 2);
  const midnight = Date.parse(`${dayOf(Date.now())}T00:00:00+08:00`);
  // one on each side of yesterday's first and last moment
  const moments = [midnight - 1, midnight - DAY_S * 1000, midnight - DAY_S * 1000 - 1];
  const ids = (await shop.sql(`SELECT entry_id FROM point_entries WHERE member_id = ${anna.user.member_id} ORDER BY entry_id`)).map((row) => row.entry_id);
  for (const [i, at] of moments.entries()) await shop.sql(`UPDATE point_entries SET created_at = ${at} WHERE entry_id = ${ids[2 - i]}`);
  const list = async (query) => (await shop.ok('GET', `${SYSTEM}/points/transactions?${query}`, { token: anna.token })).data;
  const changes = async (query) => (await list(query)).transactions.map((one) => one.points_change);
  const [today, yesterday] = [dayOf(Date.now()), dayOf(Date.now() - DAY_S * 1000)];
  assert.deepEqual(await changes(''), [-2, 5, 4, 3, 2, 1]);
  assert.deepEqual(await changes('type=earn'), [5, 4, 3, 2, 1]);
  assert.deepEqual(await changes('type=use'), [-2]);
  assert.deepEqual(await changes(`start_date=${today}`), [-2, 5, 4]);
  assert.deepEqual(await changes(`start_date=${yesterday}&end_date=${yesterday}`), [3, 2]);
  assert.deepEqual(await changes(`end_date=${yesterday}&type=earn`), [3, 2, 1]);
  assert.deepEqual(await list('page=2&limit=4').then((data) => [data.transactions.map((one) => one.points_change), data.pagination]),
    [[2, 1], { page: 2, limit: 4, total: 6, total_pages: 2 }]);
  assert.deepEqual((await list('page=9')).transactions, []);
  assert.equal((await list('limit=501')).pagination.limit, 500);
  for (const [query, field] of [['type=gift', 'type'], ['start_date=2025-02-30', 'start_date'], ['end_date=x', 'end_date'], ['page=0', 'page'], ['limit=-1', 'limit'], ['cursor=x', 'cursor'], ['offset=2', 'offset'], ['user_id=1', 'user_id']]) {
    const answer = await shop.call('GET', `${SYSTEM}/points/transactions?${query}`, { token: anna.token });
    refused(answer, 400, 'INVALID_REQUEST_FORMAT');
    assert.equal(answer.body.error.details.field, field);
  }
  const real = Date.now();
  for (const id of ids) await shop.sql(`UPDATE point_entries SET created_at = ${real} WHERE entry_id = ${id}`);
});

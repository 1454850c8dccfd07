// SPDX-License-Identifier: MIT
// `minimall audit` about points: each of its rules is violated, by editing a row directly; and the recalculation of what is kept.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { POINTS_RULES, Points, SYSTEM, serviceToken } from '../lib/loyalty.mjs';

const shop = await openShop({ families: ['login', 'members', 'users'] });
const admin = await shop.admin();
const points = new Points(shop, await serviceToken(shop));
const anna = await points.member('anna', 100);
const bert = await points.member('bert', 7);
const { member_id: member } = anna.user;
const { member_id: other } = bert.user;
await points.use(anna, 30);
await points.earn(anna, 50);

// As an order does that waits for its payment, one that was paid, and one that was refunded in part.
const [lot, next] = (await shop.sql(`SELECT lot_id FROM point_lots WHERE member_id = ${member} ORDER BY lot_id`)).map((row) => row.lot_id);
const [{ lot_id: foreign }] = await shop.sql(`SELECT lot_id FROM point_lots WHERE member_id = ${other}`);
await shop.sql(`INSERT INTO point_holds (hold_id, member_id, reference_type, reference_id, live, state, points, created_at) VALUES (1, ${member}, 'test', 'HELD', 1, 1, 20, 1);
  INSERT INTO point_hold_lots (hold_id, lot_id, place, points) VALUES (1, ${lot}, 0, 20); UPDATE point_lots SET held = 20 WHERE lot_id = ${lot};
  INSERT INTO point_entries (entry_id, transaction_id, member_id, type, points, debt, balance_after, reference_type, reference_id, once, created_at)
    VALUES (1001, 'PT_1', ${member}, 2, -10, 0, 110, 'test', 'PAID', 1, ${Date.now()});
  INSERT INTO point_entry_lots (entry_id, lot_id, place, points) VALUES (1001, ${next}, 0, -10);
  INSERT INTO point_holds (hold_id, member_id, reference_type, reference_id, live, state, points, entry_id, created_at, ended_at)
    VALUES (2, ${member}, 'test', 'PAID', 1, 2, 10, 1001, 1, 2);
  INSERT INTO point_hold_lots (hold_id, lot_id, place, points) VALUES (2, ${next}, 0, 10);
  INSERT INTO point_entries (entry_id, transaction_id, member_id, type, points, debt, balance_after, reference_type, reference_id, of_entry_id, created_at)
    VALUES (1002, 'PT_2', ${member}, 4, 4, 0, 114, 'test', 'PAID', 1001, ${Date.now()});
  INSERT INTO point_entry_lots (entry_id, lot_id, place, points) VALUES (1002, ${next}, 0, 4);
  UPDATE point_lots SET unspent = 44 WHERE lot_id = ${next};
  UPDATE point_accounts SET balance = 114, frozen = 20, total_used = 36 WHERE member_id = ${member};
  UPDATE member_counts SET n = n + 6 WHERE figure = 4 AND shard = ${member} % 16`);
const [{ entry_id: earned }] = await shop.sql(`SELECT entry_id FROM point_entries WHERE member_id = ${member} AND type = 1 ORDER BY entry_id LIMIT 1`);

// A damage of a table, and its repair from a copy of it. A generated column takes no value.
const edited = (table, where, change) => [`CREATE TABLE kept AS SELECT * FROM ${table}; UPDATE ${table} SET ${change} WHERE ${where}`, table];
const gone = (table, where) => [`CREATE TABLE kept AS SELECT * FROM ${table}; DELETE FROM ${table} WHERE ${where}`, table];
const GENERATED = { point_lots: 'lot_id, member_id, unspent, held, expires_at, created_at' };
const repair = (table) => `DELETE FROM ${table}; INSERT INTO ${table} ${
  GENERATED[table] ? `(${GENERATED[table]}) SELECT ${GENERATED[table]}` : 'SELECT *'} FROM kept; DROP TABLE kept`;
const account = (change) => edited('point_accounts', `member_id = ${member}`, change);
const lotRow = (change) => edited('point_lots', `lot_id = ${next}`, change);
const entry = (id, change) => edited('point_entries', `entry_id = ${id}`, change);
const hold = (id, change) => edited('point_holds', `hold_id = ${id}`, change);
const [LEDGER, LOTS, DEBT, ACCOUNT, MEMBER, FIGURES, SEQUENCE, ENTRY, LOT, CHANGE, ORIGIN, BACK, EARNED, HELD, HOLD, POSTED] = POINTS_RULES;

// [rule, subject it must name, damage, table]
const SABOTAGE = [
  ...['balance = balance + 1', 'debt = 1', 'total_earned = total_earned - 1', 'total_used = total_used + 1'].map((change) => [LEDGER, `member ${member}`, ...account(change)]),
  [LEDGER, `member ${member}`, ...gone('point_entries', `entry_id = ${earned}`)],
  [LEDGER, `member ${member}`, ...entry(earned, 'debt = 1')],
  [LEDGER, `member ${other}`, ...entry(earned, `member_id = ${other}`)],
  ...['balance = balance - 1', 'frozen = frozen - 1', 'debt = 1'].map((change) => [LOTS, `member ${member}`, ...account(change)]),
  ...['unspent = unspent + 1', 'unspent = unspent + 1, held = 1', `member_id = ${other}`].map((change) => [LOTS, `member ${member}`, ...lotRow(change)]),
  [DEBT, `member ${member}`, ...account('debt = 1')],
  [ACCOUNT, `point_entry ${earned}`, ...gone('point_accounts', `member_id = ${member}`)],
  [ACCOUNT, `lot ${lot}`, ...gone('point_accounts', `member_id = ${member}`)],
  [ACCOUNT, 'hold 1', ...hold(1, 'member_id = 987654')],
  [MEMBER, 'account 987654', ...account('member_id = 987654')],
  [FIGURES, 'figure 3', ...edited('member_counts', 'figure = 3', 'n = n + 1')],
  [FIGURES, 'figure 4', ...gone('member_counts', 'figure = 4')],
  [FIGURES, 'figure 3', ...account('total_earned = total_earned + 1')],
  [SEQUENCE, `point_entry ${earned}`, ...entry(earned, 'balance_after = balance_after + 1')],
  [ENTRY, 'point_entry 1001', ...entry(1001, 'points = -11')],
  [ENTRY, 'point_entry 1001', ...entry(1001, 'debt = 1')],
  [ENTRY, 'point_entry 1002', ...gone('point_entry_lots', 'entry_id = 1002')],
  [LOT, `lot ${next}`, ...lotRow('unspent = unspent - 1')],
  [LOT, `lot ${next}`, ...edited('point_entry_lots', 'entry_id = 1002', 'points = 5')],
  [CHANGE, `point_entry 1002 lot ${foreign}`, ...edited('point_entry_lots', 'entry_id = 1002', `lot_id = ${foreign}`)],
  [CHANGE, `point_entry 987654 lot ${next}`, ...edited('point_entry_lots', 'entry_id = 1002', 'entry_id = 987654')],
  [CHANGE, `point_entry 1002 lot ${next}`, ...gone('point_lots', `lot_id = ${next}`)],
  ...['of_entry_id = 1002', "reference_id = 'x'", 'of_entry_id = 987654', 'type = 5, points = -4'].map((change) => [ORIGIN, 'point_entry 1002', ...entry(1002, change)]),
  [BACK, 'point_entry 1001', ...entry(1002, 'points = 11')],
  [EARNED, `point_entry ${earned}`, ...entry(earned, 'once = NULL')],
  [EARNED, `point_entry ${earned}`, ...entry(earned, `lot_id = ${foreign}`)],
  [HELD, `lot ${lot}`, ...edited('point_lots', `lot_id = ${lot}`, 'held = held - 1')],
  [HELD, `lot ${lot}`, ...hold(1, 'state = 3, live = NULL, ended_at = 3')],
  [HELD, `lot ${lot}`, ...gone('point_holds', 'hold_id = 1')],
  [HOLD, 'hold 1', ...hold(1, 'points = 21')],
  [HOLD, 'hold 2', ...gone('point_hold_lots', 'hold_id = 2')],
  ...["reference_id = 'x'", 'entry_id = 1002', 'points = 11'].map((change) => [POSTED, 'hold 2', ...hold(2, change)]),
];

const audit = async (code) => {
  const answer = await shop.audit();
  assert.equal(answer.code, code, answer.stdout + answer.stderr);
  return answer.stdout.split('\n');
};

test('a shop whose points are in order: exit 0', async () => {
  await audit(0);
  assert.deepEqual([...new Set(SABOTAGE.map(([rule]) => rule))], POINTS_RULES);
});

for (const [rule, subject, damage, table] of SABOTAGE) {
  test(`${rule}: ${damage.replace(/^CREATE.*?; /, '').slice(0, 90)}`, async () => {
    await shop.sql(damage);
    const lines = await audit(1);
    assert.ok(lines.some((line) => line.startsWith(`WRONG: ${subject}: `) && line.endsWith(`(${rule})`)), lines.join('\n'));
    await shop.sql(repair(table));
  });
}

test('after all repairs the points are in order again', () => audit(0));

test('what the schema\'s constraints forbid is refused by the database (B45)', async () => {
  for (const damage of [
    `UPDATE point_lots SET unspent = -1 WHERE lot_id = ${next}`,
    `UPDATE point_lots SET held = unspent + 1 WHERE lot_id = ${next}`,
    `UPDATE point_accounts SET debt = -1 WHERE member_id = ${member}`,
    `UPDATE point_entries SET points = 0 WHERE entry_id = ${earned}`,
    'UPDATE point_entries SET points = 10 WHERE entry_id = 1001',
    `INSERT INTO point_entries (transaction_id, member_id, type, points, debt, balance_after, reference_type, reference_id, once, lot_id, created_at)
      SELECT 'PT_X', ${other}, 1, 5, 0, 5, reference_type, reference_id, 1, ${foreign}, 1 FROM point_entries WHERE entry_id = ${earned}`,
    `INSERT INTO point_holds (member_id, reference_type, reference_id, live, state, points, created_at) VALUES (${other}, 'test', 'HELD', 1, 1, 5, 1)`,
  ]) {
    await assert.rejects(shop.sql(damage), damage);
  }
});

// ---- recalculation ----

const recalculate = (body) => shop.call('POST', `${SYSTEM}/admin/recalculate/${member}`, { token: admin, body: { reason: '数据修复', ...body } });
const answers = async () => [await points.balance(anna), (await shop.ok('GET', `${SYSTEM}/points/transactions`, { token: anna.token })).data];
const drift = (body) => Object.fromEntries(body.data.drift.map(({ figure, stored, actual }) => [figure, [stored, actual]]));

test('recalculating what is in order changes nothing (B48)', async () => {
  const before = await shop.sql('CHECKSUM TABLE point_accounts, point_lots, point_entries, point_entry_lots, point_holds, members');
  const { status, body } = await recalculate({ recalculate_points: true, recalculate_level: false });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(body.data, { member_id: member, changed: false, drift: [], points: { current: 114, total_earned: 150, total_used: 36 }, level_id: 1 });
  const after = await shop.sql('CHECKSUM TABLE point_accounts, point_lots, point_entries, point_entry_lots, point_holds, members');
  const changed = after.filter((row, i) => JSON.stringify(row) !== JSON.stringify(before[i])).map((row) => Object.values(row)[0].replace(/^.*\./, ''));
  assert.deepEqual(changed, ['members'], 'its row is written, which locks it');
  const [logged] = await shop.sql(`SELECT action, new_value, reason FROM member_log WHERE member_id = ${member} ORDER BY log_id DESC LIMIT 1`);
  assert.deepEqual(Object.values(logged), ['recalculate', 'unchanged', '数据修复']);
});

test('drift is reported and corrected, whatever of the kept figures is wrong or gone (B48)', async () => {
  const before = await answers();
  for (const [damage, told] of [
    [`UPDATE point_accounts SET balance = 0, total_used = 1 WHERE member_id = ${member}`, { balance: [0, 114], total_used: [1, 36] }],
    [`UPDATE point_accounts SET frozen = 5, debt = 5, total_earned = 0 WHERE member_id = ${member}`, { frozen: [5, 20], debt: [5, 0], total_earned: [0, 150] }],
    [`DELETE FROM point_accounts WHERE member_id = ${member}`, { balance: [0, 114], frozen: [0, 20], total_earned: [0, 150], total_used: [0, 36] }],
    [`UPDATE point_lots SET unspent = 0 WHERE lot_id = ${next}`, { [`lot ${next} unspent`]: [0, 44] }],
    [`UPDATE point_lots SET unspent = 90, held = 0 WHERE lot_id = ${lot}`, { [`lot ${lot} unspent`]: [90, 70], [`lot ${lot} held`]: [0, 20] }],
    [`UPDATE members SET level_id = 2, earned_level_id = 2 WHERE member_id = ${member};
      UPDATE member_counts SET n = n - 1 WHERE figure = 1 AND subject = 1 AND shard = ${member} % 16;
      INSERT INTO member_counts (figure, subject, shard, n) VALUES (1, 2, ${member} % 16, 1)`, { level_id: [2, 1] }],
  ]) {
    await shop.sql(damage);
    const { status, body } = await recalculate();
    assert.equal(status, 200, `${damage}: ${JSON.stringify(body)}`);
    assert.deepEqual(drift(body), told, damage);
    assert.equal(body.data.changed, true);
    assert.deepEqual(await answers(), before, damage);
    assert.equal((await recalculate()).body.data.changed, false);
  }
  const [{ n }] = await shop.sql(`SELECT COUNT(*) AS n FROM member_log WHERE member_id = ${member} AND new_value LIKE '%corrected'`);
  assert.equal(n, 6);
});

test('without its kept figures a member can still earn and use points (B48)', async () => {
  await shop.sql(`DELETE FROM point_accounts WHERE member_id = ${member}`);
  assert.equal((await points.earn(anna, 6)).body.data.current_balance, 120);
  assert.equal((await points.use(anna, 6)).body.data.current_balance, 114);
  assert.equal((await recalculate()).body.data.changed, false);
  assert.equal((await points.use(anna, 95)).body.error.code, 'INSUFFICIENT_POINTS', 'what is held is not available');
  await audit(0);
});

test('recalculation is for administrators, with a reason (B4, B48)', async () => {
  assert.equal((await shop.call('POST', `${SYSTEM}/admin/recalculate/${member}`, { token: anna.token, body: { reason: 'x' } })).status, 403);
  assert.equal((await shop.call('POST', `${SYSTEM}/admin/recalculate/${member}`, { token: points.token, body: { reason: 'x' } })).status, 403);
  const { status, body } = await shop.call('POST', `${SYSTEM}/admin/recalculate/${member}`, { token: admin, body: {} });
  assert.deepEqual([status, body.error.details.field], [400, 'reason']);
});

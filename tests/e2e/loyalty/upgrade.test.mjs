// SPDX-License-Identifier: MIT
// A member's level: it follows the points earned; an administrator may give a higher one, whose threshold is met (BEHAVIOUR 58).

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { Points, SYSTEM, serviceToken } from '../lib/loyalty.mjs';

const NOBODY = 999_999_999;
const NAMES = [null, '铜牌会员', '银牌会员', '金牌会员', '钻石会员'];

const shop = await openShop();
const admin = await shop.admin();
const points = new Points(shop, await serviceToken(shop));

const levelOf = async ({ token }) => (await shop.ok('GET', `${SYSTEM}/profile`, { token })).data.level.id;
const upgrade = ({ user }, level, reason = '老顾客', token = admin) => (
  shop.call('POST', `${SYSTEM}/levels/${user.member_id}/upgrade`, { token, body: { target_level_id: level, reason } }));
const logOf = async ({ user }) => (await shop.ok('GET', `${SYSTEM}/members/${user.member_id}/log`, { token: admin })).data;
// Without the points that its orders would have earned, until the end of the test.
async function spent(t, { user }, yuan) {
  const set = (fen) => shop.sql(`UPDATE members SET total_spent = ${fen} WHERE member_id = ${user.member_id}`);
  t.after(() => set(0));
  await set(yuan * 100);
}
const codeOf = ({ status, body }) => [status, body.error.code];
const takeBack = async ({ user }) => shop.sql(`SELECT total_earned FROM point_accounts WHERE member_id = ${user.member_id}`);

test('the level follows the points earned, at exactly its threshold; using points leaves it (B58)', async () => {
  const anna = await points.member('anna', 999);
  assert.equal(await levelOf(anna), 1);
  await points.earn(anna, 1);
  assert.equal(await levelOf(anna), 2);
  assert.equal((await points.use(anna, 1000)).status, 201);
  assert.equal(await levelOf(anna), 2);
  await points.earn(anna, 4000);
  assert.equal(await levelOf(anna), 3);
  await points.earn(anna, 15_000);
  assert.equal(await levelOf(anna), 4);
  assert.equal((await takeBack(anna))[0].total_earned, 20_000);
  const { data } = await shop.ok('GET', `${SYSTEM}/profile`, { token: anna.token });
  assert.deepEqual([data.level, data.points], [{ id: 4, name: NAMES[4], discount_rate: 0.88 }, { current: 19_000, total_earned: 20_000, total_used: 1000 }]);
});

test('an upgrade needs a threshold met by points earned or by what was spent: else 409 INVALID_LEVEL_UPGRADE', async (t) => {
  const bert = await points.member('bert', 10);
  for (const level of [2, 3, 4]) assert.deepEqual(codeOf(await upgrade(bert, level)), [409, 'INVALID_LEVEL_UPGRADE']);
  await spent(t, bert, 4999.99);
  assert.deepEqual(codeOf(await upgrade(bert, 3)), [409, 'INVALID_LEVEL_UPGRADE'], 'a fen is missing');
  await spent(t, bert, 5000);
  const { status, body: { data } } = await upgrade(bert, 3, ' VIP客户特殊升级 ');
  const { upgraded_at: at, operator_id: by, ...rest } = data;
  assert.equal(status, 200);
  assert.deepEqual(rest, {
    member_id: bert.user.member_id, previous_level: { id: 1, name: NAMES[1], discount_rate: 1 }, level: { id: 3, name: NAMES[3], discount_rate: 0.92 }, reason: 'VIP客户特殊升级',
  });
  assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(by, (await shop.ok('GET', '/api/auth/me', { token: admin })).user_id);
  const [{ action, old_value: from, new_value: to, reason }] = await logOf(bert);
  assert.deepEqual([action, from, to, reason], ['upgrade', NAMES[1], NAMES[3], 'VIP客户特殊升级']);
  for (const level of [1, 2, 3]) assert.deepEqual(codeOf(await upgrade(bert, level)), [409, 'INVALID_LEVEL_UPGRADE'], 'not higher');
  assert.equal((await logOf(bert)).filter((entry) => entry.action === 'upgrade').length, 1);
});

test('a given level stays, whatever the points do; a higher one that is earned counts (B58)', async (t) => {
  const carl = await points.member('carl');
  await spent(t, carl, 1000);
  assert.equal((await upgrade(carl, 2)).status, 200);
  await points.earn(carl, 10);
  assert.equal(await levelOf(carl), 2, 'not down to the level of 10 points');
  await points.earn(carl, 5000);
  assert.equal(await levelOf(carl), 3);
  const [row] = await shop.sql(`SELECT manual_level_id AS given, earned_level_id AS earned FROM members WHERE member_id = ${carl.user.member_id}`);
  assert.deepEqual([row.given, row.earned], [2, 3]);
});

test('whom an upgrade may concern, and what it needs (B4, B12)', async () => {
  const dora = await points.member('dora', 30_000);
  assert.deepEqual(codeOf(await upgrade(dora, 2, 'x', dora.token)), [403, 'PERMISSION_DENIED']);
  assert.deepEqual(codeOf(await upgrade(dora, 2, 'x', points.token)), [403, 'PERMISSION_DENIED']);
  assert.deepEqual(codeOf(await upgrade({ user: { member_id: NOBODY } }, 2)), [404, 'MEMBER_NOT_FOUND']);
  for (const [body, field] of [
    [{}, 'target_level_id'], [{ target_level_id: 2 }, 'reason'], [{ target_level_id: 2, reason: '  ' }, 'reason'], [{ target_level_id: '2', reason: 'x' }, 'target_level_id'],
    [{ target_level_id: 0, reason: 'x' }, 'target_level_id'], [{ target_level_id: 99, reason: 'x' }, 'target_level_id'], [{ target_level_id: 2, reason: '长'.repeat(501) }, 'reason'],
  ]) {
    const { status, body: { error } } = await shop.call('POST', `${SYSTEM}/levels/${dora.user.member_id}/upgrade`, { token: admin, body });
    assert.deepEqual([status, error.code, error.details.field], [400, 'INVALID_REQUEST_FORMAT', field], JSON.stringify(body));
  }
});

test('a frozen member isn\'t upgraded, and neither earns nor uses points: 409 MEMBER_STATUS_INVALID', async (t) => {
  const eve = await points.member('eve', 900);
  const set = (status) => shop.ok('PUT', `${SYSTEM}/members/${eve.user.member_id}`, { token: admin, body: { status, reason: '核实中' } });
  await spent(t, eve, 6000);
  await set(0);
  for (const answer of [await upgrade(eve, 3), await points.earn(eve, 1), await points.use(eve, 1)]) assert.deepEqual(codeOf(answer), [409, 'MEMBER_STATUS_INVALID']);
  await set(1);
  assert.equal((await upgrade(eve, 3)).status, 200);
  assert.equal((await points.use(eve, 1)).status, 201);
});

test('concurrent upgrades of one member to one level: one is done', async (t) => {
  const fay = await points.member('fay');
  await spent(t, fay, 30_000);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => upgrade(fay, 4, `第${i}次`)));
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, ...Array(7).fill(409)]);
  assert.equal((await logOf(fay)).length, 1);
});

// SPDX-License-Identifier: MIT
// The summary of all members: kept figures, equal to a recomputation at any time, and as fast with many members as with few.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { Points, SYSTEM, serviceToken } from '../lib/loyalty.mjs';
import { statements } from '../../lint/texts.mjs';

const DAY_S = 86_400;
const MANY = 2 ** 13;

const shop = await openShop({ own: true, families: ['login', 'users', 'members'] });
const admin = await shop.admin();
const points = new Points(shop, await serviceToken(shop));

const summary = async (token = admin) => (await shop.ok('GET', `${SYSTEM}/stats/summary`, { token })).data;

// From the members and their accounts.
async function recomputed() {
  const levels = await shop.sql('SELECT l.level_id AS id, (SELECT COUNT(*) FROM members m WHERE m.level_id = l.level_id AND m.status <> 2) AS n FROM member_levels l ORDER BY l.level_id');
  const [sums] = await shop.sql('SELECT COALESCE(SUM(total_earned), 0) AS earned, COALESCE(SUM(total_used), 0) AS used FROM point_accounts');
  const total = levels.reduce((sum, { n }) => sum + Number(n), 0);
  return {
    total_members: total,
    level_distribution: Object.fromEntries(levels.map(({ id, n }) => [`level_${id}`, Number(n)])),
    points_statistics: { total_points_issued: Number(sums.earned), total_points_used: Number(sums.used), avg_points_per_member: Math.floor(Number(sums.earned) / total) },
  };
}

async function agrees() {
  const { active_members_30d: active, ...rest } = await summary();
  assert.deepEqual(rest, await recomputed());
  return active;
}

test('the figures in the shape of the contract, for administrators (B4)', async () => {
  assert.deepEqual(await summary(), {
    total_members: 1, active_members_30d: 1, level_distribution: { level_1: 1, level_2: 0, level_3: 0, level_4: 0 },
    points_statistics: { total_points_issued: 0, total_points_used: 0, avg_points_per_member: 0 },
  });
  for (const token of [(await shop.login('anna')).token, points.token]) {
    const { status, body } = await shop.call('GET', `${SYSTEM}/stats/summary`, { token });
    assert.deepEqual([status, body.error.code], [403, 'PERMISSION_DENIED']);
  }
});

test('after concurrent sign-ins, points, upgrades, freezing and deletions they equal a recomputation', async () => {
  const people = await Promise.all(Array.from({ length: 20 }, (_, i) => points.member(`person-${i}`)));
  await Promise.all(people.flatMap((person, i) => [
    points.earn(person, 400 * (i + 1)), points.earn(person, 7), points.use(person, 3),
    shop.call('PUT', `${SYSTEM}/members/${person.user.member_id}`, { token: admin, body: { status: i % 2, reason: '测试' } }),
    ...(i % 5 === 4 ? [shop.call('DELETE', `/api/users/${person.user.user_id}`, { token: admin })] : []),
  ]));
  assert.equal(await agrees(), (await recomputed()).total_members);
  assert.equal((await shop.audit()).code, 0);
});

test('active are those of today and of the 29 days before, in the shop\'s zone (B49)', async () => {
  const before = (await summary()).active_members_30d;
  for (const [days, others] of [[29, before], [30, 0]]) {
    shop.clock(days * DAY_S);
    const [token, gus] = [await shop.admin(), await shop.login('gus')];
    await shop.ok('GET', '/api/auth/me', { token: gus.token });
    const active = (await summary(token)).active_members_30d;
    // the administrator is one of those before, and active today as well
    assert.equal(active, others === 0 ? 2 : others + 1, `${days} days later`);
  }
  shop.clock(0);
});

test('the summary reads a few hundred rows with thousands of members', async () => {
  await shop.sql(`CREATE TABLE numbers (n BIGINT NOT NULL PRIMARY KEY); INSERT INTO numbers VALUES (1);
    ${Array.from({ length: Math.log2(MANY) }, (_, i) => `INSERT INTO numbers SELECT n + ${2 ** i} FROM numbers;`).join('')}
    INSERT INTO users (nickname, created_at, updated_at) SELECT CONCAT('many ', n), 1, 1 FROM numbers;
    INSERT INTO members (user_id, member_code, joined_at, last_active_at, active_day, counted)
      SELECT user_id, CONCAT('M20200101', LPAD(user_id, 6, '0')), 1, 1, 20200101 + user_id % 28, 1 FROM users WHERE nickname LIKE 'many %';
    INSERT INTO member_counts (figure, subject, shard, n) SELECT 1, 1, member_id % 16, COUNT(*) FROM members WHERE member_code LIKE 'M20200101%' GROUP BY member_id % 16
      ON DUPLICATE KEY UPDATE member_counts.n = member_counts.n + VALUES(n);
    INSERT INTO member_counts (figure, subject, shard, n) SELECT 2, active_day, member_id % 16, COUNT(*) FROM members WHERE member_code LIKE 'M20200101%'
      GROUP BY active_day, member_id % 16;
    DROP TABLE numbers; ANALYZE TABLE members, member_counts, point_accounts`);
  await agrees();
  const session = shop.session();
  const mine = statements().filter(({ file }) => file.endsWith('/loyalty/stats.c'));
  assert.ok(mine.length >= 3);
  const values = { SQL_LEVELS: ['100'], SQL_ACTIVE: ['20200101', '20991231'], SQL_POINTS: ['3', '0'] };
  let read = 0;
  for (const { name, text } of mine) {
    let i = 0;
    const rows = await session.run(`FLUSH STATUS; ${text.replaceAll('?', () => values[name][i++])}; SHOW SESSION STATUS LIKE 'Handler_read%'`);
    read += rows.filter((row) => /^Handler_read/.test(row.Variable_name ?? '')).reduce((sum, row) => sum + Number(row.Value), 0);
    const plan = await session.run(`EXPLAIN ${text.replaceAll('?', '1')}`);
    assert.deepEqual(plan.filter(({ table }) => ['members', 'users', 'point_accounts'].includes(table)), [], `${name} looks at single members`);
  }
  await session.close();
  assert.ok(read < 1500, `${read} rows read`);
});

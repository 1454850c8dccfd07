// SPDX-License-Identifier: MIT
// `minimall audit` about members: each of its rules is violated once, by editing a row directly. And how the figures are kept.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { MEMBER_RULES } from '../lib/loyalty.mjs';

const DAY_S = 86_400;

const shop = await openShop({ families: ['login', 'users'] });
const [anna, bert] = [await shop.login('anna'), await shop.login('bert')];
const { member_id: member } = anna.user;

const figures = async () => Object.fromEntries((await shop.sql(`SELECT CONCAT(figure, ' ', subject) AS name, CAST(SUM(n) AS SIGNED) AS n
  FROM member_counts GROUP BY figure, subject HAVING SUM(n) <> 0 ORDER BY figure, subject`)).map(({ name, n }) => [name, Number(n)]));

const SABOTAGE = [
  ['figures about members are what they count', 'figure 1 of 1', 'UPDATE member_counts SET n = n + 1 WHERE figure = 1 LIMIT 1', 'UPDATE member_counts SET n = n - 1 WHERE figure = 1 LIMIT 1'],
  ['figures about members are what they count', 'figure 2 of 19990101', `UPDATE members SET active_day = 19990101 WHERE member_id = ${member}`,
    `UPDATE members SET active_day = (SELECT d FROM (SELECT active_day AS d FROM members WHERE member_id = ${bert.user.member_id}) x) WHERE member_id = ${member}`],
  ['figures about members are what they count', 'figure 1 of 1', `UPDATE members SET status = 2 WHERE member_id = ${member}`, `UPDATE members SET status = 1 WHERE member_id = ${member}`],
  ["a member's level is the higher of earned and given", `member ${member}`, `UPDATE members SET earned_level_id = 2 WHERE member_id = ${member}`,
    `UPDATE members SET earned_level_id = 1 WHERE member_id = ${member}`],
  ["a member's level is the higher of earned and given", `member ${member}`, `UPDATE members SET manual_level_id = 3, manual_at = 1 WHERE member_id = ${member}`,
    `UPDATE members SET manual_level_id = NULL, manual_at = NULL WHERE member_id = ${member}`],
  ["a member's level is the higher of earned and given", `member ${member}`, `UPDATE members SET earned_level_id = 9 WHERE member_id = ${member}`,
    `UPDATE members SET earned_level_id = 1 WHERE member_id = ${member}`],
  ["a member's earned level is that of its points", `member ${member}`, `UPDATE members SET earned_level_id = 2, level_id = 2 WHERE member_id = ${member}`,
    `UPDATE members SET earned_level_id = 1, level_id = 1 WHERE member_id = ${member}`],
];

test('each rule about members finds what breaks it', async () => {
  assert.equal((await shop.audit()).code, 0);
  for (const [rule, subject, damage, repair] of SABOTAGE) {
    await shop.sql(damage);
    const { code, stdout } = await shop.audit();
    assert.equal(code, 1, damage);
    assert.ok(stdout.split('\n').some((line) => line.includes(rule) && line.includes(subject)), `${damage}: ${stdout}`);
    await shop.sql(repair);
    assert.equal((await shop.audit()).code, 0, repair);
  }
  assert.deepEqual([...new Set(SABOTAGE.map(([rule]) => rule))], MEMBER_RULES);
});

test('a member is counted when it is created, on each new day of its use, and until its user is deleted (B49)', async () => {
  const before = await figures();
  const carl = await shop.login('carl');
  const [{ day }] = await shop.sql(`SELECT active_day AS day FROM members WHERE member_id = ${carl.user.member_id}`);
  assert.deepEqual(await figures(), { ...before, '1 1': before['1 1'] + 1, [`2 ${day}`]: (before[`2 ${day}`] ?? 0) + 1 });

  shop.clock(2 * DAY_S);
  await Promise.all(Array.from({ length: 5 }, () => shop.call('GET', '/api/auth/me', { token: carl.token })));
  const { token } = await shop.login('carl'); // the one before has expired
  await Promise.all(Array.from({ length: 10 }, () => shop.ok('GET', '/api/auth/me', { token })));
  const [{ day: later }] = await shop.sql(`SELECT active_day AS day FROM members WHERE member_id = ${carl.user.member_id}`);
  assert.ok(later > day);
  assert.deepEqual(await figures(), { ...before, '1 1': before['1 1'] + 1, [`2 ${later}`]: (before[`2 ${later}`] ?? 0) + 1 });

  await shop.ok('DELETE', `/api/users/${carl.user.user_id}`, { token: await shop.admin() });
  const after = await figures();
  assert.equal(after['1 1'], before['1 1']);
  const [{ status }] = await shop.sql(`SELECT status FROM members WHERE member_id = ${carl.user.member_id}`);
  assert.equal(status, 2);
  shop.clock(0);
});

test('members whom an earlier version created are counted by jobs, once', async () => {
  const before = await figures();
  await shop.sql(`INSERT INTO users (nickname, created_at, updated_at) VALUES ('旧', 1, 1);
    INSERT INTO members (user_id, member_code, joined_at, last_active_at) SELECT user_id, 'M0', 1, 1700000000000 FROM users WHERE nickname = '旧'`);
  assert.equal((await shop.audit()).code, 0, 'not yet counted');
  assert.deepEqual(await figures(), before);
  await shop.jobs();
  await shop.jobs();
  assert.deepEqual(await figures(), { ...before, '1 1': before['1 1'] + 1, '2 20231115': 1 });
});

// SPDX-License-Identifier: MIT
// `minimall import-members`: a dry run first, every fault by its line, all or nothing, and once however often it is run.

import test from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openShop } from '../lib/harness.mjs';
import { SYSTEM } from '../lib/loyalty.mjs';

const HEADER = 'member_code,phone,email,points,expires_on';
const DAY_MS = 86_400_000;

const shop = await openShop();
const admin = await shop.admin();
const dayIn = (days) => new Date(Date.now() + 8 * 3_600_000 + days * DAY_MS).toISOString().slice(0, 10);

let files = 0;
async function importing(lines, ...options) {
  const file = path.join(shop.dir, `members-${files += 1}.csv`);
  writeFileSync(file, Array.isArray(lines) ? [HEADER, ...lines, ''].join('\n') : lines);
  const { code, stdout, stderr } = await shop.minimall(['import-members', file, ...options]);
  return { code, stdout, faults: stderr.split('\n').filter((line) => line.startsWith('line ')), stderr };
}
const counts = async () => (await shop.sql('SELECT (SELECT COUNT(*) FROM users) AS users, (SELECT COUNT(*) FROM point_lots) AS lots, (SELECT COUNT(*) FROM member_log) AS log'))[0];
const byCode = async (code) => (await shop.ok('GET', `${SYSTEM}/members?q=${code}`, { token: admin })).data[0];
const memberOf = async (code) => (await shop.ok('GET', `${SYSTEM}/members/${(await byCode(code)).member_id}`, { token: admin })).data;

test('a dry run tells what would be done, and does nothing; --apply does it, and again does nothing more', async () => {
  const anna = await shop.login('anna');
  await shop.ok('PUT', '/api/auth/me', { token: anna.token, body: { phone: '13800000001' } });
  const before = await counts();
  const lines = [
    `M201901010001,138 0000 0001,,1200,${dayIn(30)}`, `M201901010002,,Lin@example.com,50,${dayIn(300)}`, '"M201901010003","+86 13800000003","wu@example.com","0",""',
    `M201901010002,,lin@example.com,70,${dayIn(400)}`, '', 'M201901010004,13800000004,,5,',
  ];
  const words = 'import-members: 5 lines, 3 users created, 1 codes changed, 4 lots of 1325 points earned, 0 lots imported before';
  const dry = await importing(lines);
  assert.deepEqual([dry.code, dry.stdout, dry.stderr], [0, `${words}; nothing was written, that takes --apply\n`, '']);
  assert.deepEqual(await counts(), before);

  const done = await importing(lines, '--apply');
  assert.deepEqual([done.code, done.stdout], [0, `${words}\n`], done.stderr);
  const mine = await memberOf('M201901010001');
  assert.deepEqual([mine.user_id, mine.points.current, mine.level.id], [anna.user.user_id, 1200, 2], 'the level follows');
  assert.equal((await memberOf('M201901010002')).points.current, 120);
  assert.equal((await byCode('M201901010003')).email, 'wu@example.com');
  const lots = await shop.sql(`SELECT l.unspent AS points FROM point_lots l JOIN members m ON m.member_id = l.member_id
    WHERE m.member_code = 'M201901010002' ORDER BY l.lot_id`);
  assert.deepEqual(lots.map(({ points }) => points), [50, 70]);
  const { data: entries } = await shop.ok('GET', `${SYSTEM}/members/${mine.member_id}/log`, { token: admin });
  assert.deepEqual(entries.map(({ action, operator_type: by, reason, new_value: to }) => [action, by, reason, to]),
    [['earn', 'command', 'import', '1200'], ['member_code', 'command', 'import', 'M201901010001']]);

  const after = await counts();
  const again = await importing(lines, '--apply');
  assert.deepEqual([again.code, again.stdout], [0, 'import-members: 5 lines, 0 users created, 0 codes changed, 0 lots of 0 points earned, 4 lots imported before\n']);
  assert.deepEqual(await counts(), after);
  shop.clock(31 * 86_400);
  const token = await shop.admin();
  const later = async (code) => (await shop.ok('GET', `${SYSTEM}/members/${(await shop.ok('GET', `${SYSTEM}/members?q=${code}`, { token })).data[0].member_id}`, { token })).data;
  assert.equal((await later('M201901010001')).points.current, 0, 'they have expired');
  assert.equal((await later('M201901010002')).points.current, 120);
  shop.clock(0);
});

test('an import that was interrupted is finished by the next', async () => {
  const first = `M201902010001,13800000011,,10,${dayIn(10)}`;
  assert.equal((await importing([first], '--apply')).code, 0);
  const { code, stdout } = await importing([first, `M201902010002,13800000012,,20,${dayIn(10)}`], '--apply');
  assert.equal(code, 0);
  assert.match(stdout, /1 users created, 0 codes changed, 1 lots of 20 points earned, 1 lots imported before/);
});

test('every fault is told by its line, and then nothing is written', async () => {
  const [{ code: other }] = await shop.sql("SELECT m.member_code AS code FROM members m JOIN users u ON u.user_id = m.user_id WHERE u.permission_level = 1");
  await importing([`M201903010001,13800000021,,10,${dayIn(20)}`, 'M201903010002,,ma@example.com,,', 'M201903010003,13800000022,,,'], '--apply');
  const before = await counts();
  const lines = [
    ['M201904010001,13800000031,,10,', null],
    ['M20190401001,13800000032,,10,', /member_code/], ['M201913010001,13800000032,,10,', /member_code/], [',13800000032,,10,', /member_code/],
    ['M201904010002,1,,10,', /phone/], ['M201904010003,,nobody,10,', /email/], ['M201904010004,,,10,', /phone/],
    ['M201904010005,13800000033,,-1,', /points/], ['M201904010006,13800000034,,1000000,', /points/], ['M201904010007,13800000035,,1.5,', /points/],
    [`M201904010008,13800000036,,10,${dayIn(-1)}`, /expires_on: is over/], ['M201904010009,13800000037,,10,2099-01-01', /expires_on: later/],
    ['M201904010010,13800000038,,10,2027-02-30', /expires_on/], ['M201904010011,13800000039,,10', /not as many cells/], ['M201904010012,"13800000040,,10,', /cells/],
    ['M201904010001,13800000041,,10,', /member_code: .*line 2/], ['M201904010013,+86 13800000031,,10,', /phone: .*line 2/],
    ['M201904010015,13800000043,,99,', null], ['M201904010015,13800000043,,99,', /expires_on: the same lot as line 19/],
    [`${other},13800000042,,10,`, /member_code: .*重复/], ['M201904010014,13800000022,ma@example.com,10,', /email: another user's/],
    [`M201903010001,13800000021,,11,${dayIn(20)}`, /points: imported before/],
  ];
  for (const options of [[], ['--apply']]) {
    const { code, stdout, faults, stderr } = await importing(lines.map(([line]) => line), ...options);
    assert.deepEqual([code, stdout], [1, '']);
    const wrong = lines.map(([, pattern], i) => [i + 2, pattern]).filter(([, pattern]) => pattern);
    assert.equal(faults.length, wrong.length, stderr);
    for (const [i, [no, pattern]] of wrong.entries()) {
      assert.ok(faults[i].startsWith(`line ${no}: `), `${faults[i]} is not of line ${no}`);
      assert.match(faults[i], pattern);
    }
    assert.match(stderr, /20 of 22 lines are wrong, nothing was written/);
  }
  assert.deepEqual(await counts(), before);
});

test('the columns may be in any order, and fewer; a file of other columns is refused as a whole', async () => {
  const { code, stdout } = await importing(`\uFEFFemail, member_code\r\nhe@example.com , M201905010001\r\n`, '--apply');
  assert.deepEqual([code, stdout.includes('1 users created')], [0, true]);
  for (const [text, words] of [
    ['', /^$/], ['member_code,phone,balance\n', /line 1: no such column, or it is there twice: balance/], ['phone,phone\n', /twice: phone/],
    ['member_code,phone,email,points,expires_on,x\n', /line 1: it must name the columns/], [`member_code,email\n${'x'.repeat(5000)}\n`, /line 2: longer than/],
  ]) {
    const answer = await importing(text, '--apply');
    assert.equal(answer.code, 1, text.slice(0, 50));
    assert.match(answer.stderr, words);
  }
  assert.equal((await shop.minimall(['import-members'])).code, 2);
  assert.equal((await shop.minimall(['import-members', 'x.csv', '--dry'])).code, 2);
  assert.equal((await shop.minimall(['import-members', '/nonexistent.csv'])).code, 1);
});

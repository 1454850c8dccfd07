// SPDX-License-Identifier: MIT
// Members: the profile, the administrator's view, list and changes, the log of what staff did.

import test from 'node:test';
import assert from 'node:assert/strict';
import { openShop } from '../lib/harness.mjs';
import { SYSTEM, pagesOf, serviceToken } from '../lib/loyalty.mjs';

const NOBODY = 999_999_999;
const FROZEN = 0;
const ACTIVE = 1;
const CLOSED = 2;

const shop = await openShop();
const admin = await shop.admin();
const { user: staff } = { user: await shop.ok('GET', '/api/auth/me', { token: admin }) };
const [anna, bert] = [await shop.login('anna'), await shop.login('bert')];

const profile = async (token) => (await shop.ok('GET', `${SYSTEM}/profile`, { token })).data;
const read = async ({ user }) => (await shop.ok('GET', `${SYSTEM}/members/${user.member_id}`, { token: admin })).data;
const change = (token, body, headers) => shop.call('PUT', `${SYSTEM}/profile`, { token, body, headers });
const set = (id, body, headers) => shop.call('PUT', `${SYSTEM}/members/${id}`, { token: admin, body, headers });
const log = async ({ user }) => (await shop.ok('GET', `${SYSTEM}/members/${user.member_id}/log`, { token: admin })).data;
const codeOf = ({ status, body }) => [status, body.error.code];

test('a profile is in the shape of the contract, and the same for an administrator (B4)', async () => {
  const mine = await profile(anna.token);
  assert.deepEqual(Object.keys(mine), ['member_id', 'member_code', 'user_id', 'level', 'points', 'profile']);
  assert.deepEqual([mine.member_id, mine.user_id], [anna.user.member_id, anna.user.user_id]);
  assert.match(mine.member_code, /^M\d{12,}$/);
  assert.deepEqual(mine.level, { id: 1, name: '铜牌会员', discount_rate: 1 });
  assert.deepEqual(mine.points, { current: 0, total_earned: 0, total_used: 0 });
  const { join_date: joined, last_active: active, ...rest } = mine.profile;
  assert.match(joined, /^\d{4}-\d\d-\d\d$/);
  assert.equal(joined.replaceAll('-', ''), mine.member_code.slice(1, 9), 'both are in the shop\'s zone');
  assert.match(active, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.deepEqual(rest, { total_spent: 0, status: ACTIVE, birthday: null, preferences: { newsletter: false, sms_notification: false, promotion_notification: false } });
  assert.deepEqual(await read(anna), mine);
  assert.equal((await profile(admin)).user_id, staff.user_id, 'an administrator is a member too');
});

test('others\' members are closed to members and to other systems, whether they exist or not (B4)', async () => {
  const system = await serviceToken(shop);
  for (const token of [bert.token, system]) {
    for (const id of [anna.user.member_id, NOBODY]) {
      assert.deepEqual(codeOf(await shop.call('GET', `${SYSTEM}/members/${id}`, { token })), [403, 'PERMISSION_DENIED']);
      assert.deepEqual(codeOf(await shop.call('PUT', `${SYSTEM}/members/${id}`, { token, body: { status: FROZEN, reason: 'x' } })), [403, 'PERMISSION_DENIED']);
    }
  }
  assert.deepEqual(codeOf(await shop.call('GET', `${SYSTEM}/profile`, { token: system })), [403, 'PERMISSION_DENIED'], 'a system is no member');
  assert.deepEqual(codeOf(await shop.call('GET', `${SYSTEM}/profile`)), [401, 'AUTHENTICATION_REQUIRED']);
  assert.deepEqual(codeOf(await shop.call('GET', `${SYSTEM}/members/${NOBODY}`, { token: admin })), [404, 'MEMBER_NOT_FOUND']);
  assert.deepEqual(codeOf(await shop.call('GET', `${SYSTEM}/members/${NOBODY}/log`, { token: admin })), [404, 'MEMBER_NOT_FOUND']);
});

test('a change changes what it names, and nothing else', async () => {
  const { token } = await shop.login('carl');
  const about = async (body) => {
    const { status, body: answer } = await change(token, body);
    assert.equal(status, 200, JSON.stringify(answer));
    const { birthday, preferences } = answer.data.profile;
    return [birthday, ...Object.values(preferences)];
  };
  assert.deepEqual(await about({ birthday: '1990-05-20', preferences: { newsletter: true, sms_notification: false, promotion_notification: true } }), ['1990-05-20', true, false, true]);
  assert.deepEqual(await about({ preferences: { sms_notification: true } }), ['1990-05-20', true, true, true]);
  assert.deepEqual(await about({ birthday: '1931-12-31' }), ['1931-12-31', true, true, true]);
  assert.deepEqual(await about({ preferences: {} }), ['1931-12-31', true, true, true]);
  assert.deepEqual(await about({}), ['1931-12-31', true, true, true]);
  assert.deepEqual(await about({ status: 0, member_code: 'M202001010001', level: 4, total_spent: 99, points: { current: 5 } }), ['1931-12-31', true, true, true], 'is not a member\'s to change');
  assert.deepEqual(await about({ birthday: null }), [null, true, true, true]);
  const { profile: { status }, level, points } = await profile(token);
  assert.deepEqual([status, level.id, points.current], [ACTIVE, 1, 0]);
});

test('a birthday is an existing day that has come, preferences are booleans: else 400 that names it (B12)', async () => {
  const tomorrow = new Date(Date.now() + 36 * 3_600_000).toISOString().slice(0, 10);
  for (const [body, field] of [
    [{ birthday: '1990-02-30' }, 'birthday'], [{ birthday: '2023-02-29' }, 'birthday'], [{ birthday: '1899-12-31' }, 'birthday'], [{ birthday: '1990-5-20' }, 'birthday'],
    [{ birthday: '1990-05-20T00:00:00Z' }, 'birthday'], [{ birthday: '' }, 'birthday'], [{ birthday: 19900520 }, 'birthday'], [{ birthday: tomorrow }, 'birthday'],
    [{ birthday: '9999-01-01' }, 'birthday'], [{ preferences: null }, 'preferences'], [{ preferences: [] }, 'preferences'], [{ preferences: true }, 'preferences'],
    [{ preferences: { newsletter: 1 } }, 'preferences.newsletter'], [{ preferences: { sms_notification: 'true' } }, 'preferences.sms_notification'],
    [{ preferences: { promotion_notification: null } }, 'preferences.promotion_notification'],
  ]) {
    const { status, body: { error } } = await change(anna.token, body);
    assert.deepEqual([status, error.code, error.details.field], [400, 'INVALID_REQUEST_FORMAT', field], JSON.stringify(body));
  }
  assert.equal((await change(anna.token, { birthday: '2024-02-29' })).status, 200);
  assert.equal((await change(anna.token, { birthday: null })).status, 200);
});

test('the tag of a profile is that of what a change can change: activity doesn\'t end it (B65)', async () => {
  const before = await shop.call('GET', `${SYSTEM}/profile`, { token: bert.token });
  shop.clock(600); // last_active changes
  const { headers } = await shop.call('GET', `${SYSTEM}/profile`, { token: bert.token });
  assert.equal(headers.get('etag'), before.headers.get('etag'));
  assert.equal((await change(bert.token, { birthday: '2000-01-01' }, { 'if-match': headers.get('etag') })).status, 200);
  assert.equal((await change(bert.token, { birthday: '2000-01-02' }, { 'if-match': headers.get('etag') })).status, 412);
  assert.equal((await profile(bert.token)).profile.birthday, '2000-01-01');
  shop.clock(0);
});

test('an administrator freezes and thaws a member, with a reason that its log keeps', async () => {
  const dora = await shop.login('dora');
  const id = dora.user.member_id;
  for (const body of [{ status: FROZEN }, { status: FROZEN, reason: ' ' }]) assert.equal((await set(id, body)).body.error.details.field, 'reason');
  for (const status of [CLOSED, 3, -1, '0', true, null]) assert.equal((await set(id, { status, reason: 'x' })).status, 400);
  assert.equal((await set(id, { status: FROZEN, reason: '盗刷嫌疑' })).body.data.profile.status, FROZEN);
  assert.equal((await profile(dora.token)).profile.status, FROZEN, 'and she sees it');
  assert.equal((await set(id, { status: FROZEN })).status, 200, 'the same status changes nothing, and needs no reason');
  assert.equal((await set(id, { status: ACTIVE, reason: '已核实' })).body.data.profile.status, ACTIVE);
  const entries = await log(dora);
  assert.deepEqual(entries.map(({ action, reason, operator_type: type, operator_id: by, member_id: of }) => [action, reason, type, by, of]), [
    ['thaw', '已核实', 'administrator', staff.user_id, id], ['freeze', '盗刷嫌疑', 'administrator', staff.user_id, id],
  ]);
  assert.ok(entries.every(({ created_at: at }) => Math.abs(Date.now() - Date.parse(at)) < 60_000));
});

test('a member\'s code can be replaced by a free one of its format: another\'s is 409 DUPLICATE_MEMBER_CODE', async () => {
  const { member_code: old } = await read(bert);
  const { member_code: taken } = await read(anna);
  assert.deepEqual(codeOf(await set(bert.user.member_id, { member_code: taken, reason: '旧卡' })), [409, 'DUPLICATE_MEMBER_CODE']);
  for (const code of ['', 'M', 'M2025091800', 'M20250918001', 'X202509180001', 'M20250918000A', 'm202509180001', 'M202513010001', 'M2025091800000000001']) {
    assert.equal((await set(bert.user.member_id, { member_code: code, reason: '旧卡' })).body.error.details.field, 'member_code', code);
  }
  assert.equal((await set(bert.user.member_id, { member_code: 'M201909180042' })).body.error.details.field, 'reason');
  assert.equal((await read(bert)).member_code, old);
  assert.equal((await set(bert.user.member_id, { member_code: 'M201909180042', reason: '旧卡' })).body.data.member_code, 'M201909180042');
  const [{ action, old_value: from, new_value: to }] = await log(bert);
  assert.deepEqual([action, from, to], ['member_code', old, 'M201909180042']);
});

test('concurrent changes of one member: none is lost, and each is logged once', async () => {
  const eve = await shop.login('eve');
  const id = eve.user.member_id;
  const answers = await Promise.all([
    ...Array.from({ length: 6 }, (_, i) => set(id, { status: i % 2, reason: `第${i}次` })), change(eve.token, { birthday: '1999-09-09' }),
    change(eve.token, { preferences: { newsletter: true } }), change(eve.token, { preferences: { sms_notification: true } }),
  ]);
  assert.deepEqual(answers.map(({ status }) => status), answers.map(() => 200));
  const { profile: { birthday, preferences, status } } = await read(eve);
  assert.deepEqual([birthday, preferences.newsletter, preferences.sms_notification], ['1999-09-09', true, true]);
  const actions = (await log(eve)).map(({ action }) => action).reverse();
  assert.ok(actions.every((action, i) => action === (i % 2 === 0 ? 'freeze' : 'thaw')), actions.join());
  assert.equal(status, actions.at(-1) === 'freeze' ? FROZEN : ACTIVE);
});

test('the list: newest first, by level, status and part of a code, name, phone or e-mail; closed members on request', async () => {
  const list = (query) => pagesOf(shop, `${SYSTEM}/members?${query}`, { token: admin });
  const fay = await shop.login('fay');
  await shop.ok('PUT', '/api/auth/me', { token: fay.token, body: { nickname: '费小姐', phone: '138 0013 8000', email: 'fay@example.com' } });
  const gus = await shop.login('gus');
  await shop.ok('DELETE', `/api/users/${gus.user.user_id}`, { token: admin });
  await set(anna.user.member_id, { status: FROZEN, reason: '测试' });
  const ids = async (query) => (await list(query)).map(({ member_id: id }) => id);
  const all = await ids('');
  assert.deepEqual(all, [...all].sort((a, b) => b - a));
  assert.ok(all.includes(anna.user.member_id) && all.includes(fay.user.member_id) && !all.includes(gus.user.member_id));
  assert.deepEqual(await ids('limit=2'), all, 'page by page');
  assert.deepEqual(await ids('status=2'), [gus.user.member_id]);
  assert.deepEqual(await ids('status=0'), (await list('')).filter(({ status }) => status === FROZEN).map(({ member_id: id }) => id));
  assert.deepEqual(await ids('level=1'), all);
  assert.deepEqual(await ids('level=4'), []);
  assert.deepEqual(await ids('level=1&status=2'), [gus.user.member_id]);
  for (const q of ['费小', 'fay@exa', '+8613800138000', '13800138000', '138 0013 8000', (await read(fay)).member_code]) {
    assert.deepEqual(await ids(`q=${encodeURIComponent(q)}`), [fay.user.member_id], q);
  }
  const [row] = await list('q=fay@example.com');
  const { joined_at: joined, last_active: active, ...rest } = row;
  assert.deepEqual(rest, {
    member_id: fay.user.member_id, member_code: (await read(fay)).member_code, user_id: fay.user.user_id, nickname: '费小姐', phone: '13800138000', email: 'fay@example.com',
    level: { id: 1, name: '铜牌会员', discount_rate: 1 }, status: ACTIVE, total_spent: 0,
  });
  for (const time of [joined, active]) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  for (const query of ['level=0', 'level=x', 'status=3', 'status=-1', 'limit=0', 'cursor=x', 'page=2', 'user_id=1', 'Level=1']) {
    assert.deepEqual(codeOf(await shop.call('GET', `${SYSTEM}/members?${query}`, { token: admin })), [400, 'INVALID_REQUEST_FORMAT'], query);
  }
  await set(anna.user.member_id, { status: ACTIVE, reason: '测试' });
});

test('the log is paged, newest first', async () => {
  const hal = await shop.login('hal');
  for (let i = 0; i < 5; i += 1) await set(hal.user.member_id, { status: i % 2, reason: `${i}` });
  const address = `${SYSTEM}/members/${hal.user.member_id}/log`;
  assert.deepEqual((await pagesOf(shop, `${address}?limit=2`, { token: admin })).map(({ reason }) => reason), ['4', '3', '2', '1', '0']);
});

test('a deleted user\'s member can be read, and not changed: 409 MEMBER_STATUS_INVALID', async () => {
  const ida = await shop.login('ida');
  await change(ida.token, { birthday: '1980-01-01' });
  await shop.ok('DELETE', `/api/users/${ida.user.user_id}`, { token: admin });
  const { profile: { status, birthday } } = await read(ida);
  assert.deepEqual([status, birthday], [CLOSED, null]);
  assert.deepEqual(codeOf(await set(ida.user.member_id, { status: ACTIVE, reason: '恢复' })), [409, 'MEMBER_STATUS_INVALID']);
});

test('a number of today that was given away is skipped when members are created', async () => {
  const jan = await shop.login('jan');
  const { member_code: last } = await read(jan);
  const next = (n) => `${last.slice(0, 9)}${String(Number(last.slice(9)) + n).padStart(4, '0')}`;
  assert.equal((await set(jan.user.member_id, { member_code: next(1), reason: '换卡' })).status, 200);
  assert.equal((await set(bert.user.member_id, { member_code: next(9), reason: '换卡' })).status, 200);
  assert.equal((await read(await shop.login('kai'))).member_code, next(10));
  assert.equal((await read(await shop.login('leo'))).member_code, next(11));
});

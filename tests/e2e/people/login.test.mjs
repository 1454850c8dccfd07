// SPDX-License-Identifier: MIT
// Signing in with WeChat: created users, WeChat's errors and faults, and what is stored.
// The programs run in a zone other than the shop's and UTC (B49).
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { DATE, DAY_S, assertRefused, openTrade, tally, until } from '../lib/trade.mjs';

const SHOP_OFFSET_S = 8 * 3600;
const DEADLINE_MS = 5000; // of a call to WeChat
const USER = ['user_id', 'openid', 'nickname', 'avatar_url', 'gender', 'phone', 'email', 'permission_level', 'created_at',
  'updated_at', 'member_id'];

const trade = await openTrade({ families: ['catalogue', 'login', 'users'], leaks: true, processEnv: { TZ: 'America/Los_Angeles' } });
const { shop } = trade;

const signIn = (code) => shop.call('POST', '/weixin-login', { body: { code } });
const tokenOf = async (name) => (await shop.login(name)).token;
const memberCode = async ({ user }) => (await shop.sql(`SELECT member_code FROM members WHERE user_id = ${user.user_id}`))[0].member_code;
const peopleOf = (name) => shop.sql(`SELECT u.user_id, COUNT(m.member_id) AS members FROM users u
  LEFT JOIN members m ON m.user_id = u.user_id WHERE u.openid = 'sandbox-${name}' GROUP BY u.user_id`);

// The number of calls to WeChat since forgetRequests().
async function asked() {
  const { body } = await shop.sandbox('GET', '/sandbox/requests');
  return body.filter(({ path }) => path.includes('/sns/jscode2session')).length;
}

test('a first sign-in responds as in the contract and creates a user and a member', async () => {
  shop.canary('sandbox-first');
  const answer = await signIn('sandbox:first');
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const { body } = answer;
  assert.deepEqual(Object.keys(body), ['token', 'refresh_token', 'expires_in', 'user']);
  assert.equal(body.expires_in, DAY_S);
  assert.deepEqual(Object.keys(body.user), USER);
  const { user_id: userId, member_id: memberId, nickname, created_at: created, updated_at: updated, ...rest } = body.user;
  assert.ok(Number.isSafeInteger(userId) && userId > 0 && Number.isSafeInteger(memberId) && memberId > 0);
  assert.equal(typeof nickname, 'string');
  assert.match(created, DATE);
  assert.ok(Math.abs(Date.parse(created) - Date.now()) < 60_000);
  assert.equal(updated, created);
  assert.deepEqual(rest, { openid: 'sandbox-first', avatar_url: null, gender: null, phone: null, email: null, permission_level: 0 });
  assert.deepEqual(await shop.ok('GET', '/api/auth/me', { token: body.token }), body.user);
  const again = (await signIn('sandbox:first')).body;
  assert.deepEqual(again.user, body.user);
  assert.notEqual(again.token, body.token);
  assert.deepEqual((await signIn('sandbox:first:unionid')).body.user, body.user);
  assert.deepEqual(await peopleOf('first'), [{ user_id: userId, members: 1 }]);
});

test('concurrent first sign-ins of one openid create one user and one member (B7)', async () => {
  for (const name of ['twin-1', 'twin-2', 'twin-3', 'twin-4']) {
    const all = await Promise.all(Array.from({ length: 12 }, () => shop.login(name)));
    assert.equal(new Set(all.map(({ user }) => user.user_id)).size, 1);
    assert.equal(new Set(all.map(({ user }) => user.member_id)).size, 1);
    assert.equal(new Set(all.map(({ token }) => token)).size, 12);
    assert.deepEqual(await peopleOf(name), [{ user_id: all[0].user.user_id, members: 1 }]);
  }
  const [{ alone }] = await shop.sql(`SELECT COUNT(*) AS alone FROM members m LEFT JOIN users u ON u.user_id = m.user_id
    WHERE u.user_id IS NULL`);
  assert.equal(alone, 0);
});

test('a used code is refused, and of concurrent uses one succeeds (B7)', async () => {
  assert.equal((await signIn('sandbox:once:once-1')).status, 200);
  assertRefused(await signIn('sandbox:once:once-1'), 401, 'LOGIN_CODE_INVALID');
  const answers = await Promise.all(Array.from({ length: 10 }, () => signIn('sandbox:once:once-2')));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 401: 9 });
});

test('an unknown code, and a body without one, are refused', async () => {
  for (const code of ['x', 'sandbox:', 'sandbox:a b', '中文', '&appid=other&js_code=sandbox:first', 'sandbox:first#', 'x'.repeat(256)]) {
    const answer = await signIn(code);
    assertRefused(answer, 401, 'LOGIN_CODE_INVALID');
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
  }
  await trade.forgetRequests();
  for (const body of [{}, { code: null }, { code: '' }, { code: 5 }, { code: ['x'] }, { code: 'x'.repeat(257) }, { code: 'sandbox:\u0000' }]) {
    const answer = await shop.call('POST', '/weixin-login', { body });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'code', JSON.stringify(body));
  }
  assert.equal(await asked(), 0, 'WeChat is not asked about what cannot be a code');
});

// [errcode, status, code, level in the log, calls]
const ERRCODES = [
  [-1, 503, 'PROVIDER_BUSY', 'warn', 2],
  [40029, 401, 'LOGIN_CODE_INVALID', 'info', 1],
  [40163, 401, 'LOGIN_CODE_INVALID', 'info', 1],
  [45011, 429, 'RATE_LIMITED', 'warn', 1],
  [40226, 403, 'ACCOUNT_BLOCKED', 'info', 1],
  [40013, 500, 'PROVIDER_CONFIG', 'alarm', 1],
  [40125, 500, 'PROVIDER_CONFIG', 'alarm', 1],
  [40001, 500, 'PROVIDER_CONFIG', 'alarm', 1],
  [41002, 500, 'PROVIDER_CONFIG', 'alarm', 1],
  [41004, 500, 'PROVIDER_CONFIG', 'alarm', 1],
  [40164, 500, 'PROVIDER_CONFIG', 'alarm', 1],
  [41008, 400, 'INVALID_REQUEST', 'info', 1],
  [45009, 503, 'PROVIDER_BUSY', 'alarm', 1],
  [87009, 502, 'PROVIDER_REFUSED', 'error', 1],
  [1, 502, 'PROVIDER_REFUSED', 'error', 1],
];

test("each errcode has its status and log level, without WeChat's text in the response", async () => {
  for (const [errcode, status, code, level, calls] of ERRCODES) {
    await trade.forgetRequests();
    const answer = await signIn(`sandbox:err:${errcode}`);
    assertRefused(answer, status, code);
    assert.equal(await asked(), calls, `calls of ${errcode}`);
    assert.equal(answer.headers.has('retry-after'), status === 429 || status === 503, `Retry-After of ${errcode}`);
    assert.doesNotMatch(JSON.stringify(answer.body), /rid|errcode|errmsg|\b-?\d{5}\b/, `${errcode}`);
    const line = shop.log().find((entry) => entry.request_id === answer.body.request_id && entry.area === 'wxlogin');
    assert.equal(line?.level, level, `${errcode}: ${JSON.stringify(line)}`);
    assert.match(line.message, new RegExp(`errcode ${errcode}, rid [0-9a-f-]{20,}`));
  }
});

test('a busy WeChat is retried', async () => {
  await trade.forgetRequests();
  await trade.fault('jscode2session', 'busy');
  assert.equal((await signIn('sandbox:patient')).status, 200);
  assert.equal(await asked(), 2);
  assert.deepEqual(await trade.faultsLeft(), []);
});

// [fault, status, code]; a hang has its own test.
const FAULTS = [
  ['status_500', 503, 'PROVIDER_BUSY'],
  ['status_502', 503, 'PROVIDER_BUSY'],
  ['status_429', 503, 'PROVIDER_BUSY'],
  ['status_202', 502, 'PROVIDER_REFUSED'],
  ['drop_after', 503, 'PROVIDER_UNKNOWN'],
  ['truncated', 503, 'PROVIDER_UNKNOWN'],
  ['not_json', 503, 'PROVIDER_UNKNOWN'],
];

test('a faulty response from WeChat creates no user, and the next one is served', async () => {
  for (const [fault, status, code] of FAULTS) {
    const name = `unlucky-${fault}`;
    await trade.fault('jscode2session', fault);
    assertRefused(await signIn(`sandbox:${name}`), status, code);
    assert.deepEqual(await trade.faultsLeft(), [], fault);
    assert.deepEqual(await peopleOf(name), [], fault);
    assert.equal((await shop.login(name)).user.openid, `sandbox-${name}`);
  }
});

test('a long valid response from WeChat is accepted', async () => {
  await trade.fault('jscode2session', 'huge');
  assert.equal((await signIn('sandbox:verbose')).status, 200);
});

// Other requests while one sign-in hangs at WeChat; whether all of them were done before that timed out.
async function servedMeanwhile(name) {
  await trade.forgetRequests();
  await trade.fault('jscode2session', 'hang');
  const started = performance.now();
  let ended = false;
  const slow = signIn(`sandbox:${name}`).finally(() => { ended = true; });
  await until('WeChat to be asked', async () => await asked() > 0); // otherwise another one would hang instead
  for (let i = 0; i < 5; i++) {
    const { status } = await shop.call('GET', '/api/products');
    assert.equal(status, 200);
    await shop.login(`quick-${i}-${name}`);
  }
  const through = !ended;
  assertRefused(await slow, 503);
  const ms = performance.now() - started;
  assert.ok(ms > DEADLINE_MS - 200 && ms < DEADLINE_MS + 30_000, `${ms} ms`);
  assert.deepEqual(await peopleOf(name), []);
  return through;
}

test('while WeChat hangs all other requests are served, and the waiting one times out (B54)', async () => {
  let through = false;
  for (let tries = 0; tries < 3 && !through; tries++) through = await servedMeanwhile(`waiting-${tries}`); // a busy machine may be slow once
  assert.ok(through, 'the others are through before WeChat has been given up');
});

test('a wrong appid or secret is 500, and an unreachable WeChat 503', async (t) => {
  const good = { WECHAT_SECRET: shop.env.WECHAT_SECRET, WECHAT_LOGIN_BASE_URL: shop.env.WECHAT_LOGIN_BASE_URL };
  t.after(() => shop.restartWeb(good));
  await shop.restartWeb({ WECHAT_SECRET: 'f00df00d17171717cafecafe29292929' });
  assertRefused(await signIn('sandbox:first'), 500, 'PROVIDER_CONFIG');
  await shop.restartWeb({ ...good, WECHAT_LOGIN_BASE_URL: 'http://127.0.0.1:1' });
  assertRefused(await signIn('sandbox:first'), 503);
});

test('member codes count through the shop\'s day, and restart at its midnight (B49)', async (t) => {
  t.after(() => shop.clock(0));
  const now = Math.floor(Date.now() / 1000);
  const midnight = (Math.floor((now + SHOP_OFFSET_S) / DAY_S) + 3) * DAY_S - SHOP_OFFSET_S; // nobody has signed in on these days
  const dayOf = (second) => new Date((second + SHOP_OFFSET_S) * 1000).toISOString().slice(0, 10).replaceAll('-', '');
  const [before, after] = [dayOf(midnight - 60), dayOf(midnight + 60)];
  assert.notEqual(before, after);
  shop.clock(midnight - 60 - now);
  assert.equal(await memberCode(await shop.login('late-1')), `M${before}0001`);
  assert.equal(await memberCode(await shop.login('late-2')), `M${before}0002`);
  shop.clock(midnight + 60 - now);
  assert.equal(await memberCode(await shop.login('early-1')), `M${after}0001`);
  assert.equal(await memberCode(await shop.login('late-1')), `M${before}0001`, 'a code never changes');
  const crowd = await Promise.all(Array.from({ length: 30 }, (_, i) => shop.login(`crowd-${i}`)));
  const codes = await Promise.all(crowd.map(memberCode));
  assert.deepEqual(codes.sort(), Array.from({ length: 30 }, (_, i) => `M${after}${String(i + 2).padStart(4, '0')}`));
  await shop.sql(`UPDATE member_days SET last_no = 9998 WHERE day = '${after}'`);
  assert.equal(await memberCode(await shop.login('nth-9999')), `M${after}9999`);
  assert.equal(await memberCode(await shop.login('nth-10000')), `M${after}10000`);
});

test('last_active is written at most once in five minutes', async (t) => {
  t.after(() => shop.clock(0));
  const { token, user } = await shop.login('active');
  const last = async () => (await shop.sql(`SELECT last_active_at AS at FROM members WHERE user_id = ${user.user_id}`))[0].at;
  const first = await last();
  for (const [seconds, moved] of [[240, false], [301, true], [540, false], [700, true]]) {
    const before = await last();
    shop.clock(seconds);
    await Promise.all(Array.from({ length: 6 }, () => shop.ok('GET', '/api/auth/me', { token })));
    assert.equal(await last() > before, moved, `after ${seconds} s`);
  }
  assert.ok(await last() - first >= 700_000);
});

// The whole database as text; bytes in upper-case hexadecimal.
async function wholeDatabase() {
  const columns = await shop.sql(`SELECT table_name AS t, column_name AS c, data_type AS type FROM information_schema.columns
    WHERE table_schema = DATABASE() ORDER BY t`);
  const byTable = {};
  for (const { t, c, type } of columns) {
    (byTable[t] ??= []).push(/blob|binary/.test(type) ? `HEX(\`${c}\`)` : `CAST(\`${c}\` AS CHAR)`);
  }
  const parts = await Promise.all(Object.entries(byTable).map(([t, list]) => (
    shop.sql(`SELECT CONCAT_WS('|', ${list.join(', ')}) AS line FROM \`${t}\``))));
  return parts.flat().map(({ line }) => line).join('\n');
}

test('no session key or token is stored, in any encoding; session keys are in no response (B7)', async () => {
  const answers = [];
  for (let i = 0; i < 3; i++) answers.push(await signIn('sandbox:secretive'));
  answers.push(await shop.call('GET', '/api/auth/me', { token: answers[0].body.token }));
  answers.push(await shop.call('GET', '/api/users?limit=500', { token: trade.admin }));
  const { body: keys } = await shop.sandbox('GET', '/sandbox/session-keys');
  assert.ok(keys.length > 50);
  const stored = await wholeDatabase();
  assert.ok(stored.includes('sandbox-secretive'), 'the search finds what is there');
  const { token, refresh_token: refreshToken } = answers[0].body;
  const sha256 = (text) => createHash('sha256').update(text).digest('hex').toUpperCase();
  assert.ok(stored.includes(sha256(refreshToken)));
  for (const text of [token, refreshToken, token.split('.')[2]]) assert.ok(!stored.includes(text));
  const told = answers.map(({ headers, body }) => JSON.stringify([[...headers], body])).join('\n')
    + Buffer.from(token.split('.')[1], 'base64url').toString();
  for (const key of keys) {
    const bytes = Buffer.from(key, 'base64');
    for (const form of [key, bytes.toString('hex'), bytes.toString('hex').toUpperCase(), bytes.toString('base64url'), sha256(key)]) {
      assert.ok(!stored.includes(form), 'in the database');
      assert.ok(!told.includes(form), 'in an answer');
    }
  }
});

test('an openid is shown only to its owner and administrators', async () => {
  const [other, staff] = [await tokenOf('nosy'), trade.admin];
  const { user } = await shop.login('shy');
  assertRefused(await shop.call('GET', `/api/users/${user.user_id}`, { token: other }), 403);
  assert.equal((await shop.ok('GET', `/api/users/${user.user_id}`, { token: staff })).openid, 'sandbox-shy');
});

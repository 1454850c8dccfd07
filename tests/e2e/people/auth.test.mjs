// SPDX-License-Identifier: MIT
// Tokens: validity, lifetime and revocation; password sign-in and refresh.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { DAY_S, assertRefused, openTrade, tally, timingDifferences } from '../lib/trade.mjs';

const {
  CompactSign, SignJWT, UnsecuredJWT, base64url, decodeJwt, decodeProtectedHeader, generateKeyPair,
} = createRequire(new URL('../../../sandbox/package.json', import.meta.url))('jose');

const PARALLEL = 24; // more than there are processes, so that each of them gets one
const REFRESH_S = 30 * DAY_S;
const SLACK_S = 120; // tolerance for a slow machine between two requests
const PASSWORD = '正确的密码-0123456789';
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

const trade = await openTrade();
const { shop } = trade;
const anna = await trade.buyer();
const secret = Buffer.from(shop.env.JWT_SECRET);
const sign = (claims, { key = secret, alg = 'HS256', header = { alg, typ: 'JWT' } } = {}) => (
  new CompactSign(Buffer.from(JSON.stringify(claims))).setProtectedHeader(header).sign(key));
const changed = (claims, more) => ({ ...claims, ...more });
const without = (claims, name) => Object.fromEntries(Object.entries(claims).filter(([other]) => other !== name));

const me = (token) => shop.call('GET', '/api/auth/me', { token });
const refresh = (token) => shop.call('POST', '/api/auth/refresh', { body: { refresh_token: token } });
const logout = (token, body) => shop.call('POST', '/api/auth/logout', { token, body });
const signIn = (account, password) => shop.call('POST', '/api/auth/login', { body: { account, password } });
const put = (user, body, token = trade.admin) => shop.call('PUT', `/api/users/${user.user_id}`, { token, body });

// The responses of every process of two programs to a token.
async function everywhere(token) {
  const answers = await Promise.all(Array.from({ length: PARALLEL }, (_, i) => (
    shop.call('GET', i % 2 ? '/api/orders' : '/api/auth/me', { token }))));
  return tally(answers.map(({ status }) => status));
}

const believed = async (token) => assert.deepEqual(await everywhere(token), { 200: PARALLEL });
const refused = async (token) => assert.deepEqual(await everywhere(token), { 401: PARALLEL });

// A customer who can also sign in with a password.
async function withPassword() {
  const person = await trade.buyer();
  const email = `${person.name}@example.com`;
  assert.equal((await put(person.user, { email, password: PASSWORD })).status, 200);
  const answer = await signIn(email, PASSWORD);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return { ...answer.body, name: person.name, email };
}

test('a token equals that of another implementation for the same claims, byte for byte (B2)', async () => {
  const claims = decodeJwt(anna.token);
  assert.deepEqual(decodeProtectedHeader(anna.token), { alg: 'HS256', typ: 'JWT' });
  assert.deepEqual(Object.keys(claims).sort(), ['aud', 'exp', 'iat', 'iss', 'nbf', 'sid', 'sub']);
  assert.equal(claims.sub, String(anna.user.user_id));
  assert.equal(claims.exp - claims.iat, DAY_S);
  assert.equal(anna.expires_in, DAY_S);
  assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60);
  assert.equal(await sign(claims), anna.token);
  const standard = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(secret);
  assert.equal(standard, anna.token);
  await believed(await sign(changed(claims, { exp: claims.exp - 600 })));
});

// The same bytes with another last character: base64url has unused bits at its end.
function respelled(signature) {
  const twin = `${signature.slice(0, -1)}${BASE64URL[BASE64URL.indexOf(signature.at(-1)) ^ 1]}`;
  assert.deepEqual(Buffer.from(twin, 'base64url'), Buffer.from(signature, 'base64url'));
  return twin;
}

// [what is wrong, token]; each differs from a valid one only in that.
async function forgeries() {
  const claims = decodeJwt(anna.token);
  const [head, payload, signature] = anna.token.split('.');
  const now = Math.floor(Date.now() / 1000);
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const encode = (value) => base64url.encode(JSON.stringify(value));
  const hmac = (text, key = secret) => `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
  const admin = changed(claims, { sub: decodeJwt(trade.admin).sub, sid: decodeJwt(trade.admin).sid });
  const flipped = `${signature.slice(0, 9)}${signature[9] === 'A' ? 'B' : 'A'}${signature.slice(10)}`;
  const list = [
    ['alg none', new UnsecuredJWT(claims).encode()],
    ['alg none with a signature', `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.${signature}`],
    ['alg none, signed as HS256', hmac(`${encode({ alg: 'none', typ: 'JWT' })}.${payload}`)],
    ['alg nOnE, signed as HS256', hmac(`${encode({ alg: 'nOnE', typ: 'JWT' })}.${payload}`)],
    ['HS384 with our secret', await sign(claims, { alg: 'HS384' })],
    ['HS512 with our secret', await sign(claims, { alg: 'HS512' })],
    ['HS384 in the header, HS256 in the signature', hmac(`${encode({ alg: 'HS384', typ: 'JWT' })}.${payload}`)],
    ['RS256', await sign(claims, { alg: 'RS256', key: privateKey })],
    ['RS256 in the header, HS256 in the signature', hmac(`${encode({ alg: 'RS256', typ: 'JWT' })}.${payload}`)],
    ['no alg', hmac(`${encode({ typ: 'JWT' })}.${payload}`)],
    ['a key in the header', hmac(`${encode({ alg: 'HS256', typ: 'JWT', jwk: publicKey.export({ format: 'jwk' }) })}.${payload}`)],
    ['a critical extension', hmac(`${encode({ alg: 'HS256', typ: 'JWT', crit: ['exp2'], exp2: 1 })}.${payload}`)],
    ['a changed header', `${encode({ alg: 'HS256', typ: 'jwt' })}.${payload}.${signature}`],
    ['a changed payload', `${head}.${encode(admin)}.${signature}`],
    ['a longer life', `${head}.${encode(changed(claims, { exp: claims.exp + DAY_S }))}.${signature}`],
    ['another secret', await sign(claims, { key: Buffer.alloc(32, 'x') })],
    ['our secret, cut', await sign(claims, { key: secret.subarray(0, 32) })],
    ['an empty secret', hmac(`${head}.${payload}`, '')],
    ['expired a second ago', await sign(changed(claims, { exp: now - 1 }))],
    ['expiring in 1970', await sign(changed(claims, { exp: 0 }))],
    ['not yet valid', await sign(changed(claims, { nbf: now + 60 }))],
    ['another issuer', await sign(changed(claims, { iss: 'minimall2' }))],
    ['another audience', await sign(changed(claims, { aud: 'other' }))],
    ['an audience of several', await sign(changed(claims, { aud: [claims.aud] }))],
    ['an expiry as text', await sign(changed(claims, { exp: String(claims.exp) }))],
    ['a fractional expiry', await sign(changed(claims, { exp: claims.exp + 0.5 }))],
    ['a user as a number', await sign(changed(claims, { sub: anna.user.user_id }))],
    ['another user of this session', await sign(changed(claims, { sub: admin.sub }))],
    ['another session of this user', await sign(changed(claims, { sid: admin.sid }))],
    ['a session that is not', await sign(changed(claims, { sid: 2 ** 40 }))],
    ['a list for a payload', await sign([claims])],
    ['a claim twice', hmac(`${head}.${base64url.encode(`${JSON.stringify(claims).slice(0, -1)},"sub":"${admin.sub}"}`)}`)],
    ['a changed signature', `${head}.${payload}.${flipped}`],
    ['a signature spelled otherwise', `${head}.${payload}.${respelled(signature)}`],
    ['a padded signature', `${anna.token}=`],
    ['a cut signature', anna.token.slice(0, -1)],
    ['a longer signature', `${anna.token}A`],
    ['no signature', `${head}.${payload}.`],
    ['two parts', `${head}.${payload}`],
    ['four parts', `${anna.token}.${signature}`],
    ['a dot before', `.${anna.token}`],
    ['only dots', '..'],
    ['a text', 'null'],
    ['the beginning of a service token', 'mms_null'],
    ['far too long', `${anna.token}${'A'.repeat(6000)}`],
  ];
  for (const name of Object.keys(claims)) list.push([`no ${name}`, await sign(without(claims, name))]);
  return list;
}

test('any deviation from a valid token, in any part, is 401 (B2)', async () => {
  for (const [what, token] of await forgeries()) {
    shop.canary(token.length > 40 ? token : '');
    const answer = await me(token);
    assert.equal(answer.status, 401, `${what}: ${JSON.stringify(answer.body)}`);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer', what);
    assert.equal(answer.body.code, 'UNAUTHENTICATED', what);
    const listed = await shop.call('GET', '/api/users', { token });
    assert.equal(listed.status, 401, what);
    assert.equal((await shop.call('GET', '/api/products', { token })).status, 200, `${what}: the public part stays open`);
  }
  await believed(anna.token);
});

test('a token is accepted only as Bearer in the Authorization header', async () => {
  for (const authorization of [anna.token, `Basic ${anna.token}`, `Token ${anna.token}`, 'Bearer', 'Bearer ', `Bearer, ${anna.token}`]) {
    assertRefused(await shop.call('GET', '/api/auth/me', { headers: { authorization } }), 401, 'UNAUTHENTICATED');
  }
  assertRefused(await shop.call('GET', `/api/auth/me?token=${anna.token}&access_token=${anna.token}`), 401);
  assertRefused(await shop.call('GET', '/api/auth/me', { headers: { cookie: `token=${anna.token}` } }), 401);
  for (const authorization of [`bearer ${anna.token}`, `BEARER  ${anna.token}`]) {
    assert.equal((await shop.call('GET', '/api/auth/me', { headers: { authorization } })).status, 200, 'the scheme has no case');
  }
});

test('a token is valid for 24 hours, a refresh token for 30 days from its issue', async (t) => {
  t.after(() => shop.clock(0));
  const [early, late] = await trade.buyers(2);
  shop.clock(DAY_S - SLACK_S);
  await believed(early.token);
  shop.clock(DAY_S + 30);
  await refused(early.token);
  shop.clock(REFRESH_S - SLACK_S);
  const next = await refresh(early.refresh_token);
  assert.equal(next.status, 200);
  await believed(next.body.token);
  shop.clock(REFRESH_S + 60);
  assertRefused(await refresh(late.refresh_token), 401, 'REFRESH_TOKEN_INVALID');
  shop.clock(2 * REFRESH_S - 2 * SLACK_S);
  const third = await refresh(next.body.refresh_token);
  assert.equal(third.status, 200, 'each new one has its own 30 days');
  shop.clock(3 * REFRESH_S);
  assertRefused(await refresh(third.body.refresh_token), 401, 'REFRESH_TOKEN_INVALID');
});

test('a refresh returns three members and rotates; the old access token stays valid', async () => {
  const carl = await trade.buyer();
  const { status, body, headers } = await refresh(carl.refresh_token);
  assert.equal(status, 200);
  assert.equal(headers.get('cache-control'), 'no-store');
  assert.deepEqual(Object.keys(body), ['token', 'refresh_token', 'expires_in']);
  assert.equal(body.expires_in, DAY_S);
  assert.notEqual(body.refresh_token, carl.refresh_token);
  assert.match(body.refresh_token, /^[0-9A-Za-z_-]{43}$/);
  assert.equal((await me(body.token)).body.user_id, carl.user.user_id);
  await believed(carl.token);
});

test('reuse of an old refresh token ends that session and no other', async () => {
  const carl = await trade.buyer();
  const phone = await shop.login(carl.name);
  const second = (await refresh(carl.refresh_token)).body;
  const third = (await refresh(second.refresh_token)).body;
  assertRefused(await refresh(carl.refresh_token), 401, 'REFRESH_TOKEN_INVALID');
  for (const token of [carl.token, second.token, third.token]) await refused(token);
  assertRefused(await refresh(third.refresh_token), 401, 'REFRESH_TOKEN_INVALID');
  await believed(phone.token);
  assert.equal((await refresh(phone.refresh_token)).status, 200);
});

test('an invalid refresh token is refused', async () => {
  for (const odd of [anna.token, 'x', 'x'.repeat(256), '🧧']) {
    assertRefused(await refresh(odd), 401, 'REFRESH_TOKEN_INVALID');
  }
  for (const body of [{}, { refresh_token: null }, { refresh_token: '' }, { refresh_token: 5 }, { refresh_token: 'x'.repeat(257) }]) {
    const answer = await shop.call('POST', '/api/auth/refresh', { body });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, 'refresh_token');
  }
  assertRefused(await me(anna.refresh_token), 401);
});

test('logout ends this session at once, in every process, but not the others (B3)', async () => {
  const carl = await trade.buyer();
  const phone = await shop.login(carl.name);
  await believed(carl.token);
  const answer = await logout(carl.token);
  assert.deepEqual([answer.status, answer.body], [204, null]);
  await refused(carl.token);
  assertRefused(await refresh(carl.refresh_token), 401);
  await believed(phone.token);
  assertRefused(await logout(carl.token), 401);
  assertRefused(await logout(undefined), 401);
});

test('logout of all ends every session of the user and of nobody else (B3)', async () => {
  const carl = await trade.buyer();
  const phone = await shop.login(carl.name);
  assertRefused(await logout(carl.token, { all: 1 }), 400);
  assert.equal((await logout(carl.token, { all: false })).status, 204);
  await believed(phone.token);
  const pad = await shop.login(carl.name);
  assert.equal((await logout(pad.token, { all: true })).status, 204);
  for (const { token, refresh_token: again } of [pad, phone]) {
    await refused(token);
    assertRefused(await refresh(again), 401);
  }
  await believed(anna.token);
  await believed((await shop.login(carl.name)).token);
});

test('a role change invalidates earlier tokens: promoted or demoted users must sign in again (B3)', async () => {
  const staff = await withPassword();
  assertRefused(await shop.call('GET', '/api/users', { token: staff.token }), 403, 'FORBIDDEN');
  assert.equal((await put(staff.user, { permission_level: 0 })).status, 200);
  await believed(staff.token); // it was 0 already
  assert.equal((await put(staff.user, { permission_level: 1 })).status, 200);
  await refused(staff.token);
  assertRefused(await refresh(staff.refresh_token), 401);
  const promoted = (await signIn(staff.email, PASSWORD)).body;
  assert.equal(promoted.user.permission_level, 1);
  await believed(promoted.token);
  assert.equal((await shop.call('GET', '/api/users', { token: promoted.token })).status, 200);
  assert.equal((await put(staff.user, { permission_level: 0 })).status, 200);
  await refused(promoted.token);
  for (const [method, address] of [['GET', '/api/users'], ['POST', '/api/products'], ['POST', '/api/categories']]) {
    const body = method === 'GET' ? undefined : { name: 'x', price: 1 };
    assertRefused(await shop.call(method, address, { token: promoted.token, body }), 401);
  }
  const demoted = (await signIn(staff.email, PASSWORD)).body;
  assertRefused(await shop.call('GET', '/api/users', { token: demoted.token }), 403, 'FORBIDDEN');
  const journal = await shop.sql(`SELECT detail FROM journal WHERE subject = 'user ${staff.user.user_id}' AND action = 'role' ORDER BY entry_id`);
  assert.deepEqual(journal.map(({ detail }) => detail), ['administrator', 'user']);
});

test("a password change, by the user or an administrator, invalidates earlier tokens (B3)", async () => {
  const carl = await withPassword();
  const own = { old_password: PASSWORD, password: 'new-password-1' };
  assert.equal((await shop.call('PUT', '/api/auth/me', { token: carl.token, body: own })).status, 200);
  await refused(carl.token);
  assertRefused(await refresh(carl.refresh_token), 401);
  assertRefused(await signIn(carl.email, PASSWORD), 401, 'LOGIN_FAILED');
  const second = (await signIn(carl.email, 'new-password-1')).body;
  await believed(second.token);
  assert.equal((await put(carl.user, { nickname: '卡尔', phone: '13800138000' })).status, 200);
  await believed(second.token); // other fields end nothing
  assert.equal((await put(carl.user, { password: 'new-password-2' })).status, 200);
  await refused(second.token);
  assert.equal((await signIn('13800138000', 'new-password-2')).status, 200);
});

test('deletion invalidates every token (B3)', async () => {
  const carl = await withPassword();
  await believed(carl.token);
  assert.equal((await shop.call('DELETE', `/api/users/${carl.user.user_id}`, { token: trade.admin })).status, 204);
  await refused(carl.token);
  assertRefused(await refresh(carl.refresh_token), 401);
  assertRefused(await signIn(carl.email, PASSWORD), 401, 'LOGIN_FAILED');
});

test('a sign-in concurrent with a password change never leaves a token of the old password (B3)', async () => {
  const carl = await withPassword();
  let old = PASSWORD;
  let before = 0; // signed in before the change, to be refused afterwards
  for (let round = 0; round < 6 || (before === 0 && round < 60); round++) {
    const next = `password-of-round-${round}`;
    const [answers, change] = await Promise.all([
      Promise.all(Array.from({ length: 6 }, () => signIn(carl.email, old))), put(carl.user, { password: next }),
    ]);
    assert.equal(change.status, 200);
    for (const { status, body } of answers) {
      assert.ok(status === 200 || status === 401, `${status}`);
      if (status === 200) assert.equal((await me(body.token)).status, 401);
      if (status === 200) before += 1;
    }
    old = next;
  }
  assert.ok(before > 0);
});

test('an account is an e-mail in any case or a phone, with a complete response', async () => {
  const carl = await withPassword();
  assert.equal((await put(carl.user, { phone: '+8613900139000' })).status, 200);
  for (const account of [carl.email, carl.email.toUpperCase(), '+8613900139000']) {
    const { status, body } = await signIn(account, PASSWORD);
    assert.equal(status, 200, account);
    assert.deepEqual(Object.keys(body), ['token', 'refresh_token', 'expires_in', 'user']);
    assert.deepEqual(Object.keys(body.user), ['user_id', 'openid', 'nickname', 'avatar_url', 'gender', 'phone', 'email',
      'permission_level', 'created_at', 'updated_at', 'member_id']);
    assert.equal(body.user.user_id, carl.user.user_id);
    assert.equal(body.user.email, carl.email);
  }
  const staff = await signIn(shop.adminAccount.account, shop.adminAccount.password);
  assert.equal(staff.body.user.openid, null);
  for (const password of [`${PASSWORD} `, PASSWORD.slice(1), PASSWORD.replace('正', '政')]) {
    assertRefused(await signIn(carl.email, password), 401, 'LOGIN_FAILED');
  }
  for (const [body, field] of [[{ account: 'a' }, 'password'], [{ password: 'a' }, 'account'], [{ account: 1, password: 'a' }, 'account']]) {
    const answer = await shop.call('POST', '/api/auth/login', { body });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, field);
  }
});

test('an unknown account and a wrong password get the same response in the same time (B9)', async () => {
  const carl = await withPassword();
  const wechatOnly = await trade.buyer();
  assert.equal((await put(wechatOnly.user, { email: 'no-password@example.com' })).status, 200);
  const tries = {
    'wrong password': [carl.email, 'a-wrong-password'],
    'unknown e-mail': ['nobody@example.com', 'a-wrong-password'],
    'unknown phone': ['13700137000', 'a-wrong-password'],
    'neither of both': ['某人', 'a-wrong-password'],
    'no password set': ['no-password@example.com', 'a-wrong-password'],
    'a password too long to be one': [carl.email, 'x'.repeat(1000)],
  };
  let first;
  const acts = Object.entries(tries).map(([name, [account, password]]) => [name, async () => {
    const { status, body, headers } = await signIn(account, password);
    const seen = { status, ...body, request_id: null, authenticate: headers.get('www-authenticate') };
    first ??= seen;
    assert.deepEqual(seen, first, name);
  }]);
  assert.deepEqual(await timingDifferences(Object.fromEntries(acts), 'wrong password', 11), []);
  assert.equal(first.code, 'LOGIN_FAILED');
});

// The last of this file: it ends everybody's session.
test('jobs delete sessions only when they can\'t be refreshed any more', async (t) => {
  t.after(() => shop.clock(0));
  const carl = await trade.buyer();
  const { sid } = decodeJwt(carl.token);
  const kept = async () => (await shop.sql(`SELECT session_id FROM sessions WHERE session_id = ${sid}`)).length;
  shop.clock(REFRESH_S - SLACK_S);
  await shop.jobs();
  assert.equal(await kept(), 1);
  shop.clock(REFRESH_S + 60);
  await shop.jobs();
  assert.equal(await kept(), 0);
});

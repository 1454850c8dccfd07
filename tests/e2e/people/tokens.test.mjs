// SPDX-License-Identifier: MIT
// Tokens: validity, lifetime and refresh; and signing in with a password.

import test from 'node:test';
import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { openShop } from '../lib/harness.mjs';
import { allProcessSockets, askProcess, rawRequest } from '../lib/raw-request.mjs';
import { timingDifferences } from '../lib/trade.mjs';

const { SignJWT, UnsecuredJWT, decodeJwt, decodeProtectedHeader } = createRequire(new URL('../../../sandbox/package.json', import.meta.url))('jose');

const DAY_S = 86_400;
const TOKEN_S = DAY_S;
const REFRESH_S = 30 * DAY_S;
const SLACK_S = 120; // tolerance for a slow machine between two requests

const shop = await openShop({ families: ['catalogue', 'login', 'orders', 'users'] });
const secret = Buffer.from(shop.env.JWT_SECRET);
const admin = await shop.ok('POST', '/api/auth/login', { body: shop.adminAccount });
const claims = decodeJwt(admin.token);

const PASSWORD = 'correct horse battery';
const bert = await shop.login('bert');
await shop.ok('PUT', `/api/users/${bert.user.user_id}`, { token: await shop.admin(), body: { email: 'Bert@Example.COM', phone: '+8613800138000', password: PASSWORD } });

const me = (token) => rawRequest(shop, 'GET', '/api/auth/me', { token });
const refresh = (token) => shop.call('POST', '/api/auth/refresh', { body: { refresh_token: token } });
const base64url = (text) => Buffer.from(text).toString('base64url');

function signed(payload, { header = { alg: 'HS256', typ: 'JWT' }, key = secret } = {}) {
  return new SignJWT(payload).setProtectedHeader(header).sign(key);
}

// A correctly signed token of any header and payload.
function handmade(header, payload) {
  const text = `${base64url(header)}.${base64url(payload)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

// ---- validity (B2) ----

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const now = Math.floor(Date.now() / 1000);
const without = (name) => Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
const [header64, payload64, signature64] = admin.token.split('.');
const BAD_TOKENS = {
  'alg none': new UnsecuredJWT(claims).encode(),
  'alg none with the right signature': `${base64url('{"alg":"none","typ":"JWT"}')}.${payload64}.${signature64}`,
  'alg None': `${base64url('{"alg":"None","typ":"JWT"}')}.${payload64}.`,
  'HS384': await signed(claims, { header: { alg: 'HS384', typ: 'JWT' } }),
  'HS512': await signed(claims, { header: { alg: 'HS512', typ: 'JWT' } }),
  'HS256 that says HS384': handmade('{"alg":"HS384","typ":"JWT"}', JSON.stringify(claims)),
  'RS256': await signed(claims, { header: { alg: 'RS256', typ: 'JWT' }, key: rsa.privateKey }),
  'another secret': await signed(claims, { key: Buffer.from('another secret of thirty-two bytes') }),
  'half the secret': await signed(claims, { key: secret.subarray(0, 32) }),
  'an empty secret': `${header64}.${payload64}.${createHmac('sha256', '').update(`${header64}.${payload64}`).digest('base64url')}`,
  'a header with a key of its own': handmade('{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AA"}}', JSON.stringify(claims)),
  'a header with crit': handmade('{"alg":"HS256","typ":"JWT","crit":["b64"],"b64":false}', JSON.stringify(claims)),
  'a header with alg twice': handmade('{"alg":"none","alg":"HS256","typ":"JWT"}', JSON.stringify(claims)),
  'a changed payload': `${header64}.${base64url(JSON.stringify({ ...claims, sub: '2' }))}.${signature64}`,
  'a later end': `${header64}.${base64url(JSON.stringify({ ...claims, exp: claims.exp + 1 }))}.${signature64}`,
  'expired': await signed({ ...claims, exp: now - 1 }),
  'expiring now': await signed({ ...claims, exp: now }),
  'nbf in the future': await signed({ ...claims, nbf: now + 10 * SLACK_S }),
  'another issuer': await signed({ ...claims, iss: 'minimal' }),
  'another audience': await signed({ ...claims, aud: 'other' }),
  'a list of audiences': await signed({ ...claims, aud: ['minimall', 'other'] }),
  'a number as subject': await signed({ ...claims, sub: admin.user.user_id }),
  'another subject': await signed({ ...claims, sub: '999999' }),
  'a subject with a tail': await signed({ ...claims, sub: `${claims.sub} ` }),
  'another session': await signed({ ...claims, sid: claims.sid + 1000 }),
  'a session of 0': await signed({ ...claims, sid: 0 }),
  'a text as session': await signed({ ...claims, sid: String(claims.sid) }),
  'a text as end': await signed({ ...claims, exp: String(claims.exp) }),
  'an end of 1e300': await signed({ ...claims, exp: 1e300 }),
  'a fraction as end': await signed({ ...claims, exp: claims.exp + 0.5 }),
  'null as nbf': await signed({ ...claims, nbf: null }),
  ...Object.fromEntries(await Promise.all(['iss', 'aud', 'sub', 'sid', 'iat', 'nbf', 'exp'].map(async (name) => [`no ${name}`, await signed(without(name))]))),
  'a claim twice': handmade('{"alg":"HS256","typ":"JWT"}', JSON.stringify(claims).replace('{', '{"sub":"1",')),
  'no object': handmade('{"alg":"HS256","typ":"JWT"}', '[]'),
  'no JSON': handmade('{"alg":"HS256","typ":"JWT"}', 'x'),
  'no signature': `${header64}.${payload64}.`,
  'no third part': `${header64}.${payload64}`,
  'four parts': `${admin.token}.x`,
  'a cut signature': admin.token.slice(0, -1),
  'a longer signature': `${admin.token}A`,
  'a padded signature': `${admin.token}=`,
  'another last letter with the same bits': `${admin.token.slice(0, -1)}${String.fromCharCode(admin.token.charCodeAt(admin.token.length - 1) + 1)}`,
  'standard Base64': handmade('{"alg":"HS256","typ":"JWT"}', JSON.stringify({ ...claims, x: '???>>>' })).replace(/-/g, '+').replace(/_/g, '/'),
  'a JWE': `${header64}.a.b.c.d`,
  'dots': '...',
  'a very long one': `${header64}.${payload64}.${'A'.repeat(6000)}`,
  'a letter': 'x',
};

test('a token is a JWT of HS256 with issuer, audience, subject, session and times of 24 hours', () => {
  assert.deepEqual(decodeProtectedHeader(admin.token), { alg: 'HS256', typ: 'JWT' });
  assert.deepEqual(Object.keys(claims).sort(), ['aud', 'exp', 'iat', 'iss', 'nbf', 'sid', 'sub']);
  assert.equal(claims.sub, String(admin.user.user_id));
  assert.equal(claims.exp - claims.iat, TOKEN_S);
  assert.ok(claims.nbf <= claims.iat && Math.abs(claims.iat - Date.now() / 1000) < SLACK_S);
  assert.equal(admin.expires_in, TOKEN_S);
});

test('a token signed by the SDK with the shop\'s secret is accepted: the control of the next tests', async () => {
  assert.equal((await me(await signed(claims))).status, 200);
  assert.equal((await me(await signed({ ...claims, more: { unknown: 1 } }))).status, 200);
  assert.equal((await me(handmade('{"alg":"HS256","typ":"JWT"}', JSON.stringify(claims)))).status, 200);
});

test('any other token is 401, and on a public route treated as absent (B2)', async () => {
  const off = await shop.ok('POST', '/api/products', { token: admin.token, body: { name: 'x', price: 1, status: 0 } });
  for (const [words, token] of Object.entries(BAD_TOKENS)) {
    const answer = await me(token);
    assert.equal(answer.status, 401, `${words}: ${answer.text}`);
    assert.equal(answer.headers['www-authenticate'], 'Bearer');
    assert.equal(answer.json.code, 'UNAUTHENTICATED');
    const shelf = await rawRequest(shop, 'GET', '/api/products', { token });
    assert.equal(shelf.status, 200, words);
    assert.deepEqual(shelf.json, [], words);
    assert.equal((await rawRequest(shop, 'GET', `/api/products/${off.product_id}`, { token })).status, 404, words);
  }
});

test('a token is accepted only as Bearer in the Authorization header', async () => {
  const as = (headers, address = '/api/auth/me') => rawRequest(shop, 'GET', address, { headers });
  for (const scheme of ['Bearer ', 'bearer ', 'BEARER ', 'Bearer   ']) assert.equal((await as({ authorization: scheme + admin.token })).status, 200, scheme);
  for (const value of [admin.token, `Token ${admin.token}`, `Basic ${admin.token}`, `Bearer${admin.token}`, `Bearer ${admin.token} x`, `Bearer "${admin.token}"`, 'Bearer']) {
    assert.equal((await as({ authorization: value })).status, 401, value.slice(0, 20));
  }
  assert.equal((await as({ cookie: `token=${admin.token}` })).status, 401);
  assert.equal((await as({ 'x-access-token': admin.token })).status, 401);
  assert.equal((await as({}, `/api/auth/me?token=${admin.token}&access_token=${admin.token}`)).status, 401);
});

test('a token is valid for 24 hours of the shop\'s clock, and not before its issue (B2)', async () => {
  const { token } = await shop.ok('POST', '/api/auth/login', { body: shop.adminAccount });
  for (const [offset, status] of [[0, 200], [TOKEN_S - SLACK_S, 200], [TOKEN_S, 401], [10 * TOKEN_S, 401], [-SLACK_S, 401], [0, 200]]) {
    shop.clock(offset);
    assert.equal((await me(token)).status, status, `${offset} s`);
  }
});

// ---- refresh tokens ----

test('a refresh returns a new pair: the new tokens work, the old refresh token is used up', async () => {
  const first = await shop.login('rita');
  const second = await refresh(first.refresh_token);
  assert.equal(second.status, 200);
  assert.deepEqual(Object.keys(second.body).sort(), ['expires_in', 'refresh_token', 'token']);
  assert.equal(second.body.expires_in, TOKEN_S);
  assert.notEqual(second.body.refresh_token, first.refresh_token);
  assert.equal((await me(second.body.token)).status, 200);
  const third = await refresh(second.body.refresh_token);
  assert.equal(third.status, 200);
  assert.equal((await me(third.body.token)).json.user_id, first.user.user_id);
});

const GRACE_S = 60;

test('a refresh whose response was lost gets the same successor again, and the session continues (B3)', async () => {
  const { refresh_token: token } = await shop.login('rene');
  const lost = await refresh(token);
  shop.clock(GRACE_S / 2);
  const again = await refresh(token);
  assert.deepEqual([lost.status, again.status], [200, 200]);
  assert.equal(again.body.refresh_token, lost.body.refresh_token);
  for (const answer of [lost, again]) assert.equal((await me(answer.body.token)).status, 200);
  const next = await refresh(again.body.refresh_token);
  assert.equal(next.status, 200);
  assert.equal((await me(next.body.token)).status, 200);
  shop.clock(0);
});

test('after the grace period, and after a sign-out, a used refresh token is refused (B3)', async () => {
  const late = await shop.login('raul');
  const next = await refresh(late.refresh_token);
  shop.clock(GRACE_S + SLACK_S);
  assert.equal((await refresh(late.refresh_token)).status, 401);
  assert.equal((await refresh(next.body.refresh_token)).status, 401, 'somebody holds a copy');
  shop.clock(0);
  const gone = await shop.login('raul');
  const { body: { token } } = await refresh(gone.refresh_token);
  assert.equal((await shop.call('POST', '/api/auth/logout', { token })).status, 204);
  assert.equal((await refresh(gone.refresh_token)).status, 401);
});

test('reuse of a refresh token after its successor ends its family at once, in every process, and no other session', async () => {
  const [stolen, other] = [await shop.login('rosa'), await shop.login('rosa')];
  const first = await refresh(stolen.refresh_token);
  const next = await refresh(first.body.refresh_token);
  assert.equal(next.status, 200);
  const reuse = await refresh(stolen.refresh_token);
  assert.equal(reuse.status, 401);
  assert.equal(reuse.body.code, 'REFRESH_TOKEN_INVALID');
  for (const token of [stolen.token, first.body.token, next.body.token]) {
    const answers = await Promise.all(allProcessSockets(shop).filter((socket) => /users|orders/.test(socket))
      .map((socket) => askProcess(socket, { uri: socket.includes('users') ? '/api/auth/me' : '/api/orders', token })));
    assert.ok(answers.length >= 4);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [401]);
  }
  assert.equal((await refresh(next.body.refresh_token)).status, 401);
  assert.equal((await me(other.token)).status, 200);
  assert.equal((await refresh(other.refresh_token)).status, 200);
});

test('concurrent refreshes all get one successor, and the session continues (B3)', async () => {
  const { refresh_token: token } = await shop.login('rolf');
  const stored = async () => (await shop.sql('SELECT COUNT(*) AS n FROM refresh_tokens'))[0].n;
  const before = await stored();
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(token)));
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200]);
  const successors = new Set(answers.map(({ body }) => body.refresh_token));
  assert.equal(successors.size, 1);
  assert.equal(await stored(), before + 1);
  for (const { body } of answers.slice(0, 3)) assert.equal((await me(body.token)).status, 200);
  assert.equal((await refresh([...successors][0])).status, 200);
  assert.equal((await refresh(token)).status, 401, 'the successor was used');
});

test('a refresh token is valid for 30 days, and each rotation restarts them', async () => {
  const { refresh_token: token, user } = await shop.login('ruth');
  const { refresh_token: unused } = await shop.login('ruth');
  shop.clock(REFRESH_S - SLACK_S);
  const second = await refresh(token);
  assert.equal(second.status, 200);
  await shop.jobs();
  shop.clock(2 * REFRESH_S - 2 * SLACK_S);
  const third = await refresh(second.body.refresh_token);
  assert.equal(third.status, 200);
  assert.equal((await me(third.body.token)).json.user_id, user.user_id);
  assert.equal((await refresh(unused)).status, 401, 'expired');
  shop.clock(3 * REFRESH_S);
  assert.equal((await refresh(third.body.refresh_token)).status, 401);
  await shop.jobs();
  const [{ sessions, tokens }] = await shop.sql('SELECT (SELECT COUNT(*) FROM sessions) AS sessions, (SELECT COUNT(*) FROM refresh_tokens) AS tokens');
  assert.deepEqual({ sessions, tokens }, { sessions: 0, tokens: 0 }, 'what has expired is forgotten');
  shop.clock(0);
});

test('anything but a refresh token is 401: texts, access tokens, its hash', async () => {
  const { token, refresh_token: good } = await shop.login('rudi');
  const [{ hash }] = await shop.sql('SELECT HEX(token_sha256) AS hash FROM refresh_tokens ORDER BY created_at DESC LIMIT 1');
  for (const text of ['x', token.slice(0, 256), String(hash), `${good}A`, good.slice(0, -1), ` ${good}`, good.toUpperCase(), 'é', "' OR 1=1 --"]) {
    const answer = await refresh(text);
    assert.equal(answer.status, 401, text);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
  }
  assert.equal((await refresh(good)).status, 200, 'none of them harmed it');
});

// ---- passwords ----

const signIn = (account, password) => shop.call('POST', '/api/auth/login', { body: { account, password } });

test('an e-mail in any case or a phone number, with the password, signs in', async () => {
  for (const account of ['bert@example.com', 'BERT@EXAMPLE.COM', '+8613800138000']) {
    const { status, body } = await signIn(account, PASSWORD);
    assert.equal(status, 200, account);
    assert.deepEqual(Object.keys(body), ['token', 'refresh_token', 'expires_in', 'user']);
    assert.deepEqual(Object.keys(body.user), ['user_id', 'openid', 'nickname', 'avatar_url', 'gender', 'phone', 'email', 'permission_level', 'created_at',
      'updated_at', 'member_id']);
    assert.equal(body.user.user_id, bert.user.user_id);
    assert.equal(body.user.openid, 'sandbox-bert');
    assert.equal(body.user.email, 'bert@example.com');
    assert.ok(Number.isInteger(body.user.member_id));
    assert.equal((await me(body.token)).status, 200);
  }
  assert.equal(admin.user.openid, null, 'who never used WeChat has no openid');
});

test('an unknown account and a wrong password get the same response (B9)', async () => {
  const carl = await shop.login('carl'); // an account without password
  await shop.ok('PUT', `/api/users/${carl.user.user_id}`, { token: await shop.admin(), body: { email: 'carl@example.com' } });
  const answers = [];
  for (const [account, password] of [
    ['bert@example.com', `${PASSWORD} `], ['bert@example.com', PASSWORD.toUpperCase()], ['nobody@example.com', PASSWORD], ['carl@example.com', PASSWORD],
    ['bert@example.com ', PASSWORD], ['13800138001', PASSWORD], ['nonsense', PASSWORD], ['bert@example.com', 'x'.repeat(1000)], ["' OR ''='", 'x'], ['sandbox-bert', PASSWORD],
    ['bért@example.com', PASSWORD], ['bert%', PASSWORD],
  ]) {
    const answer = await rawRequest(shop, 'POST', '/api/auth/login', { body: JSON.stringify({ account, password }) });
    const { date, 'x-request-id': id, ...headers } = answer.headers;
    const { request_id: _, ...body } = answer.json;
    answers.push({ status: answer.status, headers, body });
  }
  assert.equal(answers[0].status, 401);
  assert.equal(answers[0].body.code, 'LOGIN_FAILED');
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
});

test('an unknown account takes as long as a wrong password (B9)', async () => {
  const kinds = { account: ['nobody@example.com', PASSWORD], password: ['bert@example.com', `${PASSWORD}!`], none: ['nonsense', PASSWORD], unset: ['carl@example.com', PASSWORD] };
  const acts = Object.entries(kinds).map(([kind, [account, password]]) => [kind, () => signIn(account, password)]);
  assert.deepEqual(await timingDifferences(Object.fromEntries(acts), 'password', 9), []);
});

test('a password is stored only as a yescrypt hash, which differs for two users with the same password (B6)', async () => {
  const dora = await shop.login('dora');
  await shop.ok('PUT', `/api/users/${dora.user.user_id}`, { token: await shop.admin(), body: { password: PASSWORD } });
  const rows = await shop.sql(`SELECT password_hash AS hash FROM users WHERE user_id IN (${bert.user.user_id}, ${dora.user.user_id})`);
  assert.equal(rows.length, 2);
  for (const { hash } of rows) assert.match(hash, /^\$y\$/);
  assert.notEqual(rows[0].hash, rows[1].hash);
});

test('a password of 128 bytes is not truncated', async () => {
  const emil = await shop.login('emil');
  const put = async (password) => shop.call('PUT', `/api/users/${emil.user.user_id}`, { token: await shop.admin(), body: { email: 'emil@example.com', password } });
  const [{ status: tooLong }, { status: longest }] = [await put('p'.repeat(129)), await put(`${'p'.repeat(127)}q`)];
  assert.deepEqual({ tooLong, longest }, { tooLong: 400, longest: 200 });
  assert.equal((await signIn('emil@example.com', 'p'.repeat(128))).status, 401);
  assert.equal((await signIn('emil@example.com', `${'p'.repeat(127)}q`)).status, 200);
  assert.equal((await put('密码密码密码密码')).status, 200, 'characters count for the least, bytes for the most');
  assert.equal((await signIn('emil@example.com', '密码密码密码密码')).status, 200);
});

test('changing the shop\'s secret invalidates every token', async () => {
  const { token } = await shop.login('fred');
  assert.equal((await me(token)).status, 200);
  await shop.restartWeb({ JWT_SECRET: 'quite another secret, of forty-three bytes' });
  assert.equal((await me(token)).status, 401);
  assert.equal((await me((await shop.login('fred')).token)).status, 200);
});

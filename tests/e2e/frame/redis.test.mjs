// SPDX-License-Identifier: MIT
// The shared state in a Redis server: of two hosts, over TLS, and where it can't be used (BEHAVIOUR 50, 51).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { checkout, freePort } from '../../../sandbox/files.mjs';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { atEnd, binDir, makeDirectory } from '../lib/harness.mjs';
import { openVip } from '../lib/memberships.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { startRedis } from '../lib/redis.mjs';
import { tally, until } from '../lib/trade.mjs';

const FAMILIES = ['catalogue', 'login', 'memberships', 'notify', 'payments', 'system', 'users'];
const MAX = 20;
const CLIENTS = 64;

// Two hosts: each with its own web server, programs and STATE_DIR; one database, one Redis. By its clock, not by a test's.
const options = { own: true, testClock: false, families: FAMILIES, env: { SHARED_HOSTS: 'on', ADDRESS_REQUESTS_PER_MINUTE: `${MAX}` } };
const here = await openVip({ ...options, redis: true });
const there = await openVip({ ...options, db: here.shop.shop.db, beside: here.shop, redis: here.shop.redis });
here.shop.skipAudit(); // a segment is longer than its order says
const hosts = [here, there];
const { redis } = here.shop;
const month = await here.plan({ price: '30.00', duration_days: 30, level: 1 });
assert.notEqual(here.shop.env.STATE_DIR, there.shop.env.STATE_DIR);

const everywhere = (family) => hosts.flatMap(({ shop }) => processSockets(shop, family));

let addresses = 0;

async function days(person) {
  const answers = [];
  for (const socket of everywhere('memberships')) {
    const { json } = await askProcess(socket, { uri: `/membership/status?member_id=${person.user.member_id}`, token: person.token, headers: { REMOTE_ADDR: `198.51.100.${addresses++}` } });
    answers.push(json.days_remaining);
  }
  return answers;
}
const all = (n) => everywhere('memberships').map(() => n);

test('a limit is exact across the processes of two hosts (B51)', async () => {
  const sockets = everywhere('catalogue');
  assert.ok(sockets.length >= 4);
  const answers = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => (
    askProcess(sockets[i % sockets.length], { uri: '/api/products', headers: { REMOTE_ADDR: '192.0.2.7' } }))));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: MAX, 429: CLIENTS - MAX });
  const nowS = Date.now() / 1000;
  for (const { status, headers } of answers) {
    assert.equal(headers['x-ratelimit-limit'], String(MAX));
    const resetS = Number(headers['x-ratelimit-reset']) - nowS;
    assert.ok(resetS > 0 && resetS <= 62, `${resetS}`);
    if (status === 429) assert.ok(Number(headers['retry-after']) >= 1 && Number(headers['retry-after']) <= 61);
  }
});

test('what is cached on one host is served and invalidated on the other (B50)', async () => {
  const anna = await here.buyer();
  await here.bought(anna, month);
  await redis.open();
  // what a change holds, for half a minute, is over
  for (const marks of await redis.keys('m')) {
    const fields = (await redis.ask('HKEYS', marks)).split('\n').filter((field) => field.startsWith('S:'));
    if (fields.length > 0) await redis.ask('HDEL', marks, ...fields);
  }
  assert.deepEqual(await days(anna), all(30));
  await here.shop.sql(`UPDATE entitlement_segments SET days = days + 10 WHERE user_id = ${anna.user.user_id}`);
  assert.deepEqual(await days(anna), all(30));
  await there.gift(anna, 1, 5);
  assert.deepEqual(await days(anna), all(45));
  assert.equal((await here.shop.ok('GET', '/readyz')).state, 'ok');
  assert.equal((await there.shop.ok('GET', '/readyz')).state, 'ok');
});

test('a stopped server keeps nobody waiting, limits count per process, and each is told once', async () => {
  const degraded = () => here.shop.log().filter(({ area, message }) => area === 'state' && /doing without/.test(message));
  await here.shop.restartWeb({ REDIS_TIMEOUT_MS: '200' }); // what a busy machine keeps
  assert.equal((await here.shop.ok('GET', '/readyz')).state, 'ok');
  const sockets = processSockets(here.shop, 'catalogue');
  redis.pause();
  const from = Date.now();
  const answers = [];
  for (let i = 0; i < 3 * CLIENTS; i++) {
    answers.push(await askProcess(sockets[i % sockets.length], { uri: '/api/products', headers: { REMOTE_ADDR: '192.0.2.8' } }));
  }
  assert.ok(Date.now() - from < 10_000);
  const { 200: admitted = 0, 429: refused = 0 } = tally(answers.map(({ status }) => status));
  assert.equal(admitted + refused, 3 * CLIENTS);
  assert.ok(admitted >= MAX && admitted <= MAX * sockets.length, `${admitted}`);
  assert.equal((await here.shop.ok('GET', '/readyz')).state, 'degraded');
  assert.ok(degraded().length > 0 && degraded().length <= sockets.length + 10, `${degraded().length} lines`); // of each process that was asked
  redis.resume();
  await until('the state to be used again', async () => (await here.shop.ok('GET', '/readyz')).state === 'ok');
  await here.shop.restartWeb({ REDIS_TIMEOUT_MS: redis.env.REDIS_TIMEOUT_MS });
});

// ---- settings ----

const withSettings = async (changes, args, program = 'minimall') => {
  const env = Object.fromEntries(Object.entries({ ...here.shop.env, ...changes }).filter(([, value]) => value !== null));
  return run(path.join(binDir, program), args, { env: cleanEnv(here.shop.dir, env) });
};

// The line of `minimall doctor` about the state.
async function doctor(changes = {}) {
  const { stdout, stderr } = await withSettings(changes, ['doctor']);
  return stdout.split('\n').find((line) => / state: /.test(line)) ?? assert.fail(stdout + stderr);
}

test('doctor tells of the server, and complains of what would lose limits', async () => {
  assert.match(await doctor(), /^ok   state: unix:\S+, version \d+\.\d+\.\d+, answers in \d+ us, \d+ MiB used$/);
  await redis.ask('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
  assert.match(await doctor(), /^BAD  state: .* would evict limits \(allkeys-lru\): set its maxmemory-policy to noeviction$/);
  await redis.ask('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction');
  assert.match(await doctor({ REDIS_URL: here.shop.env.REDIS_URL.replace('password=', 'password=x') }), /^BAD  state: .*answers WRONGPASS: start Redis/);
  assert.match(await doctor({ REDIS_URL: 'redis://127.0.0.1:1' }), /^BAD  state: redis:\/\/127\.0\.0\.1:1: can't be connected to: ECONNREFUSED/);
  const slow = await doctor({ REDIS_URL: 'redis://does-not-exist.invalid', REDIS_TIMEOUT_MS: '1000' });
  assert.match(slow, /^BAD  state: redis:\/\/does-not-exist\.invalid:6379: the host's name can't be resolved/);
});

test('the user of docs/deploy.md may do what the shop does, and nothing else', async () => {
  const [, rules] = /^user shop on >PASSWORD (.*)$/m.exec(readFileSync(path.join(checkout, 'docs', 'deploy.md'), 'utf8'));
  assert.equal(await redis.ask('ACL', 'SETUSER', 'shop', 'on', '>sesame', ...rules.split(' ')), 'OK');
  await here.shop.restartWeb({ REDIS_URL: here.shop.env.REDIS_URL.replace(/password=.*/, 'username=shop&password=sesame') });
  const kinds = async () => (await redis.ask('KEYS', '*')).split('\n').map((key) => /^minimall:\w+:([a-z]):/.exec(key)[1]);
  assert.equal(await redis.ask('FLUSHALL'), 'OK');
  const { token } = await here.buyer(); // counts, limits and marks
  await here.status({ token, user: (await here.shop.ok('GET', '/api/auth/me', { token })) });
  assert.equal((await here.shop.ok('GET', '/readyz')).state, 'ok');
  assert.match(await doctor(), /^ok   state: /);
  for (const kind of ['l', 'm']) assert.ok((await kinds()).includes(kind), kind);
});

test('doctor complains of a server that is open to anyone, or to whoever is on the way', async () => {
  const port = await freePort();
  const server = await startRedis({ dir: path.join(makeDirectory(), 'redis'), settings: { port: String(port) } });
  atEnd(() => server.stop());
  const at = (host, user = '') => ({ ...server.env, REDIS_URL: `redis://${user}${host}:${port}` });
  const user = `:${encodeURIComponent(server.password)}@`;
  assert.match(await doctor(at('127.0.0.1', user)), /^ok   state: /);
  assert.match(await doctor(at('0.0.0.0', user)), /^BAD  state: .* is another host, and not encrypted: use rediss/); // it leads here
  await server.ask('CONFIG', 'SET', 'requirepass', '');
  assert.match(await doctor(at('127.0.0.1')), /^BAD  state: .* lets in anyone, who may undo limits: give it a password/);
});

test('a wrong URL is refused at the start, without a word of it', async () => {
  const { code, stdout, stderr } = await withSettings({ REDIS_URL: 'redis://hunter2@127.0.0.1' }, ['--check-config'], 'catalogue.fcgi');
  assert.equal(code, 1);
  assert.match(stderr, /^configuration: REDIS_URL has a user without a password/m);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

// ---- TLS ----

async function openssl(...args) {
  const { code, stderr } = await run('openssl', args, { env: cleanEnv('') });
  assert.equal(code, 0, stderr);
}

// A CA, and a certificate of it for an address.
async function certify(dir, name, address) {
  const file = (end) => path.join(dir, `${name}.${end}`);
  await openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=ca', '-keyout', file('ca.key'), '-out', file('ca'));
  await openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=redis', '-addext', `subjectAltName=IP:${address}`, '-keyout', file('key'), '-out', file('csr'));
  await openssl('x509', '-req', '-in', file('csr'), '-CA', file('ca'), '-CAkey', file('ca.key'), '-CAcreateserial', '-copy_extensions', 'copy', '-days', '2', '-out', file('cert'));
  return { ca: file('ca'), cert: file('cert'), key: file('key') };
}

test('over TLS the server must have a certificate of its address, by a known CA', async () => {
  const dir = makeDirectory();
  const [right, wrong] = [await certify(dir, 'right', '127.0.0.1'), await certify(dir, 'wrong', '127.0.0.2')];
  const secure = await startRedis({ dir: path.join(dir, 'redis'), tls: right });
  atEnd(() => secure.stop());
  assert.match(await doctor(secure.env), /^ok   state: rediss:\/\/127\.0\.0\.1:\d+, version/);
  assert.match(await doctor({ ...secure.env, REDIS_CA_FILE: wrong.ca }), /^BAD  state: .*: TLS: /);
  assert.match(await doctor({ ...secure.env, REDIS_CA_FILE: null }), /^BAD  state: .*: TLS: /);
  assert.match(await doctor({ ...secure.env, REDIS_CA_FILE: right.key }), /^BAD  state: .*the file of CAs has no certificates/);
  assert.match(await doctor({ ...secure.env, REDIS_URL: secure.env.REDIS_URL.replace('127.0.0.1', 'localhost') }), /^BAD  state: .*: TLS: hostname mismatch/);
  const plain = secure.env.REDIS_URL.replace('rediss:', 'redis:');
  assert.match(await doctor({ ...secure.env, REDIS_URL: plain, REDIS_CA_FILE: null }), /^BAD  state: /);
  await here.shop.restartWeb(secure.env);
  assert.equal((await here.shop.ok('GET', '/readyz')).state, 'ok');
  const sockets = processSockets(here.shop, 'catalogue');
  const answers = [];
  for (let i = 0; i < MAX + 4; i++) answers.push(await askProcess(sockets[i % sockets.length], { uri: '/api/products', headers: { REMOTE_ADDR: '192.0.2.9' } }));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: MAX, 429: 4 });
  assert.equal((await here.shop.ok('GET', '/readyz')).state, 'ok');
  await secure.ask('CLIENT', 'KILL', 'TYPE', 'normal'); // the next use connects again
  assert.equal((await askProcess(sockets[0], { uri: '/api/products', headers: { REMOTE_ADDR: '192.0.2.9' } })).status, 429);
  assert.equal((await here.shop.ok('GET', '/readyz')).state, 'ok');
});

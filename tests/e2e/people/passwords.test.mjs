// SPDX-License-Identifier: MIT
// Hashing, which is slow on purpose, keeps nobody else waiting: password sign-in has a family of its own, and elsewhere one process
// of the host hashes at a time.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { openTrade, tally } from '../lib/trade.mjs';

const SIGN_INS = 64;
const [OLD, NEW] = ['the-old-password-1', 'the-new-password-1'];
const trade = await openTrade({ families: ['login', 'users'] });
const { shop } = trade;
const anna = await trade.buyer();

test('while every process that hashes is busy, the own account is read before any of 64 sign-ins ends (B54)', async (t) => {
  const busy = trade.workers('passwords');
  assert.ok(busy.length > 0);
  const go = () => busy.forEach((pid) => process.kill(pid, 'SIGCONT'));
  t.after(go);
  for (const pid of busy) process.kill(pid, 'SIGSTOP');
  let ended = 0;
  const signIns = Array.from({ length: SIGN_INS }, () => shop.call('POST', '/api/auth/login', { body: shop.adminAccount })
    .finally(() => { ended += 1; }));
  for (let i = 0; i < SIGN_INS; i++) {
    assert.equal((await shop.call('GET', '/api/auth/me', { token: anna.token })).status, 200);
    assert.equal(ended, 0);
  }
  go();
  const answers = await Promise.all(signIns);
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: SIGN_INS });
});

// As if a process hashed: holds the turn until it is killed, by the returned function at the latest after the test.
async function takeTurn(t) {
  const holder = spawn('flock', ['--close', path.join(shop.env.STATE_DIR, 'hashing'), 'sh', '-c', 'echo taken; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const end = async () => {
    if (!holder.kill('SIGKILL')) return;
    holder.stdin.destroy(); // which ends cat
    await once(holder, 'exit');
  };
  t.after(end);
  await once(holder.stdout, 'data');
  return end;
}

test('while a process hashes, another change of a password is refused at once, changes nothing, and keeps nobody waiting; killed, it keeps no turn (B53, B54)', async (t) => {
  const person = await trade.buyer();
  const email = `${person.name}@example.com`;
  const byAdmin = (body) => trade.call('PUT', `/api/users/${person.user.user_id}`, { token: trade.admin, body });
  assert.equal((await byAdmin({ email, password: OLD })).status, 200);
  const signIn = (password) => shop.call('POST', '/api/auth/login', { body: { account: email, password } });
  const { body: { token } } = await signIn(OLD);
  const byOwner = (body) => trade.call('PUT', '/api/auth/me', { token, body });
  const killHolder = await takeTurn(t);
  for (const change of [() => byAdmin({ nickname: '不可保留', password: NEW }), () => byOwner({ nickname: '不可保留', password: NEW, old_password: OLD })]) {
    const { status, headers, body } = await change();
    assert.deepEqual([status, body.code, headers.get('retry-after')], [503, 'BUSY', '1']);
  }
  assert.equal((await byOwner({ gender: 1 })).status, 200, 'a change that needs no hash');
  assert.equal((await trade.ok('GET', '/api/auth/me', { token })).nickname, person.user.nickname);
  assert.equal((await signIn(OLD)).status, 200, 'signing in waits for nobody');
  await killHolder();
  assert.equal((await byOwner({ password: NEW, old_password: OLD })).status, 200);
  assert.equal((await signIn(NEW)).status, 200);
});

test('of concurrent changes some are made at once, and the others can be repeated (B54)', async () => {
  const set = ({ user }) => trade.call('PUT', `/api/users/${user.user_id}`, { token: trade.admin, body: { password: NEW } });
  const people = await trade.buyers(8);
  const counts = tally((await Promise.all(people.map(set))).map(({ status }) => status));
  assert.ok(counts[200] >= 1, JSON.stringify(counts));
  assert.equal(counts[200] + (counts[503] ?? 0), people.length, JSON.stringify(counts));
  for (const person of people) assert.equal((await set(person)).status, 200);
});

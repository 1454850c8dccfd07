// SPDX-License-Identifier: MIT
// Password sign-in has a family of its own: hashing, which is slow on purpose, keeps nobody else waiting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TRADE, openTrade, tally } from '../lib/trade.mjs';

const SIGN_INS = 64;
const trade = await openTrade({ families: TRADE });
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

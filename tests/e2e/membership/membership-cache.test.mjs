// SPDX-License-Identifier: MIT
// The status is cached across processes, for a limited time (BEHAVIOUR 50; contract membership-status, note 1): shown by
// editing rows directly.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { binDir } from '../lib/harness.mjs';
import { CLEAR, STATUS, openVip } from '../lib/memberships.mjs';
import { askProcess, processSockets } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';

const KEPT_S = 300;

const opened = [];
for (const { title, options } of homes) opened.push({ title, vip: await openVip({ own: true, ...options }) });
for (const { title, vip } of opened) testHome(title, vip, await vip.plan({ price: '30.00', duration_days: 30, level: 1 }));

function testHome(title, vip, month) {
  const { shop } = vip;
  shop.skipAudit(); // segments are longer than their orders say

  // Extends all segments by days, unnoticed by the shop.
  const lengthen = (person, days) => shop.sql(`UPDATE entitlement_segments SET days = days + ${days} WHERE user_id = ${person.user.user_id}`);

  async function daysEverywhere(person) {
    const answers = [];
    for (const socket of processSockets(shop, 'memberships')) {
      const { json } = await askProcess(socket, { uri: `${STATUS}?member_id=${person.user.member_id}`, token: person.token });
      answers.push(json.days_remaining);
    }
    return answers;
  }
  const all = (days) => processSockets(shop, 'memberships').map(() => days);

  // The clock only goes forward: cached values don't survive one that is set back.
  let time = 0;
  function pass(seconds) {
    time += seconds;
    shop.clock(time);
  }

  // A VIP of 30 days whose status one process has cached, and whose segment was extended by 10 days since.
  async function cached() {
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    pass(60); // after a change nothing is cached for a moment
    const [socket] = processSockets(shop, 'memberships');
    await askProcess(socket, { uri: `${STATUS}?member_id=${anna.user.member_id}`, token: anna.token });
    await lengthen(anna, 10);
    return anna;
  }

  test(`a status read by one process is served from the cache by all, ${title} (B50)`, async () => {
    await vip.after(time);
    const anna = await cached();
    assert.deepEqual(await daysEverywhere(anna), all(30));
  });

  test(`after five minutes it is read again, not before, ${title} (B50)`, async () => {
    await vip.after(time);
    const anna = await cached();
    pass(KEPT_S - 30);
    assert.deepEqual(await daysEverywhere(anna), all(30));
    pass(31);
    assert.deepEqual(await daysEverywhere(anna), all(40));
  });

  for (const [name, clear] of Object.entries({
    'one\'s own, by oneself': (anna) => ({ token: anna.token, body: { member_id: anna.user.member_id } }),
    'one member\'s, by an administrator': (anna) => ({ token: vip.admin, body: { member_id: anna.user.member_id } }),
    'everybody\'s': () => ({ token: vip.admin, body: {} }),
  })) {
    test(`clear-cache on any process clears it in all: ${name}, ${title} (B50)`, async () => {
    await vip.after(time);
      for (const socket of processSockets(shop, 'memberships')) {
        const anna = await cached();
        assert.deepEqual(await daysEverywhere(anna), all(30));
        const { status } = await askProcess(socket, { method: 'POST', uri: CLEAR, ...clear(anna) });
        assert.equal(status, 200);
        assert.deepEqual(await daysEverywhere(anna), all(40));
      }
    });
  }

  test(`clearing one member's keeps another's, ${title} (B50)`, async () => {
    await vip.after(time);
    const [anna, bob] = [await cached(), await cached()];
    await shop.ok('POST', CLEAR, { token: vip.admin, body: { member_id: anna.user.member_id } });
    assert.deepEqual([await daysEverywhere(anna), await daysEverywhere(bob)], [all(40), all(30)]);
  });

  test(`a payment, settled by any program, invalidates the cached status, ${title} (B50)`, async () => {
    await vip.after(time);
    const anna = await cached();
    await vip.boughtByWechat(anna, month);
    assert.deepEqual(await daysEverywhere(anna), all(70));
    const bob = await cached();
    await vip.gift(bob, 1, 5);
    assert.deepEqual(await daysEverywhere(bob), all(45));
  });

  test(`whether the cached end has passed is not cached, ${title} (B50)`, async () => {
    await vip.after(time);
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    const [{ end }] = await vip.segments(anna);
    const now = Math.floor(Date.now() / 1000);
    time = end - now - 60;
    await vip.after(time, anna);
    assert.deepEqual(await daysEverywhere(anna), all(1));
    pass(61);
    assert.deepEqual(await daysEverywhere(anna), all(null));
  });

  if (shop.redis) return; // the rest is about LMDB
  test('without Redis and with SHARED_HOSTS=on nothing is cached, and all programs report it (B50)', async () => {
    await vip.after(time);
    await shop.restartWeb({ SHARED_HOSTS: 'on' });
    const anna = await cached();
    assert.deepEqual(await daysEverywhere(anna), all(40));
    await shop.ok('POST', CLEAR, { token: vip.admin, body: {} });
    await lengthen(anna, 5);
    assert.deepEqual(await daysEverywhere(anna), all(45));
    assert.equal((await shop.ok('GET', '/readyz')).state, 'per host');
    const said = /^SHARED_HOSTS=on: nothing is cached/;
    assert.ok(shop.log().some(({ message }) => said.test(message)));
    const { code, stdout } = await run(path.join(binDir, 'memberships.fcgi'), ['--check-config'], { env: cleanEnv('', shop.env) });
    assert.equal(code, 0);
    assert.match(stdout, said);
    await shop.restartWeb({ SHARED_HOSTS: null });
    assert.equal((await shop.ok('GET', '/readyz')).state, 'ok');
  });
}

// SPDX-License-Identifier: MIT
// The status is cached across processes, for a limited time (BEHAVIOUR 50; contract membership-status, note 1), in both homes of the
// shared state.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { binDir } from '../lib/harness.mjs';
import { CLEAR } from '../lib/memberships.mjs';
import { askProcess } from '../lib/raw-request.mjs';
import { homes } from '../lib/redis.mjs';
import { openVipCache } from '../lib/vip-cache.mjs';

const KEPT_S = 300;

const opened = [];
for (const { title, options } of homes) opened.push({ title, cache: await openVipCache(options) });
for (const { title, cache } of opened) testHome(title, cache);

function testHome(title, cache) {
  const { vip, shop, month } = cache;

  test(`a status read by one process is served from the cache by all, ${title} (B50)`, async () => {
    await cache.again();
    const anna = await cache.cached();
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));
  });

  test(`after five minutes it is read again, not before, ${title} (B50)`, async () => {
    await cache.again();
    const anna = await cache.cached();
    cache.pass(KEPT_S - 30);
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));
    cache.pass(31);
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(40));
  });

  for (const [name, clear] of Object.entries({
    'one\'s own, by oneself': (anna) => ({ token: anna.token, body: { member_id: anna.user.member_id } }),
    'one member\'s, by an administrator': (anna) => ({ token: vip.admin, body: { member_id: anna.user.member_id } }),
    'everybody\'s': () => ({ token: vip.admin, body: {} }),
  })) {
    test(`clear-cache on any process clears it in all: ${name}, ${title} (B50)`, async () => {
      await cache.again();
      for (const socket of cache.sockets) {
        const anna = await cache.cached();
        assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));
        const { status } = await askProcess(socket, { method: 'POST', uri: CLEAR, ...clear(anna) });
        assert.equal(status, 200);
        assert.deepEqual(await cache.daysEverywhere(anna), cache.all(40));
      }
    });
  }

  test(`clearing one member's keeps another's, ${title} (B50)`, async () => {
    await cache.again();
    const [anna, bob] = [await cache.cached(), await cache.cached()];
    await shop.ok('POST', CLEAR, { token: vip.admin, body: { member_id: anna.user.member_id } });
    assert.deepEqual([await cache.daysEverywhere(anna), await cache.daysEverywhere(bob)], [cache.all(40), cache.all(30)]);
  });

  test(`a payment, settled by any program, invalidates the cached status, ${title} (B50)`, async () => {
    await cache.again();
    const anna = await cache.cached();
    await vip.boughtByWechat(anna, month);
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(70));
    const bob = await cache.cached();
    await vip.gift(bob, 1, 5);
    assert.deepEqual(await cache.daysEverywhere(bob), cache.all(45));
  });

  test(`whether the cached end has passed is not cached, ${title} (B50)`, async () => {
    await cache.again();
    const anna = await vip.buyer();
    await vip.bought(anna, month);
    const [{ end }] = await vip.segments(anna);
    const now = Math.floor(Date.now() / 1000);
    cache.time = end - now - 60;
    await cache.again(anna);
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(1));
    cache.pass(61);
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(null));
  });

  if (shop.redis) return; // the rest is about LMDB
  test('without Redis and with SHARED_HOSTS=on nothing is cached, and all programs report it (B50)', async () => {
    await cache.again();
    await shop.restartWeb({ SHARED_HOSTS: 'on' });
    const anna = await cache.cached();
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(40));
    await shop.ok('POST', CLEAR, { token: vip.admin, body: {} });
    await cache.lengthen(anna, 5);
    assert.deepEqual(await cache.daysEverywhere(anna), cache.all(45));
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

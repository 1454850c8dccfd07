// SPDX-License-Identifier: MIT
// The cached status is right whatever becomes of the Redis server that it is in: killed, stopped, emptied, or back with old values
// (BEHAVIOUR 50).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLEAR } from '../lib/memberships.mjs';
import { askProcess } from '../lib/raw-request.mjs';
import { until } from '../lib/trade.mjs';
import { openVipCache } from '../lib/vip-cache.mjs';

const SOON_MS = 5000; // of a request that waits for nothing that hangs

const cache = await openVipCache({ redis: true, env: { REDIS_TIMEOUT_MS: '300' } });
const { vip, shop } = cache;
const { redis } = shop;
assert.ok(cache.sockets.length >= 4);

const epoch = async () => (await shop.sql('SELECT epoch FROM state_epochs'))[0].epoch;
const state = async () => (await shop.ok('GET', '/readyz')).state;

// A process asks again a second after it last failed to, which was before this.
async function recovered() {
  const from = Date.now();
  await until('every process to ask the server again', () => Date.now() - from > 1500, { everyMs: 50 });
  assert.equal(await state(), 'ok');
}

// The status is cached again, and by every process.
async function cachedAgain() {
  await recovered();
  await cache.again();
  const carla = await cache.cached();
  assert.deepEqual(await cache.daysEverywhere(carla), cache.all(30));
}

// Every process answers, and soon.
async function daysSoon(person) {
  const from = Date.now();
  const days = await cache.daysEverywhere(person);
  assert.ok(Date.now() - from < SOON_MS, `${Date.now() - from} ms`);
  return days;
}

test('a killed server: every status is read from the database, and cached again once the server is back (B50)', async () => {
  const anna = await cache.cached();
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));
  await redis.kill();
  assert.deepEqual(await daysSoon(anna), cache.all(40));
  assert.equal(await state(), 'degraded');
  const before = await epoch();
  await vip.boughtByWechat(anna, cache.month);
  assert.ok(await epoch() > before);
  assert.deepEqual(await daysSoon(anna), cache.all(70));
  await redis.start();
  await cachedAgain();
});

test('a server that is stopped during a change answers it afterwards, when its old values are dead (B50)', async () => {
  await cache.again();
  const [anna, bob] = [await cache.cached(), await cache.cached()];
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));
  assert.deepEqual(await cache.daysEverywhere(bob), cache.all(30));
  redis.pause();
  await vip.gift(anna, 1, 5); // by the command
  assert.deepEqual(await daysSoon(anna), cache.all(45));
  assert.equal(await state(), 'degraded');
  redis.resume();
  await until('the server to answer', async () => await redis.ask('PING') === 'PONG');
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(45));
  await recovered();
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(45));
  assert.deepEqual(await cache.daysEverywhere(bob), cache.all(40), 'nothing of the epoch before is answered');
});

test('clear-cache clears what it can\'t reach (B50)', async () => {
  await cache.again();
  const anna = await cache.cached();
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));
  redis.pause();
  assert.equal((await askProcess(cache.sockets[0], { method: 'POST', uri: CLEAR, token: vip.admin, body: {} })).status, 200);
  redis.resume();
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(40));
  await cachedAgain();
});

test('a server that comes back with the values of an earlier file has none (B50)', async () => {
  await cache.again();
  const anna = await cache.cached();
  assert.equal(await redis.ask('SAVE'), 'OK');
  assert.equal((await shop.call('POST', CLEAR, { token: vip.admin, body: {} })).status, 200);
  await redis.restart();
  assert.ok((await redis.keys('v')).length > 0);
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(40));
  await cachedAgain();
});

test('a flushed server has no values, and what was held stays uncached (B50)', async () => {
  await cache.again();
  const anna = await cache.cached();
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(30));
  assert.equal(await redis.ask('FLUSHALL'), 'OK');
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(40));
  await vip.gift(anna, 1, 5);
  assert.equal(await redis.ask('FLUSHALL'), 'OK');
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(45));
  await cache.lengthen(anna, 1);
  assert.deepEqual(await cache.daysEverywhere(anna), cache.all(46));
});

test('an invalidation that neither the server nor the database hears of fails (B50)', async () => {
  await cache.again();
  const anna = await cache.cached();
  redis.pause();
  await shop.sql('RENAME TABLE state_epochs TO epochs_elsewhere');
  const { status } = await askProcess(cache.sockets[0], { method: 'POST', uri: CLEAR, token: vip.admin, body: {} });
  await shop.sql('RENAME TABLE epochs_elsewhere TO state_epochs');
  redis.resume();
  assert.equal(status, 503);
  await cachedAgain();
});

// SPDX-License-Identifier: MIT
// Platform certificates of WeChat Pay: fetched by jobs, loaded by every process, in addition to the public key or instead
// of it (BEHAVIOUR 33, PAYMENTS 2.4 and 2.5). The simulator encrypts and signs with the SDK's cryptography.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { makeForger } from '../lib/notifications.mjs';
import { PAID, PENDING, TRADE, openTrade } from '../lib/trade.mjs';

const WITHOUT_PUBLIC_KEY = { WECHAT_PAY_PUBLIC_KEY_ID: null, WECHAT_PAY_PUBLIC_KEY_FILE: null };
const HOUR_S = 3600;
const YEAR_S = 365 * 86_400;

const alone = await openTrade({ families: TRADE, certificates: true, env: WITHOUT_PUBLIC_KEY });
const both = await openTrade({ families: TRADE, certificates: true });
const publicKeyOnly = await openTrade({ families: TRADE });

const signWith = async ({ shop }, choice) => {
  const { status, body } = await shop.sandbox('POST', '/sandbox/sign-with', choice);
  assert.equal(status, 200, JSON.stringify(body));
  return body.serial;
};
const fetched = async ({ shop }) => {
  const { body } = await shop.sandbox('GET', '/sandbox/requests');
  return body.filter(({ path }) => path.startsWith('/v3/certificates')).length;
};
const kept = ({ shop }) => shop.sql('SELECT serial, ciphertext FROM platform_certificates ORDER BY expires_at DESC');
const keysReady = async ({ shop }) => {
  const { status, body } = await shop.call('GET', '/readyz');
  return [status, body.provider_keys];
};

async function ordered(trade, stock = 1000) {
  trade.goods ??= await trade.product({ price: '12.00', stock });
  trade.anna ??= await trade.buyer();
  return trade.order(trade.anna, [[trade.goods, 1]]);
}

// Prepares and pays once per notify process, so that each of them gets a notification.
async function payOften(trade, times = 8) {
  for (let i = 0; i < times; i += 1) {
    const order = await ordered(trade);
    const { prepayId } = await trade.prepay(trade.anna, order);
    const { body } = await trade.shop.pay(prepayId);
    assert.equal(body.status, 200, JSON.stringify(body));
    assert.equal(await trade.status(order), PAID);
  }
}

test('without a public key nothing can be verified before jobs have fetched the certificates, and everything after', async () => {
  await signWith(alone, { kind: 'certificate' });
  assert.deepEqual(await keysReady(alone), [503, 'missing']);
  const order = await ordered(alone);
  assert.equal((await alone.tryPrepay(alone.anna, order)).status, 503, 'an answer that nothing proves is none');
  assert.equal(await alone.status(order), PENDING);

  assert.match(await alone.shop.jobs(), / 2 certificates fetched/);
  assert.deepEqual((await kept(alone)).map(({ serial }) => serial),
    [await signWith(alone, { kind: 'certificate', index: 0 }), await signWith(alone, { kind: 'certificate', index: 1 })]);
  assert.deepEqual(await keysReady(alone), [200, 'ok']);
  for (const index of [0, 1]) {
    await signWith(alone, { kind: 'certificate', index });
    await payOften(alone);
  }
});

test('both kinds of serial are accepted at the same time, in any order, by every process (B33)', async () => {
  await both.shop.jobs();
  const choices = [{ kind: 'certificate', index: 1 }, { kind: 'pubkey' }, { kind: 'certificate' }, { kind: 'pubkey' }];
  for (const choice of choices) {
    await signWith(both, choice);
    await payOften(both, 4);
  }
});

test('an unknown serial is 401 and requests a refresh by jobs, at most once in five minutes (B33)', async (t) => {
  const { shop } = both;
  t.after(() => shop.clock(0));
  const forger = makeForger(both.keys, new URL('/api/payment/wxpay/notify', shop.baseUrl));
  const order = await ordered(both);
  const { outTradeNo } = await both.prepay(both.anna, order);
  const foreign = async () => {
    const change = (headers) => ({ ...headers, 'Wechatpay-Serial': randomBytes(20).toString('hex').toUpperCase() });
    const now = Math.floor(Date.now() / 1000) + Number(offset);
    const answer = await forger.send(forger.event(forger.transaction(outTradeNo, 1200)), { timestamp: now, change });
    assert.deepEqual([answer.status, answer.body.code], [401, 'FAIL']);
  };
  let offset = 0;
  const at = (seconds) => {
    offset = seconds;
    shop.clock(seconds);
  };
  const passes = async () => {
    const before = await fetched(both);
    await shop.jobs();
    await shop.jobs();
    return await fetched(both) - before;
  };

  assert.equal(await passes(), 0, 'nobody asked, and it is not time');
  for (let i = 0; i < 20; i += 1) await foreign();
  assert.equal(await passes(), 0, 'asked for, but the last time is less than five minutes ago');
  at(301);
  assert.equal(await passes(), 1);
  for (let i = 0; i < 20; i += 1) await foreign();
  assert.equal(await passes(), 0);
  at(301 + 180);
  assert.equal(await passes(), 0);
  at(301 + 420);
  for (let i = 0; i < 20; i += 1) await foreign();
  assert.equal(await passes(), 1);
  assert.equal(await both.status(order), PENDING);
  at(301 + 420 + 6 * HOUR_S + 1);
  assert.equal(await passes(), 1, 'every six hours it is fetched anyway');
});

test('a new certificate is loaded as soon as jobs have it, also by processes that refused it before', async (t) => {
  const { shop } = both;
  t.after(() => shop.clock(0));
  const [newest] = await kept(both);
  await signWith(both, { kind: 'pubkey' });
  await shop.restartWeb();
  await shop.sql('DELETE FROM platform_certificates');
  const order = await ordered(both);
  const { prepayId } = await both.prepay(both.anna, order);
  assert.equal(await signWith(both, { kind: 'certificate' }), newest.serial);
  const { body } = await shop.pay(prepayId, { times: 8 });
  assert.equal(body.status, 401, JSON.stringify(body));
  assert.equal(await both.status(order), PENDING);
  shop.clock(12 * HOUR_S);
  await shop.jobs(); // it can verify responses with what it just fetched, so it may settle by a query
  assert.equal((await kept(both)).length, 2);
  assert.equal((await shop.pay(prepayId, { times: 8 })).body.status, 200);
  shop.clock(0);
  await payOften(both);
});

test('a failed or unverified list changes no known key, and is retried after five minutes', async (t) => {
  const { shop } = both;
  t.after(() => shop.clock(0));
  let now = 20 * HOUR_S;
  const before = await kept(both);
  for (const fault of ['status_500', 'truncated', 'bad_signature', 'unknown_serial', 'hang']) {
    shop.clock(now);
    const { status } = await shop.sandbox('POST', '/sandbox/faults', { on: 'certificates', fault });
    assert.equal(status, 200, fault);
    assert.match(await shop.jobs(), / 0 certificates fetched/, fault);
    await shop.sandbox('DELETE', '/sandbox/faults');
    assert.match(await shop.jobs(), / 0 certificates fetched/, `${fault}: not at once`);
    assert.deepEqual(await kept(both), before, fault);
    shop.clock(now + 301);
    assert.match(await shop.jobs(), / 2 certificates fetched/, fault);
    assert.deepEqual((await kept(both)).map(({ serial }) => serial), before.map(({ serial }) => serial));
    before.splice(0, 2, ...await kept(both));
    now += 7 * HOUR_S;
  }
});

test('stored certificates are trusted only if encrypted with our APIv3 key', async () => {
  const { shop } = both;
  const [newest, older] = await kept(both);
  await shop.restartWeb();
  const order = await ordered(both);
  const swap = (ciphertext) => shop.sql(`UPDATE platform_certificates SET ciphertext = '${ciphertext}' WHERE serial = '${newest.serial}'`);
  await signWith(both, { kind: 'pubkey' });
  const { prepayId } = await both.prepay(both.anna, order);
  await signWith(both, { kind: 'certificate', index: 0 });
  // the other certificate under this serial; not encrypted; not Base64
  for (const ciphertext of [older.ciphertext, randomBytes(900).toString('base64'), '*']) {
    await swap(ciphertext);
    assert.equal((await shop.pay(prepayId, { times: 4 })).body.status, 401, ciphertext.slice(0, 20));
  }
  assert.equal(await both.status(order), PENDING);
  await swap(newest.ciphertext);
  assert.equal((await shop.pay(prepayId)).body.status, 200);
});

test('an expired certificate verifies nothing', async (t) => {
  const { shop } = alone;
  t.after(() => shop.clock(0));
  await signWith(alone, { kind: 'certificate', index: 0 });
  shop.clock(3 * YEAR_S); // the older one is valid for two more years
  await shop.jobs();
  await alone.signInAgain(alone.anna);
  await alone.adminSignIn();
  await payOften(alone, 1);
  assert.equal((await kept(alone)).length, 1, 'the expired one is forgotten');
  const order = await ordered(alone);
  const { prepayId } = await alone.prepay(alone.anna, order);
  await signWith(alone, { kind: 'certificate', index: 1 });
  assert.equal((await shop.pay(prepayId, { times: 4 })).body.status, 401);
  assert.equal(await alone.status(order), PENDING);
});

test('a merchant in public-key mode has none, which is no fault; without a public key it is, and the log says what to do', async () => {
  assert.match(await publicKeyOnly.shop.jobs(), / 0 certificates fetched/);
  const alarms = () => publicKeyOnly.shop.log().filter(({ level }) => level === 'alarm').map(({ message }) => message);
  assert.deepEqual(alarms(), []);
  await publicKeyOnly.shop.restartWeb(WITHOUT_PUBLIC_KEY);
  await publicKeyOnly.shop.sql('UPDATE certificate_refresh SET due_at = 0');
  await publicKeyOnly.shop.jobs();
  assert.equal(alarms().length, 1);
  assert.match(alarms()[0], /WECHAT_PAY_PUBLIC_KEY_ID/);
});

// SPDX-License-Identifier: MIT
// A payment belongs to its channel's provider: no other is queried, settles it or is asked to refund it. A payment whose
// provider this shop doesn't have (any more) is reported, postponed and needs manual review (BEHAVIOUR 37, 39).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { makeForger } from '../lib/notifications.mjs';
import { FEN, FIRST_LOOK_S, openRefunds } from '../lib/refunds.mjs';
import { ATTEMPT, CANCELLED, PAID, PENDING, assertRefused } from '../lib/trade.mjs';

const refunds = await openRefunds();
const { trade, shop, anna } = refunds;

const WECHAT = 1;
const FOREIGN = 77; // no provider's
const MOMENT_S = 5;

const setChannel = (x, channel) => shop.sql(`UPDATE payment_attempts SET channel = ${channel} WHERE out_trade_no = '${x.outTradeNo}'`);
const alarms = (x) => shop.log().filter(({ level, message }) => level === 'alarm' && message === `${x.outTradeNo}: no provider is configured for its channel ${FOREIGN}`).length;
const countRefunds = async () => (await shop.sql('SELECT COUNT(*) AS n FROM refunds'))[0].n;

async function jobsAt(seconds) {
  shop.clock(seconds);
  const { code, stdout, stderr } = await shop.minimall(['jobs']);
  return { code, report: stdout + stderr };
}

afterEach(async () => {
  await shop.sql(`UPDATE payment_attempts SET channel = ${WECHAT} WHERE channel = ${FOREIGN}`);
  shop.clock(0);
});

test("another channel's open payment is not returned, and blocks this one until its provider has closed it (B37, B39)", async () => {
  const x = await refunds.prepared();
  await setChannel(x, FOREIGN);
  await trade.forgetRequests();
  assertRefused(await trade.tryPrepay(anna, x.order), 500, 'PROVIDER_CONFIG');
  assert.deepEqual(await trade.requests(), []);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
  assert.equal(alarms(x), 1);
  await setChannel(x, WECHAT);
  assert.equal((await trade.prepay(anna, x.order)).outTradeNo, x.outTradeNo);
});

test('a payment without a provider here is neither queried nor closed, but postponed with an alarm, and blocks no other (B20)', async () => {
  const [x, y] = [await refunds.prepared(), await refunds.prepared()];
  await setChannel(x, FOREIGN);
  for (const { order } of [x, y]) assert.equal((await trade.cancel(anna, order)).status, 200);
  await trade.forgetRequests();
  const { code, report } = await jobsAt(MOMENT_S);
  assert.equal(code, 1, report);
  assert.match(report, /PROVIDER_CONFIG/);
  assert.deepEqual(await trade.requests(), ['query', 'close'], 'of the other payment only');
  assert.deepEqual([await trade.states(x.order), await trade.states(y.order)], [[ATTEMPT.open], [ATTEMPT.closed]]);
  assert.equal((await trade.atWechat(x.outTradeNo)).trade_state, 'NOTPAY');
  assert.equal(alarms(x), 1);
  assert.equal((await jobsAt(MOMENT_S + 10)).code, 0, 'postponed');
  await setChannel(x, WECHAT);
  assert.equal((await jobsAt(3600)).code, 0);
  assert.deepEqual([await trade.states(x.order), await trade.status(x.order)], [[ATTEMPT.closed], CANCELLED]);
});

test("a provider's notification about another provider's payment pays nothing (B34)", async () => {
  const x = await refunds.prepared();
  const forger = makeForger(trade.keys, new URL('/api/payment/wxpay/notify', shop.baseUrl));
  await setChannel(x, FOREIGN);
  const { status } = await forger.send(forger.event(forger.transaction(x.outTradeNo, FEN)));
  assert.equal(status, 400);
  assert.equal(await trade.status(x.order), PENDING);
  assert.deepEqual((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map(({ reason }) => reason), ['UNKNOWN_ORDER']);
  await shop.sql(`DELETE FROM payment_events WHERE out_trade_no = '${x.outTradeNo}'`);
});

test('a payment that no provider here can refund is refused at once, without effect (B43)', async () => {
  const x = await refunds.paid();
  await setChannel(x, FOREIGN);
  const before = await countRefunds();
  await trade.forgetRequests();
  assertRefused(await refunds.ask(x), 500, 'PROVIDER_CONFIG');
  assert.deepEqual(await refunds.calls(), []);
  assert.equal(await countRefunds(), before);
  assert.equal(await trade.status(x.order), PAID);
});

test('a refund in progress is followed at the provider that was paid, or postponed with an alarm (B43)', async () => {
  const x = await refunds.paid();
  const { refund_no: no } = await refunds.refund(x);
  await setChannel(x, FOREIGN);
  await trade.forgetRequests();
  const { code, report } = await jobsAt(FIRST_LOOK_S);
  assert.equal(code, 1, report);
  assert.match(report, /PROVIDER_CONFIG/);
  assert.deepEqual(await refunds.calls(), []);
  assert.ok(alarms(x) > 0);
  await setChannel(x, WECHAT);
  assert.equal(await refunds.status(no), 'PROCESSING');
  assert.deepEqual(await refunds.jobsAt(2 * 3600), ['refund_query']);
});

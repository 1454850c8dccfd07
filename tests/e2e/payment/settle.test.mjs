// SPDX-License-Identifier: MIT
// Settlement of a provider's payment: granted once, granted late, or refund due; by notification, query or poll (BEHAVIOUR 36
// to 38, 44).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeForger } from '../lib/notifications.mjs';
import { ATTEMPT, CANCELLED, COMPLETED, PAID, PAY_S, PENDING, REFUNDED, SHIPPED, TRADE, VERDICT, assertRefused, openTrade, tally } from '../lib/trade.mjs';

const trade = await openTrade({ families: TRADE, leaks: true });
const { shop } = trade;
const forger = makeForger(trade.keys, new URL('/api/payment/wxpay/notify', shop.baseUrl));
const anna = await trade.buyer();
const product = await trade.product({ price: '12.34', stock: 100_000 });
const FEN = 1234;

async function prepared(lines = [[product, 1]]) {
  const order = await trade.order(anna, lines);
  return { order, ...await trade.prepay(anna, order) };
}

// Paid at the provider without notification.
async function paidUnheard(lines) {
  const x = await prepared(lines);
  await shop.pay(x.outTradeNo, { notify: false });
  return x;
}

const standing = async (x) => (await trade.paymentStatus(anna, x.order)).body;

async function assertRefundDue(x, reason) {
  const attempt = (await trade.attempts(x.order)).find(({ out_trade_no: no }) => no === x.outTradeNo);
  assert.deepEqual([attempt.state, attempt.reason], [ATTEMPT.refundDue, reason]);
  const lines = await trade.audit(0);
  const wanted = `open: payment ${x.outTradeNo}: refund due: ${attempt.amount} fen, ${reason}`;
  assert.ok(lines.some((line) => line.startsWith(wanted)), `${wanted}\n${lines.join('\n')}`);
}

test('a payment\'s status is reported as WeChat\'s trade_state, before and after (B44)', async () => {
  const order = await trade.order(anna, [[product, 1]]);
  const bare = await standing({ order });
  assert.deepEqual(bare, {
    order_id: order.order_id, status: PENDING, total_amount: '12.34', trade_state: 'NOTPAY', transaction_id: null, paid_at: null,
  });
  const { outTradeNo } = await trade.prepay(anna, order);
  await trade.forgetRequests();
  assert.deepEqual(await standing({ order }), bare);
  assert.deepEqual(await trade.requests(), ['query']);
  await trade.payNotified(outTradeNo);
  await trade.forgetRequests();
  const paid = await standing({ order });
  const { transaction_id: transactionId, success_ms: ms } = await trade.atWechat(outTradeNo);
  assert.deepEqual(paid, {
    ...bare, status: PAID, trade_state: 'SUCCESS', transaction_id: transactionId, paid_at: new Date(Math.floor(ms / 1000) * 1000).toISOString(),
  });
  assert.deepEqual(await trade.requests(), [], 'what is settled is not asked again');
});

test('the poll of a returning customer settles a payment without notification (B44)', async () => {
  const x = await paidUnheard();
  const { status, trade_state: state } = await standing(x);
  assert.deepEqual([status, state], [PAID, 'SUCCESS']);
  assert.equal(await trade.status(x.order), PAID);
  const { transaction_id: transactionId } = await trade.atWechat(x.outTradeNo);
  assert.equal((await trade.read(x.order)).payment_id, transactionId);
  const late = await trade.payNotified(x.outTradeNo);
  assert.equal(late.body.status, 200, 'the notification that comes after all is a repeat');
  assert.deepEqual((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map((e) => e.verdict), [VERDICT.granted, VERDICT.repeat]);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
});

test('jobs settle a payment without notification or poll, after a minute (B44)', async () => {
  const x = await paidUnheard();
  await shop.jobs();
  assert.equal(await trade.status(x.order), PENDING, 'not yet: the notification may be under way');
  shop.clock(61);
  await shop.jobs();
  assert.equal(await trade.status(x.order), PAID);
  shop.clock(0);
});

test('concurrent notifications, polls and jobs: one grant, and all report it (B36)', async () => {
  for (let round = 0; round < 8; round++) {
    const x = await paidUnheard();
    shop.clock(61);
    const [told, polls, queried] = await Promise.all([
      trade.payNotified(x.outTradeNo, { times: 10 }),
      Promise.all(Array.from({ length: 10 }, () => trade.paymentStatus(anna, x.order))),
      Promise.all([shop.jobs(), shop.jobs()]),
    ]);
    shop.clock(0);
    assert.deepEqual(tally(told.body.answers.map(({ status }) => status)), { 200: 10 });
    assert.deepEqual(tally(polls.map(({ status }) => status)), { 200: 10 });
    for (const line of queried) assert.match(line, /^jobs: /);
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
    assert.equal(await trade.status(x.order), PAID);
    assert.deepEqual(await trade.moves(x.order), [-1]);
    const verdicts = (await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map((e) => e.verdict);
    assert.equal(verdicts.filter((v) => v === VERDICT.granted).length, 1, JSON.stringify(verdicts));
  }
});

// A faulty query response is treated as absent.
for (const fault of ['status_500', 'status_429', 'status_202', 'status_502', 'bad_signature', 'signtest', 'no_signature', 'old_timestamp',
  'unknown_serial', 'duplicate_header', 'truncated', 'not_json', 'drop_after', 'wrong_mchid', 'wrong_out_trade_no']) {
  test(`a query answered with ${fault} changes nothing, and the next one settles`, async () => {
    const x = await paidUnheard();
    await trade.fault('query', fault);
    const { status, body } = await trade.paymentStatus(anna, x.order);
    assert.deepEqual([status, body.status, body.trade_state], [200, PENDING, 'NOTPAY']);
    assert.deepEqual(await trade.faultsLeft(), []);
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
    assert.equal((await standing(x)).status, PAID);
  });
}

test('a hanging query times out and changes nothing', async () => {
  const x = await paidUnheard();
  await trade.fault('query', 'hang');
  const started = performance.now();
  const { status, body } = await trade.paymentStatus(anna, x.order);
  assert.deepEqual([status, body.status], [200, PENDING]);
  assert.ok(performance.now() - started < 30_000);
  assert.equal((await standing(x)).status, PAID);
});

test('a query with a different amount is an orphan, never a payment, and the correct one still settles (B34)', async () => {
  const x = await paidUnheard();
  await trade.fault('query', 'wrong_amount');
  assert.equal((await standing(x)).status, PENDING);
  const [orphan] = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual([orphan.verdict, orphan.reason, orphan.amount], [VERDICT.orphan, 'AMOUNT', FEN + 1]);
  assert.ok((await trade.audit(0)).some((line) => line.includes('orphan: AMOUNT')));
  assert.equal((await standing(x)).status, PAID);
});

test('the provider is queried at most once in PAYMENT_QUERY_GAP_S, however many poll (B44)', async () => {
  await shop.restartWeb({ PAYMENT_QUERY_GAP_S: '60' });
  const x = await prepared();
  await trade.forgetRequests();
  const polls = await Promise.all(Array.from({ length: 20 }, () => trade.paymentStatus(anna, x.order)));
  assert.deepEqual(tally(polls.map(({ status }) => status)), { 200: 20 });
  assert.deepEqual(await trade.requests(), ['query']);
  shop.clock(30);
  await standing(x);
  assert.deepEqual(await trade.requests(), ['query']);
  shop.clock(61);
  await standing(x);
  assert.deepEqual(await trade.requests(), ['query', 'query']);
  shop.clock(0);
  await shop.restartWeb({ PAYMENT_QUERY_GAP_S: '0' });
});

// ---- payments that the order doesn't need (B37) ----

test('a second attempt\'s success for an order paid by the first is refund due; the order is unchanged (B37)', async () => {
  const x = await prepared();
  // the first attempt is closed at the provider, a second is created, and both are paid anyway
  await shop.sql(`UPDATE payment_attempts SET state = 1, open_payable_id = NULL WHERE out_trade_no = '${x.outTradeNo}'`);
  const y = { order: x.order, ...await trade.prepay(anna, x.order) };
  assert.notEqual(y.outTradeNo, x.outTradeNo);
  assert.equal((await trade.payNotified(y.outTradeNo)).body.status, 200);
  const before = await trade.rowOf(x.order);
  assert.equal((await trade.payNotified(x.outTradeNo, { times: 5 })).body.status, 200);
  assert.deepEqual(await trade.rowOf(x.order), before);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.refundDue, ATTEMPT.granted]);
  await assertRefundDue(x, 'ALREADY_PAID');
  assert.equal((await trade.events(`out_trade_no = '${x.outTradeNo}'`))[0].verdict, VERDICT.refundDue);
});

for (const [what, act, reason] of [
  ['paid offline', (x) => trade.payOffline(x.order), 'ALREADY_PAID'],
  ['paid offline and shipped', async (x) => { await trade.payOffline(x.order); await trade.set(x.order, { status: SHIPPED }); }, 'ALREADY_PAID'],
  ['paid offline and completed', async (x) => { await trade.payOffline(x.order); await trade.set(x.order, { status: SHIPPED }); await trade.set(x.order, { status: COMPLETED }); }, 'ALREADY_PAID'],
  ['paid offline and refunded', async (x) => { await trade.payOffline(x.order); await trade.set(x.order, { status: REFUNDED }); }, 'ALREADY_REFUNDED'],
  ['deleted', async (x) => { assert.equal((await trade.remove(x.order)).status, 204); }, 'ORDER_DELETED'],
]) {
  for (const way of ['notification', 'jobs']) {
    test(`a payment for an order that was ${what}, by ${way}: refund due, the order unchanged (B37)`, async () => {
      const x = await paidUnheard();
      await act(x);
      const before = await trade.rowOf(x.order);
      const moves = await trade.moves(x.order);
      if (way === 'notification') assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
      else await shop.jobs();
      await assertRefundDue(x, reason);
      assert.deepEqual(await trade.rowOf(x.order), before);
      assert.deepEqual(await trade.moves(x.order), moves);
      assert.equal((await trade.payNotified(x.outTradeNo, { times: 3 })).body.status, 200, 'and the provider may forget it');
      assert.deepEqual(await trade.states(x.order), [ATTEMPT.refundDue]);
    });
  }
}

// ---- late payments (B38) ----

for (const way of ['notification', 'jobs']) {
  test(`a payment after a cancel, by ${way}, with stock available: granted late, stock taken again (B38)`, async () => {
    const own = await trade.product({ price: '12.34', stock: 3 });
    const x = await paidUnheard([[own, 3]]);
    assert.equal((await trade.cancel(anna, x.order)).body.status, CANCELLED);
    assert.equal(await trade.stock(own), 3);
    if (way === 'notification') assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
    else await shop.jobs();
    assert.equal(await trade.status(x.order), PAID);
    assert.equal(await trade.stock(own), 0);
    assert.deepEqual(await trade.moves(x.order), [-3, 3, -3]);
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.grantedLate]);
    assert.ok((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).some((e) => e.verdict === VERDICT.grantedLate), 'no mere repeat');
    assert.equal((await trade.set(x.order, { status: SHIPPED })).status, SHIPPED);
  });

  test(`a payment after a cancel, by ${way}, without stock: refund due, the order stays cancelled (B38)`, async () => {
    const own = await trade.product({ price: '12.34', stock: 3 });
    const x = await paidUnheard([[product, 1], [own, 3]]);
    assert.equal((await trade.cancel(anna, x.order)).body.status, CANCELLED);
    await trade.order(anna, [[own, 1]]);
    if (way === 'notification') assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
    else await shop.jobs();
    await assertRefundDue(x, 'OUT_OF_STOCK');
    assert.deepEqual([await trade.status(x.order), await trade.stock(own)], [CANCELLED, 2]);
    assert.deepEqual((await trade.moves(x.order)).length, 4, 'no line is taken for itself');
  });
}

test('a payment after a cancel for a product off sale is granted late, for a deleted one refund due (B38)', async () => {
  const [off, gone] = [await trade.product({ price: '12.34', stock: 3 }), await trade.product({ price: '12.34', stock: 3 })];
  const [x, y] = [await paidUnheard([[off, 1]]), await paidUnheard([[gone, 1]])];
  for (const { order } of [x, y]) await trade.cancel(anna, order);
  await trade.ok('PUT', `/api/products/${off}`, { token: trade.admin, body: { status: 0 } });
  await shop.call('DELETE', `/api/products/${gone}`, { token: trade.admin });
  for (const { outTradeNo } of [x, y]) assert.equal((await trade.payNotified(outTradeNo)).body.status, 200);
  assert.deepEqual([await trade.status(x.order), await trade.status(y.order)], [PAID, CANCELLED]);
  assert.deepEqual([await trade.stock(off), await trade.stock(gone)], [2, 3]);
  await assertRefundDue(y, 'OUT_OF_STOCK');
});

test('concurrent late payments of five orders for three items: three are granted, two are refund due (B38)', async () => {
  const own = await trade.product({ price: '12.34', stock: 5 });
  const all = [];
  for (let i = 0; i < 5; i++) all.push(await paidUnheard([[own, 1]]));
  for (const { order } of all) await trade.cancel(anna, order);
  await trade.order(anna, [[own, 2]]);
  const answers = await Promise.all(all.map(({ outTradeNo }) => trade.payNotified(outTradeNo, { times: 3 })));
  for (const { body } of answers) assert.equal(body.status, 200);
  assert.deepEqual(tally((await Promise.all(all.map(({ order }) => trade.states(order)))).flat()), {
    [ATTEMPT.grantedLate]: 3, [ATTEMPT.refundDue]: 2,
  });
  assert.equal(await trade.stock(own), 0);
});

test('a payment in progress when the provider closed is notified and granted late (B38)', async () => {
  const x = await prepared();
  await trade.cancel(anna, x.order);
  await shop.jobs();
  assert.equal((await trade.atWechat(x.outTradeNo)).trade_state, 'CLOSED');
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed]);
  assert.equal((await trade.payNotified(x.outTradeNo, { force: true })).body.status, 200);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.grantedLate]);
  assert.equal(await trade.status(x.order), PAID);
});

test('a success after the deadline of an order not closed yet is granted (B20)', async () => {
  const x = await prepared();
  await shop.pay(x.outTradeNo, { notify: false });
  shop.clock(PAY_S + 60);
  assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
  shop.clock(0);
});

test('a notification with trade_state REFUND pays nothing and is refused (B35)', async () => {
  const x = await prepared();
  const answer = await forger.send(forger.event(forger.transaction(x.outTradeNo, FEN, { trade_state: 'REFUND' })));
  assert.equal(answer.status, 400);
  assert.equal(await trade.status(x.order), PENDING);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
});

test('a payment already refunded elsewhere pays nothing, is held, and logs an alarm (B35, B62)', async () => {
  const x = await paidUnheard();
  await trade.fault('query', 'refunded');
  const { status, body } = await trade.paymentStatus(anna, x.order);
  assert.equal(status, 200);
  assert.deepEqual([body.status, body.trade_state], [PENDING, 'REFUND']);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
  assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200, 'the notification that comes late is heard');
  assert.equal(await trade.status(x.order), PENDING, 'and grants nothing');
  const { code, stdout } = await shop.audit();
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`open: payment ${x.outTradeNo}: held: of ${FEN} fen`));
});

test('a payment settled and refunded by us during a query is not an orphan (B35, B44)', async () => {
  const x = await paidUnheard();
  await trade.fault('query', 'refunded', { delay_ms: 4500 });
  await trade.forgetRequests();
  const poll = trade.paymentStatus(anna, x.order);
  await trade.asked('query');
  assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
  await trade.noFaults();
  const { status, body } = await poll;
  assert.deepEqual([status, body.status], [200, PAID]);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
  assert.deepEqual((await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map(({ verdict }) => verdict), [VERDICT.granted]);
});

test('the payer may differ from the buyer: granted, and logged without the name (PAYMENTS 2.14)', async () => {
  const notes = (no) => shop.log().filter(({ level, message }) => level === 'warn' && message === `${no} was paid by another than its buyer`).length;
  const [own, other] = [await prepared(), await prepared()];
  await trade.payNotified(own.outTradeNo);
  await forger.send(forger.event(forger.transaction(other.outTradeNo, FEN, { payer: { openid: 'sandbox-somebody-else' } })));
  for (const x of [own, other]) assert.equal(await trade.status(x.order), PAID);
  assert.deepEqual([notes(own.outTradeNo), notes(other.outTradeNo)], [0, 1]);
  assert.ok(!shop.log().some((line) => JSON.stringify(line).includes('somebody-else')));
});

test("success_time is the provider's, and an invalid one is replaced by the current time", async () => {
  for (const [time, expected] of [['2026-01-31T12:00:00+08:00', Date.parse('2026-01-31T04:00:00Z')], ['yesterday', null], [undefined, null]]) {
    const x = await prepared();
    await forger.send(forger.event(forger.transaction(x.outTradeNo, FEN, { success_time: time })));
    const { paid_at: paidAt } = await trade.rowOf(x.order);
    if (expected) assert.equal(paidAt, expected);
    else assert.ok(Math.abs(paidAt - Date.now()) < 10_000);
  }
});

test('only the owner can read the status, and a refusal reveals nothing (B4)', async () => {
  const bob = await trade.buyer();
  const x = await paidUnheard();
  await trade.forgetRequests();
  assertRefused(await trade.paymentStatus(bob, x.order), 403, 'FORBIDDEN');
  assert.deepEqual(await trade.requests(), []);
  assert.equal(await trade.status(x.order), PENDING);
});

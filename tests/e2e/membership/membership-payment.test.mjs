// SPDX-License-Identifier: MIT
// Paying a membership order through WeChat: by notification, query or jobs, in every state of the order
// (BEHAVIOUR 4, 20, 34 to 40, 44).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { REFUNDING_TEXT, assertDenied, assertOrder, openVip } from '../lib/memberships.mjs';
import { ATTEMPT, DATE, DAY_S, MINUTE_S, PAY_S, VERDICT, assertRefused, prepayIdOf, tally } from '../lib/trade.mjs';

const vip = await openVip({ leaks: true });
const { shop, trade } = vip;
const month = await vip.plan({ name: '月度', price: '30.00', duration_days: 30, level: 1 });
const QUERY_GAP_S = 60;

await vip.mode('SUCCESS');
afterEach(async () => {
  await trade.noFaults();
  await vip.at(0);
});

// A customer with an order prepared at the provider.
async function prepared(person) {
  const anna = person ?? await vip.buyer();
  const order = await vip.create(anna, month);
  return { anna, order, ...await vip.prepay(anna, order) };
}

async function assertGranted({ anna, order }, state = ATTEMPT.granted) {
  const shown = await vip.read(order);
  assertOrder(shown, { status: 'PAID', payment_method: '微信支付', amount: '30.00' });
  assert.deepEqual((await vip.segments(anna)).map(({ kind, state: s, cash }) => [kind, s, cash]), [['NEW', 'ACTIVE', 3000]]);
  assert.deepEqual(await vip.attemptStates(order), [state]);
  assert.deepEqual(await vip.refunds(order), []);
  assert.equal((await vip.status(anna)).is_vip, true);
}

async function assertNotGranted({ anna, order }, status, segments = []) {
  assert.equal(await vip.state(order), status);
  assert.deepEqual((await vip.segments(anna)).map(({ state }) => state), segments);
}

const verdicts = async ({ outTradeNo }) => (await trade.events(`out_trade_no = '${outTradeNo}'`)).map(({ verdict }) => verdict);

// ---- preparing ----

test('a prepay is for the user\'s own order_no, with exactly its amount and deadline (B4, B20)', async () => {
  const [anna, eve] = await trade.buyers(2);
  const order = await vip.create(anna, month);
  for (const token of [eve.token, vip.admin]) assertRefused(await vip.tryPrepay({ token }, order), 403, 'FORBIDDEN');
  assertRefused(await vip.tryPrepay(anna, { order_no: 'VIPNONE' }), 404);
  const { status, body } = await vip.tryPrepay(anna, order);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body), ['timeStamp', 'nonceStr', 'package', 'signType', 'paySign']);
  const [attempt] = await vip.attempts(order);
  const there = await trade.atWechat(attempt.out_trade_no);
  assert.deepEqual([there.request.amount.total, there.trade_state, there.request.payer.openid], [3000, 'NOTPAY', `sandbox-${anna.name}`]);
  assert.equal(Math.floor(Date.parse(there.request.time_expire) / 1000), Math.floor(Date.parse(order.expires_at) / 1000));
  assert.match(there.request.description, /月度/);
  assert.equal(await vip.state(order), 'PENDING');
});

test('a second prepay is the same payable order at the provider, with the same amount (B39)', async () => {
  const { anna, order, outTradeNo, prepayId } = await prepared();
  const [again, ...more] = await Promise.all(Array.from({ length: 10 }, () => vip.tryPrepay(anna, order)));
  for (const { status, body } of [again, ...more]) assert.deepEqual([status, prepayIdOf(body)], [200, prepayId]);
  assert.equal((await vip.attempts(order)).length, 1);
  await vip.settle({ outTradeNo });
  await assertGranted({ anna, order });
});

test('a paid, cancelled, refunded or expired order can\'t be prepared: 409 (B20)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  await vip.cancel(anna, order);
  assertRefused(await vip.tryPrepay(anna, order), 409, 'ORDER_NOT_PENDING');
  const paid = await vip.bought(anna, month);
  assertRefused(await vip.tryPrepay(anna, paid), 409, 'ORDER_PAID');
  await vip.refund(paid);
  assertRefused(await vip.tryPrepay(anna, paid), 409);
  const late = await vip.create(anna, month);
  shop.clock(PAY_S + 1);
  assertRefused(await vip.tryPrepay(anna, late), 409, 'ORDER_EXPIRED');
  assert.deepEqual([...await vip.attempts(order), ...await vip.attempts(paid), ...await vip.attempts(late)], []);
});

test('a shop order and a membership order, with keys: each number finds the right one', async () => {
  const anna = await vip.buyer();
  const tea = await trade.product({ price: '12.34', stock: 5 });
  const [goods, order] = [await trade.order(anna, [[tea, 1]]), await vip.create(anna, month)];
  await trade.payByWechat(anna, goods);
  assert.deepEqual([await trade.status(goods), await vip.state(order)], [1, 'PENDING']);
  await vip.payWechat(anna, order);
  await assertGranted({ anna, order });
});

// ---- settling ----

test('the notification grants, and the payment status shows it', async () => {
  const x = await prepared();
  const open = (await vip.paymentStatus(x.anna, x.order)).body;
  assert.deepEqual(open, { order_id: x.order.order_no, status: 'PENDING', total_amount: '30.00', trade_state: 'NOTPAY', transaction_id: null, paid_at: null });
  await vip.settle(x);
  await assertGranted(x);
  assert.deepEqual(await verdicts(x), [VERDICT.granted]);
  const { body } = await vip.paymentStatus(x.anna, x.order);
  assert.deepEqual([body.status, body.trade_state, body.total_amount], ['PAID', 'SUCCESS', '30.00']);
  assert.match(body.paid_at, DATE);
  assert.match(body.transaction_id, /^\d{28}$/);
});

test('fifty concurrent notifications: one grant, fifty success answers (B36)', async () => {
  const x = await prepared();
  const { body } = await trade.payNotified(x.outTradeNo, { times: 50 });
  assert.deepEqual(tally(body.answers.map(({ status }) => status)), { 200: 50 });
  await assertGranted(x);
  await vip.refund(x.order);
  const late = await trade.payNotified(x.outTradeNo, { times: 10 });
  assert.deepEqual(tally(late.body.answers.map(({ status }) => status)), { 200: 10 }, 'also when it is refunded by then');
  assert.equal(await vip.state(x.order), 'REFUNDED');
});

test('the client\'s poll settles when the notification is late, and nothing twice (B36, B44)', async () => {
  const x = await prepared();
  await shop.pay(x.outTradeNo, { notify: false });
  assert.equal(await vip.state(x.order), 'PENDING', 'the shop has not heard');
  const [{ body }, ...others] = await Promise.all(Array.from({ length: 5 }, () => vip.paymentStatus(x.anna, x.order)));
  for (const answer of others) assert.equal(answer.status, 200);
  assert.ok(['PAID', 'PENDING'].includes(body.status));
  assert.equal((await vip.paymentStatus(x.anna, x.order)).body.status, 'PAID');
  await assertGranted(x);
});

test('jobs query and settle a payment without notification (B36)', async () => {
  const x = await prepared();
  await shop.pay(x.outTradeNo, { notify: false });
  shop.clock(QUERY_GAP_S);
  await shop.jobs();
  shop.clock(0);
  await assertGranted(x);
});

test('concurrent notification, poll and jobs: one grant (B36)', async () => {
  for (let round = 0; round < 3; round++) {
    const x = await prepared();
    await shop.pay(x.outTradeNo, { notify: false });
    shop.clock(QUERY_GAP_S);
    await Promise.all([shop.jobs(), vip.paymentStatus(x.anna, x.order), trade.payNotified(x.outTradeNo), vip.paymentStatus(x.anna, x.order)]);
    shop.clock(0);
    await vip.paymentStatus(x.anna, x.order);
    await assertGranted(x);
  }
});

test('another amount, currency or merchant is an orphan, and pays nothing (B34)', async () => {
  const x = await prepared();
  for (const tamper of ['amount', 'mchid', 'appid', 'signature', 'ciphertext', 'state']) {
    const { body } = await shop.pay(x.outTradeNo, { tamper, event_id: `strange-${tamper}` });
    if (tamper !== 'state') assert.notEqual(body.status, 200, tamper);
    await assertNotGranted(x, 'PENDING');
  }
  const [orphan] = await trade.events("event_id = 'strange-amount'");
  assert.deepEqual([orphan.verdict, orphan.reason, orphan.amount], [VERDICT.orphan, 'AMOUNT', 3001]);
  await vip.settle(x);
  await assertGranted(x);
});

// ---- late payments ----

test('a success after the deadline is granted late, since its quote is still valid (B38)', async () => {
  const x = await prepared();
  await shop.pay(x.outTradeNo, { notify: false });
  shop.clock(PAY_S + 1);
  assert.equal(await vip.state(x.order), 'EXPIRED');
  await shop.jobs(); // expired here, paid there
  assert.deepEqual(await vip.attemptStates(x.order), [ATTEMPT.grantedLate]);
  await assertGranted(x, ATTEMPT.grantedLate);
});

test('a success after the cancellation is granted late (B38)', async () => {
  const x = await prepared();
  await vip.cancel(x.anna, x.order);
  await vip.settle(x);
  assert.deepEqual(await verdicts(x), [VERDICT.grantedLate]);
  await assertGranted(x, ATTEMPT.grantedLate);
});

test('a success after the cancellation, with another order granted since: it would be a RENEWAL, and is refunded (B28, B38)', async () => {
  const x = await prepared();
  await vip.cancel(x.anna, x.order);
  await vip.bought(x.anna, month);
  await vip.settle(x);
  assert.deepEqual(await verdicts(x), [VERDICT.refundDue]);
  await assertNotGranted(x, 'CANCELLED', ['ACTIVE']);
  await shop.jobs();
  assert.deepEqual([await vip.refundsAtProvider(x), await vip.attemptStates(x.order)], [[[3000, 'SUCCESS']], [5]]);
  assert.equal((await vip.paymentStatus(x.anna, x.order)).body.trade_state, 'REFUND');
  assert.equal((await vip.bought(x.anna, month)).order_type, 'RENEWAL', 'and blocks nothing');
});

test('a success after the expiry doesn\'t affect a later order (B23, B38)', async () => {
  const x = await prepared();
  await vip.after(PAY_S + 1, x.anna);
  const next = await vip.create(x.anna, month);
  await shop.pay(x.outTradeNo, { notify: false }).catch(() => null);
  await shop.jobs();
  const [state] = await vip.attemptStates(x.order);
  assert.ok([ATTEMPT.closed, ATTEMPT.grantedLate].includes(state));
  assert.equal(await vip.state(next), 'PENDING');
  await vip.cancel(x.anna, next);
});

test('two of a customer\'s orders paid, the second first: the first is refunded (B28, B37)', async () => {
  const x = await prepared();
  await vip.cancel(x.anna, x.order);
  const y = await prepared(x.anna);
  await vip.settle(y);
  await vip.settle(x);
  await assertGranted(y);
  assert.equal(await vip.state(x.order), 'CANCELLED');
  await shop.jobs();
  assert.deepEqual(await vip.refundsAtProvider(x), [[3000, 'SUCCESS']]);
});

test('paid by simulation before the provider\'s success: the order is unchanged, that payment is refunded (B37)', async () => {
  const x = await prepared();
  await vip.pay(x.anna, x.order);
  await vip.settle(x);
  const [{ verdict, reason }] = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual([verdict, reason], [VERDICT.refundDue, 'ALREADY_PAID']);
  await assertNotGranted(x, 'PAID', ['ACTIVE']);
  await shop.jobs();
  assert.deepEqual(await vip.refundsAtProvider(x), [[3000, 'SUCCESS']]);
  assertOrder(await vip.read(x.order), { status: 'PAID', payment_method: 'ALIPAY' });
});

test('refunded before a second success: that payment is refunded too, the order is unchanged (B37)', async () => {
  const x = await prepared();
  await vip.pay(x.anna, x.order);
  await vip.refund(x.order);
  await vip.settle(x);
  const [{ verdict, reason }] = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual([verdict, reason], [VERDICT.refundDue, 'ALREADY_REFUNDED']);
  await shop.jobs();
  assert.deepEqual(await vip.refundsAtProvider(x), [[3000, 'SUCCESS']]);
  await assertNotGranted(x, 'REFUNDED', ['REFUNDED']);
});

test('paid after its user was deleted: refunded, and nothing is granted (B37)', async () => {
  const x = await prepared();
  assert.equal((await vip.call('DELETE', `/api/users/${x.anna.user.user_id}`, { token: vip.admin })).status, 204);
  await vip.settle(x);
  const [{ verdict, reason }] = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual([verdict, reason], [VERDICT.refundDue, 'USER_DELETED']);
  await shop.jobs();
  assert.deepEqual(await vip.refundsAtProvider(x), [[3000, 'SUCCESS']]);
  await assertNotGranted(x, 'CANCELLED');
  await trade.signInAgain(x.anna); // the same person, a new user
  assertRefused(await vip.paymentStatus(x.anna, x.order), 403);
});

// ---- closing at the provider ----

for (const [what, act] of [['a cancelling', 'cancel'], ['a simulated payment', 'pay']]) {
  test(`after ${what} jobs closes it at the provider (B20)`, async () => {
    const x = await prepared();
    await trade.forgetRequests();
    await vip[act](x.anna, x.order);
    assert.deepEqual(await trade.requests(), [], `${what} calls nobody`);
    await shop.jobs();
    assert.equal((await trade.atWechat(x.outTradeNo)).trade_state, 'CLOSED');
    assert.deepEqual(await vip.attemptStates(x.order), [ATTEMPT.closed]);
    assert.notEqual((await shop.pay(x.outTradeNo)).status, 200, 'nobody can pay it any more');
  });
}

test('after its deadline jobs closes it, and it stays EXPIRED (B20)', async () => {
  const x = await prepared();
  shop.clock(PAY_S + MINUTE_S);
  await shop.jobs();
  assert.equal((await trade.atWechat(x.outTradeNo)).trade_state, 'CLOSED');
  assert.deepEqual([await vip.attemptStates(x.order), await vip.state(x.order)], [[ATTEMPT.closed], 'EXPIRED']);
});

test('the provider can\'t be reached: it is retried, and the customer may order again meanwhile (B20, B23)', async () => {
  const x = await prepared();
  await vip.after(PAY_S + 1, x.anna);
  await trade.fault('query', 'status_500', { times: 2 });
  await shop.jobs();
  assert.deepEqual([await vip.attemptStates(x.order), await vip.state(x.order)], [[ATTEMPT.open], 'EXPIRED']);
  const next = await vip.create(x.anna, month);
  await trade.noFaults();
  shop.clock(PAY_S + 10 * MINUTE_S);
  await shop.jobs();
  assert.deepEqual([await vip.attemptStates(x.order), await vip.state(next)], [[ATTEMPT.closed], 'PENDING']);
});

test('twenty prepays against a cancellation: nothing payable is left (B17, B39)', async () => {
  for (let round = 0; round < 5; round++) {
    const anna = await vip.buyer();
    const order = await vip.create(anna, month);
    const answers = await Promise.all([vip.tryCancel(anna, order), ...Array.from({ length: 6 }, () => vip.tryPrepay(anna, order))]);
    assert.equal(answers[0].status, 200);
    for (const { status } of answers.slice(1)) assert.ok([200, 409].includes(status));
    shop.clock(6 * MINUTE_S);
    await shop.jobs();
    shop.clock(PAY_S + 6 * MINUTE_S);
    await shop.jobs();
    shop.clock(0);
    for (const { state, out_trade_no: no } of await vip.attempts(order)) {
      assert.equal(state, ATTEMPT.closed);
      const there = await trade.atWechat(no);
      assert.ok(there === null || there.trade_state === 'CLOSED');
    }
  }
});

test('a payment with a key: the replay is no second attempt', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  const headers = { 'idempotency-key': 'prepay' };
  const answers = await Promise.all(Array.from({ length: 10 }, () => vip.tryPrepay(anna, order, headers)));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 10 });
  assert.equal(new Set(answers.map(({ body }) => prepayIdOf(body))).size, 1);
  assert.equal((await vip.attempts(order)).length, 1);
});

test('a membership bought through WeChat a year ago is refunded like any other, or restored (B30)', async () => {
  const anna = await vip.buyer();
  const order = await vip.boughtByWechat(anna, month);
  await vip.at(364);
  assert.equal((await vip.refund(order)).status, 'REFUNDED', 'only the cash goes back');
  const [{ start, end }] = await vip.segments(anna);
  assert.equal(end - start, 30 * DAY_S);
});

// ---- refunds in the merchant console (B62) ----

// Refunded in the console, in full or `fen` of it, and notified at once: the refund's number, and the shop's response.
async function inConsole({ outTradeNo }, fen, notify = true, more = {}) {
  const { out_refund_no: no, answer } = await trade.refundInConsole(outTradeNo, { notify, ...(fen && { amount_fen: fen }), ...more });
  return { no, status: answer.status };
}

const followed = () => shop.sql('UPDATE outbox SET due_at = 1');

test('refunded in full in the console, before or after the grant: nothing stays granted (B62)', async () => {
  const before = await prepared();
  await shop.pay(before.outTradeNo, { notify: false });
  assert.equal((await inConsole(before)).status, 200);
  assert.equal((await trade.payNotified(before.outTradeNo)).body.status, 200);
  await assertNotGranted(before, 'PENDING');
  assert.deepEqual(await vip.attemptStates(before.order), [ATTEMPT.refundDue + 1]);

  const after = await prepared();
  await vip.settle(after);
  assert.equal((await inConsole(after)).status, 200);
  await assertNotGranted(after, 'REFUNDED', ['REFUNDED']);
  assert.equal((await vip.status(after.anna)).is_vip, false);
  await trade.audit(0);
});

test('partially refunded in the console: granted, and the rest is refunded with the order (B30, B62)', async () => {
  const x = await prepared();
  await shop.pay(x.outTradeNo, { notify: false });
  await inConsole(x, 1000, false);
  await followed();
  await shop.jobs();
  await assertNotGranted(x, 'PENDING');
  const [{ out_refund_no: no }] = (await trade.atWechat(x.outTradeNo)).refunds;
  await vip.completeRefund(no);
  await followed();
  await shop.jobs();
  assert.equal(await vip.state(x.order), 'PAID');
  assert.equal((await vip.status(x.anna)).is_vip, true);
  await trade.audit(0);
  assert.equal((await vip.refund(x.order)).status, 'REFUNDED');
  assert.deepEqual(await vip.refundsAtProvider(x), [[1000, 'SUCCESS'], [2000, 'SUCCESS']]);
  await trade.audit(0);
});

for (const [fen, end] of [[3000, 'SUCCESS'], [3000, 'CLOSED'], [1000, 'SUCCESS'], [1000, 'CLOSED']]) {
  test(`while a console refund of ${fen} fen is in progress the shop doesn't refund its order; ${end}: all of it is refunded, and so is the order (B30, B62)`, async () => {
    const x = await prepared();
    await vip.settle(x);
    const { no } = await inConsole(x, fen, true, { status: 'ABNORMAL' });
    assertDenied(await vip.tryRefund(x.order), 422, REFUNDING_TEXT);
    await assertNotGranted(x, 'PAID', ['ACTIVE']);
    await vip.completeRefund(no, end);
    if (await vip.state(x.order) === 'PAID') assert.equal((await vip.refund(x.order)).status, 'REFUNDED');
    await assertNotGranted(x, 'REFUNDED', ['REFUNDED']);
    const done = (await vip.refundsAtProvider(x)).filter(([, status]) => status === 'SUCCESS');
    assert.equal(done.reduce((sum, [part]) => sum + part, 0), 3000);
    await trade.audit(0);
  });
}

test('a console refund of an order folded into an upgrade needs manual review, and then succeeds (B29, B62)', async () => {
  const gold = await vip.plan({ name: '金卡', price: '300.00', duration_days: 365, level: 2 });
  const x = await prepared();
  await vip.settle(x);
  const upgrade = await vip.create(x.anna, gold);
  await vip.payWechat(x.anna, upgrade);
  const { no, status } = await inConsole(x);
  assert.equal(status, 400);
  assert.ok((await trade.audit(0)).some((line) => line.includes(`orphan: NOT_REVOCABLE, ${x.outTradeNo}`)));
  await assertNotGranted(x, 'PAID', ['FOLDED', 'ACTIVE']);
  assert.equal((await vip.refund(upgrade)).status, 'REFUNDED');
  await vip.completeRefund(no);
  await assertNotGranted(x, 'REFUNDED', ['REFUNDED', 'REFUNDED']);
  await trade.audit(0);
});

test('while the notification is forged no order is granted, and the customer may cancel (B33)', async () => {
  const x = await prepared();
  for (const tamper of ['signature', 'timestamp']) assert.equal((await shop.pay(x.outTradeNo, { tamper })).body.status, 401);
  assert.equal((await vip.cancel(x.anna, x.order)).status, 'CANCELLED');
  assertDenied(await vip.tryPay(x.anna, x.order), 422);
});

// SPDX-License-Identifier: MIT
// Preparing a payment: the request to WeChat, the response to the mini-program, and all failures of the provider.
import assert from 'node:assert/strict';
import { createSign, createVerify, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ATTEMPT, CANCELLED, PAID, PAY_S, PENDING, TRADE, assertRefused, openTrade, prepayIdOf } from '../lib/trade.mjs';

const trade = await openTrade({ families: TRADE });
const { shop, keys } = trade;
const anna = await trade.buyer();
const product = await trade.product({ name: '桂花乌龙', price: '29.90', stock: 10_000 });

const newOrder = (person = anna) => trade.order(person, [[product, 1]]);

// A close unknown to the shop, as from the merchant console.
async function closeAtWechat(outTradeNo) {
  const target = `/v3/pay/transactions/out-trade-no/${outTradeNo}/close`;
  const body = JSON.stringify({ mchid: keys.mchid });
  const [timestamp, nonce] = [Math.floor(Date.now() / 1000), randomBytes(16).toString('hex')];
  const signature = createSign('sha256').update(`POST\n${target}\n${timestamp}\n${nonce}\n${body}\n`)
    .sign(readFileSync(keys.merchantPrivateKeyFile), 'base64');
  const response = await fetch(new URL(target, shop.sandboxUrl), {
    method: 'POST', body,
    headers: {
      accept: 'application/json', 'content-type': 'application/json', 'user-agent': 'console',
      authorization: `WECHATPAY2-SHA256-RSA2048 mchid="${keys.mchid}",nonce_str="${nonce}",timestamp="${timestamp}",`
        + `serial_no="${keys.merchantSerial}",signature="${signature}"`,
    },
  });
  assert.equal(response.status, 204, await response.text());
}

// The out_trade_no of an order's newest attempt.
async function outTradeNoOf(order) {
  return (await trade.attempts(order)).at(-1).out_trade_no;
}

test('the mini-program\'s parameters are signed for wx.requestPayment with the merchant key', async () => {
  const order = await newOrder();
  const { body } = await trade.prepay(anna, order);
  assert.deepEqual(Object.keys(body), ['timeStamp', 'nonceStr', 'package', 'signType', 'paySign']);
  for (const value of Object.values(body)) assert.equal(typeof value, 'string');
  assert.match(body.timeStamp, /^\d{10}$/);
  assert.ok(Math.abs(Number(body.timeStamp) - Date.now() / 1000) < 60);
  assert.match(body.nonceStr, /^[0-9A-Za-z]{1,32}$/);
  assert.equal(body.signType, 'RSA');
  const holds = (text) => createVerify('sha256').update(text).verify(keys.merchantPublicKey, body.paySign, 'base64');
  assert.ok(holds(`${keys.appid}\n${body.timeStamp}\n${body.nonceStr}\n${body.package}\n`));
  assert.ok(!holds(`${keys.appid}\n${body.timeStamp}\n${body.nonceStr}\n${prepayIdOf(body)}\n`), 'not the form of APP payment');
});

test("the request to WeChat has the order's amount, payer and deadline (B20)", async () => {
  const order = await newOrder();
  const { outTradeNo } = await trade.prepay(anna, order);
  const { request } = await trade.atWechat(outTradeNo);
  const [{ expires_at: expires }] = await shop.sql(`SELECT expires_at FROM orders WHERE order_no = '${order.order_id}'`);
  assert.ok(Math.abs(expires - Date.parse(order.created_at) - PAY_S * 1000) < 1000);
  assert.deepEqual({ ...request, description: null, time_expire: Math.floor(Date.parse(request.time_expire) / 1000) }, {
    appid: keys.appid, mchid: keys.mchid, description: null, out_trade_no: outTradeNo, time_expire: Math.floor(expires / 1000),
    notify_url: shop.env.WECHAT_NOTIFY_URL, amount: { total: 2990, currency: 'CNY' }, payer: { openid: `sandbox-${anna.name}` },
  });
  assert.match(request.time_expire, /\+08:00$/);
  assert.ok(request.description.includes(order.order_id));
  assert.match(outTradeNo, /^[0-9A-Za-z_-]{20,32}$/);
  assert.ok(!outTradeNo.includes(order.order_id.slice(5)), 'an attempt has a number of its own');
});

test('a second prepay is the same payment: one attempt, one order at the provider (B39)', async () => {
  const order = await newOrder();
  const first = await trade.prepay(anna, order);
  const second = await trade.prepay(anna, order);
  assert.equal(second.outTradeNo, first.outTradeNo);
  assert.equal(second.prepayId, first.prepayId);
  assert.notEqual(second.body.nonceStr, first.body.nonceStr);
  assert.deepEqual(await trade.states(order), [ATTEMPT.open]);
  assert.equal((await trade.atWechat(first.outTradeNo)).request.amount.total, 2990);
});

test('a prepay_id that is over is asked for again, by the same request under the same number (B39)', async () => {
  const order = await newOrder();
  const first = await trade.prepay(anna, order);
  const [{ handle_expires_at: until }] = await trade.attempts(order);
  assert.ok(Math.abs(until - Date.now() - 7_200_000) < 60_000, 'two hours, says WeChat');
  await shop.sql(`UPDATE payment_attempts SET handle_expires_at = ${Date.now()} WHERE out_trade_no = '${first.outTradeNo}'`);
  await trade.forgetRequests();
  const second = await trade.prepay(anna, order);
  assert.deepEqual(await trade.requests(), ['jsapi']);
  assert.equal(second.outTradeNo, first.outTradeNo);
  assert.notEqual(second.prepayId, first.prepayId);
  const third = await trade.prepay(anna, order);
  assert.equal(third.prepayId, second.prepayId, 'and is as good as the first was');
  assert.deepEqual(await trade.requests(), ['jsapi']);
  assert.deepEqual(await trade.states(order), [ATTEMPT.open]);
});

test('when the provider has closed an attempt, the next prepay is a new one of the same amount (B39)', async () => {
  const order = await newOrder();
  const first = await trade.prepay(anna, order);
  await closeAtWechat(first.outTradeNo);
  const standing = await trade.paymentStatus(anna, order);
  assert.equal(standing.body.trade_state, 'CLOSED');
  assert.equal(standing.body.status, PENDING);
  const second = await trade.prepay(anna, order);
  assert.notEqual(second.outTradeNo, first.outTradeNo);
  assert.deepEqual(await trade.states(order), [ATTEMPT.closed, ATTEMPT.open]);
  assert.deepEqual((await trade.atWechat(second.outTradeNo)).request.amount, { total: 2990, currency: 'CNY' });
  assert.equal((await trade.atWechat(first.outTradeNo)).trade_state, 'CLOSED');
  await trade.payNotified(second.outTradeNo);
  assert.equal(await trade.status(order), PAID);
});

test('an attempt whose response was lost and that the provider closed since is replaced in the same request (B39)', async () => {
  const order = await newOrder();
  await trade.fault('jsapi', 'drop_after');
  assertRefused(await trade.tryPrepay(anna, order), 503, 'PROVIDER_UNKNOWN');
  const lost = await outTradeNoOf(order);
  await closeAtWechat(lost);
  const { outTradeNo } = await trade.prepay(anna, order);
  assert.notEqual(outTradeNo, lost);
  assert.deepEqual(await trade.states(order), [ATTEMPT.closed, ATTEMPT.open]);
});

test('an attempt whose response was lost and that was paid since makes the order paid (B44)', async () => {
  const order = await newOrder();
  await trade.fault('jsapi', 'drop_after');
  assertRefused(await trade.tryPrepay(anna, order), 503, 'PROVIDER_UNKNOWN');
  await shop.pay(await outTradeNoOf(order), { notify: false });
  assertRefused(await trade.tryPrepay(anna, order), 409, 'ORDER_PAID');
  assert.equal(await trade.status(order), PAID);
  assert.deepEqual(await trade.states(order), [ATTEMPT.granted]);
});

// WeChat answers ORDERPAID, and the query says unpaid.
for (const [what, lost] of [['knows', 'drop_after'], ['does not know', 'status_500']]) {
  test(`an attempt that the provider ${what} and wrongly reports as paid is closed there, and another one can be paid (B39)`, async () => {
    const order = await newOrder();
    await trade.fault('jsapi', lost, { times: lost === 'status_500' ? 3 : 1 });
    assertRefused(await trade.tryPrepay(anna, order), 503, 'PROVIDER_UNKNOWN');
    const first = await outTradeNoOf(order);
    await trade.fault('jsapi', 'order_paid');
    const { outTradeNo } = await trade.prepay(anna, order);
    assert.notEqual(outTradeNo, first);
    assert.deepEqual(await trade.states(order), [ATTEMPT.closed, ATTEMPT.open]);
    assert.equal((await trade.atWechat(first))?.trade_state, lost === 'drop_after' ? 'CLOSED' : undefined);
    assert.equal((await trade.payNotified(outTradeNo)).body.status, 200);
    assert.equal(await trade.status(order), PAID);
  });
}

test('an attempt reported as paid by everything but the query stays the only one, and is queried again (B39)', async () => {
  const order = await newOrder();
  await trade.fault('jsapi', 'drop_after');
  assertRefused(await trade.tryPrepay(anna, order), 503, 'PROVIDER_UNKNOWN');
  await trade.fault('jsapi', 'order_paid');
  await trade.fault('close', 'order_paid');
  assertRefused(await trade.tryPrepay(anna, order), 503, 'PROVIDER_UNKNOWN');
  assert.deepEqual(await trade.states(order), [ATTEMPT.open]);
  await trade.prepay(anna, order);
  assert.deepEqual(await trade.states(order), [ATTEMPT.open]);
});

test('a paid, shipped, cancelled or overdue order is 409, without a call (B20)', async () => {
  for (const [status, code] of [[1, 'ORDER_PAID'], [2, 'ORDER_PAID'], [3, 'ORDER_PAID'], [4, 'ORDER_NOT_PENDING'], [5, 'ORDER_NOT_PENDING']]) {
    const order = await trade.orderIn(anna, [[product, 1]], status, 'offline');
    await trade.forgetRequests();
    assertRefused(await trade.tryPrepay(anna, order), 409, code);
    assert.deepEqual(await trade.requests(), []);
    assert.deepEqual(await trade.attempts(order), []);
  }
  const [fresh, prepared] = [await newOrder(), await newOrder()];
  await trade.prepay(anna, prepared);
  shop.clock(PAY_S - 120);
  assert.equal((await trade.tryPrepay(anna, fresh)).status, 200, 'just before the deadline');
  shop.clock(PAY_S + 5);
  await trade.forgetRequests();
  for (const order of [fresh, prepared]) assertRefused(await trade.tryPrepay(anna, order), 409, 'ORDER_EXPIRED');
  assert.deepEqual(await trade.requests(), []);
  shop.clock(0);
});

test('a user without an openid cannot pay with WeChat', async () => {
  const staff = { token: trade.admin };
  const order = await newOrder(staff);
  assertRefused(await trade.tryPrepay(staff, order), 409, 'PAYER_UNKNOWN');
  assert.deepEqual(await trade.attempts(order), []);
});

test("an administrator can't pay a customer's order with WeChat (B4)", async () => {
  const order = await newOrder();
  assertRefused(await trade.tryPrepay({ token: trade.admin }, order), 403);
  assertRefused(await trade.paymentStatus({ token: trade.admin }, order), 403);
});

test('a body without order_id, or with an invalid one, is 400 or 404', async () => {
  for (const [body, status] of [
    [{}, 400], [{ order_id: null }, 400], [{ order_id: 7 }, 400], [{ order_id: '' }, 400], [{ order_id: 'x'.repeat(65) }, 400],
    [{ order_id: ['x'] }, 400], [{ order_id: "' OR 1=1" }, 404], [{ order_id: '订单' }, 404],
  ]) {
    const answer = await shop.call('POST', '/api/payment/wxpay', { token: anna.token, body });
    assertRefused(answer, status);
    if (status === 400) assert.equal(answer.body.field, 'order_id');
  }
});

test('the longest shop name, of four-byte characters, gives a valid description', async () => {
  await shop.restartWeb({ SHOP_NAME: '🍵'.repeat(15) });
  const { outTradeNo } = await trade.prepay(anna, await newOrder());
  const { request } = await trade.atWechat(outTradeNo);
  assert.ok([...request.description].length <= 127);
  assert.ok(request.description.startsWith('🍵'));
  await shop.restartWeb({ SHOP_NAME: '山野小铺' });
});

// A fault of the simulator, how often, and the shop's response.
const FAILURES = [
  ['status_202', 1], ['bad_signature', 1], ['signtest', 1], ['no_signature', 1], ['old_timestamp', 1], ['unknown_serial', 1],
  ['duplicate_header', 1], ['truncated', 1], ['not_json', 1], ['drop_after', 1], ['hang', 1],
  ['status_500', 3], ['status_429', 3], ['status_502', 3],
];

for (const [fault, times] of FAILURES) {
  test(`${fault} at the provider: 503, nothing trusted, and the next prepay is the same payment`, async () => {
    let order;
    let left;
    for (let i = 0; i < 3 && left?.length !== 0; i++) { // on a busy machine the time may be over before the last try
      await trade.noFaults();
      order = await newOrder();
      await trade.fault('jsapi', fault, { times });
      const answer = await trade.tryPrepay(anna, order);
      assertRefused(answer, 503, 'PROVIDER_UNKNOWN');
      left = await trade.faultsLeft();
    }
    assert.deepEqual(left, []);
    const [attempt, ...others] = await trade.attempts(order);
    assert.deepEqual(others, []);
    assert.deepEqual([attempt.state, attempt.handle], [ATTEMPT.open, null]);
    assert.equal(await trade.status(order), PENDING);
    const { outTradeNo } = await trade.prepay(anna, order);
    assert.equal(outTradeNo, attempt.out_trade_no);
    const paid = await trade.payNotified(outTradeNo);
    assert.equal(paid.body.status, 200);
    assert.equal(await trade.status(order), PAID);
    assert.deepEqual(await trade.states(order), [ATTEMPT.granted]);
  });
}

test('a temporary 500, 429 or 502 is retried within the request, with a new nonce', async () => {
  for (const fault of ['status_500', 'status_429', 'status_502']) {
    const order = await newOrder();
    await trade.forgetRequests();
    await trade.fault('jsapi', fault);
    await trade.prepay(anna, order);
    assert.deepEqual(await trade.requests(), ['jsapi', 'jsapi'], fault); // a reused nonce would be refused
  }
});

test('a slow response, or a long signed one, is accepted', async () => {
  await trade.fault('jsapi', 'late', { delay_ms: 1500 });
  await trade.prepay(anna, await newOrder());
  await trade.fault('jsapi', 'huge');
  await trade.prepay(anna, await newOrder());
});

test('a permanent refusal by the provider is 502, and closes the attempt', async () => {
  const carl = await trade.buyer();
  const order = await newOrder(carl);
  await shop.sql(`UPDATE users SET openid = 'stranger' WHERE user_id = ${carl.user.user_id}`);
  assertRefused(await trade.tryPrepay(carl, order), 502, 'PROVIDER_REFUSED');
  assert.deepEqual(await trade.states(order), [ATTEMPT.closed]);
  await shop.sql(`UPDATE users SET openid = 'sandbox-${carl.name}' WHERE user_id = ${carl.user.user_id}`);
  await trade.prepay(carl, order);
  assert.deepEqual(await trade.states(order), [ATTEMPT.closed, ATTEMPT.open]);
});

test('cancelled during the call: 409, and jobs close the provider\'s order (B18, B38)', async () => {
  const order = await newOrder();
  await trade.forgetRequests();
  await trade.delayed('jsapi');
  const preparing = trade.tryPrepay(anna, order);
  await trade.asked('jsapi');
  assert.equal((await trade.cancel(anna, order)).status, 200);
  await trade.noFaults();
  assertRefused(await preparing, 409, 'ORDER_NOT_PENDING');
  const outTradeNo = await outTradeNoOf(order);
  assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'NOTPAY');
  await shop.jobs();
  assert.equal((await trade.atWechat(outTradeNo)).trade_state, 'CLOSED');
  assert.deepEqual(await trade.states(order), [ATTEMPT.closed]);
  assert.equal(await trade.status(order), CANCELLED);
});

// SPDX-License-Identifier: MIT
// WeChat payments by a code that is scanned (Native) and in a browser (H5), and what several ways of paying one order come to
// (BEHAVIOUR 20, 34, 37 to 39, 43, 44).
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { openVip } from '../lib/memberships.mjs';
import { makeForger } from '../lib/notifications.mjs';
import { send } from '../lib/simulators.mjs';
import { ATTEMPT, MINUTE_S, PAY_S, VERDICT, assertRefused } from '../lib/trade.mjs';

const vip = await openVip();
const { shop, trade } = vip;
const month = await vip.plan({ name: '月度', price: '30.00', duration_days: 30, level: 1 });
const FEN = 3000;
const [JSAPI, NATIVE, H5] = [1, 3, 4];
const FROM_SHOP = { headers: { referer: 'https://shop.example/vip' } };
const MOMENT_S = 6 * MINUTE_S;

await vip.mode('SUCCESS');
afterEach(async () => {
  await trade.noFaults();
  await vip.at(0);
});

const native = (person) => vip.payment(person, month, { trade_type: 'NATIVE' });
const ordersOf = (person) => shop.sql(`SELECT order_no, expires_at FROM membership_orders WHERE user_id = ${person.user.user_id} ORDER BY id`);
const stateOf = async (person) => vip.state((await ordersOf(person)).at(-1));
const attempts = (person) => shop.sql(`SELECT out_trade_no, channel, state FROM payment_attempts WHERE user_id = ${person.user.user_id} ORDER BY attempt_id`);
const states = async (person) => (await attempts(person)).map(({ channel, state }) => [channel, state]);
const stateThere = async (no) => (await trade.atWechat(no)).trade_state;
const press = (url, button) => send('POST', url, { text: `do=${button}` });

async function jobsAfter(seconds, ...people) {
  await vip.after(seconds, ...people);
  await shop.jobs();
}

test('an H5 payment: the payer opens the address, pays on WeChat\'s page, and is a member', async () => {
  const anna = await vip.buyer();
  const { order_id: no, payment_url: url } = await vip.payment(anna, month);
  const { request } = await trade.atWechat(no);
  assert.deepEqual(request.scene_info, { payer_client_ip: '127.0.0.1', h5_info: { type: 'Wap' } });
  assert.equal('payer' in request, false);
  const page = await send('GET', url, FROM_SHOP);
  assert.equal(page.status, 200, page.text);
  assert.ok(page.text.includes('¥30.00'));
  assert.equal((await press(url, 'pay')).status, 200);
  assert.deepEqual(await states(anna), [[H5, ATTEMPT.granted]]);
  const order = await vip.read((await ordersOf(anna))[0]);
  assert.deepEqual([order.status, order.payment_method], ['PAID', '微信支付']);
  assert.equal((await vip.status(anna)).is_vip, true);
});

test('a Native payment: the code is a text to be shown as a QR code, and whoever scans it pays', async () => {
  const anna = await vip.buyer();
  const { order_id: no, payment_url: page, code_url: code, ...rest } = await native(anna);
  assert.deepEqual(Object.keys(rest), ['success', 'message']);
  const [order] = await ordersOf(anna);
  const [address, shown] = page.split('#');
  assert.equal(address, `${shop.baseUrl}/pay/`);
  assert.deepEqual(Object.fromEntries(new URLSearchParams(shown)), {
    order: order.order_no, amount: '30.00', until: String(Math.floor(order.expires_at / 1000)), title: month.name, code_url: code,
  });
  assert.match(code, /^weixin:\/\/wxpay\/bizpayurl\?pr=[0-9A-Za-z]+$/);
  const { request } = await trade.atWechat(no);
  assert.deepEqual(['payer' in request, 'scene_info' in request], [false, false]);
  assert.equal((await trade.payNotified(code)).body.status, 200);
  assert.deepEqual(await states(anna), [[NATIVE, ATTEMPT.granted]]);
  assert.equal(await stateOf(anna), 'PAID');
});

test('without a notification the client\'s query finds the payment (B44)', async () => {
  for (const trade_type of ['H5', 'NATIVE']) {
    const anna = await vip.buyer();
    const { order_id: no } = await vip.payment(anna, month, { trade_type });
    await trade.payNotified(no, { notify: false });
    const [order] = await ordersOf(anna);
    const { body } = await vip.paymentStatus(anna, order);
    assert.deepEqual([body.status, body.trade_state], ['PAID', 'SUCCESS'], trade_type);
  }
});

test('an address is good for some minutes, a code longer: then the same payment gets a new one (B39)', async () => {
  const anna = await vip.buyer();
  const first = await vip.payment(anna, month);
  await vip.after(4 * MINUTE_S - 5, anna);
  assert.deepEqual(await vip.payment(anna, month), first);
  await vip.after(4 * MINUTE_S + 5, anna);
  const second = await vip.payment(anna, month);
  assert.equal(second.order_id, first.order_id);
  assert.notEqual(second.payment_url, first.payment_url);
  assert.equal((await press(second.payment_url, 'pay')).status, 200);
  assert.equal(await stateOf(anna), 'PAID');
  await vip.at(0);
  const ben = await vip.buyer();
  const code = await native(ben);
  await vip.after(PAY_S - 5, ben);
  assert.deepEqual(await native(ben), code);
});

test("an address is the client's: from another one the payment is closed there and made anew (B39)", async () => {
  const anna = await vip.buyer();
  const first = await vip.payment(anna, month);
  const second = await vip.payment(anna, month, { from: '127.0.0.2' });
  assert.notEqual(second.order_id, first.order_id);
  assert.equal((await trade.atWechat(second.order_id)).request.scene_info.payer_client_ip, '127.0.0.2');
  assert.deepEqual([await stateThere(first.order_id), await stateThere(second.order_id)], ['CLOSED', 'NOTPAY']);
  assert.deepEqual(await states(anna), [[H5, ATTEMPT.closed], [H5, ATTEMPT.open]]);
});

test('another way of paying closes the one before at WeChat: one order there can be paid (B39)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  const { outTradeNo } = await vip.prepay(anna, order);
  const h5 = await vip.payment(anna, month);
  const code = await native(anna);
  assert.deepEqual(await Promise.all([outTradeNo, h5.order_id, code.order_id].map(stateThere)), ['CLOSED', 'CLOSED', 'NOTPAY']);
  assert.deepEqual(await states(anna), [[JSAPI, ATTEMPT.closed], [H5, ATTEMPT.closed], [NATIVE, ATTEMPT.open]]);
  await trade.fault('query', 'status_500');
  assertRefused(await vip.tryPrepay(anna, order), 503, 'PROVIDER_UNKNOWN');
  assert.equal(await stateThere(code.order_id), 'NOTPAY', 'as long as that is not sure, no other is opened');
  await trade.fault('query', 'paying');
  const { status, headers, body } = await vip.tryPayment(anna, month);
  assert.deepEqual([status, body.success, body.code], [409, false, 'PAYMENT_OPEN']);
  assert.equal(body.retry_at, (await vip.read(order)).expires_at);
  assert.ok(Number(headers.get('retry-after')) > 0);
  assert.equal((await trade.payNotified(code.order_id)).body.status, 200);
  assertRefused(await vip.tryPrepay(anna, order), 409, 'ORDER_PAID');
});

test('while a code is being prepared, others wait for it: a second would invalidate it (B39)', async () => {
  const anna = await vip.buyer();
  await trade.forgetRequests();
  await trade.fault('native', 'late', { delay_ms: 1500 });
  const first = native(anna);
  await trade.asked('native');
  const [{ order_id: no, code_url: code }, ...same] = await Promise.all([first, native(anna), native(anna)]);
  for (const body of same) assert.deepEqual([body.order_id, body.code_url], [no, code]);
  assert.deepEqual(await trade.requests(), ['native']);
  assert.equal((await trade.payNotified(code)).body.status, 200);
  assert.equal(await stateOf(anna), 'PAID');
});

test('an attempt of another way that was paid meanwhile pays the order, and no other is opened (B39)', async () => {
  const anna = await vip.buyer();
  const order = await vip.create(anna, month);
  const { outTradeNo } = await vip.prepay(anna, order);
  await trade.payNotified(outTradeNo, { notify: false });
  assert.equal((await vip.tryPayment(anna, month)).status, 409);
  assert.deepEqual(await states(anna), [[JSAPI, ATTEMPT.granted]]);
  assert.equal(await stateOf(anna), 'PAID');
});

// The payer was already paying by the first when it was closed: WeChat reports both as paid.
for (const firstPaid of ['the older', 'the newer']) {
  test(`a JSAPI and an H5 payment of one order, both paid, ${firstPaid} first: one pays, the other is refunded (B37, B38)`, async () => {
    const anna = await vip.buyer();
    const order = await vip.create(anna, month);
    const older = (await vip.prepay(anna, order)).outTradeNo;
    const newer = (await vip.payment(anna, month)).order_id;
    const inTurn = firstPaid === 'the older' ? [older, newer] : [newer, older];
    for (const no of inTurn) assert.equal((await trade.payNotified(no, { force: true })).body.status, 200);
    await jobsAfter(MOMENT_S);
    assert.equal(await stateOf(anna), 'PAID');
    assert.equal((await vip.segments(anna)).length, 1);
    assert.deepEqual(await Promise.all(inTurn.map(stateThere)), ['SUCCESS', 'REFUND']);
    assert.deepEqual(await vip.refundsAtProvider({ outTradeNo: inTurn[1] }), [[FEN, 'SUCCESS']]);
    const found = Object.fromEntries((await attempts(anna)).map(({ out_trade_no: no, state }) => [no, state]));
    assert.ok([ATTEMPT.granted, ATTEMPT.grantedLate].includes(found[inTurn[0]]));
    assert.equal(found[inTurn[1]], ATTEMPT.refundDue + 1);
    assert.deepEqual((await vip.refunds(order)).map(({ amount, automatic, reason }) => [amount, automatic, reason.split(' ').at(-1)]), [[FEN, 1, 'ALREADY_PAID']]);
  });
}

test('a cancelled order\'s address is closed at WeChat, and shows so (B18, B20)', async () => {
  const anna = await vip.buyer();
  const { order_id: no, payment_url: url } = await vip.payment(anna, month);
  const [order] = await ordersOf(anna);
  await vip.cancel(anna, order);
  await shop.jobs();
  assert.equal(await stateThere(no), 'CLOSED');
  assert.deepEqual(await states(anna), [[H5, ATTEMPT.closed]]);
  const page = await send('GET', url, FROM_SHOP);
  assert.equal(page.status, 400);
  assert.ok(page.text.includes('支付请求已失效'));
});

test('an order past its deadline: the code is over at WeChat, and the order expires (B20)', async () => {
  const anna = await vip.buyer();
  const { order_id: no } = await native(anna);
  assert.equal(await stateThere(no), 'NOTPAY');
  await jobsAfter(PAY_S + MOMENT_S, anna);
  assert.equal(await stateThere(no), 'CLOSED');
  assert.deepEqual(await states(anna), [[NATIVE, ATTEMPT.closed]]);
  assert.equal(await stateOf(anna), 'EXPIRED');
});

test('an H5 payment is refunded like any other (B43)', async () => {
  const anna = await vip.buyer();
  const { order_id: no } = await vip.payment(anna, month);
  await trade.payNotified(no);
  const [order] = await ordersOf(anna);
  assert.equal((await vip.refund(order)).status, 'REFUNDED');
  assert.deepEqual(await vip.refundsAtProvider({ outTradeNo: no }), [[FEN, 'SUCCESS']]);
});

test('a transaction is of one attempt, whatever their ways of paying: a second is kept for an administrator (B34)', async () => {
  const [anna, ben] = await trade.buyers(2);
  const { order_id: paid } = await vip.payment(anna, month);
  await trade.payNotified(paid);
  const { transaction_id: id } = await trade.atWechat(paid);
  const { order_id: no } = await native(ben);
  const forger = makeForger(trade.keys, new URL('/api/payment/wxpay/notify', shop.baseUrl));
  const { status } = await forger.send(forger.event(forger.transaction(no, FEN, { transaction_id: id, trade_type: 'NATIVE' })));
  assert.equal(status, 400);
  assert.deepEqual(await states(ben), [[NATIVE, ATTEMPT.open]]);
  const events = await trade.events(`out_trade_no = '${no}'`);
  assert.deepEqual(events.map(({ verdict, reason }) => [verdict, reason]), [[VERDICT.orphan, 'TRANSACTION_TAKEN']]);
  await shop.sql(`DELETE FROM payment_events WHERE out_trade_no = '${no}'`);
});

for (const [name, trade_type] of [['h5', 'H5'], ['native', 'NATIVE']]) {
  test(`${name}: what WeChat answers without a signature, or not at all, is not trusted, and the next try is the same payment`, async () => {
    for (const [fault, times] of [['bad_signature', 1], ['no_signature', 1], ['truncated', 1], ['drop_after', 1]]) {
      const anna = await vip.buyer();
      await trade.fault(name, fault, { times });
      const answer = await vip.tryPayment(anna, month, { trade_type });
      assert.deepEqual([answer.status, answer.body.code], [503, 'PROVIDER_UNKNOWN'], fault);
      const [{ out_trade_no: no }] = await attempts(anna);
      assert.equal((await vip.payment(anna, month, { trade_type })).order_id, no);
      assert.deepEqual((await states(anna)).map(([, state]) => state), [ATTEMPT.open]);
    }
  });
}

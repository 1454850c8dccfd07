// SPDX-License-Identifier: MIT
// Paying by Alipay: the address, its notification or query, and what forged, foreign, late and lost messages lead to
// (BEHAVIOUR 34 to 41, 44).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import { contentOf, openAlipay } from '../lib/alipay.mjs';
import { ATTEMPT, CANCELLED, PAID, PAY_S, PENDING, VERDICT, assertRefused, tally } from '../lib/trade.mjs';

const alipay = await openAlipay();
const { trade, shop } = alipay;
const anna = await trade.buyer();
const bella = await trade.buyer();
const FEN = 1234;
const product = await trade.product({ price: '12.34', stock: 100_000 });
const order = () => trade.order(anna, [[product, 1]]);

afterEach(async () => {
  await alipay.noFaults();
  await trade.noFaults();
  shop.clock(0);
});

const prepared = async (more) => alipay.prepared(anna, await order(), more);
const opened = async (more) => alipay.opened(anna, await order(), more);
const events = (x) => trade.events(`out_trade_no = '${x.outTradeNo}'`);
const verdicts = async (x) => (await events(x)).map(({ verdict }) => verdict);
const reasons = async (x) => (await events(x)).map(({ reason }) => reason);
const statusOf = async (x) => (await trade.paymentStatus(anna, x.order)).body;
const attempt = async (x) => (await trade.attempts(x.order)).find(({ out_trade_no: no }) => no === x.outTradeNo);
const alarms = (text) => shop.log().filter(({ level, message }) => level === 'alarm' && message.includes(text)).length;

async function jobsAt(seconds) {
  shop.clock(seconds);
  await shop.jobs();
}

// ---- the address ----

test('an address is made without a call, names the order and its deadline, and is the same when asked for again (B39)', async () => {
  await alipay.forgetRequests();
  const x = await prepared();
  const url = new URL(x.url);
  assert.deepEqual(await alipay.requests(), []);
  assert.equal(`${url.origin}${url.pathname}`, shop.env.ALIPAY_GATEWAY);
  assert.equal(url.searchParams.get('method'), 'alipay.trade.page.pay');
  assert.equal(url.searchParams.get('notify_url'), shop.env.ALIPAY_NOTIFY_URL);
  assert.ok(x.url.length <= 2048, `${x.url.length} bytes`);
  const { expires_at: expires } = await attempt(x);
  const { subject, ...content } = contentOf(x.url);
  assert.deepEqual(content, {
    out_trade_no: x.outTradeNo, product_code: 'FAST_INSTANT_TRADE_PAY', total_amount: '12.34',
    time_expire: new Date(expires + 8 * 3600_000).toISOString().slice(0, 19).replace('T', ' '),
  });
  assert.match(subject, /^山野小铺 订单 ORDER/);
  assert.equal((await alipay.prepared(anna, x.order)).url, x.url);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
  shop.clock(16 * 60); // its time is signed: later, another address for the same trade
  const again = await alipay.prepared(anna, x.order);
  assert.notEqual(again.url, x.url);
  assert.equal(again.outTradeNo, x.outTradeNo);
  await alipay.open(x);
  await alipay.open(again);
});

test('an address for a telephone is another product of Alipay', async () => {
  const x = await prepared({ trade_type: 'WAP' });
  assert.equal(new URL(x.url).searchParams.get('method'), 'alipay.trade.wap.pay');
  assert.equal(contentOf(x.url).product_code, 'QUICK_WAP_WAY');
  await alipay.open(x);
  await alipay.pay(x);
  assert.equal(await trade.status(x.order), PAID);
});

test('only the owner pays, only what waits for payment, and only in a way that exists (B4, B20)', async () => {
  const one = await order();
  assertRefused(await alipay.tryPrepare(bella, one), 403);
  assertRefused(await alipay.tryPrepare(anna, { order_id: 'ORDER00000000000000000000' }), 404);
  assertRefused(await alipay.tryPrepare(anna, one, { trade_type: 'APP' }), 400);
  assert.equal((await trade.cancel(anna, one)).status, 200);
  assertRefused(await alipay.tryPrepare(anna, one), 409, 'ORDER_NOT_PENDING');
  assert.deepEqual(await trade.states(one), []);
});

test('a repeated request with the same key gets the same address, whatever became of the order', async () => {
  const one = await order();
  const headers = { 'idempotency-key': `alipay-${one.order_id}` };
  const first = await alipay.tryPrepare(anna, one, { headers });
  assert.equal((await trade.cancel(anna, one)).status, 200);
  const again = await alipay.tryPrepare(anna, one, { headers });
  assert.deepEqual([again.status, again.body], [200, first.body]);
  assert.equal(again.headers.get('idempotent-replayed'), 'true');
});

// ---- notifications ----

test('a payment is notified and grants once; every copy is answered with the seven bytes (B36, B41)', async () => {
  const x = await opened();
  const { answers } = await alipay.pay(x, { times: 10 });
  assert.deepEqual(tally(answers.map(({ status, body }) => `${status} ${body}`)), { '200 success': 10 });
  const { trade_no: tradeNo, paid_ms: paid } = await alipay.tradeOf(x);
  const row = await trade.rowOf(x.order);
  assert.deepEqual([row.status, row.payment_method, row.payment_id, row.paid_by], [PAID, '支付宝', tradeNo, 1]);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
  assert.deepEqual(await trade.moves(x.order), [-1]);
  const stored = await events(x);
  assert.deepEqual(stored.map(({ verdict, amount }) => [verdict, amount]), [[VERDICT.granted, FEN]]);
  const { trade_state: state, transaction_id: transaction, paid_at: at } = await statusOf(x);
  assert.deepEqual([state, transaction, at], ['SUCCESS', tradeNo, new Date(Math.floor(paid / 1000) * 1000).toISOString()]);
  assert.equal((await alipay.notifyAgain(x)).body, 'success', 'the same notification, hours later');
});

test('TRADE_FINISHED pays as well (B41)', async () => {
  const x = await opened();
  await alipay.pay(x, { status: 'TRADE_FINISHED' });
  assert.equal(await trade.status(x.order), PAID);
});

for (const tamper of ['signature', 'no_signature', 'altered_body', 'added_member', 'sign_type', 'sign_type_signed']) {
  test(`a notification with a changed ${tamper} is 401, and changes nothing (B41)`, async () => {
    const x = await opened();
    await alipay.forgetRequests();
    const { status, body } = await alipay.pay(x, { tamper });
    assert.deepEqual([status, body], [401, 'fail']);
    assert.deepEqual([await trade.states(x.order), await events(x)], [[ATTEMPT.open], []]);
    assert.deepEqual(await alipay.requests(), [], 'and causes no call');
  });
}

for (const [tamper, reason] of [['app_id', 'APPID'], ['seller_id', 'SELLER_ID'], ['amount', 'AMOUNT']]) {
  test(`a signed notification with another ${tamper} is an orphan, never a payment, and the right one still pays (B34, B41)`, async () => {
    const x = await opened();
    const { status, body } = await alipay.pay(x, { tamper });
    assert.deepEqual([status, body], [400, 'fail']);
    assert.deepEqual([await verdicts(x), await reasons(x)], [[VERDICT.orphan], [reason]]);
    assert.equal(await trade.status(x.order), PENDING);
    await alipay.pay(x);
    assert.equal(await trade.status(x.order), PAID);
  });
}

test('a notification about an unknown order, or one that is not in UTF-8, is an orphan (B34, B41)', async () => {
  const x = await opened();
  assert.deepEqual(await alipay.send(alipay.notice(`${x.outTradeNo}x`, FEN)), { status: 400, body: 'fail' });
  assert.deepEqual(await alipay.send(alipay.notice(x.outTradeNo, FEN, { charset: 'GBK' })), { status: 400, body: 'fail' });
  assert.deepEqual(await alipay.send(alipay.notice(x.outTradeNo, FEN, { notify_id: '' })), { status: 400, body: 'fail' });
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
});

test("a notification signed with the app's own key is no proof (B41)", async () => {
  const x = await opened();
  const key = readFileSync(alipay.keys.appPrivateKeyFile, 'utf8');
  assert.deepEqual(await alipay.send(alipay.notice(x.outTradeNo, FEN), { key }), { status: 401, body: 'fail' });
  assert.equal(await trade.status(x.order), PENDING);
});

test("an amount is compared as a decimal, and Alipay's notification about WeChat's payment pays nothing (B34, B41)", async () => {
  const one = await trade.order(anna, [[await trade.product({ price: '0.10', stock: 1 }), 1]]);
  const x = await alipay.opened(anna, one);
  for (const amount of ['.1', '0.101', '1e-1']) {
    assert.equal((await alipay.send(alipay.notice(x.outTradeNo, 0, { total_amount: amount }))).status, 400, amount);
  }
  assert.deepEqual(await alipay.send(alipay.notice(x.outTradeNo, 0, { total_amount: '0.1' })), { status: 200, body: 'success' });
  assert.equal(await trade.status(one), PAID);
  const other = await order();
  const { outTradeNo } = await trade.prepay(anna, other);
  assert.equal((await alipay.send(alipay.notice(outTradeNo, FEN))).status, 400);
  assert.equal(await trade.status(other), PENDING);
});

test('what is not a payment is acknowledged and pays nothing; the end of a paid trade is an alarm, never a transition (B35, B41)', async () => {
  const x = await opened();
  for (const status of ['WAIT_BUYER_PAY', 'TRADE_CLOSED']) {
    assert.deepEqual(await alipay.send(alipay.notice(x.outTradeNo, FEN, { trade_status: status })), { status: 200, body: 'success' });
  }
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open], 'only a query closes it');
  await alipay.pay(x);
  assert.equal((await alipay.send(alipay.notice(x.outTradeNo, FEN, { trade_status: 'TRADE_CLOSED' }))).status, 200);
  assert.equal(await trade.status(x.order), PAID);
  assert.equal(alarms(`${x.outTradeNo} was paid, and is reported as closed`), 1);
});

// ---- queries ----

test('a payment whose notification is lost is settled by the poll of the returning customer, or by jobs (B44)', async () => {
  const x = await opened();
  await alipay.pay(x, { notify: false });
  assert.equal((await statusOf(x)).trade_state, 'SUCCESS');
  const y = await opened();
  await alipay.pay(y, { notify: false });
  await jobsAt(61);
  assert.equal(await trade.status(y.order), PAID);
  assert.equal((await alipay.notifyAgain(y)).body, 'success', 'the notification after all is a repeat');
  assert.deepEqual(await verdicts(y), [VERDICT.granted, VERDICT.repeat]);
});

test('an address that nobody opened is not paid, and closed some minutes after its deadline (B20)', async () => {
  const x = await prepared();
  assert.equal((await statusOf(x)).trade_state, 'NOTPAY');
  await jobsAt(PAY_S + 60);
  assert.deepEqual([await trade.states(x.order), await trade.status(x.order)], [[ATTEMPT.open], PENDING]);
  await jobsAt(PAY_S + 6 * 60);
  assert.deepEqual([await trade.states(x.order), await trade.status(x.order)], [[ATTEMPT.closed], CANCELLED]);
});

test('a cancelled order is closed at Alipay, unless it was paid meanwhile: that is granted late (B20, B38)', async () => {
  const [x, y] = [await opened(), await opened()];
  await alipay.pay(y, { notify: false });
  for (const { order: one } of [x, y]) assert.equal((await trade.cancel(anna, one)).status, 200);
  await alipay.forgetRequests();
  await jobsAt(1);
  assert.deepEqual(tally(await alipay.requests()), { query: 2, close: 1 });
  assert.deepEqual([await trade.states(x.order), (await alipay.tradeOf(x)).trade_status], [[ATTEMPT.closed], 'TRADE_CLOSED']);
  // the stock is there, so a shop order is granted late
  assert.deepEqual([await trade.states(y.order), await trade.status(y.order)], [[ATTEMPT.grantedLate], PAID]);
});

// A response that proves nothing is treated as absent.
for (const fault of ['bad_signature', 'no_signature', 'altered_body', 'error_response', 'unavailable', 'system_error', 'status_500',
  'wrong_out_trade_no', 'not_json', 'truncated', 'drop_after']) {
  test(`a query answered with ${fault} changes nothing, and the next one settles (B34)`, async () => {
    const x = await opened();
    await alipay.pay(x, { notify: false });
    await alipay.fault('query', fault);
    assert.equal((await statusOf(x)).trade_state, 'NOTPAY');
    assert.deepEqual(await alipay.faultsLeft(), []);
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
    assert.equal((await statusOf(x)).trade_state, 'SUCCESS');
  });
}

test('a query with another amount is an orphan, and the right one settles (B34)', async () => {
  const x = await opened();
  await alipay.pay(x, { notify: false });
  await alipay.fault('query', 'wrong_amount');
  assert.equal((await statusOf(x)).trade_state, 'NOTPAY');
  assert.deepEqual([await verdicts(x), await reasons(x)], [[VERDICT.orphan], ['AMOUNT']]);
  assert.equal((await statusOf(x)).trade_state, 'SUCCESS');
});

// ---- with another provider ----

// Its address can still be opened when another payment of the order is prepared, so Alipay can't close it yet.
async function givenUp() {
  const x = await prepared();
  const { outTradeNo } = await trade.prepay(anna, x.order);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed, ATTEMPT.open]);
  return { x, outTradeNo };
}

test('opened after another payment was prepared, it is closed at Alipay by jobs (B39)', async () => {
  const { x } = await givenUp();
  await jobsAt(61);
  assert.equal(await alipay.tradeOf(x), null);
  await alipay.open(x);
  await jobsAt(180);
  assert.equal((await alipay.tradeOf(x)).trade_status, 'TRADE_CLOSED');
  await alipay.forgetRequests();
  await jobsAt(PAY_S + 6 * 60);
  assert.deepEqual(await alipay.requests(), [], 'nobody asks any more');
});

test('paid after another payment was prepared, without any notification: found by jobs, and refunded (B37, B39)', async () => {
  const { x, outTradeNo } = await givenUp();
  assert.equal((await trade.payNotified(outTradeNo)).body.status, 200);
  await alipay.open(x);
  await alipay.pay(x, { notify: false });
  await jobsAt(61);
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.refundDue + 1, ATTEMPT.granted]);
  assert.equal(await trade.status(x.order), PAID);
});

test('never opened, it is followed until some minutes after its deadline (B20, B39)', async () => {
  const { x } = await givenUp();
  const followed = async () => (await shop.sql(`SELECT COUNT(*) AS n FROM outbox b JOIN payment_attempts a ON b.kind = 1 AND b.ref_id = a.attempt_id
    WHERE a.out_trade_no = '${x.outTradeNo}'`))[0].n;
  await jobsAt(PAY_S + 60);
  assert.equal(await followed(), 1);
  await jobsAt(PAY_S + 6 * 60);
  assert.equal(await followed(), 0);
  assert.deepEqual((await trade.states(x.order))[0], ATTEMPT.closed);
});

for (const first of ['alipay', 'wechat']) {
  test(`Alipay and WeChat can both be paid for one order: ${first} comes first and is granted, the other is refunded (B37)`, async () => {
    const x = await opened();
    const { outTradeNo } = await trade.prepay(anna, x.order); // closes Alipay's: the buyer may have paid at that moment
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.closed, ATTEMPT.open]);
    const pay = {
      alipay: async () => assert.equal((await alipay.pay(x, { force: true })).body, 'success'),
      wechat: async () => assert.equal((await trade.payNotified(outTradeNo)).body.status, 200),
    };
    await pay[first]();
    const { payment_method: method, payment_id: id } = await trade.rowOf(x.order);
    await pay[first === 'alipay' ? 'wechat' : 'alipay']();
    const row = await trade.rowOf(x.order);
    assert.deepEqual([row.status, row.payment_method, row.payment_id], [PAID, method, id]);
    assert.equal(method, first === 'alipay' ? '支付宝' : '微信支付');
    assert.deepEqual((await trade.states(x.order)).sort(), [ATTEMPT.granted, ATTEMPT.refundDue]);
    await jobsAt(61);
    const refunds = await shop.ok('GET', `/api/payment/refunds?order_id=${x.order.order_id}`, { token: trade.admin });
    assert.deepEqual(refunds.map(({ amount, automatic }) => [amount, automatic]), [['12.34', true]]);
    const atAlipay = (await alipay.tradeOf(x)).refunds.length;
    const atWechat = (await trade.atWechat(outTradeNo)).refunds.length;
    assert.deepEqual([atAlipay, atWechat], first === 'alipay' ? [0, 1] : [1, 0]);
    assert.equal(await trade.status(x.order), PAID);
  });
}

test('an address that was never opened does not block paying by WeChat, and its later payment is refunded (B37, B39)', async () => {
  const x = await prepared();
  await trade.payByWechat(anna, x.order);
  await alipay.open(x);
  assert.equal((await alipay.pay(x)).body, 'success');
  await jobsAt(61);
  assert.deepEqual((await alipay.tradeOf(x)).refunds.map(({ fen }) => fen), [FEN]);
  assert.deepEqual((await trade.states(x.order)).sort(), [ATTEMPT.granted, 5]);
});

test('as long as Alipay can not be asked about an open payment, no other is prepared (B39)', async () => {
  const x = await opened();
  await alipay.fault('query', 'unavailable');
  assertRefused(await trade.tryPrepay(anna, x.order), 503, 'PROVIDER_UNKNOWN');
  assert.deepEqual(await trade.states(x.order), [ATTEMPT.open]);
  assert.equal((await trade.prepay(anna, x.order)).body.signType, 'RSA');
});

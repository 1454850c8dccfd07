// SPDX-License-Identifier: MIT
// POST /payment/create of contract membership-status: a plan is ordered and its payment prepared in one request (BEHAVIOUR 14,
// 20, 23, 24, 39, 51). Each user may do so five times an hour; all tests but one are without that limit.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { serverName } from '../../../sandbox/web.mjs';
import { PENDING_TEXT, REFUNDING_TEXT, openVip } from '../lib/memberships.mjs';
import { send } from '../lib/simulators.mjs';
import { ATTEMPT, MINUTE_S, PAY_S, tally } from '../lib/trade.mjs';

const vip = await openVip({ families: ['login', 'memberships', 'notify', 'payments', 'users'], alipay: true, env: { PAYMENT_CREATE_PER_HOUR: '0' } });
const { shop, trade } = vip;
const month = await vip.plan({ name: '月度', price: '30.00', duration_days: 30, level: 1 });
const year = await vip.plan({ name: '年度', price: '300.00', duration_days: 365, level: 1 });
const gold = await vip.plan({ name: '黄金', price: '10.00', duration_days: 30, level: 2 });

afterEach(async () => {
  await trade.noFaults();
  await vip.at(0);
});

const ordersOf = (person) => shop.sql(`SELECT order_no, status, amount FROM membership_orders WHERE user_id = ${person.user.user_id} ORDER BY id`);
const attemptsOf = (person) => shop.sql(`SELECT out_trade_no, channel, state FROM payment_attempts WHERE user_id = ${person.user.user_id} ORDER BY attempt_id`);
const keyed = (key) => ({ headers: { 'idempotency-key': key } });

// An error in the dialect of membership-status; text: what its message must contain.
function assertRefused({ status, body }, expected, text = '') {
  assert.equal(status, expected, JSON.stringify(body));
  assert.equal(body.success, false);
  assert.match(body.message, /\p{Script=Han}/u);
  assert.ok(body.message.includes(text), JSON.stringify(body));
}

test("the answer has the contract's shape, and the number of the payment at the provider", async () => {
  const anna = await vip.buyer();
  const body = await vip.payment(anna, month);
  assert.deepEqual(Object.keys(body), ['success', 'message', 'payment_url', 'order_id']);
  assert.deepEqual([body.success, body.message], [true, '支付订单创建成功']);
  const [, seconds] = /^PAY_(\d{10})_[0-9A-Za-z]{12}$/.exec(body.order_id);
  assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < MINUTE_S);
  assert.ok(body.payment_url.startsWith(shop.sandboxUrl), body.payment_url);
  const { request } = await trade.atWechat(body.order_id);
  assert.deepEqual(request.amount, { total: 3000, currency: 'CNY' });
  const [order, ...others] = await ordersOf(anna);
  assert.deepEqual([others, order.amount], [[], 3000]);
  assert.equal(Math.floor(Date.parse(request.time_expire) / 1000),
    Math.floor(Date.parse((await vip.read(order)).expires_at) / 1000), 'the deadline is the order\'s (B20)');
});

test('a pending order of the plan is used again with its payment; one of another plan is 409 (B23, B39)', async () => {
  const anna = await vip.buyer();
  const first = await vip.payment(anna, month);
  await trade.forgetRequests();
  assert.deepEqual(await vip.payment(anna, month), first);
  assert.deepEqual(await trade.requests(), [], 'the address is still good');
  assertRefused(await vip.tryPayment(anna, year), 409, PENDING_TEXT);
  const ben = await vip.buyer();
  const order = await vip.create(ben, month);
  await vip.payment(ben, month);
  assert.deepEqual((await ordersOf(ben)).map(({ order_no: no }) => no), [order.order_no], 'created by the other contract');
});

test('twenty at once are one order and one payment (B23)', async () => {
  const anna = await vip.buyer();
  const answers = await Promise.all(Array.from({ length: 20 }, () => vip.tryPayment(anna, month)));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 20 });
  assert.equal(new Set(answers.map(({ body }) => body.order_id)).size, 1);
  assert.equal((await ordersOf(anna)).length, 1);
  assert.equal((await attemptsOf(anna)).length, 1);
});

test('an order past its deadline, or cancelled, is followed by a new one (B20, B23)', async () => {
  const anna = await vip.buyer();
  const first = await vip.payment(anna, month);
  await vip.after(PAY_S + 5, anna);
  const second = await vip.payment(anna, month);
  assert.notEqual(second.order_id, first.order_id);
  const [, order] = await ordersOf(anna);
  await vip.cancel(anna, order);
  const third = await vip.payment(anna, month);
  assert.deepEqual((await ordersOf(anna)).map(({ status }) => status), [3, 2, 0]);
  assert.equal(new Set([first, second, third].map((body) => body.order_id)).size, 3);
});

test('prices in the body are ignored: the amount is the quote (B14, B24)', async () => {
  const anna = await vip.buyer();
  const body = { plan_id: month.id, payment_method: 'wechat', price: '0.01', amount: 0.01, discount: 29 };
  const { order_id: no } = await shop.ok('POST', '/payment/create', { token: anna.token, body });
  assert.equal((await trade.atWechat(no)).request.amount.total, 3000);
  await trade.payNotified(no);
  const upgrade = await vip.plan({ price: '50.00', duration_days: 30, level: 3 });
  const { order_id: second } = await vip.payment(anna, upgrade);
  assert.equal((await trade.atWechat(second)).request.amount.total, 2000, 'less what is left of the first');
});

test('with nothing due the membership is granted at once, without an address; a replay says the same', async () => {
  const anna = await vip.buyer();
  await trade.payNotified((await vip.payment(anna, year)).order_id);
  const answers = [await vip.payment(anna, gold, keyed('free')), await vip.payment(anna, gold, keyed('free'))];
  const orders = await ordersOf(anna);
  assert.deepEqual(orders.map(({ status, amount }) => [status, amount]), [[1, 30000], [1, 0]]);
  for (const body of answers) {
    assert.deepEqual(body, { success: true, message: '无需支付，会员已开通', payment_url: null, order_id: orders[1].order_no });
  }
  assert.deepEqual((await vip.segments(anna)).map(({ level, state }) => [level, state]), [[1, 'FOLDED'], [2, 'ACTIVE']]);
});

test('a key: concurrent duplicates and replays are one payment, another body is 409, a failure is not kept', async () => {
  const anna = await vip.buyer();
  const answers = await Promise.all(Array.from({ length: 8 }, () => vip.tryPayment(anna, month, keyed('one'))));
  assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 8 });
  assert.equal(new Set(answers.map(({ body }) => body.order_id)).size, 1);
  assertRefused(await vip.tryPayment(anna, year, keyed('one')), 409);
  assertRefused(await vip.tryPayment(anna, month, { ...keyed('one'), trade_type: 'NATIVE' }), 409);
  const { order_id: no } = answers[0].body;
  await trade.payNotified(no);
  const replay = await vip.tryPayment(anna, month, keyed('one'));
  assert.deepEqual([replay.status, replay.body.order_id, replay.headers.get('idempotent-replayed')], [200, no, 'true']);
  assert.equal((await ordersOf(anna)).length, 1, 'the paid one: nothing was ordered anew');

  const ben = await vip.buyer();
  await trade.fault('h5', 'status_500', { times: 3 });
  assertRefused(await vip.tryPayment(ben, month, keyed('two')), 503);
  const again = await vip.tryPayment(ben, month, keyed('two'));
  assert.equal(again.status, 200);
  assert.equal(again.headers.get('idempotent-replayed'), null);
  assert.equal((await ordersOf(ben)).length, 1);
  assert.deepEqual((await attemptsOf(ben)).map(({ state }) => state), [ATTEMPT.open]);
});

test('what is refused: no token, no such plan, a method or trade type that is none, or none here', async () => {
  const anna = await vip.buyer();
  assertRefused(await vip.tryPayment({}, month), 401);
  assertRefused(await vip.tryPayment(anna, { id: 999999 }), 404);
  const off = await vip.plan();
  await vip.call('PATCH', '/api/membership/plans/', { token: vip.admin, body: { id: off.id, is_active: false } });
  assertRefused(await vip.tryPayment(anna, off), 404);
  for (const [body, field] of [
    [{}, 'plan_id'], [{ plan_id: '1' }, 'plan_id'], [{ plan_id: month.id }, 'payment_method'], [{ plan_id: month.id, payment_method: 'cash' }, 'payment_method'],
    [{ plan_id: month.id, payment_method: 'WECHAT' }, 'payment_method'], [{ plan_id: month.id, payment_method: 'wechat', trade_type: 'JSAPI' }, 'trade_type'],
    [{ plan_id: month.id, payment_method: 'wechat', trade_type: 'PAGE' }, 'trade_type'],
    [{ plan_id: month.id, payment_method: 'alipay', trade_type: 'H5' }, 'trade_type'],
  ]) {
    const answer = await vip.call('POST', '/payment/create', { token: anna.token, body });
    assertRefused(answer, 400);
    assert.equal(answer.body.field, field, JSON.stringify(body));
  }
  const { order_id: paid } = await vip.payment(anna, month);
  await trade.payNotified(paid);
  const [order] = await ordersOf(anna);
  await vip.mode('PROCESSING');
  assert.equal((await vip.tryRefund(order)).status, 200);
  assertRefused(await vip.tryPayment(anna, month), 409, REFUNDING_TEXT);
  await vip.mode('SUCCESS');
});

test('by Alipay: the address of its cashier for a computer or a telephone; another method closes it first (B39)', async () => {
  const [anna, ben] = await trade.buyers(2);
  for (const [person, trade_type, method] of [[anna, undefined, 'alipay.trade.page.pay'], [ben, 'WAP', 'alipay.trade.wap.pay']]) {
    const body = await vip.payment(person, month, { method: 'alipay', trade_type });
    const url = new URL(body.payment_url);
    assert.equal(`${url.origin}${url.pathname}`, shop.env.ALIPAY_GATEWAY);
    assert.equal(url.searchParams.get('method'), method);
    const { out_trade_no: no, total_amount: amount } = JSON.parse(url.searchParams.get('biz_content'));
    assert.deepEqual([no, amount], [body.order_id, '30.00']);
    assert.equal((await send('GET', body.payment_url)).status, 200);
  }
  const wechat = await vip.payment(anna, month);
  const [alipay, ...others] = await attemptsOf(anna);
  assert.deepEqual([alipay.state, others.map(({ out_trade_no: no, state }) => [no, state])], [ATTEMPT.closed, [[wechat.order_id, ATTEMPT.open]]]);
  assert.equal((await shop.alipay('GET', `/sandbox/trades/${alipay.out_trade_no}`)).body.trade_status, 'TRADE_CLOSED');
  const [{ out_trade_no: no }] = await attemptsOf(ben);
  assert.equal((await shop.alipay('POST', `/pay/${no}`)).status, 200);
  const [order] = await ordersOf(ben);
  assert.deepEqual([(await vip.read(order)).status, (await vip.read(order)).payment_method], ['PAID', '支付宝']);
});

test('a method whose provider is not configured here is refused, and nothing is ordered', async () => {
  const settings = Object.entries(shop.env).filter(([name]) => name.startsWith('ALIPAY_'));
  await shop.restartWeb(Object.fromEntries(settings.map(([name]) => [name, null])));
  const anna = await vip.buyer();
  const answer = await vip.tryPayment(anna, month, { method: 'alipay' });
  assertRefused(answer, 400, '未开通');
  assert.deepEqual([answer.body.code, answer.body.field], ['PAYMENT_METHOD_OFF', 'payment_method']);
  assert.deepEqual(await ordersOf(anna), []);
  await shop.restartWeb(Object.fromEntries(settings));
});

test('five an hour are a user\'s limit, whatever came of them (B51)', async () => {
  await shop.restartWeb({ PAYMENT_CREATE_PER_HOUR: '5' });
  const [anna, ben] = await trade.buyers(2);
  for (const left of [4, 3, 2, 1, 0]) {
    const { headers } = left % 2 ? await vip.tryPayment(anna, month) : await vip.tryPayment(anna, { id: 999999 });
    assert.deepEqual([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')], ['5', String(left)]);
  }
  const refused = await vip.tryPayment(anna, month);
  assertRefused(refused, 429);
  assert.ok(Number(refused.headers.get('retry-after')) > 3500);
  assert.equal((await vip.tryPayment(ben, month)).status, 200);
});

test('another method is 405, and the path is not the gateway contract\'s', async () => {
  const anna = await vip.buyer();
  assertRefused(await vip.call('GET', '/payment/create', { token: anna.token }), 405);
});

test('behind a trusted proxy the address is the one that it appended, and nobody else is believed (B51)', async (t) => {
  const at = async (forwarded, from, more = {}) => {
    const { order_id: no } = await vip.payment(await vip.buyer(), month, { from, headers: { ...more, 'x-forwarded-for': forwarded } });
    return (await trade.atWechat(no)).request.scene_info.payer_client_ip;
  };
  assert.equal(await at('198.51.100.1'), '127.0.0.1');
  await shop.restartWeb({ TRUSTED_PROXIES: '10.0.0.0/8, 127.0.0.1' });
  t.after(() => shop.restartWeb({ TRUSTED_PROXIES: null }));
  assert.equal(await at('198.51.100.1'), '198.51.100.1');
  assert.equal(await at('203.0.113.9, 198.51.100.1, 10.0.0.7'), '198.51.100.1');
  assert.equal(await at('203.0.113.9, 2001:DB8::0:1'), '2001:db8::1');
  assert.equal(await at(['203.0.113.9', '198.51.100.1']), '198.51.100.1', 'two headers are one list');
  // a server that takes this for the same header (lighttpd) leaves only the proxy's own address
  assert.equal(await at('198.51.100.1', undefined, { x_forwarded_for: '203.0.113.9' }), serverName === 'lighttpd' ? '127.0.0.1' : '198.51.100.1');
  assert.equal(await at('unknown'), '127.0.0.1');
  assert.equal(await at('198.51.100.1', '127.0.0.2'), '127.0.0.2', 'a peer that is no proxy');
});

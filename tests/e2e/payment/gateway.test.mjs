// SPDX-License-Identifier: MIT
// The hosted gateway (contract renewal-payments): a payment is created, made at the gateway's page, and notified with an HMAC
// of the raw body (BEHAVIOUR 14, 15, 42). It can neither be asked, closed nor told to refund.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { afterEach, test } from 'node:test';
import { command, send } from '../lib/simulators.mjs';
import { ATTEMPT, CANCELLED, MINUTE_S, PAID, PAY_S, PENDING, TRADE, VERDICT, assertRefused, openTrade, replayed, tally } from '../lib/trade.mjs';

const CREATE = '/v1/payment/create';
const NOTIFY = '/v1/payment/notify';
const HOST = 'shop.example.com';
const PREVIOUS = randomBytes(24).toString('hex');
const trade = await openTrade({
  families: TRADE, gateway: true, env: { CLIENT_URL_HOSTS: `www.example.com, ${HOST}`, CLIENT_NOTIFY_SECRET: randomBytes(24).toString('hex'), GATEWAY_PREVIOUS_SECRET: PREVIOUS, PAYMENT_CREATE_PER_HOUR: '0' },
});
const { shop } = trade;
const gateway = shop.shop.simulators.gateway.url;
const secret = shop.env.GATEWAY_SECRET;
shop.canary(secret);
const anna = await trade.buyer();
const tea = await trade.product({ price: '99.90', stock: 1000 });

const tryCreate = (order, more = {}, { headers, token = anna.token } = {}) => trade.call('POST', CREATE, {
  token, headers, body: { order_id: order.order_id, amount: 99.9, ...more },
});
const bodyOf = (id, more = {}) => JSON.stringify({ transaction_id: id, status: 'success', amount: 99.9, currency: 'CNY', timestamp: new Date().toISOString(), ...more });
const hmac = (text, key = secret) => createHmac('sha256', key).update(text).digest('hex');
const newOrder = () => trade.order(anna, [[tea, 1]]);
const rowOf = async (id) => (await shop.sql(`SELECT * FROM payment_attempts WHERE out_trade_no = '${id}'`))[0];
const stateOf = async (id) => (await rowOf(id)).state;
const eventsOf = (id) => trade.events(`out_trade_no = '${id}'`);
const play = (id, options = {}) => command(gateway, 'POST', `/pay/${id}`, options);

function notify(text, signature = hmac(text)) {
  return trade.call('POST', NOTIFY, { raw: text, headers: signature === null ? {} : { 'x-signature': signature } });
}

async function created(order, more) {
  const { status, body } = await tryCreate(order, more);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

// A new order with an open payment, whose page is opened.
async function opened(more) {
  const order = await newOrder();
  const { transaction_id: id, payment_url: url } = await created(order, more);
  const page = await send('GET', url);
  assert.equal(page.status, 200, page.text);
  return { order, id, url };
}

function assertError({ status, body }, expected, code) {
  assert.equal(status, expected, JSON.stringify(body));
  assert.equal(body.error.code, code, JSON.stringify(body));
  assert.ok(body.error.message);
}

const forget = (where) => shop.sql(`DELETE FROM payment_events WHERE verdict = ${VERDICT.orphan} AND ${where}`); // an orphan is a finding of the audit

afterEach(() => shop.clock(0));

test('a payment is created, paid at the page and granted: the contract end to end', async () => {
  const order = await newOrder();
  const { headers, ...answer } = await tryCreate(order, { subject: 'Annual <Membership> 年度', currency: 'CNY', return_url: `https://${HOST}/done?a=1&b=2` });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  const { transaction_id: id, payment_url: url } = answer.body;
  assert.deepEqual(answer.body, { success: true, transaction_id: id, payment_url: url, message: 'Payment order created successfully' });
  assert.match(id, /^TXN[0-9A-Z]{24}$/);
  assert.equal(headers.get('cache-control'), 'no-store');
  const page = await send('GET', url); // the simulator checks the signature over all of it
  assert.equal(page.status, 200, page.text);
  assert.match(page.text, /Annual &lt;Membership&gt; 年度/);
  const query = new URL(url).searchParams;
  assert.deepEqual([query.get('amount'), query.get('order_id'), query.get('return_url'), query.get('notify_url')],
    ['99.90', order.order_id, `https://${HOST}/done?a=1&b=2`, `${shop.baseUrl}${NOTIFY}`]);
  const paid = await play(id);
  assert.deepEqual([paid.body.status, paid.body.body], [200, '{"success": true}']);
  assert.equal(await stateOf(id), ATTEMPT.granted);
  const { status, payment_method: method, payment_id: payment } = await trade.read(order);
  assert.deepEqual([status, method, payment], [PAID, '在线支付', id]);
  assertError(await tryCreate(order), 409, 'ORDER_PAID');
});

test('the amount must be the order\'s, in CNY: number or text (B14)', async () => {
  const order = await newOrder();
  for (const amount of [99.89, 99.91, 0, -99.9, '99.9 ', '1e2', 9990, 99.905, true, null]) assertError(await tryCreate(order, { amount }), 400, 'VALIDATION_ERROR');
  for (const more of [{ currency: 'USD' }, { currency: 'cny' }, { amount: undefined }, { order_id: undefined }]) assertError(await tryCreate(order, more), 400, 'VALIDATION_ERROR');
  assert.deepEqual(await trade.attempts(order), []);
  const { transaction_id: id } = await created(order, { amount: '99.90' });
  assert.equal((await created(order, { amount: 99.9 })).transaction_id, id, 'a repeat is the same payment');
});

test('addresses must be https on an allowed host (B15)', async () => {
  const order = await newOrder();
  const bad = [`http://${HOST}/`, 'https://evil.example.com/', `https://${HOST}.evil.com/`, `https://${HOST}:8443/`, `https://evil.com@${HOST}/`, `https://${HOST}@evil.com/`,
    `//${HOST}/`, 'https://127.0.0.2/', 'javascript:alert(1)', '', `https://${HOST}\\@evil.com/`];
  for (const name of ['return_url', 'notify_url']) {
    for (const url of bad) assertError(await tryCreate(order, { [name]: url }), 400, 'VALIDATION_ERROR');
  }
  assert.deepEqual(await trade.attempts(order), []);
  await created(order, { return_url: `HTTPS://${HOST.toUpperCase()}/x#y`, notify_url: `https://www.example.com` });
});

test('only the owner creates, and a replayed key gets the first answer', async () => {
  const order = await newOrder();
  const bella = await trade.buyer();
  assertError(await tryCreate(order, {}, { token: bella.token }), 403, 'FORBIDDEN');
  assertError(await tryCreate(order, {}, { token: 'x' }), 401, 'INVALID_TOKEN');
  assertError(await tryCreate({ order_id: 'ORDERNOBODYS' }), 404, 'NOT_FOUND');
  const headers = { 'idempotency-key': randomBytes(8).toString('hex') };
  const first = await tryCreate(order, {}, { headers });
  await send('GET', first.body.payment_url);
  await play(first.body.transaction_id);
  const second = await tryCreate(order, {}, { headers });
  assert.deepEqual([second.status, second.body, replayed(second)], [200, first.body, 'true']);
  assertError(await tryCreate(order, { subject: 'other' }, { headers }), 409, 'IDEMPOTENCY_MISMATCH');
});

test('a signature that is missing, short, of another secret or another body is 401 and changes nothing (B42)', async () => {
  const { order, id } = await opened();
  const text = bodyOf(id);
  const own = hmac(text);
  for (const signature of [null, '', own.slice(1), `${own}0`, `${own.slice(0, -1)}g`, hmac(text, 'x'.repeat(32)), hmac(`${text} `), 'a'.repeat(64)]) {
    assertError(await notify(text, signature), 401, 'INVALID_TOKEN');
  }
  for (const tamper of ['altered_body', 'reordered', 'signature', 'short_signature', 'no_signature', 'secret']) {
    assert.equal((await play(id, { tamper })).body.status, 401, tamper);
  }
  assert.deepEqual(await eventsOf(id), []);
  assert.equal(await trade.status(order), PENDING);
  assert.equal((await notify(text, own.toUpperCase())).status, 200, 'hex of either case');
  assert.equal(await trade.status(order), PAID);
});

test('both secrets are good during a rotation (B42)', async () => {
  const { order, id } = await opened();
  const text = bodyOf(id);
  const { status, body } = await notify(text, hmac(text, PREVIOUS));
  assert.deepEqual([status, body], [200, { success: true }]);
  assert.equal(await trade.status(order), PAID);
});

test('copies, also concurrent ones and later ones, grant once (B36, B42)', async () => {
  const { order, id } = await opened();
  const { body: { answers } } = await play(id, { times: 30 });
  assert.deepEqual(tally(answers.map(({ status, body }) => `${status} ${body}`)), { '200 {"success": true}': 30 });
  const { status } = await notify(bodyOf(id, { timestamp: '2026-01-01T00:00:00Z' })); // another body about the same payment
  assert.equal(status, 200);
  assert.equal(await trade.status(order), PAID);
  assert.deepEqual((await eventsOf(id)).map(({ verdict }) => verdict), [VERDICT.granted, VERDICT.repeat]);
});

test('a wrong amount or currency is 400, an orphan, and leaves the payment payable; decimals are compared (B34, B42)', async () => {
  const { order, id } = await opened();
  for (const more of [{ amount: 99.91 }, { amount: 1 }, { currency: 'USD' }]) assertError(await notify(bodyOf(id, more)), 400, 'VALIDATION_ERROR');
  assert.deepEqual((await eventsOf(id)).map(({ verdict, reason }) => [verdict, reason]),
    [[VERDICT.orphan, 'AMOUNT'], [VERDICT.orphan, 'AMOUNT'], [VERDICT.orphan, 'CURRENCY']]);
  assert.equal(await trade.status(order), PENDING);
  assert.equal((await play(id, { amount_text: '99.90' })).body.status, 200);
  assert.equal(await trade.status(order), PAID);
  await forget(`out_trade_no = '${id}'`);
});

test('what is unknown, unreadable or of no known status is 400 (B34, B42)', async () => {
  const { order, id } = await opened();
  const unknown = `TXN${'0'.repeat(24)}`;
  for (const text of [bodyOf(unknown), bodyOf(id, { status: 'paid' }), bodyOf(id, { status: 1 }), bodyOf(id, { amount: undefined }), 'x', '[]', '{}', '']) {
    assertError(await notify(text), 400, 'VALIDATION_ERROR');
  }
  assert.equal(await trade.status(order), PENDING);
  await forget('channel = 7');
});

test('pending, failed and closed never pay; after the last two a new payment can be made (B35, B42)', async () => {
  for (const status of ['pending', 'failed', 'closed']) {
    const { order, id } = await opened();
    const told = await play(id, { status });
    assert.deepEqual([told.body.status, told.body.body], [200, '{"success": true}'], status);
    assert.equal(await trade.status(order), PENDING);
    const next = await created(order);
    assert.equal(next.transaction_id === id, status === 'pending', status);
    if (status === 'pending') continue;
    assert.equal(await stateOf(id), ATTEMPT.closed);
    await send('GET', next.payment_url);
    await play(next.transaction_id);
    assert.equal(await trade.status(order), PAID);
  }
});

test('success after a failure was reported is granted, and a failure after success changes nothing (B42)', async () => {
  const { order, id } = await opened();
  await play(id, { status: 'failed' });
  assert.equal((await play(id, { status: 'success', force: true })).body.status, 200);
  assert.equal(await trade.status(order), PAID);
  assert.equal((await play(id, { status: 'closed', force: true })).body.status, 200);
  assert.equal(await trade.status(order), PAID);
  assert.equal(await stateOf(id), ATTEMPT.granted);
});

test('it ends by its deadline, since nobody can be asked; money after that is late (B20, B38)', async () => {
  const { order, id } = await opened();
  shop.clock(PAY_S + MINUTE_S);
  await shop.jobs();
  assert.equal(await trade.status(order), PENDING);
  shop.clock(PAY_S + 6 * MINUTE_S);
  await shop.jobs();
  assert.equal(await trade.status(order), CANCELLED);
  assert.equal(await stateOf(id), ATTEMPT.closed);
  assert.equal((await play(id)).body.status, 200);
  assert.equal(await stateOf(id), ATTEMPT.grantedLate);
  assert.equal(await trade.status(order), PAID);
});

test('another channel is refused while this payment can still be paid, and is told until when that is (B39)', async () => {
  const { order, id } = await opened();
  const refused = await trade.tryPrepay(anna, order);
  assertRefused(refused, 409, 'PAYMENT_OPEN');
  const { expires_at: deadline } = await rowOf(id);
  assert.equal(Date.parse(refused.body.retry_at), deadline);
  assert.ok(Math.abs(Number(refused.headers.get('retry-after')) - (deadline - Date.now()) / 1000) < 5);
  assert.deepEqual(await trade.states(order), [ATTEMPT.open]);
  await play(id, { status: 'closed' });
  await trade.prepay(anna, order);
  const { transaction_id: second } = await created(order); // closes the other at WeChat
  assert.deepEqual(await trade.states(order), [ATTEMPT.closed, ATTEMPT.closed, ATTEMPT.open]);
  assert.notEqual(second, id);
});

test('while somebody pays by another channel, the page is refused in the contract\'s dialect (B39)', async () => {
  const order = await newOrder();
  const { outTradeNo } = await trade.prepay(anna, order);
  await trade.fault('query', 'paying');
  const refused = await tryCreate(order);
  assertError(refused, 409, 'PAYMENT_OPEN');
  assert.equal(Date.parse(refused.body.error.details.retry_at), (await rowOf(outTradeNo)).expires_at);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  await created(order); // not any more: closed, and the page opened
  assert.deepEqual(await trade.states(order), [ATTEMPT.closed, ATTEMPT.open]);
});

test('a refund is refused; one that is due by itself is for an administrator, with an alarm, until it is recorded (B37, B43)', async () => {
  const paid = await opened();
  await play(paid.id);
  const asked = await trade.call('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: paid.order.order_id, reason: '不喜欢' } });
  assert.deepEqual([asked.status, asked.body.code], [409, 'REFUND_MANUAL']);

  const { order, id } = await opened();
  await trade.payOffline(order);
  assert.equal((await play(id)).body.status, 200);
  assert.equal(await stateOf(id), ATTEMPT.refundDue);
  const { code, stderr } = await shop.minimall(['jobs']);
  assert.equal(code, 1);
  assert.match(stderr, /refunds: 1 failed, .*REFUND_MANUAL/);
  const [{ refund_no: no, status }] = await trade.ok('GET', `/api/payment/refunds?order_id=${order.order_id}`, { token: trade.admin });
  assert.equal(status, 'PROCESSING');
  assert.ok(shop.log().some(({ level, message }) => level === 'alarm' && message.startsWith(`${no}: refund 9990 fen of ${id} in the provider's console`)));
  const noted = await shop.minimall(['note-refund', no]);
  assert.equal(noted.code, 0, noted.stderr);
  assert.equal((await trade.ok('GET', `/api/payment/refunds/${no}`, { token: trade.admin })).status, 'SUCCESS');
  assert.equal(await trade.status(order), PAID);
  await shop.jobs();
});

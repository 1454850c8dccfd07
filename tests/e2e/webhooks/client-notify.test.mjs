// SPDX-License-Identifier: MIT
// A client that names a notify_url is told there how its payment at the gateway ended (contract renewal-payments; BEHAVIOUR 15).
// The receiver is a server of this file, and checks signatures with Node's own cryptography.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import path from 'node:path';
import { afterEach, test } from 'node:test';
import { cleanEnv, run } from '../../../sandbox/process.mjs';
import { atEnd, binDir } from '../lib/harness.mjs';
import { command, send } from '../lib/simulators.mjs';
import { ATTEMPT, DATE, DAY_S, MINUTE_S, PAID, PAY_S, TRADE, assertRefused, openTrade } from '../lib/trade.mjs';

const HOST = 'shop.example.com';
const SECRET = randomBytes(24).toString('hex');
const trade = await openTrade({
  families: [...TRADE, 'system'], gateway: true,
  env: { CLIENT_URL_HOSTS: `${HOST},hooks.localhost`, CLIENT_NOTIFY_SECRET: SECRET, PAYMENT_CREATE_PER_HOUR: '0' },
});
const { shop } = trade;
const gateway = shop.shop.simulators.gateway.url;
const anna = await trade.buyer();
const tea = await trade.product({ price: '99.90', stock: 1000 });
shop.canary(SECRET);

const received = new Map(); // by path
const answers = new Map();
const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  received.set(request.url, [...received.get(request.url) ?? [], { method: request.method, headers: request.headers, body, json: JSON.parse(body) }]);
  const { status = 200, headers = {} } = answers.get(request.url) ?? {};
  response.writeHead(status, headers).end();
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
atEnd(async () => {
  server.close();
  server.closeAllConnections();
});

let clients = 0;
// A new client's address at the receiver.
function newClient(answer) {
  clients += 1;
  const at = `/told/${clients}?shop=1&a=%20`;
  answers.set(at, answer);
  return { url: `http://127.0.0.1:${server.address().port}${at}`, at, answer: (one) => answers.set(at, one), told: () => received.get(at) ?? [] };
}

const hmac = (body, secret = SECRET) => createHmac('sha256', secret).update(body).digest('hex');
const play = (id, options = {}) => command(gateway, 'POST', `/pay/${id}`, options);
const newOrder = () => trade.order(anna, [[tea, 1]]);
const tryCreate = (order, notify_url) => trade.call('POST', '/v1/payment/create', { token: anna.token, body: { order_id: order.order_id, amount: 99.9, notify_url } });
const rowOf = async (id) => (await shop.sql(`SELECT * FROM payment_attempts WHERE out_trade_no = '${id}'`))[0];
const deliveries = (query = '') => trade.ok('GET', `/api/webhooks/clients/deliveries${query}`, { token: trade.admin });
const only = (list) => {
  assert.equal(list.length, 1);
  return list[0];
};

async function create(order, url) {
  const { status, body } = await tryCreate(order, url);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal((await send('GET', body.payment_url)).status, 200);
  return body.transaction_id;
}

async function opened(url) {
  const order = await newOrder();
  return { order, id: await create(order, url) };
}

// As the client checks it: the signature over the bytes, then the members.
function assertTold({ method, headers, body, json }, id, status, amount = 99.9) {
  assert.equal(method, 'POST');
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers['x-signature'], hmac(body));
  const { timestamp, ...members } = json;
  assert.deepEqual(members, { transaction_id: id, status, amount, currency: 'CNY' });
  assert.match(timestamp, DATE);
}

let offset = 0;
async function clock(seconds) {
  offset = seconds;
  shop.clock(seconds);
  await trade.adminSignIn();
}

afterEach(async () => {
  if (offset !== 0) {
    await clock(0);
    await trade.signInAgain(anna);
  }
  await shop.sql('DELETE FROM webhook_deliveries');
});

test('a payment that succeeded is told once, after its commit, in the contract\'s format (B15)', async () => {
  const client = newClient();
  const { id } = await opened(client.url);
  await shop.jobs();
  assert.deepEqual(client.told(), [], 'nothing has ended');
  const { body } = await play(id, { times: 20 });
  assert.ok(body.answers.every(({ status }) => status === 200));
  assert.deepEqual(client.told(), [], 'not in the request');
  assert.match(await shop.jobs(), / 1 of 1 notifications delivered/);
  assertTold(only(client.told()), id, 'success');
  await shop.jobs();
  only(client.told());
  const { status, type, webhook_id: of, url } = only(await deliveries());
  assert.deepEqual([status, type, of, url], ['DELIVERED', 'payment.success', 0, client.url]);
});

test('who checks these signatures can\'t forge the gateway\'s (B42)', async () => {
  const client = newClient();
  const { order, id } = await opened(client.url);
  const raw = JSON.stringify({ transaction_id: id, status: 'success', amount: 99.9, currency: 'CNY', timestamp: new Date().toISOString() });
  const { status } = await trade.call('POST', '/v1/payment/notify', { raw, headers: { 'x-signature': hmac(raw) } });
  assert.equal(status, 401);
  assert.equal(await trade.status(order), 0);
  const start = (changes) => run(path.join(binDir, 'payments.fcgi'), ['--check-config'], { env: cleanEnv(shop.dir, { ...shop.env, ...changes }) });
  assert.equal((await start({})).code, 0);
  for (const other of ['GATEWAY_SECRET', 'JWT_SECRET']) {
    const { code, stderr } = await start({ CLIENT_NOTIFY_SECRET: shop.env[other] });
    assert.equal(code, 1, other);
    assert.match(stderr, /CLIENT_NOTIFY_SECRET must not be another secret of the shop/);
  }
  const previous = await start({ GATEWAY_PREVIOUS_SECRET: SECRET });
  assert.match(previous.stderr, /CLIENT_NOTIFY_SECRET must not be/);
});

test('a payment that failed, was closed or is past its deadline is closed; the next one tells its own success', async () => {
  const client = newClient();
  const { order, id } = await opened(client.url);
  await play(id, { status: 'failed' });
  const second = await create(order, client.url);
  await play(second);
  const late = await opened(client.url);
  await shop.jobs();
  assert.deepEqual(client.told().map(({ json }) => [json.transaction_id, json.status]), [[id, 'closed'], [second, 'success']]);
  await clock(PAY_S + 6 * MINUTE_S);
  await shop.jobs();
  assertTold(client.told()[2], late.id, 'closed');
  await play(late.id); // money after all
  await shop.jobs();
  assertTold(client.told()[3], late.id, 'success');
  assert.equal((await rowOf(late.id)).state, ATTEMPT.grantedLate);
});

test('what was not granted and went back is told as refunded, when it is', async () => {
  const client = newClient();
  const { order, id } = await opened(client.url);
  await trade.payOffline(order);
  await play(id);
  assert.equal((await shop.minimall(['jobs'])).code, 1, 'the gateway can\'t be told to refund');
  assert.deepEqual(client.told(), []);
  const [{ refund_no: no }] = await trade.ok('GET', `/api/payment/refunds?order_id=${order.order_id}`, { token: trade.admin });
  assert.equal((await shop.minimall(['note-refund', no])).code, 0);
  await shop.jobs();
  assertTold(only(client.told()), id, 'refunded');
});

test('a partial refund tells the amount that went back', async () => {
  const client = newClient();
  const { order } = await opened(undefined);
  await play((await shop.sql(`SELECT out_trade_no AS no FROM payment_attempts ORDER BY attempt_id DESC LIMIT 1`))[0].no, { status: 'failed' });
  const { outTradeNo } = await trade.payByWechat(anna, order);
  await shop.sql(`UPDATE payment_attempts SET notify_url = '${client.url}' WHERE out_trade_no = '${outTradeNo}'`); // as of a gateway that can refund
  await trade.ok('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: order.order_id, amount: '9.90', reason: '少发' } });
  await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'SUCCESS' });
  await trade.ok('POST', '/api/payment/refunds', { token: trade.admin, body: { order_id: order.order_id, amount: '40.05', reason: '少发' } });
  await shop.sandbox('POST', '/sandbox/refund-mode', { status: 'PROCESSING' });
  await shop.jobs();
  assertTold(only(client.told()), outTradeNo, 'refunded', 40.05);
});

test('the last address named is told; one that names none changes nothing', async () => {
  const [first, second] = [newClient(), newClient()];
  const { order, id } = await opened(first.url);
  assert.equal(await create(order, second.url), id, 'the same payment');
  assert.equal(await create(order, undefined), id);
  await play(id);
  await shop.jobs();
  assert.deepEqual(first.told(), []);
  assertTold(only(second.told()), id, 'success');
});

test('a failed delivery is repeated with the same bytes, and delays no other client\'s', async () => {
  const [dead, busy, alive] = [newClient({ status: 500 }), newClient({ status: 429, headers: { 'retry-after': '600' } }), newClient()];
  for (const { url } of [dead, busy, alive]) await play((await opened(url)).id);
  assert.match(await shop.jobs(), / 1 of 3 notifications delivered/);
  only(alive.told());
  await clock(10);
  dead.answer({ status: 307, headers: { location: alive.url } });
  await shop.jobs();
  const [one, two] = dead.told();
  assert.deepEqual([two.body, two.headers['x-signature']], [one.body, one.headers['x-signature']]);
  assert.deepEqual([busy.told().length, alive.told().length], [1, 1], 'no redirect is followed, and one that is too busy left alone');
  dead.answer({ status: 204 });
  busy.answer({ status: 200 });
  await clock(700);
  await shop.jobs();
  assert.deepEqual([dead.told().length, busy.told().length], [3, 2]);
  assert.deepEqual((await deliveries()).map(({ status, tries }) => [status, tries]), [['DELIVERED', 1], ['DELIVERED', 2], ['DELIVERED', 3]]);
});

test('one that is gone fails at once, and is sent once more by hand', async () => {
  const client = newClient({ status: 410 });
  await play((await opened(client.url)).id);
  await shop.jobs();
  const failed = only(await deliveries('?status=FAILED'));
  assert.deepEqual([failed.answer_status, failed.error, failed.due_at], [410, 'STATUS', null]);
  assert.ok(shop.log().some(({ level, message }) => level === 'error' && message.includes(`${failed.message_id} was not delivered`)));
  client.answer({ status: 200 });
  const { status } = await trade.call('POST', `/api/webhooks/deliveries/${failed.delivery_id}/replay`, { token: trade.admin });
  assert.equal(status, 200);
  await shop.jobs();
  assert.deepEqual(client.told()[1].body, client.told()[0].body);
  assert.equal(only(await deliveries()).status, 'DELIVERED');
  assertRefused(await trade.call('GET', '/api/webhooks/clients/deliveries', { token: anna.token }), 403, 'FORBIDDEN');
});

test('an address that may not be called, by now or once its name is looked up, is not (B15)', async () => {
  for (const url of ['https://evil.example.com/', 'https://10.0.0.1/', `https://${HOST}:8443/`, 'http://shop.example.com/', 'https://169.254.169.254/']) {
    const { status, body } = await tryCreate(await newOrder(), url);
    assert.deepEqual([status, body.error.code, body.error.details.field], [400, 'VALIDATION_ERROR', 'notify_url'], url);
  }
  await play((await opened('https://hooks.localhost/told')).id); // allowed, but a private address
  await shop.jobs();
  assert.equal(only(await deliveries()).error, 'ADDRESS');
  await shop.sql("UPDATE webhook_deliveries SET url = 'https://evil.example.com/'"); // no longer allowed
  await clock(10);
  await shop.jobs();
  const { error, tries } = only(await deliveries());
  assert.deepEqual([error, tries], ['ADDRESS', 2]);
});

test('without a secret no address is taken, and none called', async () => {
  const client = newClient();
  await play((await opened(client.url)).id);
  await shop.restartWeb({ CLIENT_NOTIFY_SECRET: null });
  const { status, body } = await tryCreate(await newOrder(), client.url);
  assert.deepEqual([status, body.error.details.field], [400, 'notify_url']);
  await shop.jobs();
  assert.deepEqual(client.told(), []);
  assert.equal(only(await deliveries()).error, 'ADDRESS');
  await shop.restartWeb({ CLIENT_NOTIFY_SECRET: SECRET });
});

test('a deleted user\'s payments forget their addresses; old notifications are purged', async () => {
  const client = newClient();
  const bob = await trade.buyer();
  const order = await trade.order(bob, [[tea, 1]]);
  const { transaction_id: id } = await trade.ok('POST', '/v1/payment/create', { token: bob.token, body: { order_id: order.order_id, amount: 99.9, notify_url: client.url } });
  assert.equal((await rowOf(id)).notify_url, client.url);
  await trade.ok('DELETE', `/api/users/${bob.user.user_id}`, { token: trade.admin });
  await shop.jobs();
  assert.equal((await rowOf(id)).notify_url, null);
  const { order: paid } = await opened(client.url);
  await play((await rowOf((await trade.attempts(paid))[0].out_trade_no)).out_trade_no);
  await shop.jobs();
  assert.equal((await deliveries()).length, 1);
  assert.equal(await trade.status(paid), PAID);
  await clock(31 * DAY_S);
  await shop.jobs();
  assert.deepEqual(await deliveries(), []);
});

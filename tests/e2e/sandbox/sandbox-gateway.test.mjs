// SPDX-License-Identifier: MIT
// The hosted gateway's simulator: its page, as a person in a browser and a script use it, and its notifications.
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { startGateway } from '../../../sandbox/gateway/server.mjs';
import { hmac } from '../../../sandbox/gateway/transactions.mjs';
import { openBrowser } from '../lib/browser.mjs';
import { command, openReceiver, send } from '../lib/simulators.mjs';

const dir = mkdtempSync(join(tmpdir(), 'gateway-test-'));
const keys = { secret: randomBytes(32).toString('hex') };
const started = [];
async function start(more) {
  started.push(await startGateway({ ...keys, ...more }));
  return started.at(-1);
}
const gateway = await start();
const shop = await openReceiver('/v1/payment/notify');
shop.answer = (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"success": true}');
const back = await openReceiver('/back');
back.answer = (response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<link rel="icon" href="data:,"><h1>thank you</h1>');
const browser = await openBrowser();

after(async () => {
  await Promise.all(started.map((one) => one.close()));
  shop.close();
  back.close();
  rmSync(dir, { recursive: true });
}, { timeout: 10_000 });
afterEach(async () => {
  await sandbox('DELETE', '/sandbox/faults');
  shop.received.length = 0;
});

const sandbox = (method, path, body, base = gateway.url) => command(base, method, path, body);
const pay = (id, options) => sandbox('POST', `/pay/${id}`, options);
const statusOf = async (id) => (await sandbox('GET', `/sandbox/transactions/${id}`)).body.status;
const newId = () => `TXN${randomBytes(9).toString('hex')}`;
const genuine = ({ body, headers }, secret = keys.secret) => headers['x-signature'] === createHmac('sha256', secret).update(body).digest('hex');

// The address of a payment page; undefined leaves a parameter out.
function pageOf(id, more = {}, { secret = keys.secret, base = gateway.url } = {}) {
  const all = { amount: '99.90', currency: 'CNY', order_id: 'ORD1', subject: '年度会员 <b>', notify_url: shop.url, return_url: `${back.url}?a=1`, ...more };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  const target = `/pay/${id}?${new URLSearchParams(given)}`;
  return `${base}${target}&signature=${createHmac('sha256', secret).update(target).digest('hex')}`;
}

async function opened(more) {
  const id = newId();
  assert.equal((await send('GET', pageOf(id, more))).status, 200);
  return id;
}

test('its signature is the plain one of the published example', () => {
  const { secret_utf8: secret, body, schemes } = JSON.parse(readFileSync(new URL('../../unit/data/hmac_gateway.json', import.meta.url), 'utf8'));
  assert.equal(hmac(secret, body), schemes.find(({ message }) => message === 'body').signature);
});

test('a person pays, fails or closes in a browser, and the shop is notified', async (t) => {
  const context = await browser.newContext();
  context.setDefaultTimeout(15_000);
  const complaints = [];
  const page = await context.newPage();
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  for (const [button, status] of [['确认支付', 'success'], ['支付失败', 'failed'], ['关闭交易', 'closed']]) {
    await t.test(status, async () => {
      const id = newId();
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto(pageOf(id));
      await page.getByText('¥99.90').waitFor();
      await page.getByText('年度会员 <b>').waitFor();
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'it fits on a phone');
      await page.getByRole('button', { name: button }).click();
      await page.getByRole('heading', { name: 'thank you' }).waitFor();
      const address = new URL(page.url());
      assert.deepEqual(Object.fromEntries(address.searchParams), { a: '1', transaction_id: id, status });
      const last = shop.received.at(-1);
      assert.ok(genuine(last));
      const { timestamp, ...rest } = JSON.parse(last.body);
      assert.deepEqual(rest, { transaction_id: id, status, amount: 99.9, currency: 'CNY' });
      assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.equal(await statusOf(id), status);
      await page.goto(pageOf(id));
      assert.equal(await page.getByRole('button').count(), 0, 'it is over');
    });
  }
  const alone = newId();
  await page.goto(pageOf(alone, { return_url: undefined }));
  await page.getByRole('button', { name: '确认支付' }).click();
  await page.getByRole('heading', { name: '支付成功' }).waitFor();
  assert.deepEqual(complaints, []);
});

test('an address with any flaw shows no page to pay on', async () => {
  const id = newId();
  const flawed = [
    { amount: undefined }, { amount: '0.00' }, { amount: '1.001' }, { amount: '-1' }, { amount: '1e3' }, { amount: '01' }, { currency: 'USD' },
    { currency: undefined }, { order_id: undefined }, { subject: '' }, { notify_url: undefined }, { notify_url: 'http://shop.example/n' },
    { return_url: 'javascript:alert(1)' }, { colour: 'red' },
  ];
  for (const flaw of flawed) {
    const reply = await send('GET', pageOf(id, flaw));
    assert.equal(reply.status, 400, JSON.stringify(flaw));
    assert.doesNotMatch(reply.text, /<button/);
  }
  const good = pageOf(id);
  for (const address of [good.replace('99.90', '0.01'), good.slice(0, -1), good.replace(/&signature=.*/, ''), `${good}&a=1`, good.replace(id, newId()),
    pageOf(id, {}, { secret: 'x'.repeat(32) })]) {
    assert.match((await send('GET', address)).text, /signature/, address);
  }
  assert.equal((await pay(id)).status, 404, 'never opened');
  assert.equal((await send('GET', good)).status, 200);
  assert.match((await send('GET', pageOf(id, { amount: '99.91' }))).text, /another amount/);
  assert.equal((await send('POST', `${gateway.url}/page/${id}`, { text: 'do=steal' })).status, 400);
  assert.equal((await send('POST', `${gateway.url}/page/${newId()}`, { text: 'do=pay' })).status, 404);
});

test('a result is final, unless another one was in progress; pending changes nothing', async () => {
  const id = await opened();
  assert.equal((await pay(id, { status: 'pending' })).status, 200);
  assert.equal(JSON.parse(shop.received.at(-1).body).status, 'pending');
  assert.equal(await statusOf(id), 'waiting');
  assert.equal((await pay(id, { status: 'closed', notify: false })).body.status, null);
  assert.equal(await statusOf(id), 'closed');
  assert.equal((await pay(id)).status, 409);
  const late = await pay(id, { force: true });
  assert.deepEqual([late.body.status, late.body.body], [200, '{"success": true}']);
  assert.equal(await statusOf(id), 'success');
  assert.equal((await pay(id, { times: 3 })).body.answers.length, 3);
  assert.equal((await pay(id, { status: 'paid' })).status, 400);
  assert.equal((await pay(id, { tamper: 'amount', notify: false })).status, 400);
});

test('a notification can be forged in any of its parts', async (t) => {
  const id = await opened();
  const claims = { amount: ['amount', 99.91], currency: ['currency', 'USD'], status: ['status', 'paid'], transaction_id: ['transaction_id', `${id}X`] };
  for (const [tamper, [member, value]] of Object.entries(claims)) {
    await t.test(tamper, async () => {
      assert.equal((await pay(id, { tamper })).status, 200);
      assert.equal(JSON.parse(shop.received.at(-1).body)[member], value);
      assert.ok(genuine(shop.received.at(-1)));
    });
  }
  for (const tamper of ['altered_body', 'reordered', 'signature', 'short_signature', 'no_signature', 'secret']) {
    await t.test(tamper, async () => {
      assert.equal((await pay(id, { tamper })).status, 200);
      assert.ok(!genuine(shop.received.at(-1)));
      assert.equal(JSON.parse(shop.received.at(-1).body).transaction_id, id);
      assert.equal('x-signature' in shop.received.at(-1).headers, tamper !== 'no_signature');
    });
  }
  assert.equal(await statusOf(id), 'waiting', 'a forger pays nothing');
  await pay(id, { upper_case: true, amount_text: '9.990e1' });
  const { body, headers } = shop.received.at(-1);
  assert.match(headers['x-signature'], /^[0-9A-F]{64}$/);
  assert.ok(genuine({ body, headers: { 'x-signature': headers['x-signature'].toLowerCase() } }));
  assert.match(body, /"amount":9\.990e1,/);
});

test('notifications are lost, doubled and repeated, and the page can fail', async () => {
  const id = await opened();
  const switchOn = async (on, fault, more) => assert.equal((await sandbox('POST', '/sandbox/faults', { on, fault, ...more })).status, 200);
  await switchOn('notify', 'lost');
  assert.equal((await pay(id)).body.status, null);
  assert.equal(shop.received.length, 0);
  await switchOn('notify', 'twice');
  await pay(id);
  assert.equal(shop.received.length, 2);
  assert.equal(shop.received[0].body, shop.received[1].body);
  await switchOn('page', 'status_502');
  assert.equal((await send('GET', pageOf(newId()))).status, 502);
  await switchOn('page', 'truncated');
  await assert.rejects(send('GET', pageOf(newId())), { code: 'ECONNRESET' });
});

test('the secret is rotated; transactions survive a restart', async () => {
  const secret = randomBytes(32).toString('hex');
  const stateFile = join(dir, 'state.json');
  const first = await start({ stateFile });
  const id = newId();
  assert.equal((await send('GET', pageOf(id, {}, { base: first.url }))).status, 200);
  await first.close();
  const second = await start({ stateFile });
  assert.equal((await sandbox('POST', '/sandbox/secret', { secret: 'short' }, second.url)).status, 400);
  assert.equal((await sandbox('POST', '/sandbox/secret', { secret }, second.url)).status, 204);
  assert.equal((await sandbox('POST', `/pay/${id}`, {}, second.url)).status, 200);
  assert.ok(genuine(shop.received.at(-1), secret));
  assert.match((await send('GET', pageOf(newId(), {}, { base: second.url }))).text, /signature/);
});

// SPDX-License-Identifier: MIT
// Operations of the WeChat simulator: log in, pay, notify, forge, and restart.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import {
  JSAPI, Formatter, byNumber, call, dir, forgeVerifies, verifyNotification, keys, log, login, order, pay, platformPublicKey, post, prepay,
  query, sandbox, send, setClock, shop, start, stateOf, stop, decrypt, wechat,
} from '../lib/simulator.mjs';

after(stop, { timeout: 10_000 });
beforeEach(async () => {
  shop.received = [];
  shop.answer = null;
  await sandbox('DELETE', '/sandbox/requests');
});

test('login codes: users, single use, unionid, requested errors, invalid codes', async () => {
  const first = await login('sandbox:bob');
  const second = await login('sandbox:bob');
  assert.deepEqual(Object.keys(first), ['session_key', 'openid']);
  assert.equal(first.openid, 'sandbox-bob');
  assert.equal(second.openid, 'sandbox-bob');
  assert.equal(Buffer.from(first.session_key, 'base64').length, 16);
  assert.notEqual(first.session_key, second.session_key);
  const given = (await sandbox('GET', '/sandbox/session-keys')).body;
  assert.deepEqual(given.slice(-2), [first.session_key, second.session_key]);

  assert.equal((await login('sandbox:bob:unionid')).unionid, 'sandbox-union-bob');
  assert.equal((await login('sandbox:bob:once-1')).openid, 'sandbox-bob');
  assert.equal((await login('sandbox:bob:once-1')).errcode, 40163);
  assert.equal((await login('sandbox:bob:once-2')).openid, 'sandbox-bob');
  for (const errcode of [-1, 45011, 40226, 40163]) {
    const played = await login(`sandbox:err:${errcode}`);
    assert.equal(played.errcode, errcode);
    assert.match(played.errmsg, /, rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$/);
  }
  for (const code of ['junk', 'sandbox:', 'sandbox', 'sandbox:a b', 'sandbox:bob:twice', `sandbox:${'a'.repeat(49)}`]) {
    assert.equal((await login(code)).errcode, 40029, code);
  }
});

test('login calls that WeChat would refuse', async () => {
  const cases = [
    [{ appid: undefined }, 41002], [{ appid: 'wx0' }, 40013], [{ secret: undefined }, 41004], [{ secret: 'no' }, 40125],
    [{ js_code: undefined }, 41008], [{ grant_type: undefined }, 40002], [{ grant_type: 'client_credential' }, 40002],
  ];
  for (const [more, errcode] of cases) {
    const reply = await login('sandbox:bob', more);
    assert.equal(reply.errcode, errcode, JSON.stringify(more));
    assert.equal(reply.openid, undefined);
  }
  assert.equal((await login('sandbox:bob', {}, 'POST')).errcode, 43001);
});

test('a payment is notified: signed, encrypted, and equal to the query', async () => {
  const made = await prepay({ attach: '备注' });
  shop.answer = (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"code":"SUCCESS"}');
  const { status, body } = await pay(made.prepay_id);
  assert.equal(status, 200);
  assert.equal(body.status, 200);
  assert.equal(body.body, '{"code":"SUCCESS"}');
  const [notice] = shop.received;
  const event = JSON.parse(notice.body);
  assert.match(event.id, /^[0-9a-f-]{36}$/);
  assert.equal(event.event_type, 'TRANSACTION.SUCCESS');
  assert.equal(event.resource_type, 'encrypt-resource');
  assert.equal(event.resource.algorithm, 'AEAD_AES_256_GCM');
  assert.equal(event.resource.original_type, 'transaction');
  assert.match(notice.headers['content-type'], /^application\/json/);
  const transaction = verifyNotification(notice);
  assert.equal(transaction.trade_state, 'SUCCESS');
  assert.deepEqual(transaction, JSON.parse((await query(made.out_trade_no)).text));
  const message = Formatter.response(notice.headers['wechatpay-timestamp'], notice.headers['wechatpay-nonce'], notice.body);
  assert.ok(forgeVerifies(message, notice.headers['wechatpay-signature'], platformPublicKey));

  await pay(made.out_trade_no); // repeated: the same event, newly signed and encrypted
  const [, again] = shop.received;
  assert.equal(JSON.parse(again.body).id, event.id);
  assert.notEqual(again.headers['wechatpay-signature'], notice.headers['wechatpay-signature']);
  assert.deepEqual(verifyNotification(again), transaction);
});

test('copies are sent concurrently and share one event', async () => {
  const { prepay_id: id } = await prepay();
  const waiting = [];
  shop.answer = (response) => { // none is answered before all five have arrived
    waiting.push(response);
    if (waiting.length === 5) waiting.forEach((one, i) => one.writeHead(i === 2 ? 500 : 204).end());
  };
  const { body } = await pay(id, { times: 5 });
  assert.deepEqual(body.answers.map((a) => a.status).sort(), [204, 204, 204, 204, 500]);
  assert.ok([204, 500].includes(body.status));
  assert.equal(new Set(shop.received.map(({ body: text }) => JSON.parse(text).id)).size, 1);
  assert.equal(new Set(shop.received.map(({ headers }) => headers['wechatpay-signature'])).size, 5);
  for (const notice of shop.received) assert.equal(verifyNotification(notice).trade_state, 'SUCCESS');
});

test('options of a payment: coupon, no notification, event id, delay, headers, serial, age, reorder', async () => {
  const coupon = await prepay();
  await pay(coupon.prepay_id, { coupon_fen: 800, event_id: 'EV-1' });
  assert.equal(JSON.parse(shop.received[0].body).id, 'EV-1');
  const { amount, promotion_detail: promotions } = verifyNotification(shop.received[0]);
  assert.deepEqual(amount, { total: 8800, payer_total: 8000, currency: 'CNY', payer_currency: 'CNY' });
  assert.equal(promotions[0].amount, 800);

  const silent = await prepay();
  assert.deepEqual((await pay(silent.prepay_id, { notify: false })).body, { status: null, body: null });
  assert.equal(shop.received.length, 1);
  assert.equal(await stateOf(silent.out_trade_no), 'SUCCESS');

  const before = performance.now();
  await pay(silent.prepay_id, { delay_ms: 120 }); // late, but for the same payment
  assert.ok(performance.now() - before >= 119);
  assert.equal(verifyNotification(shop.received.at(-1)).out_trade_no, silent.out_trade_no);

  await pay(silent.prepay_id, { serial: 'PUB_KEY_ID_7' });
  assert.equal(verifyNotification(shop.received.at(-1)), 'serial');
  await pay(silent.prepay_id, { age_s: 400 });
  assert.equal(verifyNotification(shop.received.at(-1)), 'timestamp');
  await pay(silent.prepay_id, { age_s: -400 });
  assert.equal(verifyNotification(shop.received.at(-1)), 'timestamp');
  await pay(silent.prepay_id, { reorder: true });
  assert.equal(verifyNotification(shop.received.at(-1)), 'signature');
  assert.equal(decrypt(JSON.parse(shop.received.at(-1).body)).trade_state, 'SUCCESS');
  await pay(silent.prepay_id, { headers: { 'wechatpay-nonce': null, 'Wechatpay-Timestamp': ['1', '2'], 'X-More': 'a' } });
  const { headers, raw } = shop.received.at(-1);
  assert.equal(headers['wechatpay-nonce'], undefined);
  assert.equal(headers['x-more'], 'a');
  assert.equal(raw.filter((name) => name === 'Wechatpay-Timestamp').length, 2);
});

test('a tampered notification is wrong in exactly one thing and leaves the order unpaid', async (t) => {
  const wrong = {
    amount: (v) => v.amount.total === 8801 && v.amount.payer_total === 8801,
    mchid: (v) => v.mchid !== keys.mchid && /^\d{10}$/.test(v.mchid),
    appid: (v) => v.appid !== keys.appid && /^wx[0-9a-f]{16}$/.test(v.appid),
    state: (v) => v.trade_state === 'NOTPAY',
    ciphertext: (v) => v === 'seal',
    timestamp: (v) => v === 'timestamp',
    signature: (v) => v === 'signature',
  };
  for (const [tamper, holds] of Object.entries(wrong)) {
    await t.test(tamper, async () => {
      const made = await prepay();
      shop.answer = (response) => response.writeHead(401).end('no');
      assert.equal((await pay(made.out_trade_no, { tamper })).body.status, 401);
      const verdict = verifyNotification(shop.received[0]);
      assert.ok(holds(verdict), JSON.stringify(verdict));
      const plain = typeof verdict === 'object' ? verdict : null;
      if (plain && tamper !== 'mchid') assert.equal(plain.mchid, keys.mchid);
      if (plain && tamper !== 'amount') assert.equal(plain.amount.total, 8800);
      assert.equal(await stateOf(made.out_trade_no), 'NOTPAY');
      assert.equal((await pay(made.prepay_id)).status, 200);
      assert.equal(await stateOf(made.out_trade_no), 'SUCCESS');
    });
  }
});

test('an unreachable shop, or one on another machine, is a result, not a crash', async () => {
  const gone = http.createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address();
  gone.close();
  const dead = (await pay((await prepay({ notify_url: `http://127.0.0.1:${port}/n` })).prepay_id)).body;
  assert.equal(dead.status, 0);
  assert.match(dead.error, /ECONNREFUSED/);
  const far = (await pay((await prepay({ notify_url: 'https://shop.example/n' })).prepay_id)).body;
  assert.equal(far.status, 0);
  assert.match(far.error, /not this machine/);
});

test('the list of calls has method, path, status and time, and no secret', async () => {
  const { out_trade_no: no } = await prepay();
  await query(no);
  await query('T0000000000');
  await login('sandbox:bob');
  await pay(no, { notify: false });
  const { body } = await sandbox('GET', '/sandbox/requests');
  assert.deepEqual(body.map(({ method, path, status }) => [method, path, status]), [
    ['POST', JSAPI, 200], ['GET', byNumber(no), 200], ['GET', byNumber('T0000000000'), 404],
    ['GET', '/sns/jscode2session', 200],
  ]);
  assert.ok(body.every(({ at }) => Math.abs(Date.parse(at) - Date.now()) < 10_000));
  assert.equal((await sandbox('DELETE', '/sandbox/requests')).status, 204);
  assert.deepEqual((await sandbox('GET', '/sandbox/requests')).body, []);
  const all = log.join('\n');
  for (const secret of [keys.secret, keys.apiV3Key]) assert.equal(all.includes(secret), false);
  assert.match(all, /ORDER_NOT_EXIST/);
});

test('invalid input to the sandbox is refused with a message', async () => {
  const { prepay_id: id } = await prepay();
  const cases = [
    ['POST', '/sandbox/faults', { on: 'statement', fault: 'hang' }, 400, /unknown on/],
    ['POST', '/sandbox/faults', { on: 'jsapi', fault: 'explode' }, 400, /unknown fault/],
    ['POST', '/sandbox/faults', { on: 'jsapi', fault: 'busy' }, 400, /jscode2session only/],
    ['POST', '/sandbox/faults', { on: 'jscode2session', fault: 'bad_signature' }, 400, /only/],
    ['POST', '/sandbox/faults', { on: 'jsapi', fault: 'late' }, 400, /delay_ms/],
    ['POST', '/sandbox/faults', { on: 'jsapi', fault: 'hang', times: 0 }, 400, /times/],
    ['POST', '/sandbox/faults', { on: 'jsapi', fault: 'hang', time: 1 }, 400, /unknown member/],
    ['POST', '/sandbox/faults', '{', 400, /not JSON/],
    ['POST', '/sandbox/faults', '[]', 400, /object/],
    ['POST', '/sandbox/faults', 'x'.repeat(70_000), 413, /at most/],
    ['POST', '/pay/wx0', {}, 404, /no order/],
    ['POST', `/pay/${id}`, { tamper: 'price' }, 400, /tamper/],
    ['POST', `/pay/${id}`, { tampr: 'amount' }, 400, /unknown option tampr/],
    ['POST', `/pay/${id}`, { times: 201 }, 400, /times/],
    ['POST', `/pay/${id}`, { delay_ms: -1 }, 400, /delay_ms/],
    ['POST', `/pay/${id}`, { coupon_fen: 8801 }, 400, /coupon_fen/],
    ['POST', `/pay/${id}`, { headers: { 'Content-Length': '1' } }, 400, /headers/],
    ['POST', `/pay/${id}`, { headers: { A: 'a\r\nB: c' } }, 400, /headers/],
    ['POST', `/pay/${id}`, { tamper: 'amount', notify: false }, 400, /notify/],
    ['POST', '/pay/%ff', {}, 400, /percent/],
    ['GET', '/sandbox/orders/T0000000000', undefined, 404, /no order/],
    ['GET', '/sandbox/nothing', undefined, 404, /no such thing/],
    ['PUT', '/sandbox/faults', {}, 404, /no such thing/],
  ];
  for (const [method, path, body, status, message] of cases) {
    const reply = await sandbox(method, path, body);
    assert.equal(reply.status, status, `${method} ${path} ${JSON.stringify(reply.body)}`);
    assert.match(reply.body.message, message);
  }
  assert.equal((await sandbox('GET', '/sandbox/faults')).body.length, 0);
  assert.equal(shop.received.length, 0);
});

test('a restart keeps orders, used codes and session keys; a corrupt state file is named', async () => {
  const stateFile = join(dir, 'state.json');
  const ask = (base) => (more) => ({ base, ...more });
  const loginAt = async (base, code) => JSON.parse((await send('GET', `${base}/sns/jscode2session?appid=${keys.appid}`
    + `&secret=${keys.secret}&js_code=${code}&grant_type=authorization_code`)).text);
  let one = await start({ stateFile });
  let at = ask(one.url);
  const orders = Array.from({ length: 20 }, () => order());
  const ids = await Promise.all(orders.map(async (o) => JSON.parse((await post(JSAPI, o, at())).text).prepay_id));
  assert.equal(JSON.parse(readFileSync(stateFile)).orders.length, 20); // what was acknowledged is on disk
  await sandbox('POST', `/pay/${ids[0]}`, {}, one.url);
  assert.equal(JSON.parse(readFileSync(stateFile)).orders.filter(({ state }) => state === 'SUCCESS').length, 1);
  const paid = (await query(orders[0].out_trade_no, at())).text;
  await post(`${byNumber(orders[1].out_trade_no)}/close`, { mchid: keys.mchid }, at());
  const { session_key: key } = await loginAt(one.url, 'sandbox:bob:once-state');
  await one.close();

  one = await start({ stateFile });
  at = ask(one.url);
  assert.equal((await query(orders[0].out_trade_no, at())).text, paid);
  const { transaction_id: id } = JSON.parse(paid);
  assert.equal((await call('GET', `/v3/pay/transactions/id/${id}?mchid=${keys.mchid}`, at())).text, paid);
  assert.equal(JSON.parse((await query(orders[1].out_trade_no, at())).text).trade_state, 'CLOSED');
  await sandbox('POST', `/pay/${ids[0]}`, {}, one.url);
  assert.equal(new Set(shop.received.map(({ body }) => JSON.parse(body).id)).size, 1, 'the same event after the restart');
  assert.equal((await sandbox('POST', `/pay/${ids[2]}`, { notify: false }, one.url)).status, 200);
  assert.equal((await loginAt(one.url, 'sandbox:bob:once-state')).errcode, 40163);
  assert.ok((await sandbox('GET', '/sandbox/session-keys', undefined, one.url)).body.includes(key));
  await one.close();
  assert.equal(existsSync(`${stateFile}.${process.pid}.tmp`), false);

  writeFileSync(stateFile, '{"orders":');
  await assert.rejects(start({ stateFile }), /state\.json holds no state/);
});

test('a port in use is an error that names it', async () => {
  await assert.rejects(start({ port: wechat.port }), { code: 'EADDRINUSE' });
});

test('notifications have the time of the clock file', async () => {
  const { prepay_id: id } = await prepay();
  try {
    setClock(3600);
    await pay(id);
  } finally {
    setClock(0);
  }
  const ahead = Number(shop.received[0].headers['wechatpay-timestamp']) - Date.now() / 1000;
  assert.ok(Math.abs(ahead - 3600) < 10, String(ahead));
});

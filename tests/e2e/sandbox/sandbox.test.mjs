// SPDX-License-Identifier: MIT
// The WeChat simulator is correct and as strict as WeChat: keys, signatures, bodies, orders, time.
import assert from 'node:assert/strict';
import { createSign, randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeVerifier, requestMessage } from '../../../sandbox/wechat/sign.mjs';
import { makeKeys } from '../../../sandbox/wechat/server.mjs';
import {
  JSAPI, NodeV3, byNumber, call, china, dir, forge, keys, merchantPrivateKey, order, pay, post, prepay, query, refused,
  sandbox, sdk, setClock, hasValidSignature, stop,
} from '../lib/simulator.mjs';

after(stop, { timeout: 10_000 });

test('keys are generated once, differ between sandboxes, and only their owner can read them', () => {
  assert.deepEqual(makeKeys(join(dir, 'keys')), keys);
  const other = makeKeys(join(dir, 'other'));
  for (const name of ['appid', 'secret', 'mchid', 'apiV3Key', 'merchantSerial', 'platformKeyId', 'merchantPublicKey']) {
    assert.notEqual(other[name], keys[name], name);
  }
  assert.match(keys.merchantSerial, /^[0-9A-F]{40}$/);
  assert.match(keys.platformKeyId, /^PUB_KEY_ID_\d{28}$/);
  assert.equal(keys.apiV3Key.length, 32);
  for (const file of [keys.merchantPrivateKeyFile, keys.platformPublicKeyFile, join(dir, 'keys/wechat.json')]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  }
});

test('the SDK as client: prepay, query, pay, query by both numbers, close', async () => {
  const body = order({ attach: '附言', time_expire: china(Date.now() + 1800_000) });
  const prepared = await sdk.request(JSAPI, 'POST', body);
  assert.match(prepared.data.prepay_id, /^wx[0-9A-Za-z]{10,62}$/);
  const params = { params: { mchid: keys.mchid } };
  const open = (await sdk.request(byNumber(body.out_trade_no), 'GET', undefined, params)).data;
  assert.equal(open.trade_state, 'NOTPAY');
  for (const name of ['transaction_id', 'success_time', 'payer']) assert.equal(open[name], undefined);

  assert.equal((await pay(prepared.data.prepay_id, { notify: false })).status, 200);
  const paid = (await sdk.request(byNumber(body.out_trade_no), 'GET', undefined, params)).data;
  assert.equal(paid.trade_state, 'SUCCESS');
  assert.deepEqual(paid.amount, { total: 8800, payer_total: 8800, currency: 'CNY', payer_currency: 'CNY' });
  assert.deepEqual(paid.payer, body.payer);
  assert.equal(paid.attach, '附言');
  assert.match(paid.success_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/);
  const byId = await sdk.request(`/v3/pay/transactions/id/${paid.transaction_id}`, 'GET', undefined, params);
  assert.deepEqual(byId.data, paid);

  const other = await prepay();
  const closed = await sdk.request(`${byNumber(other.out_trade_no)}/close`, 'POST', { mchid: keys.mchid });
  assert.equal(closed.status, 204);
  assert.equal(closed.data, '');
});

test('requests signed by wechatpay-node-v3 are accepted', async () => {
  const signer = new NodeV3({
    appid: keys.appid,
    mchid: keys.mchid,
    serial_no: keys.merchantSerial.toLowerCase(), // as this package prints it
    publicKey: Buffer.from(keys.merchantPublicKey),
    privateKey: Buffer.from(merchantPrivateKey),
  });
  const body = order();
  const signed = (method, path, params) => ({ authorization: () => signer.buildAuthorization(method, path, params) });
  assert.equal((await post(JSAPI, body, signed('POST', JSAPI, body))).status, 200);
  const path = `${byNumber(body.out_trade_no)}?mchid=${keys.mchid}`;
  assert.equal((await call('GET', path, signed('GET', path))).status, 200);
});

test('an invalid Authorization is refused', async (t) => {
  const at = (seconds) => ({ auth: { timestamp: String(Math.floor(Date.now() / 1000) + seconds) } }); // from when it is called
  const nonce = randomBytes(16).toString('hex');
  const otherKey = forge.pki.privateKeyToPem(forge.pki.rsa.generateKeyPair(2048).privateKey);
  const changed = (v) => v.replace(/signature="(.)/, (_, c) => `signature="${c === 'A' ? 'B' : 'A'}`);
  const body = order();
  const items = { ...at(0).auth, nonce_str: randomBytes(8).toString('hex') };
  const signBy = (key, text) => createSign('sha256')
    .update(requestMessage('POST', JSAPI, items.timestamp, items.nonce_str, Buffer.from(text))).sign(key, 'base64');
  assert.equal((await post(JSAPI, body, { auth: { ...at(-270).auth, nonce_str: nonce } })).status, 200);

  const missing = (name) => [`no ${name}`, { auth: { [name]: undefined } }, name, 'missing'];
  const flaws = [
    ['no header', { headers: { Authorization: null } }, 'Authorization', 'begin'],
    ['another scheme', { authorization: (v) => v.replace('RSA2048', 'RSA4096') }, 'Authorization', 'begin'],
    ['two spaces', { authorization: (v) => v.replace(' ', '  ') }, 'Authorization', 'belong'],
    ['a blank after a comma', { authorization: (v) => v.replace(',', ', ') }, 'Authorization', 'belong'],
    ['an item too many', { authorization: (v) => `${v},extra="1"` }, 'Authorization', 'belong'],
    ['an item without quotes', { authorization: (v) => v.replace(/mchid="(\d+)"/, 'mchid=$1') }, 'Authorization', 'belong'],
    ['an item twice', { authorization: (v) => `${v},mchid="${keys.mchid}"` }, 'mchid', 'twice'],
    ['two headers', { headers: { Authorization: ['a', 'b'] } }, 'Authorization', 'more than once'],
    ...['mchid', 'nonce_str', 'timestamp', 'serial_no'].map(missing),
    ['no signature', { authorization: (v) => v.replace(/,signature="[^"]*"/, '') }, 'signature', 'missing'],
    ['another mchid', { auth: { mchid: '1900000001' } }, 'mchid', 'merchant'],
    ['another serial', { auth: { serial_no: 'A'.repeat(40) } }, 'serial_no', 'certificate'],
    ['a timestamp 300 s old', () => at(-300), 'timestamp', 'away'],
    ['a timestamp 330 s ahead', () => at(330), 'timestamp', 'away'],
    ['a timestamp in ms', { auth: { timestamp: String(Date.now()) } }, 'timestamp', 'match'],
    ['a nonce of 33', { auth: { nonce_str: 'n'.repeat(33) } }, 'nonce_str', 'match'],
    ['a nonce with a dash', { auth: { nonce_str: 'a-b' } }, 'nonce_str', 'match'],
    ['a used nonce', { auth: { nonce_str: nonce } }, 'nonce_str', 'used'],
    ['another key', { auth: { ...items, signature: signBy(otherKey, JSON.stringify(body)) } }, 'signature', 'request'],
    ['a changed signature', { authorization: changed }, 'signature', 'request'],
    ['a short signature', { auth: { signature: 'AAAA' } }, 'signature', 'request'],
    ['a signature that is no Base64', { auth: { signature: 'A'.repeat(343) } }, 'signature', 'request'],
  ];
  for (const [what, flaw, field, issue] of flaws) {
    await t.test(what, async () => {
      const { detail } = refused(await post(JSAPI, body, typeof flaw === 'function' ? flaw() : flaw), 401, 'SIGN_ERROR');
      assert.equal(detail.field, field);
      assert.ok(detail.issue.includes(issue), detail.issue);
    });
  }
  const text = JSON.stringify(body);
  const auth = { ...items, signature: signBy(merchantPrivateKey, text) };
  const reply = await call('POST', JSAPI, { text: `${text} `, auth });
  refused(reply, 401, 'SIGN_ERROR'); // one byte more than was signed
  assert.equal((await post(JSAPI, body)).status, 200); // and a valid one is accepted
});

test('two verifiers that disagree are an internal error, never a verdict', () => {
  const other = makeKeys(join(dir, 'other'));
  const message = Buffer.from('message');
  const signature = createSign('sha256').update(message).sign(merchantPrivateKey, 'base64');
  assert.equal(makeVerifier(keys.merchantPublicKey)(message, signature), true);
  assert.equal(makeVerifier(other.merchantPublicKey)(message, signature), false);
  assert.throws(() => makeVerifier(keys.merchantPublicKey, other.merchantPublicKey)(message, signature), /disagree/);
});

test('headers that WeChat Pay needs', async () => {
  const cases = [
    [{ Accept: null }, 'Accept'], [{ Accept: 'text/html' }, 'Accept'],
    [{ 'User-Agent': null }, 'User-Agent'], [{ 'User-Agent': ' ' }, 'User-Agent'],
    [{ 'Content-Type': null }, 'Content-Type'], [{ 'Content-Type': 'text/plain' }, 'Content-Type'],
    [{ 'Wechatpay-Serial': 'PUB_KEY_ID_0000000000000000000000000000' }, 'Wechatpay-Serial'],
  ];
  for (const [headers, field] of cases) {
    const { detail } = refused(await post(JSAPI, order(), { headers }), 400, 'PARAM_ERROR');
    assert.equal(detail.field, field);
    assert.equal(detail.location, 'header');
  }
  const type = 'application/json; charset=utf-8';
  for (const headers of [{ 'Wechatpay-Serial': keys.platformKeyId }, { 'Content-Type': type }, { Accept: '*/*' }]) {
    assert.equal((await post(JSAPI, order(), { headers })).status, 200);
  }
  refused(await call('GET', `${byNumber('T00000000')}?mchid=${keys.mchid}`, { text: '{}' }), 400, 'PARAM_ERROR');
});

test('an invalid body is refused, naming the member', async () => {
  const amount = (total, more = {}) => ({ amount: { total, currency: 'CNY', ...more } });
  const flaws = [
    [{ appid: undefined }, '/appid'], [{ payer: {} }, '/payer/openid'], [{ payer: undefined }, '/payer'],
    [{ attach: null }, '/attach'], [{ colour: 'red' }, '/colour'], [amount(1, { fee: 1 }), '/amount/fee'],
    [amount(0), '/amount/total'], [amount(-1), '/amount/total'], [amount(1.5), '/amount/total'],
    [amount('1'), '/amount/total'], [amount(100_000_000_001), '/amount/total'], [amount(true), '/amount/total'],
    [{ amount: { total: 1, currency: 'USD' } }, '/amount/currency'], [{ amount: [] }, '/amount'],
    [{ description: '' }, '/description'], [{ description: '茶'.repeat(128) }, '/description'],
    [{ description: 'a\nb' }, '/description'], [{ description: 7 }, '/description'],
    [{ out_trade_no: 'A1234' }, '/out_trade_no'], [{ out_trade_no: 'A'.repeat(33) }, '/out_trade_no'],
    [{ out_trade_no: 'A 123456' }, '/out_trade_no'], [{ out_trade_no: 'A|123456' }, '/out_trade_no'],
    [{ notify_url: 'https://shop.example/n?a=1' }, '/notify_url'], [{ notify_url: '/n' }, '/notify_url'],
    [{ notify_url: 'http://shop.example/n' }, '/notify_url'], [{ notify_url: 'ftp://127.0.0.1/n' }, '/notify_url'],
    [{ notify_url: `https://shop.example/${'n'.repeat(240)}` }, '/notify_url'],
    [{ notify_url: 'https://a:b@shop.example/n' }, '/notify_url'],
    [{ time_expire: china(Date.now() - 5000) }, '/time_expire'],
    [{ time_expire: china(Date.now() + 86400_000).replace(/T.*/, 'T24:00:00+08:00') }, '/time_expire'],
    [{ time_expire: china(Date.now() + 16 * 86400_000) }, '/time_expire'],
    [{ time_expire: china(Date.now() + 60_000).replace('+08:00', 'Z') }, '/time_expire'],
    [{ scene_info: { payer_client_ip: '1'.repeat(46) } }, '/scene_info/payer_client_ip'],
    [{ support_fapiao: 'yes' }, '/support_fapiao'], [{ settle_info: { profit_sharing: 1 } }, '/settle_info/profit_sharing'],
  ];
  for (const [more, field] of flaws) {
    const { detail } = refused(await post(JSAPI, order(more)), 400, 'PARAM_ERROR');
    assert.equal(detail.field, field, JSON.stringify(more));
    assert.deepEqual(Object.keys(detail), ['field', 'value', 'issue', 'location']);
  }
  const numbers = [[{ attach: null }, 270924358], [{ colour: 'red' }, 270924358], [{ payer: {} }, 268501013]];
  for (const [more, number] of numbers) {
    assert.ok((await post(JSAPI, order(more))).headers['request-id'].endsWith(`-${number}`), JSON.stringify(more));
  }
  const deep = refused(await call('POST', JSAPI, { text: `{"a":${'['.repeat(16)}${']'.repeat(16)}}` }), 400, 'PARAM_ERROR');
  assert.match(deep.detail.issue, /nested/);
  const good = JSON.stringify(order());
  const texts = { '': '', '[]': '', '{': '', 'null': '', [`${good}x`]: '', [`\ufeff${good}`]: '',
    [good.replace('8800', '8800.0')]: '/amount/total', [good.replace('8800', '88e2')]: '/amount/total',
    [good.replace('"total"', '"total":1,"total"')]: '/amount/total', [good.replace('{', '{"mchid":"1",')]: '/mchid' };
  for (const [text, field] of Object.entries(texts)) {
    const { detail } = refused(await call('POST', JSAPI, { text }), 400, 'PARAM_ERROR');
    assert.equal(detail.field, field, text);
  }
  refused(await post(JSAPI, order({ mchid: '1900000001' })), 400, 'MCH_NOT_EXISTS');
  refused(await post(JSAPI, order({ appid: 'wx0000000000000000' })), 400, 'APPID_MCHID_NOT_MATCH');
  refused(await post(JSAPI, order({ payer: { openid: 'oXyz' } })), 500, 'OPENID_MISMATCH');
  refused(await post(JSAPI, order({ attach: 'x'.repeat(70_000) })), 413, 'PAYLOAD_TOO_LARGE');
  const edges = order({ description: '茶'.repeat(127), out_trade_no: `a-_*${randomBytes(14).toString('hex')}`,
    amount: { total: 100_000_000_000 }, notify_url: 'https://shop.example/notify', attach: '"\\/😀' });
  assert.equal((await post(JSAPI, edges)).status, 200);
});

test('invalid paths, queries and closings are refused', async () => {
  const { out_trade_no: no } = await prepay();
  refused(await call('GET', byNumber(no)), 400, 'PARAM_ERROR');
  refused(await call('GET', `${byNumber(no)}?mchid=1900000001`), 400, 'MCH_NOT_EXISTS');
  refused(await call('GET', `${byNumber(no)}?mchid=${keys.mchid}&mchid=${keys.mchid}`), 400, 'PARAM_ERROR');
  refused(await call('GET', `${byNumber(no)}?mchid=${keys.mchid}&x=1`), 400, 'PARAM_ERROR');
  refused(await post(`${JSAPI}?mchid=${keys.mchid}`, order()), 400, 'PARAM_ERROR');
  refused(await query('T0000000000'), 404, 'ORDER_NOT_EXIST');
  refused(await call('GET', `/v3/pay/transactions/id/4200?mchid=${keys.mchid}`), 404, 'ORDER_NOT_EXIST');
  refused(await post(`${byNumber('T0000000000')}/close`, { mchid: keys.mchid }), 404, 'ORDER_NOT_EXIST');
  refused(await post(`${byNumber(no)}/close`, { mchid: '1900000001' }), 400, 'MCH_NOT_EXISTS');
  refused(await post(`${byNumber(no)}/close`, {}), 400, 'PARAM_ERROR');
  refused(await call('GET', '/v3/pay/nothing'), 404, 'RESOURCE_NOT_EXISTS');
  refused(await call('GET', JSAPI), 405, 'METHOD_NOT_ALLOWED');
});

test('one out_trade_no is one order', async () => {
  const first = await prepay();
  const { prepay_id: firstId, ...body } = first;
  const again = JSON.parse((await post(JSAPI, { ...body })).text);
  assert.notEqual(again.prepay_id, firstId);
  refused(await post(JSAPI, { ...body, amount: { total: 8801, currency: 'CNY' } }), 400, 'INVALID_REQUEST');
  refused(await post(JSAPI, { ...body, time_expire: china(Date.now() + 600_000) }), 400, 'INVALID_REQUEST');
  assert.equal((await pay(firstId, { notify: false })).status, 200); // the older one is still valid
  refused(await post(JSAPI, body), 400, 'ORDERPAID');
  refused(await post(`${byNumber(body.out_trade_no)}/close`, { mchid: keys.mchid }), 400, 'ORDERPAID');

  const { prepay_id: secondId, ...second } = await prepay();
  for (const _ of ['closing', 'closing again']) {
    const closed = await post(`${byNumber(second.out_trade_no)}/close`, { mchid: keys.mchid });
    assert.equal(closed.status, 204);
    assert.equal(closed.text, '');
    assert.ok(hasValidSignature(closed, ''), 'a 204 is signed');
  }
  refused(await post(JSAPI, second), 400, 'ORDER_CLOSED');
  assert.equal(JSON.parse((await query(second.out_trade_no)).text).trade_state, 'CLOSED');
  assert.equal((await pay(secondId)).status, 409);
  assert.equal((await pay(secondId, { force: true })).body.status, 204); // was in progress when it closed
  assert.equal(JSON.parse((await query(second.out_trade_no)).text).trade_state, 'SUCCESS');
});

test('an order is open for at least a minute, seven days by default', async () => {
  for (const [timeExpire, seconds] of [[china(Date.now() + 30_000), 60], [undefined, 7 * 86400]]) {
    const { out_trade_no: no } = await prepay({ time_expire: timeExpire });
    const { body } = await sandbox('GET', `/sandbox/orders/${no}`);
    assert.equal(body.expire_ms - body.created_ms, seconds * 1000);
  }
});

test('the time is from the clock file: orders expire, prepay ids age, requests become outdated', async () => {
  const soon = await prepay({ time_expire: china(Date.now() + 120_000) });
  const long = await prepay();
  const at = (s) => ({ auth: { timestamp: String(Math.floor(Date.now() / 1000) + s) } });
  try {
    setClock(121);
    assert.equal(JSON.parse((await query(soon.out_trade_no, at(121))).text).trade_state, 'CLOSED');
    assert.equal((await pay(soon.prepay_id)).status, 409);
    setClock(7201);
    assert.equal((await query(long.out_trade_no)).status, 401);
    assert.equal((await pay(long.prepay_id)).status, 409);
    const done = await pay(long.out_trade_no, { notify: false });
    assert.equal(done.status, 200);
    const { success_time: when } = JSON.parse((await query(long.out_trade_no, at(7201))).text);
    assert.ok(Math.abs(Date.parse(when) - Date.now() - 7201_000) < 60_000, when);
  } finally {
    setClock(0);
  }
});

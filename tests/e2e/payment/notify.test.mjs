// SPDX-License-Identifier: MIT
// Notifications of WeChat Pay: accepted ones, stored ones, and those without effect (BEHAVIOUR 33 to 36, 40).
import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { SUCCESS, assertFail, assertPutOff, assertSuccess, makeForger, newTransactionId, post } from '../lib/notifications.mjs';
import { ATTEMPT, COMPLETED, PAID, PENDING, SHIPPED, VERDICT, openTrade, redelivered, tally } from '../lib/trade.mjs';

const trade = await openTrade();
const { shop, keys } = trade;
const url = new URL('/api/payment/wxpay/notify', shop.baseUrl);
const forger = makeForger(keys, url);
const anna = await trade.buyer();
const product = await trade.product({ price: '88.00', stock: 100_000 });
const FEN = 8800;
const SIGNTEST = 'WECHATPAY/SIGNTEST/2sWfO+6tVVsZonOXBXHOrle0TugJ31jDV3iGpjFchMYEyEZ48LxAmfW2gMXkP7Ce1OLORt7wHxkgBwTBHn9/JpPBwDFjiHMhSQC'
  + 'EYkk/gIXdO1E7dz6fnMmMqmI2urSR8WDWAG0jdIGFbnykjVFrQa7E1RhNNEIz476tmfj5Zp7W/kE1q7cxZIPumELjwfZHXybvrFMuYNEcf8Eq50V+I1e5onuIAa3R'
  + 'IuIIy30Kl2RANQJx1inQ0SirJjFtONAcPnLDWpeJuVCfRPLXE4ra5qsSwxbUDvnCAbTkz4L1mSZ/zyv80hd9t8upwSLbLiYJWV97N04Pb74zCg==';

async function prepared() {
  const order = await trade.order(anna, [[product, 1]]);
  return { order, ...await trade.prepay(anna, order) };
}

async function assertUnpaid({ order }) {
  assert.deepEqual([await trade.status(order), await trade.states(order)], [PENDING, [ATTEMPT.open]]);
}

const countEvents = async () => (await trade.events('1')).length;

test("the simulator's notification pays the order, and the response is what WeChat expects (B33)", async () => {
  const x = await prepared();
  const answer = await shop.pay(x.prepayId);
  assert.deepEqual([answer.body.status, JSON.parse(answer.body.body)], [200, SUCCESS]);
  const order = await trade.read(x.order);
  assert.equal(order.status, PAID);
  assert.equal(order.payment_method, '微信支付');
  const { transaction_id: transactionId, success_ms: successMs } = await trade.atWechat(x.outTradeNo);
  assert.equal(order.payment_id, transactionId);
  const [attempt] = await trade.attempts(x.order);
  assert.deepEqual([attempt.state, attempt.transaction_id, attempt.paid_at], [ATTEMPT.granted, transactionId, Math.floor(successMs / 1000) * 1000]);
  const [event] = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual([event.verdict, event.reason, event.amount, event.transaction_id], [VERDICT.granted, null, FEN, transactionId]);
});

test('a notification built only with node:crypto is equivalent (B33)', async () => {
  const x = await prepared();
  assertSuccess(await forger.send(forger.event(forger.transaction(x.outTradeNo, FEN))));
  assert.equal(await trade.status(x.order), PAID);
});

test('WeChat coupons: the total counts, not the payer\'s part', async () => {
  const x = await prepared();
  const answer = await shop.pay(x.outTradeNo, { coupon_fen: 500 });
  assert.equal(answer.body.status, 200);
  assert.equal(await trade.status(x.order), PAID);
});

test('the signature covers the raw bytes: reordered members, a space or one changed byte are 401 (B33)', async () => {
  const x = await prepared();
  const workers = await trade.allWorkers('notify');
  const before = await countEvents();
  const event = forger.event(forger.transaction(x.outTradeNo, FEN));
  const text = JSON.stringify(event);
  const reordered = JSON.stringify(Object.fromEntries(Object.entries(event).reverse()));
  const flipped = text.replace(/"id":"(.)/, (_, c) => `"id":"${c === 'a' ? 'b' : 'a'}`);
  for (const sent of [reordered, flipped, `${text} `, ` ${text}`, text.slice(0, -1), text.replaceAll('/', '\\/').replace(/^\{/, '{ '), '', '{}', 'null']) {
    assertFail(await forger.send(text, { sent }), 401);
  }
  for (const tamper of ['signature', 'timestamp']) {
    const { body } = await shop.pay(x.outTradeNo, { tamper });
    assert.equal(body.status, 401, tamper);
    assert.equal(JSON.parse(body.body).code, 'FAIL');
  }
  const { body } = await shop.pay(x.outTradeNo, { tamper: 'amount', reorder: true });
  assert.equal(body.status, 401);
  await assertUnpaid(x);
  assert.equal(await countEvents(), before, 'what is not signed is not kept');
  assertSuccess(await forger.send(event));
  assert.deepEqual(await trade.allWorkers('notify'), workers, 'the same processes serve on');
});

test('a timestamp 299 s away is accepted and 300 s is not, in both directions (B33)', async () => {
  const x = await prepared();
  const event = forger.event(forger.transaction(x.outTradeNo, FEN, { trade_state: 'NOTPAY' }));
  const at = async (awayS) => {
    for (;;) { // the shop's clock must be at the intended second
      const now = Math.floor(Date.now() / 1000);
      const answer = await forger.send(event, { timestamp: now + awayS });
      if (Math.floor(Date.now() / 1000) === now) return answer;
    }
  };
  for (const awayS of [-299, 299]) assertFail(await at(awayS), 400); // accepted, but its state is NOTPAY
  for (const awayS of [-300, 300, -301, 301, -100_000, 100_000]) assertFail(await at(awayS), 401);
  shop.clock(1000);
  assertFail(await at(1000 - 299), 400);
  for (const awayS of [0, 700, 1300]) assertFail(await at(awayS), 401);
  shop.clock(0);
  for (const odd of ['', '0', '-1', '1e9', 'x', '99999999999999999999', `${Date.now()}`, `0${Math.floor(Date.now() / 1000)}`, ` ${Math.floor(Date.now() / 1000)} 1`]) {
    assertFail(await forger.send(event, { timestamp: odd }), 401);
  }
});

test('missing, repeated or too long headers, or those of another key or type, are 401, and the next is served (B33)', async () => {
  const x = await prepared();
  const workers = await trade.allWorkers('notify');
  const event = forger.event(forger.transaction(x.outTradeNo, FEN));
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } });
  const without = (name) => ({ [name]: _, ...rest }) => rest;
  const set = (name, change) => (own) => ({ ...own, [name]: change(own[name]) });
  const needed = ['Timestamp', 'Nonce', 'Serial', 'Signature'].map((name) => `Wechatpay-${name}`);
  const odd = [
    ...needed.map(without),
    ...needed.map((name) => set(name, () => '')),
    ...needed.map((name) => set(name, (value) => [value, value])),
    ...needed.map((name) => set(name, (value) => value + 'A'.repeat(2000))),
    ...needed.map((name) => set(name, (value) => `${value}\t`.padEnd(value.length + 3, 'x'))),
    set('Wechatpay-Serial', () => 'A'.repeat(40)),
    set('Wechatpay-Serial', (serial) => serial.slice(0, -1)),
    set('Wechatpay-Serial', () => keys.merchantSerial),
    set('Wechatpay-Signature-Type', () => 'WECHATPAY2-SM2-WITH-SM3'),
    set('Wechatpay-Signature-Type', (value) => [value, value]),
    set('Wechatpay-Signature', () => SIGNTEST),
    set('Wechatpay-Signature', () => randomBytes(256).toString('base64')),
    set('Wechatpay-Signature', (value) => value.slice(0, -2)),
    set('Wechatpay-Signature', (value) => value.replace(/=+$/, '')),
    set('Wechatpay-Signature', (value) => Buffer.from(value, 'base64').subarray(0, 255).toString('base64')),
    set('Wechatpay-Nonce', () => 'n'.repeat(32)),
    () => ({}),
  ];
  for (const [i, change] of odd.entries()) {
    const answer = await forger.send(event, { change });
    assert.ok([400, 401].includes(answer.status), `no. ${i}: ${JSON.stringify(answer)}`);
    assert.equal(answer.status === 401 ? answer.body?.code : 'FAIL', 'FAIL', `no. ${i}`);
  }
  assertFail(await forger.send(event, { key: stranger.privateKey }), 401);
  await assertUnpaid(x);
  assertSuccess(await forger.send(event, { change: without('Wechatpay-Signature-Type') })); // it is optional
  assert.equal(await trade.status(x.order), PAID);
  assert.deepEqual(await trade.allWorkers('notify'), workers, 'the same processes serve on');
});

test('probe traffic with a SIGNTEST signature is 401, from the simulator too (B33)', async () => {
  const x = await prepared();
  const { body } = await shop.pay(x.outTradeNo, { tamper: 'amount', headers: { 'Wechatpay-Signature': SIGNTEST } });
  assert.equal(body.status, 401);
  await assertUnpaid(x);
});

test('another method is 405, a body over 256 KiB is 413, and one of 200 KiB is processed', async () => {
  const answer = await shop.call('GET', url.pathname);
  assert.equal(answer.status, 405);
  assert.match(answer.headers.get('allow'), /POST/);
  assertFail(await forger.send({ ...forger.event('{}'), padding: 'x'.repeat(270_000) }), 413);
  const x = await prepared();
  assertSuccess(await forger.send({ ...forger.event(forger.transaction(x.outTradeNo, FEN)), padding: 'x'.repeat(200_000) }));
  assertFail(await post(url, '{}', {}), 401);
});

// A mismatch is refused with 400, stored as an orphan, listed by audit, and leaves the order payable (B34).
const change = (members) => (t) => ({ ...t, ...members });
const amount = (members) => (t) => ({ ...t, amount: { ...t.amount, ...members } });
const MISFITS = [
  ['another appid', 'APPID', { plain: change({ appid: 'wx0000000000000000' }) }],
  ['no appid', 'APPID', { plain: change({ appid: undefined }) }],
  ['another mchid', 'MCHID', { plain: change({ mchid: '1900000001' }) }],
  ['another currency', 'CURRENCY', { plain: amount({ currency: 'USD' }) }],
  ['no currency', 'CURRENCY', { plain: amount({ currency: undefined }) }],
  ['an unknown order', 'UNKNOWN_ORDER', { plain: change({ out_trade_no: 'MMXXXXXXXXXXXXXXXXXXXXXXXXXX' }), stranger: true }],
  ['one fen less', 'AMOUNT', { plain: amount({ total: FEN - 1 }) }],
  ['one fen more', 'AMOUNT', { plain: amount({ total: FEN + 1 }) }],
  ['a total of 0', 'AMOUNT', { plain: amount({ total: 0 }) }],
  ['a total of 2^63-1', 'UNDECRYPTABLE', { plain: (t) => JSON.stringify(t).replace('"total":8800', '"total":9223372036854775807') }],
  ['no amount', 'CURRENCY', { plain: change({ amount: undefined }) }],
  ['no transaction_id', 'TRANSACTION_ID', { plain: change({ transaction_id: undefined }) }],
  ['a long transaction_id', 'TRANSACTION_ID', { plain: change({ transaction_id: '4'.repeat(65) }) }],
  ['a key that is not ours', 'UNDECRYPTABLE', { sealing: { key: 'k'.repeat(32) } }],
  ['other associated data', 'UNDECRYPTABLE', { resource: { associated_data: 'refund' } }],
  ['another algorithm', 'UNDECRYPTABLE', { resource: { algorithm: 'AEAD_SM4_GCM' } }],
  ['another original_type', 'UNDECRYPTABLE', { resource: { original_type: 'refund' } }],
  ['a short ciphertext', 'UNDECRYPTABLE', { resource: { ciphertext: 'AAAA' } }],
  ['a ciphertext that is no Base64', 'UNDECRYPTABLE', { resource: { ciphertext: '!'.repeat(64) } }],
  ['a nonce of another length', 'UNDECRYPTABLE', { resource: { nonce: 'short' } }],
  ['a text that is no JSON', 'UNDECRYPTABLE', { plain: () => 'not json' }],
  ['a total as text', 'UNDECRYPTABLE', { plain: amount({ total: '8800' }) }],
  ['a total with a fraction', 'UNDECRYPTABLE', { plain: (t) => JSON.stringify(t).replace('8800', '8800.0') }],
];

for (const [what, reason, { plain = (t) => t, sealing, resource, stranger }] of MISFITS) {
  test(`${what}: never SUCCESS, never paid, stored as an orphan ${reason}, and the order stays payable (B34)`, async () => {
    const x = await prepared();
    const event = forger.event(plain(forger.transaction(x.outTradeNo, FEN)), { sealing, resource });
    assertFail(await forger.send(event), 400);
    await assertUnpaid(x);
    assertFail(await forger.send(event), 400);
    const [kept] = await trade.events(`event_id = '${event.id}'`);
    assert.deepEqual([kept.verdict, kept.reason, kept.copies], [VERDICT.orphan, reason, 2]);
    const lines = await trade.audit(0);
    assert.ok(lines.some((line) => line.startsWith(`open: event ${event.id}: orphan: ${reason}`)), lines.join('\n'));
    if (!stranger && reason !== 'UNDECRYPTABLE') {
      const [row] = await shop.sql(`SELECT OCTET_LENGTH(body) AS size FROM payment_events WHERE event_id = '${event.id}'`);
      assert.equal(row.size, Buffer.byteLength(JSON.stringify(event)), 'as it came');
    }
    assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
    assert.equal(await trade.status(x.order), PAID);
    assert.deepEqual(await trade.states(x.order), [ATTEMPT.granted]);
  });
}

test("the simulator's tampered notifications are refused (B34)", async () => {
  for (const [tamper, reason] of [['amount', 'AMOUNT'], ['mchid', 'MCHID'], ['appid', 'APPID'], ['ciphertext', 'UNDECRYPTABLE']]) {
    const x = await prepared();
    const eventId = `tampered-${tamper}`;
    const { body } = await shop.pay(x.outTradeNo, { tamper, event_id: eventId });
    assert.equal(body.status, 400, tamper);
    assert.equal((await trade.events(`event_id = '${eventId}'`))[0].reason, reason);
    await assertUnpaid(x);
  }
});

test('signed bytes that are not a notification are refused and stored under their hash (B34)', async () => {
  const before = await countEvents();
  for (const text of ['', 'x', '[]', 'null', '{}', '{"id":null}', '{"id":7}', `{"id":"${'i'.repeat(65)}"}`, '{"id":"a","id":"a"}']) {
    assertFail(await forger.send(text), 400);
  }
  const kept = (await trade.events("reason = 'MALFORMED'"));
  assert.equal(kept.length, 9);
  for (const { event_id: id } of kept) assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(await countEvents(), before + 9);
});

test('a trade_state other than SUCCESS never pays, and event_type alone decides nothing (B35)', async () => {
  for (const state of ['NOTPAY', 'CLOSED', 'REVOKED', 'USERPAYING', 'PAYERROR', 'ACCEPT', 'success', 'WHATEVER', '']) {
    const x = await prepared();
    const event = forger.event(forger.transaction(x.outTradeNo, FEN, { trade_state: state }));
    assertFail(await forger.send(event), 400);
    await assertUnpaid(x);
    assert.equal((await trade.events(`event_id = '${event.id}'`))[0].verdict, VERDICT.nothing);
  }
  const { body } = await shop.pay((await prepared()).outTradeNo, { tamper: 'state' });
  assert.equal(body.status, 400);
  const x = await prepared();
  const odd = forger.event(forger.transaction(x.outTradeNo, FEN), { event_type: 'REFUND.SUCCESS' });
  const { status } = await forger.send(odd);
  assert.ok([200, 400].includes(status));
  assert.equal(await trade.status(x.order), status === 200 ? PAID : PENDING, 'answer and state agree');
});

test('an event id with verdict nothing or orphan is processed again, and grants when it matches (B34)', async () => {
  const x = await prepared();
  const id = 'judged-again';
  const send = (more) => forger.send(forger.event(forger.transaction(x.outTradeNo, FEN, more), { id }));
  assertFail(await send({ trade_state: 'NOTPAY' }), 400);
  assertFail(await send({ mchid: '1900000001' }), 400);
  assertSuccess(await send({}));
  assertSuccess(await send({ mchid: '1900000001' })); // final: not processed again
  assert.deepEqual((await trade.events(`event_id = '${id}'`)).map((e) => [e.verdict, e.reason]), [[VERDICT.granted, null]]);
  assert.equal(await trade.status(x.order), PAID);
});

test('one notification 50 times concurrently: 50 success answers, one grant (B36)', async () => {
  const x = await prepared();
  const { body } = await trade.payNotified(x.outTradeNo, { times: 50 });
  assert.deepEqual(tally(body.answers.map(({ status }) => status)), { 200: 50 });
  for (const answer of body.answers) assert.deepEqual(JSON.parse(answer.body), SUCCESS);
  assert.equal(await trade.status(x.order), PAID);
  assert.deepEqual(await trade.moves(x.order), [-1]);
  const events = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
  assert.deepEqual(events.map((e) => e.verdict), [VERDICT.granted]);
});

test('the same for a shipped or completed order: it is unchanged (B36)', async () => {
  for (const status of [SHIPPED, COMPLETED]) {
    const order = await trade.orderIn(anna, [[product, 1]], status);
    const [{ out_trade_no: outTradeNo }] = await trade.attempts(order);
    const { body } = await trade.payNotified(outTradeNo, { times: 20 });
    assert.deepEqual(tally(body.answers.map((answer) => answer.status)), { 200: 20 });
    const other = await shop.pay(outTradeNo, { event_id: `later-${status}` });
    assert.equal(other.body.status, 200, 'another event about the same transaction');
    assert.equal(await trade.status(order), status);
    assert.deepEqual(await trade.states(order), [ATTEMPT.granted]);
    assert.equal((await trade.events(`event_id = 'later-${status}'`))[0].verdict, VERDICT.repeat);
  }
});

test('fifty concurrent events about one payment: one grant, 49 repeats (B36)', async () => {
  const x = await prepared();
  const t = forger.transaction(x.outTradeNo, FEN);
  const events = Array.from({ length: 50 }, () => forger.event(t));
  const answers = await Promise.all(events.map((event) => redelivered(() => forger.send(event))));
  answers.forEach(assertSuccess);
  const verdicts = (await trade.events(`out_trade_no = '${x.outTradeNo}'`)).map((e) => e.verdict);
  assert.deepEqual(tally(verdicts), { [VERDICT.granted]: 1, [VERDICT.repeat]: 49 });
});

test('a second transaction for a settled attempt, and one transaction for two attempts, are orphans (B34)', async () => {
  const [x, y] = [await prepared(), await prepared()];
  const id = newTransactionId();
  assertSuccess(await forger.send(forger.event(forger.transaction(x.outTradeNo, FEN, { transaction_id: id }))));
  assertFail(await forger.send(forger.event(forger.transaction(x.outTradeNo, FEN), { id: 'second' })), 400);
  assertFail(await forger.send(forger.event(forger.transaction(y.outTradeNo, FEN, { transaction_id: id }), { id: 'taken' })), 400);
  assert.deepEqual((await trade.events("event_id IN ('second', 'taken')")).map((e) => e.reason), ['SECOND_TRANSACTION', 'TRANSACTION_TAKEN']);
  await assertUnpaid(y);
});

test('two concurrent transactions for one attempt: one settles it, the other is an orphan (B34, B37)', async () => {
  for (let round = 0; round < 15; round++) {
    const x = await prepared();
    const answers = await Promise.all([0, 1].map(() => forger.send(forger.event(forger.transaction(x.outTradeNo, FEN)))));
    assert.deepEqual(tally(answers.map(({ status }) => status)), { 200: 1, 400: 1 });
    const events = await trade.events(`out_trade_no = '${x.outTradeNo}'`);
    assert.deepEqual(events.map(({ verdict, reason }) => [verdict, reason]).sort(), [[VERDICT.granted, null], [VERDICT.orphan, 'SECOND_TRANSACTION']].sort());
  }
});

test('while the row is locked, the response comes within 5 s and is 5xx; redelivered, it pays (B40)', async () => {
  const x = await prepared();
  for (const lock of [
    `SELECT id FROM orders WHERE order_no = '${x.order.order_id}' FOR UPDATE`,
    `SELECT attempt_id FROM payment_attempts WHERE out_trade_no = '${x.outTradeNo}' FOR UPDATE`,
  ]) {
    await assertPutOff(shop, lock, async () => (await shop.pay(x.outTradeNo)).body);
    await assertUnpaid(x);
  }
  assert.equal((await trade.payNotified(x.outTradeNo)).body.status, 200);
  assert.equal(await trade.status(x.order), PAID);
});

test('while the provider hangs, notifications are answered at once (B40, B54)', async () => {
  const [slow, quick] = [await trade.order(anna, [[product, 1]]), await prepared()];
  await trade.fault('jsapi', 'hang', { times: 4 });
  await trade.forgetRequests();
  let ended = 0;
  const hanging = Array.from({ length: 4 }, () => trade.tryPrepay(anna, slow).finally(() => { ended += 1; }));
  await trade.asked('jsapi');
  const { body } = await shop.pay(quick.outTradeNo);
  assert.equal(body.status, 200);
  assert.equal(ended, 0, 'the provider hung all the while');
  await Promise.all(hanging);
  await trade.noFaults();
});

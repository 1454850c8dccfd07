// SPDX-License-Identifier: MIT
// Refunds at the WeChat simulator: requested, refused, queried, completed, notified and forged.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { makeForger } from '../lib/notifications.mjs';
import {
  JSAPI, REFUNDS, byNumber, byRefund, call, dir, verifyNotification, keys, log, order, paid, pay, post, prepay, query, queryRefund, refund,
  refundOrder, refunded, refused, sandbox, sdk, setClock, shop, hasValidSignature, start, stateOf, stop, decrypt,
} from '../lib/simulator.mjs';

const DAY_S = 86_400;

after(stop, { timeout: 10_000 });
beforeEach(async () => {
  shop.received = [];
  shop.answer = null;
  await refundMode('PROCESSING');
});

const refundMode = async (status, base) => (
  assert.deepEqual((await sandbox('POST', '/sandbox/refund-mode', { status }, base)).body, { status }));
const lookAt = async (no) => JSON.parse((await queryRefund(no)).text);
const at = (s) => ({ auth: { timestamp: String(Math.floor(Date.now() / 1000) + s) } });
const refusedTo = (reply, text) => assert.match(refused(reply, 400, 'INVALID_REQUEST').message, text);

test('the SDK as client: a refund by either number is started, and completed on request', async () => {
  const made = await paid();
  const { transaction_id: id } = JSON.parse((await query(made.out_trade_no)).text);
  const body = refundOrder(made, { amount: { refund: 3000 } });
  const { data: begun } = await sdk.request(REFUNDS, 'POST', body);
  assert.match(begun.refund_id, /^5030\d{25}$/);
  assert.match(begun.create_time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/);
  const { refund_id: refundId, create_time: createTime, ...rest } = begun;
  assert.deepEqual(rest, {
    out_refund_no: body.out_refund_no,
    transaction_id: id,
    out_trade_no: made.out_trade_no,
    channel: 'ORIGINAL',
    user_received_account: '支付用户零钱',
    status: 'PROCESSING',
    funds_account: 'UNSETTLED',
    amount: {
      total: 8800, refund: 3000, payer_total: 8800, payer_refund: 3000, settlement_total: 8800, settlement_refund: 3000,
      discount_refund: 0, currency: 'CNY',
    },
  });
  assert.deepEqual((await sdk.request(byRefund(body.out_refund_no), 'GET')).data, begun);

  assert.equal((await refund(body.out_refund_no, { notify: false })).status, 200);
  const { data: ended } = await sdk.request(byRefund(body.out_refund_no), 'GET');
  const { success_time: successTime, ...same } = ended;
  assert.deepEqual(same, { ...begun, status: 'SUCCESS' });
  assert.ok(Math.abs(Date.parse(successTime) - Date.now()) < 10_000, successTime);

  const { out_trade_no: _, ...other } = refundOrder(made, { amount: { refund: 5800 }, funds_account: 'AVAILABLE' });
  const { data: second } = await sdk.request(REFUNDS, 'POST', { ...other, transaction_id: id });
  assert.equal(second.out_trade_no, made.out_trade_no);
  assert.equal(second.funds_account, 'AVAILABLE');
  assert.notEqual(second.refund_id, refundId);
});

test('an order with a refund stays paid, and query reports REFUND from the first one on', async () => {
  const made = await paid();
  const before = JSON.parse((await query(made.out_trade_no)).text);
  await pay(made.out_trade_no);
  const { body } = await refunded(made, { amount: { refund: 1 } });
  const expected = { ...before, trade_state: 'REFUND', trade_state_desc: '转入退款' };
  assert.deepEqual(JSON.parse((await query(made.out_trade_no)).text), expected);
  const byId = await call('GET', `/v3/pay/transactions/id/${before.transaction_id}?mchid=${keys.mchid}`);
  assert.deepEqual(JSON.parse(byId.text), expected);
  await refund(body.out_refund_no, { status: 'CLOSED', notify: false });
  assert.equal(await stateOf(made.out_trade_no), 'REFUND');

  const { prepay_id: prepayId, ...request } = made;
  refused(await post(JSAPI, request), 400, 'ORDERPAID');
  refused(await post(`${byNumber(made.out_trade_no)}/close`, { mchid: keys.mchid }), 400, 'ORDERPAID');
  await pay(prepayId); // the payment's notification, repeated, is still the payment's
  assert.deepEqual(shop.received.map((notice) => verifyNotification(notice)), [before, before]);
  assert.equal(new Set(shop.received.map(({ body: text }) => JSON.parse(text).id)).size, 1);
});

test('one out_refund_no is one refund', async () => {
  const made = await paid();
  const { body, reply } = await refunded(made, { amount: { refund: 100 } });
  assert.deepEqual(JSON.parse((await post(REFUNDS, Object.fromEntries(Object.entries(body).reverse()))).text), reply);
  await refund(body.out_refund_no, { notify: false });
  assert.equal(JSON.parse((await post(REFUNDS, body)).text).status, 'SUCCESS');
  const others = [
    { ...body, amount: { ...body.amount, refund: 101 } }, { ...body, reason: '别的理由' },
    { ...refundOrder(await paid()), out_refund_no: body.out_refund_no },
  ];
  for (const other of others) refusedTo(await post(REFUNDS, other), /退款单号已存在/);
  assert.equal((await sandbox('GET', `/sandbox/orders/${made.out_trade_no}`)).body.refunds.length, 1);
  assert.equal(await stateOf(others[2].out_trade_no), 'SUCCESS');
});

test('concurrent copies of one request are one refund', async () => {
  const body = refundOrder(await paid());
  const replies = await Promise.all(Array.from({ length: 20 }, () => post(REFUNDS, body)));
  assert.ok(replies.every(({ status }) => status === 200));
  assert.equal(new Set(replies.map(({ text }) => JSON.parse(text).refund_id)).size, 1);
});

test('refunds of an order never exceed what was paid; a closed one releases its amount', async () => {
  const made = await paid();
  const ask = (fen, more) => post(REFUNDS, refundOrder(made, { amount: { refund: fen }, ...more }));
  refusedTo(await ask(8801), /大于订单剩余/);
  const { body: first } = await refunded(made, { amount: { refund: 5000 } });
  refusedTo(await ask(3801), /大于订单剩余/);
  assert.equal((await ask(3800)).status, 200);
  refusedTo(await ask(1), /大于订单剩余/);
  await refund(first.out_refund_no, { status: 'ABNORMAL', notify: false });
  refusedTo(await ask(1), /大于订单剩余/); // the money is still due to the payer
  await refund(first.out_refund_no, { status: 'CLOSED', notify: false });
  refusedTo(await ask(5001), /大于订单剩余/);
  const raced = await Promise.all(Array.from({ length: 10 }, () => ask(2000)));
  assert.equal(raced.filter(({ status }) => status === 200).length, 2);
  assert.equal((await lookAt(first.out_refund_no)).status, 'CLOSED');
});

test('an order is refunded fifty times at most', async () => {
  const made = await paid();
  for (let i = 0; i < 50; i++) await refunded(made, { amount: { refund: 1 } });
  refusedTo(await post(REFUNDS, refundOrder(made, { amount: { refund: 1 } })), /次数/);
});

test('a refund of an unknown, unpaid or differently priced order is refused', async () => {
  const made = await paid();
  refused(await post(REFUNDS, refundOrder(order())), 404, 'RESOURCE_NOT_EXISTS');
  const { out_trade_no: _, ...byId } = refundOrder(made, { transaction_id: '4200000000000000000000000000' });
  refused(await post(REFUNDS, byId), 404, 'RESOURCE_NOT_EXISTS');
  refused(await queryRefund('R-unknown'), 404, 'RESOURCE_NOT_EXISTS');

  const open = await prepay();
  refusedTo(await post(REFUNDS, refundOrder(open)), /未支付/);
  await post(`${byNumber(open.out_trade_no)}/close`, { mchid: keys.mchid });
  refusedTo(await post(REFUNDS, refundOrder(open)), /未支付/);
  refusedTo(await post(REFUNDS, refundOrder(made, { amount: { refund: 1, total: 8801 } })), /金额/);
  assert.equal(await stateOf(made.out_trade_no), 'SUCCESS');
  try {
    setClock(366 * DAY_S);
    const late = await post(REFUNDS, refundOrder(made), at(366 * DAY_S));
    assert.match(JSON.parse(late.text).message, /最大期限/);
    setClock(364 * DAY_S);
    assert.equal((await post(REFUNDS, refundOrder(made), at(364 * DAY_S))).status, 200);
  } finally {
    setClock(0);
  }
});

test('an invalid body is refused, naming the member', async () => {
  const made = await paid();
  const amount = (more) => ({ amount: more });
  const flaws = [
    [{ out_trade_no: undefined }, '/transaction_id'], [{ transaction_id: '42000' }, '/transaction_id'],
    [{ out_trade_no: 'A 123456' }, '/out_trade_no'], [{ out_trade_no: null }, '/out_trade_no'],
    [{ out_refund_no: undefined }, '/out_refund_no'], [{ out_refund_no: '' }, '/out_refund_no'],
    [{ out_refund_no: 'R'.repeat(65) }, '/out_refund_no'], [{ out_refund_no: 'R/1' }, '/out_refund_no'],
    [{ out_refund_no: '退1' }, '/out_refund_no'], [{ out_refund_no: 7 }, '/out_refund_no'],
    [{ reason: '' }, '/reason'], [{ reason: '退'.repeat(81) }, '/reason'], [{ reason: 'a\nb' }, '/reason'],
    [{ notify_url: 'http://shop.example/n' }, '/notify_url'], [{ notify_url: 'https://shop.example/n?a=1' }, '/notify_url'],
    [{ notify_url: `https://shop.example/${'n'.repeat(240)}` }, '/notify_url'],
    [{ funds_account: 'BASIC' }, '/funds_account'], [{ mchid: keys.mchid }, '/mchid'],
    [amount({ refund: undefined }), '/amount/refund'], [amount({ refund: 0 }), '/amount/refund'],
    [amount({ refund: -1 }), '/amount/refund'], [amount({ refund: 1.5 }), '/amount/refund'],
    [amount({ refund: '1' }), '/amount/refund'], [amount({ total: undefined }), '/amount/total'],
    [amount({ total: 100_000_000_001 }), '/amount/total'], [amount({ currency: undefined }), '/amount/currency'],
    [amount({ currency: 'USD' }), '/amount/currency'], [amount({ fee: 1 }), '/amount/fee'],
    [{ goods_detail: [{}] }, '/goods_detail/0/merchant_goods_id'],
  ];
  for (const [more, field] of flaws) {
    const { detail } = refused(await post(REFUNDS, refundOrder(made, more)), 400, 'PARAM_ERROR');
    assert.equal(detail.field, field, JSON.stringify(more));
    assert.deepEqual(Object.keys(detail), ['field', 'value', 'issue', 'location']);
  }
  const text = JSON.stringify(refundOrder(made)).replace('8800', '8800.0');
  refused(await call('POST', REFUNDS, { text }), 400, 'PARAM_ERROR');
  refused(await post(REFUNDS, refundOrder(made), { auth: { nonce_str: '-' } }), 401, 'SIGN_ERROR');
  refused(await post(`${REFUNDS}?mchid=${keys.mchid}`, refundOrder(made)), 400, 'PARAM_ERROR');
  refused(await call('GET', `${REFUNDS}/R1?mchid=${keys.mchid}`), 400, 'PARAM_ERROR');
  refused(await call('GET', REFUNDS), 405, 'METHOD_NOT_ALLOWED');
  assert.equal(await stateOf(made.out_trade_no), 'SUCCESS');

  const { reason: _, notify_url: __, ...least } = refundOrder(made, { amount: { refund: 1 } });
  assert.equal((await post(REFUNDS, least)).status, 200);
  const edges = refundOrder(made, {
    out_refund_no: `r_-|*@${randomBytes(29).toString('hex')}`, reason: '退'.repeat(80), amount: { refund: 1 },
    notify_url: `https://shop.example/${'n'.repeat(235)}`,
    goods_detail: [{ merchant_goods_id: '1', unit_price: 8800, refund_amount: 1, refund_quantity: 1 }],
  });
  const reply = await post(REFUNDS, edges);
  assert.equal(reply.status, 200, reply.text);
  assert.equal((await queryRefund(edges.out_refund_no)).text, reply.text);
});

test('a coupon is refunded in shares that add up to it', async () => {
  const made = await paid({}, { coupon_fen: 800 });
  const parts = [];
  for (const fen of [1, 3333, 3333, 2133]) parts.push((await refunded(made, { amount: { refund: fen } })).reply);
  const amounts = parts.map(({ amount }) => amount);
  for (const { total, payer_total: payerTotal, refund: fen, payer_refund: payer, discount_refund: coupon } of amounts) {
    assert.deepEqual([total, payerTotal, payer + coupon], [8800, 8000, fen]);
  }
  const sum = (name) => amounts.reduce((n, amount) => n + amount[name], 0);
  assert.deepEqual([sum('refund'), sum('payer_refund'), sum('discount_refund')], [8800, 8000, 800]);
  assert.equal(parts[0].promotion_detail, undefined);
  assert.equal(parts[1].promotion_detail[0].refund_amount, parts[1].amount.discount_refund);

  // For the largest amounts a product of doubles would be a fen short.
  const dear = await paid({ amount: { total: 100_000_000_000, currency: 'CNY' } }, { coupon_fen: 99_999_999_989 });
  const { reply } = await refunded(dear, { amount: { refund: 99_999_997_856 } });
  assert.deepEqual([reply.amount.payer_refund, reply.amount.discount_refund], [11, 99_999_997_845]);
});

test('new refunds are answered according to the mode', async () => {
  for (const status of ['SUCCESS', 'ABNORMAL', 'CLOSED', 'PROCESSING']) {
    await refundMode(status);
    const { body, reply } = await refunded();
    assert.equal(reply.status, status);
    assert.equal('success_time' in reply, status === 'SUCCESS');
    assert.deepEqual(await lookAt(body.out_refund_no), reply);
  }
  const quick = await start({ refundMode: 'SUCCESS' });
  const there = { base: quick.url };
  const body = order();
  await post(JSAPI, body, there);
  await sandbox('POST', `/pay/${body.out_trade_no}`, { notify: false }, quick.url);
  assert.equal(JSON.parse((await post(REFUNDS, refundOrder(body), there)).text).status, 'SUCCESS');
  await assert.rejects(start({ refundMode: 'DONE' }), /status must be one of/);
});

test('the completion of a refund is notified: signed, encrypted, and equal to the query', async () => {
  const summaries = { SUCCESS: '退款成功', ABNORMAL: '退款异常', CLOSED: '退款关闭' };
  for (const [status, summary] of Object.entries(summaries)) {
    shop.received = [];
    const { body: { out_refund_no: no } } = await refunded(await paid({}, { coupon_fen: 800 }), { amount: { refund: 4400 } });
    shop.answer = (response) => response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"code":"SUCCESS"}');
    const { body } = await refund(no, { status });
    assert.equal(body.status, 200);
    assert.equal(body.body, '{"code":"SUCCESS"}');
    const [notice] = shop.received;
    const event = JSON.parse(notice.body);
    assert.match(event.id, /^[0-9a-f-]{36}$/);
    assert.equal(event.event_type, `REFUND.${status}`);
    assert.equal(event.summary, summary);
    assert.equal(event.resource_type, 'encrypt-resource');
    assert.equal(event.resource.original_type, 'refund');
    assert.equal(event.resource.associated_data, 'refund');
    const now = await lookAt(no);
    assert.equal(now.status, status);
    assert.deepEqual(verifyNotification(notice), {
      mchid: keys.mchid,
      out_trade_no: now.out_trade_no,
      transaction_id: now.transaction_id,
      out_refund_no: no,
      refund_id: now.refund_id,
      refund_status: status,
      ...(status === 'SUCCESS' && { success_time: now.success_time }),
      user_received_account: '支付用户零钱',
      amount: { total: 8800, refund: 4400, payer_total: 8000, payer_refund: 4000 },
    });
    await refund(no, { status, times: 3 }); // repeated: the same event, newly signed and encrypted
    assert.deepEqual(shop.received.map((again) => JSON.parse(again.body).id), Array(4).fill(event.id));
    assert.equal(new Set(shop.received.map(({ headers }) => headers['wechatpay-signature'])).size, 4);
  }
});

test('an abnormal refund can still succeed or close; success and closed are final', async () => {
  const { body: { out_refund_no: no } } = await refunded();
  await refund(no, { status: 'ABNORMAL' });
  await refund(no);
  assert.equal((await lookAt(no)).status, 'SUCCESS');
  assert.equal(new Set(shop.received.map(({ body }) => JSON.parse(body).id)).size, 2);
  assert.deepEqual(shop.received.map((notice) => verifyNotification(notice).refund_status), ['ABNORMAL', 'SUCCESS']);
  for (const status of ['ABNORMAL', 'CLOSED']) assert.equal((await refund(no, { status })).status, 409);
  const { body: { out_refund_no: closed } } = await refunded();
  await refund(closed, { status: 'CLOSED', notify: false });
  assert.equal((await refund(closed)).status, 409);
  assert.equal(shop.received.length, 2);
});

test('options of a completion: no notification, event id, delay, serial, age, reorder, headers, no address', async () => {
  const { body: { out_refund_no: no } } = await refunded();
  assert.deepEqual((await refund(no, { notify: false })).body, { status: null, body: null });
  assert.equal(shop.received.length, 0);
  await refund(no, { event_id: 'EV-1' });
  assert.equal(JSON.parse(shop.received[0].body).id, 'EV-1');
  const before = performance.now();
  await refund(no, { delay_ms: 120 });
  assert.ok(performance.now() - before >= 119);
  assert.notEqual(JSON.parse(shop.received[1].body).id, 'EV-1'); // which was of one delivery
  await refund(no, { serial: 'PUB_KEY_ID_7' });
  assert.equal(verifyNotification(shop.received.at(-1)), 'serial');
  await refund(no, { age_s: 400 });
  assert.equal(verifyNotification(shop.received.at(-1)), 'timestamp');
  await refund(no, { reorder: true });
  assert.equal(verifyNotification(shop.received.at(-1)), 'signature');
  await refund(no, { headers: { 'X-More': 'a' } });
  assert.equal(shop.received.at(-1).headers['x-more'], 'a');

  const heard = shop.received.length;
  const { body: silent } = await refunded(null, { notify_url: undefined });
  assert.deepEqual((await refund(silent.out_refund_no)).body, { status: null, body: null });
  assert.equal((await lookAt(silent.out_refund_no)).status, 'SUCCESS');
  assert.equal(shop.received.length, heard);
});

test('a tampered notification is wrong in exactly one thing and leaves the refund as it is', async (t) => {
  const wrong = {
    amount: (v) => v.amount.refund === 3001 && v.amount.payer_refund === 3001,
    mchid: (v) => v.mchid !== keys.mchid && /^\d{10}$/.test(v.mchid),
    state: (v) => v.refund_status === 'PROCESSING',
    ciphertext: (v) => v === 'seal',
    timestamp: (v) => v === 'timestamp',
    signature: (v) => v === 'signature',
  };
  for (const [tamper, holds] of Object.entries(wrong)) {
    await t.test(tamper, async () => {
      shop.received = [];
      const { body: { out_refund_no: no }, reply } = await refunded(null, { amount: { refund: 3000 } });
      shop.answer = (response) => response.writeHead(401).end('no');
      assert.equal((await refund(no, { tamper })).body.status, 401);
      const verdict = verifyNotification(shop.received[0]);
      assert.ok(holds(verdict), JSON.stringify(verdict));
      assert.deepEqual(await lookAt(no), reply);
      assert.equal((await refund(no)).status, 200);
      if (typeof verdict !== 'object') return;
      const genuine = verifyNotification(shop.received[1]);
      const changed = Object.keys(genuine).filter((name) => JSON.stringify(genuine[name]) !== JSON.stringify(verdict[name]));
      const member = tamper === 'state' ? 'refund_status' : tamper;
      assert.deepEqual(changed.filter((name) => name !== 'success_time'), [member]);
      await refund(no, { tamper }); // also after the genuine one it is another event
      assert.equal(new Set(shop.received.map(({ body }) => JSON.parse(body).id)).size, 3);
    });
  }
});

test('invalid input to the sandbox is refused with a message', async () => {
  const { body: { out_refund_no: no } } = await refunded();
  const cases = [
    [`/refund/${no}`, { status: 'PROCESSING' }, 400, /status must be one of/],
    [`/refund/${no}`, { tamper: 'appid' }, 400, /tamper/],
    [`/refund/${no}`, { coupon_fen: 1 }, 400, /unknown option coupon_fen/],
    [`/refund/${no}`, { times: 0 }, 400, /times/],
    [`/refund/${no}`, { tamper: 'amount', notify: false }, 400, /notify/],
    ['/refund/R-unknown', {}, 404, /no refund/],
    ['/sandbox/refund-mode', {}, 400, /status must be one of/],
    ['/sandbox/refund-mode', { status: 'success' }, 400, /status must be one of/],
    ['/sandbox/refund-mode', { status: 'SUCCESS', times: 1 }, 400, /unknown member times/],
    ['/sandbox/faults', { on: 'refund', fault: 'wrong_amount' }, 400, /only/],
    ['/sandbox/faults', { on: 'refund_query', fault: 'not_enough' }, 400, /refund only/],
  ];
  for (const [path, body, status, message] of cases) {
    const reply = await sandbox('POST', path, body);
    assert.equal(reply.status, status, `${path} ${JSON.stringify(reply.body)}`);
    assert.match(reply.body.message, message);
  }
  assert.equal((await lookAt(no)).status, 'PROCESSING');
  assert.equal(shop.received.length, 0);
  assert.ok(log.every((line) => !line.includes(keys.apiV3Key)));
});

test('a restart keeps refunds and their events; an old state file without refunds is read', async () => {
  const stateFile = join(dir, 'refunds.json');
  let one = await start({ stateFile });
  const there = () => ({ base: one.url });
  const made = order();
  await post(JSAPI, made, there());
  await sandbox('POST', `/pay/${made.out_trade_no}`, { notify: false }, one.url);
  const whole = readFileSync(stateFile, 'utf8');
  const body = refundOrder(made, { amount: { refund: 5000 } });
  await post(REFUNDS, body, there());
  await sandbox('POST', `/refund/${body.out_refund_no}`, {}, one.url);
  const before = (await queryRefund(body.out_refund_no, there())).text;
  await one.close();

  one = await start({ stateFile });
  assert.equal((await queryRefund(body.out_refund_no, there())).text, before);
  assert.equal((await post(REFUNDS, body, there())).text, before);
  refused(await post(REFUNDS, refundOrder(made, { amount: { refund: 3801 } }), there()), 400, 'INVALID_REQUEST');
  await sandbox('POST', `/refund/${body.out_refund_no}`, {}, one.url);
  assert.equal(new Set(shop.received.map(({ body: text }) => JSON.parse(text).id)).size, 1);
  await one.close();

  const old = JSON.parse(whole);
  for (const each of old.orders) delete each.refunds;
  writeFileSync(stateFile, JSON.stringify(old));
  one = await start({ stateFile });
  assert.equal(JSON.parse((await query(made.out_trade_no, there())).text).trade_state, 'SUCCESS');
  assert.equal((await post(REFUNDS, body, there())).status, 200);
});

test('the forger\'s genuine refund events are like the simulator\'s', async () => {
  const forger = makeForger(keys, shop.url);
  const { body, reply } = await refunded();
  await refund(body.out_refund_no);
  const { transaction_id, refund_id, success_time } = await lookAt(body.out_refund_no);
  const plain = forger.refund(body.out_trade_no, body.out_refund_no, 8800, { transaction_id, refund_id, success_time });
  await forger.send(forger.refundEvent(plain));
  const [genuine, forged] = shop.received;
  assert.deepEqual(verifyNotification(forged), verifyNotification(genuine));
  assert.equal(reply.refund_id.length, forger.refund('', '', 1).refund_id.length);
  const [one, other] = [genuine, forged].map(({ body: text }) => JSON.parse(text));
  for (const member of ['event_type', 'resource_type']) assert.equal(other[member], one[member]);
  for (const member of ['original_type', 'algorithm', 'associated_data']) assert.equal(other.resource[member], one.resource[member]);

  const part = forger.refund('T1', 'R1', 8800, { refund_status: 'CLOSED', amount: { refund: 1 } });
  await forger.send(forger.refundEvent(part, { sealing: { data: '' }, id: 'EV-9' }));
  const event = JSON.parse(shop.received.at(-1).body);
  assert.deepEqual([event.id, event.event_type, event.resource.associated_data], ['EV-9', 'REFUND.CLOSED', '']);
  assert.deepEqual(decrypt(event).amount, { total: 8800, refund: 1, payer_total: 8800, payer_refund: 8800 });
});

// ---- made in the merchant console ----

const inConsole = (no, body) => sandbox('POST', `/console/refund/${no}`, body);
const eventTypes = () => shop.received.map(({ body }) => JSON.parse(body).event_type);

test('a console refund, full or partial, is notified under its own number, and looks like any other', async () => {
  const made = await paid();
  const { status, body: first } = await inConsole(made.out_trade_no, { amount_fen: 3000 });
  assert.equal(status, 200);
  assert.match(first.out_refund_no, /^\d{28}$/);
  const told = verifyNotification(shop.received.at(-1));
  assert.equal(eventTypes().at(-1), 'REFUND.SUCCESS');
  assert.deepEqual([told.out_trade_no, told.out_refund_no, told.amount.refund], [made.out_trade_no, first.out_refund_no, 3000]);
  assert.equal((await lookAt(first.out_refund_no)).status, 'SUCCESS');
  assert.equal(await stateOf(made.out_trade_no), 'REFUND');
  const { body: rest } = await inConsole(made.out_trade_no, { notify: false, out_refund_no: 'by|hand*1@_-' });
  assert.deepEqual(rest, { out_refund_no: 'by|hand*1@_-', answer: { status: null, body: null } });
  assert.equal((await lookAt('by|hand*1@_-')).amount.refund, 5800);
  assert.equal((await inConsole(made.out_trade_no, {})).status, 409, 'nothing is left');
});

test('the console refuses what WeChat refuses', async () => {
  const made = await paid();
  for (const [body, status] of [[{ amount_fen: 8801 }, 409], [{ amount_fen: 0 }, 400], [{ amount_fen: 1.5 }, 400], [{ status: 'DONE' }, 400],
    [{ out_refund_no: '退款' }, 400], [{ colour: 'red' }, 400]]) {
    assert.equal((await inConsole(made.out_trade_no, body)).status, status, JSON.stringify(body));
  }
  assert.equal((await inConsole('MMnothing', {})).status, 404);
  const unpaid = await prepay();
  assert.equal((await inConsole(unpaid.out_trade_no, {})).status, 409);
  await inConsole(made.out_trade_no, { amount_fen: 1, out_refund_no: 'once' });
  assert.equal((await inConsole(made.out_trade_no, { amount_fen: 1, out_refund_no: 'once' })).status, 409);
});

test('a console refund in progress is not notified until it ends', async () => {
  const made = await paid();
  const { body } = await inConsole(made.out_trade_no, { status: 'PROCESSING' });
  assert.ok(!eventTypes().some((type) => type.startsWith('REFUND')));
  assert.equal((await refund(body.out_refund_no, { status: 'ABNORMAL' })).status, 200);
  assert.equal(eventTypes().at(-1), 'REFUND.ABNORMAL');
});

// SPDX-License-Identifier: MIT
// Faults of the WeChat simulator on demand: forged, broken, late, lost and false responses.
import assert from 'node:assert/strict';
import { after, beforeEach, test } from 'node:test';
import {
  JSAPI, REFUNDS, byNumber, byRefund, call, keys, login, order, paid, post, prepay, query, queryRefund, refundOrder, refunded,
  refused, sandbox, sdk, send, hasValidSignature, start, stateOf, stop, switchOn, wechat,
} from '../lib/simulator.mjs';

after(stop, { timeout: 10_000 });
beforeEach(() => sandbox('DELETE', '/sandbox/faults'));

const CALLS = {
  jsapi: () => sdk.request(JSAPI, 'POST', order()),
  query: async () => sdk.request(`${byNumber((await prepay()).out_trade_no)}?mchid=${keys.mchid}`, 'GET'),
  close: async () => sdk.request(`${byNumber((await prepay()).out_trade_no)}/close`, 'POST', { mchid: keys.mchid }),
  refund: async () => sdk.request(REFUNDS, 'POST', refundOrder(await paid())),
  refund_query: async () => sdk.request(byRefund((await refunded()).body.out_refund_no), 'GET'),
};

test('forged responses: the SDK refuses each, on every interface, and accepts the next one', async (t) => {
  const codes = {
    bad_signature: 'EV3_RES_HEADER_SIGNATURE_DIGEST',
    signtest: 'EV3_RES_HEADER_SIGNATURE_DIGEST',
    no_signature: 'EV3_RES_HEADERS_INCOMPLATE',
    old_timestamp: 'EV3_RES_HEADER_TIMESTAMP_OFFSET',
    unknown_serial: 'EV3_RES_HEADER_PLATFORM_SERIAL',
  };
  for (const [on, request] of Object.entries(CALLS)) {
    for (const [fault, code] of Object.entries(codes)) {
      await t.test(`${on} ${fault}`, async () => {
        await switchOn(on, fault);
        await assert.rejects(request(), (error) => {
          assert.equal(error.code, code);
          assert.ok(error.response.status === (on === 'close' ? 204 : 200));
          return true;
        });
        assert.ok((await request()).status < 300);
      });
    }
  }
});

// The SDK accepts a repeated signature: Node joins the two, and its Base64 decoder stops at the
// first padding. So this fault is checked on the wire.
test('a probe looks like WeChat\'s, and a repeated header is sent twice', async () => {
  await switchOn('jsapi', 'signtest');
  const probe = (await post(JSAPI, order())).headers['wechatpay-signature'];
  assert.ok(probe.startsWith('WECHATPAY/SIGNTEST/'));
  assert.equal(probe.length, 355);
  for (const on of Object.keys(CALLS)) {
    await switchOn(on, 'duplicate_header');
    const { raw } = await RAW[on]();
    assert.equal(raw.filter((name) => name === 'Wechatpay-Signature').length, 2, on);
  }
});

// One raw call of each interface, whatever its result.
const RAW = {
  jscode2session: () => send('GET', `${wechat.url}/sns/jscode2session?appid=${keys.appid}&secret=${keys.secret}`
    + '&js_code=sandbox:bob&grant_type=authorization_code'),
  jsapi: () => post(JSAPI, order()),
  query: async () => query((await prepay()).out_trade_no),
  close: async () => post(`${byNumber((await prepay()).out_trade_no)}/close`, { mchid: keys.mchid }),
  refund: async () => post(REFUNDS, refundOrder(await paid())),
  refund_query: async () => queryRefund((await refunded()).body.out_refund_no),
};

test('broken responses, on every interface', async (t) => {
  const signed = (on, reply) => on === 'jscode2session' || hasValidSignature(reply, reply.text);
  const isStatus = (status) => (reply, on) => reply.status === status && signed(on, reply);
  const checks = {
    status_500: isStatus(500),
    status_429: isStatus(429),
    status_202: isStatus(202),
    status_502: ({ status, headers, text }) => (
      status === 502 && text.startsWith('<html>') && !headers['wechatpay-signature']),
    not_json: (reply, on) => reply.status === 200 && reply.text.startsWith('<html>') && signed(on, reply),
    huge: (reply, on) => reply.text.length > 65_536 && JSON.parse(reply.text) && signed(on, reply),
  };
  for (const [on, request] of Object.entries(RAW)) {
    for (const [fault, holds] of Object.entries(checks)) {
      await t.test(`${on} ${fault}`, async () => {
        await switchOn(on, fault);
        const reply = await request();
        assert.ok(holds(reply, on), `${reply.status} ${reply.text.slice(0, 200)}`);
        assert.ok([200, 204].includes((await request()).status));
      });
    }
    await t.test(`${on} truncated`, async () => {
      await switchOn(on, 'truncated');
      await assert.rejects(request(), { code: 'ECONNRESET' });
    });
    await t.test(`${on} late`, async () => {
      await switchOn(on, 'late', { delay_ms: 150 });
      const began = performance.now();
      assert.ok([200, 204].includes((await request()).status));
      assert.ok(performance.now() - began >= 149);
    });
  }
});

test('drop_after does the work and loses the response; the other failures do no work', async () => {
  const lost = order();
  await switchOn('jsapi', 'drop_after');
  await assert.rejects(post(JSAPI, lost), { code: 'ECONNRESET' });
  assert.equal(await stateOf(lost.out_trade_no), 'NOTPAY');
  await switchOn('close', 'drop_after');
  await assert.rejects(post(`${byNumber(lost.out_trade_no)}/close`, { mchid: keys.mchid }), { code: 'ECONNRESET' });
  assert.equal(await stateOf(lost.out_trade_no), 'CLOSED');
  const bought = await paid();
  const returned = refundOrder(bought);
  await switchOn('refund', 'drop_after');
  await assert.rejects(post(REFUNDS, returned), { code: 'ECONNRESET' });
  const begun = await queryRefund(returned.out_refund_no);
  assert.equal(JSON.parse(begun.text).status, 'PROCESSING');
  assert.equal((await post(REFUNDS, returned)).text, begun.text); // requested again, it is the same one

  for (const fault of ['status_500', 'status_429', 'status_202', 'status_502']) {
    const never = order();
    await switchOn('jsapi', fault);
    await post(JSAPI, never);
    assert.equal((await sandbox('GET', `/sandbox/orders/${never.out_trade_no}`)).status, 404, fault);
  }
  for (const fault of ['status_500', 'status_429', 'status_202', 'status_502', 'not_enough']) {
    const never = refundOrder(await paid());
    await switchOn('refund', fault);
    await post(REFUNDS, never);
    refused(await queryRefund(never.out_refund_no), 404, 'RESOURCE_NOT_EXISTS');
    assert.equal(await stateOf(never.out_trade_no), 'SUCCESS', fault);
  }
  await switchOn('jscode2session', 'busy');
  assert.equal((await login('sandbox:bob:once-busy')).errcode, -1);
  assert.equal((await login('sandbox:bob:once-busy')).openid, 'sandbox-bob'); // busy had not consumed it
});

test('query can report another amount, merchant or order, correctly signed', async () => {
  const made = await prepay();
  const truth = JSON.parse((await query(made.out_trade_no)).text);
  const lies = {
    wrong_amount: (r) => r.amount.total,
    wrong_mchid: (r) => r.mchid,
    wrong_out_trade_no: (r) => r.out_trade_no,
  };
  for (const [fault, member] of Object.entries(lies)) {
    await switchOn('query', fault);
    const reply = await query(made.out_trade_no);
    assert.ok(hasValidSignature(reply, reply.text));
    assert.notEqual(member(JSON.parse(reply.text)), member(truth), fault);
  }
  assert.deepEqual(JSON.parse((await query(made.out_trade_no)).text), truth);
  await switchOn('query', 'truncated'); // a fault of the body doesn't change the status of an error
  await assert.rejects(query('T0000000000'), { code: 'ECONNRESET' });
  await switchOn('query', 'not_json');
  assert.equal((await query('T0000000000')).status, 404);
  await switchOn('query', 'bad_signature');
  const refusal = await query('T0000000000');
  assert.equal(refusal.status, 404);
  assert.equal(hasValidSignature(refusal, refusal.text), false);
});

test('a refund can also be answered with another amount or number, correctly signed', async () => {
  const { body, reply: truth } = await refunded(null, { amount: { refund: 300 } });
  const lies = {
    wrong_amount: (r) => r.amount.refund,
    wrong_out_trade_no: (r) => r.out_trade_no,
    wrong_out_refund_no: (r) => r.out_refund_no,
  };
  for (const [fault, member] of Object.entries(lies)) {
    await switchOn('refund_query', fault);
    const reply = await queryRefund(body.out_refund_no);
    assert.ok(hasValidSignature(reply, reply.text));
    const told = JSON.parse(reply.text);
    assert.notEqual(member(told), member(truth), fault);
    const wrong = Object.keys(truth).filter((name) => JSON.stringify(told[name]) !== JSON.stringify(truth[name]));
    assert.equal(wrong.length, 1, `${fault}: ${wrong}`);
  }
  assert.deepEqual(JSON.parse((await queryRefund(body.out_refund_no)).text), truth);
  await switchOn('refund', 'wrong_out_refund_no');
  assert.notEqual(JSON.parse((await post(REFUNDS, body)).text).out_refund_no, body.out_refund_no);
});

test('the merchant account may not hold enough to refund from', async () => {
  const body = refundOrder(await paid());
  await switchOn('refund', 'not_enough');
  const reply = await post(REFUNDS, body);
  assert.equal(reply.status, 403);
  assert.equal(JSON.parse(reply.text).code, 'NOT_ENOUGH');
  assert.ok(hasValidSignature(reply, reply.text));
  assert.equal((await post(REFUNDS, body)).status, 200); // topped up: the same number works
});

test('hang gives no response, blocks no other call, and does not delay close()', { timeout: 10_000 }, async () => {
  const own = await start();
  const on = (path, options) => call('POST', path, { ...options, base: own.url });
  await sandbox('POST', '/sandbox/faults', { on: 'jsapi', fault: 'hang', times: 2 }, own.url);
  const leaver = new AbortController();
  const left = on(JSAPI, { text: JSON.stringify(order()), signal: leaver.signal });
  const held = on(JSAPI, { text: JSON.stringify(order()) });
  const outcome = Promise.race([left, held]).then(() => 'answered', (error) => error.code);
  const heldOutcome = held.then(() => 'answered', (error) => error.code);
  for (;;) { // the two must have consumed the fault before the third call
    const { body } = await sandbox('GET', '/sandbox/faults', undefined, own.url);
    if (body.length === 0) break;
  }
  assert.equal((await on(JSAPI, { text: JSON.stringify(order()) })).status, 200);
  const { body } = await sandbox('GET', '/sandbox/requests', undefined, own.url);
  assert.deepEqual(body.map(({ status }) => status), [null, null, 200]);
  leaver.abort();
  assert.equal(await outcome, 'ABORT_ERR');
  await own.close();
  assert.equal(await heldOutcome, 'ECONNRESET');
  await own.close(); // twice is once
});

test('a late response is sent as soon as the faults are cleared', { timeout: 60_000 }, async () => {
  await switchOn('jsapi', 'late', { delay_ms: 120_000 });
  const body = order();
  let answered = false;
  const slow = post(JSAPI, body).finally(() => { answered = true; });
  for (;;) { // it must have consumed the fault before that is cleared
    if ((await sandbox('GET', '/sandbox/faults')).body.length === 0) break;
  }
  assert.equal(await stateOf(body.out_trade_no), 'NOTPAY', 'the work is done');
  assert.equal(answered, false);
  await sandbox('DELETE', '/sandbox/faults');
  const reply = await slow;
  assert.equal(reply.status, 200);
  assert.ok(hasValidSignature(reply, reply.text));
});

test('faults are queued in order, count down, and can be cleared', async () => {
  await switchOn('jsapi', 'status_500', { times: 2 });
  await switchOn('jsapi', 'status_429');
  await switchOn('close', 'status_500');
  const statuses = [];
  for (let i = 0; i < 4; i++) statuses.push((await post(JSAPI, order())).status);
  assert.deepEqual(statuses, [500, 500, 429, 200]);
  await post(JSAPI, order(), { auth: { nonce_str: '-' } });
  const left = [{ on: 'close', fault: 'status_500', times: 1, delay_ms: 0 }];
  assert.deepEqual((await sandbox('GET', '/sandbox/faults')).body, left);
  await switchOn('jsapi', 'status_500');
  refused(await post(JSAPI, order(), { auth: { nonce_str: '-' } }), 401, 'SIGN_ERROR'); // a refused call consumes nothing
  assert.equal((await sandbox('GET', '/sandbox/faults')).body.length, 2);
  assert.equal((await sandbox('DELETE', '/sandbox/faults')).status, 204);
  assert.equal((await post(JSAPI, order())).status, 200);
});

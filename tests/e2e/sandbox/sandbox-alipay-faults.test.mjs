// SPDX-License-Identifier: MIT
// What can go wrong at Alipay, on demand: forged and altered notifications, broken answers, refunds in progress, the cashier.
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';
import { FAULTS } from '../../../sandbox/alipay/faults.mjs';
import { signedText } from '../../../sandbox/alipay/sign.mjs';
import {
  BILL, CLOSE, QUERY, REFUND, REFUND_QUERY, alipay, call, china, content, exec, keys, log, opened, paid, paramsOf, pay, payUrl, refusal, sandbox, sdk, serials,
  shop, start, stop, switchOn, verifyAlipay,
} from '../lib/alipay-simulator.mjs';
import { send } from '../lib/simulators.mjs';

after(stop, { timeout: 10_000 });
afterEach(async () => {
  await sandbox('DELETE', '/sandbox/faults');
  shop.received.length = 0;
  shop.answer = (response) => response.writeHead(200).end('success');
});

// One good call of each interface.
const CALLS = {
  query: async () => call(QUERY, { out_trade_no: (await paid()).out_trade_no }),
  close: async () => call(CLOSE, { out_trade_no: (await opened()).out_trade_no }),
  refund: async () => call(REFUND, { out_trade_no: (await paid()).out_trade_no, refund_amount: '1.00', out_request_no: 'R1' }),
  refund_query: async () => {
    const { out_trade_no: number } = await paid();
    await exec(REFUND, { out_trade_no: number, refund_amount: '1.00', out_request_no: 'R1' });
    return call(REFUND_QUERY, { out_trade_no: number, out_request_no: 'R1' });
  },
  bill: () => call(BILL, { bill_type: 'trade', bill_date: china(Date.now() - 3 * 86_400_000).slice(0, 10) }),
};

function signedBy({ text }) {
  const [key] = Object.keys(JSON.parse(text));
  try {
    sdk.checkResponseSign(text, key, JSON.parse(text).sign ?? '', '');
    return true;
  } catch {
    return false;
  }
}

const nodeOf = ({ text }) => Object.values(JSON.parse(text))[0];
const subCode = (code) => (reply) => refusal(reply) === code && signedBy(reply);
const unsigned = (reply) => nodeOf(reply).code === '10000' && !signedBy(reply);

const CHECKS = {
  status_500: (reply) => reply.status === 500,
  status_502: (reply) => reply.status === 502,
  not_json: (reply) => reply.status === 200 && reply.text.startsWith('<html>'),
  huge: (reply) => reply.text.length > 65_536 && nodeOf(reply).code === '10000',
  unavailable: subCode('isp.unknow-error'),
  system_error: subCode('ACQ.SYSTEM_ERROR'),
  unknown_trade: subCode('ACQ.TRADE_NOT_EXIST'),
  seller_balance: subCode('ACQ.SELLER_BALANCE_NOT_ENOUGH'),
  status_error: subCode('ACQ.TRADE_STATUS_ERROR'),
  error_response: ({ text }) => /^\{"error_response":\{[^}]*\}\}$/.test(text),
  bad_signature: (reply) => unsigned(reply) && JSON.parse(reply.text).sign.length === 344,
  no_signature: (reply) => unsigned(reply) && !('sign' in JSON.parse(reply.text)),
  altered_body: unsigned,
  other_certificate: signedBy, // seen in certificate mode only
  closed: (reply) => nodeOf(reply).trade_status === 'TRADE_CLOSED' && signedBy(reply),
  finished: (reply) => nodeOf(reply).trade_status === 'TRADE_FINISHED' && signedBy(reply),
  no_fund_change: (reply) => nodeOf(reply).fund_change === 'N' && signedBy(reply),
};

test('broken, unsigned and refusing answers, on every interface', async (t) => {
  for (const [fault, holds] of Object.entries(CHECKS)) {
    for (const on of FAULTS[fault].on.filter((one) => CALLS[one])) { // a bill's file is not an answer of an interface
      await t.test(`${on} ${fault}`, async () => {
        await switchOn(on, fault);
        const reply = await CALLS[on]();
        assert.ok(holds(reply), `${reply.status} ${reply.text.slice(0, 200)}`);
        const next = await CALLS[on]();
        assert.ok(nodeOf(next).code === '10000' && signedBy(next), 'the next call is answered');
      });
    }
  }
});

test('a reply can be of another trade, refund or amount, properly signed', async (t) => {
  const members = {
    wrong_amount: 'total_amount', wrong_out_trade_no: 'out_trade_no', wrong_trade_no: 'trade_no', wrong_refund_amount: 'refund_amount',
    wrong_out_request_no: 'out_request_no',
  };
  const { out_trade_no: number } = await paid();
  await exec(REFUND, { out_trade_no: number, refund_amount: '1.00', out_request_no: 'R1' });
  const again = {
    query: () => call(QUERY, { out_trade_no: number }),
    refund: () => call(REFUND, { out_trade_no: number, refund_amount: '1.00', out_request_no: 'R1' }),
    refund_query: () => call(REFUND_QUERY, { out_trade_no: number, out_request_no: 'R1' }),
  };
  for (const [fault, member] of Object.entries(members)) {
    for (const on of FAULTS[fault].on.filter((one) => again[one])) {
      await t.test(`${on} ${fault}`, async () => {
        const truth = nodeOf(await again[on]());
        await switchOn(on, fault);
        const reply = await again[on]();
        assert.ok(signedBy(reply));
        const wrong = Object.keys(truth).filter((name) => nodeOf(reply)[name] !== truth[name]);
        assert.deepEqual(wrong, [member]);
      });
    }
  }
});

test('an answer can be lost, cut off or late; the work is done', async () => {
  const { out_trade_no: number } = await paid();
  const asked = { out_trade_no: number, refund_amount: '1.00', out_request_no: 'R1' };
  await switchOn('refund', 'drop_after');
  await assert.rejects(call(REFUND, asked), { code: 'ECONNRESET' });
  assert.equal(nodeOf(await call(REFUND, asked)).fund_change, 'N', 'it was refunded');
  await switchOn('query', 'truncated');
  await assert.rejects(call(QUERY, { out_trade_no: number }), { code: 'ECONNRESET' });
  await switchOn('query', 'late', { delay_ms: 60_000 });
  const late = call(QUERY, { out_trade_no: number });
  await untilTaken();
  await sandbox('DELETE', '/sandbox/faults');
  assert.equal(nodeOf(await late).code, '10000', 'clearing the faults ends its delay');
  await switchOn('query', 'hang');
  const impatience = new AbortController();
  const hanging = assert.rejects(call(QUERY, { out_trade_no: number }, { http: { signal: impatience.signal } }), { name: 'AbortError' });
  await untilTaken();
  impatience.abort();
  await hanging;
});

// Until every fault that is switched on has met its call.
async function untilTaken() {
  while ((await sandbox('GET', '/sandbox/faults')).body.length > 0);
}

test('a certificate that is not the shop\'s is named in the answer', async () => {
  const second = await start({ certificates: true });
  const ask = async () => JSON.parse((await call(QUERY, { out_trade_no: 'T1' }, { params: serials, base: second.url })).text).alipay_cert_sn;
  const own = await ask();
  assert.match(own, /^[0-9a-f]{32}$/);
  await sandbox('POST', '/sandbox/faults', { on: 'query', fault: 'other_certificate' }, second.url);
  const other = await ask();
  assert.match(other, /^[0-9a-f]{32}$/);
  assert.notEqual(other, own);
  assert.equal(await ask(), own);
});

test('a notification can be forged in any of its parts, and only a genuine one verifies', async (t) => {
  const { out_trade_no: number } = await opened();
  const truth = { app_id: keys.appId, seller_id: keys.sellerId, out_trade_no: number, total_amount: '88.80', trade_status: 'TRADE_SUCCESS', charset: 'utf-8' };
  const lies = { amount: 'total_amount', app_id: 'app_id', seller_id: 'seller_id', out_trade_no: 'out_trade_no', trade_status: 'trade_status', charset: 'charset' };
  for (const [tamper, member] of Object.entries(lies)) {
    await t.test(tamper, async () => {
      assert.equal((await pay(number, { tamper })).status, 200);
      const params = paramsOf(shop.received.at(-1));
      assert.ok(sdk.checkNotifySignV2(params), 'properly signed');
      assert.notEqual(params[member], truth[member]);
      assert.deepEqual(Object.keys(truth).filter((name) => params[name] !== truth[name]), [member]);
    });
  }
  for (const tamper of ['altered_body', 'added_member', 'signature', 'no_signature']) {
    await t.test(tamper, async () => {
      assert.equal((await pay(number, { tamper })).status, 200);
      assert.ok(!sdk.checkNotifySignV2(paramsOf(shop.received.at(-1))));
    });
  }
  await pay(number, { tamper: 'sign_type' });
  assert.equal(paramsOf(shop.received.at(-1)).sign_type, 'RSA');
  await pay(number, { tamper: 'sign_type_signed' });
  const { sign, ...params } = paramsOf(shop.received.at(-1));
  assert.equal(verifyAlipay(signedText(params), sign), true);
  assert.equal(verifyAlipay(signedText(params, ['sign_type']), sign), false);
  assert.equal((await exec(QUERY, { out_trade_no: number })).trade_status, 'WAIT_BUYER_PAY', 'a forger pays nothing');
  assert.equal((await sandbox('POST', `/pay/${number}`, { tamper: 'colour' })).status, 400);
  assert.equal((await sandbox('POST', `/pay/${number}`, { tamper: 'amount', notify: false })).status, 400);
});

test('a notification is lost, doubled, late and repeated; each copy has the same notify_id', async () => {
  const { out_trade_no: number } = await opened();
  await switchOn('notify', 'lost');
  assert.equal((await pay(number)).body.status, null);
  assert.equal(shop.received.length, 0);
  await switchOn('notify', 'twice');
  const twice = await sandbox('POST', `/notify/${number}`);
  assert.equal(twice.body.answers.length, 2);
  shop.answer = (response) => response.writeHead(200).end('success\n');
  const many = await pay(number, { times: 5 });
  assert.equal(many.body.accepted, false, 'a line feed too many');
  assert.equal(shop.received.length, 7);
  const ids = new Set(shop.received.map((one) => paramsOf(one).notify_id));
  assert.equal(ids.size, 1);
  await switchOn('notify', 'late', { delay_ms: 60_000 });
  const late = pay(number);
  await untilTaken();
  await sandbox('DELETE', '/sandbox/faults');
  assert.equal((await late).status, 200);
  assert.ok(log.some((line) => line.includes('lost')));
  assert.equal((await sandbox('POST', '/notify/T0')).status, 404);
  assert.equal((await sandbox('POST', `/notify/${(await opened()).out_trade_no}`)).status, 409);
});

test('a refund in progress is completed on demand, and its notification is not a payment\'s', async () => {
  const { out_trade_no: number } = await opened();
  await pay(number);
  assert.deepEqual((await sandbox('POST', '/sandbox/refund-mode', { fund_change: 'N' })).body, { fund_change: 'N' });
  const asked = { out_trade_no: number, refund_amount: '8.80', out_request_no: `R${number}` };
  const begun = await exec(REFUND, asked);
  assert.deepEqual([begun.fund_change, begun.refund_fee], ['N', '0.00']);
  const query = () => exec(REFUND_QUERY, { out_trade_no: number, out_request_no: asked.out_request_no });
  assert.deepEqual([(await query()).refund_status, (await query()).refund_amount], [undefined, '8.80']);
  assert.equal((await exec(REFUND, { ...asked, out_request_no: 'R2', refund_amount: '80.01' })).sub_code, 'ACQ.REASON_TRADE_REFUND_FEE_ERR');
  assert.equal((await sandbox('POST', `/refund/${asked.out_request_no}`)).body.accepted, true);
  assert.equal((await query()).refund_status, 'REFUND_SUCCESS');
  const [first, second] = shop.received.map(paramsOf);
  assert.deepEqual([second.trade_status, second.refund_fee, second.out_biz_no, second.total_amount],
    ['TRADE_SUCCESS', '8.80', asked.out_request_no, '88.80']);
  assert.ok(sdk.checkNotifySignV2(second) && second.gmt_refund && second.notify_id !== first.notify_id && !first.refund_fee);
  await sandbox('POST', '/sandbox/refund-mode', { fund_change: 'Y' });

  const part = await sandbox('POST', `/console/refund/${number}`, { amount_fen: 1000, out_request_no: `C${number}` });
  assert.equal(part.body.out_request_no, `C${number}`);
  const whole = await sandbox('POST', `/console/refund/${number}`, {});
  assert.equal(whole.body.answer.accepted, true);
  const last = paramsOf(shop.received.at(-1));
  assert.deepEqual([last.trade_status, last.refund_fee], ['TRADE_CLOSED', '88.80']);
  assert.equal((await exec(QUERY, { out_trade_no: number })).trade_status, 'TRADE_CLOSED');
  assert.equal((await sandbox('POST', `/console/refund/${number}`, {})).status, 409);
  assert.equal((await sandbox('POST', '/refund/R0')).status, 404);
  assert.equal((await sandbox('POST', '/sandbox/refund-mode', { fund_change: 'X' })).status, 400);
});

test('the cashier\'s buttons pay or leave, and return_url is signed', async () => {
  const press = (page, button) => {
    const [, action] = /action="([^"]+)"/.exec(page.text);
    return send('POST', alipay.url + action, { text: `do=${button}` });
  };
  const made = content();
  const page = await send('GET', payUrl(made));
  assert.match(page.headers['content-security-policy'], /default-src 'none'/);
  const left = await press(page, 'cancel');
  assert.deepEqual([left.status, left.headers.location], [200, undefined]);
  const sent = await press(page, 'pay');
  assert.equal(sent.status, 303);
  const address = new URL(sent.headers.location);
  assert.equal(address.searchParams.get('from'), '1');
  const params = Object.fromEntries(address.searchParams);
  delete params.from;
  const { sign, ...signed } = params;
  assert.ok(verifyAlipay(signedText(signed, ['sign_type']), sign));
  assert.deepEqual([params.out_trade_no, params.total_amount, params.method], [made.out_trade_no, '88.80', 'alipay.trade.page.pay.return']);
  assert.equal(shop.received.length, 1, 'notified once');
  const wap = await send('GET', payUrl({ ...content(), product_code: 'QUICK_WAP_WAY', quit_url: 'https://shop.example/quit' }, {
    method: 'alipay.trade.wap.pay',
  }));
  assert.equal((await press(wap, 'cancel')).headers.location, 'https://shop.example/quit');
  const closed = content();
  const open = await send('GET', payUrl(closed));
  await exec(CLOSE, { out_trade_no: closed.out_trade_no });
  assert.equal((await press(open, 'pay')).status, 409);
  assert.equal((await send('POST', `${alipay.url}/cashier/1`, { text: 'do=pay' })).status, 404);
});

// SPDX-License-Identifier: MIT
// WeChat's trade bill at its simulator: when there is one, what is in it, planted differences, and damaged files. The bills are
// read here by the SDK's function, which knows nothing of the simulator's.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, beforeEach, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import {
  Formatter, JSAPI, REFUNDS, Rsa, call, keys, order, pay, platformPublicKey, refund, refundOrder, sandbox, setClock, stop, switchOn, wechat,
} from '../lib/simulator.mjs';

const DAY_MS = 86_400_000;
const BILL = '/v3/bill/tradebill';

after(stop, { timeout: 10_000 });
beforeEach(async () => {
  await sandbox('PUT', '/sandbox/bill', {});
  await sandbox('DELETE', '/sandbox/faults');
});

// Every test has a day of its own, so that what was paid in others isn't in its bills.
let days = 0;
let offsetMs = 0;
const dayAt = (n) => new Date(Date.now() + 8 * 3_600_000 + n * DAY_MS).toISOString().slice(0, 10);
function newDay() {
  days += 10;
  return { day: dayAt(days), next: dayAt(days + 1), at: (time, later = 0) => clockTo(`${dayAt(days + later)}T${time}+08:00`) };
}
function clockTo(text) {
  offsetMs = Math.floor((Date.parse(text) - Date.now()) / 1000) * 1000;
  setClock(offsetMs / 1000);
}
const signed = (method, path, more = {}) => (
  call(method, path, { ...more, auth: { timestamp: String(Math.floor((Date.now() + offsetMs) / 1000)), ...more.auth } }));
function isSigned({ headers: h, text }) {
  return Math.abs(Date.now() + offsetMs - Number(h['wechatpay-timestamp']) * 1000) < 10_000
    && Rsa.verify(Formatter.response(h['wechatpay-timestamp'], h['wechatpay-nonce'], text), h['wechatpay-signature'], platformPublicKey);
}
function refused(reply, status, code) {
  const body = JSON.parse(reply.text);
  assert.deepEqual([reply.status, body.code], [status, code], reply.text);
  assert.ok(isSigned(reply));
  return body;
}
const post = (path, body) => signed('POST', path, { text: JSON.stringify(body) });
const ask = (day, more = '&bill_type=ALL&tar_type=GZIP') => signed('GET', `${BILL}?bill_date=${day}${more}`);

async function paid(more = {}, how = {}) {
  const made = order(more);
  assert.equal((await post(JSAPI, made)).status, 200);
  assert.equal((await pay(made.out_trade_no, { notify: false, ...how })).status, 200);
  return made;
}

async function refunded(made, fen, done = true) {
  const body = refundOrder(made, { amount: { refund: fen } });
  assert.equal((await post(REFUNDS, body)).status, 200);
  if (done) assert.equal((await refund(body.out_refund_no, { notify: false })).status, 200);
  return body;
}

// The bill of a day, checked: { rows, summary, link }.
async function billOf(day) {
  const reply = await ask(day);
  assert.equal(reply.status, 200, reply.text);
  assert.ok(isSigned(reply));
  const link = JSON.parse(reply.text);
  assert.deepEqual(Object.keys(link).sort(), ['download_url', 'hash_type', 'hash_value']);
  const { pathname, search, origin } = new URL(link.download_url);
  assert.equal(origin, wechat.url);
  const file = await signed('GET', pathname + search);
  assert.equal(file.status, 200);
  assert.equal(file.headers['wechatpay-signature'], undefined, 'the file is not signed');
  const text = gunzipSync(file.bytes);
  assert.equal(link.hash_type, 'SHA1');
  assert.equal(createHash('sha1').update(text).digest('hex'), link.hash_value, 'of the text, not of the packed file');
  assert.ok(text.toString().startsWith('\ufeff交易时间,'));
  return { ...Formatter.castCsvBill(text), link, pathname: pathname + search };
}

const facts = ({ rows }) => rows.map((row) => [
  row['商户订单号'], row['交易状态'], row['订单金额'], row['商户退款单号'], row['申请退款金额'], row['退款状态'],
]);

test('a bill has what was paid and refunded on its day, and totals', async () => {
  const { day, next, at } = newDay();
  at('23:59:58', -1);
  const before = await paid();
  at('00:00:01');
  const first = await paid({ description: '茶, 水', amount: { total: 12345, currency: 'CNY' } });
  const unpaid = order();
  assert.equal((await post(JSAPI, unpaid)).status, 200);
  at('23:59:58');
  const second = await paid({}, { coupon_fen: 800 });
  const part = await refunded(first, 45);
  const pending = await refunded(before, 8800, false);
  at('00:00:01', 1);
  await refunded(second, 8800);
  await paid();

  at('10:00:05', 1);
  const bill = await billOf(day);
  assert.deepEqual(facts(bill), [
    [first.out_trade_no, 'SUCCESS', '123.45', '0', '0.00', ''],
    [second.out_trade_no, 'SUCCESS', '88.00', '0', '0.00', ''],
    [first.out_trade_no, 'REFUND', '0.00', part.out_refund_no, '0.45', 'SUCCESS'],
    [before.out_trade_no, 'REFUND', '0.00', pending.out_refund_no, '88.00', 'PROCESSING'],
  ]);
  assert.deepEqual(Object.values(bill.summary).slice(0, 3), ['4', '211.45', '88.45']);
  assert.ok(bill.rows.every((row) => row['商户号'] === keys.mchid && row['公众账号ID'] === keys.appid));
  assert.ok(bill.rows.every((row) => row['交易时间'].startsWith(day)));
  at('10:00:05', 2);
  assert.equal((await billOf(next)).rows.length, 2, 'what came after midnight is in the next');
  assert.equal((await billOf(day)).summary['总交易单数'], '4');
});

test('there is a bill from ten o\'clock of the next day on, for three months, and none of a day without trade', async () => {
  const { day, at } = newDay();
  at('12:00:00');
  await paid();
  for (const [time, later] of [['12:00:05', 0], ['23:59:50', 0], ['12:00:00', -1]]) {
    at(time, later);
    assert.equal(refused(await ask(day), 400, 'PARAM_ERROR').detail.field, 'bill_date');
  }
  at('09:59:50', 1);
  refused(await ask(day), 400, 'STATEMENT_CREATING');
  at('10:00:05', 1);
  assert.equal((await ask(day)).status, 200);
  refused(await ask(dayAt(days - 1)), 400, 'NO_STATEMENT_EXIST');
  at('10:00:05', 92);
  assert.equal((await ask(day)).status, 200);
  at('10:00:05', 94);
  refused(await ask(day), 400, 'PARAM_ERROR');
  for (const query of ['&bill_type=SOME', '&tar_type=ZIP', '&other=1', '&bill_type=ALL&bill_type=ALL']) {
    refused(await ask(day, query), 400, 'PARAM_ERROR');
  }
  for (const wrong of ['2026-02-30', '20260201', '', '2026-1-1']) refused(await ask(wrong), 400, 'PARAM_ERROR');
});

test('a link is good for five minutes, and needs a signature', async () => {
  const { day, at } = newDay();
  at('12:00:00');
  await paid();
  at('12:00:00', 1);
  const { pathname } = await billOf(day);
  refused(await signed('GET', pathname, { auth: { signature: 'AAAA' } }), 401, 'SIGN_ERROR');
  refused(await signed('GET', '/v3/billdownload/file?token=none'), 404, 'RESOURCE_NOT_EXISTS');
  at('12:04:50', 1);
  assert.equal((await signed('GET', pathname)).status, 200);
  at('12:05:20', 1);
  refused(await signed('GET', pathname), 404, 'RESOURCE_NOT_EXISTS');
  const plain = JSON.parse((await ask(day, '')).text);
  const { pathname: path, search } = new URL(plain.download_url);
  assert.ok((await signed('GET', path + search)).text.startsWith('\ufeff交易时间'), 'without tar_type it is not packed');
});

test('planted differences: a line too few, one too many, another amount, another state; the totals follow', async () => {
  const { day, at } = newDay();
  at('12:00:00');
  const [gone, dearer, odd, same] = [await paid(), await paid(), await paid(), await paid()];
  const back = await refunded(same, 100);
  at('12:00:00', 1);
  const plan = {
    missing: [gone.out_trade_no],
    amount: { [dearer.out_trade_no]: 8801, [back.out_refund_no]: 99 },
    state: { [odd.out_trade_no]: 'REVOKED' },
    extra: [{ kind: 'payment', out_trade_no: 'PAY_of_nobody', fen: 7 }, { kind: 'refund', out_trade_no: 'PAY_of_nobody', refund_no: 'R1', fen: 3 }],
  };
  assert.equal((await sandbox('PUT', '/sandbox/bill', plan)).status, 200);
  const bill = await billOf(day);
  assert.deepEqual(new Set(facts(bill).map(String)), new Set([
    [dearer.out_trade_no, 'SUCCESS', '88.01', '0', '0.00', ''],
    [odd.out_trade_no, 'REVOKED', '88.00', '0', '0.00', ''],
    [same.out_trade_no, 'SUCCESS', '88.00', '0', '0.00', ''],
    [same.out_trade_no, 'REFUND', '0.00', back.out_refund_no, '0.99', 'SUCCESS'],
    ['PAY_of_nobody', 'SUCCESS', '0.07', '0', '0.00', ''],
    ['PAY_of_nobody', 'REFUND', '0.00', 'R1', '0.03', 'SUCCESS'],
  ].map(String)));
  assert.deepEqual([bill.summary['总交易单数'], bill.summary['订单总金额'], bill.summary['申请退款总金额']], ['6', '264.08', '1.02']);
  assert.equal((await sandbox('PUT', '/sandbox/bill', {})).status, 200);
  assert.equal((await billOf(day)).rows.length, 5, 'it ends when it is taken back');
  for (const wrong of [{ lost: [] }, { missing: 'x' }, { amount: { a: 0 } }, { extra: [{ kind: 'payment' }] }, { state: { a: 'a,b' } }]) {
    assert.equal((await sandbox('PUT', '/sandbox/bill', wrong)).status, 400, JSON.stringify(wrong));
  }
});

test('damaged bills on command, one at a time', async () => {
  const { day, at } = newDay();
  at('12:00:00');
  await paid();
  at('12:00:00', 1);
  const ask1 = async (fault) => {
    await switchOn('bill', fault);
    return ask(day);
  };
  const file = async (fault) => {
    const reply = await ask1(fault);
    assert.equal(reply.status, 200, reply.text);
    const link = JSON.parse(reply.text);
    const { pathname, search } = new URL(link.download_url);
    return { link, bytes: (await signed('GET', pathname + search)).bytes };
  };
  const sha1 = (bytes) => createHash('sha1').update(gunzipSync(bytes)).digest('hex');
  const hash = await file('bill_hash');
  assert.notEqual(sha1(hash.bytes), hash.link.hash_value);
  const totals = await file('bill_totals');
  assert.equal(sha1(totals.bytes), totals.link.hash_value);
  assert.equal(Formatter.castCsvBill(gunzipSync(totals.bytes)).summary['订单总金额'], '88.01');
  const encoding = await file('bill_encoding');
  assert.equal(sha1(encoding.bytes), encoding.link.hash_value);
  assert.throws(() => new TextDecoder('utf-8', { fatal: true }).decode(gunzipSync(encoding.bytes)));
  for (const [fault, error] of [['bill_truncated', /unexpected end/], ['bill_damaged', /incorrect data check/]]) {
    const { bytes } = await file(fault);
    assert.throws(() => gunzipSync(bytes), error);
  }
  assert.ok(gunzipSync((await file('bill_bomb')).bytes).length > 60_000_000);
  assert.ok((await file('bill_trailing')).bytes.toString('latin1').endsWith('trailing'));
  assert.equal(new URL(JSON.parse((await ask1('bill_elsewhere')).text).download_url).hostname, 'api.mch.weixin.qq.com.example.com');
  refused(await ask1('bill_making'), 400, 'STATEMENT_CREATING');
  refused(await ask1('bill_none'), 400, 'NO_STATEMENT_EXIST');
  const forged = await ask1('bad_signature');
  assert.equal(isSigned(forged), false);
  assert.equal((await billOf(day)).rows.length, 1, 'then it is sound again');
});

test('the file itself can be late, cut, and refused', async () => {
  const { day, at } = newDay();
  at('12:00:00');
  await paid();
  at('12:00:00', 1);
  const { pathname } = await billOf(day);
  await switchOn('bill_file', 'status_500');
  assert.equal((await signed('GET', pathname)).status, 500);
  await switchOn('bill_file', 'truncated');
  await assert.rejects(signed('GET', pathname));
  assert.equal((await signed('GET', pathname)).status, 200);
});
